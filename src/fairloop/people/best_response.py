"""Best responses of people to a published model: the people who move, and their new features."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fairloop.errors import InputError
from fairloop.people.costs import Cost
from fairloop.people.interface import Array, Flags, Floats, Published

STEPS = 50
"""Steps of the walk up the score of a model that is not linear."""

_HALVINGS = 50
_MARGIN = 1e-12  # of the terms of w.x: the boundary itself may be rejected after rounding
_TIE = 1e-12


class Response(NamedTuple):
    """Features after the response, (n, d); (n,) whether a person moved."""

    features: Floats
    moved: Flags


def to_linear(features: Array, weights: Array, threshold: float, cost: Cost, budget: Array) -> Response:
    """The exact best response to the rule `w.x >= threshold`.

    budget: (n,) gain from acceptance over kappa, the base cost that acceptance is worth. People move if they are
    rejected and their gap is within `Cost.reach`, the limit included; they stop at the boundary.
    """
    gap = threshold - features @ weights
    moved = (gap > 0) & (gap <= cost.reach(budget, weights) * (1 + _TIE))
    if not moved.any():
        return Response(features.copy(), moved)
    margin = _MARGIN * (abs(threshold) + np.abs(features) @ np.abs(weights))
    change = cost.steepest(weights) / cost.strength(weights)
    return Response(features + np.where(moved, gap + margin, 0.0)[:, None] * change, moved)


def to_score(features: Array, groups: Array, published: Published, cost: Cost, budget: Array) -> Response:
    """The response to a differentiable score: a walk up its steepest path, as long as the budget allows.

    A move counts only if the model accepts its end, the first accepted point of the path, and if it is worth its cost.
    For a linear score it is the exact best response; for others it is a local one.
    """
    accepted = _accepts(published, features, groups)
    here, moved = features.copy(), np.zeros(len(features), dtype=bool)
    step = (cost.length(budget) / STEPS)[:, None]
    walking = np.flatnonzero(~accepted)
    for _ in range(STEPS):
        if not len(walking):
            break
        slope = published.gradient(here[walking], groups[walking])
        if slope is None:
            raise InputError(
                "people.kind: strategic needs a model that is linear or has a gradient of its score; "
                "take another classifier, or another kind"
            )
        ahead = here[walking] + step[walking] * cost.steepest(slope)
        arrived = _accepts(published, ahead, groups[walking])
        ends = walking[arrived]
        here[ends] = _first_accepted(here[ends], ahead[arrived], groups[ends], published)
        here[walking[~arrived]] = ahead[~arrived]
        moved[ends] = True
        walking = walking[~arrived]
    moved &= cost.of(here - features) <= np.asarray(budget) * (1 + _TIE)
    return Response(np.where(moved[:, None], here, features), moved)


def _first_accepted(start: Array, end: Array, groups: Array, published: Published) -> Floats:
    """(n, d) accepted points nearest to the boundary between a rejected start and an accepted end."""
    for _ in range(_HALVINGS):
        middle = (start + end) / 2
        inside = _accepts(published, middle, groups)[:, None]
        start, end = np.where(inside, start, middle), np.where(inside, middle, end)
    return np.asarray(end)


def _accepts(published: Published, features: Array, groups: Array) -> Flags:
    return np.asarray(published.accepts(features, groups), dtype=np.float64) >= 0.5
