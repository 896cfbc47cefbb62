"""What shaped a trained model, and its fingerprint: the name under which it is kept, found and shared.

A trained model is a pure function of its recipe. Recipes follow from the spec and the data alone, before
anything is trained, so two runs that need the same model know it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from fairloop.curation import ideal as ideals
from fairloop.curation.sizes import budget_for
from fairloop.data import Population
from fairloop.feeds import Schedule, synthetic_part
from fairloop.numerics import Numerics
from fairloop.seeding import ModelRole
from fairloop.spec import ClassifierSpec, GeneratorSpec, RunSpec, TrainingSpec

MATHS_VERSION = 2
"""Raised whenever the same recipe would give other bits than before."""


@dataclass(frozen=True)
class Recipe:
    """Everything that a trained model is a function of.

    role, seed, generation: the streams of its random numbers.
    training: the model and its training, every field.
    numerics: precision, device and threads.
    schedule: the batches of an epoch.
    data: fingerprint of the real data it saw; None if it saw none.
    curation: how its batches were curated; None if they were not.
    synthetic_share: of its batches; None if it saw only one kind.
    parents: fingerprints of the models that it learned from, by their part in it.
    """

    role: ModelRole
    seed: int
    generation: int
    training: dict[str, Any]
    numerics: dict[str, Any]
    schedule: Schedule
    data: str | None = None
    curation: dict[str, Any] | None = None
    synthetic_share: float | None = None
    parents: dict[str, str] = field(default_factory=dict)
    maths: int = MATHS_VERSION

    @cached_property
    def fingerprint(self) -> str:
        """A hash of all fields."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    @property
    def title(self) -> str:
        """What a person calls it, such as `generator 3`; annotators belong to no generation."""
        if self.role in (ModelRole.GENERATOR, ModelRole.CLASSIFIER):
            return f"{self.role} {self.generation}"
        return self.role.replace("_", " ")

    @property
    def filename(self) -> str:
        """A name for files: readable, and unique."""
        return f"{self.title.replace(' ', '-')}-{self.fingerprint[:16]}"


@dataclass(frozen=True)
class Plan:
    """The recipes of a run. generators, classifiers: by generation (fixed generators repeat the first)."""

    label_annotator: Recipe
    group_annotator: Recipe
    generators: tuple[Recipe, ...]
    classifiers: tuple[Recipe, ...]

    def __iter__(self) -> Iterator[Recipe]:
        """Every recipe once, parents before children."""
        yield self.label_annotator
        yield self.group_annotator
        last = None
        for generator, classifier in zip(self.generators, self.classifiers, strict=True):
            if generator is not last:
                yield generator
            yield classifier
            last = generator


def plan(spec: RunSpec, population: Population, numerics: Numerics) -> Plan:
    """The recipes of every model in the run. Raises InputError if the spec does not fit the data."""
    return _Planner(spec, population, numerics).plan()


def training_of_first(generator: GeneratorSpec) -> GeneratorSpec:
    """How G_0 is trained."""
    return generator.model_copy(update={"epochs": generator.first_epochs or generator.epochs, "first_epochs": None})


def classifier_schedule(spec: RunSpec, people: int) -> Schedule:
    """The batches of a classifier's epoch: as many as the generator's, so that both see alike many samples.

    Without curation the last one is as short as it would be with the training set's `people`.
    """
    steps = -(-people // spec.generator.batch)
    if spec.star.curates("classifier"):
        batch = spec.star.batch or spec.classifier.batch
        return Schedule(steps, batch, batch)
    batch = spec.classifier.batch
    rest = people - batch * (steps - 1)
    return Schedule(steps, batch, rest if 0 < rest < batch else batch)


def generator_schedule(spec: RunSpec, people: int) -> Schedule:
    """The batches of a generator's epoch on synthetic data, all of them full."""
    return Schedule(-(-people // spec.generator.batch), spec.generator.batch, spec.generator.batch)


def star_budget(spec: RunSpec, batch: int) -> int:
    """Extra candidates for a curated batch."""
    return budget_for(batch, spec.star.budget)


class _Planner:
    def __init__(self, spec: RunSpec, population: Population, numerics: Numerics) -> None:
        self._spec = spec
        self._population = population
        self._numerics = numerics.record()
        self._ideal = ideals.shares_for(spec.star.ideal, population).tolist()

    def plan(self) -> Plan:
        spec = self._spec
        label_annotator = self._on_real_data(ModelRole.LABEL_ANNOTATOR, spec.annotator)
        group_annotator = self._on_real_data(ModelRole.GROUP_ANNOTATOR, spec.annotator)
        generators = [self._on_real_data(ModelRole.GENERATOR, training_of_first(spec.generator))]
        classifiers: list[Recipe] = []
        for i in range(spec.generations):
            follows = i > 0 and spec.rules.labels == "previous_classifier"
            labeller = classifiers[-1] if follows else label_annotator
            if i > 0:
                fixed = spec.rules.generators == "fixed"
                generators.append(
                    generators[0] if fixed else self._generator(i, generators[-1], labeller, group_annotator)
                )
            classifiers.append(self._classifier(i, generators[-1], labeller, group_annotator))
        return Plan(label_annotator, group_annotator, tuple(generators), tuple(classifiers))

    def _on_real_data(self, role: ModelRole, training: TrainingSpec) -> Recipe:
        people = len(self._population.train)
        steps = -(-people // training.batch)
        schedule = Schedule(steps, training.batch, people - training.batch * (steps - 1))
        return self._recipe(role, 0, training, schedule, data=self._population.fingerprint)

    def _generator(self, i: int, parent: Recipe, labeller: Recipe, grouper: Recipe) -> Recipe:
        spec = self._spec
        curated = spec.star.curates("generator")
        schedule = generator_schedule(spec, len(self._population.train))
        mixed = spec.synthetic_share < 1
        parents = {"generator": parent} | ({"labeller": labeller, "grouper": grouper} if curated else {})
        return self._recipe(
            ModelRole.GENERATOR,
            i,
            spec.generator.model_copy(update={"first_epochs": None}),
            schedule,
            data=self._population.fingerprint if mixed else None,
            curation=self._star(synthetic_part(spec.synthetic_share, schedule.batch)) if curated else None,
            synthetic_share=spec.synthetic_share if mixed else None,
            parents={name: recipe.fingerprint for name, recipe in parents.items()},
        )

    def _classifier(self, i: int, generator: Recipe, labeller: Recipe, grouper: Recipe) -> Recipe:
        spec = self._spec
        curated = spec.star.curates("classifier")
        schedule = classifier_schedule(spec, len(self._population.train))
        parents = {"generator": generator, "labeller": labeller} | ({"grouper": grouper} if curated else {})
        return self._recipe(
            ModelRole.CLASSIFIER,
            i,
            spec.classifier,
            schedule,
            curation=self._star(schedule.batch) if curated else None,
            parents={name: recipe.fingerprint for name, recipe in parents.items()},
        )

    def _star(self, batch: int) -> dict[str, Any]:
        star = self._spec.star
        return {"star": self._ideal, "budget": star_budget(self._spec, batch), "rounding": star.rounding}

    def _recipe(
        self, role: ModelRole, generation: int, training: ClassifierSpec | TrainingSpec, schedule: Schedule, **rest: Any
    ) -> Recipe:
        return Recipe(
            role=role,
            seed=self._spec.seed,
            generation=generation,
            training=training.model_dump(mode="json"),
            numerics=self._numerics,
            schedule=schedule,
            **rest,
        )
