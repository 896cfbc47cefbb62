"""Builds and trains the models of one run, each by its recipe; asks `models` first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import NamedTuple, NoReturn, TypeVar

import numpy as np

from fairloop import data
from fairloop.batch import Batch
from fairloop.curation.interface import Curation, Curator, NoCuration
from fairloop.curation.star import Star
from fairloop.errors import DivergedError
from fairloop.feeds import Feed, mixed, real, synthetic, synthetic_part
from fairloop.models import build_classifier, build_generator
from fairloop.models.interface import Classifier, Generator
from fairloop.numerics import Numerics, resolve
from fairloop.recipe import Recipe, plan, training_of_first
from fairloop.seeding import ModelRole, Role
from fairloop.source import RealData, Source
from fairloop.spec import ClassifierSpec, RunSpec, TrainingSpec
from fairloop.store.interface import Models, Trained
from fairloop.streams import Streams, initialising
from fairloop.training import Checkpoint, State, fit_classifier, fit_generator, is_defined, undefined

Model = TypeVar("Model", Generator, Classifier)


class Annotators(NamedTuple):
    """A_L, who labels, and A_S, who names groups."""

    label: Trained[Classifier]
    group: Trained[Classifier]


class Workshop:
    """The models of a run.

    Made once, before anything is trained: raises InputError for a spec that does not fit its data or machine.
    """

    def __init__(
        self,
        spec: RunSpec,
        models: Models,
        recorded: Numerics | None = None,
        population: data.Population | None = None,
    ) -> None:
        """`recorded`: the numerics that the models were trained with, if they are only to be loaded.

        population: the data, if not those that the spec describes.
        """
        self.spec = spec
        self.numerics: Numerics = resolve(spec.precision, spec.device, spec.threads, strict=recorded is None)
        self.population = population or data.load(spec.data, spec.seed)
        self.plan = plan(spec, self.population, recorded or self.numerics)
        self._models = models
        self._real = RealData(self.population.train, self.numerics)
        self._try_models()
        self._warn_of_starved_strata()

    def fit_roots(self) -> None:
        """Fit G_0, A_L and A_S, which need no other model. What another process is fitting already comes last, so that
        runs that begin side by side share this work instead of waiting for each other.
        """
        recipes = [self.plan.generators[0], self.plan.label_annotator, self.plan.group_annotator]
        while recipes:
            recipes.sort(key=self._models.busy)
            recipe = recipes.pop(0)
            if recipe.role is ModelRole.GENERATOR:
                self.first_generator()
            else:
                self._annotator(recipe)

    def annotators(self) -> Annotators:
        """A_L, trained on real labels, and A_S, trained on real groups."""
        return Annotators(self._annotator(self.plan.label_annotator), self._annotator(self.plan.group_annotator))

    def first_generator(self) -> Trained[Generator]:
        """G_0, trained on real data."""
        recipe = self.plan.generators[0]
        return self._generator(recipe, self._real_feed(recipe))

    def generator(self, generation: int, source: Source) -> Trained[Generator]:
        """G_i, trained on samples of its predecessor, and on real data where the synthetic share is below 1."""
        recipe, share = self.plan.generators[generation], self.spec.synthetic_share
        curator, streams = self._curator(recipe), self._streams(recipe)
        source = source if recipe.curation else Source(source.generator, self.numerics)  # images are enough
        if recipe.synthetic_share is None:
            return self._generator(recipe, synthetic(source, curator, recipe.schedule, streams), source)
        return self._generator(recipe, mixed(source, curator, self._real, share, recipe.schedule, streams), source)

    def classifier(self, generation: int, source: Source) -> Trained[Classifier]:
        """C_i, trained on labelled samples."""
        recipe = self.plan.classifiers[generation]
        source = source if recipe.curation else replace(source, grouper=None)  # labels are enough
        feed = synthetic(source, self._curator(recipe), recipe.schedule, self._streams(recipe))
        return self._classifier(recipe, self.spec.classifier, feed, source)

    def source(
        self, generator: Trained[Generator], labeller: Trained[Classifier], grouper: Trained[Classifier]
    ) -> Source:
        """What a model learns from: samples of `generator`, named by the other two."""
        return Source(generator.module, self.numerics, labeller.module, grouper.module)

    def kept_generator(self, generation: int) -> Trained[Generator] | None:
        """G_i if it was kept from before."""
        recipe = self.plan.generators[generation]
        return self._generator(recipe, _nothing) if self._models.has(recipe) else None

    def kept_classifier(self, generation: int) -> Trained[Classifier] | None:
        """C_i if it was kept from before."""
        recipe = self.plan.classifiers[generation]
        return self._classifier(recipe, self.spec.classifier, _nothing) if self._models.has(recipe) else None

    def _annotator(self, recipe: Recipe) -> Trained[Classifier]:
        feed = self._real_feed(recipe)

        def groups_as_labels(epoch: int) -> Iterator[tuple[Batch, Curation | None]]:
            return ((batch._replace(labels=batch.groups), curation) for batch, curation in feed(epoch))

        of_groups = recipe.role is ModelRole.GROUP_ANNOTATOR
        return self._classifier(recipe, self.spec.annotator, groups_as_labels if of_groups else feed)

    def _generator(self, recipe: Recipe, feed: Feed, source: Source | None = None) -> Trained[Generator]:
        training = self.spec.generator if recipe.generation else training_of_first(self.spec.generator)
        streams = self._streams(recipe)

        def fit(state: State | None) -> Iterator[Checkpoint[Generator]]:
            model = self._initialised(recipe, self._new_generator)
            if state is None and not _can_teach(source):
                return iter((undefined(model, training),))
            return fit_generator(model, training, feed, streams, self.numerics, state)

        return self._accepted(self._models.model(recipe, fit), training)

    def _classifier(
        self, recipe: Recipe, training: ClassifierSpec, feed: Feed, source: Source | None = None
    ) -> Trained[Classifier]:
        def fit(state: State | None) -> Iterator[Checkpoint[Classifier]]:
            model = self._initialised(recipe, partial(self._new_classifier, recipe.role))
            if state is None and not _can_teach(source):
                return iter((undefined(model, training),))
            return fit_classifier(model, training, feed, self.numerics, state)

        return self._accepted(self._models.model(recipe, fit), training)

    def _accepted(self, trained: Trained[Model], training: TrainingSpec) -> Trained[Model]:
        """The same. Raises DivergedError if it diverged and the run is to stop then."""
        if trained.diverged and self.spec.on_divergence == "stop":
            epoch, batch = trained.log["diverged"].tolist()
            raise DivergedError(
                f"{trained.recipe.title} ({training.model}) diverged in epoch {epoch}, batch {batch}: its loss or "
                f"weights are no longer finite; lower its learning_rate (it is {training.learning_rate:g}), set "
                "precision=fp32, or let the run go on with its measures undefined (on_divergence=go_on)"
            )
        return trained

    def _new_generator(self) -> Generator:
        asked, people = self.spec.generator, self.population
        return build_generator(asked.model, people.shape, asked.arguments, [column.width for column in people.columns])

    def _new_classifier(self, role: ModelRole) -> Classifier:
        section = "classifier" if role is ModelRole.CLASSIFIER else "annotator"
        training = self.spec.classifier if role is ModelRole.CLASSIFIER else self.spec.annotator
        names = self.population.group_names if role is ModelRole.GROUP_ANNOTATOR else self.population.label_names
        return build_classifier(training.model, self.population.shape, len(names), training.arguments, section)

    def _initialised(self, recipe: Recipe, build: Callable[[], Model]) -> Model:
        weights = Streams(recipe.seed, recipe.generation, recipe.role).at(Role.INITIALISATION)
        with initialising(weights):
            return build()

    def _try_models(self) -> None:
        """Build each kind of model once, so that a wrong argument ends the run before it starts."""
        for recipe in (self.plan.label_annotator, self.plan.group_annotator, self.plan.classifiers[0]):
            self._initialised(recipe, partial(self._new_classifier, recipe.role))
        self._initialised(self.plan.generators[0], self._new_generator)

    def _warn_of_starved_strata(self) -> None:
        for recipe in (self.plan.classifiers[0], self.plan.generators[-1]):
            curator = self._curator(recipe)
            if isinstance(curator, Star):
                share = 1.0 if recipe.synthetic_share is None else recipe.synthetic_share
                curator.warn_if_starved(synthetic_part(share, recipe.schedule.batch))

    def _real_feed(self, recipe: Recipe) -> Feed:
        return real(self._real, recipe.schedule.batch, self._streams(recipe))

    def _curator(self, recipe: Recipe) -> Curator:
        if recipe.curation is None:
            return NoCuration()
        return Star(np.asarray(recipe.curation["star"]), recipe.curation["budget"], recipe.curation["rounding"])

    def _streams(self, recipe: Recipe) -> Streams:
        return Streams(recipe.seed, recipe.generation, recipe.role, self.numerics.device)


def _can_teach(source: Source | None) -> bool:
    """Whether no model of the source diverged; real people did not."""
    models = () if source is None else (source.generator, source.labeller, source.grouper)
    return all(model is None or is_defined(model) for model in models)


def _nothing(epoch: int) -> NoReturn:
    raise AssertionError(f"a model that is kept whole has no epoch {epoch} left to train")
