"""Fairness ideals: which share of a curated batch each stratum should have."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fairloop.errors import InputError

TOLERANCE = 1e-6
Table = Sequence[Sequence[float]]


def uniform(labels: int, groups: int) -> NDArray[np.float64]:
    """(K, S): every stratum alike."""
    return np.full((labels, groups), 1 / (labels * groups))


IDEALS = {"uniform": uniform}


def problem(ideal: str | Table) -> str | None:
    """What is wrong with `ideal` whatever the data, in words; None if nothing is."""
    if isinstance(ideal, str):
        return None if ideal in IDEALS else f"is not one of {', '.join(IDEALS)}, nor a table of shares"
    shares = [share for row in ideal for share in row]
    if not shares or len({len(row) for row in ideal}) != 1:
        return "needs one row for each label, with one share for each group"
    if any(not 0 <= share <= 1 for share in shares):
        return "has a share outside [0, 1]"
    if not math.isclose(sum(shares), 1, abs_tol=TOLERANCE):
        return f"sums to {sum(shares):g}, not to 1"
    return None


def shares(ideal: str | Table, labels: int, groups: int) -> NDArray[np.float64]:
    """(K, S) shares that sum to 1. Raises InputError if `ideal` does not fit K labels and S groups."""
    if trouble := problem(ideal):
        raise InputError(f"star.ideal: {trouble}")
    if isinstance(ideal, str):
        return IDEALS[ideal](labels, groups)
    table: NDArray[np.float64] = np.array(ideal, dtype=np.float64)
    if table.shape != (labels, groups):
        raise InputError(
            f"star.ideal: has shape {table.shape[0]} x {table.shape[1]}, but the data have {labels} labels x "
            f"{groups} groups"
        )
    table /= table.sum()
    return table
