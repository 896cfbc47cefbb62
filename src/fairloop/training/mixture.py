"""Whose data a model learns from, and by which rules they were made: what a recipe tells of it.

Fields may change between generations, so all that is told here follows from `held`, the specs as they hold in the
generations 0, 1, ... of a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fairloop.sources.origin import REAL
from fairloop.spec.policies import Ingredients, ingredients
from fairloop.spec.run import RunSpec
from fairloop.spec.sections import DataPolicySpec, LabelsSpec, Learner, ResponseSpec

Told = dict[str, Any]
"""Plain data, as a recipe holds them."""


def latest(learner: str, generation: int) -> int:
    """The latest generation that has made samples when G_i or C_i of `generation` learns; -1 before the first.

    learner: `generator` or `classifier`.
    """
    return generation - 1 if learner == "generator" else generation


def first_use(learner: str, generation: int) -> int:
    """The first generation whose G_i or C_i learns from samples of `generation`: the inverse of `latest`."""
    return generation + 1 if learner == "generator" else generation


def held_by(spec: RunSpec) -> list[RunSpec]:
    """The specs as they hold in each generation of the run."""
    spans = spec.spans
    return [spans[max(start for start in spans if start <= i)] for i in range(spec.generations)]


def ingredients_of(held: Sequence[RunSpec], learner: Learner, generation: int, everybody: int) -> Ingredients:
    """What G_i or C_i of `generation` learns from. everybody: people in the training set."""
    spec, chosen = held[generation], _policy(held[generation], learner)
    last = latest(learner, generation)
    made = range(last + 1) if chosen.kept else ()
    return ingredients(
        chosen.policy(),
        last,
        people=spec.policy.people or everybody,
        samples=_samples(spec, learner, everybody),
        by_size=chosen.weights == "size",
        real_share=chosen.real_share if chosen.takes_people else 0.0,
        kept={g: _samples(held[first_use(learner, g)], learner, everybody) for g in made},
    )


def mixture_of(held: Sequence[RunSpec], learner: Learner, generation: int, everybody: int, *, labelled: bool) -> Told:
    """What a recipe tells of whose data G_i or C_i learns from; empty if it is as published.

    everybody: people in the training set. labelled: whether labels matter.
    """
    spec = held[generation]
    mix = ingredients_of(held, learner, generation, everybody)
    told: Told = {} if mix.plain else {"parts": [list(part) for part in mix.parts]}
    told |= _rules(spec, learner, everybody, labelled=labelled)
    if "kept" in told:
        told |= _earlier_rules(held, learner, mix, told, everybody, labelled=labelled)
    if mix.real or (learner == "generator" and spec.synthetic_share < 1):
        told |= people_of(held, generation)
    return told


def people_of(held: Sequence[RunSpec], generation: int) -> Told:
    """What a recipe tells of the real people that a model of `generation` may see, if not all alike.

    people: the first of the training set, or those whose turn it is. response: how they responded to outcomes before
    each of the generations 1 to `generation`. responses: the same if that changed, as [from which of these on, how].
    """
    told: Told = {}
    if (n := held[generation].policy.people) is not None:
        first = generation * n if held[generation].policy.real == "fresh" else 0
        told["people"] = [first, first + n]
    return told | _responses(held, generation)


def steps_told(told: Told, generation: int) -> list[Told]:
    """How people respond, as `people_of` told it, before each of the generations 1 to `generation`."""
    changes: dict[int, Told] = dict(told.get("responses", ()))
    if "response" in told:
        changes[1] = told["response"]
    steps = [ResponseSpec().model_dump(mode="json")]
    for i in range(1, generation + 1):
        steps.append(changes.get(i, steps[-1]))
    return steps[1:]


def rules_told(told: Told, generation: int) -> Told:
    """By which rules samples of `generation` are made for a model: `temperature`, `labels`, and `kept` for how many."""
    earlier: dict[int, Told] = dict(told.get("earlier", ()))
    return earlier.get(generation, told)


def _responses(held: Sequence[RunSpec], generation: int) -> Told:
    told: list[tuple[int, ResponseSpec]] = []
    for i in range(1, generation + 1):
        response = held[i].response
        if (told or response.on) and (not told or told[-1][1] != response):
            told.append((i, response))
    if [i for i, _ in told] == [1]:
        return {"response": told[0][1].model_dump(mode="json")}
    return {"responses": [[i, response.model_dump(mode="json")] for i, response in told]} if told else {}


def _rules(spec: RunSpec, learner: Learner, everybody: int, *, labelled: bool) -> Told:
    told: Told = {}
    if _policy(spec, learner).kept:
        told["kept"] = _samples(spec, learner, everybody)
    if spec.temperature != 1:
        told["temperature"] = spec.temperature
    if labelled and spec.labels != LabelsSpec():
        told["labels"] = spec.labels.model_dump(mode="json")
    return told


def _earlier_rules(
    held: Sequence[RunSpec], learner: Learner, mix: Ingredients, now: Told, everybody: int, *, labelled: bool
) -> Told:
    """Rules other than `now` by which kept samples were made: those that held when models first learned from them."""
    found = []
    for g in (part.generation for part in mix.parts if part.generation != REAL):
        spec = held[first_use(learner, g)]
        rules = {"kept": _samples(spec, learner, everybody)} | _rules(spec, learner, everybody, labelled=labelled)
        if rules != {name: now[name] for name in ("kept", "temperature", "labels") if name in now}:
            found.append([g, rules])
    return {"earlier": found} if found else {}


def _policy(spec: RunSpec, learner: Learner) -> DataPolicySpec:
    return spec.policy.generator if learner == "generator" else spec.policy.classifier


def _samples(spec: RunSpec, learner: Learner, everybody: int) -> int:
    """How many samples a generation makes for that kind of model."""
    return _policy(spec, learner).samples or spec.policy.people or everybody
