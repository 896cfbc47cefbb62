"""Shares of labels and groups in generated data with their errors, and the confidence of an annotator."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fairloop.metrics.group_rates import divide

CERTAIN_MARGIN = 0.5
"""Samples with a smaller margin are left out of the confidence, as in the published figures."""


def shares(codes: NDArray[np.int64], size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(size,) shares of the codes 0..size-1 among (N,) `codes`, and their standard errors; NaN without codes."""
    share = divide(np.bincount(codes, minlength=size), len(codes))
    return share, np.sqrt(divide(share * (1 - share), len(codes)))


def confidence(probabilities: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(S,) mean margin between the two largest of (N, S) probabilities, per predicted group, and standard errors.

    Only samples with a margin of at least `CERTAIN_MARGIN` count. The mean of a group is NaN without a sample, and the
    standard error with fewer than two.
    """
    ordered = np.sort(probabilities, axis=1)
    margin = ordered[:, -1] - ordered[:, -2] if ordered.shape[1] > 1 else ordered[:, -1]
    predicted = probabilities.argmax(axis=1)
    means = np.full(probabilities.shape[1], np.nan)
    errors = np.full(probabilities.shape[1], np.nan)
    for group in range(probabilities.shape[1]):
        members = margin[(predicted == group) & (margin >= CERTAIN_MARGIN)]
        if len(members):
            means[group] = members.mean()
        if len(members) > 1:
            errors[group] = members.std(ddof=1) / np.sqrt(len(members))
    return means, errors
