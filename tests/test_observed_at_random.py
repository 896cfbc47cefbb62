"""Intervals of accuracy, Brier score and AUC from labels seen by chance: parts that are uncertain, each on its own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from fairloop import audit
from fairloop.metrics import observed_at_random
from fairloop.metrics.intervals import Estimate, critical, wilson
from fairloop.metrics.observed_at_random import Kinds, Placed
from fairloop.metrics.scores import ScoreTable, auc_of
from test_audit_labels import NAMED, of

RIGHT = np.array([[1.0, 0.0], [0.0, 1.0]])
CERTAIN = Estimate(RIGHT, RIGHT, RIGHT)


def counted(counts: np.ndarray, weights: np.ndarray) -> Kinds:
    """(..., 2, 2) people of one weight a kind."""
    return Kinds(counts * weights, counts * weights**2)


def placed(scores: np.ndarray, selected: np.ndarray, weights: np.ndarray, grid: np.ndarray) -> Placed:
    place, size = np.searchsorted(grid, scores), len(grid)
    return Placed(*(
        np.stack([np.bincount(place, weights**power * (selected == side), size) for side in (False, True)])
        for power in (1, 2)
    ))  # fmt: skip


def drawn(seed: int, n: int, explored: float) -> tuple[np.ndarray, ...]:
    """Scores, labels, decisions and weights of labelled people."""
    rng = np.random.default_rng(seed)
    label = rng.random(n) < 0.5
    score = np.round(1 / (1 + np.exp(-rng.normal(np.where(label, 1.15, -1.05), 1.2))), 2)
    selected = score >= 0.5
    weight = np.where(selected, 1.0, 1 / explored)
    known = rng.random(n) < 1 / weight
    return score[known], label[known], selected[known], weight[known]


def both(seed: int, n: int, explored: float, alpha: float = 0.05) -> tuple[Estimate, Estimate]:
    """The AUC with the interval of kinds, and with the linearised one."""
    score, label, selected, weight = drawn(seed, n, explored)
    grid = np.unique(score)
    negative, positive = (placed(score[one], selected[one], weight[one], grid) for one in (~label, label))
    table = ScoreTable(*(one.sum(axis=0) for one in (positive[0], negative[0], positive[1], negative[1])))
    return observed_at_random.auc(negative, positive, alpha), auc_of(table).interval(alpha)


@given(st.integers(0, 10_000), st.integers(60, 200))
def test_the_value_is_scikit_learns_and_lies_within_its_limits(seed, n):
    score, label, selected, weight = drawn(seed, n, 0.4)
    if min(np.bincount(2 * selected + label, minlength=4)) < 2:
        return
    found, _ = both(seed, n, 0.4)
    expected = sk.roc_auc_score(label, score, sample_weight=weight)
    assert float(found.value) == pytest.approx(expected, abs=1e-9)
    assert 0 < found.low < found.value < found.high < 1
    narrow, _ = both(seed, n, 0.4, 0.5)
    assert found.low < narrow.low < narrow.high < found.high


def test_few_explored_people_widen_the_interval_of_the_auc_and_many_do_not():
    """Student's and Wilson's limits tell how little is known; an error estimated from these people does not."""

    def reach(n: int, explored: float) -> float:
        found = [both(seed, n, explored) for seed in range(12)]
        return float(np.median([(one.value - one.low) / (other.value - other.low) for one, other in found]))

    assert reach(800, 0.1) > 1.04
    assert reach(20_000, 0.5) == pytest.approx(1, abs=0.01)


def simulated(logs: int, n: int, q: float, e: float = 0.05) -> np.ndarray:
    """(logs, 2, 2) labelled people: 30 % of all are selected, 80 % of these positive, and a share q of the rejected."""
    rng = np.random.default_rng(0)
    chosen = rng.binomial(n, 0.3, logs)
    positive, seen = rng.binomial(chosen, 0.8), rng.binomial(n - chosen, e)
    hit = rng.binomial(seen, q)
    return np.array([[seen - hit, hit], [chosen - positive, positive]]).transpose(2, 0, 1).astype(float)


@pytest.mark.parametrize("q", [0.3, 0.05, 0.02])
def test_accuracy_covers_although_hardly_any_explored_person_is_a_miss(q):
    counts, weights = simulated(4000, 1500, q), np.array([[20.0], [1.0]])
    true = 0.3 * 0.8 + 0.7 * (1 - q)
    found = observed_at_random.mean(counted(counts, weights), CERTAIN, 0.05)
    covered = float(((found.low <= true) & (true <= found.high)).mean())
    assert 0.935 < covered < 0.975
    value = (counts * weights * RIGHT).sum(axis=(1, 2)) / (counts * weights).sum(axis=(1, 2))
    np.testing.assert_allclose(found.value, value)
    variance = (counts * weights**2 * (RIGHT - value[:, None, None]) ** 2).sum(axis=(1, 2))
    by_weights = wilson(
        value, value * (1 - value) * (counts * weights).sum(axis=(1, 2)) ** 2 / variance, critical(0.05)
    )
    before = float(((by_weights.low <= true) & (true <= by_weights.high)).mean())
    assert before < covered or q == 0.3
    assert q > 0.02 or before < 0.90


def test_without_a_miss_among_the_explored_the_interval_is_as_wide_as_wilsons():
    found = observed_at_random.mean(counted(np.array([[40.0, 0], [24, 96]]), np.array([[20.0], [1.0]])), CERTAIN, 0.05)
    omitted = float(wilson(0.0, 40, critical(0.05)).high)
    assert float(found.value - found.low) > 800 / 920 * omitted > 0.07


def test_an_audit_without_a_miss_among_the_explored_says_how_little_it_knows():
    rejected, explored = np.arange(2000) < 1600, np.arange(2000) < 80
    label = np.where(rejected, 0.0, np.arange(2000) % 5 > 0)
    log = pd.DataFrame({
        "round": 0, "group": "all", "prediction": (~rejected).astype(int), "e": np.where(rejected, 0.05, 1.0),
        "label": np.where(rejected & ~explored, np.nan, label),
    })  # fmt: skip
    found = of(audit(log, **NAMED, propensity="e"), "accuracy", "all")
    assert found.status == "weighted"
    assert found.value == pytest.approx(0.8 + 0.2 * 0.8)
    assert found.value - found.low > 0.8 * float(wilson(0.0, 80, critical(0.05)).high) > 0.03


def test_what_nobody_has_is_undefined():
    empty = observed_at_random.mean(counted(np.zeros((2, 2)), np.ones((2, 2))), CERTAIN, 0.05)
    assert np.isnan([empty.value, empty.low, empty.high]).all()


def test_people_of_one_decision_have_the_mean_of_that_decision():
    only = counted(np.array([[0.0, 0], [20, 60]]), np.ones((2, 2)))
    found, plain = observed_at_random.mean(only, CERTAIN, 0.05), wilson(0.75, 80, critical(0.05))
    assert [float(one) for one in (found.value, found.low, found.high)] == pytest.approx(
        [0.75, float(plain.low), float(plain.high)]
    )


@given(st.floats(0.1, 1e6))
def test_the_unit_of_weights_says_nothing(unit):
    counts, weights = np.array([[30.0, 9], [24, 37]]), np.array([[20.0], [1.0]])
    one, other = (observed_at_random.mean(counted(counts, weights * by), CERTAIN, 0.05) for by in (1.0, unit))
    assert [float(end) for end in (other.value, other.low, other.high)] == pytest.approx(
        [float(end) for end in (one.value, one.low, one.high)]
    )


def test_a_mean_within_a_kind_has_students_limits():
    values, weights = np.array([0.1, 0.2, 0.6]), np.array([1.0, 2.0, 1.0])
    found = observed_at_random.mean_within(weights, weights, values, 0.05)  # four people
    assert [float(one) for one in (found.value, found.low, found.high)] == pytest.approx(
        [0.275, 0.275 - 3.182446 * 0.110868, 0.275 + 3.182446 * 0.110868], abs=1e-6
    )
    assert np.isnan(observed_at_random.mean_within(np.ones(1), np.ones(1), np.ones(1), 0.05).low)
