"""Allocation of patrols by counts of found incidents, which depend on the patrols.

Ensign, Friedler, Neville, Scheidegger and Venkatasubramanian (2018, Runaway feedback loops in predictive policing,
arXiv 1706.09847).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fairloop.errors import InputError
from fairloop.people import arguments as checked
from fairloop.people.base import groups_of
from fairloop.people.interface import Array, Kind, Names, People, Published, State, Streams
from fairloop.people.urns import Urn


class Allocation(Kind):
    """A row is a patrol, its group is the region that it is sent to, its outcome is the number of incidents it finds.

    start: counts of incidents by region before the first round, above 0. rates: mean incidents that a patrol finds.
    find: `bernoulli` (rates in [0, 1], outcomes 0 and 1) or `poisson`. correction: `none`, `complement` (two regions),
    `smallest`. reported: chance that an incident becomes known without a patrol. decay: chance of forgetting one, each
    round. regions: names.

    The shares of the counts at the start of a round determine all its patrols and the correction. Rejected patrols are
    not sent. Facts:
    - Without correction and reports, the share of the region with the highest rate goes to 1 from every start; with
      equal rates the mean share stays, and for one patrol a round and one incident a patrol its limit is Beta(start).
    - With a correction, kept incidents fall into region i with probability rate_i / sum of rates, for all shares
    and pasts, so the shares go to the true ones. With more than two regions 1 - share is not such a correction.
    - Two regions with reports w: the limit is a root of (c + d - a - b) x^2 + (a - 2 c - d) x + c = 0 with a, b the
      mean counts that regions get from a patrol to the first, c, d from one to the second.
    - Many patrols a round from the same shares have another limit than Polya's urn: less variance.
    """

    def __init__(
        self,
        start: Sequence[float] = (10, 10),
        rates: Sequence[float] = (0.6, 0.4),
        find: str = "bernoulli",
        correction: str = "none",
        reported: float = 0.0,
        decay: float = 0.0,
        regions: Sequence[str] | None = None,
    ) -> None:
        self.initial = checked.numbers(start, "start", shape=(None,))
        if (self.initial <= 0).any():
            raise InputError(
                f"people.arguments.start: {self.initial.min():g} leaves a region without patrols for ever; give all > 0"
            )
        if decay and (self.initial != np.rint(self.initial)).any():
            raise InputError("people.arguments.start: decay needs whole counts, since each incident is forgotten alone")
        found = checked.numbers(rates, "rates", shape=self.initial.shape)
        if len(found) < 2:
            raise InputError("people.arguments.rates: has a single region; give two or more")
        if not found.any():
            raise InputError("people.arguments.rates: are all 0, so no incident is ever found; give one above 0")
        self.urn = Urn(found, find, correction, float(reported), float(decay))
        plain = tuple(f"region {i + 1}" for i in range(len(found)))
        names = plain if regions is None else checked.words(regions, "regions", len(found))
        self.names = Names(names, names, ("nothing", "found"))

    def start(self, n: int, rng: np.random.Generator) -> State:
        """`counts` of incidents by region."""
        return {"counts": self.initial.copy()}

    def arrive(self, state: State, n: int, published: Published | None, rngs: Streams) -> People:
        """N patrols, sent by the shares of the counts. Features: 1 of the own region, 0 of others."""
        shares = state["counts"] / state["counts"].sum()
        regions = groups_of(n, shares, rngs.arrivals)
        own = (regions[:, None] == np.arange(len(shares))).astype(np.float64)
        return People(own, regions, {"rate": self.urn.rates[regions]})

    def outcome(self, people: People, rng: np.random.Generator) -> Array:
        """Incidents that each patrol finds, or would find if rejected."""
        if self.urn.find == "poisson":
            return rng.poisson(people.potential["rate"])
        return (rng.random(len(people)) < people.potential["rate"]).astype(np.int64)

    def respond(self, state: State, people: People, accepted: Array, outcome: Array, rngs: Streams) -> State:
        """The counts after kept, reported and forgotten incidents."""
        size = len(self.names.groups)
        out = np.asarray(accepted, dtype=bool)
        patrols = np.bincount(people.groups[out], minlength=size)
        found = np.bincount(people.groups[out], outcome[out], minlength=size).astype(np.int64)
        return {**state, "counts": self.urn.after(state["counts"], patrols, found, rngs.response)}

    def measures(
        self, state: State, people: People, accepted: Array, outcome: Array, published: Published | None
    ) -> Mapping[str, float | Array]:
        """By region: the share of patrols at the start of the round, and its excess over the share of incidents."""
        shares = state["counts"] / state["counts"].sum()
        return {"patrol_share": shares, "excess_share": shares - self.urn.rates / self.urn.rates.sum()}
