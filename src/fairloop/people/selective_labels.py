"""Selective labels: the outcome of a person is observed only after acceptance.

Lakkaraju, Kleinberg, Leskovec, Ludwig and Mullainathan (2017, The selective labels problem); Kleinberg and others
(2018, Human decisions and machine predictions).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fairloop.people import arguments as checked
from fairloop.people.base import Base, base_of
from fairloop.people.groups import mean
from fairloop.people.interface import Array, Kind, People, Published, State, Streams
from fairloop.people.rules import GroupThresholds

_LAW: Mapping[str, Any] = {
    "kind": "normal",
    "negative": ((-1.0,), (-1.0,)),
    "positive": ((1.0,), (1.0,)),
    "rates": (0.5, 0.5),
    "shares": (0.7, 0.3),
    "with_group": True,
}


class SelectiveLabels(Kind):
    """New people in every round. They do not respond. Only the known outcomes depend on decisions.

    law: of people, `{kind: normal | uniform | table, ...}` (`people.base`); `table` takes any CSV file.
    thresholds: of the first feature, one for each group, of the rule in rounds without a classifier; None for no rule.

    The propensity of a person is the probability that the label is seen: 1 for people that the rule accepts, the
    exploration rate e for others (`people.decisions.explore`). Facts, with A whether a label is seen and p the
    propensity:
    - Without exploration no label of a rejected group is ever seen, so a belief about it never changes.
    - The mean of A y / p (Horvitz and Thompson, 1952) is unbiased. Its variance over exploration is
      sum(y^2 (1 - p) / p) / N^2, so its error goes as sqrt((1 - e) / e): as 1 / sqrt(e N) for small e.
    - Hajek's ratio sum(A y / p) / sum(A / p) has a bias of the order 1 / N, and is exact if all labels are the same.
    - If p = 0 for some person, there is no estimate (`metrics.propensity.unreachable`).
    """

    def __init__(self, law: Mapping[str, Any] | Base | None = None, thresholds: Sequence[float] | None = None) -> None:
        self.base = base_of(_LAW if law is None else law)
        self.names = self.base.names
        size = (len(self.names.groups),)
        self.thresholds = None if thresholds is None else checked.numbers(thresholds, "thresholds", shape=size)

    def arrive(self, state: State, n: int, published: Published | None, rngs: Streams) -> People:
        """New people. `potential`: P(label 1) as `probability`."""
        features, groups, probability = self.base.draw(n, rngs.arrivals)
        return People(features, groups, {"probability": probability})

    def outcome(self, people: People, rng: np.random.Generator) -> Array:
        """Labels of all people, seen or not."""
        return people.labels(rng)

    def respond(self, state: State, people: People, accepted: Array, outcome: Array, rngs: Streams) -> State:
        """The population stays as it is."""
        return state

    def measures(
        self, state: State, people: People, accepted: Array, outcome: Array, published: Published | None
    ) -> Mapping[str, float | Array]:
        """By group: the share of people whose label is seen, the rate of label 1 among them, and among all."""
        size = len(self.names.groups)
        return {
            "seen_share": mean(accepted, people.groups, size),
            "seen_rate": mean(outcome, people.groups, size, np.asarray(accepted, dtype=np.float64)),
            "true_rate": mean(outcome, people.groups, size),
        }

    def rule(self) -> Published | None:
        """Thresholds of the first feature by group."""
        return None if self.thresholds is None else GroupThresholds(self.thresholds.tolist())
