"""Responses of people that a schedule changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fairloop.data import Population, Split
from fairloop.loop.history import History
from fairloop.loop.inputs import Inputs
from fairloop.models.numerics import Numerics
from fairloop.spec.run import from_mapping
from fairloop.spec.setting import SETTINGS
from fairloop.store.interface import Trained
from fairloop.training.mixture import Regime
from fairloop.training.recipe import Influence
from stand_ins import Sure
from test_schedule import GENERATIONS, Changes, planned, spec_of

# responses


def present(schedule: Changes, decisions: NDArray[np.int64], **fields: Any) -> list[list[float]]:
    """Shares of groups a and b by generation, where every classifier decides by the first feature."""
    n = len(decisions)
    split = Split(decisions[:, None].astype(np.float32), np.zeros(n, np.int64), np.arange(n) % 2)
    people = Population("test", ("no", "yes"), ("a", "b"), ("b",), split, {"test": split})
    regime = Regime(spec_of(schedule, **fields), n)
    decider = Trained(planned(spec_of({})).classifiers[0], Sure(), {})
    history = History(SETTINGS["control"], None, {}, dict.fromkeys(range(GENERATIONS), decider))
    supplies = Inputs(people, Numerics())
    return [supplies.groups_present(regime.people(i), i, history).tolist() for i in range(GENERATIONS)]


def test_a_response_holds_from_its_generation_on_and_not_before():
    refused = np.zeros(4, np.int64)
    halving = {"response": {"retention": [[1, 1], [0.5, 1]]}}
    always = present({}, refused, **halving)
    assert always == [pytest.approx(share) for share in ([1 / 2] * 2, [2 / 3, 1 / 3], [4 / 5, 1 / 5], [8 / 9, 1 / 9])]
    assert present({1: halving}, refused) == always  # nobody can respond before C_0 decides
    assert present({2: halving}, refused) == [always[0], always[0], *always[1:3]]
    ended = {2: {"response": {"retention": []}}}
    assert present(ended, refused, **halving) == [*always[:2], always[1], always[1]]
    gentler = {3: {"response.retention": [[1, 1], [1, 1]]}}
    assert present(gentler, refused, **halving)[3] == pytest.approx(always[2])
    anew = {2: {"response": {"retention": [], "arrivals": 1}}}
    assert present(anew, refused, **halving) == [*always[:2], always[0], always[0]]


def test_responses_are_told_by_the_recipes_of_those_who_learn_from_people():
    halving = {"response.retention": [[1, 1], [0.5, 1]]}
    later, always = planned(spec_of({2: halving})), planned(spec_of({1: halving}))
    assert later.classifiers[:2] == planned(spec_of({})).classifiers[:2]
    for made, deciders in ((later, [1, 2]), (always, [0, 1, 2])):
        parents = made.classifiers[3].parents
        assert [parent.generation for parent in parents if parent.influence is Influence.DECIDER] == deciders
    told = from_mapping({**spec_of({}).model_dump(), "response": {"retention": [[1, 1], [0.5, 1]]}})
    assert planned(told) == always
