"""The four-fifths rule, and gates on intervals.

The rule of 29 CFR 1607.4 D: a selection rate below four fifths of the highest group's rate is generally regarded as
evidence of adverse impact. The inequality is strict: exactly four fifths is not evidence. The rule is a rule of thumb
of US employment law for selection rates, and its text also requires statistical significance.
"""

from __future__ import annotations

from math import isnan
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fairloop.metrics.group_rates import divide
from fairloop.metrics.intervals import Estimate, critical, wilson
from fairloop.metrics.proportions import pooled_z, ratio, sign_of_ratio
from fairloop.metrics.scores import finite
from fairloop.metrics.shares import Codes, Flags
from fairloop.metrics.statistics import ALPHA

FOUR_FIFTHS = 0.8

TOLERANCE = 1e-9
"""Numbers within this distance are equal: a tie breaks `>=` and `<=`, and keeps `>` and `<`."""

Verdict = Literal["PASS", "FAIL", "UNDEFINED"]


def breaks(value: float, sign: str, limit: float) -> bool:
    """Whether `value` is one of the values, `sign` ("<", "<=", ">", ">=") the limit, that break it."""
    beyond = value - limit if sign.startswith(">") else limit - value
    return beyond >= -TOLERANCE if sign.endswith("=") else beyond > TOLERANCE


def verdict(low: float, high: float, side: Literal["lower", "upper"], sign: str, limit: float) -> Verdict:
    """The verdict of an interval, low to high, on a limit. A value breaks the limit if `value sign limit` is true, with
    a
    sign of "<", "<=", ">" or ">=".

    side "lower": FAIL only if the whole interval breaks the limit, else PASS. "upper": PASS only if the whole interval
    keeps the limit, else FAIL. For "<" the ends swap. NaN is UNDEFINED. Bounds take the lower end of the lower bound's
    interval and the upper end of the upper bound's interval.

    >>> verdict(0.05, 0.2, "lower", ">", 0.1), verdict(0.05, 0.2, "upper", ">", 0.1)
    ('PASS', 'FAIL')
    """
    end = low if sign.startswith(">") == (side == "lower") else high
    if isnan(end):
        return "UNDEFINED"
    return "FAIL" if breaks(end, sign, limit) else "PASS"


def gate_alpha(alpha: float, lower_gates: int) -> float:
    """The level of each of several `lower` gates, for a probability of at most `alpha` that any of them fails wrongly.

    `upper` gates take `alpha` itself: all must pass, and a broken one passes with probability `alpha` at most (Berger,
    1982).
    """
    return alpha / max(1, lower_gates)


SMALL_CATEGORY = 0.02
"""New York City's Local Law 144 lets an audit leave out categories with a smaller share of all people."""


class Impact(NamedTuple):
    """(S,) arrays. highest: the group that the others are compared with, -1 if no group has a rate above 0.

    ratio: of each group's rate to that of `highest`, with an interval (MOVER-R); NaN for a group without members.
    below: whether the ratio is less than the limit, by exact comparison of counts. z: difference from `highest` in
    pooled standard errors; NaN for `highest`. fisher: p-values of Fisher's exact test, for small groups; very
    conservative for large groups.
    """

    highest: int
    ratio: Estimate
    below: Flags
    z: NDArray[np.float64]
    fisher: NDArray[np.float64]


def impact(hits: ArrayLike, members: ArrayLike, alpha: float = ALPHA, limit: float = FOUR_FIFTHS) -> Impact:
    """Impact ratios of groups from (S,) counts of selected people and of all.

    Among equal highest rates, the first group counts as the highest. Each interval is for one ratio, with a known
    highest group.

    >>> found = impact([48, 12], [80, 40])
    >>> found.highest, found.ratio.value.tolist(), found.below.tolist()
    (0, [1.0, 0.5], [False, True])
    """
    hit, member = np.asarray(hits, np.int64), np.asarray(members, np.int64)
    rates = wilson(divide(hit, member), member, critical(alpha))
    if not np.nan_to_num(rates.value).any():
        nothing = np.full(len(hit), np.nan)
        return Impact(-1, Estimate(nothing, nothing, nothing), np.zeros(len(hit), bool), nothing, nothing)
    top = int(np.nanargmax(rates.value))
    found = ratio(rates, rates.at(np.full(len(hit), top)))
    alone = np.arange(len(hit)) == top  # its ratio is 1 by definition
    found = Estimate(*(np.where(alone, 1.0, one) for one in (found.value, found.low, found.high)))
    counts = list(zip(hit.tolist(), member.tolist(), strict=True))
    return Impact(
        top,
        found,
        np.array([sign_of_ratio(*pair, *counts[top], limit) < 0 for pair in counts]),
        np.where(alone, np.nan, pooled_z(hit, member, hit[top], member[top])),
        np.array([np.nan if i == top else _fisher(*pair, *counts[top]) for i, pair in enumerate(counts)]),
    )


def _fisher(hits: int, members: int, other_hits: int, other_members: int) -> float:
    if not (members and other_members):
        return float("nan")
    from scipy.stats import fisher_exact  # slow to import

    return float(fisher_exact([[hits, members - hits], [other_hits, other_members - other_hits]]).pvalue)


def scoring_counts(scores: ArrayLike, groups: Codes, size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(S,) people with a score above the median of all, and all people, for `impact`: scoring rates of 6 RCNY 5-300.

    scores: (N,) finite. Scores equal to the median do not count as above it.

    >>> above, people = scoring_counts([1, 2, 3, 4], np.array([0, 0, 1, 1]), 2)
    >>> above.tolist(), people.tolist()
    ([0, 2], [2, 2])
    """
    values = finite(scores)
    above = values > np.median(values) if len(values) else np.zeros(0, bool)
    return np.bincount(groups[above], minlength=size), np.bincount(groups, minlength=size)


def small_categories(members: ArrayLike) -> Flags:
    """(S,) whether each category has less than `SMALL_CATEGORY` of all people. Its count and rate remain visible."""
    return np.asarray(np.asarray(members) < SMALL_CATEGORY * np.sum(members))
