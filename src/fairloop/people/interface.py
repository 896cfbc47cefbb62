"""The interfaces of responding populations: the published model, the people, and the kind of response.

One round, in this order:

1. `arrive`: people come. In some kinds they first change their features once, from their base, because they know the
published model.
2. The published model decides, from the features.
3. `outcome`: outcomes are drawn from the features at the time of the decision.
4. `measures`, then `respond`: facts about the round, and the state of the population after the decisions.

Kinds hold arguments and are immutable. The state of a population is a value: a mapping of names to arrays, so that a
run can keep it. No method changes an array that it is given. All randomness comes from the `Streams` of the round.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from fairloop.errors import InputError
from fairloop.seeding import numpy_stream

Array = NDArray[Any]
Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Flags = NDArray[np.bool_]

_ROUNDING = 1e-9  # of a probability

State = Mapping[str, Array]
"""The state of a population: names and arrays. The kind defines its content."""


class Published(Protocol):
    """The published model of a round, whose decisions people can predict."""

    def accepts(self, features: Array, groups: Array) -> Array:
        """(n,) decisions, or probabilities of acceptance in [0, 1], before exploration.

        features: (n, d). groups: (n,) codes.
        """

    def linear(self) -> tuple[Array, float] | None:
        """Weights (d,) and threshold of a rule that accepts `features @ weights >= threshold`; None for other rules."""

    def score(self, features: Array, groups: Array) -> Array:
        """(n,) scores: a higher score makes acceptance more likely."""

    def gradient(self, features: Array, groups: Array) -> Array | None:
        """(n, d) derivatives of the score by the features; None without derivatives."""


@dataclass(frozen=True, eq=False)
class People:
    """People at the time of a decision, one per row.

    features: (n, d) float64, as the model sees them.
    groups: (n,) int64 codes.
    potential: hidden facts, (n, ...) each, such as `probability` (of label 1) and `base` (features before a response).
    identity: (n,) int64 of people who come back in later rounds; None if all people are new.

    >>> people = People(np.array([[0.2], [0.9]]), np.array([0, 1]), {"probability": np.array([0.0, 1.0])})
    >>> len(people), people.labels(np.random.default_rng(0)).tolist()
    (2, [0, 1])
    """

    features: Array
    groups: Array
    potential: Mapping[str, Array] = field(default_factory=dict)
    identity: Array | None = None

    def __len__(self) -> int:
        return len(self.groups)

    def labels(self, rng: np.random.Generator) -> Codes:
        """(n,) labels 0 and 1, drawn by `potential["probability"]`."""
        chance = np.asarray(self.potential["probability"])
        if not ((chance >= -_ROUNDING) & (chance <= 1 + _ROUNDING)).all():
            raise InputError(
                "people.kind: a probability of label 1 is not from 0 to 1; correct the kind, or its arguments"
            )
        return (rng.random(len(self)) < chance).astype(np.int64)


class Names(NamedTuple):
    """Names of features, groups and labels. `beneficial` is the code of the label that is good for the decision
    maker.

    >>> Names(features=("income",), groups=("f", "m")).labels
    ('no', 'yes')
    """

    features: tuple[str, ...]
    groups: tuple[str, ...]
    labels: tuple[str, ...] = ("no", "yes")
    beneficial: int = 1


@dataclass(frozen=True)
class Streams:
    """One stream of random numbers for each purpose.

    Exploration has a separate stream, so that it changes neither the arrivals nor their outcomes. So policies can
    be compared on the same people.

    >>> one, other = Streams.of(seed=0, round_number=2), Streams.of(seed=0, round_number=2)
    >>> one.exploration.random(1000).shape  # changes no arrivals
    (1000,)
    >>> one.arrivals.random() == other.arrivals.random()
    True
    """

    arrivals: np.random.Generator
    outcomes: np.random.Generator
    exploration: np.random.Generator
    boundary: np.random.Generator
    response: np.random.Generator
    verification: np.random.Generator

    @classmethod
    def of(cls, seed: int, round_number: int = 0) -> Streams:
        """The streams of one round of one seed."""
        return cls(*(numpy_stream(seed, f"people: {purpose}", round_number) for purpose in cls.__dataclass_fields__))


class Kind(ABC):
    """A kind of population. A kind of your own needs `names` and three methods: `arrive`, `outcome`, `respond`.

    Its constructor takes the arguments of the spec, and raises InputError or ValueError for wrong arguments.

    >>> class Luck(Kind):
    ...     names = Names(("chance",), ("A", "B"))
    ...     def arrive(self, state, n, published, rngs):
    ...         chance = rngs.arrivals.random(n)
    ...         return People(chance[:, None], np.arange(n) % 2, {"probability": chance})
    ...     def outcome(self, people, rng):
    ...         return people.labels(rng)
    ...     def respond(self, state, people, accepted, outcome, rngs):
    ...         return state
    >>> from fairloop.people.rounds import play
    >>> play(Luck(), {}, 100, None, Streams.of(seed=0)).outcome.shape
    (100,)
    """

    names: Names

    def start(self, n: int, rng: np.random.Generator) -> State:
        """The state of a population of n people before the first round."""
        return {}

    @abstractmethod
    def arrive(self, state: State, n: int, published: Published | None, rngs: Streams) -> People:
        """N people at the time of the decision, after any response to the published model.

        published: None without a published model. Base people depend only on `rngs.arrivals`, and are equal under all
        models.
        """

    @abstractmethod
    def outcome(self, people: People, rng: np.random.Generator) -> Array:
        """(n,) labels, drawn from facts at the time of the decision. rng: the stream `outcomes` of the round."""

    @abstractmethod
    def respond(self, state: State, people: People, accepted: Array, outcome: Array, rngs: Streams) -> State:
        """The state after the decisions. accepted: (n,) bool, after exploration. outcome: (n,) of all people."""

    def measures(
        self, state: State, people: People, accepted: Array, outcome: Array, published: Published | None
    ) -> Mapping[str, float | Array]:
        """Facts about the round: a number, or (S,) numbers by group, each; NaN where undefined.

        state: at the arrival of the people, before `respond`.
        """
        return {}

    def rule(self) -> Published | None:
        """The kind's own decision rule for rounds without a classifier; None without a rule."""
        return None

    @classmethod
    def comes_again(cls, arguments: Mapping[str, Any]) -> bool:
        """Whether a kind with these arguments has the same people, with an `identity`, in every round."""
        return False

    @classmethod
    def gives_labels(cls, arguments: Mapping[str, Any]) -> bool:
        """Whether outcomes are labels, or counts up to the last label, and no other numbers."""
        return True

    def replace(self, state: State, gone: Array, rngs: Streams) -> State:
        """The state after the people with the identities `gone` have left, and newcomers have taken their places.

        The state stays unchanged in kinds with new people in every round.
        """
        return state
