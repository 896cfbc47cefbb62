"""What a sweep will take, from what one step of each kind of model takes on this machine."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fairloop import data
from fairloop.data import Population, Split
from fairloop.loop import generations
from fairloop.numerics import resolve
from fairloop.recipe import Plan, Recipe, plan
from fairloop.seeding import ModelRole
from fairloop.spec import RunSpec
from fairloop.store.interface import Fit, M, Trained
from fairloop.store.memory import MemoryModels
from fairloop.training import Checkpoint, State
from fairloop.workshop import Workshop

_STEPS = 4
_EPOCHS = 3
_GENERATIONS = 2  # all that differ in kind, where no schedule changes them later


@dataclass(frozen=True)
class Estimate:
    """The work of a sweep.

    models: how many are trained, by role. alone: how many the same runs would train, each for itself.
    steps: seconds of one step, by role. work: seconds on one core. longest: seconds of the longest chain of models that
    learn from each other. bytes: on disk, with every model kept.
    """

    models: Counter[str]
    alone: Counter[str]
    steps: Mapping[str, float]
    work: float
    longest: float
    bytes: int

    def seconds(self, workers: int) -> float:
        """With that many workers side by side."""
        return max(self.work / workers, self.longest)


def estimate(specs: Sequence[RunSpec]) -> Estimate:
    """Time a few steps of each kind of model that `specs` train, and reckon from there.

    Raises InputError if a spec does not fit its data or this machine.
    """
    plans = _plans(specs)
    costs: dict[tuple[str, ...], float] = {}
    measuring = 0.0
    size: dict[ModelRole, int] = {}
    for spec, (plan_, population) in zip(specs, plans, strict=True):
        if any(_kind(recipe) not in costs for recipe in plan_ if recipe.generation < _GENERATIONS):
            timed = _Timed()
            measuring = max(measuring, _try(spec, population, timed))
            costs = timed.steps | costs
            size |= timed.bytes
    recipes = {recipe.fingerprint: recipe for plan_, _ in plans for recipe in plan_}
    cost = {name: _steps(recipe) * _step(recipe, costs) for name, recipe in recipes.items()}
    longest: dict[str, float] = {}
    for plan_, _ in plans:
        for recipe in plan_:  # parents come before their children
            waits = max((longest[parent] for parent in recipe.parents.values()), default=0.0)
            longest[recipe.fingerprint] = waits + cost[recipe.fingerprint]
    roles: dict[str, list[float]] = {}
    for recipe in recipes.values():
        roles.setdefault(recipe.role, []).append(_step(recipe, costs))
    return Estimate(
        models=Counter(str(recipe.role) for recipe in recipes.values()),
        alone=Counter(str(recipe.role) for plan_, _ in plans for recipe in plan_),
        steps={role: float(np.mean(seconds)) for role, seconds in roles.items()},
        work=sum(cost.values()) + measuring * sum(spec.generations for spec in specs),
        longest=max(longest.values()) + measuring * max(spec.generations for spec in specs),
        bytes=sum(size[recipe.role] for recipe in recipes.values()),
    )


def _plans(specs: Sequence[RunSpec]) -> list[tuple[Plan, Population]]:
    """Each run's plan. Of runs that differ in the seed alone, the data are loaded once: only their name differs."""
    loaded: dict[str, Population] = {}
    plans = []
    for spec in specs:
        described = spec.data.model_dump_json()
        if described not in loaded:
            loaded[described] = data.load(spec.data, spec.seed)
        population = replace(loaded[described], fingerprint=f"{described} {spec.seed}")
        numerics = resolve(spec.precision, spec.device, spec.threads)
        plans.append((plan(spec, population, numerics), population))
    return plans


def _kind(recipe: Recipe) -> tuple[str, ...]:
    """What decides how long a step takes."""
    training = {name: value for name, value in recipe.training.items() if name not in ("epochs", "learning_rate")}
    curation = None if recipe.curation is None else {**recipe.curation, "star": len(recipe.curation.get("star", ()))}
    parts: list[Any] = [training, recipe.schedule.batch, curation, recipe.synthetic_share, bool(recipe.parents)]
    return (str(recipe.role), *map(repr, parts))


def _step(recipe: Recipe, costs: Mapping[tuple[str, ...], float]) -> float:
    """Seconds of a step; where a schedule brings a kind that was not timed, the longest of its role."""
    return costs.get(_kind(recipe)) or max(cost for kind, cost in costs.items() if kind[0] == recipe.role)


def _steps(recipe: Recipe) -> int:
    return int(recipe.training["epochs"]) * recipe.schedule.steps


def _try(spec: RunSpec, population: Population, timed: _Timed) -> float:
    """Two generations of a few steps. Returns the seconds that measuring one takes."""
    fields = spec.model_dump()
    for section in ("generator", "classifier", "annotator"):
        fields[section]["epochs"] = _EPOCHS
    fields["generator"]["first_epochs"] = None
    fields["policy"] |= {"people": None, "real": "fixed"}
    short = RunSpec.model_validate({**fields, "generations": min(_GENERATIONS, spec.generations)})
    people = min(len(population.train), _STEPS * spec.generator.batch)
    train = population.train
    few = replace(
        population, train=Split(train.images[:people], train.labels[:people], train.groups[:people], train.mirror)
    )
    measuring = 0.0
    for _ in generations(Workshop(short, timed, population=few)):
        measuring = timed.since_last_fit()
    return measuring


class _Timed(MemoryModels):
    """A store that times what it fits. steps: seconds of a step, by kind. bytes: of a model on disk, by role."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: dict[tuple[str, ...], float] = {}
        self.bytes: dict[ModelRole, int] = {}
        self._last = time.perf_counter()

    def model(self, recipe: Recipe, fit: Fit[M]) -> Trained[M]:
        def clocked(state: State | None) -> Iterator[Checkpoint[M]]:
            began = time.perf_counter()
            for checkpoint in fit(state):
                now = time.perf_counter()
                step = (now - began) / recipe.schedule.steps
                if state is None and checkpoint.epoch > 1:  # the first epoch also warms up
                    self.steps[_kind(recipe)] = min(step, self.steps.get(_kind(recipe), step))
                yield checkpoint
                began = time.perf_counter()

        trained = super().model(recipe, clocked)
        self.bytes[recipe.role] = sum(tensor.nbytes for tensor in trained.module.state_dict().values())
        self._last = time.perf_counter()
        return trained

    def since_last_fit(self) -> float:
        """Seconds since the last model was ready."""
        return time.perf_counter() - self._last
