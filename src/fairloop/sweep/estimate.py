"""Estimates of the time and disk of a sweep, from one step of each kind of model on this machine."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from fairloop import data
from fairloop.curation import ideal as ideals
from fairloop.data import Population, Split
from fairloop.loop.generations import generations
from fairloop.loop.people.population import source_of
from fairloop.loop.trainer import ModelTrainer
from fairloop.models.interface import Classifier, Generator
from fairloop.models.numerics import resolve
from fairloop.seeding import ModelRole
from fairloop.sources.origin import REAL
from fairloop.spec.people import PEOPLE
from fairloop.spec.run import RunSpec
from fairloop.store.interface import Fit, M, Trained
from fairloop.store.memory import MemoryModels
from fairloop.training.batches import Feed
from fairloop.training.fitting import Checkpoint, State
from fairloop.training.plan import Plan, estimator_of, plan
from fairloop.training.recipe import Recipe

_STEPS = 4  # of an epoch that is timed
_EPOCHS = 3  # of a model that is timed; the first warms up
_NO_RATE = 1e-12  # learning rate of a timed model, in place of the spec's rate, so that it cannot diverge

Kind = tuple[str, ...]


class Cost(NamedTuple):
    """The cost of a model of one kind: seconds of a step, and bytes on disk."""

    seconds: float
    bytes: int


@dataclass(frozen=True)
class Estimate:
    """The work of a sweep.

    models: number of trained models, by role. alone: the number that the same runs would train separately.
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
        """Estimated seconds with `workers` concurrent workers."""
        return max(self.work / workers, self.longest)


def estimate(specs: Sequence[RunSpec]) -> Estimate:
    """Time a few steps of each kind of model that `specs` train in any generation, and estimate the sweep.

    Raises InputError if a spec does not fit its data or this machine.
    """
    plans, costs, measuring = _priced(specs)
    return _reckoned(specs, plans, costs, measuring)


class Piece(NamedTuple):
    """A piece of the work of a run: the training of a model, or the measuring of a generation.

    name: of the model; pieces with one name are one model, which one run trains. None: work of the run alone.
    """

    name: str | None
    generation: int
    seconds: float


def pieces(specs: Sequence[RunSpec]) -> list[list[Piece]]:
    """For each of `specs` the pieces of its work, in order. Raises InputError as `estimate` does."""
    plans, costs, measuring = _priced(specs)
    found = []
    for spec, plan_ in zip(specs, plans, strict=True):
        models = [Piece(r.fingerprint, r.generation, _steps(r) * costs[_kind(r)].seconds) for r in plan_]
        alone = [Piece(None, i, measuring) for i in range(spec.generations)]
        found.append(sorted([*models, *alone], key=lambda piece: piece.generation))  # a stable sort keeps parents first
    return found


def _priced(specs: Sequence[RunSpec]) -> tuple[list[Plan], dict[Kind, Cost], float]:
    """The plans of all runs, the cost of each kind of model, and the seconds of measuring a generation."""
    plans = _plans(specs)
    _check(specs, plans)
    costs: dict[Kind, Cost] = {}
    measuring = 0.0
    for spec, (plan_, population) in zip(specs, plans, strict=True):
        for recipes in _spans(spec, plan_):
            if any(_kind(recipe) not in costs for recipe in recipes):
                timed = _Timed()
                measuring = max(measuring, _try(spec, recipes[-1].generation, population, timed))
                costs = {_kind(recipe): timed.cost(recipe) for recipe in recipes} | costs
    return [plan_ for plan_, _ in plans], costs, measuring


def _reckoned(
    specs: Sequence[RunSpec], plans: Sequence[Plan], costs: Mapping[Kind, Cost], measuring: float
) -> Estimate:
    """The work of all recipes. measuring: seconds of measuring a generation."""
    recipes = {recipe.fingerprint: recipe for plan_ in plans for recipe in plan_}
    seconds = {name: _steps(recipe) * costs[_kind(recipe)].seconds for name, recipe in recipes.items()}
    longest: dict[str, float] = {}
    for plan_ in plans:
        for recipe in plan_:  # parents come before their children
            waits = max((longest[parent.fingerprint] for parent in recipe.parents), default=0.0)
            longest[recipe.fingerprint] = waits + seconds[recipe.fingerprint]
    roles: dict[str, list[float]] = {}
    for recipe in recipes.values():
        roles.setdefault(recipe.role, []).append(costs[_kind(recipe)].seconds)
    return Estimate(
        models=Counter(str(recipe.role) for recipe in recipes.values()),
        alone=Counter(str(recipe.role) for plan_ in plans for recipe in plan_),
        steps={role: float(np.mean(of_step)) for role, of_step in roles.items()},
        work=sum(seconds.values()) + measuring * sum(spec.generations for spec in specs),
        longest=max(longest.values(), default=0.0) + measuring * max(spec.generations for spec in specs),
        bytes=sum(costs[_kind(recipe)].bytes for recipe in recipes.values()),
    )


def _spans(spec: RunSpec, plan_: Plan) -> list[list[Recipe]]:
    """The recipes of consecutive generations with the same spec, in order; the annotators belong to the first."""
    begins = sorted({0, *spec.schedule})
    found: dict[int, list[Recipe]] = {}
    for recipe in plan_:
        found.setdefault(max(begin for begin in begins if begin <= recipe.generation), []).append(recipe)
    return list(found.values())


def _plans(specs: Sequence[RunSpec]) -> list[tuple[Plan, Population]]:
    """Each run's plan. Runs that differ only in the seed load the data once, because only the fingerprint differs."""
    loaded: dict[str, Population] = {}
    plans = []
    for spec in specs:
        if spec.setting == PEOPLE:
            people = source_of(spec).population
            plans.append((plan(spec, people, resolve(spec.precision, spec.device, spec.threads)), people))
            continue
        described = spec.data.model_dump_json()
        if described not in loaded:
            loaded[described] = data.load(spec.data, spec.seed)
        population = replace(loaded[described], fingerprint=f"{described} {spec.seed}")
        numerics = resolve(spec.precision, spec.device, spec.threads)
        plans.append((plan(spec, population, numerics), population))
    return plans


def _check(specs: Sequence[RunSpec], plans: Sequence[tuple[Plan, Population]]) -> None:
    """Raise the InputErrors of the runs. Among runs that differ only in the seed, one is checked."""
    once = {
        spec.model_copy(update={"seed": 0}).model_dump_json(): (spec, population)
        for spec, (_, population) in reversed(list(zip(specs, plans, strict=True)))
    }
    for spec, population in reversed(once.values()):
        ModelTrainer(spec, MemoryModels(), population=population)


def _kind(recipe: Recipe) -> Kind:
    """A key of the fields that determine the time of a step. The number of generations in a batch has almost no
    effect.
    """
    star, mixture = recipe.curation.star, recipe.mixture
    parts: tuple[Any, ...] = (
        recipe.training.model_dump(exclude={"epochs", "learning_rate"}),
        recipe.schedule.batch,
        recipe.curation.steps,
        None if star is None else (len(star.ideal), star.budget, star.rounding),
        recipe.synthetic_share,
        bool(recipe.parents),
        {part.generation == REAL for part in mixture.parts},
        (mixture.rules.temperature, mixture.rules.labels, mixture.rules.kept is not None),
    )
    return (str(recipe.role), *map(repr, parts))


def _steps(recipe: Recipe) -> int:
    return recipe.training.epochs * recipe.schedule.steps


def _try(spec: RunSpec, generation: int, population: Population, timed: _Timed) -> float:
    """Train a few steps of each model of `generation`, as generation 0 or 1 of a short run.

    Returns the seconds of measuring a generation.
    """
    measuring = 0.0
    for _ in generations(_Brief(_short(spec, generation, population), timed, population=_few(spec, population))):
        measuring = timed.since_last_fit()
    return measuring


def _short(spec: RunSpec, generation: int, population: Population) -> RunSpec:
    """A short run with the fields of `spec` in `generation`, whose models hardly learn."""
    now = spec.at(generation)
    fields = now.model_dump()
    in_rounds = spec.setting == PEOPLE
    for section in ("classifier", "annotator", *([] if in_rounds else ["generator"])):
        fields[section] |= {"epochs": _EPOCHS, "learning_rate": _NO_RATE}
    fields["generator"]["first_epochs"] = None
    fields["people"] |= {"revealed": "all", "delay": 0} if in_rounds else {}  # each classifier has people to learn from
    fields["policy"] |= {"people": None, "real": "fixed"}
    for learner in ("generator", "classifier"):
        fields["policy"][learner]["samples"] = None
    if not now.takes_people:  # responses need real people in the data
        fields["response"] = {}
    fields["star"]["ideal"] = ideals.shares_for(fields["star"]["ideal"], population).tolist()  # of all, not of a few
    return RunSpec.model_validate({**fields, "schedule": {}, "keep": "all", "generations": min(generation, 1) + 1})


def _few(spec: RunSpec, population: Population) -> Population:
    """The population with as many training people as the timed steps need, evenly chosen.

    With an estimator, all people, because it has one step.
    """
    roles = (ModelRole.GENERATOR, ModelRole.CLASSIFIER, ModelRole.LABEL_ANNOTATOR)
    if any(estimator_of(role, span) is not None for span in spec.spans.values() for role in roles):
        return population
    train = population.train
    most = max(spec.at(generation).generator.batch for generation in (0, *spec.schedule))
    people = min(len(train), _STEPS * max(most, spec.annotator.batch))
    chosen = np.linspace(0, len(train) - 1, people).astype(np.int64)
    return replace(
        population, train=Split(train.inputs[chosen], train.labels[chosen], train.groups[chosen], train.mirror)
    )


class _Brief(ModelTrainer):
    """A trainer that builds every model as a run does, and trains it for at most `_STEPS` batches an epoch."""

    def _generator(self, recipe: Recipe, feed: Feed, start: Generator | None = None) -> Trained[Generator]:
        return super()._generator(recipe, _cut(feed), start)

    def _classifier(self, recipe: Recipe, feed: Feed | None, start: Classifier | None = None) -> Trained[Classifier]:
        return super()._classifier(recipe, None if feed is None else _cut(feed), start)


def _cut(feed: Feed) -> Feed:
    return lambda epoch: islice(feed(epoch), _STEPS)


class _Timed(MemoryModels):
    """A store that times its fits."""

    def __init__(self) -> None:
        super().__init__()
        self._costs: dict[tuple[ModelRole, int], Cost] = {}
        self._last = time.perf_counter()

    def cost(self, recipe: Recipe) -> Cost:
        """The cost of the timed model for `recipe`. Generation 1 represents all later generations."""
        return self._costs[recipe.role, min(recipe.generation, 1)]

    def model(self, recipe: Recipe, fit: Fit[M]) -> Trained[M]:
        steps = min(recipe.schedule.steps, _STEPS)
        seconds: list[float] = []

        def clocked(state: State | None) -> Iterator[Checkpoint[M]]:
            began = time.perf_counter()
            for checkpoint in fit(state):
                seconds.append((time.perf_counter() - began) / steps)
                yield checkpoint
                began = time.perf_counter()

        trained = super().model(recipe, clocked)
        size = sum(tensor.nbytes for tensor in trained.module.state_dict().values())
        if (recipe.role, recipe.generation) not in self._costs:  # later requests only load it
            self._costs[recipe.role, recipe.generation] = Cost(min(seconds[1:] or seconds), size)
        self._last = time.perf_counter()
        return trained

    def since_last_fit(self) -> float:
        """Seconds since the last model was complete."""
        return time.perf_counter() - self._last
