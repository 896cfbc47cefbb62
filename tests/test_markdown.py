"""The form of the pages: rows of tables have as many cells as their head, and no block has run into a paragraph."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def prose(text: str) -> str:
    """`text` without code: blocks become empty, and a span of code becomes letters."""
    text = re.sub(r"^( *)(```+).*?^\1\2 *$", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"````.*?````|(?<!`)`[^`\n]+`(?!`)", lambda found: "x" * len(found[0]), text)


def faults(text: str) -> list[str]:
    """Lines that break a table, or that hold a mark of a block in their midst."""
    found, width = [], 0
    for line in prose(text).splitlines():
        cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        whole = line.rstrip().endswith("|") and cells == (width or cells)
        if (cells and not whole) or (not line.startswith("    ") and re.search(r"\S.*```", line)):
            found.append(line)
        width = (width or cells) if cells else 0
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_tables_and_blocks_of_a_page_are_whole(path):
    assert faults(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | `x|y` |\n| 5 \\| 6 | 7 |", 0),
        ("| a | b |\n|---|---|\n| 1 | 2 | | 3 | 4 |", 1),
        ("| a | b |\n|---|---|\n| 1 | 2 | For example:", 1),
        ("| a |\n|---|\n| 1 |\n\n| a | b |\n|---|---|\n| 1 | 2 |", 0),
        ("It says: ```text 1 ``` and goes on.", 1),
        ("```text\n| 1 | 2\n```\n\n1. A list:\n\n   ```sh\n   x\n   ```\n", 0),
    ],
)
def test_a_broken_table_is_found(text, wrong):
    assert len(faults(text)) == wrong


LATER = {"synthetic", "vocabulary"}
"""Pages that still have such words."""

IN_NOUNS = re.compile(
    r"docs/((how-to|explanation|audit|reproduction|studies|data)/.*|(\w|-)+)\.md|README\.md|CONTRIBUTING\.md"
)
PLAIN = [path for path in PAGES if IN_NOUNS.fullmatch(str(path.relative_to(ROOT))) and path.stem not in LATER]
PRONOUNS = re.compile(r"(?<!-)\b(what|whatever|whoever|that which|those which)\b(?!-if)", re.IGNORECASE)


def sentences(text: str) -> str:
    """The prose of a page without titles, addresses of links, and tables that are made by code."""
    text = re.sub(r"<!-- table.*?<!-- end of table -->", "", prose(text), flags=re.DOTALL)
    return re.sub(r"^#.*$|^ {4}.*$|\]\([^)]*\)", "", text, flags=re.MULTILINE)


@pytest.mark.parametrize("path", PLAIN, ids=lambda path: str(path.relative_to(ROOT)))
def test_nouns_stand_for_things(path):
    """No `what` or `whatever` takes the place of a noun."""
    assert PRONOUNS.findall(sentences(path.read_text(encoding="utf-8"))) == []


def test_a_word_in_place_of_a_noun_is_found():
    said = "# What to do\n\nIt says what is kept, whatever `what` is. See [what-if](what.md).\n\n    what\n"
    assert PRONOUNS.findall(sentences(said)) == ["what", "whatever"]
