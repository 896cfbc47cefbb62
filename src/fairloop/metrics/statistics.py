"""Statistics over seeds: the interval or spread of a mean, and the generation at which a curve leaves a band.

This module computes all intervals, spreads and bands over seeds in tables, figures and pages. Intervals of rates
within one run or log are in `intervals`, and lines through rounds in `trend`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from math import ceil, log2, sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fairloop.metrics.intervals import student

Values = NDArray[np.float64]
Shown = Literal["undefined", "single value", "spread", "interval"]

ALPHA = 0.05
"""The level of every verdict, of intervals (1 - ALPHA) and of simultaneous bands."""

FEWEST_SEEDS = 5
"""Smallest number of seeds for an interval, and for a verdict."""

FEWEST_IN_BAND = 1 + ceil(log2(1 / ALPHA))
"""Smallest number of seeds for a simultaneous band, because the smallest p-value of n seeds is 2^-(n - 1)."""

POWER = 0.8
"""The power with which a needed number of seeds, or a detectable drift, shows a difference."""

MOST_NEEDED = 10_000
"""Largest result of `seeds_needed`."""

QUANTILES = (0.05, 0.95)
"""The ends of a published band."""

_NODES = 96  # of the quadrature: six digits
_EXACT = 13  # seeds, with all 2^12 sign flips; more seeds use random flips
_FLIPS = 9_999


def shown(seeds: int) -> Shown:
    """The type of uncertainty beside a mean over `seeds` seeds, for all tables, figures and pages.

    With `FEWEST_SEEDS` or more seeds an interval; with two or more the spread: the lowest and the highest seed's value.
    """
    if seeds >= FEWEST_SEEDS:
        return "interval"
    return ("undefined", "single value")[seeds] if seeds < 2 else "spread"


@dataclass(frozen=True)
class OverSeeds:
    """Statistics of each column of values, over the seeds with a defined value. NaN if undefined or not `shown`.

    seeds: number of defined values. std: of the sample. low, high: the 95 % interval of the mean, if an interval
    is shown. lowest, highest: of the seeds' values, if the spread is shown.
    """

    seeds: NDArray[np.int64]
    mean: Values
    std: Values
    low: Values
    high: Values
    lowest: Values
    highest: Values


def over_seeds(values: Values) -> OverSeeds:
    """Mean, and interval or spread, of each column of `values`, (seeds, columns). NaN values are left out.

    The interval is Student's, which has its level for any number of normal values.
    """
    known = np.isfinite(values)
    n = known.sum(axis=0)
    some = np.where(n > 0, n, np.nan)
    mean = np.where(known, values, 0).sum(axis=0) / some
    spread = np.where(known, values - mean, 0)
    spare = np.where(n > 1, n - 1, np.nan)
    std = np.sqrt((spread**2).sum(axis=0) / spare)
    kind = np.array([shown(int(seeds)) for seeds in n], dtype=object)
    reach = np.where(kind == "interval", student(spare, ALPHA) * std / np.sqrt(some), np.nan)
    lowest, highest = (
        np.where(kind == "spread", end(np.where(known, values, worst), axis=0, initial=worst), np.nan)
        for end, worst in ((np.min, np.inf), (np.max, -np.inf))
    )
    return OverSeeds(n, mean, std, mean - reach, mean + reach, lowest, highest)


def of_next_value(values: Values) -> tuple[Values, Values, Values]:
    """(mean, low, high) over seeds, the first axis: Student's prediction interval, which covers a further seed's value.

    Its coverage is 95 % for independent normal values. NaN for a single seed, and if a seed's value is undefined.

    >>> [round(float(one[0]), 2) for one in of_next_value(np.array([[0.0], [1.0], [2.0]]))]
    [1.0, -3.97, 5.97]
    """
    seeds, mean = len(values), values.mean(axis=0)
    if seeds < 2:
        return mean, np.full_like(mean, np.nan), np.full_like(mean, np.nan)
    reach = student(seeds - 1, ALPHA) * np.sqrt(1 + 1 / seeds) * values.std(axis=0, ddof=1)
    return mean, mean - reach, mean + reach


def over_splits(values: Values, tested: float) -> OverSeeds:
    """As `over_seeds`, for random splits of the same people: (splits, columns). tested: the share of test people.

    Splits share people, so their values are dependent. The interval is that of Nadeau and Bengio (2003,
    *Inference for the Generalization Error*): the factor of the splits' variance in the variance of the mean is
    1/J + tested / (1 - tested) in place of 1/J.
    """
    found = over_seeds(values)
    wider = np.sqrt(1 + found.seeds * tested / (1 - tested))
    return replace(
        found, low=found.mean - (found.mean - found.low) * wider, high=found.mean + (found.high - found.mean) * wider
    )


def welch(value: Values, stds: Values, seeds: Values, alpha: Values | float = ALPHA) -> tuple[Values, Values]:
    """(low, high) about `value`, a sum or difference of independent means, at level 1 - `alpha`.

    stds, seeds: (means, values) the sample standard deviation and the number of values of each mean. The
    variance of a mean is v = std^2 / seeds. The interval is Student's. Spreads may differ: its degrees of freedom are
    those of Welch (1947) and Satterthwaite (1946), (sum v)^2 / sum(v^2 / (seeds - 1)). Below `FEWEST_SEEDS` seeds their
    coverage is too low (simulated: 88 % with two seeds beside 25). The degrees of freedom are then the smallest seeds -
    1, with a coverage of 95 % or more (Mickey and Brown, 1966) and a wide interval. NaN for a mean of fewer than two
    seeds.
    """
    enough = (np.asarray(seeds) >= 2).all(axis=0)
    n = np.where(np.asarray(seeds) >= 2, seeds, 2)
    variances = np.asarray(stds) ** 2 / n
    total = variances.sum(axis=0)
    uncertain = (variances**2 / (n - 1)).sum(axis=0)
    freedom = np.divide(total**2, uncertain, out=np.ones_like(total), where=uncertain > 0)
    fewest = n.min(axis=0)
    freedom = np.where(fewest < FEWEST_SEEDS, fewest - 1, freedom)
    reach = np.where(enough, student(freedom, alpha) * np.sqrt(total), np.nan)
    return value - reach, value + reach


def pooled(
    value: Values,
    std: Values,
    seeds: Values,
    other_std: Values,
    other_seeds: Values,
    other_error: Values,
    alpha: Values | float = ALPHA,
) -> tuple[Values, Values]:
    """(low, high) about `value`, a mean of few seeds less another mean, at level 1 - `alpha`, for equal spreads.

    std, other_std: (values) the sample standard deviations of a seed on both sides; NaN for a single seed here.
    other_error: the standard error of the other mean. The variance of a seed is pooled over both sides, and the
    interval is Student's with seeds + other_seeds - 2 degrees of freedom. For one seed it is the prediction interval
    of a further value. It covers 95 % only if both sides have one spread. NaN for fewer than two other seeds.

    >>> import numpy as np
    >>> low, high = pooled(*(np.array([number]) for number in (0.0, np.nan, 1, 1.0, 25, 0.2)))
    >>> float(high[0]) == float(-low[0]), round(float(high[0]), 2)  # 2.064 * sqrt(1 + 0.04)
    (True, 2.1)
    """  # fmt: skip
    freedom = np.asarray(seeds + other_seeds - 2, float)
    own = np.where(np.asarray(seeds) > 1, (np.asarray(seeds) - 1) * np.nan_to_num(std) ** 2, 0.0)
    one = (own + (other_seeds - 1) * other_std**2) / np.maximum(freedom, 1)
    enough = (np.asarray(other_seeds) >= 2) & (np.asarray(seeds) >= 1)
    n = np.maximum(seeds, 1)
    reach = np.where(enough, student(np.maximum(freedom, 1), alpha) * np.sqrt(one / n + other_error**2), np.nan)
    return value - reach, value + reach


@cache
def expected_inside(seeds: int, runs: int = 1) -> float:
    """The expected share of new values between the 5 % and the 95 % quantile that were estimated from `seeds` seeds.

    Values are normal and independent. runs: a new value is the mean of `runs` runs. The share is less than .9, because
    the estimated quantiles are biased inwards: they interpolate linearly between neighbouring order statistics X_i and
    X_(i+1). The double integral over both is Gauss and Legendre's, in coordinates in which they are
    uniform: Phi(X_i) is Beta(i, n - i + 1), and given it, Phi(X_(i+1)) is the least of n - i uniform values above.
    """
    if seeds < 2:
        return 0.0  # a band of width 0
    from scipy.special import betaincinv, ndtr, ndtri  # slow to import

    place, further = divmod(QUANTILES[0] * (seeds - 1), 1)
    i = int(place) + 1
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    uniform, weights = (nodes + 1) / 2, weights / 2
    lower = betaincinv(i, seeds - i + 1, uniform)[:, None]
    upper = 1 - (1 - lower) * uniform ** (1 / (seeds - i))
    quantile = (1 - further) * ndtri(lower) + further * ndtri(upper)
    return float(1 - 2 * weights @ ndtr(sqrt(runs) * quantile) @ weights)


def seeds_needed(difference: float, std: float) -> float:
    """The smallest number of seeds for a two-sided paired t test of `difference` at level `ALPHA` with power `POWER`.

    std: of the paired differences. With d = |difference| / std, the fewest n with
    P(|T| > t) >= POWER, where T is noncentral t with n - 1 degrees of freedom and noncentrality d sqrt(n), and t the
    1 - ALPHA / 2 quantile of Student's t. NaN if d is undefined (no spread, or fewer than two seeds) or 0; infinite
    above `MOST_NEEDED`.
    """
    if not (std > 0 and difference != 0):  # NaN, too
        return float("nan")
    low, high = 1, MOST_NEEDED  # low has too few
    effect = abs(difference) / std
    if _power(effect, high) < POWER:
        return float("inf")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _power(effect, middle) >= POWER else (middle, high)
    return high


def _power(effect: float, seeds: int) -> float:
    from scipy.special import nctdtr  # slow to import

    t, shift = student(seeds - 1, ALPHA), effect * sqrt(seeds)
    above = nctdtr(seeds - 1, shift, t)
    below = nctdtr(seeds - 1, -shift, t)  # the other tail, mirrored
    return float(2 - np.nan_to_num(above) - below)


@dataclass(frozen=True)
class Band:
    """A simultaneous band around a difference of 0, with one value for each generation.

    seeds: number of defined differences. judged: whether they suffice. reach: half the band's width, NaN if
    not judged. outside: whether the mean difference is outside the band.
    """

    seeds: NDArray[np.int64]
    judged: NDArray[np.bool_]
    reach: Values
    outside: NDArray[np.bool_]


def simultaneous_band(differences: Values, alpha: float = ALPHA) -> Band:
    """The simultaneous band of paired `differences`, (seeds, generations), with coverage 1 - `alpha`.

    The statistic of a generation is |sum| / sqrt(sum of squares) over seeds, a monotone function of Student's |t| that
    needs no division by a spread. Without a difference, a seed's curve of differences and its negative are equally
    likely. So the largest statistic over generations is compared with those of curves with flipped signs of seeds
    (all flips, or 9,999 random flips). It is exact for two cases with equal distributions, of any form and with any
    dependence between generations, and for symmetric distributions of differences. It is not exact for other
    differences with mean 0: random walks of exponential steps leave the band in up to 10 % of cases.

    NaN values are left out. A generation with fewer than `FEWEST_IN_BAND` values is not judged.
    """
    known = np.isfinite(differences)
    seeds = known.sum(axis=0)
    judged = seeds >= FEWEST_IN_BAND
    reach, outside = np.full(len(seeds), np.nan), np.zeros(len(seeds), bool)
    if judged.any():
        values = np.where(known, differences, 0.0)[:, judged]
        size = np.sqrt((values**2).sum(axis=0))
        scaled = np.divide(values, size, out=np.zeros_like(values), where=size > 0)
        largest = np.sort(np.abs(_flips(len(values)) @ scaled).max(axis=1))[::-1]
        limit = largest[int(alpha * len(largest))] + 1e-9  # at most this number of statistics exceed it
        reach[judged] = limit * size / seeds[judged]
        outside[judged] = np.abs(scaled.sum(axis=0)) > limit
    return Band(seeds, judged, reach, outside)


def no_band(seeds: int) -> str:
    """The reason for a missing simultaneous band with `seeds` seeds, in words."""
    return (
        f"a band at the {100 * ALPHA:.0f} % level takes {FEWEST_IN_BAND} seeds; with {seeds} the smallest p-value is "
        f"2^-{seeds - 1} = {0.5 ** (seeds - 1):.3g}"
    )


def by_chance(verdicts: int) -> str:
    """The expected number of false positives among the verdicts, in words."""
    expected = ALPHA * verdicts
    return f"{expected:.2g}" if expected < 10 else f"{expected:.0f}"


@cache
def _flips(seeds: int) -> Values:
    """(flips, seeds) of 1 and -1, the first row all 1. Opposite flips give the same statistic, so one of each pair
    suffices.
    """
    if seeds > _EXACT:
        return np.vstack([np.ones(seeds), np.random.default_rng(0).choice([-1.0, 1.0], (_FLIPS, seeds))])
    every = np.arange(2 ** (seeds - 1))[:, None] >> np.arange(seeds) & 1
    return np.asarray(1 - 2 * every, np.float64)
