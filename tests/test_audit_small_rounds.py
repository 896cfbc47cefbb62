"""Selection that no small round shows alone: an audit finds it over all rounds, says so first, and bounds rates."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fairloop import audit
from test_audit_labels import NAMED, of


def weeks(known: tuple[float, float], rounds: int = 40, people: int = 24) -> pd.DataFrame:
    """Small rounds; known: the chance of a label for rejected and selected people."""
    rng = np.random.default_rng(5)
    n = rounds * people
    truth, prediction = rng.integers(0, 2, n), rng.integers(0, 2, n)
    return pd.DataFrame({
        "round": np.repeat(np.arange(rounds), people), "prediction": prediction, "group": rng.choice(["a", "b"], n),
        "score": np.round((prediction + rng.random(n)) / 2, 2),
        "label": np.where(rng.random(n) < np.array(known)[prediction], truth, np.nan),
    })  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"score": "score"}])
def test_selection_hidden_in_small_rounds_is_found_said_first_and_bounds_rates(options):
    found = audit(weeks((0.5, 0.78)), **NAMED, **options, fail_on="equalized_odds_difference>0.9")
    missing = found.measured.missing
    alone = missing.depends.any(axis=1).sum()
    assert alone <= 2  # single rounds hide it
    assert missing.throughout[0]
    words = " ".join(found.verdict.split())
    assert "rounds together labels are known for" in words
    assert words.index("rounds together") < words.index("equalized_odds_difference")
    assert "none of these rounds shows it alone (test over rounds and groups, p < .001" in words
    assert "do not follow from these rows" in words
    values = [of(found, "tpr", "a", place) for place in range(40)]
    assert all(value.labelled == value.people for value in values if value.status == "measured")
    assert sum(value.status == "bounded" for value in values) > 30
    assert not found.passed
    assert "rounds together" in found.notes[0] + found.notes[1]


def test_labels_missing_at_random_in_small_rounds_are_no_finding():
    found = audit(weeks((0.7, 0.7)), **NAMED, score="score")
    assert not found.measured.missing.throughout.any()
    assert not found.measured.missing.depends.any()
    assert "No dependence of missing labels" in " ".join(found.verdict.split())


def test_scores_that_differ_between_groups_are_not_what_labels_depend_on():
    """Labels depend on the group alone, and scores differ by group: each group's rates stand."""
    rng = np.random.default_rng(1)
    log = weeks((0.7, 0.7), rounds=3, people=2000)
    second = log["group"] == "b"
    log["score"] = np.where(second, 0.5, 0.0) + rng.random(len(log)).round(2) / 2
    log["label"] = log["label"].where(~second | (rng.random(len(log)) < 0.6))
    found = audit(log, **NAMED, score="score")
    assert found.measured.missing.depends[:, 1].all()
    assert not found.measured.missing.depends[:, [0, 2]].any()
    assert of(found, "tpr", "a").status == of(found, "tpr", "b").status == "measured"
    assert of(found, "tpr").status == "bounded"
