"""Accuracy, Brier score and AUC of all people from labels that are observed at random, with intervals from each part.

Labelled people are of four kinds, by decision and label, and represent all people by their weights. A few explored
people of one label dominate a measure. The estimated error of a weighted mean is smallest for the fewest of them:
intervals from it cover in 88 to 94 % of logs with 3 to 17 explored people of a label. So the parts are estimated
separately. The selection rate and the share of label 1 among selected and among rejected people have Wilson's
intervals, and a mean within a kind has Student's. The measure is computed at each limit with all other parts at their
values; these distances are squared, added and rooted (MOVER; Zou and Donner, 2008).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fairloop.metrics.group_rates import divide
from fairloop.metrics.intervals import Estimate, critical, student, wilson
from fairloop.metrics.shares import linearised

Floats = NDArray[np.float64]


class Kinds(NamedTuple):
    """Sums over labelled people by decision (rejected, selected) and label (0, 1): (..., 2, 2) arrays.

    weights: sums of weights, the number of people that they represent; squares: sums of squared weights.
    """

    weights: Floats
    squares: Floats

    def shares(self, alpha: float) -> list[Estimate]:
        """The selection rate, and the share of label 1 among the selected and among the rejected; (...,) each.

        Among people with one decision, weights are independent of the outcome, so the smaller of Kish's number and the
        linearised number counts. Selected people have smaller weights than rejected people by design, so Kish's number
        is wrong for the selection rate.
        """
        decided, squares = (one.sum(axis=-1) for one in self)
        rate = linearised(decided[..., 1], squares[..., 1], decided.sum(axis=-1), squares.sum(axis=-1))
        within = linearised(self.weights[..., 1], self.squares[..., 1], decided, squares)
        chosen = wilson(rate.value, rate.linear, critical(alpha))
        sure = np.isnan(rate.linear)  # all people have one decision
        positive = wilson(within.value, np.fmin(within.kish, within.linear), critical(alpha))
        return [
            Estimate(rate.value, *(np.where(sure, rate.value, one) for one in (chosen.low, chosen.high))),
            *(Estimate(*(one[..., i] for one in (positive.value, positive.low, positive.high))) for i in (1, 0)),
        ]


def mean(kinds: Kinds, means: Estimate, alpha: float) -> Estimate:
    """(...,) the mean over all people of a quantity with `means` (..., 2, 2) in the kinds, with limits of level 1 -
    alpha.

    A mean without error, such as the correctness of decisions in a kind, has both limits equal to it.

    >>> kinds = Kinds(np.array([[120.0, 60], [24, 37]]), np.array([[2400.0, 1200], [24, 37]]))
    >>> right = np.array([[1.0, 0], [0, 1]])
    >>> from fairloop.metrics.intervals import Estimate
    >>> found = mean(kinds, Estimate(right, right, right), 0.05)
    >>> [round(float(one), 3) for one in (found.value, found.low, found.high)]
    [0.651, 0.416, 0.813]
    """
    each = [Estimate(*(one[..., i, j] for one in (means.value, means.low, means.high))) for i in (0, 1) for j in (0, 1)]

    def of_all(rate: Floats, purity: Floats, omitted: Floats, *within: Floats) -> Floats:
        rejected, selected = _mixed(omitted, within[1], within[0]), _mixed(purity, within[3], within[2])
        return _mixed(rate, selected, rejected)

    return propagated(of_all, [*kinds.shares(alpha), *each])


def _mixed(share: Floats, one: Floats, other: Floats) -> Floats:
    """The mixture of `one` with `share` and `other` with the rest. A part with share 0 may be undefined."""
    mean = np.where(share > 0, share * one, 0) + np.where(share < 1, (1 - share) * other, 0)
    return np.asarray(np.where(np.isnan(share), np.nan, mean))


def mean_within(weights: Floats, squares: Floats, values: Floats, alpha: float) -> Estimate:
    """() the mean of (C,) `values` with Student's limits of level 1 - alpha, for Kish's number of people.

    weights, squares: (C,) sums of weights, and of their squares, of people with each value. NaN limits for one person.
    """
    total, people = weights.sum(), divide(weights.sum() ** 2, squares.sum())
    value = divide((weights * values).sum(), total)
    variance = divide((squares * (values - value) ** 2).sum(), total**2) * divide(people, people - 1)
    reach = student(people - 1, alpha) * np.sqrt(variance)
    return Estimate(value, value - reach, value + reach)


class Placed(NamedTuple):
    """People of one label by score, in both decisions; (2, B) arrays, rejected first, scores ascending.

    weights, squares: as in `Kinds`.
    """

    weights: Floats
    squares: Floats


def auc(negative: Placed, positive: Placed, alpha: float) -> Estimate:
    """() the AUC of all people with limits of level 1 - alpha, computed on the logit scale; NaN limits at 0 and 1.

    Each kind needs two people.

    >>> both = Placed(np.array([[20.0, 60, 20, 0], [0, 5, 9, 8]]), np.array([[400.0, 1200, 400, 0], [0, 5, 9, 8]]))
    >>> round(float(auc(both, both, 0.05).value), 3)
    0.5
    """
    kinds = Kinds(
        *(np.stack([one.sum(axis=1), other.sum(axis=1)], axis=1) for one, other in zip(negative, positive, strict=True))
    )
    below, above = (divide(one.weights.cumsum(axis=1) - one.weights / 2, one.weights.sum(axis=1, keepdims=True))
                    for one in (negative, positive))  # fmt: skip
    wins = divide(positive.weights @ below.T, positive.weights.sum(axis=1, keepdims=True))  # (2, 2), positive first

    def of_all(rate: Floats, purity: Floats, omitted: Floats, *shifts: Floats) -> Floats:
        by_decision = np.stack([1 - rate, rate])
        hits, misses = (by_decision * np.stack(pair) for pair in ((omitted, purity), (1 - omitted, 1 - purity)))
        return _logit(divide(hits @ wins @ misses, hits.sum() * misses.sum())) + sum(shifts)

    shares = kinds.shares(alpha)
    value = 1 / (1 + np.exp(-of_all(*(one.value for one in shares))))
    spread = divide(1, value * (1 - value))
    shifts = []
    for people, placed in ((positive, _pooled(below, negative)), (negative, 1 - _pooled(above, positive))):
        for weights, squares in zip(*people, strict=True):
            within = mean_within(weights, squares, placed, alpha)
            reach = (within.high - within.value) * weights.sum() / people.weights.sum() * spread
            shifts.append(Estimate(0 * reach, -reach, reach))
    found = propagated(of_all, [*shares, *shifts])
    return Estimate(*(1 / (1 + np.exp(-one)) for one in (found.value, found.low, found.high)))


def _pooled(shares: Floats, people: Placed) -> Floats:
    """(B,) the shares of both decisions together, from (2, B) of each."""
    weights = people.weights.sum(axis=1)
    return np.asarray(weights @ shares / weights.sum())


def _logit(share: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(share) - np.log1p(-share))


def propagated(formula: Callable[..., Floats], parts: Sequence[Estimate]) -> Estimate:
    """`formula` of independent parts, with limits from the limits of the parts."""
    values = [part.value for part in parts]
    value = formula(*values)
    below, above = np.zeros_like(value), np.zeros_like(value)
    for i, part in enumerate(parts):
        ends = [formula(*values[:i], end, *values[i + 1 :]) - value for end in (part.low, part.high)]
        below, above = below + np.minimum(0, ends).min(axis=0) ** 2, above + np.maximum(0, ends).max(axis=0) ** 2
    return Estimate(value, value - np.sqrt(below), value + np.sqrt(above))
