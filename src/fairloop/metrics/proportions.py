"""Closed forms for shares of people: the pooled test, and the interval of a ratio.

Arguments are numbers or arrays that broadcast; results have their shape. Counts may be real numbers (sums of weights,
effective numbers).
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fairloop.metrics.group_rates import divide
from fairloop.metrics.intervals import Estimate

Floats = NDArray[np.float64]


def pooled_z(hits: ArrayLike, members: ArrayLike, other_hits: ArrayLike, other_members: ArrayLike) -> Floats:
    """The difference of two shares in standard errors under equality, `(p - q) / sqrt(P (1 - P) (1/n + 1/m))`.

    P is the share of both together. NaN if a share is undefined or P is 0 or 1. The square is Pearson's chi-square
    without a correction for continuity, which would make the test too conservative.

    >>> float(pooled_z(14, 50, 40, 100).round(4))
    -1.4434
    """
    hits, members, other_hits, other_members = (
        np.asarray(one, np.float64) for one in (hits, members, other_hits, other_members)
    )
    together = divide(hits + other_hits, members + other_members)
    error = np.sqrt(together * (1 - together) * (divide(1, members) + divide(1, other_members)))
    return divide(divide(hits, members) - divide(other_hits, other_members), error)


def ratio(numerator: Estimate, denominator: Estimate) -> Estimate:
    """The ratio of two independent positive estimates, with an interval of the level of both.

    MOVER-R (Donner and Zou, 2012) computes the limits from the distances of each estimate to its limits. A denominator
    of 0 makes the value undefined (NaN). A denominator, or a lower limit of it, of 0 makes the upper limit infinite.

    >>> from fairloop.metrics.intervals import wilson
    >>> found = ratio(wilson(0.28, 50, 1.96), wilson(0.4, 100, 1.96))
    >>> [round(float(one), 3) for one in (found.value, found.low, found.high)]
    [0.7, 0.418, 1.126]
    """
    product = numerator.value * denominator.value
    below, above = (limit * (2 * numerator.value - limit) for limit in (numerator.low, numerator.high))
    beyond, within = (limit * (2 * denominator.value - limit) for limit in (denominator.high, denominator.low))
    low = divide(below, product + np.sqrt((product**2 - below * beyond).clip(0)))
    high = divide(product + np.sqrt((product**2 - above * within).clip(0)), within)
    known = np.isfinite(product)
    low = np.where(known & np.isnan(low), 0.0, low)  # no hits: 0 / 0
    high = np.where(known & (denominator.low <= 0), np.inf, high)
    return Estimate(divide(numerator.value, denominator.value), low, high)


def sign_of_ratio(hits: int, members: int, other_hits: int, other_members: int, limit: float | str) -> float:
    """-1, 0 or 1: whether `(hits / members) / (other_hits / other_members)` is less than, equal to or above `limit`.

    Counts are compared as fractions, and the limit counts as its decimal number: 8 of 25 against 2 of 5 is exactly .8,
    while floats give .7999999999999999. NaN if the ratio is undefined.

    >>> sign_of_ratio(8, 25, 2, 5, 0.8)
    0.0
    """
    if not (members and other_members and other_hits):
        return float("nan")
    return _sign(Fraction(hits * other_members, members * other_hits) - Fraction(str(limit)))


def sign_of_difference(hits: int, members: int, other_hits: int, other_members: int, limit: float | str) -> float:
    """-1, 0 or 1: whether `hits / members - other_hits / other_members` is less than, equal to or above `limit`.

    The comparison is exact, as in `sign_of_ratio`. NaN if a share is undefined.

    >>> sign_of_difference(2, 5, 3, 10, 0.1), 2 / 5 - 3 / 10 > 0.1
    (0.0, True)
    """
    if not (members and other_members):
        return float("nan")
    return _sign(Fraction(hits, members) - Fraction(other_hits, other_members) - Fraction(str(limit)))


def _sign(number: Fraction) -> float:
    return float((number > 0) - (number < 0))
