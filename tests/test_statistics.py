"""What is said of values over seeds, against simulations and formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fairloop.metrics.statistics import (
    FEWEST_IN_BAND,
    FEWEST_SEEDS,
    expected_inside,
    over_seeds,
    seeds_needed,
    shown,
    simultaneous_band,
)

NAN = np.nan
VALUES = st.one_of(st.floats(-100, 100), st.just(NAN))


def test_one_rule_says_what_is_shown():
    assert [shown(n) for n in range(7)] == ["undefined", "single value", *["spread"] * 3, *["interval"] * 2]


@given(st.lists(VALUES, max_size=9))
def test_what_is_computed_is_what_is_shown(values):
    column = np.array(values, float).reshape(-1, 1)
    found, known = over_seeds(column), [value for value in values if np.isfinite(value)]
    kind = shown(len(known))
    assert found.seeds[0] == len(known)  # an undefined value is counted out, never dropped silently
    assert (kind == "undefined") == np.isnan(found.mean[0])
    assert (kind == "interval") == np.isfinite(found.low[0]) == np.isfinite(found.high[0])
    assert (kind == "spread") == np.isfinite(found.lowest[0]) == np.isfinite(found.highest[0])
    if kind == "spread":
        assert (found.lowest[0], found.highest[0]) == (min(known), max(known))
    if kind == "interval":
        expected = stats.ttest_1samp(known, 0).confidence_interval(0.95) if np.ptp(known) else (known[0],) * 2
        assert (found.low[0], found.high[0]) == pytest.approx(tuple(expected), abs=1e-9)


@pytest.mark.parametrize("seeds", [5, 10])
def test_an_interval_covers_the_mean_as_often_as_it_says(seeds):
    found = over_seeds(np.random.default_rng(0).normal(0.3, 2, (seeds, 4_000)))
    covered = ((found.low <= 0.3) & (found.high >= 0.3)).mean()
    assert abs(covered - 0.95) < 3.5 * np.sqrt(0.95 * 0.05 / 4_000)


def test_the_share_to_expect_between_estimated_quantiles():
    assert [round(expected_inside(n), 2) for n in (25, 10, 5, 3)] == [0.83, 0.76, 0.62, 0.46]
    assert (expected_inside(0), expected_inside(1)) == (0, 0)
    assert expected_inside(100_000) == pytest.approx(0.9, abs=1e-3)
    shares = [expected_inside(n) for n in range(2, 60, 6)]
    assert shares == sorted(shares)
    assert max(shares) < 0.9


@pytest.mark.parametrize("seeds", [2, 3, 5, 10, 21, 25])
@pytest.mark.parametrize("runs", [1, 4])
def test_a_simulation_lies_inside_as_often_as_expected(seeds, runs):
    rng, times = np.random.default_rng(0), 40_000
    low, high = np.quantile(rng.normal(size=(times, seeds)), [0.05, 0.95], axis=1)
    new = rng.normal(size=times) / np.sqrt(runs)
    found = ((low <= new) & (new <= high)).mean()
    assert abs(found - expected_inside(seeds, runs)) < 4 * np.sqrt(0.25 / times)


@pytest.mark.parametrize(("effect", "seeds"), [(0.2, 199), (0.5, 34), (0.8, 15), (1.0, 10)])
def test_seeds_that_show_a_difference_are_those_of_published_tables(effect, seeds):
    assert seeds_needed(effect, 1.0) == seeds_needed(-3 * effect, 3.0) == seeds  # as G*Power has them


@given(st.floats(0.06, 3))
def test_so_many_seeds_have_the_power_and_one_less_has_not(effect):
    def power(n: int) -> float:
        t, shift = stats.t.ppf(0.975, n - 1), effect * np.sqrt(n)
        return float(stats.nct.sf(t, n - 1, shift) + stats.nct.cdf(-t, n - 1, shift))

    n = int(seeds_needed(effect, 1.0))
    assert power(n) >= 0.8 - 1e-9
    assert n == 2 or power(n - 1) < 0.8


def test_seeds_needed_are_undefined_without_spread_and_have_an_end():
    assert np.isnan(
        [seeds_needed(1.0, 0.0), seeds_needed(1.0, NAN), seeds_needed(0.0, 1.0), seeds_needed(NAN, NAN)]
    ).all()
    assert seeds_needed(1e-6, 1.0) == np.inf


def walk(steps: np.ndarray) -> np.ndarray:
    return steps.cumsum(axis=1)


def autoregressive(noise: np.ndarray) -> np.ndarray:
    found = noise.copy()
    for i in range(1, noise.shape[1]):
        found[:, i] = 0.9 * found[:, i - 1] + np.sqrt(1 - 0.81) * noise[:, i]
    return found


NOISE = {
    "iid": lambda rng, shape: rng.normal(size=shape),
    "a level of each seed": lambda rng, shape: rng.normal(size=shape) + 3 * rng.normal(size=(shape[0], 1)),
    "autoregressive": lambda rng, shape: autoregressive(rng.normal(size=shape)),
    "random walk": lambda rng, shape: walk(rng.normal(size=shape)),
    "skewed": lambda rng, shape: rng.exponential(size=shape),
    "growing variance": lambda rng, shape: rng.normal(size=shape) * np.linspace(0.1, 3, shape[1]),
}
TIMES = 300
MOST = int(stats.binom.ppf(0.9999, TIMES, 0.05))
"""Of so many studies without a difference, more leave their band once in 10,000 times if 5 % of all do."""


@pytest.mark.parametrize("seeds", [6, 10])
@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("band", ["own", "another's"])
def test_at_most_five_percent_of_studies_without_a_difference_leave_a_band(noise, seeds, band):
    rng, left = np.random.default_rng(0), 0
    for _ in range(TIMES):
        one, other = (NOISE[noise](rng, (seeds, 41)) for _ in range(2))
        left += simultaneous_band(one[:, 1:] - one[:, :1] if band == "own" else one - other).outside.any()
    assert left <= MOST


def test_a_difference_that_is_there_leaves_its_band_where_it_begins():
    rng = np.random.default_rng(0)
    values = rng.normal(0, 1, (10, 41))
    values[:, 20:] += 4
    outside = simultaneous_band(values).outside
    assert outside[20:].all()
    assert not outside[:20].any()


@given(st.integers(0, 99), st.integers(FEWEST_IN_BAND, 9), st.floats(0.01, 100))
def test_a_band_knows_no_unit_and_no_sign_and_is_where_it_says(seed, seeds, unit):
    values = np.random.default_rng(seed).normal(0.8, 1, (seeds, 8))
    found = simultaneous_band(values)
    assert (found.outside == (np.abs(values.mean(axis=0)) > found.reach)).all()
    for other in (unit * values, -values, values[::-1]):
        assert (simultaneous_band(other).outside == found.outside).all()


def test_below_six_seeds_no_band_attains_the_level():
    same = np.full((FEWEST_SEEDS, 3), 0.5)
    assert not simultaneous_band(same).judged.any()
    assert FEWEST_IN_BAND == 6
    found = simultaneous_band(np.full((6, 3), 0.5))
    assert found.outside.all()
    assert not simultaneous_band(np.zeros((6, 3))).outside.any()


def test_generations_in_which_too_few_seeds_are_defined_are_not_judged():
    values = np.full((7, 3), 0.5)
    values[0, 1], values[:2, 2] = NAN, NAN
    found = simultaneous_band(values)
    assert found.seeds.tolist() == [7, 6, 5]
    assert found.judged.tolist() == [True, True, False]
    assert np.isnan(found.reach[2])
    assert not found.outside[2]
