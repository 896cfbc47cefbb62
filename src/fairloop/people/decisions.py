"""Decisions from probabilities of acceptance, and exploration of the rejected."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from fairloop.errors import InputError
from fairloop.people.interface import Array, Flags, Floats

Draw = Literal["independent", "exact"]


class Exploration(NamedTuple):
    """Decisions after exploration, (n,) each.

    accepted: by the rule or by exploration. propensity: the probability, at the time of the decision, that a person
    is accepted and the outcome is observed: 1 for people that the rule accepts.
    """

    accepted: Flags
    propensity: Floats


def decide(probability: Array, rng: np.random.Generator) -> Flags:
    """(n,) decisions by (n,) probabilities of acceptance, with one draw for each person.

    rng: the stream `boundary` of the round. 0 always rejects and 1 always accepts.
    """
    return np.asarray(rng.random(len(probability)) < probability)


def explore(accepted: Array, share: float, rng: np.random.Generator, draw: Draw = "independent") -> Exploration:
    """Accept a share of the rejected at random. rng: the stream `exploration` of the round.

    draw: `independent` accepts each rejected person with probability `share`; `exact` accepts round(share * rejected)
    of them, with equal probability for each subset, and the propensity is the realised share of the round.
    """
    if not 0 <= share <= 1:
        raise InputError(f"people.exploration: {share:g} is not a probability; give a number from 0 to 1")
    accepted = np.asarray(accepted, dtype=bool)
    chance = rng.random(len(accepted))
    if draw == "independent":
        return Exploration(accepted | (chance < share), np.where(accepted, 1.0, share))
    places = np.flatnonzero(~accepted)
    chosen = places[np.argsort(chance[places], kind="stable")[: round(share * len(places))]]
    explored = accepted.copy()
    explored[chosen] = True
    return Exploration(explored, np.where(accepted, 1.0, len(chosen) / max(len(places), 1)))
