"""Intervals of whole audits of selective labels cover the truth as often as they say; the benchmarks have more logs."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from benchmarks import audit_bank, audit_whole

CHANCE = 0.001
"""Of all measures together, to fall outside by chance."""


def check(found: Iterable[tuple[str, str, float, float]], logs: int) -> None:
    """Coverage from .93 to .97, and what chance adds; that of differences may be higher (docs/audit/statistics.md)."""
    held = {(metric, group): (known, share) for metric, group, known, share in found}
    low, high = (stats.binom.ppf(at, logs, p) / logs for at, p in ((CHANCE / 54, 0.93), (1 - CHANCE / 54, 0.97)))
    assert len(held) <= 27
    assert {one: share for one, (_, share) in held.items() if share < low} == {}
    rates = {one: share for one, (_, share) in held.items() if one[1] != "difference"}
    assert {one: share for one, share in rates.items() if share > high} == {}
    assert 0.93 <= np.mean(list(rates.values())) <= 0.97
    assert min(known for known, _ in held.values()) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("logs", [40, pytest.param(200, marks=pytest.mark.slow)])
def test_every_interval_covers_as_often_as_it_says(logs):
    check(audit_whole.covered(logs, people=3000, seed=1), logs)


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    return audit_bank.population(None)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [6, pytest.param(40, marks=pytest.mark.slow)])
def test_intervals_of_the_examples_bank_cover_as_often_as_they_say(people, seeds):
    check(audit_bank.covered(people, seeds), seeds * len(audit_bank.MONTHS))


def test_the_banks_truth_is_that_of_its_people(people):
    month = 9
    log = audit_bank.log(people, range(1), explored=1.0)
    one = log[log["round"] == month - 6]
    true = audit_bank.truth(people, month)
    for sex in audit_bank.SEXES:
        rows = one[one["sex"] == sex]
        good, chosen = rows["repaid"] == 1, rows["granted"] == 1
        for metric, value in (
            ("tpr", chosen[good].mean()),
            ("ppv", good[chosen].mean()),
            ("for", good[~chosen].mean()),
        ):
            assert value == pytest.approx(true[metric, sex], abs=0.12)


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
