"""The reference shows names, options and signs as a reader can use them."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator

import pytest

import fairloop
from test_site import ROOT, page

PAGES = (
    "columns",
    "commands",
    "ideals",
    "measures",
    "names",
    "people",
    "policies",
    "run-directory",
    "spec",
    "verdict",
)


@pytest.fixture(scope="module", autouse=True)
def _scripts() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT)
        yield


def test_a_sign_at_the_start_of_a_line_is_no_quotation_in_markdown():
    docstrings = importlib.import_module("docs.reference.docstrings")
    assert docstrings.markdown("it amplifies (factor\n> 1)\n\nx: is\n> 2\n\n>>> f()") == (
        "it amplifies (factor\n\\> 1)\n\n- `x`: is\n\\> 2\n\n```pycon\n>>> f()\n```"
    )


def test_options_are_shown_as_they_are_typed():
    """Sphinx would turn the two hyphens of an option into a dash."""
    assert importlib.import_module("docs.conf").smartquotes is False


def test_the_sources_of_labels_are_words():
    found = re.findall(r"^\| `[\w-]+` \| \w+ \| (.*) \|$", page("policies"), re.MULTILINE)
    assert {*found} == {"the previous classifier", "the annotator", "outcomes of people"}


@pytest.mark.parametrize("name", PAGES)
def test_no_page_sends_its_reader_to_a_module(name):
    assert re.findall(r"\bsee `[a-z_.]+`", page(name)) == []


def test_no_public_docstring_sends_its_reader_to_a_module():
    made = [getattr(fairloop, name) for name in fairloop.__all__]
    inside = [one for each in made if isinstance(each, type) for name, one in vars(each).items() if name[0] != "_"]
    texts = [inspect.getdoc(one) or "" for one in (*made, *inside)]
    assert [text for text in texts if re.search(r"\bsee `[a-z_]+\.[a-z_.]+`", text)] == []


def test_the_sections_of_a_spec_begin_with_a_sentence():
    sections = re.findall(r"^## `\w+`\n\n(.*?)\n\n\|", page("spec"), re.MULTILINE)
    assert len(sections) > 9
    assert [text for text in sections if not re.fullmatch(r"These fields describe \w.*[^.]\.", text)] == []
