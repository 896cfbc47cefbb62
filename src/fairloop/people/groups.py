"""Groups of people: their means, and applicants among the same people."""

from __future__ import annotations

import numpy as np

from fairloop.errors import InputError
from fairloop.people.interface import Array, Codes, Floats


def means(values: Array, groups: Array, size: int, weights: Array | None = None) -> Floats:
    """(..., S) means of (..., n) values by group, with (n,) weights; NaN of a group without weight."""
    total = np.bincount(groups, weights, minlength=size)
    weighted = values if weights is None else weights * values
    rows = weighted.reshape(-1, len(groups))
    sums = np.array([np.bincount(groups, row, minlength=size) for row in rows])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(sums / total).reshape(*np.shape(values)[:-1], size)


def applicants(everybody: int, n: int, rng: np.random.Generator) -> Codes:
    """(n,) places of applicants among the same people each round: all in their order, or n at random."""
    if n > everybody:
        raise InputError(f"people.arrivals: {n} applicants of {everybody} people; give at most as many")
    return np.arange(n) if n == everybody else np.sort(rng.choice(everybody, n, replace=False))
