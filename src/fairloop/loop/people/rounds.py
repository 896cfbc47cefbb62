"""The rounds of a run: arrivals, decisions, outcomes and responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairloop.loop.people.population import labels_of, start_of
from fairloop.people import rounds
from fairloop.people.checks import guarded
from fairloop.people.interface import Array, Codes, Flags, Floats, Kind, People, Published, State, Streams
from fairloop.seeding import Role, numpy_stream
from fairloop.spec.people import PeopleSpec


@dataclass(frozen=True)
class Round:
    """A finished round, (n,) each.

    decided: by the classifier or rule. accepted: after exploration. score: of the decision; NaN without a model.
    outcome: labels of all people. seen: whether the label becomes known. propensity: its probability at the
    time of the decision. known_at: the round at whose end seen labels are known. measures: of the kind.
    weight: relative weight of each person in a fit; None: equal weights.
    """

    people: People
    decided: Flags
    accepted: Flags
    score: Floats
    outcome: Codes
    seen: Flags
    propensity: Floats
    known_at: int
    measures: Mapping[str, float | Array]
    weight: Floats | None = None

    @property
    def stands_for(self) -> Floats:
        """How many people each person with a known label stands for in a fit, or a multiple of that."""
        return np.asarray((1.0 if self.weight is None else self.weight[self.seen]) / self.propensity[self.seen])

    @property
    def weighs(self) -> bool:
        """Whether people with known labels stand for different numbers."""
        return bool((self.stands_for != 1).any())


class Rounds:
    """The rounds of a run in order. The spec and the deciding models determine them.

    held: the rules for arrivals and known labels in the rounds 0, 1, ... past: earlier rounds from before the run.
    """

    def __init__(self, kind: Kind, held: Sequence[PeopleSpec], seed: int, past: Sequence[Round] = ()) -> None:
        self._kind, self._held, self._seed = guarded(kind), held, seed
        self._state: State = start_of(kind, held[0].arrivals, seed)
        self._played: dict[int, Round] = dict(enumerate(past))
        self._next = len(past)

    def __getitem__(self, number: int) -> Round:
        return self._played[number]

    def forget_before(self, number: int) -> None:
        """Remove the people of earlier rounds, which no later classifier learns from."""
        self._played = {played: one for played, one in self._played.items() if played >= number}

    def play(self, published: Published | None) -> Round:
        """The next round, in which `published` decides; None accepts everybody."""
        number, self._next = self._next, self._next + 1
        spec, rngs = self._held[number], Streams.of(self._seed, number)
        done = rounds.play(self._kind, self._state, spec.arrivals, published, rngs, spec.exploration)
        seen, propensity = _known(done, spec, rngs)
        self._state = self._after(number, done)
        self._played[number] = Round(
            people=done.people,
            decided=done.decided,
            accepted=done.accepted,
            score=_scores(published, done.people),
            outcome=labels_of(done.outcome, self._kind.names),
            seen=seen,
            propensity=propensity,
            known_at=number + spec.delay,
            measures=done.measures,
        )
        return self._played[number]

    def _after(self, number: int, done: rounds.Round) -> State:
        """The state at the start of the next round, after some people have left and new people have replaced them."""
        spec = self._held[min(number + 1, len(self._held) - 1)]
        if done.people.identity is None or not (spec.retention or spec.newcomers):
            return done.state
        stays = np.full(len(done.people), 1 - spec.newcomers)
        if spec.retention:
            stays = stays * np.asarray(spec.retention)[done.people.groups, done.accepted.astype(np.int64)]
        leaves = numpy_stream(self._seed, Role.RETENTION, number).random(len(stays)) >= stays
        return self._kind.replace(done.state, done.people.identity[leaves], Streams.of(self._seed, -3 - number))


def _known(done: rounds.Round, spec: PeopleSpec, rngs: Streams) -> tuple[Flags, Floats]:
    """(n,) whether labels become known, and (n,) the probability of that at the time of the decision."""
    if spec.revealed == "all":
        return np.ones(len(done.people), bool), np.ones(len(done.people))
    if not spec.verified:
        return done.accepted, done.propensity
    drawn = rngs.verification.random(len(done.people)) < spec.verified
    return done.accepted | drawn, 1 - (1 - done.propensity) * (1 - spec.verified)


def _scores(published: Published | None, people: People) -> NDArray[np.float64]:
    if published is None:
        return np.full(len(people), np.nan)
    return np.asarray(published.score(people.features, people.groups), np.float64)
