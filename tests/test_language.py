"""The language of the sources: docstrings, comments and messages have nouns in place of `what`, `who` and their kin."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

import fairloop

SOURCES = Path(fairloop.__file__).parent
OPENINGS = re.compile(r"(Know |Restore )?(What|Who|Whoever|Whatever)\b", re.IGNORECASE)

PRONOUNS = re.compile(r"\b(what|whatever|whoever|whom|whomever|that which|those which)\b", re.IGNORECASE)
"""Words that stand in place of a noun."""

WHO = re.compile(r"\bwho\b", re.IGNORECASE)
"""A relative pronoun; it needs a noun for people before it in its sentence."""

PEOPLE = re.compile(r"\b(people|persons?|labellers|readers|everybody)\b(?![^.;:]*[.;:]\s)[^.;:]*$", re.IGNORECASE)
"""A noun for people, and the rest of its clause."""

QUESTIONS = (
    "Which group lost what",  # the head of a table of losses
    "What the loop did",  # titles of pages and chapters
    "What drifted",
    "What {} changed",
    "What if",
    "who returns: ",  # the name of a case in committed tables
)
"""Questions that tables and pages show."""

NO_PROSE = re.compile(r"`[^`]*`|\(\?P<\w+>")
"""Code in a sentence: a name in backticks, a named group of a pattern."""


def texts(source: str) -> Iterator[tuple[int, str]]:
    """The comments and the texts of several words in a module, docstrings and messages among them, with their lines."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    nodes = list(ast.walk(ast.parse(source)))
    parts = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            yield node.lineno, "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node.lineno, node.value if " " in node.value.strip() else ""


def faults(text: str) -> list[str]:
    """The pronouns in `text` that stand in place of a noun."""
    for question in QUESTIONS:
        text = text.replace(question, "")
    prose = re.sub(r"\s+", " ", NO_PROSE.sub("", text))
    lonely = [found[0] for found in WHO.finditer(prose) if not PEOPLE.search(prose[: found.start()])]
    return [found[0] for found in PRONOUNS.finditer(prose)] + lonely


def modules() -> list[Path]:
    return sorted(SOURCES.rglob("*.py"))


def test_docstrings_open_with_a_noun_or_a_verb():
    found = []
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                said = ast.get_docstring(node) or ""
                found += [f"{path}: {said.splitlines()[0]}"] if OPENINGS.match(said) else []
    assert not found


def test_no_pronoun_stands_in_place_of_a_noun():
    found = [
        f"{path.relative_to(SOURCES)}:{line}: {word}"
        for path in modules()
        for line, text in texts(path.read_text(encoding="utf-8"))
        for word in faults(text)
    ]
    assert not found


@pytest.mark.parametrize("form", ["is no", "are no", "is none of", "are none of"])
def test_messages_say_what_a_value_is_not_with_a_verb(form):
    """`x: is not a number`, and not `x: is no number`; "there is no such round" is another sentence."""
    wrong = re.compile(rf"(?<!there )(?<!ere )(?<!hy )\b{form}\b(?! longer)(?! such)")
    found = []
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and wrong.search(ast.unparse(node)):
                found.append(f"{path.relative_to(SOURCES)}:{node.lineno}")
    assert not found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("What models may see.", ["What"]),
        ("Whoever comes, whatever the label.", ["Whoever", "whatever"]),
        ("People who return.", []),
        ("People of a table, in order, who have a label.", []),
        ("Who returns. People stay.", ["Who"]),
        ("Nobody who is absent.", ["who"]),
        ("The name of `what` in a message.", []),
        ("People come. The models of those who leave.", ["who"]),
        ("Which group lost what since the first round", []),
        ("people to whom it gives a label", ["whom"]),
    ],
)
def test_the_pronouns_of_a_sentence_are_found(text, words):
    assert faults(text) == words
