"""Section 7 of the audit's facts, many groups: each against the rest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fairloop.metrics.groups_against_rest import against_rest, expected_range, number_of_tests
from fairloop.metrics.intervals import critical, wilson
from fairloop.metrics.proportions import pooled_z

MEMBERS = np.array([1000, 400, 200, 100, 50, 50])
HITS = np.array([300, 140, 50, 38, 8, 21])


def test_the_reference():
    found = against_rest(HITS, MEMBERS, fewest=0)
    difference = (-0.021250, 0.052143, -0.066875, 0.074706, -0.153714, 0.113714)
    assert found.difference.value == pytest.approx(difference, abs=1e-6)
    assert found.z == pytest.approx((-0.969119, 1.989582, -1.928909, 1.570552, -2.318416, 1.715111), abs=1e-6)
    assert found.p == pytest.approx((0.33249, 0.04664, 0.05374, 0.11629, 0.02043, 0.08632), abs=1e-5)
    assert found.adjusted == pytest.approx((0.33249, 0.23318, 0.23318, 0.25897, 0.12256, 0.25897), abs=1e-5)
    rates = HITS / MEMBERS
    assert np.ptp(rates) == pytest.approx(0.26)
    assert rates[[5, 4]].tolist() == [rates.max(), rates.min()]


def test_small_groups_are_listed_and_not_tested():
    found = against_rest(HITS, MEMBERS)
    assert found.too_small.tolist() == [False] * 4 + [True, False]
    assert np.isnan(found.adjusted).tolist() == found.too_small.tolist()
    assert found.adjusted[1] == pytest.approx(0.04664 * 5, abs=1e-4)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 40), st.integers(0, 40))
def test_two_groups_are_one_test(n, m, x, y):
    x, y = min(n, x), min(m, y)
    found = against_rest([x, y], [n, m], fewest=0)
    assert number_of_tests(2) == 1
    np.testing.assert_allclose(found.z[0], -found.z[1])
    np.testing.assert_array_equal(found.adjusted, found.p)
    change = wilson(x / n, n, critical(0.05)).less(wilson(y / m, m, critical(0.05)))
    assert (found.difference.low[0], found.difference.high[0]) == pytest.approx((float(change.low), float(change.high)))


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 60)), min_size=2, max_size=6))
def test_the_square_of_each_test_is_pearsons(groups):
    n, x = (np.array(column) for column in zip(*groups, strict=True))
    x = np.minimum(n, x)
    z = against_rest(x, n).z
    if 0 < x.sum() < n.sum():
        for i in range(len(n)):
            rest = (x.sum() - x[i], n.sum() - n[i])
            table = [[x[i], n[i] - x[i]], [rest[0], rest[1] - rest[0]]]
            assert z[i] ** 2 == pytest.approx(stats.chi2_contingency(table, correction=False).statistic, abs=1e-9)
    else:
        assert np.isnan(z).all()


def correlations(sizes: np.ndarray) -> np.ndarray:
    total, part = sizes.sum(), np.outer(sizes, sizes)
    found = -np.sqrt(part / np.outer(total - sizes, total - sizes))
    np.fill_diagonal(found, 1)
    return found


def largest(sizes: np.ndarray, draws: int = 60_000) -> float:
    """The 95 % quantile of the largest |z| of groups of these sizes, by simulation of their normal limit."""
    shares = sizes / sizes.sum()
    noise = np.random.default_rng(0).normal(size=(draws, len(sizes))) * np.sqrt(shares)
    mean = noise.sum(axis=1, keepdims=True) * shares
    return float(np.quantile(np.abs((noise - mean) / np.sqrt(shares * (1 - shares))).max(axis=1), 0.95))


def test_correlations_of_the_tests():
    rng = np.random.default_rng(0)
    x = rng.binomial([1000, 500], 0.3, (4000, 2))
    rest = rng.binomial(300, 0.3, 4000)
    total = x.sum(axis=1) + rest
    z = [pooled_z(x[:, i], n, total - x[:, i], 1800 - n) for i, n in ((0, 1000), (1, 500))]
    assert np.corrcoef(z)[0, 1] == pytest.approx(correlations(np.array([1000, 500, 300]))[0, 1], abs=0.04)
    assert correlations(np.array([70, 30]))[0, 1] == pytest.approx(-1)


def test_the_simplest_critical_values_are_nearly_the_best():
    for groups, best, sidak, bonferroni, tukey, pairs in (
        (3, 2.343, 2.388, 2.394, 2.344, 2.394), (5, 2.549, 2.569, 2.576, 2.728, 2.807),
        (10, 2.795, 2.800, 2.807, 3.164, 3.261), (20, 3.014, 3.016, 3.023, 3.544, 3.649),
        (50, 3.284, 3.283, 3.291, 3.992, 4.103),
    ):  # fmt: skip
        assert largest(np.ones(groups), 60_000 if groups < 20 else 20_000) == pytest.approx(best, abs=0.04)
        assert critical(1 - 0.95 ** (1 / groups)) == pytest.approx(sidak, abs=1e-3)
        assert critical(0.05 / number_of_tests(groups)) == pytest.approx(bonferroni, abs=1e-3)
        # The table has 2.344 = 3.314 / sqrt(2) and so on: quantiles of the studentized range without error.
        assert stats.studentized_range.ppf(0.95, groups, 100_000) / np.sqrt(2) == pytest.approx(tukey, abs=2e-3)
        assert critical(0.05 / (groups * (groups - 1) / 2)) == pytest.approx(pairs, abs=1e-3)
    assert critical(0.05 / number_of_tests(2)) == pytest.approx(1.960, abs=1e-3)
    assert critical(0.05 / 2) == pytest.approx(2.241, abs=1e-3)
    assert largest(MEMBERS) == pytest.approx(2.6146, abs=0.03)


@pytest.mark.parametrize(
    ("groups", "n", "p", "expected"), [(5, 200, 0.3, 0.947), (20, 200, 0.3, 0.952), (20, 50, 0.1, 0.929)]
)
def test_coverage_of_all_differences_at_once(groups, n, p, expected):
    rng = np.random.default_rng(groups)
    covered = []
    for _ in range(1000):
        found = against_rest(rng.binomial(n, p, groups), np.full(groups, n)).difference
        covered.append(((found.low <= 0) & (found.high >= 0)).all())
    assert np.mean(covered) == pytest.approx(expected, abs=0.025)


def test_the_range_of_equal_groups():
    for groups, expected in ((2, 1.128), (10, 3.078), (50, 4.498)):
        assert expected_range(groups) == pytest.approx(expected, abs=1e-3)
    for groups, n, expected in ((2, 200, 0.036), (10, 200, 0.0995), (50, 200, 0.145), (50, 30, 0.370)):
        rates = np.random.default_rng(0).binomial(n, 0.3, (2000, groups)) / n
        assert np.ptp(rates, axis=1).mean() == pytest.approx(expected, rel=0.03)
        assert expected_range(groups, np.sqrt(0.21 / n)) == pytest.approx(expected, rel=0.03)
    assert expected_range(1) == pytest.approx(0, abs=1e-9)
