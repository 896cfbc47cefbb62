"""The guides to your own parts: their code and specs run as they stand."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fairloop import presets, simulate
from fairloop.cli import app

DOCS = Path(__file__).parents[1] / "docs"


def blocks(page: str, language: str) -> list[str]:
    """Blocks of code, without the spaces by which lists indent them."""
    text = (DOCS / page).read_text(encoding="utf-8")
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    return [re.sub(f"^{indent}", "", code, flags=re.MULTILINE) for indent, code in found]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory, which is the present one and whose modules can be imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def modules(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Forget the modules of that name when the test ends: other pages have the like."""
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)


def test_the_model_of_the_guide_passes_the_checks(here, monkeypatch):
    modules(monkeypatch, "mine")
    model, check = blocks("how-to/own-model.md", "python")
    (here / "mine.py").write_text(model)
    exec(check, {})


def test_the_curator_of_the_guide_curates(here, monkeypatch):
    modules(monkeypatch, "mycurators")
    (here / "mycurators.py").write_text(blocks("how-to/own-curation.md", "python")[0])
    small = {"train": 300, "valid": 100, "test": 100}
    step = {"kind": "mycurators:Doubtful", "factor": 3}
    short = {name: {"epochs": 1} for name in ("generator", "classifier", "annotator")}
    short["measure"] = {"samples": 50, "gallery": 0, "latents": 0}
    spec = presets.preset(
        "demo", generations=1, data=small, curation={"target": "classifier", "steps": [step]}, **short
    )
    (generation,) = simulate(spec)
    offered, chosen = (
        sum(row.value for row in generation.rows if row.metric == metric and row.epoch == 0)
        for metric in ("curation_offered", "curation_chosen")
    )
    assert offered == pytest.approx(3 * chosen)


def test_the_people_of_the_guide_come_in_rounds(here, monkeypatch):
    modules(monkeypatch, "mine")
    kind = blocks("people/README.md", "python")[1]
    (here / "mine.py").write_text(kind.replace("check_kind(Discouraged())", ""))
    exec(blocks("how-to/own-people.md", "python")[0], {})
    (here / "discouraged.yaml").write_text(blocks("how-to/own-people.md", "yaml")[0])
    spec = presets.read("discouraged.yaml", ["generations=2", "people.arrivals=200"])
    assert [generation.log is not None for generation in simulate(spec)] == [True, True]


def test_the_spec_of_the_guide_to_your_own_data_is_read(here, capsys):
    rng = np.random.default_rng(0)
    people = {
        "id": range(200), "income": rng.normal(30, 8, 200), "sex": rng.choice(["f", "m"], 200),
        "age_band": rng.choice(["old", "young"], 200), "repaid": rng.choice(["yes", "no"], 200),
    }  # fmt: skip
    pd.DataFrame(people).to_csv("people.csv", index=False)
    (here / "mine.yaml").write_text(blocks("how-to/own-data.md", "yaml")[0])
    app(["data", "inspect", "mine.yaml"], standalone_mode=False)
    assert "young" in capsys.readouterr().out


@pytest.mark.parametrize("path", sorted((DOCS / "how-to").glob("*.md")), ids=lambda path: path.stem)
def test_a_guide_is_short_and_leads_on(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.split()) < 600
    assert "](../" in text or path.stem == "index"
