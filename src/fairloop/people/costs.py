"""Costs of a change of features, and the cheapest change that reaches a linear threshold.

A cost kind has a base cost c(d) of a change d, which a person pays kappa times:

| kind | c(d) | cheapest change for a gap | its c | reach of a budget |
|---|---|---|---|---|
| squared | norm(d)^2 / 2 | gap w / (w'w) | gap^2 / (2 w'w) | sqrt(2 budget w'w) |
| distance | norm(d) | gap w / (w'w) | gap / norm(w) | budget norm(w) |
| quadratic | d'Kd / 2 | gap K^-1 w / (w'K^-1 w) | gap^2 / (2 w'K^-1 w) | sqrt(2 budget w'K^-1 w) |
| absolute | sum of k_j abs(d_j) | gap / w_j in feature j | gap / r | budget r |

For `absolute`, r is the largest abs(w_j) / k_j, and j the first feature that has it. The reach is the largest gap, in
units of w.x, that is worth the budget. Costs that are 0 in some direction, such as a linear function of gains
alone, are excluded, because everybody would move without bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fairloop.errors import InputError
from fairloop.people import arguments as checked
from fairloop.people.interface import Array, Flags, Floats

COSTS = ("squared", "distance", "quadratic", "absolute")
"""The kinds of cost that `people.arguments.cost` can name."""


@dataclass(frozen=True)
class Cost:
    """A cost of changes of d features.

    kind: one of `COSTS`. features: d. scale: (d, d) positive definite K of `quadratic`, (d,) prices k above 0 of
    `absolute`; None for the identity or for prices of 1. movable: (d,) features that can change; None for all.
    """

    kind: str
    features: int
    scale: Sequence[Sequence[float]] | Sequence[float] | None = None
    movable: Sequence[bool] | None = None

    def __post_init__(self) -> None:
        checked.choice(self.kind, "cost", COSTS)
        if self.scale is not None and self.kind not in ("quadratic", "absolute"):
            raise InputError(f"people.arguments.scale: the cost {self.kind!r} takes no scale; leave it out")
        if self.kind == "absolute":
            checked.numbers(self._prices, "scale", 1e-12, shape=(self.features,), words="above 0")
        checked.numbers(self._matrix, "scale", shape=(self.features, self.features))
        symmetric = np.allclose(self._matrix, self._matrix.T)
        if not symmetric or np.linalg.eigvalsh(self._matrix).min() <= 0:
            raise InputError("people.arguments.scale: is not positive definite and symmetric, so some changes are free")

    def of(self, change: Array) -> Floats:
        """(n,) base costs of (n, d) changes."""
        if self.kind == "absolute":
            return np.asarray(np.abs(change) @ self._prices)
        if self.kind == "distance":
            return np.asarray(np.linalg.norm(change, axis=1))
        return np.asarray(np.einsum("ni,ij,nj->n", change, self._matrix, change) / 2)

    def least(self, gap: Array, weights: Array) -> Floats:
        """(n,) base costs of the cheapest changes that raise w.x by `gap`; infinite if no change does, 0 without a
        gap.
        """
        wanted = np.clip(gap, 0, None)
        with np.errstate(divide="ignore", invalid="ignore"):
            found = wanted / self.strength(weights)
        return np.where(wanted > 0, found**2 / 2 if self.is_square else found, 0.0)

    def reach(self, budget: Array, weights: Array) -> Floats:
        """The largest gap that a change of at most this base cost closes, in units of w.x."""
        return np.asarray(self.length(budget) * self.strength(weights))

    def length(self, budget: Array) -> Floats:
        """The length, in the cost's own norm, of a change of this base cost."""
        return np.asarray(np.sqrt(2 * np.asarray(budget)) if self.is_square else budget, dtype=np.float64)

    def strength(self, weights: Array) -> Floats:
        """(...) rise of w.x by the steepest change of length 1, for (..., d) weights."""
        own = np.asarray(weights) * self._open
        if self.kind == "absolute":
            return np.asarray((np.abs(own) / self._prices).max(axis=-1))
        return np.asarray(np.sqrt(np.einsum("...i,ij,...j->...", own, self._inverse, own)))

    def steepest(self, weights: Array) -> Floats:
        """(..., d) changes of length 1 that raise w.x most; 0 if no feature with a weight can change.

        Among features of equal worth, `absolute` takes the first.
        """
        own = np.asarray(weights, dtype=np.float64) * self._open
        if self.kind == "absolute":
            best = np.argmax(np.abs(own) / self._prices, axis=-1)
            only = np.arange(self.features) == best[..., None]
            return np.asarray(np.where(only, np.sign(own) / self._prices, 0.0))
        strength = self.strength(weights)[..., None]
        return np.divide(own @ self._inverse, strength, out=np.zeros_like(own), where=strength > 0)

    @property
    def is_square(self) -> bool:
        """Whether the base cost is half the squared length; if not, it is the length."""
        return self.kind in ("squared", "quadratic")

    @cached_property
    def _open(self) -> Flags:
        return np.ones(self.features, dtype=bool) if self.movable is None else np.asarray(self.movable, dtype=bool)

    @cached_property
    def _prices(self) -> Floats:
        return np.ones(self.features) if self.scale is None else np.asarray(self.scale, dtype=np.float64)

    @cached_property
    def _matrix(self) -> Floats:
        plain = self.scale is None or self.kind != "quadratic"
        return np.eye(self.features) if plain else np.asarray(self.scale, dtype=np.float64)

    @cached_property
    def _inverse(self) -> Floats:
        """K^-1 of the features that can change, and 0 elsewhere."""
        found, places = np.zeros_like(self._matrix), np.flatnonzero(self._open)
        if len(places):
            block = np.ix_(places, places)
            found[block] = np.linalg.inv(self._matrix[block])
        return found
