"""The recipes of a run, from its spec and data. Every generation of the spec is checked first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

from fairloop.curation import ideal as ideals
from fairloop.data import Population
from fairloop.errors import InputError
from fairloop.models import estimator
from fairloop.models.estimators.contract import takes_groups, wanted
from fairloop.models.numerics import Numerics
from fairloop.seeding import ModelRole
from fairloop.sources import quotas
from fairloop.sources.origin import REAL
from fairloop.sources.source import chunk
from fairloop.spec.models import TrainingSpec
from fairloop.spec.people import PEOPLE
from fairloop.spec.policies import Part
from fairloop.spec.run import RunSpec
from fairloop.spec.sections import Learner
from fairloop.training.batches import Schedule
from fairloop.training.mixture import Mixture, RealPeople, Regime, first_use
from fairloop.training.recipe import CurationRules, Influence, Parent, Recipe, StarRule


@dataclass(frozen=True)
class Plan:
    """The recipes of a run.

    generators, classifiers: by generation (fixed generators repeat the first). In rounds of people there are no
    generators, and with a rule for all rounds no classifiers.
    people: by generation, the real people for its models.
    annotators: A_L and A_S, if the run trains them.
    """

    label_annotator: Recipe
    group_annotator: Recipe
    generators: tuple[Recipe, ...]
    classifiers: tuple[Recipe, ...]
    people: tuple[RealPeople, ...]
    annotators: tuple[Recipe, ...]

    def __iter__(self) -> Iterator[Recipe]:
        """Every recipe once, parents before children."""
        yield from self.annotators
        last = None
        for generator, classifier in zip_longest(self.generators, self.classifiers):
            if generator is not last:
                yield generator
            yield classifier
            last = generator


def plan(
    spec: RunSpec, population: Population, numerics: Numerics, objects: Mapping[ModelRole, Any] | None = None
) -> Plan:
    """The recipes of every model in the run. Raises InputError if the spec does not fit the data.

    objects: the user's estimators by role; None: the models that the spec names.
    """
    _check_against(spec, population)
    planner = _Planner(spec, population, numerics, objects or {})
    return planner.rounds() if spec.setting == PEOPLE else planner.plan()


def estimator_of(role: ModelRole, spec: RunSpec, objects: Mapping[ModelRole, Any] | None = None) -> Any | None:
    """The estimator of `role`: the given object, or the class or object that the spec names; None for a network."""
    if objects:
        return objects[role]
    section = section_of(role)
    return estimator(section, getattr(spec, section).model)


def section_of(role: ModelRole) -> str:
    """The section of the spec about models of `role`."""
    return str(role) if role in (ModelRole.GENERATOR, ModelRole.CLASSIFIER) else "annotator"


def training_of(
    role: ModelRole, spec: RunSpec, generation: int, objects: Mapping[ModelRole, Any] | None = None
) -> TrainingSpec:
    """The model of `role` and its training. An estimator has no fields about training steps."""
    asked: TrainingSpec = getattr(spec, section_of(role))
    if objects:
        return TrainingSpec(model=f"{type(objects[role]).__module__}:{type(objects[role]).__qualname__}", epochs=1)
    if estimator_of(role, spec) is not None:
        return TrainingSpec(model=asked.model, arguments=asked.arguments, epochs=1)
    if role is ModelRole.GENERATOR:
        first = spec.generator.first_epochs if generation == 0 else None
        return spec.generator.model_copy(update={"epochs": first or spec.generator.epochs, "first_epochs": None})
    return asked


class _Planner:
    """Plans generation after generation: a model's parents are planned before it."""

    def __init__(
        self, spec: RunSpec, population: Population, numerics: Numerics, objects: Mapping[ModelRole, Any]
    ) -> None:
        self._spec, self._population, self._numerics, self._objects = spec, population, numerics, objects
        self._regime = Regime(spec, len(population.train))
        self._label_annotator = self._root(ModelRole.LABEL_ANNOTATOR)
        self._group_annotator = self._root(ModelRole.GROUP_ANNOTATOR)
        self._made: dict[Learner, list[Recipe]] = {"generator": [], "classifier": []}

    def plan(self) -> Plan:
        generators, classifiers = self._made["generator"], self._made["classifier"]
        for i in range(self._spec.generations):
            if i == 0:
                generators.append(self._root(ModelRole.GENERATOR))
            elif self._spec.rules.generators == "sequential":
                generators.append(self._learned("generator", i))
            else:
                generators.append(generators[0])
            classifiers.append(self._learned("classifier", i))
        people = tuple(self._regime.people(i) for i in range(self._spec.generations))
        annotators = self._label_annotator, self._group_annotator
        return Plan(*annotators, tuple(generators), tuple(classifiers), people, annotators)

    def rounds(self) -> Plan:
        """The recipes of a run with rounds of people."""
        spec, classifiers = self._spec, self._made["classifier"]
        for i in range(spec.generations if spec.people.rule is None else 0):
            classifiers.append(self._of_round(i))
        known = {ModelRole.LABEL_ANNOTATOR: self._label_annotator, ModelRole.GROUP_ANNOTATOR: self._group_annotator}
        needed = [known[role] for role in spec.annotators]
        return Plan(self._label_annotator, self._group_annotator, (), tuple(classifiers), (), tuple(needed))

    def _of_round(self, i: int) -> Recipe:
        """C_i, which learns from the people whose labels are known by the end of round i.

        The people of all rounds up to i depend on the previous classifier, which decided in round i.
        """
        spec = self._regime.held[i]
        rounds = self._regime.rounds(i)
        size = sum(spec.people.known_before if g == REAL else spec.people.arrivals for g in rounds)
        recipe = replace(
            self._recipe(ModelRole.CLASSIFIER, i, max(size, 1)),
            data=self._population.fingerprint,
            mixture=Mixture(parts=tuple(Part(g, 1 / len(rounds)) for g in rounds)),
            people=spec.people,
        )
        recipe = replace(recipe, curation=self._curation(spec, "classifier", recipe.schedule.batch))
        return replace(recipe, parents=tuple(self._before(recipe)))

    def _before(self, recipe: Recipe) -> Iterator[Parent]:
        """The model that decided before C_i learned, and the models for its curation or its first weights."""
        i, steps = recipe.generation, recipe.curation.steps
        decider = self._made["classifier"][i - 1] if i else self._label_annotator
        if i or self._spec.people.by_annotator:
            yield Parent(Influence.DECIDER, decider.fingerprint, i - 1)
        if steps:
            yield Parent(Influence.GROUPER, self._group_annotator.fingerprint)
            yield Parent(Influence.ANNOTATOR, self._label_annotator.fingerprint)
        if i and self._regime.held[i].warm_start == "classifier":
            yield Parent(Influence.START, decider.fingerprint)

    def _root(self, role: ModelRole) -> Recipe:
        """A model that learns from real people alone: A_L, A_S or G_0."""
        people = self._regime.people(0) if role is ModelRole.GENERATOR else RealPeople()
        first, end = people.span or (0, len(self._population.train))
        recipe = self._recipe(role, 0, end - first)
        return replace(recipe, data=self._population.fingerprint, mixture=Mixture(people=people))

    def _learned(self, learner: Learner, i: int) -> Recipe:
        """G_i or C_i, which learns from earlier models."""
        role, spec = ModelRole(learner), self._regime.held[i]
        mix = self._regime.ingredients(learner, i)
        share = spec.synthetic_share if role is ModelRole.GENERATOR and spec.synthetic_share < 1 else None
        curated = spec.star.curates(learner) or spec.curation.curates(learner)
        told = self._told(role, i)
        labelled = curated or role is ModelRole.CLASSIFIER or bool(told)
        recipe = replace(
            self._recipe(role, i, mix.size),
            data=self._population.fingerprint if mix.real or share is not None else None,
            synthetic_share=share,
            mixture=self._regime.mixture(learner, i, labelled=labelled),
        )
        recipe = replace(recipe, curation=self._curation(spec, learner, recipe.curated_batch))
        grouped = recipe.curated or "groups" in told
        return replace(recipe, parents=tuple(self._parents(recipe, learner, labelled=labelled, grouped=grouped)))

    def _estimator(self, role: ModelRole, i: int) -> Any | None:
        return estimator_of(role, self._regime.held[i], self._objects)

    def _told(self, role: ModelRole, i: int) -> set[str]:
        """`y` and `groups`, if an estimator's fit takes them beside features and a classifier's labels."""
        own = self._estimator(role, i)
        if own is None:
            return set()
        return wanted(own) if role is ModelRole.GENERATOR else {"groups"} if takes_groups(own) else set()

    def _recipe(self, role: ModelRole, i: int, size: int) -> Recipe:
        schedule = self._schedule(role, i, size) if self._estimator(role, i) is None else self._whole(role, i, size)
        training = training_of(role, self._regime.held[i], i, self._objects)
        return Recipe(role, self._spec.seed, i, training, self._numerics, schedule)

    def _whole(self, role: ModelRole, i: int, size: int) -> Schedule:
        """The batches that make the training data of an estimator: one batch of table rows, or batches of
        `star.batch`.
        """
        shape, star = self._population.shape, self._regime.held[i].star
        batch = size if len(shape) == 1 else min(size, chunk(shape))
        if role is ModelRole.CLASSIFIER and star.curates("classifier") and star.batch:
            return Schedule(-(-size // star.batch), star.batch, star.batch)
        steps = -(-size // batch)
        return Schedule(steps, batch, size - batch * (steps - 1))

    def _schedule(self, role: ModelRole, i: int, size: int) -> Schedule:
        """The batches of an epoch over `size` people or samples.

        C_i has as many steps as G_i, so that both learn from equally many samples. All batches of G_1, G_2, ... and of
        classifiers with STAR are full. The last batch of other models may be short.
        """
        spec, batch = self._regime.held[i], getattr(self._regime.held[i], section_of(role)).batch
        steps = -(-size // (spec.generator.batch if role is ModelRole.CLASSIFIER else batch))
        by_star = role is ModelRole.CLASSIFIER and spec.star.curates("classifier")
        if by_star:
            batch = spec.star.batch or batch
        full = by_star or (role is ModelRole.GENERATOR and i > 0)
        rest = size - batch * (steps - 1)
        return Schedule(steps, batch, batch if full or not 0 < rest < batch else rest)

    def _curation(self, spec: RunSpec, learner: Learner, batch: int) -> CurationRules:
        """The curation of batches of `batch`."""
        steps = tuple(spec.curation.steps) if spec.curation.curates(learner) else ()
        if not spec.star.curates(learner):
            return CurationRules(steps)
        ideal = tuple(map(tuple, ideals.shares_for(spec.star.ideal, self._population).tolist()))
        return CurationRules(steps, StarRule(ideal, quotas.budget_for(batch, spec.star.budget), spec.star.rounding))

    def _parents(self, recipe: Recipe, learner: Learner, *, labelled: bool, grouped: bool) -> Iterator[Parent]:
        """The models that shaped the data of `recipe`, and its first weights."""
        i, mixture = recipe.generation, recipe.mixture
        for g in recipe.made_by:
            number = g if mixture.parts else None
            yield Parent(Influence.GENERATOR, self._made["generator"][g].fingerprint, number)
            if labelled:
                yield Parent(Influence.LABELLER, self._labeller(first_use(learner, g)).fingerprint, number)
        if grouped or any(len(labels.error) > 1 for labels in mixture.labellings):
            yield Parent(Influence.GROUPER, self._group_annotator.fingerprint)
        if recipe.curation.steps or any(labels.human_share for labels in mixture.labellings):
            yield Parent(Influence.ANNOTATOR, self._label_annotator.fingerprint)
            if mixture.parts:
                yield Parent(Influence.LABELLER, self._labeller(i).fingerprint)
        for j, response in enumerate(mixture.people.steps(i)):
            if response.on:
                yield Parent(Influence.DECIDER, self._made["classifier"][j].fingerprint, j)
        if i and self._regime.held[i].warm_start in (learner, "both"):
            yield Parent(Influence.START, self._made[learner][i - 1].fingerprint)

    def _labeller(self, generation: int) -> Recipe:
        """The labeller of the samples that models of `generation` learn from."""
        return self._spec.rules.labeller_among(generation, self._label_annotator, self._made["classifier"])


def _check_against(spec: RunSpec, population: Population) -> None:
    """Raise InputError if an ideal or a data policy of any generation does not fit the data."""
    everybody = len(population.train)
    needed = (spec.policy.people or 0) * (spec.generations if spec.policy.real == "fresh" else 1)
    if needed > everybody:
        raise InputError(
            f"policy.people={spec.policy.people}: {spec.generations} generations need {needed} real people, and the "
            f"training set has {everybody}; lower policy.people or generations, or set policy.real=fixed"
            if spec.policy.real == "fresh"
            else f"policy.people={needed}: the training set has {everybody}"
        )
    for _, where, span in told_spans(spec):
        with where:
            _check_span(span, population)


def told_spans(spec: RunSpec) -> Iterator[tuple[int, AbstractContextManager[None], RunSpec]]:
    """Each spec of the run, with its first generation and a context that adds the entry of the schedule to errors."""
    yield 0, nullcontext(), spec
    for generation in sorted(spec.schedule):
        yield generation, _scheduled(generation), spec.at(generation)


@contextmanager
def _scheduled(generation: int) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        raise InputError(f"schedule.{generation}: {error}") from error


def _check_span(spec: RunSpec, population: Population) -> None:
    ideals.shares_for(spec.star.ideal, population)
    for chosen in (spec.policy.generator, spec.policy.classifier):
        chosen.policy()
    labels, groups = len(population.label_names), len(population.group_names)
    if len(spec.labels.error) not in (0, 1, groups):
        raise InputError(f"labels.error={spec.labels.error}: give one number, or one for each of {groups} groups")
    if spec.response.on and [len(row) for row in spec.response.retention] != [labels] * groups:
        raise InputError(
            f"response.retention={spec.response.retention}: needs a row for each of {groups} groups "
            f"({', '.join(population.group_names)}), with a probability for each of {labels} labels "
            f"({', '.join(population.label_names)})"
        )
