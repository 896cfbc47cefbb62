"""People before any response: features, groups, and the probability of label 1."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from fairloop.errors import InputError
from fairloop.people import arguments as checked
from fairloop.people.interface import Array, Codes, Floats, Names


class Drawn(NamedTuple):
    """N people. features: (n, d). groups: (n,). probability: (n,) of label 1."""

    features: Floats
    groups: Codes
    probability: Floats


class Base(Protocol):
    """A law of people. Each draw gives new people."""

    @property
    def names(self) -> Names:
        """Names of features, groups and labels."""

    def draw(self, n: int, rng: np.random.Generator) -> Drawn:
        """N people."""

    def probability(self, features: Array, groups: Array) -> Floats | None:
        """(n,) P(label 1 | features, group); None if it is known only for drawn people."""


@dataclass(frozen=True)
class Uniform:
    """One feature, a score between `low` and `high` of the group, both in [0, 1]. P(label 1) is the score.

    low, high, shares: one for each group.
    """

    low: Sequence[float] = (0.0,)
    high: Sequence[float] = (1.0,)
    shares: Sequence[float] = (1.0,)
    groups: Sequence[str] = ("all",)

    def __post_init__(self) -> None:
        size = len(checked.words(self.groups, "law.groups"))
        low, high = (checked.numbers(one, "law", 0, 1, (size,)) for one in (self.low, self.high))
        checked.shares(self.shares, "law.shares", size)
        if (low > high).any():
            raise InputError("people.arguments.law: low is above high; give low <= high in every group")

    @property
    def names(self) -> Names:
        """One feature, `score`."""
        return Names(("score",), tuple(self.groups))

    def draw(self, n: int, rng: np.random.Generator) -> Drawn:
        groups = groups_of(n, self.shares, rng)
        low, high = (np.asarray(one)[groups] for one in (self.low, self.high))
        scores = low + (high - low) * rng.random(n)
        return Drawn(scores[:, None], groups, scores)

    def probability(self, features: Array, groups: Array) -> Floats:
        return np.clip(features[:, 0], 0.0, 1.0)


@dataclass(frozen=True)
class Normal:
    """Features that are normal within each group and label, independent, with one spread: P(label 1 | x) is logistic.

    negative, positive: (S, d) means of features of each group, for labels 0 and 1. rates: (S,) P(label 1).
    shares: (S,). spread: standard deviation. with_group: whether the group is a feature, too: a column of 0 and 1 for
    each group but the first.
    """

    negative: Sequence[Sequence[float]] = ((-1.0, 0.0), (-1.0, 0.0))
    positive: Sequence[Sequence[float]] = ((1.0, 0.0), (1.0, 0.0))
    rates: Sequence[float] = (0.5, 0.5)
    shares: Sequence[float] = (0.5, 0.5)
    spread: float = 1.0
    groups: Sequence[str] = ("A", "B")
    with_group: bool = False

    def __post_init__(self) -> None:
        size = len(checked.words(self.groups, "law.groups"))
        negative = checked.numbers(self.negative, "law.negative", shape=(size, None))
        checked.numbers(self.positive, "law.positive", shape=negative.shape)
        checked.numbers(self.rates, "law.rates", 1e-9, 1 - 1e-9, (size,))
        checked.shares(self.shares, "law.shares", size)
        checked.above_zero(self.spread, "law.spread")

    @property
    def names(self) -> Names:
        """`x0`, `x1`, ..., and the groups if they are features."""
        numbered = tuple(f"x{i}" for i in range(len(self.negative[0])))
        return Names((*numbered, *(self.groups[1:] if self.with_group else ())), tuple(self.groups))

    def draw(self, n: int, rng: np.random.Generator) -> Drawn:
        groups = groups_of(n, self.shares, rng)
        labels = rng.random(n) < np.asarray(self.rates)[groups]
        means = np.where(labels[:, None], np.asarray(self.positive)[groups], np.asarray(self.negative)[groups])
        found = means + self.spread * rng.standard_normal(means.shape)
        features = np.hstack([found, groups[:, None] == np.arange(1, len(self.groups))]) if self.with_group else found
        return Drawn(features, groups, self.probability(features, groups))

    def probability(self, features: Array, groups: Array) -> Floats:
        from scipy.special import expit, logit  # slow to import, and rarely needed

        own = features[:, : len(self.negative[0])]
        odds = logit(np.asarray(self.rates))[groups]
        for sign, means in ((-1, self.positive), (1, self.negative)):
            odds = odds + sign * ((own - np.asarray(means)[groups]) ** 2).sum(axis=1) / (2 * self.spread**2)
        return np.asarray(expit(odds))


class Table:
    """Rows of a CSV file, drawn with replacement. The label of a row is certain: P(label 1) is 0 or 1.

    path: of the file. features: columns of numbers. group, label: columns. positive: the value that is label 1.
    standardise: whether features get mean 0 and standard deviation 1, over all rows.
    """

    def __init__(
        self, path: str, features: Sequence[str], group: str, label: str, positive: str = "1", standardise: bool = True
    ) -> None:
        names = checked.words(features, "law.features")
        cells = checked.columns(Path(path), (*names, group, label), "law.path")
        values = np.column_stack([checked.parsed(cells[one], f"{path}, {one!r}") for one in names])
        if not len(values):
            raise InputError(f"people.arguments.law.path: {path} has no rows")
        if positive not in cells[label]:
            raise InputError(f"people.arguments.law.positive: no row of {path} has {label}={positive!r}")
        spread = values.std(axis=0)
        if standardise and not (spread > 0).all():
            column = names[int(np.argmin(spread))]
            raise InputError(f"people.arguments.law.features: {column!r} of {path} has one value; leave it out")
        known, groups = np.unique(cells[group], return_inverse=True)
        others = sorted(set(cells[label]) - {positive})
        self.features = (values - values.mean(axis=0)) / spread if standardise else values
        self.groups, self.labels = groups.astype(np.int64), np.array(cells[label]) == positive
        self.names = Names(names, tuple(map(str, known)), (" or ".join(others) or f"not {positive}", positive))

    def draw(self, n: int, rng: np.random.Generator) -> Drawn:
        rows = rng.integers(len(self.features), size=n)
        return Drawn(self.features[rows], self.groups[rows], self.labels[rows].astype(np.float64))

    def probability(self, features: Array, groups: Array) -> None:
        """None: a table has no labels for other features."""


BASES: Mapping[str, Callable[..., Base]] = {"uniform": Uniform, "normal": Normal, "table": Table}
"""The laws of people that `people.arguments.law.kind` can name."""


def base_of(law: Mapping[str, Any] | Base) -> Base:
    """The law that `kind` names, with the other arguments; a user's object stays unchanged."""
    found: Base = checked.law(law, BASES)
    return found


def groups_of(n: int, shares: Sequence[float] | Array, rng: np.random.Generator) -> Codes:
    """(n,) codes of groups, independent draws by shares."""
    return np.searchsorted(np.cumsum(shares)[:-1], rng.random(n), side="right")
