"""Calibration of scores: reliability by bins, calibration errors, and the parts of the Brier score.

Scores are probabilities of label 1, of one group. The calibration error (ECE) has a positive bias: for perfectly
calibrated scores of 100 people its mean is .1. Print it beside `expected_if_calibrated`, or use the mitigated form.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fairloop.metrics.group_rates import divide
from fairloop.metrics.intervals import Estimate, critical, wilson
from fairloop.metrics.scores import probabilities
from fairloop.metrics.shares import checked_weights, known_labels

Floats = NDArray[np.float64]


class Reliability(NamedTuple):
    """Scores and labels by bin; arrays of shape (B,), means NaN in an empty bin.

    share: of the weight of all people. people: Kish's number, or the number of people without weights. score, observed:
    mean score and share of label 1. chance: the variance of `observed` under calibrated scores. spread: variance of
    scores in the bin. together: their covariance with labels in the bin.
    """

    share: Floats
    people: Floats
    score: Floats
    observed: Floats
    chance: Floats
    spread: Floats
    together: Floats

    def interval(self, alpha: float) -> Estimate:
        """(B,) the share of label 1 with Wilson's interval of level 1 - `alpha`."""
        return wilson(self.observed, self.people, critical(alpha))


def bin_of(scores: ArrayLike, bins: int = 10) -> NDArray[np.int64]:
    """(N,) the bin of each score, [0, .1), [.1, .2), ..., [.9, 1]: edges belong to the upper bin, and 1 to the last
    bin.

    Edges are `k / bins` in the scores' own type. Edges of `linspace` would put .3, .6 and .7 one bin too low.

    >>> bin_of([0.0, 0.3, 0.65, 0.7, 1.0]).tolist()
    [0, 3, 6, 7, 9]
    """
    values = probabilities(scores)
    return np.searchsorted((np.arange(1, bins) / bins).astype(values.dtype), values, side="right")


def reliability(scores: ArrayLike, labels: Floats, weights: Floats | None = None, bins: int = 10) -> Reliability:
    """Scores and labels by `bins` of equal width.

    scores: (N,) in [0, 1]. labels: (N,) 0, 1, or NaN where unknown, which leaves the person out. weights: (N,), or 1.
    """
    known = known_labels(labels)
    place, score = bin_of(scores, bins)[known], probabilities(scores)[known].astype(np.float64)
    label = labels[known]
    weight = np.ones(len(label)) if weights is None else checked_weights(weights)[known]
    return curve(place, score, label, weight, weight**2, bins)


def curve(
    place: NDArray[np.int64], scores: Floats, labels: Floats, weights: Floats, squares: Floats, bins: int = 10
) -> Reliability:
    """As `reliability`, of people whose bins and labels are known; all (N,).

    weights, squares: sums of weights, and of their squares, of all people who stand behind a row.
    """

    def sums(values: Floats) -> Floats:
        return np.bincount(place, values, bins).astype(np.float64)

    total = sums(weights)
    scored, observed = divide(sums(weights * scores), total), divide(sums(weights * labels), total)
    off = scores - scored[place]
    return Reliability(
        divide(total, total.sum()),
        np.nan_to_num(divide(total**2, sums(squares))),
        scored,
        observed,
        divide(sums(squares * scores * (1 - scores)), total**2),
        divide(sums(weights * off**2), total),
        divide(sums(weights * off * (labels - observed[place])), total),
    )


def calibration_error(found: Reliability) -> float:
    """The expected calibration error, `sum share |score - observed|`, in [0, 1], with a positive bias."""
    return _sum(found, np.abs(found.score - found.observed))


def expected_if_calibrated(found: Reliability) -> float:
    """The approximate expected calibration error of calibrated scores: `sum share sqrt(2 chance / pi)`, for normal
    bins.
    """
    return _sum(found, np.sqrt(2 / np.pi * found.chance))


def mitigated_squared_error(found: Reliability) -> float:
    """The squared error less its bias: its mean is 0 for calibrated scores; it can be negative (Kumar et al., 2019).

    `sum share ((score - observed)^2 - observed (1 - observed) / (people - 1))`; bins of one person are left out.
    """
    spare = np.where(found.people > 1 + 1e-9, found.people - 1, np.nan)
    chance = found.observed * (1 - found.observed) / spare
    return _sum(found, (found.score - found.observed) ** 2 - chance)


def squared_calibration_error(found: Reliability) -> float:
    """The squared calibration error, `sum share (score - observed)^2`, with a positive bias."""
    return _sum(found, (found.score - found.observed) ** 2)


class BrierParts(NamedTuple):
    """`brier = reliability - resolution + uncertainty + within - covariance`, exact also for varying scores within
    bins.

    within, covariance: variance of scores in bins, and twice their covariance with labels (Stephenson et al., 2008).
    """

    reliability: float
    resolution: float
    uncertainty: float
    within: float
    covariance: float


def brier_parts(found: Reliability) -> BrierParts:
    """The parts of the Brier score of the people in `found`; NaN without any."""
    base = _sum(found, found.observed)
    return BrierParts(
        squared_calibration_error(found),
        _sum(found, (found.observed - base) ** 2),
        base * (1 - base),
        _sum(found, found.spread),
        _sum(found, 2 * found.together),
    )


def _sum(found: Reliability, values: Floats) -> float:
    return float(np.nansum(found.share * values)) if found.people.any() else float("nan")
