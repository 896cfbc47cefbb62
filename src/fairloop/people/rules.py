"""Published rules that need no training of a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from fairloop.people.interface import Array, Floats


@dataclass(frozen=True, eq=False)
class LinearRule:
    """Accepts `features @ weights >= threshold`. weights: (d,)."""

    weights: Floats
    threshold: float = 0.0

    def accepts(self, features: Array, groups: Array) -> Array:
        return np.asarray(self.score(features, groups) >= self.threshold)

    def linear(self) -> tuple[Array, float]:
        return self.weights, self.threshold

    def score(self, features: Array, groups: Array) -> Array:
        return np.asarray(features @ self.weights)

    def gradient(self, features: Array, groups: Array) -> Array:
        return np.broadcast_to(self.weights, features.shape)


@dataclass(frozen=True)
class GroupThresholds:
    """Accepts people whose first feature is at least the threshold of their group. thresholds: (S,)."""

    thresholds: Sequence[float]

    def accepts(self, features: Array, groups: Array) -> Array:
        return np.asarray(features[:, 0] >= np.asarray(self.thresholds)[groups])

    def linear(self) -> None:
        """None: thresholds differ between groups."""

    def score(self, features: Array, groups: Array) -> Array:
        return np.asarray(features[:, 0] - np.asarray(self.thresholds)[groups])

    def gradient(self, features: Array, groups: Array) -> Array:
        return np.broadcast_to(np.arange(features.shape[1]) == 0, features.shape).astype(np.float64)


@dataclass(frozen=True, eq=False)
class GroupBelief:
    """Accepts a whole group if its believed rate of label 1 is at least 1/2: the simplest learner with a lock-in
    effect.

    The belief is (weight * prior + positive) / (weight + labels). prior: (S,). positive, labels: (S,) counts so far.
    """

    prior: Floats
    weight: float
    positive: Floats
    labels: Floats

    @classmethod
    def of(cls, prior: Sequence[float], weight: float) -> GroupBelief:
        """The belief before any label."""
        nothing = np.zeros(len(prior))
        return cls(np.asarray(prior, dtype=np.float64), weight, nothing, nothing)

    def updated(self, groups: Array, labels: Array) -> GroupBelief:
        """The belief after more labels, (n,) each."""
        size = len(self.prior)
        positive = self.positive + np.bincount(groups, labels, minlength=size)
        return replace(self, positive=positive, labels=self.labels + np.bincount(groups, minlength=size))

    @property
    def rates(self) -> Floats:
        """(S,) believed rates."""
        return np.asarray((self.weight * self.prior + self.positive) / (self.weight + self.labels))

    def accepts(self, features: Array, groups: Array) -> Array:
        return np.asarray(self.rates[groups] >= 0.5)

    def linear(self) -> None:
        """None: the features do not matter."""

    def score(self, features: Array, groups: Array) -> Array:
        return np.asarray(self.rates[groups])

    def gradient(self, features: Array, groups: Array) -> Array:
        return np.zeros_like(features)
