"""What shaped a trained model, and its fingerprint: the name under which it is kept, found and shared.

A trained model is a pure function of its recipe. Recipes follow from the spec and the data alone, before
anything is trained, so two runs that need the same model know it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

from fairloop.curation import ideal as ideals
from fairloop.curation.sizes import budget_for
from fairloop.data import Population
from fairloop.errors import InputError
from fairloop.models.numerics import Numerics
from fairloop.seeding import ModelRole
from fairloop.sources.origin import ANNOTATOR, REAL
from fairloop.spec.models import ClassifierSpec, GeneratorSpec, TrainingSpec
from fairloop.spec.run import RunSpec
from fairloop.spec.sections import Learner
from fairloop.spec.setting import Setting
from fairloop.training.feeds import Schedule, synthetic_part
from fairloop.training.mixture import first_use, held_by, ingredients_of, latest, mixture_of, people_of, steps_told

MATHS_VERSION = 4
"""Raised whenever the same recipe would give other bits than before. Models of another version are never used.

3: faster transposed convolutions and pooling. 4: `conv-vae` has no activation after its decoder's linear layer.
"""


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
    mixture: whose data it saw, and how they were labelled; None if only one generation's, as published.
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
    mixture: dict[str, Any] | None = None

    def described(self) -> dict[str, Any]:
        """All fields as plain data. What came later and is not there is left out, so that older models are found."""
        fields = asdict(self)
        if self.mixture is None:
            del fields["mixture"]
        return fields

    @cached_property
    def fingerprint(self) -> str:
        """A hash of all fields."""
        return hashlib.sha256(json.dumps(self.described(), sort_keys=True).encode()).hexdigest()

    @property
    def title(self) -> str:
        """What a person calls it, such as `generator 3`; annotators belong to no generation."""
        if self.role in (ModelRole.GENERATOR, ModelRole.CLASSIFIER):
            return f"{self.role} {self.generation}"
        return self.role.replace("_", " ")

    @property
    def full_title(self) -> str:
        """The title with the model's name, for errors: `generator 3 (conv-vae)`."""
        return f"{self.title} ({self.training['model']})"

    @property
    def tells_origins(self) -> bool:
        """Whether its data are others than the published settings' or mixed, so that it counts where they come from."""
        return self.mixture is not None or self.synthetic_share is not None

    @property
    def curated_batch(self) -> int:
        """How many samples of a full batch are curated, if any are: all but the real people that are mixed in."""
        share = 1.0 if self.synthetic_share is None else self.synthetic_share
        return synthetic_part(share, self.schedule.batch)

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

    def labeller(self, generation: int, rules: Setting) -> Recipe:
        """Who labels what models of `generation` learn from."""
        labeller = rules.labeller(generation)
        return self.label_annotator if labeller == ANNOTATOR else self.classifiers[labeller]

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

    people: or samples, that an epoch passes over. Without curation by STAR the last batch is as short as with these.
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


def curation_of(spec: RunSpec, population: Population, learner: Learner, batch: int) -> dict[str, Any] | None:
    """What a recipe tells of how batches of `batch` are curated; None if they are not."""
    told: dict[str, Any] = {}
    if spec.curation.curates(learner):
        told["steps"] = spec.curation.steps
    if spec.star.curates(learner):
        ideal = ideals.shares_for(spec.star.ideal, population).tolist()
        told |= {"star": ideal, "budget": budget_for(batch, spec.star.budget), "rounding": spec.star.rounding}
    return told or None


def check_against(spec: RunSpec, population: Population) -> None:
    """Raise InputError if an ideal or a regime that the run ever has does not fit the data."""
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
    """Every spec that the run ever has: the generation from which it holds, a context in which errors say where the
    schedule names it, and the spec.
    """
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


class _Planner:
    def __init__(self, spec: RunSpec, population: Population, numerics: Numerics) -> None:
        self._spec = spec
        self._population = population
        self._numerics = numerics.record()
        self._held = held_by(spec)
        check_against(spec, population)

    def plan(self) -> Plan:
        spec = self._spec
        label_annotator = self._on_real_data(ModelRole.LABEL_ANNOTATOR, spec.annotator)
        group_annotator = self._on_real_data(ModelRole.GROUP_ANNOTATOR, spec.annotator)
        made = Plan(label_annotator, group_annotator, (), ())
        for i in range(spec.generations):
            now = self._held[i]
            if i == 0:
                generator = self._on_real_data(ModelRole.GENERATOR, training_of_first(now.generator))
            elif spec.rules.generators == "sequential":
                generator = self._generator(i, now, made)
            made = replace(made, generators=(*made.generators, generator))
            made = replace(made, classifiers=(*made.classifiers, self._classifier(i, now, made)))
        return made

    def _on_real_data(self, role: ModelRole, training: TrainingSpec) -> Recipe:
        told = people_of(self._held, 0) if role is ModelRole.GENERATOR else {}
        people = self._spec.policy.people if told else None
        people = people or len(self._population.train)
        steps = -(-people // training.batch)
        schedule = Schedule(steps, training.batch, people - training.batch * (steps - 1))
        return self._recipe(role, 0, training, schedule, data=self._population.fingerprint, mixture=told or None)

    def _generator(self, i: int, spec: RunSpec, made: Plan) -> Recipe:
        curated = spec.star.curates("generator") or spec.curation.curates("generator")
        told = mixture_of(self._held, "generator", i, len(self._population.train), labelled=curated)
        mix = ingredients_of(self._held, "generator", i, len(self._population.train))
        schedule = generator_schedule(spec, mix.size)
        mixed = spec.synthetic_share < 1
        parents = self._learned_from("generator", i, told, made, curated)
        if spec.warm_start in ("generator", "both"):
            parents["start"] = made.generators[i - 1]
        return self._recipe(
            ModelRole.GENERATOR,
            i,
            spec.generator.model_copy(update={"first_epochs": None}),
            schedule,
            data=self._population.fingerprint if mixed or mix.real else None,
            curation=curation_of(
                spec, self._population, "generator", synthetic_part(spec.synthetic_share, schedule.batch)
            ),
            synthetic_share=spec.synthetic_share if mixed else None,
            parents={name: recipe.fingerprint for name, recipe in parents.items()},
            mixture=told or None,
        )

    def _classifier(self, i: int, spec: RunSpec, made: Plan) -> Recipe:
        curated = spec.star.curates("classifier") or spec.curation.curates("classifier")
        told = mixture_of(self._held, "classifier", i, len(self._population.train), labelled=True)
        mix = ingredients_of(self._held, "classifier", i, len(self._population.train))
        schedule = classifier_schedule(spec, mix.size)
        parents = self._learned_from("classifier", i, told, made, curated)
        if spec.warm_start in ("classifier", "both") and i:
            parents["start"] = made.classifiers[i - 1]
        return self._recipe(
            ModelRole.CLASSIFIER,
            i,
            spec.classifier,
            schedule,
            data=self._population.fingerprint if mix.real else None,
            curation=curation_of(spec, self._population, "classifier", schedule.batch),
            parents={name: recipe.fingerprint for name, recipe in parents.items()},
            mixture=told or None,
        )

    def _learned_from(
        self, learner: Learner, i: int, told: dict[str, Any], made: Plan, curated: bool
    ) -> dict[str, Recipe]:
        """Models that shaped the data, by their part in it."""
        parents: dict[str, Recipe] = {}
        made_by = [g for g, _ in told["parts"] if g != REAL] if "parts" in told else [latest(learner, i)]
        for g in made_by:
            number = f" {g}" if "parts" in told else ""
            parents[f"generator{number}"] = made.generators[g]
            if curated or learner == "classifier":
                parents[f"labeller{number}"] = made.labeller(first_use(learner, g), self._spec.rules)
        labels = [rules.get("labels", {}) for rules in (told, *dict(told.get("earlier", ())).values())]
        if curated or any(len(rule.get("error", ())) > 1 for rule in labels):
            parents["grouper"] = made.group_annotator
        if any(rule.get("human_share") for rule in labels) or (curated and self._held[i].curation.curates(learner)):
            parents["annotator"] = made.label_annotator
            parents.setdefault("labeller", made.labeller(i, self._spec.rules))
        for j, response in enumerate(steps_told(told, i)):
            if response["retention"]:
                parents[f"decider {j}"] = made.classifiers[j]
        return parents

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
