"""The pages that explain say what the code does."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from scipy.stats import binom

from fairloop.curation.star import Star
from fairloop.sources.batch import Batch
from fairloop.spec.setting import EVERY_SETTING, Setting

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "explanation"


@pytest.fixture(scope="module")
def diagrams() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT)
        yield importlib.import_module("docs.explanation.diagrams")


@pytest.mark.parametrize("name", EVERY_SETTING)
def test_the_diagram_of_a_setting_is_drawn_from_its_definition(diagrams, name):
    assert (PAGES / "settings" / f"{name}.svg").read_text(encoding="utf-8") == diagrams.diagram(name)
    assert f"(settings/{name}.svg)" in (PAGES / "settings.md").read_text(encoding="utf-8")


def test_another_definition_gives_another_diagram(diagrams, monkeypatch):
    before = diagrams.diagram("control")
    monkeypatch.setitem(EVERY_SETTING, "control", Setting("control", "fixed", "previous_classifier"))
    assert diagrams.diagram("control") != before


def test_the_example_of_the_page_about_star_prints_what_the_page_says():
    code, said = re.search(
        r"```python\n(.*?)```\n\n```text\n(.*?)```", (PAGES / "star.md").read_text(encoding="utf-8"), re.DOTALL
    ).groups()
    with redirect_stdout(StringIO()) as printed:
        exec(code, {})
    assert printed.getvalue() == said


class Draws:
    """Samples of two labels and two groups, with given shares of strata."""

    def __init__(self, shares: list[float]) -> None:
        self.shares = torch.tensor(shares)

    def draw(self, n: int, rng: torch.Generator) -> Batch:
        stratum = torch.multinomial(self.shares, n, replacement=True, generator=rng)
        return Batch(stratum[:, None].float(), stratum // 2, stratum % 2)


@pytest.mark.parametrize("budget", [0, 8, 64])
def test_the_share_that_a_stratum_gets_is_that_of_the_formula(budget):
    """The redrawn samples included, which are counted by their true stratum."""
    size, shares, batches = 32, [0.1, 0.4, 0.2, 0.3], 800
    rng, star = torch.Generator().manual_seed(0), Star(np.full((2, 2), 0.25), budget)
    drawn = [star.draw(Draws(shares), size, rng)[0].inputs[:, 0].long() for _ in range(batches)]
    counts = torch.stack([batch.bincount(minlength=4) for batch in drawn]).double()
    a = np.arange(size + budget + 1)[:, None]
    taken = (np.minimum(size // 4, a) * binom.pmf(a, size + budget, shares)).sum(axis=0)
    expected = taken + (size - taken.sum()) * np.array(shares)
    error = counts.std(dim=0).numpy() / batches**0.5
    assert (np.abs(counts.mean(dim=0).numpy() - expected) < 4 * error + 1e-9).all()
