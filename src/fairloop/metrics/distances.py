"""Distances between the scores of two groups: Kolmogorov and Smirnov's, Wasserstein's, and their noise.

Both distribution functions are compared at distinct scores, because unresolved ties would make the distance depend on
their order. The distance of two samples of one distribution is above 0; print `expected_noise` beside a distance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fairloop.metrics.group_rates import divide
from fairloop.metrics.scores import finite
from fairloop.metrics.shares import checked_weights

Floats = NDArray[np.float64]

_MEAN, _TOP = 0.8687311606361592, 1.3580986393225505
"""Mean, sqrt(pi / 2) log 2, and 95 % quantile of the supremum of a Brownian bridge."""


class Distance(NamedTuple):
    """ks: the largest difference of distribution functions, in [0, 1]. wasserstein: the area between them, in scores.

    Both are 0 for equal distributions, and NaN if a group has no weight.
    """

    ks: float
    wasserstein: float


class Noise(NamedTuple):
    """Distances between two samples of one distribution: means, and the 95 % quantile of `ks`."""

    ks: float
    ks_top: float
    wasserstein: float


def between(
    one: ArrayLike, other: ArrayLike, one_weights: Floats | None = None, other_weights: Floats | None = None
) -> Distance:
    """The distances of (N,) scores of one group from (M,) of another; weights likewise, 1 if None.

    >>> found = between([0, 0.5, 0.5, 1, 1, 1], [0, 0, 0.5, 0.5, 1])
    >>> round(found.ks, 6), round(found.wasserstein, 6)
    (0.3, 0.266667)
    """
    values, sums = _sums((one, other), (one_weights, other_weights))
    return apart(values, *sums)


def apart(values: Floats, one: Floats, other: Floats) -> Distance:
    """The distances from (B,) sums of weights of two groups at (B,) ascending, distinct values."""
    gap = np.abs(divide(one.cumsum(), one.sum()) - divide(other.cumsum(), other.sum()))
    return Distance(float(gap.max(initial=np.nan if not len(gap) else 0)), float((gap[:-1] * np.diff(values)).sum()))


def expected_noise(
    one: ArrayLike, other: ArrayLike, one_weights: Floats | None = None, other_weights: Floats | None = None
) -> Noise:
    """The mean of `between` if both groups, with their sizes, had the pooled distribution.

    From the Brownian bridge: `ks` by Kolmogorov's distribution with Hodges's (1958) correction, too large with ties;
    `wasserstein` by `sqrt(2 / pi) sqrt(1/n + 1/m)` times the integral of `sqrt(F (1 - F))`. Numbers are Kish's.

    >>> noise = expected_noise(np.arange(100) / 100, np.arange(100) / 100)
    >>> [round(one, 3) for one in noise]
    [0.118, 0.187, 0.044]
    """
    values, sums = _sums((one, other), (one_weights, other_weights))
    people = [
        len(np.asarray(group)) if weights is None else float(divide(weights.sum() ** 2, (weights**2).sum()))
        for group, weights in ((one, one_weights), (other, other_weights))
    ]
    return noise(values, sums[0] + sums[1], people)


def noise(values: Floats, pooled: Floats, people: Sequence[float]) -> Noise:
    """As `expected_noise`, from (B,) sums of weights of both groups together at ascending, distinct `values`.

    people: Kish's number of each group.
    """
    small, large = sorted(people)
    scale = float(np.sqrt(divide(1, small) + divide(1, large)))
    shift = float(divide(large + 2 * small, 6 * small * large))
    below = divide(pooled.cumsum(), pooled.sum()).clip(0, 1)
    area = float((np.sqrt(below * (1 - below))[:-1] * np.diff(values)).sum())
    return Noise(_MEAN * scale - shift, _TOP * scale - shift, float(np.sqrt(2 / np.pi)) * scale * area)


def _sums(
    groups: tuple[ArrayLike, ArrayLike], weights: tuple[Floats | None, Floats | None]
) -> tuple[Floats, list[Floats]]:
    """(B,) distinct values of both groups, and (B,) sums of weights of each."""
    scores = [finite(group) for group in groups]
    values, place = np.unique(np.concatenate(scores), return_inverse=True)
    parts = place[: len(scores[0])], place[len(scores[0]) :]
    return values, [
        np.bincount(part, None if weight is None else checked_weights(weight), minlength=len(values)).astype(np.float64)
        for part, weight in zip(parts, weights, strict=True)
    ]
