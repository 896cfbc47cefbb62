"""Intervals of the difference of two means: an oracle in scipy, and coverage by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fairloop.metrics.statistics import pooled, welch

samples = st.lists(st.floats(-1, 1), min_size=5, max_size=12).filter(lambda values: np.std(values) > 1e-3)


@given(samples, samples)
def test_the_interval_of_two_means_is_that_of_scipys_welch_test(one, other):
    stds, seeds = np.array([[np.std(x, ddof=1)] for x in (one, other)]), np.array([[len(x)] for x in (one, other)])
    low, high = welch(np.array([np.mean(one) - np.mean(other)]), stds, seeds)
    expected = stats.ttest_ind(one, other, equal_var=False).confidence_interval(0.95)
    assert (low[0], high[0]) == pytest.approx((expected.low, expected.high))


@given(st.floats(-1, 1), st.floats(0.01, 1), st.floats(0.01, 1), st.integers(2, 4))
def test_few_seeds_have_the_degrees_of_freedom_of_the_smaller_sample(difference, one, other, seeds):
    low, high = welch(np.array([difference]), np.array([[one], [other]]), np.array([[seeds], [25]]))
    reach = stats.t.ppf(0.975, seeds - 1) * np.sqrt(one**2 / seeds + other**2 / 25)
    assert (low[0], high[0]) == pytest.approx((difference - reach, difference + reach))


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("ratio", [0.25, 1.0, 4.0])
def test_the_interval_covers_the_true_difference(seeds, ratio):
    """With few seeds of ours beside 25, and spreads that differ."""
    rng = np.random.default_rng(seeds)
    ours, theirs = rng.normal(0, ratio, (seeds, 5_000)), rng.normal(0.3, 1, (25, 5_000))
    stds = np.stack([ours.std(axis=0, ddof=1), theirs.std(axis=0, ddof=1)])
    low, high = welch(ours.mean(axis=0) - theirs.mean(axis=0), stds, np.array([[seeds], [25]]))
    assert ((low <= -0.3) & (high >= -0.3)).mean() >= 0.94


def test_a_single_value_has_no_interval_and_no_spread_none_at_all():
    values, stds = np.array([0.1, 0.1]), np.array([[0.0, 0.0], [0.2, 0.0]])
    low, high = welch(values, stds, np.array([[1, 4], [25, 25]]))
    assert np.isnan([low[0], high[0]]).all()
    assert (low[1], high[1]) == (0.1, 0.1)


@given(samples, st.integers(1, 12))
def test_the_pooled_interval_of_two_means_is_that_of_scipys_test_with_equal_variances(other, size):
    rng = np.random.default_rng(size)
    one = rng.normal(0, 1, size)
    both = [*one, *other]
    std = np.sqrt(
        ((size - 1) * (np.var(one, ddof=1) if size > 1 else 0) + (len(other) - 1) * np.var(other, ddof=1))
        / (len(both) - 2)
    )
    error = np.array([std / np.sqrt(len(other))])  # scipy's test pools on this side, too
    parts = [np.std(one, ddof=1) if size > 1 else np.nan, size, np.std(other, ddof=1), len(other)]
    low, high = pooled(np.array([np.mean(one) - np.mean(other)]), *(np.array([part]) for part in parts), error)
    if size > 1:
        expected = stats.ttest_ind(one, other, equal_var=True).confidence_interval(0.95)
        assert (low[0], high[0]) == pytest.approx((expected.low, expected.high))
    else:  # the prediction interval of a further value
        reach = stats.t.ppf(0.975, len(other) - 1) * np.std(other, ddof=1) * np.sqrt(1 + 1 / len(other))
        assert (high[0] - low[0]) / 2 == pytest.approx(reach)


@pytest.mark.parametrize("seeds", [1, 2, 4])
@pytest.mark.parametrize("together", [0.0, 0.8])
def test_intervals_of_few_seeds_that_are_drawn_alike_cover_the_published_mean(seeds, together):
    """With and without A_L. together: the correlation of a seed with its A_L, which makes the interval too wide."""
    rng, trials = np.random.default_rng(seeds), 4_000
    annotators = rng.normal(0, 0.5, (seeds, trials))
    ours = together * annotators * 2 + np.sqrt(1 - together**2) * rng.normal(0, 1, (seeds, trials))
    theirs, their_annotators = rng.normal(0, 1, (25, trials)), rng.normal(0, 0.5, (150, trials))
    for less, spread in ((0.0, 0.0), (1.0, their_annotators.std(axis=0, ddof=1))):
        own = ours - less * annotators
        std = own.std(axis=0, ddof=1) if seeds > 1 else np.full(trials, np.nan)
        one, n, m = theirs.std(axis=0, ddof=1), np.full(trials, seeds), np.full(trials, 25)
        error = np.hypot(one / 5, spread / np.sqrt(150))
        value = own.mean(axis=0) - (theirs.mean(axis=0) - less * their_annotators.mean(axis=0))
        low, high = pooled(value, std, n, np.hypot(one, spread), m, error)
        covered = ((low <= 0) & (high >= 0)).mean()
        assert covered >= 0.94
        assert covered <= 0.96 or (less and together)
