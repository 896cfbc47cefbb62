"""Section 1 of the audit's facts, selective labels: bounds against every completion of the labels, and fixed values."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from audit_data import GROUPS, LABELS, OF_SELECTED, SCORES, SELECTED, WEIGHTS, A, B
from fairloop.errors import InputError
from fairloop.metrics import bounds as worst
from fairloop.metrics.bounds import Bounds, Cells, bounds, count, largest_difference
from fairloop.metrics.intervals import wilson
from fairloop.metrics.joint_bounds import auc_bounds, auc_completions, equalized_odds_difference, sampled_auc_bounds
from fairloop.metrics.scores import auc
from fairloop.metrics.shares import parts, weighted_share

cells_of_a_group = st.tuples(*(st.integers(0, 3) for _ in range(6)))
COUNTED = count(SELECTED, OF_SELECTED, GROUPS, 2)


def one(table: tuple[int, ...]) -> Cells:
    return Cells(*(np.array([float(cell)]) for cell in table))


def stacked(*tables: tuple[int, ...]) -> Cells:
    return Cells(*(np.array(cell, np.float64) for cell in zip(*tables, strict=True)))


def completions(table: tuple[int, ...]) -> list[dict[str, float]]:
    """Every measure in every way to give labels to rows without one; NaN where it does not exist."""
    n11, n10, n01, n00, m1, m0 = table
    found = []
    for u1, u0 in product(range(m1 + 1), range(m0 + 1)):
        a, b, c, d = n11 + u1, n10 + m1 - u1, n01 + u0, n00 + m0 - u0
        pairs = {
            "tpr": (a, a + c), "fpr": (b, b + d), "ppv": (a, a + b), "for": (c, c + d),
            "accuracy": (a + d, a + b + c + d), "base_rate": (a + c, a + b + c + d),
            "selection_rate": (a + b, a + b + c + d),
        }  # fmt: skip
        found.append({name: hit / of if of else np.nan for name, (hit, of) in pairs.items()})
    return found


@given(cells_of_a_group)
def test_bounds_are_the_extremes_over_all_completions(table):
    every = completions(table)
    for name, found in bounds(one(table)).items():
        values = [way[name] for way in every if not np.isnan(way[name])]
        assert np.isnan(found.low[0]) == np.isnan(found.high[0]) == (not values)
        if values:
            assert (found.low[0], found.high[0]) == pytest.approx((min(values), max(values)))


def test_bounds_are_the_extremes_in_all_small_tables():
    tables = list(product(range(4), repeat=6))
    assert len(tables) == 4096
    found = bounds(stacked(*tables))
    for name in ("tpr", "fpr"):
        ways = [[way[name] for way in completions(table) if not np.isnan(way[name])] for table in tables]
        np.testing.assert_allclose(found[name].low, [min(way, default=np.nan) for way in ways])
        np.testing.assert_allclose(found[name].high, [max(way, default=np.nan) for way in ways])


def test_an_empty_denominator_of_the_closed_form_is_not_an_undefined_rate():
    found = bounds(stacked((0, 2, 0, 3, 4, 0), (0, 2, 0, 3, 0, 4)))["tpr"]
    assert (found.low.tolist(), found.high.tolist()) == ([1, 0], [1, 0])
    assert bounds(Cells.of_selected([5], [0], [7]))["fpr"].high.tolist() == [0]
    assert bounds(Cells.of_selected([0], [5], [7]))["tpr"].high.tolist() == [0]


def test_bounds_of_general_missingness():
    found = bounds(one((12, 4, 3, 9, 5, 7)))
    for name, low, high in (
        ("tpr", 0.545455, 0.85), ("fpr", 0.2, 0.5), ("ppv", 0.571429, 0.809524),
        ("for", 0.157895, 0.526316), ("accuracy", 0.525, 0.825),
    ):  # fmt: skip
        assert (found[name].low[0], found[name].high[0]) == pytest.approx((low, high), abs=1e-6)


def test_the_data_are_those_of_the_facts():
    assert [(g.sum(), LABELS[g].sum()) for g in (A, B)] == [(120, 56), (80, 37)]
    assert COUNTED.selected_positive.tolist() == [37, 25]
    assert COUNTED.selected_negative.tolist() == [24, 15]
    assert COUNTED.rejected_unknown.tolist() == [59, 40]
    assert [LABELS[g & ~SELECTED].sum() for g in (A, B)] == [19, 12]


def test_bounds_of_the_data():
    found = bounds(COUNTED)
    for name, lows, highs, true in (
        ("tpr", (0.385417, 0.384615), (1, 1), (0.660714, 0.675676)),
        ("fpr", (0.289157, 0.272727), (1, 1), (0.375, 0.348837)),
        ("accuracy", (0.308333, 0.3125), (0.8, 0.8125), (0.641667, 0.6625)),
        ("ppv", (0.606557, 0.625), (0.606557, 0.625), (0.606557, 0.625)),
        ("for", (0, 0), (1, 1), (0.322034, 0.3)),
        ("selection_rate", (0.508333, 0.5), (0.508333, 0.5), (0.508333, 0.5)),
    ):
        assert found[name].low == pytest.approx(lows, abs=1e-6)
        assert found[name].high == pytest.approx(highs, abs=1e-6)
        assert weighted_share(*parts(SELECTED, LABELS)[name], GROUPS, 2).value == pytest.approx(true, abs=1e-6)
    assert found["tpr"].complement().high == pytest.approx([59 / 96, 40 / 65])
    assert (found["base_rate"].low == found["accuracy"].low).all()
    assert found["accuracy"].high - found["accuracy"].low == pytest.approx([59 / 120, 40 / 80])


def test_labels_of_the_selected_alone_make_every_rate_of_labelled_rows_1():
    for name in ("tpr", "fpr"):
        assert weighted_share(*parts(SELECTED, OF_SELECTED)[name], GROUPS, 2).value.tolist() == [1, 1]


def test_differences_of_the_data():
    found = bounds(COUNTED)
    for name, low, high in (("tpr", -0.614583, 0.615385), ("fpr", -0.710843, 0.727273)):
        groups = [tuple(end.at(i) for end in worst.interval(found[name])) for i in (0, 1)]
        lower, upper = worst.difference(groups[0], groups[1])
        assert (lower.value, upper.value) == pytest.approx((low, high), abs=1e-6)
        assert lower.low < lower.value
        assert upper.value < upper.high
    assert equalized_odds_difference(COUNTED) == (
        pytest.approx(0.000801, abs=1e-6),
        pytest.approx(0.727273, abs=1e-6),
        True,
    )


@given(st.lists(cells_of_a_group.map(lambda table: (*table[:4], min(table[4], 2), table[5])), min_size=2, max_size=3))
def test_equalized_odds_holds_in_every_completion_and_is_sharp_for_two_groups(tables):
    ways = [
        [(way["tpr"], way["fpr"]) for way in completions(table) if not np.isnan([way["tpr"], way["fpr"]]).any()]
        for table in tables
    ]
    low, high, sharp = equalized_odds_difference(stacked(*tables))
    values = [np.ptp(np.array(way), axis=0).max() for way in product(*ways)]
    assert np.isnan(low) == (not values)
    if values:
        assert low <= min(values) + 1e-9
        assert high == pytest.approx(max(values))
        assert sharp == (len(tables) == 2)
        if sharp:
            assert low == pytest.approx(min(values))


@given(cells_of_a_group, cells_of_a_group)
def test_the_sharp_bound_of_equalized_odds_is_never_below_that_of_each_rate_alone(table, other):
    found = bounds(stacked(table, other))
    low, _, _ = equalized_odds_difference(stacked(table, other))
    if not np.isnan(low):
        assert low >= max(largest_difference(found[name])[0] for name in ("tpr", "fpr")) - 1e-12


def test_equalized_odds_of_two_small_groups():
    cells = Cells.of_selected([9, 2], [1, 8], [2, 2])
    apart = [largest_difference(bounds(cells)[name]) for name in ("tpr", "fpr")]
    assert max(low for low, _ in apart) == 0
    assert max(high for _, high in apart) == pytest.approx(2 / 3)
    assert equalized_odds_difference(cells) == (pytest.approx(0.151515, abs=1e-6), pytest.approx(2 / 3), True)
    assumed = equalized_odds_difference(cells, worst.no_better_on_average(cells))
    assert assumed == (pytest.approx(0.3), pytest.approx(0.467, abs=5e-4), True)


def test_equalized_odds_of_pairs_of_groups_is_mostly_sharper():
    rng = np.random.default_rng(0)
    gains = []
    for _ in range(100):
        cells = Cells.of_selected(*rng.integers(1, 12, (3, 2)))
        apart = max(largest_difference(bounds(cells)[name])[0] for name in ("tpr", "fpr"))
        gains.append(equalized_odds_difference(cells)[0] - apart)
    # The facts have 96 % and .138 for pairs whose sizes they do not say.
    assert np.mean(np.array(gains) > 1e-9) > 0.9
    assert 0.05 < np.mean(gains) < 0.25


def test_weights_and_large_groups_fall_back_to_valid_bounds():
    weighted = count(SELECTED, OF_SELECTED, GROUPS, 2, np.ones(200))
    assert equalized_odds_difference(weighted) == (0, pytest.approx(0.727273, abs=1e-6), False)
    wide = stacked((10, 10, 10, 10, 2000, 2000), (20, 10, 10, 10, 5, 5))
    low, high, sharp = equalized_odds_difference(wide)
    assert (low >= 0, high <= 1, sharp) == (True, True, False)
    large = Cells.of_selected([900, 800], [300, 200], [5000, 5000])
    assert equalized_odds_difference(large)[2]
    assert equalized_odds_difference(one((1, 1, 1, 1, 1, 1))) == (0, 0, True)
    assert np.isnan(equalized_odds_difference(stacked((0, 1, 0, 1, 0, 0), (1, 1, 1, 1, 0, 0)))[0])


def test_tightened_bounds():
    cells = Cells.of_selected([40], [10], [50])
    for most, tpr, fpr in ((1.0, 0.444, 1), (worst.no_better_on_average(cells), 0.5, 0.5), (0.6, 0.571, 1 / 3)):
        found = bounds(cells, most)
        assert found["tpr"].low[0] == pytest.approx(tpr, abs=5e-4)
        assert found["fpr"].high[0] == pytest.approx(fpr)
    band = worst.no_better_than_the_last_selected([6, 0], [10, 0])
    assert band == pytest.approx([stats.binomtest(6, 10).proportion_ci(method="wilson").high, 1])
    with pytest.raises(InputError, match="no rejected row"):
        worst.no_better_on_average(one((1, 1, 1, 0, 0, 5)))


@given(st.tuples(*(st.integers(0, 40) for _ in range(3))), st.integers(0, 40))
def test_the_assumption_on_average_bounds_by_the_selection_rate(table, u):
    a, b, rejected = table
    cells = Cells.of_selected([a], [b], [rejected])
    most = worst.no_better_on_average(cells)
    found = bounds(cells, most)
    if a and b:
        rate = (a + b) / (a + b + rejected)
        assert found["tpr"].low[0] == pytest.approx(rate)
        assert found["fpr"].high[0] == pytest.approx(rate)
    u = min(u, int(most[0] * rejected))
    for name, (hit, of) in {"tpr": (a, a + u), "fpr": (b, b + rejected - u), "for": (u, rejected)}.items():
        if of:
            assert found[name].low[0] - 1e-9 <= hit / of <= found[name].high[0] + 1e-9


def test_auc_bounds_of_the_data():
    found = [auc_bounds(SCORES[g], OF_SELECTED[g]) for g in (A, B)]
    assert found == [pytest.approx((0.205729, 0.865190), abs=1e-6), pytest.approx((0.236923, 0.895273), abs=1e-6)]
    assert roc_auc_score(LABELS[A & SELECTED], SCORES[A & SELECTED]) == pytest.approx(0.533784, abs=1e-6)


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from([0.0, 1.0, np.nan])), min_size=1, max_size=9))
def test_auc_bounds_are_the_extremes_over_all_completions(rows):
    scores, labels = (np.array(column, np.float64) for column in zip(*rows, strict=True))
    unknown = np.flatnonzero(np.isnan(labels))
    values = []
    for way in product([0.0, 1.0], repeat=len(unknown)):
        labels[unknown] = way
        if len(set(labels)) == 2:
            above = scores[labels == 1][:, None] - scores[labels == 0]
            values.append(((above > 0) + (above == 0) / 2).mean())
    labels[unknown] = np.nan
    expected = (min(values), max(values)) if values else (np.nan, np.nan)
    assert auc_bounds(scores, labels) == pytest.approx(expected, nan_ok=True)


@given(st.integers(0, 10_000), st.integers(5, 40), st.sampled_from([1.0, 0.5]))
def test_the_completions_of_auc_bounds_attain_them(seed, n, most):
    rng = np.random.default_rng(seed)
    scores, labels = rng.integers(0, 6, n) / 6, rng.choice([0.0, 1.0, np.nan], n)
    limits, completed = auc_completions(scores, labels, most)
    for limit, one in zip(limits, completed, strict=True):
        if not np.isnan(limit):
            assert auc(scores, one).value == pytest.approx(limit)
            known = ~np.isnan(labels)
            assert (one[known] == labels[known]).all()
            assert one[~known].sum() <= most * (~known).sum()


def test_intervals_of_auc_bounds_cover_the_bounds_of_many_people():
    """Both ends are one-sided at 95 %, as bounds lie far apart: of 250 logs at most 22 miss an end in 1,000 tries."""

    def people(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(seed)
        label = (rng.random(n) < 0.5).astype(float)
        scores = np.round(rng.normal(label, 1.0), 2)
        return scores, np.where(scores > 0.3, label, np.nan)

    low, high = auc_bounds(*people(400_000, 0))
    found = [sampled_auc_bounds(*people(300, seed)).interval(0.05) for seed in range(1, 251)]
    missed = np.sum([[lower.low > low, upper.high < high] for lower, upper in found], axis=0)
    assert (missed <= 22).all()
    assert (missed >= 3).all()  # not at 99.9 % either


def test_auc_bounds_under_an_assumption_are_narrower():
    free, capped = (auc_bounds(SCORES[A], OF_SELECTED[A], most) for most in (1.0, 0.4))
    none = auc_bounds(SCORES[A], OF_SELECTED[A], 0.0)
    assert free[0] < capped[0] < none[0] == none[1] == pytest.approx(capped[1])


def coverage(n: int, z: float) -> float:
    """How often Wilson's limit at z is at most the lower bound of TPR, .24 / .94, in logs of n rows; exact."""
    total = 0.0
    for members in range(int(stats.binom.ppf(1e-6, n, 0.94)), n + 1):
        hits = np.arange(members + 1)
        covered = wilson(hits / members, members, z).low <= 0.24 / 0.94
        total += stats.binom.pmf(members, n, 0.94) * stats.binom.pmf(hits, members, 0.24 / 0.94)[covered].sum()
    return float(total)


def test_a_one_sided_interval_covers_a_bound():
    # Facts, simulated: .946 (n = 100), .948 (1,000) with z = 1.645; .971 and .973 with 1.96.
    for n, z, expected in ((100, 1.645, 0.946), (1000, 1.645, 0.948), (100, 1.96, 0.971), (1000, 1.96, 0.973)):
        assert coverage(n, z) == pytest.approx(expected, abs=0.004)


def test_intervals_go_from_one_sided_to_two_sided_as_bounds_meet():
    wide, met = worst.interval(Bounds(*(np.array([one]) for one in (0.2, 0.9, 500.0, 500.0))))[0], 0.2
    assert wide.low[0] == pytest.approx(wilson(0.2, 500, 1.6449).low, abs=1e-5)
    both = worst.interval(Bounds(*(np.array([one]) for one in (met, met, 500.0, 500.0))))
    assert both[0].low[0] == pytest.approx(wilson(met, 500, 1.95996).low, abs=1e-5)
    assert both[1].high[0] == pytest.approx(wilson(met, 500, 1.95996).high, abs=1e-5)


def test_a_bound_without_rows_has_the_widest_interval():
    low, high = worst.interval(bounds(one((0, 2, 0, 3, 4, 0)))["tpr"])
    assert (low.value[0], low.low[0], high.high[0]) == (1, 0, 1)
    undefined = worst.interval(bounds(one((0, 2, 0, 3, 0, 0)))["tpr"])
    assert np.isnan([undefined[0].low[0], undefined[1].high[0]]).all()


def test_weighted_bounds_know_how_certain_they_are():
    plain, tenfold = (bounds(count(SELECTED, OF_SELECTED, GROUPS, 2, w)) for w in (WEIGHTS, 10 * WEIGHTS))
    unit = bounds(count(SELECTED, OF_SELECTED, GROUPS, 2, np.ones(200)))
    for name, found in bounds(COUNTED).items():
        np.testing.assert_allclose(plain[name].low, tenfold[name].low)
        np.testing.assert_allclose(plain[name].low_members, tenfold[name].low_members)
        np.testing.assert_allclose(unit[name].low_members, found.low_members)
        assert (plain[name].low_members <= found.low_members).all()
    complete = bounds(count(SELECTED, LABELS, GROUPS, 2, WEIGHTS))["tpr"]
    assert complete.low == pytest.approx([0.700730, 0.705263], abs=1e-6)
    assert complete.low_members == pytest.approx([46.343, 30.593], abs=1e-3)


def test_labels_that_are_no_labels_are_refused():
    with pytest.raises(InputError, match="labels: 2 is neither 0, 1 nor NaN"):
        count(np.array([True]), np.array([2.0]), np.array([0]), 1)
    with pytest.raises(InputError, match="weights: -1"):
        count(np.array([True]), np.array([1.0]), np.array([0]), 1, np.array([-1.0]))
