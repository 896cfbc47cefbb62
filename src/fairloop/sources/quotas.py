"""Quotas: the number of places of a batch for each stratum, and its budget. Batches of every kind use this module."""

from __future__ import annotations

import warnings
from typing import Any, Literal, TypeVar, cast, get_args

import numpy as np
from numpy.typing import NDArray

from fairloop._util.sizes import whole as checked
from fairloop.errors import InputError

Rounding = Literal["floor", "stochastic"]
Counts = TypeVar("Counts", bound=Any)
"""Whole numbers, as an array or a tensor."""

_SLACK = 1e-9  # 0.29 * 100 is 28.999999999999996 in floating point, but 29 people


def budget_for(batch: int, budget: object) -> int:
    """`budget`, the extra candidates for a batch; a quarter of the batch, rounded down, if it is None."""
    return batch // 4 if budget is None else checked("budget", budget)


def floored(ideal: NDArray[np.float64], n: int) -> NDArray[np.int64]:
    """(Z,) int64: floor(ideal_k * n) places, as published. The remaining places belong to no stratum.

    ideal: (Z,) shares that sum to 1.
    """
    return np.floor(ideal * n + _SLACK).astype(np.int64)


def edges(ideal: NDArray[np.float64], n: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(Z + 1,) and (Z + 1,): the bounds of each stratum's places of n, as whole numbers and fractions.

    ideal: (Z,) shares that sum to 1.
    """
    ends: NDArray[np.float64] = np.concatenate([[0.0], (ideal * n).cumsum() + _SLACK])
    ends[-1] = n
    whole = np.floor(ends)
    return whole.astype(np.int64), ends - whole


def rounded(whole: Counts, part: Any, shift: Any) -> Counts:
    """(Z,) int64: the places between `edges` rounded up or down, so that every place has a stratum; whole numbers stay.

    Systematic sampling: one shift of the cumulated places, so that they sum to n and keep their means over shifts.

    whole, part: of `edges`; arrays, or tensors on any device.
    shift: uniform in [0, 1), a float32; a float64 closer to 1 would exceed the slack.
    """
    ends: Counts = whole + (part + shift >= 1)
    places: Counts = ends[1:] - ends[:-1]
    return places


def expected(ideal: NDArray[np.float64], n: int, rounding: Rounding) -> NDArray[np.float64]:
    """(Z,): the mean places of each stratum over batches of n, by either rule."""
    return floored(ideal, n).astype(np.float64) if rounding == "floor" else ideal * n


def drawn(ideal: NDArray[np.float64], n: int, rounding: Rounding, rng: np.random.Generator) -> NDArray[np.int64]:
    """(Z,) int64: the places of each stratum in a batch of n, by either rule."""
    if rounding == "floor":
        return floored(ideal, n)
    return rounded(*edges(ideal, n), float(rng.random(dtype=np.float32)))


def warn_if_starved(ideal: NDArray[np.float64], n: int, rounding: Rounding, option: str) -> None:
    """Warn of strata with a share of the ideal but no place in a batch of n.

    option: the name of the choice of rounding in warnings.
    """
    starved = int(((floored(ideal, n) == 0) & (ideal > 0)).sum())
    if rounding == "floor" and starved:
        warnings.warn(
            f"star: {starved} of {ideal.size} strata get no place in a batch of {n}; enlarge the batch "
            f"or set {option}=stochastic",
            stacklevel=3,
        )


def known(rounding: str) -> Rounding:
    """Return `rounding`. Raises InputError for an unknown rule."""
    if rounding not in get_args(Rounding):
        raise InputError(f"rounding: '{rounding}' is not one of {', '.join(get_args(Rounding))}")
    return cast(Rounding, rounding)
