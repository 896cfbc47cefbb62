"""The page about the architecture names the layers of pyproject.toml, and modules that exist."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "src" / "fairloop"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
ENTRIES = re.split(r"^- (?=`[\w/]+/`)", PAGE.partition("\n## Modules\n")[2].partition("\n## ")[0], flags=re.MULTILINE)[
    1:
]


def test_the_table_has_the_layers_that_imports_are_held_to():
    held = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in held if contract["type"] == "layers")
    shown = re.findall(r"^\| (\d+) \| `(\w+)(?:/|\.py)` \|", PAGE, re.MULTILINE)
    assert [{name for layer, name in shown if int(layer) == i} for i in range(1, len(layers) + 1)] == [
        set(layer.split(" | ")) for layer in layers
    ]
    assert f"through {len(layers)} layers" in PAGE


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.split("`")[1])
def test_the_modules_of_an_entry_exist(entry):
    folder, *names = re.findall(r"`([\w/]+)`", entry)
    known = {path.stem for path in (SOURCES / folder).rglob("*")} | {path.name for path in SOURCES.iterdir()}
    words = {"fit", "watch", "Value"}  # in backticks, too
    assert {name.strip("/").split("/")[-1] for name in names} - known - words == set()
