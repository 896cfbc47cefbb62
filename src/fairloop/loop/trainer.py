"""The trainer of a run's models, networks and estimators, by their recipes. It loads stored models from `models`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, NoReturn, TypeVar

import numpy as np
from torch import Tensor

from fairloop import data
from fairloop.curation.interface import Curation
from fairloop.errors import DivergedError, InputError
from fairloop.evaluation import measures_of
from fairloop.loop.estimators import Estimators
from fairloop.loop.history import Annotators, History
from fairloop.loop.inputs import Inputs, check_steps, warn_of_starved_strata
from fairloop.loop.people.population import People, source_of
from fairloop.loop.people.published import PublishedClassifier, check_response
from fairloop.models import build_classifier, build_generator
from fairloop.models.checks import check_range, try_classifier, try_generator
from fairloop.models.estimators.contract import takes_groups, wanted
from fairloop.models.estimators.fitted import FittedClassifier, FittedGenerator
from fairloop.models.interface import Classifier, Generator
from fairloop.models.numerics import Numerics, resolve
from fairloop.seeding import ModelRole, Role
from fairloop.sources.batch import Batch
from fairloop.sources.source import RealData, Source
from fairloop.spec.files import with_files_read
from fairloop.spec.models import TrainingSpec
from fairloop.spec.people import PEOPLE
from fairloop.spec.run import RunSpec
from fairloop.store.interface import Models, Trained
from fairloop.training.batches import Feed, Remembered
from fairloop.training.fitting import (
    Checkpoint,
    State,
    fit_at_once,
    fit_classifier,
    fit_generator,
    fit_nothing,
    undefined,
)
from fairloop.training.plan import plan, section_of, told_spans, training_of
from fairloop.training.recipe import Recipe
from fairloop.training.streams import Streams, initialising

Model = TypeVar("Model", Generator, Classifier)

_TRIED_ON = 2  # real samples for trials of untrained models
_SHOWN = 8  # real samples for trials of an annotator that has just been fitted by one call
_LOOKED_AT = 16  # samples of each new generator to check before a model learns from it


class ModelTrainer:
    """The models of a run.

    Its constructor raises InputError for a spec that does not fit its data or machine, before any training.
    """

    def __init__(
        self,
        spec: RunSpec,
        models: Models,
        recorded: Numerics | None = None,
        population: data.Population | None = None,
        estimators: Estimators | None = None,
        source: People | None = None,
    ) -> None:
        """recorded: the numerics of the models' training, for a trainer that only loads them.

        population, estimators: the data and the models, in place of those that the spec describes. source: the people
        of rounds, from `loop.people`.
        """
        self.spec = spec = with_files_read(spec)
        self.numerics: Numerics = resolve(spec.precision, spec.device, spec.threads, strict=recorded is None)
        self.source = (source or source_of(spec)) if spec.setting == PEOPLE else None
        real = population if self.source is None else self.source.population
        self.population = real or data.load(spec.data, spec.seed)
        self._estimators = estimators or Estimators(self.population)
        self._objects = self._estimators.objects
        self.plan = plan(spec, self.population, recorded or self.numerics, self._objects)
        self.inputs = Inputs(self.population, self.numerics)
        self._models = models
        self._roots: dict[str, Trained[Any]] = {}
        self._diverged: set[str] = set()
        self._only_loads = recorded is not None
        self._remembers = measures_of(self.population).keeps_samples
        self._fed: Remembered | None = None
        self._try_models()
        learners = [one for one in self.plan.classifiers if self.source is None or one.mixture.parts]
        warn_of_starved_strata((*learners, *reversed(self.plan.generators)))

    def fit_roots(self) -> None:
        """Fit those of G_0, A_L and A_S that the run has. They need no other model.

        A model that another process is fitting comes last, so that concurrent runs share this work instead of waiting
        for each other.
        """
        recipes = [*self.plan.generators[:1], *self.plan.annotators]
        if self._objects:  # finds a wrong classifier before other fits
            recipes.append(recipes.pop(0))
        while recipes:
            recipes.sort(key=self._models.busy)
            recipe = recipes.pop(0)
            if recipe.role is ModelRole.GENERATOR:
                self._roots[recipe.fingerprint] = self._generator(recipe, self._real(recipe))
            else:
                self._roots[recipe.fingerprint] = annotator = self.annotator(recipe)
                if annotator.module.at_once:
                    annotator.module(self._few(_SHOWN))

    def annotators(self) -> Annotators:
        """A_L, trained on real labels, and A_S, trained on real groups."""
        return Annotators(self._root(self.plan.label_annotator), self._root(self.plan.group_annotator))

    def label_annotator(self) -> Trained[Classifier]:
        """A_L."""
        return self._root(self.plan.label_annotator)

    def _root(self, recipe: Recipe) -> Trained[Classifier]:
        if recipe.fingerprint not in self._roots:
            self._roots[recipe.fingerprint] = self.annotator(recipe)
        return self._roots[recipe.fingerprint]

    def first_generator(self) -> Trained[Generator]:
        """G_0, trained on real data."""
        recipe = self.plan.generators[0]
        if recipe.fingerprint not in self._roots:
            self._roots[recipe.fingerprint] = self._generator(recipe, self._real(recipe))
        return self._roots[recipe.fingerprint]

    def generator(self, generation: int, history: History) -> Trained[Generator]:
        """G_i, trained on samples of earlier generations, and on real data if the spec includes them."""
        recipe = self.plan.generators[generation]
        start = history.generators[generation - 1].module if recipe.starts_warm else None
        own = self._estimators.of(recipe)
        told = set() if own is None else wanted(own)
        feed = self.inputs.feed(recipe, history, labels="y" in told, groups="groups" in told)
        self._fed = Remembered(feed) if self._remembers else None
        return self._generator(recipe, self._fed or feed, start)

    def learned(self, recipe: Recipe) -> Callable[[], Iterable[Tensor]] | None:
        """Gives the batches of the first epoch of G_i, the latest generator; None if these are real people, each once,
        or if no measure reads them.
        """
        return self._fed.inputs if self._fed is not None and recipe.generation else None

    def classifier(self, generation: int, history: History) -> Trained[Classifier]:
        """C_i, trained on labelled samples."""
        recipe = self.plan.classifiers[generation]
        start = history.classifiers[generation - 1].module if recipe.starts_warm else None
        groups = takes_groups(self._estimators.of(recipe))
        return self._classifier(recipe, self.inputs.feed(recipe, history, groups=groups), start)

    def taught(self, generation: int, feed: Feed | None, before: Trained[Classifier] | None) -> Trained[Classifier]:
        """C_i in rounds of people, trained on the batches of `feed`; None: there are no people to learn from.

        before: C_{i-1}.
        """
        recipe = self.plan.classifiers[generation]
        start = before.module if before is not None and recipe.starts_warm else None
        return self._classifier(recipe, feed, start)

    def kept_generator(self, generation: int) -> Trained[Generator] | None:
        """G_i if it is stored, else None."""
        recipe = self.plan.generators[generation]
        return self._generator(recipe, _nothing) if self._models.has(recipe) else None

    def kept_classifier(self, generation: int) -> Trained[Classifier] | None:
        """C_i if it is stored, else None."""
        recipe = self.plan.classifiers[generation]
        return self._classifier(recipe, _nothing) if self._models.has(recipe) else None

    def is_estimator(self, recipe: Recipe) -> bool:
        """Whether the model of `recipe` is fitted by one call."""
        return self._estimators.of(recipe) is not None

    def annotator(self, recipe: Recipe) -> Trained[Classifier]:
        """A_L or A_S alone. recipe: of the plan."""
        feed = self._real(recipe)

        def groups_as_labels(epoch: int) -> Iterator[tuple[Batch, Curation | None]]:
            return ((batch._replace(labels=batch.groups), curation) for batch, curation in feed(epoch))

        of_groups = recipe.role is ModelRole.GROUP_ANNOTATOR
        return self._classifier(recipe, groups_as_labels if of_groups else feed)

    def _generator(self, recipe: Recipe, feed: Feed, start: Generator | None = None) -> Trained[Generator]:
        streams = self._streams(recipe)

        def fit(model: Generator, state: State | None) -> Iterator[Checkpoint[Generator]]:
            if isinstance(model, FittedGenerator):
                return fit_at_once(model, feed, partial(self._estimators.teach_generator, recipe), self.numerics, state)
            return fit_generator(model, recipe.training, feed, streams, self.numerics, state, recipe.schedule.steps)

        trained = self._fitted(recipe, self._new_generator, fit, start)
        if not trained.diverged and not self._only_loads:
            self._look_at(trained)
        return trained

    def _classifier(self, recipe: Recipe, feed: Feed | None, start: Classifier | None = None) -> Trained[Classifier]:
        told = takes_groups(self._estimators.of(recipe)) and self.source is None  # otherwise groups are known
        grouper = self.annotators().group.module if told else None  # built before: one model is initialised at a time

        def fit(model: Classifier, state: State | None) -> Iterator[Checkpoint[Classifier]]:
            if feed is None:
                return fit_nothing(model, recipe.training, self.numerics, state)
            if isinstance(model, FittedClassifier):
                learn = partial(self._estimators.teach_classifier, recipe)
                return fit_at_once(model, feed, learn, self.numerics, state)
            return fit_classifier(model, recipe.training, feed, self.numerics, state, recipe.schedule.steps)

        return self._fitted(recipe, partial(self._new_classifier, grouper=grouper), fit, start)

    def _fitted(
        self,
        recipe: Recipe,
        build: Callable[[Recipe], Model],
        fit: Callable[[Model, State | None], Iterator[Checkpoint[Model]]],
        start: Model | None,
    ) -> Trained[Model]:
        """The model of `recipe`, with the initial weights of `start` if given.

        Raises DivergedError if it diverged and the run stops on divergence.
        """

        def begun(state: State | None) -> Iterator[Checkpoint[Model]]:
            model = self._initialised(recipe, build)
            if start is not None:
                model.load_state_dict(start.state_dict())
            if state is None and any(parent.fingerprint in self._diverged for parent in recipe.parents):
                return iter((undefined(model, recipe.training),))
            return fit(model, state)

        trained: Trained[Model] = self._models.model(recipe, begun)
        if trained.diverged:
            self._diverged.add(recipe.fingerprint)
            if self.spec.on_divergence == "stop":
                raise DivergedError(_divergence(trained))
        return trained

    def _look_at(self, trained: Trained[Generator]) -> None:
        """Raise InputError if the first samples of a generator are unfit for training."""
        if (limits := self.population.value_range) is None:
            return
        recipe = trained.recipe
        source = Source(trained.module, self.numerics, temperature=self.spec.at(recipe.generation).temperature)
        samples = source.draw(_LOOKED_AT, self._streams(recipe).at(Role.MEASUREMENT)).inputs
        check_range(recipe.full_title, samples, limits)

    def _real(self, recipe: Recipe) -> Feed:
        """The real people that a root learns from."""
        return self.inputs.real(recipe) if self._estimators.of(recipe) is None else self.inputs.everybody(recipe)

    def _new_generator(self, recipe: Recipe) -> Generator:
        if (own := self._estimators.of(recipe)) is not None:
            return self._estimators.generator(own, recipe)
        people, asked = self.population, recipe.training
        return build_generator(asked.model, people.shape, asked.arguments, people.facts)

    def _new_classifier(self, recipe: Recipe, grouper: Classifier | None = None) -> Classifier:
        if (own := self._estimators.of(recipe)) is not None:
            return self._estimators.classifier(own, recipe, grouper)
        asked, classes, section = recipe.training, self._classes(recipe), section_of(recipe.role)
        people = self.population
        return build_classifier(asked.model, people.shape, classes, asked.arguments, section, people.facts)

    def _classes(self, recipe: Recipe) -> int:
        people = self.population
        return len(people.group_names if recipe.role is ModelRole.GROUP_ANNOTATOR else people.label_names)

    def _initialised(self, recipe: Recipe, build: Callable[[Recipe], Model]) -> Model:
        with initialising(recipe.streams().at(Role.INITIALISATION)):
            return build(recipe)

    def _try_models(self) -> None:
        """Build each kind of model and of curation once, so that a wrong argument ends the run before it starts. If
        models are to be trained, also try each on a few samples.
        """
        recipes = self.plan
        for recipe in (recipes.label_annotator, recipes.group_annotator):
            critic = self._initialised(recipe, self._tried_classifier)
            if recipe is recipes.label_annotator and self.spec.people.by_annotator:
                self._check_response(critic)
        critics = self.inputs.critics(critic, critic, critic)
        spread: dict[str, bool] = {}  # whether a kind of generator has a temperature
        built: list[TrainingSpec] = []
        for generation, where, span in told_spans(self.spec):
            told = [
                replace(first, generation=generation, training=training_of(first.role, span, 1, self._objects))
                for first in (*recipes.generators[:1], *recipes.classifiers[:1])
            ]
            with where:
                self._check_warm_start(span.warm_start, *told)
                for generator in (recipe for recipe in told if recipe.role is ModelRole.GENERATOR):
                    if _kind(generator.training) not in spread:
                        tried = self._initialised(generator, self._tried_generator)
                        spread[_kind(generator.training)] = tried.has_temperature
                    _check_temperature(span.temperature, generator.training, spread)
                for classifier in (recipe for recipe in told if recipe.role is ModelRole.CLASSIFIER):
                    if classifier.training not in built:
                        self._check_response(self._initialised(classifier, self._tried_classifier))
                        built.append(classifier.training)
                    weighs = check_steps(span.curation, critics)
                    if (own := self._estimators.of(classifier)) is not None:
                        self._check_weights(own, span, by_curation=weighs)
        for recipe in recipes:
            for generation in recipe.made_by:
                temperature = recipe.mixture.rules_of(generation).temperature
                _check_temperature(temperature, recipes.generators[generation].training, spread)

    def _check_response(self, tried: Classifier) -> None:
        """Raise InputError if people cannot respond to a classifier of this type."""
        if self.source is not None and not self._only_loads:
            people = self.population
            seen = PublishedClassifier(tried.eval(), self.numerics, people.beneficial, people.shape[0])
            check_response(self.source.kind, seen)

    def _check_weights(self, own: Any, span: RunSpec, *, by_curation: bool) -> None:
        """Raise InputError if people have weights, and the classifier's fit takes none."""
        if by_curation:
            self._estimators.check_weights(own, "curation.steps", "{kind: oversample}")
        past = () if self.source is None or span.people.weights == "none" else self.source.past
        if span.people.weighs or any(one.weighs for one in past):
            self._estimators.check_weights(own, "people.weights", "people.weights=none")

    def _check_warm_start(self, target: str, *recipes: Recipe) -> None:
        for recipe in recipes:
            if target in (recipe.role, "both") and (own := self._estimators.of(recipe)) is not None:
                raise InputError(
                    f"warm_start={target}: each {recipe.role} ({type(own).__name__}) is fitted by one call, "
                    "without initial weights; leave it out"
                )

    def _tried_generator(self, recipe: Recipe) -> Generator:
        own = self._estimators.of(recipe)
        if own is not None and not self._only_loads and not self._objects:
            return self._estimators.try_generator(own, recipe)
        model = self._new_generator(recipe)
        if own is None and not self._only_loads:
            placed, title = self.numerics.place(model), recipe.full_title
            rng, temperature = self._streams(recipe).at(Role.NOISE), self.spec.at(recipe.generation).temperature
            made = try_generator(placed, title, self._few(), self.numerics, rng, temperature)
            if limits := self.population.value_range:
                check_range(title, made, limits)
        return model

    def _tried_classifier(self, recipe: Recipe) -> Classifier:
        own = self._estimators.of(recipe)
        if own is not None:
            if recipe.role is not ModelRole.CLASSIFIER:
                self._estimators.check_annotator(own, recipe)
            tried = not self._only_loads and not self._objects
            return self._estimators.try_classifier(own, recipe) if tried else self._estimators.classifier(own, recipe)
        model = self._new_classifier(recipe)
        if not self._only_loads:
            placed = self.numerics.place(model)
            try_classifier(placed, recipe.full_title, self._classes(recipe), self._few(), self.numerics)
        return model

    def _few(self, n: int = _TRIED_ON) -> Tensor:
        """(n, ...) the first few real samples."""
        first = np.arange(min(n, len(self.population.train)))
        return next(RealData(self.population.train, self.numerics, first).in_order()).inputs

    def _streams(self, recipe: Recipe) -> Streams:
        return recipe.streams(self.numerics.device)


def _divergence(trained: Trained[Model]) -> str:
    training, (epoch, batch) = trained.recipe.training, trained.log["diverged"].tolist()
    return (
        f"{trained.recipe.full_title} diverged in epoch {epoch}, batch {batch}: its loss or weights are no longer "
        f"finite; lower its learning_rate (it is {training.learning_rate:g}), set precision=fp32, or let the run go on "
        "with its measures undefined (on_divergence=go_on)"
    )


def _kind(generator: TrainingSpec) -> str:
    """The network and its size, as a key."""
    return json.dumps([generator.model, generator.arguments], sort_keys=True)


def _check_temperature(temperature: float, generator: TrainingSpec, spread: dict[str, bool]) -> None:
    if temperature != 1 and not spread[_kind(generator)]:
        raise InputError(f"temperature={temperature:g}: '{generator.model}' has no temperature")


def _nothing(epoch: int) -> NoReturn:
    raise AssertionError(f"a model that is kept whole has no epoch {epoch} left to train")
