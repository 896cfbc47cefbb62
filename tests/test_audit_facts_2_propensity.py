"""Section 2 of the audit's facts, labels of some rows by known chances: estimates, intervals, refusals, checks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from audit_data import EXPLORED, GROUPS, LABELS, OF_EXPLORED, OF_SELECTED, PROPENSITY, SCORES, SELECTED, A, B
from fairloop.errors import InputError
from fairloop.metrics import propensity as pr
from fairloop.metrics.intervals import critical, wilson
from fairloop.metrics.propensity import Explored, three_parts
from fairloop.metrics.shares import parts, weighted_share

FOUND = pr.rates(SELECTED, OF_EXPLORED, PROPENSITY, GROUPS, 2)
COUNTS = pr.explored(SELECTED, OF_EXPLORED, PROPENSITY, GROUPS, 2)
Z = critical(0.05)


def simulated(seed: int, logs: int, n: int, e: float, rate: float = 0.3, ppv: float = 0.8, q: float = 0.3) -> Explored:
    """Counts of so many logs of n rows: a share `rate` is selected, `ppv` of them positive, `q` of the rejected."""
    rng = np.random.default_rng(seed)
    chosen = rng.binomial(n, rate, logs)
    positive = rng.binomial(chosen, ppv)
    explored = rng.binomial(n - chosen, e)
    counts = (positive, chosen - positive, n - chosen, explored, rng.binomial(explored, q))
    return Explored(*(np.asarray(one, np.float64) for one in counts))


def rows(counts: Explored, e: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Decision, label, propensity and log of every row of simulated logs."""
    a, b, rejected, m, k = (one.astype(int) for one in counts)
    logs = np.arange(len(a))
    kinds = ((True, 1.0, a), (True, 0.0, b), (False, 1.0, k), (False, 0.0, m - k), (False, np.nan, rejected - m))
    selected, labels = (np.concatenate([np.full(kind[2].sum(), kind[i]) for kind in kinds]) for i in (0, 1))
    groups = np.concatenate([np.repeat(logs, kind[2]) for kind in kinds])
    return selected, labels, np.where(selected, 1.0, e), groups


def test_estimates_from_weights():
    for group, name, value, error, certain, low, high in (
        (0, "tpr", 0.637931, 0.138654, 12.014, 0.365607, 0.843420),
        (0, "fpr", 0.363636, 0.105621, 20.743, 0.193600, 0.576288),
        (0, "accuracy", 0.637097, 0.085727, None, None, None),
        (0, "for", 0.333333, None, None, None, None),
        (1, "tpr", 0.641026, 0.169097, 8.048, 0.319004, 0.871914),
        (1, "fpr", 0.416667, 0.153722, 10.286, 0.181247, 0.697406),
        (1, "accuracy", 0.613333, 0.110130, None, None, None),
    ):
        share = FOUND[name].share
        within = wilson(share.value, share.linear, Z)
        results = (share.value, np.sqrt(share.variance), within.low, within.high)
        for expected, got in zip((value, error, low, high), results, strict=True):
            assert expected is None or got[group] == pytest.approx(expected, abs=1e-6)
        assert certain is None or share.linear[group] == pytest.approx(certain, abs=1e-3)


def test_the_difference_of_two_groups_is_newcombes():
    for name, value, low, high in (("tpr", -0.003095, -0.360124, 0.378905), ("fpr", -0.053031, -0.381248, 0.264213)):
        found = wilson(FOUND[name].share.value, FOUND[name].share.linear, Z)
        gap = found.at(0).less(found.at(1))
        assert [float(one) for one in (gap.value, gap.low, gap.high)] == pytest.approx([value, low, high], abs=1e-6)


def test_estimates_from_three_parts():
    found = three_parts(COUNTS)
    for group, name, value, low, high in (
        (0, "tpr", 0.652941, 0.461583, 0.848479), (0, "fpr", 0.378947, 0.257790, 0.570198),
        (1, "tpr", 0.609756, 0.403971, 0.853139), (1, "fpr", 0.384615, 0.231971, 0.653691),
    ):  # fmt: skip
        one = found[name].at(group)
        assert [float(end) for end in (one.value, one.low, one.high)] == pytest.approx([value, low, high], abs=1e-6)
    assert [one.tolist() for one in (COUNTS.explored, COUNTS.explored_positive)] == [[9, 5], [3, 2]]
    omitted = pr.false_omission_rate(COUNTS)
    assert omitted.value == pytest.approx([1 / 3, 0.4])
    assert omitted.low[0] == pytest.approx(stats.binomtest(3, 9).proportion_ci(method="wilson").low)


def test_the_auc_from_weights():
    for group, value in ((A, 0.644984), (B, 0.712963)):
        labels, scores = OF_EXPLORED[group], SCORES[group]
        found = pr.auc(scores, labels, PROPENSITY[group])
        weight = 1 / PROPENSITY[group]
        positive, negative = labels == 1, labels == 0
        above = np.sign(scores[positive][:, None] - scores[negative]) / 2 + 0.5
        brute = np.average(np.average(above, 1, weight[negative]), weights=weight[positive])
        assert found.value == pytest.approx(value, abs=1e-6) == pytest.approx(brute)
        doubled = pr.auc(scores, labels, PROPENSITY[group], np.full(len(labels), 2.0))
        assert doubled[:2] == pytest.approx(found[:2])


def test_explored_rows_are_counted_and_few_are_refused():
    assert FOUND["tpr"].explored.tolist() == [3, 2]
    assert FOUND["fpr"].explored.tolist() == [6, 3]
    assert {name: one.refused.tolist() for name, one in FOUND.items()} == {
        "tpr": [True, True], "fpr": [False, True], "ppv": [False, False], "for": [False, False],
        "accuracy": [False, False], "base_rate": [False, False],
    }  # fmt: skip
    assert np.isnan(FOUND["tpr"].interval(0.05).value).all()
    assert FOUND["fpr"].interval(0.05).high[0] == pytest.approx(0.576288, abs=1e-6)


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 1)), min_size=1, max_size=30))
def test_labels_that_are_all_sure_to_be_seen_give_the_plain_rates(people):
    selected, positive, groups = (np.array(column) for column in zip(*people, strict=True))
    labels = positive.astype(float)
    found = pr.rates(selected, labels, np.ones(len(labels)), groups, 2)
    for name, (hits, members) in parts(selected, labels).items():
        if name != "selection_rate":
            plain = weighted_share(hits, members, groups, 2)
            np.testing.assert_allclose(found[name].share.value, plain.value)
            assert not found[name].refused.any()
            interval = found[name].interval(0.05)
            np.testing.assert_allclose(interval.low, wilson(plain.value, plain.rows, Z).low, atol=1e-9)


def test_estimates_are_right_on_average():
    counts = simulated(1, 2000, 400, 0.2)
    found = pr.rates(*rows(counts, 0.2), 2000)
    truth = {"tpr": 0.24 / 0.45, "fpr": 0.06 / 0.55, "accuracy": 0.73, "base_rate": 0.45, "ppv": 0.8, "for": 0.3}
    for name, true in truth.items():
        assert found[name].share.value.mean() == pytest.approx(true, abs=0.01)


def test_edges_of_three_parts():
    def of(*counts: float) -> list[float]:
        found = three_parts(Explored(*(np.array([float(one)]) for one in counts)))["tpr"]
        return [float(one[0]) for one in (found.value, found.low, found.high)]

    value, low, high = of(30, 10, 60, 12, 0)  # no explored row is positive
    assert (value, high) == (1, 1)
    q = stats.binomtest(0, 12).proportion_ci(method="wilson").high
    assert low == pytest.approx(30 / (30 + 60 * q))
    assert of(0, 10, 60, 12, 3)[:2] == [0, 0]
    assert of(30, 10, 60, 0, 0)[1:] == [0, 1]
    assert np.isnan(of(30, 10, 60, 0, 0)[0])
    assert of(0, 10, 60, 12, 0)[1:] == [0, 1]
    assert of(0, 0, 60, 12, 3)[1:] == [0, 1]


@given(st.tuples(*(st.integers(0, 60) for _ in range(3))), st.integers(0, 60), st.integers(0, 60))
def test_limits_of_three_parts_lie_around_the_value(table, m, k):
    a, b, rejected = table
    m = min(m, rejected)
    counts = Explored(*(np.array([float(one)]) for one in (a, b, rejected, m, min(k, m))))
    for found in three_parts(counts).values():
        assert 0 <= found.low[0] <= found.high[0] <= 1
        if not np.isnan(found.value[0]):
            assert found.low[0] - 1e-9 <= found.value[0] <= found.high[0] + 1e-9


def covered(low: np.ndarray, high: np.ndarray, true: float) -> float:
    return float(((low <= true) & (true <= high)).mean())


@pytest.mark.parametrize(("n", "e", "expected"), [(500, 0.05, 0.950), (1000, 0.05, 0.950), (2000, 0.25, 0.948)])
def test_three_parts_cover(n, e, expected):
    found = three_parts(simulated(2, 10_000, n, e))
    assert covered(found["tpr"].low, found["tpr"].high, 0.24 / 0.45) == pytest.approx(expected, abs=0.012)
    assert covered(found["fpr"].low, found["fpr"].high, 0.06 / 0.55) == pytest.approx(0.948, abs=0.012)


def test_three_parts_cover_where_hardly_any_explored_row_is_positive():
    for n, expected in ((500, 0.956), (1000, 0.960), (2000, 0.957)):
        found = three_parts(simulated(3, 10_000, n, 0.05, rate=0.6, ppv=0.9, q=0.1))["tpr"]
        assert covered(found.low, found.high, 0.54 / 0.58) == pytest.approx(expected, abs=0.012)


def test_intervals_from_weights_cover_and_kish_does_not():
    counts = simulated(4, 1000, 1000, 0.05)
    found = pr.rates(*rows(counts, 0.05), 1000)["tpr"].share
    for certain, expected in ((found.linear, 0.953), (found.kish, 0.916)):
        interval = wilson(found.value, certain, Z)
        assert covered(interval.low, interval.high, 0.24 / 0.45) == pytest.approx(expected, abs=0.025)


def test_kish_looks_best_in_the_worst_case():
    for k, kish in ((0, 120), (1, 38)):
        counts = Explored(*(np.array([one]) for one in (120, 30, 350, 10 + k, k)))
        assert pr.rates(*rows(counts, 0.05), 1)["tpr"].share.kish[0] == pytest.approx(kish, abs=0.5)


def test_the_estimate_with_the_counted_share_explored_is_the_better_one():
    # Facts: RMSE of TPR .0457 v .0542 (n = 2,000, e = .05); of accuracy HT .0682, Hajek .0386, post-stratified .0388.
    # The facts' figures of TPR are errors against the truth of the same rows, those of accuracy against .73.
    counts = simulated(5, 20_000, 2000, 0.05)
    a, _, rejected, m, k = counts
    unseen = np.random.default_rng(0).binomial((rejected - m).astype(int), 0.3)
    truth = a / (a + k + unseen)
    tpr = {"known": a / (a + k / 0.05), "counted": a / (a + rejected * k / m)}
    right = a + (m - k) / 0.05
    accuracy = {
        "total": right / 2000,
        "hajek": right / (a + counts.negative + m / 0.05),
        "counted": (a + rejected * (m - k) / m) / 2000,
    }

    def error(values: np.ndarray, true: np.ndarray | float) -> float:
        return float(np.sqrt(((values - true) ** 2).mean()))

    assert [error(one, truth) for one in tpr.values()] == pytest.approx([0.0542, 0.0457], abs=0.001)
    assert [error(one, 0.73) for one in accuracy.values()] == pytest.approx([0.0682, 0.0386, 0.0388], abs=0.001)
    assert (accuracy["total"].max(), accuracy["hajek"].max() <= 1) == (pytest.approx(1, abs=0.1), True)


def test_wrong_propensities_cost():
    assert pytest.approx(0.364, abs=5e-4) == 0.24 / (0.24 + 0.21 * 0.10 / 0.05)  # .05 assumed, .10 true
    assert pytest.approx(0.958, abs=5e-4) == 0.24 / (0.24 + 0.21 * 0.05)  # complete cases
    assert pytest.approx(0.79, abs=5e-4) == (0.24 + 0.49 * 0.05) / (0.3 + 0.7 * 0.05)


def test_propensities_that_cannot_be_are_found():
    labels = np.array([1, 0, 1, np.nan, np.nan, np.nan, np.nan, 1])
    chances = np.array([1, 0.0, np.nan, 1, 0.0, 0.5, np.nan, 1.5])
    assert pr.wrong(labels, chances).tolist() == [False, True, True, True, False, False, True, True]
    assert not pr.wrong(OF_EXPLORED, PROPENSITY).any()
    never = np.where(A & ~SELECTED, 0.0, PROPENSITY)
    assert pr.unreachable(never, SELECTED, GROUPS, 2).tolist() == [[True, False], [False, False]]


def test_labels_that_come_at_another_rate_refute_the_propensities():
    stated = pr.agreement(OF_EXPLORED, PROPENSITY, SELECTED, GROUPS, 2)
    assert stated.rows == pytest.approx(199)
    assert not stated.refuted
    assert stated.cells[0, 0] == pytest.approx((9 - 59 / 7) / np.sqrt(59 * 6 / 49))
    assert np.isnan(stated.cells[:, 1]).all()
    assert pr.agreement(OF_EXPLORED, np.where(SELECTED, 1, 0.03), SELECTED, GROUPS, 2).refuted
    assert pr.agreement(OF_SELECTED, np.where(SELECTED, 1, 0.5), SELECTED, GROUPS, 2).refuted
    assert pr.agreement(LABELS, np.ones(200), SELECTED, GROUPS, 2).rows == 200


def test_three_parts_are_refused_where_they_do_not_hold():
    varied = np.where(EXPLORED, 0.2, PROPENSITY)
    with pytest.raises(InputError, match="among the rejected rows of group 0"):
        pr.explored(SELECTED, OF_EXPLORED, varied, GROUPS, 2)
    with pytest.raises(InputError, match="selected row"):
        pr.explored(SELECTED, np.where(SELECTED, np.nan, LABELS), PROPENSITY, GROUPS, 2)


def test_rows_to_explore():
    for half_width, expected in ((0.1, 56), (0.05, 222), (0.02, 1388)):
        assert pr.explored_rows_needed(0.24 / 0.45, 0.3, half_width) == pytest.approx(expected, abs=1.5)
    counts = simulated(6, 4000, 20_000, 222 / 14_000)
    found = three_parts(counts)["tpr"]
    assert np.median(found.high - found.low) / 2 == pytest.approx(0.05, abs=0.004)


def test_how_often_a_test_of_coverage_passes():
    for runs, least, level, measures, expected in (
        (100, 93, 0.95, 1, 0.872), (100, 93, 0.95, 8, 0.33), (100, 93, 0.90, 1, 0.21),
        (400, 372, 0.95, 1, 0.969), (400, 372, 0.95, 8, 0.78), (400, 372, 0.90, 1, 0.02),
        (1000, 930, 0.95, 1, 0.998), (1000, 930, 0.95, 8, 0.98), (1000, 930, 0.90, 1, 0.001),
    ):  # fmt: skip
        assert stats.binom.sf(least - 1, runs, level) ** measures == pytest.approx(expected, abs=0.006)
