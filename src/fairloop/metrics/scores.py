"""The quality of the scores of one group: the AUC with its interval, and the Brier score.

Both follow from a `ScoreTable`: sums of weights of each label at each distinct score. A table of equal bins in place of
distinct scores keeps memory flat, and has a bound of its error.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fairloop.errors import InputError
from fairloop.metrics.group_rates import divide
from fairloop.metrics.intervals import Estimate, critical
from fairloop.metrics.shares import Codes, Flags, checked_weights, known_labels

Floats = NDArray[np.float64]

FEW = 10
"""Smallest number of people of a label for a reliable interval of an AUC; others are flagged."""


class ScoreTable(NamedTuple):
    """Sums over people by score, ascending; arrays of shape (B,).

    positive, negative: sums of weights of people with label 1 and 0. positive_squares, negative_squares: of squared
    weights. Without weights all are counts.
    """

    positive: Floats
    negative: Floats
    positive_squares: Floats
    negative_squares: Floats


class Auc(NamedTuple):
    """An AUC in [0, 1], .5 for scores without information; NaN if a label is missing.

    error: its standard error; NaN with a single person of a label. positives, negatives: Kish's number of people of
    each label, or the number of people without weights. doubt: bound of the error of the AUC; 0 for distinct scores.
    """

    value: float
    error: float
    positives: float
    negatives: float
    doubt: float

    @property
    def few(self) -> bool:
        """Whether a label has too few people for a reliable interval."""
        return min(self.positives, self.negatives) < FEW

    def interval(self, alpha: float) -> Estimate:
        """() the AUC with an interval of level 1 - `alpha` from the logit scale; NaN limits at 0 and 1."""
        value = np.asarray(self.value)
        spread = value * (1 - value)
        if not spread > 0:
            return Estimate(value, np.asarray(np.nan), np.asarray(np.nan))
        reach = critical(alpha) * self.error / spread
        odds = np.log(value / (1 - value))
        low, high = (1 / (1 + np.exp(-(odds + side * reach))) for side in (-1, 1))
        return Estimate(value, np.asarray(low - self.doubt).clip(0), np.asarray(high + self.doubt).clip(max=1))


def selected(scores: NDArray[np.floating], threshold: float) -> Flags:
    """(N,) whether each score is at least `threshold`, as a number of the scores' own type.

    A float32 score of .7 is less than the float64 number .7.

    >>> selected(np.array([0.7, 0.6], np.float32), 0.7).tolist()
    [True, False]
    """
    kind = scores.dtype.type if np.issubdtype(scores.dtype, np.floating) else float
    return np.asarray(scores >= kind(threshold), bool)


def midranks(scores: ArrayLike) -> Floats:
    """(N,) ranks 1..N of (N,) finite scores; equal scores share the mean of their ranks.

    >>> midranks([0.2, 0.5, 0.5]).tolist()
    [1.0, 2.5, 2.5]
    """
    _, place, often = np.unique(finite(scores), return_inverse=True, return_counts=True)
    return (often.cumsum() - (often - 1) / 2)[place]


def tabulate(place: Codes, size: int, labels: Floats, weights: Floats | None = None) -> ScoreTable:
    """The table of (N,) people at positions 0..size-1 of a scale, without people without a label (NaN) or weight."""
    positive, negative = known_labels(labels) & (labels == 1), labels == 0
    weight = np.ones(len(labels)) if weights is None else checked_weights(weights)
    return ScoreTable(
        *(
            np.bincount(place, weight**power * one, minlength=size).astype(np.float64)
            for power in (1, 2)
            for one in (positive, negative)
        )
    )


def auc(scores: ArrayLike, labels: Floats, weights: Floats | None = None) -> Auc:
    """The probability that a person with label 1 has a higher score than a person with label 0; ties count half.

    scores: (N,) finite. labels: (N,) 0, 1, or NaN where unknown, which leaves the person out. weights: (N,) of people,
    or 1 / propensity of labels, or the product. The standard error is that of DeLong, DeLong and Clarke-Pearson (1988),
    and of its linearisation with weights.

    >>> round(auc([0.1, 0.4, 0.35, 0.8], np.array([0, 0, 1, 1.0])).value, 6)
    0.75
    """
    distinct, place = np.unique(finite(scores), return_inverse=True)
    return auc_of(tabulate(place, len(distinct), labels, weights))


def auc_of(table: ScoreTable, doubt: float = 0.0) -> Auc:
    """The AUC of a table whose rows are scores, ascending; people in one row are ties. doubt: see `Auc`."""
    positive, negative = table.positive.sum(), table.negative.sum()
    if not (positive and negative):
        return Auc(np.nan, np.nan, *(_kish(table)), doubt)
    below = divide(table.negative.cumsum() - table.negative / 2, negative)  # share of label 0 below a row
    above = 1 - divide(table.positive.cumsum() - table.positive / 2, positive)
    value = float((table.positive * below).sum() / positive)
    people = _kish(table)
    variances = (
        (squares * (share - value) ** 2).sum() / total**2 * divide(kish, kish - 1)
        for squares, share, total, kish in (
            (table.positive_squares, below, positive, people[0]),
            (table.negative_squares, above, negative, people[1]),
        )
    )
    return Auc(value, float(np.sqrt(sum(variances))), *people, doubt)


def _kish(table: ScoreTable) -> tuple[float, float]:
    pairs = ((table.positive, table.positive_squares), (table.negative, table.negative_squares))
    positives, negatives = (float(np.nan_to_num(divide(sums.sum() ** 2, squares.sum()))) for sums, squares in pairs)
    return positives, negatives


def brier(scores: ArrayLike, labels: Floats, weights: Floats | None = None) -> float:
    """The mean of (score - label)^2, in [0, 1], 0 is best; NaN without a labelled person.

    scores: (N,) probabilities in [0, 1]. labels: (N,) 0, 1, or NaN where unknown, which leaves the person out.

    >>> brier([0.5, 1.0], np.array([1, 1.0]))
    0.125
    """
    known = known_labels(labels)
    weight = (np.ones(len(known)) if weights is None else checked_weights(weights))[known]
    error = (probabilities(scores)[known] - labels[known]) ** 2
    return float(divide((weight * error).sum(), weight.sum()))


def probabilities(scores: ArrayLike) -> NDArray[np.floating]:
    """(N,) `scores`. Raises InputError for a score outside [0, 1]. Floating point numbers keep their type."""
    values = np.asarray(scores)
    values = values if np.issubdtype(values.dtype, np.floating) else values.astype(np.float64)
    wrong = values[~((values >= 0) & (values <= 1))]
    if len(wrong):
        raise InputError(f"scores: {wrong[0]:g} is not a probability in [0, 1]; AUC and distances take other scores")
    return values


def finite(scores: ArrayLike) -> Floats:
    """(N,) `scores` as float64. Raises InputError for a score that is not finite."""
    values = np.asarray(scores, np.float64)
    wrong = values[~np.isfinite(values)]
    if len(wrong):
        raise InputError(f"scores: {wrong[0]:g} is not a finite number; leave rows without a score out")
    return values


def auc_difference(one: Auc, other: Auc) -> tuple[float, float, float]:
    """The difference of AUCs of two independent groups, its standard error, and the quotient z of both."""
    gap, error = one.value - other.value, float(np.hypot(one.error, other.error))
    return gap, error, float(divide(gap, error))
