"""Scores of any number of people in constant memory: a histogram on [0, 1], with bounds of the error of binning.

A histogram of 65,536 bins takes 2.5 MiB. The error of AUC is at most half the probability that two people with
different labels share a bin, of KS at most the largest share of a bin, of Wasserstein's distance at most a bin's width.
The Brier score is exact. Histograms of parts of a log add up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fairloop.errors import InputError
from fairloop.metrics.distances import Distance, apart
from fairloop.metrics.group_rates import divide
from fairloop.metrics.scores import Auc, ScoreTable, auc_of, probabilities, tabulate
from fairloop.metrics.shares import checked_weights, known_labels

Floats = NDArray[np.float64]

BINS = 65_536


@dataclass(frozen=True)
class Histogram:
    """Scores of one group.

    table: of people with a label, by bin. weights: (B,) of all people. squares: sum of weight times (score - label)^2.
    """

    table: ScoreTable
    weights: Floats
    squares: float

    @classmethod
    def of(cls, scores: ArrayLike, labels: Floats, weights: Floats | None = None, bins: int = BINS) -> Histogram:
        """The histogram of (N,) scores in [0, 1], with labels 0, 1, or NaN for unknown labels, and weights of people, 1
        if None.

        >>> round(Histogram.of([0.1, 0.4, 0.35, 0.8], np.array([0, 0, 1, 1.0])).auc().value, 6)
        0.75
        """
        score = probabilities(scores).astype(np.float64)
        place = np.minimum((score * bins).astype(np.int64), bins - 1)
        weight = np.ones(len(score)) if weights is None else checked_weights(weights)
        errors = (weight * (score - labels) ** 2)[known_labels(labels)]
        sums = np.bincount(place, weight, minlength=bins).astype(np.float64)
        return cls(tabulate(place, bins, labels, weight), sums, float(errors.sum()))

    def __add__(self, other: Histogram) -> Histogram:
        """The histogram of the people of both."""
        if len(self.weights) != len(other.weights):
            raise InputError(f"histograms of {len(self.weights)} and {len(other.weights)} bins do not add up")
        table = ScoreTable(*(one + another for one, another in zip(self.table, other.table, strict=True)))
        return Histogram(table, self.weights + other.weights, self.squares + other.squares)

    def auc(self) -> Auc:
        """The AUC of people with a label; `doubt` is the bound of its error."""
        positive, negative = (divide(one, one.sum()) for one in self.table[:2])
        return auc_of(self.table, float((positive * negative).sum() / 2))

    def brier(self) -> float:
        """The Brier score of people with a label, exact; NaN without any."""
        return float(divide(self.squares, self.table.positive.sum() + self.table.negative.sum()))

    def distance(self, other: Histogram) -> tuple[Distance, Distance]:
        """The distances of all people's scores from those of `other`, and bounds of their errors."""
        centres = (np.arange(len(self.weights)) + 0.5) / len(self.weights)
        largest = max(float(divide(one.weights.max(), one.weights.sum())) for one in (self, other))
        return apart(centres, self.weights, other.weights), Distance(largest, 1 / len(self.weights))
