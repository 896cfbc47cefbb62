"""Every public function, class and method has an example in its docstring, and all examples are true."""

from __future__ import annotations

import doctest
import importlib
import inspect
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from types import FunctionType, ModuleType

import numpy as np
import pytest
import torch

import fairloop
from conftest import tiny
from docs.reference import docstrings, tables
from fairloop.running.progress import LineView
from fairloop.running.run import run
from fairloop.store.directory import RunDirectory

SOURCES, ROOT = Path(fairloop.__file__).parent, Path(__file__).parent.parent
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
IMPORTED = re.compile(r"^ *from (fairloop(?:\.\w+)+) import ([\w, ]+)$", re.MULTILINE)
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
RECORDED = re.compile(r'"(run|sweep)"')
"""Directories that examples read."""

EXAMPLES = {
    ".".join(path.relative_to(SOURCES.parent).with_suffix("").parts).removesuffix(".__init__"): text
    for path in sorted(SOURCES.rglob("*.py"))
    if ">>>" in (text := path.read_text(encoding="utf-8"))
}
"""The modules that hold examples, with their text. They are found without an import."""

KNOWN = {"np": np, "torch": torch, **{name: getattr(fairloop, name) for name in fairloop.__all__}}
"""Names that an example may use without an import, beside those of its module."""

SMALL = ("generations=2", "data.train=64", "data.valid=32", "data.test=32", "generator.first_epochs=1")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a run and a sweep of four runs."""
    place, silent = tmp_path_factory.mktemp("recorded"), LineView(lambda _: None)
    run(tiny(*SMALL), RunDirectory(place / "run"), silent)
    for rule in ("max-profit", "demographic-parity"):
        for seed in (0, 1):
            spec = fairloop.preset("lending", generations=2, seed=seed, people={"arrivals": 50, "rule": rule})
            run(spec, RunDirectory(place / "sweep" / "runs" / spec.identity), silent)
    return place


TRAINING = ("fairloop.testing", "fairloop.sweep.first_loop", "fairloop.loop.own.loop")
"""Modules whose examples train for seconds."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in TRAINING else name for name in EXAMPLES]
)
def test_examples(name, request, tmp_path, monkeypatch):
    monkeypatch.chdir(request.getfixturevalue("recorded") if RECORDED.search(EXAMPLES[name]) else tmp_path)
    module = importlib.import_module(name)
    own = {key: made for key, made in vars(module).items() if getattr(made, "__module__", None) == name}
    found = doctest.testmod(module, globs={**KNOWN, **own, "__name__": name}, optionflags=OPTIONS)
    assert found.attempted > 0
    assert found.failed == 0


def test_every_public_name_has_an_example():
    assert missing(public()) == []


def public() -> dict[str, object]:
    """Public functions and classes: those of the API page, those that pages import, and the checks for users' code."""
    names: dict[str, object] = {f"fairloop.{name}": getattr(fairloop, name) for name in fairloop.__all__}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for module, imported in IMPORTED.findall(text):
            for name in imported.split(", "):
                made = found(module, name)
                used = re.findall(rf"\b{name}\.(\w+)\(", text) if isinstance(made, ModuleType) else ()
                names |= {f"{module}.{name}": made} | {f"{module}.{name}.{part}": getattr(made, part) for part in used}
    testing = importlib.import_module("fairloop.testing")
    names |= {f"fairloop.testing.{name}": getattr(testing, name) for name in testing.__all__}
    return {name: made for name, made in names.items() if callable(made)}


def found(module: str, name: str) -> object:
    """The object or the module that `from module import name` imports."""
    inside = importlib.import_module(module)
    return getattr(inside, name) if hasattr(inside, name) else importlib.import_module(f"{module}.{name}")


def missing(names: dict[str, object]) -> list[str]:
    """Names without an example. An example of a class may be that of its methods, too."""
    absent = []
    for name, made in names.items():
        code = shown(made.__doc__)
        absent += [] if code else [name]
        if isinstance(made, type) and name == f"fairloop.{made.__name__}":
            absent += [
                f"{name}.{member}"
                for member, text in members(made)
                if not (shown(text) or re.search(rf"(\.|def ){member}\b", code))
            ]
    return absent


def shown(text: str | None) -> str:
    """The code of the examples in a docstring."""
    return "".join(example.source for example in doctest.DocTestParser().get_examples(text or ""))


def members(made: type) -> Iterator[tuple[str, str]]:
    """Name and docstring of each method and property that the API page shows of a class."""
    wanted = tables.MEMBERS.get(made.__name__)
    for name, value in vars(made).items():
        kinds = FunctionType | classmethod | staticmethod | property | cached_property
        if isinstance(value, kinds) and name[0] != "_" and (wanted is None or name in wanted):
            text = inspect.getdoc(value)
            if text:
                yield name, text


class Half:
    """A class.

    >>> Half().shown()
    """

    def shown(self) -> None:
        """A method of the example."""

    @property
    def absent(self) -> int:
        """A property without an example."""
        return 1


def test_a_name_without_an_example_is_found():
    assert missing({"fairloop.Half": Half, "fairloop.shown": shown}) == ["fairloop.Half.absent", "fairloop.shown"]


def test_an_example_becomes_code_on_a_page():
    lines = ["Doubles `x`.", "", ">>> double(2)", "4"]
    assert docstrings.rst(lines) == [
        "Doubles ``x``.",
        "",
        ".. code-block:: pycon",
        "",
        "    >>> double(2)",
        "    4",
        "",
    ]
    assert docstrings.markdown("\n".join(lines)) == "Doubles `x`.\n\n```pycon\n>>> double(2)\n4\n```"
