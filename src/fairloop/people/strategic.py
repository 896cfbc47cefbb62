"""Strategic people: they know the published model, and change their features once at a cost.

Hardt, Megiddo, Papadimitriou and Wootters (2016, Strategic classification, arXiv 1506.06980); costs by group: Hu,
Immorlica and Vaughan (2019, arXiv 1808.08646), Milli, Miller, Dragan and Hardt (2019, arXiv 1808.08460).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from fairloop.errors import InputError
from fairloop.people import arguments as checked
from fairloop.people.base import Base, Drawn, base_of
from fairloop.people.best_response import Response, to_linear, to_score
from fairloop.people.costs import Cost
from fairloop.people.groups import applicants, mean
from fairloop.people.interface import Array, Floats, Kind, Names, People, Published, State, Streams
from fairloop.people.rules import LinearRule

_LAW: Mapping[str, Any] = {"kind": "normal"}


class Strategic(Kind):
    """Rejected people change their features if acceptance is worth the cost.

    law: of people before the response, `{kind: normal | uniform | table, ...}` (`people.base`). cost: of a change d,
    kappa times `squared` norm(d)^2 / 2, `distance` norm(d), `quadratic` d'Kd / 2 or `absolute` sum k_j abs(d_j).
    kappa: by group, or one for all. scale: K or k. gain: the worth of acceptance; 1 for decisions 0 and 1, 2 in papers
    with decisions -1 and 1. movable: names of features that can change; None for all but groups. effect:
    `manipulation` draws outcomes from the base features, `improvement` from the changed features.
    rule: (weights, threshold) for rounds without a classifier; None for no rule. same: whether the same people come in
    every round, respond from their base features each time, and can leave (`people.retention`); if not, all are new.

    Facts for the rule w.x >= t, with gap = t - w.x:
    - Accepted people never move; people with 0 < gap <= D move to the boundary and no further. D, the reach, is
      norm(w) sqrt(2 gain / kappa) for `squared` and gain norm(w) / kappa for `distance` (`people.costs` has all).
    - After the response the rule accepts exactly the people with w.x >= t - D.
    - Social burden, the mean least cost of acceptance over people with label 1, increases in t and is proportional to
      kappa. It counts people even if the move is not worth its cost. For X ~ N(mu, s^2) and `distance` it is
      kappa ((t - mu) Phi(z) + s phi(z)) with z = (t - mu) / s; for `squared`
      kappa / 2 (((t - mu)^2 + s^2) Phi(z) + (t - mu) s phi(z)).
    - A positive multiple of w and t has no effect.
    """

    def __init__(
        self,
        law: Mapping[str, Any] | Base | None = None,
        cost: str = "squared",
        kappa: float | Sequence[float] = 1.0,
        scale: Sequence[Any] | None = None,
        gain: float = 1.0,
        movable: Sequence[str] | None = None,
        effect: Literal["manipulation", "improvement"] = "manipulation",
        rule: tuple[Sequence[float], float] | None = None,
        same: bool = False,
    ) -> None:
        self.base = base_of(_LAW if law is None else law)
        self.names = self.base.names
        features, groups = len(self.names.features), len(self.names.groups)
        self.movable = chosen(movable, self.names)
        self.cost = Cost(cost, features, scale, self.movable)
        self.kappa = checked.each(kappa, "kappa", groups, 1e-12, words="above 0")
        self.gain = checked.above_zero(gain, "gain")
        self.effect = checked.choice(effect, "effect", ("manipulation", "improvement"))
        if self.effect == "improvement" and self.base.probability(np.zeros((0, features)), np.zeros(0, int)) is None:
            raise InputError("people.arguments.effect: a table shows no outcome of changed features; use manipulation")
        self.published = None if rule is None else _linear(rule, features)
        if not isinstance(same, bool):
            raise InputError(f"people.arguments.same: {same!r} is neither true nor false")
        self.same = same

    @classmethod
    def comes_again(cls, arguments: Mapping[str, Any]) -> bool:
        """Whether `same` says so."""
        return arguments.get("same") is True

    def start(self, n: int, rng: np.random.Generator) -> State:
        """`features` before any response, `groups` and `probability` of n people; empty if all people are new."""
        return self.base.draw(n, rng)._asdict() if self.same else {}

    def arrive(self, state: State, n: int, published: Published | None, rngs: Streams) -> People:
        """People after their response. `potential`: `base` features, `moved`, and P(label 1).

        `base_probability` is the probability before the response, `probability` the probability of the outcome.
        """
        rows = applicants(len(state["groups"]), n, rngs.arrivals) if self.same else None
        drawn = (
            self.base.draw(n, rngs.arrivals) if rows is None else Drawn(*(state[one][rows] for one in Drawn._fields))
        )
        base, groups, before = drawn
        features, moved = self.response(base, groups, published)
        after = before
        if self.effect == "improvement":
            changed = self.base.probability(features, groups)
            after = before if changed is None else np.where(moved, changed, before)
        facts = {"base": base, "moved": moved, "base_probability": before, "probability": after}
        return People(features, groups, facts, rows)

    def replace(self, state: State, gone: Array, rngs: Streams) -> State:
        """New people, of any group."""
        if not self.same:
            return state
        found = {name: array.copy() for name, array in state.items()}
        for name, new in self.base.draw(len(gone), rngs.response)._asdict().items():
            found[name][gone] = new
        return found

    def response(self, base: Array, groups: Array, published: Published | None) -> Response:
        """The best response from base features."""
        if published is None:
            return Response(base.copy(), np.zeros(len(base), dtype=bool))
        budget, linear = self.gain / self.kappa[groups], published.linear()
        if linear is not None:
            return to_linear(base, *linear, self.cost, budget)
        return to_score(base, groups, published, self.cost, budget)

    def outcome(self, people: People, rng: np.random.Generator) -> Array:
        """Labels from the base features under manipulation, from the changed ones under improvement."""
        return people.labels(rng)

    def respond(self, state: State, people: People, accepted: Array, outcome: Array, rngs: Streams) -> State:
        """The population stays as it is: people respond before the decision."""
        return state

    def measures(
        self, state: State, people: People, accepted: Array, outcome: Array, published: Published | None
    ) -> Mapping[str, float | Array]:
        """By group: share of people who moved, mean cost over all, social burden (NaN if the model is not linear).

        The burden weighs each person by P(label 1) before the response.
        """
        size, groups, base = len(self.names.groups), people.groups, people.potential["base"]
        paid = self.kappa[groups] * self.cost.of(people.features - base)
        return {
            "moved_share": mean(people.potential["moved"], groups, size),
            "mean_cost": mean(paid, groups, size),
            "social_burden": self.burden(base, groups, people.potential["base_probability"], published),
        }

    def burden(self, base: Array, groups: Array, weights: Array, published: Published | None) -> Floats:
        """(S,) social burden of people with these base features; NaN where no change leads to acceptance.

        weights: (n,) labels, or P(label 1).
        """
        size, linear = len(self.names.groups), None if published is None else published.linear()
        if linear is None:
            return np.full(size, np.nan)
        least = self.cost.least(linear[1] - base @ linear[0], linear[0])
        found = mean(self.kappa[groups] * least, groups, size, np.asarray(weights, dtype=np.float64))
        return np.where(np.isfinite(found), found, np.nan)

    def rule(self) -> Published | None:
        """The linear rule."""
        return self.published


def chosen(movable: Sequence[str] | None, names: Names) -> list[bool]:
    """(d,) whether each feature can change: the named ones, or all but groups."""
    if movable is None:
        return [name not in names.groups for name in names.features]
    for name in checked.words(movable, "movable"):
        checked.choice(name, "movable", names.features)
    return [name in movable for name in names.features]


def _linear(rule: object, features: int) -> LinearRule:
    if not isinstance(rule, list | tuple) or len(rule) != 2:
        raise InputError(f"people.arguments.rule: {rule!r} is not a pair of weights and a threshold")
    weights = checked.numbers(rule[0], "rule.weights", shape=(features,))
    return LinearRule(weights, checked.number(rule[1], "rule.threshold"))
