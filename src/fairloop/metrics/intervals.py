"""Intervals of rates, of differences between groups, and of changes.

All are closed forms of counts. A rate has Wilson's score interval (1927). A change between two rounds has the
interval of Newcombe (1998) from two Wilson intervals, which Zou and Donner (2008) generalise: the distance to a limit
is the root of the sum of squared distances. It holds for independent samples; for the same people twice it is too wide.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fairloop.metrics.group_rates import Rate, divide

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A value and its limits; arrays of one shape. NaN where undefined."""

    value: Floats
    low: Floats
    high: Floats

    def at(self, index: int | NDArray[np.int64] | tuple[slice, int]) -> Estimate:
        """The estimates at `index`."""
        return Estimate(self.value[index], self.low[index], self.high[index])

    def less(self, before: Estimate) -> Estimate:
        """The change from an independent `before`, with an interval of the level of both estimates."""
        change = self.value - before.value
        return Estimate(
            change,
            change - np.hypot(self.value - self.low, before.high - before.value),
            change + np.hypot(self.high - self.value, before.value - before.low),
        )


def stacked(estimates: Sequence[Estimate]) -> Estimate:
    """Several estimates of one shape as one, along a new first axis."""
    return Estimate(*(np.stack([getattr(one, part) for one in estimates]) for part in ("value", "low", "high")))


def critical(alpha: ArrayLike) -> Floats:
    """The two-sided critical value of a standard normal: |Z| exceeds it with probability `alpha`, in (0, 1).

    >>> float(critical(0.05).round(4))
    1.96
    """
    from scipy.special import ndtri  # slow to import

    return np.asarray(-ndtri(np.asarray(alpha, np.float64) / 2))


def wilson(share: ArrayLike, members: ArrayLike, z: ArrayLike) -> Estimate:
    """A `share` in [0, 1] of `members` people with Wilson's score interval (1927), limits in [0, 1].

    z: the critical value; 1.96 for a two-sided level of 95 %, 1.645 for a one-sided one at each end. NaN where the
    share is NaN or there are no members.

    >>> found = wilson(0.3, 10, 1.96)
    >>> round(float(found.low), 3), round(float(found.high), 3)
    (0.108, 0.603)
    """
    share, members, z = (np.asarray(one, np.float64) for one in (share, members, z))
    shrink = divide(1, 1 + divide(z**2, members))
    middle = shrink * (share + divide(z**2, 2 * members))
    reach = z * shrink * np.sqrt(divide(share * (1 - share), members) + divide(z, 2 * members) ** 2)
    # At a share of 0 or 1 the limit is the share itself, but for the last bits.
    return Estimate(share, np.minimum(middle - reach, share).clip(0), np.maximum(middle + reach, share).clip(max=1))


def of_rate(rate: Rate, alpha: float) -> Estimate:
    """(S + 1,) the rate of all people, then of each group, each with an interval of level 1 - alpha."""
    values = np.concatenate([[rate.overall], rate.by_group])
    members = rate.members.astype(np.float64) if rate.effective is None else rate.effective
    return wilson(values, members, critical(alpha))


def of_difference(rates: Sequence[Rate], alpha: float) -> Estimate:
    """() the largest difference between two groups in any of `rates`, with an interval of level 1 - alpha."""
    groups = np.arange(1, len(rates[0].by_group) + 1)  # 0 is the value of all people
    known = [lambda level, rate=rate: (of_rate(rate, level).at(groups),) * 2 for rate in rates]
    lower, upper = largest_difference(known, len(groups), alpha)
    return Estimate(upper.value, lower.low, upper.high)


Ends = Callable[[float], tuple[Estimate, Estimate]]
"""A function of alpha that returns the lower and the upper bound of a rate in each of S groups, (S,), with limits of
level 1 - alpha. Both are the estimate of an identified rate."""


def group_pairs(groups: int, reference: int | None = None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(P,) each: all pairs of groups in both orders, or all pairs with `reference` in both orders."""
    one, other = np.nonzero(~np.eye(groups, dtype=bool))
    if reference is None:
        return one, other
    used = (one == reference) | (other == reference)
    return one[used], other[used]


def largest_difference(
    rates: Sequence[Ends], groups: int, alpha: float, reference: int | None = None
) -> tuple[Estimate, Estimate]:
    """() bounds of the largest difference between two of S `groups` in any of `rates`, with limits of level 1 - alpha.

    The largest of several noisy differences is biased upwards, and more so for many small groups. So the lower limit
    holds for all pairs at once (Bonferroni). The upper limit needs no correction, because the interval of the pair with
    the largest true difference covers it. The lower limit of the lower bound and the upper limit of the upper bound
    are the ends of the interval. All are 0 for a single group, and NaN if a rate of a group is NaN.

    reference: the group for comparison with all others; None: all pairs.
    """
    one, other = group_pairs(groups, reference)
    pairs = len(rates) * len(one) // 2
    if not pairs:
        none = Estimate(np.zeros(()), np.zeros(()), np.zeros(()))
        return none, none
    alone = [rate(alpha) for rate in rates]
    together = [rate(alpha / pairs) for rate in rates]
    highs = [upper.at(one).less(lower.at(other)) for lower, upper in alone]
    lows = [lower.at(one).less(upper.at(other)) for lower, upper in together]
    nan = np.asarray(np.nan)
    return (
        Estimate(_largest(lows, "value"), _largest(lows, "low"), nan),
        Estimate(_largest(highs, "value"), nan, _largest(highs, "high")),
    )


def _largest(estimates: Sequence[Estimate], part: str) -> Floats:
    """() the largest value of all pairs in all estimates, at least 0; NaN if one is NaN."""
    return np.asarray(np.maximum(0, np.max([getattr(one, part).max() for one in estimates])))
