"""The worked examples run, and show what they say."""

from __future__ import annotations

import gzip
import importlib.util
import os
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def adult(root: Path) -> Path:
    """Files as the publisher lays them out, of people who do not exist."""
    rng = np.random.default_rng(0)

    def lines(n: int, dot: str) -> str:
        sex, race = rng.choice(["Female", "Male"], n), rng.choice(["White", "Black"], n, p=[0.8, 0.2])
        years = rng.integers(1, 17, n)
        rich = rng.random(n) < np.clip((years - 6) / 14 * np.where(sex == "Male", 1.2, 0.7), 0.02, 1)
        return "".join(
            f"{age}, {rng.choice(['Private', '?'])}, 77516, Bachelors, {y}, Never-married, Sales, Husband, {r}, {s}, "
            f"0, 0, 40, United-States, {'>50K' if good else '<=50K'}{dot}\n"
            for age, y, r, s, good in zip(rng.integers(17, 90, n), years, race, sex, rich, strict=True)
        )

    root.mkdir()
    (root / "adult.data.gz").write_bytes(gzip.compress((lines(3000, "") + "\n").encode()))
    (root / "adult.test").write_text("|1x3 Cross validator\n" + lines(1500, ".") + "\n")
    return root


def test_adult_is_audited_from_the_publishers_layout(tmp_path, capsys):
    found = example("audit_adult").main(adult(tmp_path / "adult"), tmp_path / "out")
    assert found.measured.rounds.counts.sum() == 10 * 1500
    assert found.measured.rounds.labels == ("<=50K", ">50K")
    assert found.measured.rounds.groups == ("Black & Female", "Black & Male", "White & Female", "White & Male")
    assert capsys.readouterr().out.startswith("log.parquet: 15,000 rows, 10 rounds (0 to 9), 4 groups by race, sex")
    assert (tmp_path / "out" / "table.csv").is_file()


def test_estimators_in_a_spec_are_followed_with_and_without_mitigation(capsys):
    pytest.importorskip("fairlearn")
    found = example("estimators_in_a_spec").main(people=600, generations=2)
    assert list(found) == ["logistic regression", "with thresholds by group", "with STAR"]
    assert all(0 <= value <= 1 for values in found.values() for value in values)
    assert found["with thresholds by group"] != found["logistic regression"] != found["with STAR"]
    assert capsys.readouterr().out.count("in generation 1:") == 3


@pytest.mark.real
def test_the_real_adult_loses_women_in_ten_rounds(tmp_path):
    """FAIRLOOP_TABULAR: a directory that holds the publisher's files of Adult."""
    found = example("audit_adult").main(Path(os.environ["FAIRLOOP_TABULAR"]), tmp_path / "out")
    assert found.measured.rounds.counts.sum() == 10 * 16_281
    lost = {str(drift.measure): drift for drift in found.group_drifts if drift.high < 0}
    assert lost["tpr[White & Female]"].change < -0.3
    assert lost["tpr[White & Male]"].change > -0.2
    drifts = {str(drift.measure): drift for drift in found.drifts}
    assert drifts["equalized_odds_difference"].verdict == "grew"


def test_a_loop_of_own_objects_runs():
    table = example("own_loop").main(generations=2, people=300)
    assert set(table["run"]) == {
        "own.control.none.seed-0", "own.seqgen-seqclass.none.seed-0", "own.seqgen-seqclass.classifier.seed-0",
    }  # fmt: skip
    assert set(table["generation"]) == {0, 1}


@pytest.mark.slow
def test_a_bank_with_selective_labels_is_audited_honestly(tmp_path, capsys):
    """Without files: from month 1 on a warning, no gate without propensities, and with them intervals of the truth."""
    told = example("audit_selective").main(tmp_path / "out", None)
    output = capsys.readouterr().out
    first, without, found = (output[output.index(f"{i}. ") : output.find(f"\n{i + 1}. ")] for i in (1, 2, 3))
    assert "labels exist for the selected only" in " ".join(first.split())
    assert "equalized_odds_difference>0.2: equalized_odds_difference is not identified, between" in without
    assert "equalized_odds_difference" in found
    assert set(told["status"]) == {"weighted"}
    assert len(told) == 3 * 2 * 7
    assert told["covered"].mean() > 0.88
    assert (tmp_path / "out" / "report.html").is_file()


@pytest.mark.real
def test_the_bank_of_the_real_adult_covers_the_truth(tmp_path):
    told = example("audit_selective").main(tmp_path / "out", Path(os.environ["FAIRLOOP_TABULAR"]))
    assert told["covered"].mean() > 0.88
