"""Rates of all people from the labels of some people, with known probabilities of observing each label.

A propensity is the probability that a row's label becomes known, given the information at the decision: 1 for the
selected, e for rejected rows that are explored at random. Each labelled row represents `1 / propensity` rows.

Kish's effective size is wrong here, because weights depend on the outcome. It is largest in the worst case, without an
explored row in the numerator. `shares.Share.linear` replaces it, and refusals depend on counts.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fairloop.errors import InputError
from fairloop.metrics import scores as scored
from fairloop.metrics.group_rates import divide
from fairloop.metrics.intervals import Estimate, critical, wilson
from fairloop.metrics.shares import Codes, Flags, Share, checked_weights, known_labels, parts, weighted_share
from fairloop.metrics.statistics import ALPHA

Floats = NDArray[np.float64]

FEWEST = 5
"""Smallest number of explored rows in the denominator of a rate for an interval from weights."""

MOST_Z = 3.5
"""Largest distance of label counts from the stated propensities, in standard errors; larger distances refute them."""

WIDE = 0.5
"""Largest width of an informative interval."""


class Weighted(NamedTuple):
    """A rate of all rows of each group, (S,) arrays.

    share: Hajek's estimate. explored: labelled rows in the denominator whose propensity is below 1. refused: whether
    their number is below `FEWEST` in a denominator that can contain explored rows.
    """

    share: Share
    explored: Codes
    refused: Flags

    def interval(self, alpha: float) -> Estimate:
        """Wilson's interval of level 1 - `alpha` with the linearised number of rows; NaN where refused.

        At a share of 0 or 1 it is also NaN, unless every label in the denominator has propensity 1.
        """
        certain = np.where(np.isfinite(self.share.linear), self.share.linear, np.nan)
        certain = np.where(np.isnan(certain) & (self.explored == 0), self.share.kish, certain)
        found = wilson(self.share.value, certain, critical(alpha))
        return Estimate(*(np.where(self.refused, np.nan, one) for one in (found.value, found.low, found.high)))


def rates(
    selected: Flags, labels: Floats, propensity: Floats, groups: Codes, size: int, weights: Floats | None = None
) -> dict[str, Weighted]:
    """Rates of all rows of groups 0..size-1, by weights 1 / propensity: all of `shares.SHARES` that need labels.

    selected: (N,) the model's own decisions: an explored row is rejected, even if it got the loan. labels: (N,) 0, 1,
    NaN where unknown. propensity: (N,) in (0, 1] where a label is known. groups: (N,) codes. weights: (N,) of people,
    1 if None. Refuse rows first by `wrong`, `unreachable` and `agreement`.
    """
    known = known_labels(labels)
    weight = divide(known if weights is None else known * checked_weights(weights), np.where(known, propensity, 1.0))
    chance = propensity < 1
    candidates = {"ppv": selected, "for": ~selected}
    found = {}
    for name, (hits, members) in parts(selected, labels).items():
        if name == "selection_rate":
            continue
        explored = np.bincount(groups[members & chance], minlength=size)
        open_to = np.bincount(groups[candidates.get(name, np.ones_like(selected)) & chance], minlength=size) > 0
        share = weighted_share(hits, members, groups, size, weight)
        found[name] = Weighted(share, explored, open_to & (explored < FEWEST))
    return found


def auc(scores: ArrayLike, labels: Floats, propensity: Floats, weights: Floats | None = None) -> scored.Auc:
    """The AUC of all rows of one group, by weights 1 / propensity; see `scores.auc`."""
    known = known_labels(labels)
    people = 1.0 if weights is None else checked_weights(weights)
    return scored.auc(scores, labels, divide(known * people, np.where(known, propensity, 1.0)))


class Explored(NamedTuple):
    """Counts of each group, (S,), for a log with labels of all selected rows and one propensity for rejected rows.

    positive, negative: selected rows by label. rejected: all. explored: rejected rows with a label.
    explored_positive: of these, positive.
    """

    positive: Floats
    negative: Floats
    rejected: Floats
    explored: Floats
    explored_positive: Floats


def explored(selected: Flags, labels: Floats, propensity: Floats, groups: Codes, size: int) -> Explored:
    """The counts for `three_parts`. Raises InputError if propensities vary within the rejected rows of a group."""
    known = known_labels(labels)
    if not known[selected].all():
        row = int(np.flatnonzero(selected & ~known)[0])
        raise InputError(f"labels: selected row {row} has no label; use bounds, or `propensity.rates`")
    for group in range(size):
        chances = propensity[~selected & (groups == group)]
        if len(chances) and not np.ptp(chances) <= 1e-9:
            raise InputError(
                f"propensity: {chances.min():g} to {chances.max():g} among the rejected rows of group {group}; "
                "use `propensity.rates`, or one group for each propensity"
            )
    kinds = (
        selected & (labels == 1),
        selected & (labels == 0),
        ~selected,
        ~selected & known,
        ~selected & (labels == 1),
    )
    return Explored(*(np.bincount(groups[kind], minlength=size).astype(np.float64) for kind in kinds))


def three_parts(counts: Explored, alpha: float = ALPHA) -> dict[str, Estimate]:
    """(S,) `tpr` and `fpr` of all rows, with intervals of level 1 - `alpha` that are valid for any number of explored
    rows.

    `logit TPR = logit(selection rate) + log PPV - log q`, with q the share of positive labels among the explored: three
    independent parts with Wilson limits, whose distances are squared, added and rooted (Zou and Donner, 2008). Without
    explored rows the limits are 0 and 1, and the value is NaN. An interval wider than `WIDE` is uninformative.

    >>> found = three_parts(Explored(*(np.array([one]) for one in (37.0, 24, 59, 9, 3))))["tpr"]
    >>> [round(float(one[0]), 4) for one in (found.value, found.low, found.high)]
    [0.6529, 0.4616, 0.8485]
    """
    positive, negative, rejected, explored_rows, explored_positive = counts
    return {
        "tpr": _three_parts(positive, negative, rejected, explored_rows, explored_positive, alpha),
        "fpr": _three_parts(negative, positive, rejected, explored_rows, explored_rows - explored_positive, alpha),
    }


def _three_parts(
    hit: Floats, rest: Floats, rejected: Floats, explored: Floats, missed: Floats, alpha: float
) -> Estimate:
    z, chosen = critical(alpha), hit + rest
    everybody = chosen + rejected
    rate, purity, q = (
        wilson(divide(*pair), pair[1], z) for pair in ((chosen, everybody), (hit, chosen), (missed, explored))
    )
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        odds = Estimate(*(np.log(one) - np.log1p(-one) for one in (rate.value, rate.low, rate.high)))
        share = Estimate(*(np.log(one) for one in (purity.value, purity.low, purity.high)))
        scale = Estimate(*(-np.log(one) for one in (q.value, q.high, q.low)))
        low, high = (1 / (1 + np.exp(-_limit([odds, share, scale], end))) for end in ("low", "high"))
    known = np.isfinite(low) & np.isfinite(high)
    value = divide(hit, hit + rejected * divide(missed, explored))
    return Estimate(value, np.where(known, low, 0.0), np.where(known, high, 1.0))


def _limit(logs: list[Estimate], end: str) -> Floats:
    """A limit of the sum of independent estimates. An infinite estimate determines the limit alone."""
    values, limits = np.array([one.value for one in logs]), np.array([getattr(one, end) for one in logs])
    infinite = np.isinf(values)
    beyond = np.isinf(values.sum(axis=0)) & (np.sign(values.sum(axis=0)) == (1 if end == "high" else -1))
    plain = values.sum(axis=0) + (1 if end == "high" else -1) * np.sqrt(((limits - values) ** 2).sum(axis=0))
    at_end = np.where(infinite, limits, values).sum(axis=0)
    return np.asarray(np.where(beyond, values.sum(axis=0), np.where(infinite.any(axis=0), at_end, plain)))


def false_omission_rate(counts: Explored, alpha: float = ALPHA) -> Estimate:
    """(S,) the false omission rate: the share of positive labels among the explored, with Wilson's interval."""
    return wilson(divide(counts.explored_positive, counts.explored), counts.explored, critical(alpha))


def wrong(labels: Floats, propensity: Floats) -> Flags:
    """(N,) whether the propensity of each row is impossible: outside (0, 1] or NaN with a label; outside [0, 1) or NaN
    without one.
    """
    known = known_labels(labels)
    seen, unseen = (propensity > 0) & (propensity <= 1), (propensity >= 0) & (propensity < 1)
    return ~np.where(known, seen, unseen)


def unreachable(propensity: Floats, selected: Flags, groups: Codes, size: int) -> Flags:
    """(S, 2) whether a rejected (0) or selected (1) row of a group has propensity 0. Such groups need bounds."""
    never = np.bincount((groups * 2 + selected)[propensity == 0], minlength=2 * size)
    return (never > 0).reshape(size, 2)


class Agreement(NamedTuple):
    """Agreement of labels with propensities. overall: z of all rows. cells: (S, 2) z of rejected and selected rows.

    z is `sum(R - propensity) / sqrt(sum(propensity (1 - propensity)))`, R whether a label is known; NaN if all
    propensities are 0 or 1. rows: the sum of 1 / propensity over labelled rows, an estimate of the number of all.
    """

    overall: float
    cells: Floats
    rows: float

    @property
    def refuted(self) -> bool:
        """Whether any |z| exceeds `MOST_Z`, so that the propensities do not fit the labels."""
        return bool((np.abs(np.append(self.cells, self.overall)) > MOST_Z).any())


def agreement(labels: Floats, propensity: Floats, selected: Flags, groups: Codes, size: int) -> Agreement:
    """The agreement of the (N,) propensities, known for every row, with the known labels."""
    known = known_labels(labels)
    cell = groups * 2 + selected
    excess, variance = (
        np.bincount(cell, one, minlength=2 * size).reshape(size, 2)
        for one in (known - propensity, propensity * (1 - propensity))
    )
    return Agreement(
        float(divide(excess.sum(), np.sqrt(variance.sum()))),
        divide(excess, np.sqrt(variance)),
        float((1 / propensity[known]).sum()),
    )


def explored_rows_needed(tpr: float, q: float, half_width: float, alpha: float = ALPHA) -> float:
    """The number of rejected rows to explore, per group and round, for an interval of TPR of about this half width.

    tpr: expected, in (0, 1). q: share of positive labels among the rejected, in (0, 1]. It is
    `(z tpr (1 - tpr) / half_width)^2 (1 - q) / q`, from the largest of the three parts' errors.

    >>> round(explored_rows_needed(0.5333, 0.3, 0.05))
    222
    """
    return float((critical(alpha) * tpr * (1 - tpr) / half_width) ** 2 * (1 - q) / q)
