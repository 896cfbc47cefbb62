"""The four-fifths rule, and gates on intervals.

The rule of 29 CFR 1607.4 D: a selection rate below four fifths of the highest group's rate is generally regarded as
evidence of adverse impact. The inequality is strict: exactly four fifths is not evidence. The rule is a rule of thumb
of US employment law for selection rates, and its text also requires statistical significance.
"""

from __future__ import annotations

from math import isnan
from typing import Literal

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
