"""Worst-case bounds of rates with missing labels, without assumptions about the missing labels (Manski, 1989).

If only selected rows have labels, TPR and FPR among the labelled rows are exactly 1 in every group and carry no
information. Each missing label is 0 or 1; a bound is the smallest or largest rate over all ways to complete the labels
in which the rate exists. Cells are arrays of shape (S,), one entry a group; groups are completed independently.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fairloop.errors import InputError
from fairloop.metrics.group_rates import divide
from fairloop.metrics.intervals import Estimate, critical, wilson
from fairloop.metrics.shares import Codes, Flags, checked_weights, known_labels
from fairloop.metrics.statistics import ALPHA

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Cells:
    """Rows of each group by decision and label; (S,) arrays of counts, or of sums of weights.

    selected_unknown, rejected_unknown: rows without a label. squares: with weights, the sums of their squares.
    """

    selected_positive: Floats
    selected_negative: Floats
    rejected_positive: Floats
    rejected_negative: Floats
    selected_unknown: Floats
    rejected_unknown: Floats
    squares: Cells | None = None

    @classmethod
    def of_selected(cls, positive: ArrayLike, negative: ArrayLike, rejected: ArrayLike) -> Cells:
        """Cells of a log with labels for all selected rows, `positive` and `negative`, and without labels for rejected
        rows.
        """
        known, unknown = np.asarray([positive, negative], np.float64), np.asarray(rejected, np.float64)
        none = np.zeros_like(unknown)
        return cls(known[0], known[1], none, none, none, unknown)


@dataclass(frozen=True)
class Bounds:
    """The smallest and the largest value of a measure over all completions of the labels; arrays of shape (S,).

    low, high: in [0, 1], NaN where no completion defines the measure. low_members, high_members: the number of rows in
    the denominator of the bound (with weights: the number of unweighted rows of equal certainty); 0 for a bound that
    follows from the definition alone.
    """

    low: Floats
    high: Floats
    low_members: Floats
    high_members: Floats

    def complement(self) -> Bounds:
        """Bounds of 1 less the measure: FNR from TPR, TNR from FPR, FDR from PPV, NPV from FOR."""
        return Bounds(1 - self.high, 1 - self.low, self.high_members, self.low_members)


def count(selected: Flags, labels: Floats, groups: Codes, size: int, weights: Floats | None = None) -> Cells:
    """The cells of groups 0..size-1.

    selected: (N,) decisions. labels: (N,) 0, 1, or NaN where unknown. groups: (N,) codes. weights: (N,), 1 if None.

    >>> cells = count(np.array([True, True, False]), np.array([1, 0, np.nan]), np.zeros(3, int), 1)
    >>> cells.selected_positive.tolist(), cells.rejected_unknown.tolist()
    ([1.0], [1.0])
    """
    kind = np.where(known_labels(labels), labels != 1, 2)
    cell = (groups * 2 + selected) * 3 + kind

    def cells(weight: Floats | None, squares: Cells | None = None) -> Cells:
        table = np.bincount(cell, weight, minlength=size * 6).reshape(size, 2, 3).astype(np.float64)
        rejected, chosen = table[:, 0].T, table[:, 1].T
        return Cells(chosen[0], chosen[1], rejected[0], rejected[1], chosen[2], rejected[2], squares)

    if weights is None:
        return cells(None)
    weights = checked_weights(weights)
    return cells(weights, cells(weights**2))


def bounds(cells: Cells, most: ArrayLike = 1.0) -> dict[str, Bounds]:
    """Sharp bounds of `tpr`, `fpr`, `ppv`, `for`, `accuracy`, `base_rate` and `selection_rate` in each group.

    most: (S,) assumed largest share of positive labels among rejected rows without a label; 1: no assumption.

    >>> found = bounds(Cells.of_selected([37], [24], [59]))["tpr"]
    >>> round(float(found.low[0]), 6), float(found.high[0])
    (0.385417, 1.0)
    """
    share = np.asarray(most, np.float64)
    squares = {} if cells.squares is None else _ends(cells.squares, share)
    return {name: _bounds(ends, squares.get(name)) for name, ends in _ends(cells, share).items()}


Ends = tuple[tuple[Floats, Floats], tuple[Floats, Floats]]
"""Numerator and denominator of the lower bound, then of the upper bound."""


def _ends(c: Cells, most: Floats) -> dict[str, Ends]:
    selected = c.selected_positive + c.selected_negative + c.selected_unknown
    rejected = c.rejected_positive + c.rejected_negative + c.rejected_unknown
    everybody, positive = selected + rejected, c.selected_positive + c.rejected_positive
    doubtful = most * c.rejected_unknown
    negative = c.selected_negative + c.rejected_negative
    right = c.selected_positive + c.rejected_negative + c.rejected_unknown - doubtful
    may_select = c.selected_unknown
    return {
        "tpr": (
            (c.selected_positive, positive + doubtful),
            (c.selected_positive + may_select, positive + may_select),
        ),
        "fpr": (
            (c.selected_negative, negative + c.rejected_unknown),
            (c.selected_negative + may_select, negative + may_select + c.rejected_unknown - doubtful),
        ),
        "ppv": ((c.selected_positive, selected), (c.selected_positive + may_select, selected)),
        "for": ((c.rejected_positive, rejected), (c.rejected_positive + doubtful, rejected)),
        "accuracy": ((right, everybody), (right + may_select + doubtful, everybody)),
        "base_rate": ((positive, everybody), (positive + may_select + doubtful, everybody)),
        "selection_rate": ((selected, everybody), (selected, everybody)),
    }


def _bounds(ends: Ends, squares: Ends | None) -> Bounds:
    low, high = (divide(*end) for end in ends)
    members = [of for _, of in ends]
    if squares is not None:
        members = [_effective(end, square) for end, square in zip(ends, squares, strict=True)]
    # If one denominator is 0, every completion with a defined rate has the value of the other quotient.
    return Bounds(np.where(np.isnan(low), high, low), np.where(np.isnan(high), low, high), *members)


def _effective(end: tuple[Floats, Floats], square: tuple[Floats, Floats]) -> Floats:
    """The smaller of Kish's and the linearised number of rows, as for shares of people with weights."""
    share, (hit, of) = divide(*end), square
    spread = (1 - share) ** 2 * hit + share**2 * (of - hit)
    linear = divide(share * (1 - share) * end[1] ** 2, np.where(share * (1 - share) > 0, spread, 0))
    return np.nan_to_num(np.fmin(divide(end[1] ** 2, of), linear))


def no_better_on_average(cells: Cells) -> Floats:
    """(S,) `most` for `bounds`, assuming that the share of positive labels among the rejected is at most PPV.

    Then TPR is at least, and FPR at most, the group's selection rate. Only labels of rejected rows could test this
    assumption, so name it beside each number. All selected rows need labels; rejected rows must have none. The
    intervals of these bounds are conservative.

    >>> cells = Cells.of_selected([40], [10], [50])
    >>> float(bounds(cells, no_better_on_average(cells))["tpr"].low[0])
    0.5
    """
    if cells.selected_unknown.any() or cells.rejected_positive.any() or cells.rejected_negative.any():
        raise InputError(
            "no_better_on_average: needs labels of all selected rows and of no rejected row; "
            "pass `most` to `bounds` yourself for other logs"
        )
    return np.nan_to_num(divide(cells.selected_positive, cells.selected_positive + cells.selected_negative), nan=1.0)


def interval(found: Bounds, alpha: float = ALPHA) -> tuple[Estimate, Estimate]:
    """The bounds `low` and `high` as estimates, (S,) each. Their outer limits cover the measure with 1 - `alpha`.

    If bounds are far apart, only one end can miss, so a one-sided interval at each end (z = 1.645 for 95 %) suffices.
    If they meet, a two-sided interval (1.96) is needed. Imbens and Manski (2004) give the value in between:
    `Phi(z + width / error) - Phi(-z) = 1 - alpha`. A bound without rows has the limit 0, or 1.
    """
    ends = ((found.low, found.low_members), (found.high, found.high_members))
    spreads = [wilson(share, members, 1.0) for share, members in ends]
    errors = [np.nan_to_num(one.high - one.low, nan=2.0) / 2 for one in spreads]
    z = between_one_and_two_sides(divide(np.nan_to_num(found.high - found.low), np.maximum(*errors)), alpha)
    estimates = [wilson(share, members, z) for share, members in ends]
    bare = [np.isfinite(share) & (members == 0) for share, members in ends]
    return (
        Estimate(found.low, np.where(bare[0], 0.0, estimates[0].low), np.where(bare[0], found.low, estimates[0].high)),
        Estimate(
            found.high, np.where(bare[1], found.high, estimates[1].low), np.where(bare[1], 1.0, estimates[1].high)
        ),
    )


def between_one_and_two_sides(width: Floats, alpha: float) -> Floats:
    """Find z with Phi(z + width) - Phi(-z) = 1 - alpha, by bisection between its two ends."""
    from scipy.special import ndtr  # slow to import

    low, high = np.broadcast_to(critical(2 * alpha), width.shape), np.broadcast_to(critical(alpha), width.shape)
    for _ in range(50):
        middle = (low + high) / 2
        short = ndtr(middle + width) - ndtr(-middle) < 1 - alpha
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return high


def difference(one: tuple[Estimate, Estimate], other: tuple[Estimate, Estimate]) -> tuple[Estimate, Estimate]:
    """Bounds of the difference of a measure in two groups, from the `interval` of each: sharp, [L - U', U - L'].

    Each end has an interval by Newcombe's method. Its outer limits have the coverage of the groups' intervals.
    """
    return one[0].less(other[1]), one[1].less(other[0])


def largest_difference(found: Bounds) -> tuple[float, float]:
    """Bounds of the largest less the smallest value over groups.

    The upper bound is sharp. The lower bound, `max(0, max L - min U)`, is sharp up to the steps of counts. Both are 0
    for a single group, and NaN if a group's bounds are NaN.

    >>> found = bounds(Cells.of_selected([9, 2], [1, 8], [2, 2]))["tpr"]
    >>> [round(one, 4) for one in largest_difference(found)]
    [0.0, 0.5]
    """
    size = len(found.low)
    if size < 2:
        return 0.0, 0.0
    gaps = (found.high[:, None] - found.low[None, :])[~np.eye(size, dtype=bool)]
    return float(np.maximum(0.0, found.low.max() - found.high.min())), float(np.maximum(0.0, gaps.max()))


def no_better_than_the_last_selected(positive: ArrayLike, members: ArrayLike, alpha: float = ALPHA) -> Floats:
    """(S,) `most` for `bounds`, assuming that the rejected are no better than the selected just above the threshold.

    positive, members: (S,) counts in a band of selected rows that was fixed in advance, such as the lowest tenth. The
    share is the upper Wilson limit of their rate; without members it is 1. The data cannot test this assumption, as for
    `no_better_on_average`.

    >>> float(no_better_than_the_last_selected([30], [50]).round(3)[0])
    0.724
    """
    return np.nan_to_num(wilson(divide(positive, members), members, critical(alpha)).high, nan=1.0)
