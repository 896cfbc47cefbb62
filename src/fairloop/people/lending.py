"""Lending: loans change scores, and later loans depend on these scores.

Liu, Dean, Rolf, Simchowitz and Hardt (2018, Delayed impact of fair machine learning, arXiv 1803.04383).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fairloop.errors import InputError
from fairloop.people import arguments as checked
from fairloop.people.groups import applicants, means
from fairloop.people.interface import Array, Kind, Names, People, Published, State, Streams
from fairloop.people.outcome_curve import Changes
from fairloop.people.policies import POLICIES, Lender, ScorePolicy
from fairloop.people.scores import ScoreLaw, law_of

_LAW: Mapping[str, Any] = {
    "kind": "normal",
    "means": (515.0, 650.0),
    "spreads": (100.0, 100.0),
    "centre": 567.0,
    "slope": 66.0,
    "shares": (0.12, 0.88),
    "groups": ("A", "B"),
    "bounds": (300.0, 850.0),
}


class Lending(Kind):
    """The same people apply for a loan in every round. A repaid loan raises a score, a default lowers it.

    law: of scores by group and of repayment by score: `{kind: normal | uniform | fico, ...}` (`people.scores`).
    changes: of a score, after repayment and after a default. bounds: of scores; None for no bounds.
    profit: of a loan that is repaid and of a default. policy: `max-profit`, `demographic-parity`, `equal-opportunity`,
    from the known law at the start, as the rule of rounds without a classifier; None for no rule.

    Facts, with p(x) the probability of repayment and b = -loss / (gain - loss):
    - The most profitable rule accepts p(x) >= b. A loan raises the expected score if p(x) > -c- / (c+ - c-), without
      bounds: 4/5 and 2/3 at the defaults.
    - In the first round the mean change of a group's score is its outcome curve at its selection rate
      (`people.outcome_curve`).
    - Rejected people keep their scores, bit for bit.
    - For uniform scores on [l, h] with p(x) = x, w = h - l, C = c+ - c- and no bounds, the curve is
      rate * (C (h - rate w / 2) + c-); its maximum is at (C h + c-) / (C w), and it is 0 again at twice that rate.
    """

    def __init__(
        self,
        law: Mapping[str, Any] | ScoreLaw | None = None,
        changes: tuple[float, float] = (75.0, -150.0),
        bounds: tuple[float, float] | None = (300.0, 850.0),
        profit: tuple[float, float] = (1.0, -4.0),
        policy: str | None = "max-profit",
    ) -> None:
        self.law = law_of(_LAW if law is None else law)
        up, down = (float(one) for one in checked.numbers(changes, "changes", shape=(2,)))
        limits = None if bounds is None else checked.numbers(bounds, "bounds", shape=(2,))
        if limits is not None and not limits[0] <= self.law.scores[0] < self.law.scores[-1] <= limits[1]:
            low, high = self.law.scores[[0, -1]]
            raise InputError(f"people.arguments.bounds: {limits.tolist()} leave out scores from {low:g} to {high:g}")
        self.changes = Changes(up, down, None if limits is None else (float(limits[0]), float(limits[1])))
        self.lender = Lender(*(float(one) for one in checked.numbers(profit, "profit", shape=(2,))))
        self.policy = None if policy is None else checked.choice(policy, "policy", tuple(POLICIES))
        self.names = Names(("score",), self.law.groups, ("default", "repaid"))

    @classmethod
    def comes_again(cls, arguments: Mapping[str, Any]) -> bool:
        """True."""
        return True

    def start(self, n: int, rng: np.random.Generator) -> State:
        """N people: `scores` and `groups`."""
        scores, groups = self.law.draw(n, rng)
        return {"scores": scores, "groups": groups}

    def arrive(self, state: State, n: int, published: Published | None, rngs: Streams) -> People:
        """All people in their order, or n of them at random. `potential`: P(repaid) as `probability`."""
        rows = applicants(len(state["groups"]), n, rngs.arrivals)
        everybody = n == len(state["groups"])
        scores, groups = (state[name] if everybody else state[name][rows] for name in ("scores", "groups"))
        return People(scores[:, None], groups, {"probability": self.law.repayment(scores, groups)}, rows)

    def outcome(self, people: People, rng: np.random.Generator) -> Array:
        """1 if a loan is repaid, or would be, by the score at the time of the decision."""
        return people.labels(rng)

    def respond(self, state: State, people: People, accepted: Array, outcome: Array, rngs: Streams) -> State:
        """Scores of accepted people change."""
        after = self._after(people, accepted, outcome)
        if len(people) == len(state["scores"]):
            return {**state, "scores": after}
        scores = state["scores"].copy()
        scores[people.identity] = after
        return {**state, "scores": scores}

    def measures(
        self, state: State, people: People, accepted: Array, outcome: Array, published: Published | None
    ) -> Mapping[str, float | Array]:
        """By group, over all members: mean score, its change, its expected change; profit per applicant."""
        score, groups, size = people.features[:, 0], people.groups, len(self.names.groups)
        chance = people.potential["probability"]
        up, down = self.changes.both(score)
        change, expected = down + outcome * (up - down), down + chance * (up - down)
        loans = np.array([self.lender.loss, self.lender.gain]).take(outcome)
        found = means((score, accepted * change, accepted * expected), groups, size)
        return {
            "mean_score": found[0],
            "score_change": found[1],
            "expected_score_change": found[2],
            "profit": float((accepted * loans).mean()) if len(people) else float("nan"),
        }

    def rule(self) -> Published | None:
        """The policy, from the law of scores at the start."""
        return None if self.policy is None else ScorePolicy(self.law, POLICIES[self.policy](self.law, self.lender))

    def replace(self, state: State, gone: Array, rngs: Streams) -> State:
        """Newcomers of the same groups, with scores of the first round."""
        scores = state["scores"].copy()
        scores[gone] = self.law.draw_scores(state["groups"][gone], rngs.response)
        return {**state, "scores": scores}

    def _after(self, people: People, accepted: Array, outcome: Array) -> Array:
        score = people.features[:, 0]
        return np.where(accepted, self.changes.after(score, outcome), score)
