"""The language of the sources: docstrings, comments and messages have nouns in place of `what`, `who` and their kin."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

import fairloop

SOURCES = Path(fairloop.__file__).parent
OPENINGS = re.compile(r"(Know |Restore )?(What|Who|Whoever|Whatever)\b", re.IGNORECASE)

PRONOUNS = re.compile(r"\b(what|whatever|whoever|whom|whomever|that which|those which)\b", re.IGNORECASE)
"""Words that stand in place of a noun."""

CANDIDATES = re.compile(r"wh(at|o)|which", re.IGNORECASE)
"""Part of each of these words, for a fast first look."""

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
)
"""Questions that tables and pages show."""

NO_PROSE = re.compile(r"`[^`]*`|\(\?P<\w+>")
"""Code in a sentence: a name in backticks, a named group of a pattern."""


@cache
def modules() -> tuple[tuple[str, str, tuple[ast.AST, ...]], ...]:
    """Name, source and syntax nodes of each module."""
    sources = [(str(path.relative_to(SOURCES)), path.read_text(encoding="utf-8")) for path in SOURCES.rglob("*.py")]
    return tuple((name, source, tuple(ast.walk(ast.parse(source)))) for name, source in sorted(sources))


def texts(nodes: Iterable[ast.AST]) -> Iterator[tuple[int, str]]:
    """The texts among syntax nodes, with their lines; `{}` stands for each formatted value."""
    nodes = tuple(nodes)
    parts = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            yield node.lineno, "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node.lineno, node.value if " " in node.value.strip() else ""


def comments(source: str) -> Iterator[tuple[int, str]]:
    """The comments of a module, with their lines."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline) if "#" in source else ():
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def faults(text: str) -> list[str]:
    """The pronouns in `text` that stand in place of a noun."""
    for question in QUESTIONS:
        text = text.replace(question, "")
    prose = re.sub(r"\s+", " ", NO_PROSE.sub("", text))
    lonely = [found[0] for found in WHO.finditer(prose) if not PEOPLE.search(prose[: found.start()])]
    return [found[0] for found in PRONOUNS.finditer(prose)] + lonely


def test_docstrings_open_with_a_noun_or_a_verb():
    found = []
    for name, _, nodes in modules():
        for node in nodes:
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                said = ast.get_docstring(node) or ""
                found += [f"{name}: {said.splitlines()[0]}"] if OPENINGS.match(said) else []
    assert not found


def test_no_pronoun_stands_in_place_of_a_noun():
    found = [
        f"{name}:{line}: {word}"
        for name, source, nodes in modules()
        for line, text in (*texts(nodes), *comments(source))
        if CANDIDATES.search(text)
        for word in faults(text)
    ]
    assert not found


def test_errors_say_with_a_verb_that_a_value_is_not_something():
    """`x: is not a number`, and not `x: is no number`; "there is no such round" is another sentence."""
    wrong = re.compile(r"(?<!\bthere )(?<!\bwhy )\b(is|are) (no|none of)\b(?! longer| such)")
    found = [
        f"{name}:{line}: {text}"
        for name, _, nodes in modules()
        for node in nodes
        if isinstance(node, ast.Raise)
        for line, text in texts(ast.walk(node))
        if wrong.search(text)
    ]
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
