"""Bounds from joint completions of the labels: of the equalized odds difference, and of the AUC.

TPR falls and FPR rises with the number of rejected people whose labels are set to positive. So the bounds of both rates
cannot be attained at once, and separate bounds are wider than joint bounds. The same holds for AUC.
"""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fairloop.metrics.bounds import Bounds, Cells, between_one_and_two_sides, bounds, largest_difference
from fairloop.metrics.group_rates import divide
from fairloop.metrics.intervals import Estimate
from fairloop.metrics.scores import Auc, auc, midranks
from fairloop.metrics.shares import known_labels

Floats = NDArray[np.float64]

MOST_COMPLETIONS = 2_000_000
"""Largest number of pairs of TPR and FPR in a group for joint bounds; above it, separate bounds are used."""

_FEW = 50


def equalized_odds_difference(cells: Cells, most: ArrayLike = 1.0) -> tuple[float, float, bool]:
    """Bounds of the equalized odds difference over all groups, and whether the lower bound is sharp.

    For two groups both bounds are sharp, and `sharp` is True. For more groups, the bounds are the largest of all pairs:
    the upper bound is sharp, the lower bound is valid but may be too low. With weights or too many completions, the
    lower bound is that of separate TPR and FPR, which is valid but too low. Both are 0 for a single group, and NaN if
    TPR or FPR of a group is undefined in every completion.

    most: (S,) as for `bounds`; the allowed number of positive labels is rounded down.

    >>> from fairloop.metrics.bounds import Cells
    >>> low, high, sharp = equalized_odds_difference(Cells.of_selected([9, 2], [1, 8], [2, 2]))
    >>> round(low, 4), round(high, 4), sharp
    (0.1515, 0.6667, True)
    """
    size = len(cells.selected_positive)
    if size < 2:
        return 0.0, 0.0, True
    share = np.broadcast_to(np.asarray(most, np.float64), size)
    ways = (cells.selected_unknown + 1) * (np.floor(share * cells.rejected_unknown + 1e-9) + 1)
    if cells.squares is not None or ways.max() > MOST_COMPLETIONS:
        apart = [largest_difference(found[name]) for found in [bounds(cells, share)] for name in ("tpr", "fpr")]
        low, high = np.max(apart, axis=0)
        return float(low), float(high), False
    points = [_completions(cells, group, share[group]) for group in range(size)]
    if not all(len(one) for one in points):
        return float("nan"), float("nan"), False
    low, high = (np.array([end(one, axis=0) for one in points]) for end in (np.min, np.max))
    gaps = [largest_difference(Bounds(low[:, rate], high[:, rate], high[:, 0], high[:, 0])) for rate in (0, 1)]
    return _furthest_pair(points), max(gap for _, gap in gaps), size == 2


def _completions(cells: Cells, group: int, most: float) -> Floats:
    """(P, 2) TPR and FPR of a group in every completion with both defined."""
    hits, false_hits, missed, right, selected_unknown, rejected_unknown = (
        float(one[group])
        for one in (
            cells.selected_positive, cells.selected_negative, cells.rejected_positive, cells.rejected_negative,
            cells.selected_unknown, cells.rejected_unknown,
        )
    )  # fmt: skip
    more_hits = np.arange(selected_unknown + 1)[:, None]
    more_missed = np.arange(np.floor(most * rejected_unknown + 1e-9) + 1)[None, :]
    hits, false_hits = hits + more_hits, false_hits + selected_unknown - more_hits  # type: ignore[assignment]
    tpr = divide(hits, hits + missed + more_missed)
    fpr = divide(false_hits, false_hits + right + rejected_unknown - more_missed)
    points = np.stack([tpr.ravel(), fpr.ravel()], axis=1)
    return points[np.isfinite(points).all(axis=1)]


def _furthest_pair(points: list[Floats]) -> float:
    """The largest distance of two groups. The distance of two groups is the smallest possible maximum of the TPR and
    FPR differences.

    A few completions of each group bound the distance of a pair from above, so that few pairs take all of them.
    """
    from scipy.spatial import KDTree  # slow to import
    from scipy.spatial.distance import cdist

    few = [one[np.linspace(0, len(one) - 1, _FEW).astype(np.int64)] for one in points]
    pairs = list(combinations(range(len(points)), 2))
    at_most = np.array([cdist(few[i], few[j], "chebyshev").min() for i, j in pairs])
    furthest = 0.0
    for place in np.argsort(-at_most):
        if at_most[place] <= furthest:
            break
        i, j = pairs[place]
        nearer = KDTree(points[j], 64).query(points[i], p=np.inf, distance_upper_bound=at_most[place])[0].min()
        furthest = max(furthest, min(float(nearer), float(at_most[place])))  # infinite if no point is nearer
    return furthest


def auc_bounds(scores: ArrayLike, labels: Floats, most: float = 1.0) -> tuple[float, float]:
    """Sharp bounds of the AUC of one group, in O(N log N); see `auc_completions`.

    >>> auc_bounds([0.1, 0.4, 0.6, 0.9], np.array([0, np.nan, 0, 1]))
    (0.75, 1.0)
    """
    return auc_completions(scores, labels, most)[0]


def auc_completions(
    scores: ArrayLike, labels: Floats, most: float = 1.0
) -> tuple[tuple[float, float], tuple[Floats, Floats]]:
    """The smallest and the largest AUC of one group over all completions of its labels, and the labels that attain
    them.

    scores: (N,) finite. labels: (N,) 0, 1, or NaN where unknown. most: the assumed largest share of positive labels
    among the unknown labels. For each number of positive labels among them, the AUC is smallest if they have the
    lowest scores and largest if they have the highest scores; midranks do not depend on labels. NaN if no completion
    has both labels. Rows must not have weights.
    """
    known = known_labels(labels)
    ranks = midranks(scores)
    unlabelled = np.sort(ranks[~known])
    more = np.arange(int(np.floor(most * len(unlabelled) + 1e-9)) + 1)
    positives = (labels == 1).sum() + more
    negatives = len(ranks) - positives
    start = ranks[labels == 1].sum()
    ends = []
    for ordered in (unlabelled, unlabelled[::-1]):
        total = start + np.append(0.0, ordered.cumsum())[: len(more)]
        ends.append(divide(total - positives * (positives + 1) / 2, positives * negatives))
    if np.isnan(ends[0]).all():
        return (float("nan"), float("nan")), (labels, labels)
    least, greatest = int(np.nanargmin(ends[0])), int(np.nanargmax(ends[1]))
    order = np.nonzero(~known)[0][np.argsort(ranks[~known], kind="stable")]
    lowest, highest = (np.where(known, labels, 0.0) for _ in ends)
    lowest[order[:least]] = highest[order[len(order) - greatest :]] = 1
    return (float(ends[0][least]), float(ends[1][greatest])), (lowest, highest)


class AucBounds(NamedTuple):
    """Bounds of the AUC of one group, each as the AUC of the completion that attains it. Both NaN without bounds."""

    low: Auc
    high: Auc

    def interval(self, alpha: float) -> tuple[Estimate, Estimate]:
        """() both bounds. Their outer limits cover the AUC of all people with 1 - `alpha`; see `bounds.interval`.

        A bound's sampling error is DeLong's for the labels that attain it. The dependence of their number on the sample
        changes the AUC by less than this error, because the AUC has an extremum there.
        """
        from scipy.special import ndtr  # slow to import

        width, error = self.high.value - self.low.value, np.nanmax([self.low.error, self.high.error, 1e-12])
        z = between_one_and_two_sides(np.asarray(width / error), alpha)
        level = float(2 * ndtr(-z))
        low, high = (one.interval(level) for one in self)
        return (
            Estimate(low.value, np.where(np.isnan(low.low), low.value, low.low), low.high),
            Estimate(high.value, high.low, np.where(np.isnan(high.high), high.value, high.high)),
        )


def sampled_auc_bounds(scores: ArrayLike, labels: Floats, most: float = 1.0, doubt: float = 0.0) -> AucBounds:
    """`auc_bounds` with the parts of their sampling errors. doubt: bound of the error of an AUC by bins of scores."""
    _, completed = auc_completions(scores, labels, most)
    low, high = (auc(scores, one) for one in completed)
    return AucBounds(low._replace(value=max(0.0, low.value - doubt)), high._replace(value=min(1.0, high.value + doubt)))
