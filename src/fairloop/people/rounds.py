"""One round of a population under a published model, with the order of events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fairloop.people.decisions import Draw, decide, explore
from fairloop.people.interface import Array, Flags, Floats, Kind, People, Published, State, Streams


@dataclass(frozen=True, eq=False)
class Round:
    """A finished round.

    people: at the time of the decision. decided: (n,) decisions of the model. accepted: (n,) after exploration.
    propensity: (n,) probabilities of acceptance. outcome: (n,) of all people, observed or not. measures: of the kind.
    state: after the response.
    """

    people: People
    decided: Flags
    accepted: Flags
    propensity: Floats
    outcome: Array
    measures: Mapping[str, float | Array]
    state: State


def play(
    kind: Kind,
    state: State,
    n: int,
    published: Published | None,
    rngs: Streams,
    exploration: float = 0.0,
    draw: Draw = "independent",
) -> Round:
    """Play a round: arrivals, decisions, outcomes and responses.

    published: the deciding model; None accepts everybody. exploration: share of rejected people to accept at random, in
    [0, 1]. draw: see `decisions.explore`. Raises InputError for another share.

    >>> from fairloop.people import build_kind
    >>> from fairloop.people.interface import Streams
    >>> kind = build_kind("lending")
    >>> state = kind.start(1000, np.random.default_rng(0))
    >>> done = play(kind, state, 1000, kind.rule(), Streams.of(seed=0), exploration=0.1)
    >>> bool((done.accepted >= done.decided).all()), set(done.propensity[~done.decided].round(6).tolist())
    (True, {0.1})
    """
    people = kind.arrive(state, n, published, rngs)
    everybody = np.ones(len(people))
    chances = everybody if published is None else published.accepts(people.features, people.groups)
    decided = decide(chances, rngs.boundary)
    explored = explore(decided, exploration, rngs.exploration, draw)
    outcome = kind.outcome(people, rngs.outcomes)
    measures = kind.measures(state, people, explored.accepted, outcome, published)
    after = kind.respond(state, people, explored.accepted, outcome, rngs)
    return Round(people, decided, explored.accepted, explored.propensity, outcome, measures, after)
