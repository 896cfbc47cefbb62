"""Data follow the published parameters: location families, and the credit simulator.

Perdomo, Zrnic, Mendler-Duenner and Hardt (2020, Performative prediction, arXiv 2002.06673).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fairloop.errors import InputError
from fairloop.people import arguments as checked
from fairloop.people.base import Base, base_of
from fairloop.people.families import Coin, Credit, Location
from fairloop.people.groups import applicants
from fairloop.people.interface import Array, Floats, Kind, Names, People, Published, State, Streams
from fairloop.people.strategic import chosen

_LAW: Mapping[str, Any] = {
    "kind": "normal",
    "negative": ((-0.5, 0.0), (-0.8, 0.0)),
    "positive": ((0.5, 0.0), (0.2, 0.0)),
}

_KEPT = ("features", "groups", "labels")

FAMILIES = ("credit", "location", "coin")
"""The families that `people.arguments.family` can name."""


class Performative(Kind):
    """People whose features or labels follow the weights of the published linear model, however far from its threshold.

    family: `credit`: the same people every round; each feature moves from its base by epsilon times its weight, so that
    the score rises; labels stay. `location`: new numbers N(mean + epsilon theta, spread^2), to be predicted by theta,
    the weight of a single feature of 1. `coin`: a feature of -1 or 1, P(label 1) = 1/2 + (mean + epsilon theta) x.
    epsilon: strength of the response. law: of people of `credit` (`people.base`). movable: names of features of
    `credit` that move; None for all but groups. ridge: of the logistic loss that stable and optimal point of `credit`
    belong to; every weight is penalised. intercept: whether the model of `credit` has an intercept, with the same
    penalty; distances are those of the weights alone. mean, spread: of the other families.

    Facts:
    - The response depends on the published parameters alone, and starts from the base in every round.
    - `location`, squared loss: repeated risk minimisation goes to mean / (1 - epsilon), and its distance shrinks by the
      factor epsilon a round; at 1 there is no stable point, and above 1 it diverges. Gradient descent on
      (z - theta)^2 / 2 has the factor 1 - step (1 - epsilon). With n people a round the distance stays of the order of
      spread / sqrt(n (1 - epsilon^2)). Stable and optimal point are the same; with a ridge they differ
      (`people.families`).
    - `coin`: stable at mean / (1 - epsilon), optimal at mean / (1 - 2 epsilon).
    - `credit`: all people move by the same vector, so an intercept without a penalty reaches the stable point in one
      round for every epsilon. Divergence beyond the theorem's bound is a law of location families, not of this one.
    - Distances go to 0 only under a classifier that minimises this loss: on everybody's labels, with this ridge, and
      with an intercept if `intercept` says so. The ridge of a softmax layer with two outputs is half its weight decay.
    """

    def __init__(
        self,
        family: str = "credit",
        epsilon: float = 0.5,
        law: Mapping[str, Any] | Base | None = None,
        movable: Sequence[str] | None = None,
        ridge: float = 0.01,
        mean: float = 1.0,
        spread: float = 1.0,
        intercept: bool = False,
    ) -> None:
        self.family = checked.choice(family, "family", FAMILIES)
        if not isinstance(intercept, bool):
            raise InputError(f"people.arguments.intercept: {intercept!r} is neither true nor false")
        self.intercept = intercept
        self.epsilon, self.ridge = checked.number(epsilon, "epsilon"), checked.number(ridge, "ridge", 0)
        self.mean, self.spread = checked.number(mean, "mean"), checked.number(spread, "spread", 0)
        if self.family == "credit":
            self.base = base_of(_LAW if law is None else law)
            self.names = self.base.names
            self.strength = self.epsilon * np.array(chosen(movable, self.names), dtype=np.float64)
            return
        if law is not None or movable is not None or intercept:
            raise InputError(f"people.arguments: family {family!r} takes no law, movable or intercept; leave them out")
        if self.family == "coin" and abs(self.mean) + abs(self.epsilon) > 0.5:
            raise InputError(
                f"people.arguments: mean {self.mean:g} and epsilon {self.epsilon:g} give a coin probabilities beyond "
                "[0, 1]; keep abs(mean) + abs(epsilon) at most 1/2"
            )
        self.names = Names(("one",) if self.family == "location" else ("side",), ("all",))

    @classmethod
    def comes_again(cls, arguments: Mapping[str, Any]) -> bool:
        """True of `credit`."""
        return bool(arguments.get("family", "credit") == "credit")

    @classmethod
    def gives_labels(cls, arguments: Mapping[str, Any]) -> bool:
        """False of `location`, whose outcomes are numbers."""
        return arguments.get("family") != "location"

    def start(self, n: int, rng: np.random.Generator) -> State:
        """`stable` and `optimal` parameters; of `credit`, base features, groups and labels of n people, too."""
        if self.family != "credit":
            known = self._law()
            return {"stable": known.stable(), "optimal": known.optimum()}
        features, groups, probability = self.base.draw(n, rng)
        return self._kept(features, groups, (rng.random(n) < probability).astype(np.int64))

    def arrive(self, state: State, n: int, published: Published | None, rngs: Streams) -> People:
        """People under the published model. `potential`: their `base` and `labels`, or the facts labels come from."""
        theta = self._theta(published)
        if self.family == "credit":
            return self._applicants(state, n, theta, rngs)
        groups = np.zeros(n, dtype=np.int64)
        centre = self.mean + self.epsilon * theta[0]
        if self.family == "location":
            return People(np.ones((n, 1)), groups, {"mean": np.full(n, centre)})
        side = np.where(rngs.arrivals.random(n) < 0.5, -1.0, 1.0)
        return People(side[:, None], groups, {"probability": np.clip(0.5 + centre * side, 0, 1)})

    def outcome(self, people: People, rng: np.random.Generator) -> Array:
        """Labels of `credit`, which no model changes; numbers of `location`; sides of `coin`."""
        if self.family == "credit":
            return people.potential["labels"]
        if self.family == "location":
            return np.asarray(people.potential["mean"] + self.spread * rng.standard_normal(len(people)))
        return people.labels(rng)

    def respond(self, state: State, people: People, accepted: Array, outcome: Array, rngs: Streams) -> State:
        """The population stays as it is: it responds to what is published, not to decisions."""
        return state

    def measures(
        self, state: State, people: People, accepted: Array, outcome: Array, published: Published | None
    ) -> Mapping[str, float | Array]:
        """Distances of the published weights to the stable and the optimal point; NaN without a linear model."""
        linear = None if published is None else published.linear()
        if linear is None:
            return {"distance_to_stable": float("nan"), "distance_to_optimal": float("nan")}
        return {
            f"distance_to_{point}": float(np.linalg.norm(np.asarray(linear[0]) - state[point]))
            for point in ("stable", "optimal")
        }

    def replace(self, state: State, gone: Array, rngs: Streams) -> State:
        """Newcomers to `credit`, and the stable and the optimal point of the people there are now."""
        if self.family != "credit":
            return state
        new, found = self.base.draw(len(gone), rngs.response), {name: state[name].copy() for name in _KEPT}
        found["features"][gone], found["groups"][gone] = new.features, new.groups
        found["labels"][gone] = rngs.response.random(len(gone)) < new.probability
        return self._kept(**found)

    def _kept(self, features: Array, groups: Array, labels: Array) -> State:
        seen, strength, width = features, self.strength, features.shape[1]
        if self.intercept:
            seen, strength = np.hstack([seen, np.ones((len(seen), 1))]), np.append(strength, 0.0)
        credit = Credit(seen, labels.astype(np.float64), strength, np.full(len(strength), self.ridge))
        points = {"stable": credit.stable()[:width], "optimal": credit.optimum()[:width]}
        return {"features": features, "groups": groups, "labels": labels, **points}

    def _applicants(self, state: State, n: int, theta: Array, rngs: Streams) -> People:
        rows = applicants(len(state["groups"]), n, rngs.arrivals)
        base = state["features"][rows]
        facts = {"base": base, "labels": state["labels"][rows]}
        return People(base + self.strength * theta, state["groups"][rows], facts, rows)

    def _theta(self, published: Published | None) -> Floats:
        """(d,) published weights; 0 if nothing is published."""
        if published is None:
            return np.zeros(len(self.names.features))
        linear = published.linear()
        if linear is None:
            raise InputError("people.kind: performative needs a linear model; take another classifier or another kind")
        return np.asarray(linear[0], dtype=np.float64)

    def _law(self) -> Location | Coin:
        if self.family == "coin":
            return Coin(self.mean, self.epsilon)
        return Location.of(self.mean, self.epsilon, self.spread)
