"""The pages of the presets of people: the parts that each has, and the tests and pictures that they name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fairloop import presets
from fairloop.people import KINDS

TESTS = Path(__file__).parent
PAGES = TESTS.parent / "docs" / "people"


def defined(path: Path) -> set[str]:
    """The tests in a file."""
    return set(re.findall(r"^def (test_\w+)\(", path.read_text(encoding="utf-8"), re.M))


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_has_maths_a_picture_laws_and_limits(kind):
    assert kind in presets.names()
    text = (PAGES / f"{kind}.md").read_text(encoding="utf-8")
    maths = re.search(r"## Model\n\n((?: {4}.+\n)+)", text)
    assert maths
    assert 4 <= len(maths[1].splitlines()) <= 6
    (picture,) = re.findall(r"!\[.+\]\((.+\.png)\)", text)
    assert (PAGES / picture).is_file()
    assert "## When not to use it\n\n- " in text
    assert re.search(r"## Laws and their tests \(`tests/test_people_\w+\.py`\)\n\n\| law \| test \|", text)


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.stem)
def test_every_test_that_a_page_names_exists(page):
    text = page.read_text(encoding="utf-8")
    files = [TESTS / name for name in re.findall(r"`tests/(test_\w+\.py)`", text)]
    named = set(re.findall(r"`(test_\w+)`", text))
    assert named <= set().union(*map(defined, files))
