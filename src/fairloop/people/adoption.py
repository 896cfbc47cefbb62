"""Human labellers drift towards the labels of the model that learns from them.

After Glickman and Sharot (2025, How human-AI feedback loops alter human perceptual, emotional and social judgements,
Nature Human Behaviour 9, 345-359). The linear model is fairloop's description, not the model of the paper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fairloop.people import arguments as checked
from fairloop.people.base import groups_of
from fairloop.people.groups import mean
from fairloop.people.interface import Array, Floats, Kind, Names, People, Published, State, Streams

Numbers = float | Sequence[float]


class Adoption(Kind):
    """A row is a case that a labeller of some group labels. Labels are 1 at the rate h of the group, for every case.

    start: h of each group in the first round. rate: a, the share of the way to the model's rate m that labellers go
    in a round. model: `linear`, m = offset + factor h, for a model that learns from the labels and amplifies (factor
    > 1) or corrects them; `decisions`, the rate of its decisions in the round. delay: labellers see the model of the
    round before. anchor: r, the pull back to the group's own first rate. shares: of groups. All but shares: one
    number, or one for each group.

    h' = h + a (m - h) + r (h_0 - h), kept in [0, 1]. Facts for `linear` without delay, while nothing is clipped:
    - The fixed point is (a offset + r h_0) / (a (1 - factor) + r), and the distance to it shrinks by the factor
      1 - a (1 - factor) - r a round: it is stable if 0 < a (1 - factor) + r < 2.
    - offset 0, factor 1, no anchor: h is constant for all a. factor > 1 without anchor: h runs to a bound.
    - With a delay the fixed point is the same; the factors are the roots of z^2 - (1 - a - r) z - a factor = 0.
    - Groups do not influence each other. A model that gives the likeliest label to each case is not linear: it
      amplifies to 0 or 1.

    In the paper's first experiment labellers went .164 (standard error .031) of the way in 50 judgements with a model.
    """

    def __init__(
        self,
        start: Numbers = (0.55, 0.45),
        rate: Numbers = 0.164,
        model: str = "linear",
        offset: Numbers = 0.0,
        factor: Numbers = 1.0,
        delay: bool = False,
        anchor: Numbers = 0.0,
        shares: Sequence[float] | None = None,
        groups: Sequence[str] | None = None,
    ) -> None:
        first = np.atleast_1d(checked.numbers(start, "start", 0, 1))
        size = len(first)
        self.initial = checked.numbers(first, "start", 0, 1, (size,))
        self.rate = checked.each(rate, "rate", size, 0, 1)
        self.model = checked.choice(model, "model", ("linear", "decisions"))
        self.offset, self.factor = checked.each(offset, "offset", size), checked.each(factor, "factor", size)
        self.delay, self.anchor = bool(delay), checked.each(anchor, "anchor", size, 0, 1)
        self.shares = np.full(size, 1 / size) if shares is None else checked.shares(shares, "shares", size)
        plain = tuple(f"group {i + 1}" for i in range(size))
        names = plain if groups is None else checked.words(groups, "groups", size)
        self.names = Names(("case", *names[1:]), names)

    def start(self, n: int, rng: np.random.Generator) -> State:
        """`rates` h of labellers, the model's rates `previous` (NaN: none yet), and whether h was `clipped`."""
        size = len(self.initial)
        return {
            "rates": self.initial.copy(),
            "previous": np.full(size, np.nan),
            "clipped": np.zeros(size, dtype=bool),
        }

    def arrive(self, state: State, n: int, published: Published | None, rngs: Streams) -> People:
        """N cases. Features: an uninformative number, and the group."""
        groups = groups_of(n, self.shares, rngs.arrivals)
        case = rngs.arrivals.standard_normal(n)
        features = np.column_stack([case, groups[:, None] == np.arange(1, len(self.initial))])
        return People(features, groups, {"probability": state["rates"][groups]})

    def outcome(self, people: People, rng: np.random.Generator) -> Array:
        """Labels of the labellers."""
        return people.labels(rng)

    def respond(self, state: State, people: People, accepted: Array, outcome: Array, rngs: Streams) -> State:
        """Labellers move; groups without a model's rate, or without cases, stay."""
        rates, seen = state["rates"], self.model_rates(state, people, accepted)
        heard = state["previous"] if self.delay else seen
        toward = np.where(np.isnan(heard), rates, heard)
        moved = rates + self.rate * (toward - rates) + self.anchor * (self.initial - rates)
        return {"rates": np.clip(moved, 0, 1), "previous": seen, "clipped": (moved < 0) | (moved > 1)}

    def model_rates(self, state: State, people: People, accepted: Array) -> Floats:
        """(S,) m: by the linear law from this round's h, or from this round's decisions; NaN for groups without
        cases.
        """
        if self.model == "linear":
            return np.asarray(self.offset + self.factor * state["rates"])
        return mean(accepted, people.groups, len(self.initial))

    def measures(
        self, state: State, people: People, accepted: Array, outcome: Array, published: Published | None
    ) -> Mapping[str, float | Array]:
        """By group: the labellers' rate, the model's, and whether the former was clipped to [0, 1] (1) or not (0)."""
        model = self.model_rates(state, people, accepted)
        return {"labeller_rate": state["rates"], "model_rate": model, "clipped": state["clipped"].astype(np.float64)}

    def fixed_point(self) -> Floats:
        """(S,) rates that are constant under the linear law; NaN if all or none are."""
        pull = self.rate * (1 - self.factor) + self.anchor
        with np.errstate(divide="ignore", invalid="ignore"):
            found = (self.rate * self.offset + self.anchor * self.initial) / pull
        return np.where(pull == 0, np.nan, found)
