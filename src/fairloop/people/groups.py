"""Groups of people: their means, and applicants among the same people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fairloop.errors import InputError
from fairloop.people.interface import Array, Codes, Floats


def mean(values: Array, groups: Array, size: int, weights: Array | None = None) -> Floats:
    """(S,) means of (n,) values by group, with (n,) weights; NaN for a group without weight."""
    return np.asarray(means([values], groups, size, weights)[0])


def means(columns: Sequence[Array], groups: Array, size: int, weights: Array | None = None) -> Floats:
    """(C, S) means of C columns, (n,) each, by group, with (n,) weights; NaN for a group without weight."""
    total = np.bincount(groups, weights, minlength=size)
    weighted = columns if weights is None else [weights * column for column in columns]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray([np.bincount(groups, column, minlength=size) for column in weighted]) / total


def applicants(everybody: int, n: int, rng: np.random.Generator) -> Codes:
    """(n,) positions of applicants among the same people each round: all in their order, or n at random."""
    if n > everybody:
        raise InputError(f"people.arrivals: {n} applicants of {everybody} people; give at most as many")
    return np.arange(n) if n == everybody else np.sort(rng.choice(everybody, n, replace=False))
