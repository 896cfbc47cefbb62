"""Differences among many groups: each group against all the rest, with G tests in place of G (G - 1) / 2.

Holm's method keeps the level over groups. The best possible critical value (of the largest of the correlated
statistics) is 1 % smaller at five groups, and less so beyond. The largest less the smallest rate is not a measure of
many small groups: `expected_range` is its size without any difference.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fairloop.metrics.group_rates import divide
from fairloop.metrics.intervals import Estimate, critical, wilson
from fairloop.metrics.missing import holm
from fairloop.metrics.proportions import pooled_z
from fairloop.metrics.shares import Flags
from fairloop.metrics.statistics import ALPHA

Floats = NDArray[np.float64]

FEWEST = 10
"""Smallest number of hits, and of misses, of a group in tests. Normal intervals and tests of smaller groups miss their
level."""


class AgainstRest(NamedTuple):
    """Each group's rate less that of all others, (S,) arrays.

    difference: with Newcombe's simultaneous intervals for all groups (Bonferroni). z: in standard errors under
    equality. p: of z, two-sided. adjusted: p by Holm's method over the other groups, NaN for groups that are
    `too_small`.
    too_small: groups with fewer than `FEWEST` hits or misses.
    """

    difference: Estimate
    z: Floats
    p: Floats
    adjusted: Floats
    too_small: Flags


def number_of_tests(groups: int) -> int:
    """The number of tests for `groups` groups. Two groups have one test, because each is the other's rest."""
    return 1 if groups == 2 else groups


def against_rest(hits: ArrayLike, members: ArrayLike, alpha: float = ALPHA, fewest: int = FEWEST) -> AgainstRest:
    """Each of the groups against all the rest, from (S,) counts of hits and members.

    >>> found = against_rest([300, 140, 60], [1000, 400, 200])
    >>> found.difference.value.round(3).tolist(), found.adjusted.round(3).tolist()
    ([-0.033, 0.05, -0.014], [0.327, 0.185, 0.683])
    """
    from scipy.special import ndtr  # slow to import

    hit, member = np.asarray(hits, np.float64), np.asarray(members, np.float64)
    other_hit, other = hit.sum() - hit, member.sum() - member
    z = critical(alpha / max(1, number_of_tests(len(hit))))
    difference = wilson(divide(hit, member), member, z).less(wilson(divide(other_hit, other), other, z))
    distance = pooled_z(hit, member, other_hit, other)
    p = 2 * ndtr(-np.abs(distance))
    too_small = (hit < fewest) | (member - hit < fewest)
    told = np.where(too_small, np.nan, p)
    adjusted = told if len(hit) == 2 else holm(told)
    return AgainstRest(difference, distance, p, adjusted, too_small)


def expected_range(groups: int, spread: float = 1.0) -> float:
    """The expected range of the estimates of `groups` equal rates, each with the standard error `spread`.

    It is Tippett's (1925) d2 times `spread`, `sqrt(p (1 - p) / n)` for groups of n people.

    >>> round(expected_range(50, (0.3 * 0.7 / 200) ** 0.5), 3)
    0.146
    """
    from scipy.special import ndtr  # slow to import

    x = np.linspace(-9, 9, 3601)
    inside = 1 - ndtr(x) ** groups - ndtr(-x) ** groups
    return float(np.trapezoid(inside, x)) * spread
