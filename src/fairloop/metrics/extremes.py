"""Intervals of the smallest ratio between groups, and of the lowest and the highest group.

An extreme of several noisy values is biased outwards. So its inner limit holds for all of them at once
(Bonferroni). The outer limit is the outermost of their limits, because the interval of the truly extreme group covers
its value.
`intervals.largest_difference` does the same for differences.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fairloop.metrics.intervals import Ends, Floats, group_pairs
from fairloop.metrics.proportions import ratio


def smallest_ratio(
    rates: Sequence[Ends], groups: int, alpha: float, reference: int | None = None
) -> tuple[float, float]:
    """The interval of the smallest ratio of two of S `groups` in any of `rates`, of level 1 - `alpha`, in [0, 1].

    Each pair counts in both orders, so the smallest ratio is at most 1. reference: the group for comparison with all
    others; None: all pairs. MOVER-R gives the interval of a pair. Both limits are 1 for a single group, and NaN if a
    rate is NaN.
    """
    one, other = group_pairs(groups, reference)
    if not len(one):
        return 1.0, 1.0
    lows, highs = [], []
    for rate in rates:
        (lower, upper), (lower_of_all, upper_of_all) = rate(alpha), rate(2 * alpha / (len(rates) * len(one)))
        if np.isnan([lower.low, upper.high]).any():
            return np.nan, np.nan
        lows.append(ratio(lower.at(one), upper.at(other)).low)
        highs.append(ratio(upper_of_all.at(one), lower_of_all.at(other)).high)
    return _clipped(float(np.min(lows))), _clipped(float(np.min(highs)))


def lowest_group(rate: Ends, groups: int, alpha: float) -> tuple[float, float]:
    """The interval of the lowest value among S `groups`, of level 1 - `alpha`; NaN if a value is NaN."""
    (lower, _), (_, upper) = rate(alpha), rate(alpha / groups)
    return float(lower.low.min()), float(upper.high.min())


def highest_group(rate: Ends, groups: int, alpha: float) -> tuple[float, float]:
    """The interval of the highest value among S `groups`, of level 1 - `alpha`; NaN if a value is NaN."""
    (lower, _), (_, upper) = rate(alpha / groups), rate(alpha)
    return float(lower.low.max()), float(upper.high.max())


def ratio_to(reference: int, lower: Floats, upper: Floats) -> tuple[float, float]:
    """Bounds of the smallest ratio, in either order, of a group's value and the value of `reference`, from bounds of
    values.

    >>> ratio_to(0, np.array([0.5, 0.4]), np.array([0.5, 0.4]))
    (0.8, 0.8)
    """
    one, other = group_pairs(len(lower), reference)
    if np.isnan(lower + upper).any():
        return np.nan, np.nan
    if not len(one):
        return 1.0, 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        lows, highs = lower[one] / upper[other], upper[one] / lower[other]
    if np.isnan(lows).all():
        return np.nan, np.nan
    return _clipped(float(np.nanmin(lows))), _clipped(float(np.nanmin(np.append(highs, 1.0))))


def difference_to(reference: int, lower: Floats, upper: Floats) -> tuple[float, float]:
    """Bounds of the largest distance of a group's value from the value of `reference`, from bounds of values.

    >>> difference_to(0, np.array([0.5, 0.25]), np.array([0.5, 0.25]))
    (0.25, 0.25)
    """
    one, other = group_pairs(len(lower), reference)
    if not len(one):
        return 0.0, 0.0
    return (
        float(np.maximum(0, (lower[one] - upper[other]).max())),
        float(np.maximum(0, (upper[one] - lower[other]).max())),
    )


def interval(
    part: str, rates: Sequence[Ends], groups: int, alpha: float, reference: int | None = None
) -> tuple[float, float]:
    """The interval of the aggregate `part` (ratio, min or max) over S `groups` in the worst of `rates`."""
    if part == "ratio":
        return smallest_ratio(rates, groups, alpha, reference)
    return (lowest_group if part == "min" else highest_group)(rates[0], groups, alpha)


def _clipped(number: float) -> float:
    return float(np.clip(number, 0.0, 1.0))
