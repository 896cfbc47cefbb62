"""People of a data set: rows of its training set, with their labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from fairloop.people.base import Drawn
from fairloop.people.interface import Array, Names


class _Split(Protocol):
    @property
    def inputs(self) -> Any: ...

    @property
    def labels(self) -> Array: ...

    @property
    def groups(self) -> Array: ...


class _DataSet(Protocol):
    @property
    def train(self) -> _Split: ...

    @property
    def label_names(self) -> tuple[str, ...]: ...

    @property
    def group_names(self) -> tuple[str, ...]: ...

    @property
    def beneficial(self) -> int: ...


@dataclass(frozen=True, eq=False)
class Pool:
    """Rows of a data set, drawn anew each time. The label of a row is certain: 1 if it is the beneficial one.

    features: (N, d) float64. groups: (N,) codes. good: (N,) bool, whether the label is the beneficial one.
    """

    features: Array
    groups: Array
    good: Array
    names: Names

    @classmethod
    def of(cls, population: _DataSet) -> Pool:
        """The training rows of a data set."""
        train, beneficial = population.train, population.beneficial
        features = np.asarray(train.inputs[:], np.float64)
        numbered = tuple(f"feature {place}" for place in range(features.shape[1]))
        good, others = population.label_names[beneficial], [*population.label_names]
        others.remove(good)
        names = Names(numbered, population.group_names, (" or ".join(others), good))
        return cls(features, train.groups, train.labels == beneficial, names)

    def draw(self, n: int, rng: np.random.Generator) -> Drawn:
        """Draw n rows, without replacement while enough remain."""
        passes = [rng.permutation(len(self.groups)) for _ in range(-(-n // len(self.groups)))]
        rows = np.concatenate(passes)[:n]
        return Drawn(self.features[rows], self.groups[rows], self.good[rows].astype(np.float64))

    def probability(self, features: Array, groups: Array) -> None:
        """None: a data set has no labels for other features."""
