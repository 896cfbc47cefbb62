"""Intervals of whole audits of selective labels cover the truth as often as they say; the benchmark has more logs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from benchmarks import audit_whole


@pytest.mark.parametrize("logs", [40, pytest.param(400, marks=pytest.mark.slow)])
def test_every_interval_covers_as_often_as_it_says(logs):
    """No less often than chance allows for a coverage of .93, over all measures together (1 in 1,000)."""
    found = list(audit_whole.covered(logs, people=3000, seed=1))
    least = stats.binom.ppf(0.001 / len(found), logs, 0.93) / logs
    held = {(metric, group): share for metric, group, _, share in found}
    assert {one: share for one, share in held.items() if share < least} == {}
    assert np.mean([share for (_, group), share in held.items() if group != "difference"]) >= 0.93


def test_the_truth_is_that_of_many_people():
    people = audit_whole.log(1, 400_000, explored=1.0, seed=3)
    for name, group in audit_whole.GROUPS.items():
        true, rows = audit_whole.truth(*group), people[people["group"] == name]
        selected, label = rows["score"] >= 0.5, rows["label"] == 1
        ranks = stats.rankdata(rows["score"])
        pairs = label.sum() * (~label).sum()
        drawn = {
            "selection_rate": selected.mean(), "tpr": selected[label].mean(), "fpr": selected[~label].mean(),
            "ppv": label[selected].mean(), "for": label[~selected].mean(), "accuracy": (selected == label).mean(),
            "brier": ((rows["score"] - label) ** 2).mean(),
            "auc": (ranks[label].sum() - label.sum() * (label.sum() + 1) / 2) / pairs,
        }  # fmt: skip
        for metric, value in drawn.items():
            assert value == pytest.approx(true[metric], abs=0.005), metric
