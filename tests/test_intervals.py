"""Intervals and trends against independent implementations and published numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fairloop.metrics import trend
from fairloop.metrics.group_rates import Rate, divide
from fairloop.metrics.intervals import Estimate, of_difference, of_rate


def rate(hits: list[int], members: list[int]) -> Rate:
    h, m = np.array(hits), np.array(members)
    return Rate(float(divide(h.sum(), m.sum())), divide(h, m), np.append(m.sum(), m))


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=4), st.floats(0.001, 0.2))
def test_rates_have_wilsons_interval(groups, alpha):
    hits, members = zip(*((min(pair), max(pair)) for pair in groups), strict=True)
    found = of_rate(rate(list(hits), list(members)), alpha)
    for i, (k, n) in enumerate(zip((sum(hits), *hits), (sum(members), *members), strict=True)):
        if n == 0:
            assert np.isnan([found.value[i], found.low[i], found.high[i]]).all()
            continue
        expected = stats.binomtest(k, n).proportion_ci(1 - alpha, method="wilson")
        assert (found.low[i], found.high[i]) == (pytest.approx(expected.low, abs=1e-9), pytest.approx(expected.high))
        assert found.low[i] <= found.value[i] <= found.high[i]


def test_a_change_has_newcombes_interval():
    # Newcombe (1998), table II, method 10: 56/70 less 48/80, and 9/10 less 3/10.
    for (k, n), (j, m), low, high in (((56, 70), (48, 80), 0.0524, 0.3339), ((9, 10), (3, 10), 0.1705, 0.8090)):
        change = of_rate(rate([k], [n]), 0.05).less(of_rate(rate([j], [m]), 0.05))
        assert (change.low[0], change.high[0]) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_a_difference_of_two_groups_is_their_change_cut_at_0():
    both = rate([30, 20], [40, 50])
    every = of_rate(both, 0.05)
    change = every.at(1).less(every.at(2))
    found = of_difference([both], 0.05)
    assert (found.value, found.low, found.high) == pytest.approx((change.value, change.low, change.high))
    assert of_difference([rate([20, 21], [40, 40])], 0.05).low == 0
    assert of_difference([rate([20], [40])], 0.05) == Estimate(np.zeros(()), np.zeros(()), np.zeros(()))
    assert np.isnan(of_difference([rate([20, 0], [40, 0])], 0.05).high)


@pytest.mark.parametrize("shares", [[0.3] * 12, [0.1, 0.2, 0.3, 0.45], [0.02, 0.02, 0.3]])
def test_a_difference_of_many_groups_is_covered(shares):
    rng = np.random.default_rng(0)
    true = max(shares) - min(shares)
    covered = 0
    for _ in range(300):
        one, other = (rate(list(rng.binomial(80, shares)), [80] * len(shares)) for _ in range(2))
        found = of_difference([one, other], 0.05)
        covered += bool(found.low <= true <= found.high)
    assert covered >= 270  # at 95 % fewer come once in three thousand times


def test_an_even_line_is_that_of_scipy():
    rng = np.random.default_rng(0)
    x, y = np.arange(9.0), 0.3 + 0.02 * np.arange(9) + rng.normal(0, 0.01, 9)
    expected = stats.linregress(x, y)
    found = trend.fit(x, y, np.full(9, np.nan), 0.05)
    assert found is not None
    assert found.slope == pytest.approx(expected.slope)
    assert found.at(0) == pytest.approx(expected.intercept)
    assert found.slope_reach == pytest.approx(stats.t.ppf(0.975, 7) * expected.stderr)
    known = trend.fit(x, y, np.full(9, 0.02), 0.05)  # known errors, larger than the scatter, count
    assert known is not None
    assert known.slope_reach == pytest.approx(stats.t.ppf(0.975, 7) * 0.02 / np.sqrt(((x - 4) ** 2).sum()))
    small = trend.fit(x, y, np.full(9, 1e-6), 0.05)  # the scatter counts where they explain less
    assert small is not None
    assert small.slope_reach == pytest.approx(found.slope_reach)


@given(st.integers(0, 1000), st.floats(-2, 2))
def test_a_line_crosses_a_bound_within_the_limits_of_the_place(seed, bound):
    rng = np.random.default_rng(seed)
    x, errors = np.arange(8.0), rng.uniform(0.02, 0.1, 8)
    line = trend.fit(x, 0.2 * x * rng.choice([-1, 1]) + rng.normal(0, errors), errors, 0.05)
    assert line is not None
    assert line.certain
    where, low, high = line.crosses(bound)
    assert low <= where <= high
    assert line.at(where) == pytest.approx(bound, abs=1e-9)
    for end in (low, high):  # there, the bound is at the edge of the line's own interval
        reach = np.hypot(line.middle_reach, line.slope_reach * (end - line.centre))
        assert abs(line.at(end) - bound) == pytest.approx(reach, abs=1e-9)


def test_too_few_rounds_make_no_line():
    x = np.arange(3.0)
    assert trend.fit(x[:2], x[:2], np.ones(2), 0.05) is None
    assert trend.fit(x, np.array([0.1, np.nan, 0.3]), np.ones(3), 0.05) is None
    line = trend.fit(x, np.array([0.1, 0.2, 0.3]), np.full(3, 0.02), 0.05)
    assert line is not None
    assert not line.certain  # seven times its standard error, but of three rounds Student's limit is 12.7
