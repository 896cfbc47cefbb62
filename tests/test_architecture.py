"""The page about the architecture names the layers of pyproject.toml, and modules that exist."""

from __future__ import annotations

import importlib
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


def test_the_root_has_at_most_five_modules_beside_packages():
    assert {path.stem for path in SOURCES.glob("*.py")} <= {"__init__", "__main__", "errors", "results", "seeding"}


FUNCTION = re.compile(r"^( *)def (\w+).*?(?=^(?!\1[ )]|\n)|\Z)", re.MULTILINE | re.DOTALL)
DOCSTRING = re.compile(r'^ +""".*?"""\n', re.MULTILINE | re.DOTALL)


def test_no_function_is_longer_than_forty_lines_and_no_file_than_four_hundred():
    """The docstring of a function does not count."""
    long = []
    for path in [*SOURCES.rglob("*.py"), *(ROOT / "tests").glob("*.py")]:
        source = path.read_text(encoding="utf-8")
        long += [path.name] if source.count("\n") > 400 else []
        for found in FUNCTION.finditer(source):
            if found[0].count("\n") > 40 and DOCSTRING.sub("", found[0], count=1).strip().count("\n") >= 40:
                long.append(f"{path.name}: {found[2]}")
    assert not long


def test_metrics_alone_computes_intervals_over_seeds():
    """Tables, figures and pages take them from `metrics.statistics`. An audit has intervals over people of a round."""
    users = [path for path in SOURCES.rglob("*.py") if re.search(r"import .*\bstudent\b", path.read_text("utf-8"))]
    assert {path.parent.relative_to(SOURCES).as_posix() for path in users} == {"metrics", "auditing/measures"}


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("metrics.performance", "equalized_odds"),
        ("models.resnet", "ResNet"),
        ("report", "page"),
        ("report.compare", "cased"),
        ("report.figures", "curves"),
        ("report.figures", "generated"),
        ("report.figures", "grids"),
        ("report.figures.atlas", "FIGURES"),
        ("report.summary", "summary"),
        ("report.table", "gathered"),
        ("report.table", "run_directories"),
        ("testing", "GENERATOR_CHECKS"),
        ("testing", "GeneratorCase"),
    ],
)
def test_import_paths_that_the_pages_of_0_1_0_name_are_still_there(module, name):
    assert hasattr(importlib.import_module(f"fairloop.{module}"), name) or importlib.import_module(
        f"fairloop.{module}.{name}"
    )
