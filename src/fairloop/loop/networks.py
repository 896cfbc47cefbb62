"""Builds and trains the models of one run, each by its recipe; asks `models` first."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NoReturn, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from fairloop import data
from fairloop.curation.interface import Curation
from fairloop.errors import DivergedError, InputError
from fairloop.loop.history import Annotators, History
from fairloop.loop.inputs import Inputs, check_steps, made_by, star
from fairloop.models import build_classifier, build_generator
from fairloop.models.interface import Classifier, Generator
from fairloop.models.numerics import Numerics, resolve
from fairloop.models.trial import check_range, try_classifier, try_generator
from fairloop.seeding import ModelRole, Role
from fairloop.sources.batch import Batch
from fairloop.sources.source import RealData, Source
from fairloop.spec.files import with_files_read
from fairloop.spec.models import ClassifierSpec, GeneratorSpec, TrainingSpec
from fairloop.spec.run import RunSpec
from fairloop.store.interface import Models, Trained
from fairloop.training.feeds import Feed, mixed, real, synthetic
from fairloop.training.fitting import Checkpoint, State, fit_classifier, fit_generator, undefined
from fairloop.training.mixture import held_by, people_of, rules_told
from fairloop.training.recipe import Recipe, plan, told_spans
from fairloop.training.streams import Streams, initialising

Model = TypeVar("Model", Generator, Classifier)

_TRIED_ON = 2  # real samples, for models that are not trained yet
_LOOKED_AT = 16  # samples of each new generator, before anything learns from them


class NetworkTrainer:
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
        self.spec = spec = with_files_read(spec)
        self.numerics: Numerics = resolve(spec.precision, spec.device, spec.threads, strict=recorded is None)
        self.population = population or data.load(spec.data, spec.seed)
        self.plan = plan(spec, self.population, recorded or self.numerics)
        self._held = held_by(spec)
        self._models = models
        self._real = RealData(self.population.train, self.numerics)
        self._annotators: Annotators | None = None
        self._diverged: set[str] = set()
        self._inputs = Inputs(self.population, self.numerics, spec.seed)
        self._only_loads = recorded is not None
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
                self.annotator(recipe)

    def annotators(self) -> Annotators:
        """A_L, trained on real labels, and A_S, trained on real groups."""
        if self._annotators is None:
            label, group = self.annotator(self.plan.label_annotator), self.annotator(self.plan.group_annotator)
            self._annotators = Annotators(label, group)
        return self._annotators

    def first_generator(self) -> Trained[Generator]:
        """G_0, trained on real data."""
        recipe = self.plan.generators[0]
        return self._generator(recipe, real(self._inputs.people(recipe), recipe.schedule.batch, self._streams(recipe)))

    def generator(self, generation: int, history: History) -> Trained[Generator]:
        """G_i, trained on what earlier generations made, and on real data where the spec says so."""
        recipe = self.plan.generators[generation]
        source = self._inputs.of(recipe, history)
        curator = self._inputs.curator(recipe, history)
        start = history.generators[generation - 1].module if "start" in recipe.parents else None
        share, streams = recipe.synthetic_share, self._streams(recipe)
        if share is None:
            return self._generator(recipe, synthetic(source, curator, recipe.schedule, streams), start)
        people = self._inputs.people(recipe, history)
        return self._generator(recipe, mixed(source, curator, people, share, recipe.schedule, streams), start)

    def classifier(self, generation: int, history: History) -> Trained[Classifier]:
        """C_i, trained on labelled samples."""
        recipe = self.plan.classifiers[generation]
        source = self._inputs.of(recipe, history, labels=True)
        curator = self._inputs.curator(recipe, history)
        start = history.classifiers[generation - 1].module if "start" in recipe.parents else None
        feed = synthetic(source, curator, recipe.schedule, self._streams(recipe))
        return self._classifier(recipe, feed, start)

    def groups_present(self, generation: int, history: History) -> NDArray[np.float64]:
        """(S,) shares of groups among the real people that models of `generation` may see."""
        return self._inputs.groups_present(people_of(self._held, generation), generation, history)

    def release(self, generation: int) -> None:
        """Let go of what no model after `generation` learns from."""
        self._inputs.release(recipe for recipe in self.plan if recipe.generation > generation)

    def kept_generator(self, generation: int) -> Trained[Generator] | None:
        """G_i if it was kept from before."""
        recipe = self.plan.generators[generation]
        return self._generator(recipe, _nothing) if self._models.has(recipe) else None

    def kept_classifier(self, generation: int) -> Trained[Classifier] | None:
        """C_i if it was kept from before."""
        recipe = self.plan.classifiers[generation]
        if not self._models.has(recipe):
            return None
        return self._classifier(recipe, _nothing)

    def annotator(self, recipe: Recipe) -> Trained[Classifier]:
        """A_L or A_S alone, whichever `recipe` of the plan is of."""
        feed = real(self._real, recipe.schedule.batch, self._streams(recipe))

        def groups_as_labels(epoch: int) -> Iterator[tuple[Batch, Curation | None]]:
            return ((batch._replace(labels=batch.groups), curation) for batch, curation in feed(epoch))

        of_groups = recipe.role is ModelRole.GROUP_ANNOTATOR
        return self._classifier(recipe, groups_as_labels if of_groups else feed)

    def _generator(self, recipe: Recipe, feed: Feed, start: Generator | None = None) -> Trained[Generator]:
        training = GeneratorSpec.model_validate(recipe.training)
        streams = self._streams(recipe)

        def fit(state: State | None) -> Iterator[Checkpoint[Generator]]:
            model = _begun_as(start, self._initialised(recipe, partial(self._new_generator, training)))
            if state is None and not self._diverged.isdisjoint(recipe.parents.values()):
                return iter((undefined(model, training),))
            return fit_generator(model, training, feed, streams, self.numerics, state)

        trained = self._accepted(self._models.model(recipe, fit), training)
        if not trained.diverged and not self._only_loads:
            self._look_at(trained)
        return trained

    def _look_at(self, trained: Trained[Generator]) -> None:
        """Raise InputError if its first samples are none that others may learn from."""
        recipe = trained.recipe
        source = Source(trained.module, self.numerics, temperature=self.spec.at(recipe.generation).temperature)
        self._check_range(recipe.full_title, source.draw(_LOOKED_AT, self._streams(recipe).at(Role.MEASUREMENT)).inputs)

    def _check_range(self, title: str, samples: Tensor) -> None:
        if self.population.in_unit_range:
            check_range(title, samples)

    def _classifier(self, recipe: Recipe, feed: Feed, start: Classifier | None = None) -> Trained[Classifier]:
        training = ClassifierSpec.model_validate(recipe.training)

        def fit(state: State | None) -> Iterator[Checkpoint[Classifier]]:
            model = _begun_as(start, self._initialised(recipe, partial(self._new_classifier, training, recipe.role)))
            if state is None and not self._diverged.isdisjoint(recipe.parents.values()):
                return iter((undefined(model, training),))
            return fit_classifier(model, training, feed, self.numerics, state)

        return self._accepted(self._models.model(recipe, fit), training)

    def _accepted(self, trained: Trained[Model], training: TrainingSpec) -> Trained[Model]:
        """The same. Raises DivergedError if it diverged and the run is to stop then."""
        if trained.diverged:
            self._diverged.add(trained.recipe.fingerprint)
        if trained.diverged and self.spec.on_divergence == "stop":
            epoch, batch = trained.log["diverged"].tolist()
            raise DivergedError(
                f"{trained.recipe.title} ({training.model}) diverged in epoch {epoch}, batch {batch}: its loss or "
                f"weights are no longer finite; lower its learning_rate (it is {training.learning_rate:g}), set "
                "precision=fp32, or let the run go on with its measures undefined (on_divergence=go_on)"
            )
        return trained

    def _new_generator(self, asked: GeneratorSpec) -> Generator:
        people = self.population
        return build_generator(asked.model, people.shape, asked.arguments, [column.width for column in people.columns])

    def _new_classifier(self, training: ClassifierSpec, role: ModelRole) -> Classifier:
        section = "classifier" if role is ModelRole.CLASSIFIER else "annotator"
        names = self.population.group_names if role is ModelRole.GROUP_ANNOTATOR else self.population.label_names
        return build_classifier(training.model, self.population.shape, len(names), training.arguments, section)

    def _initialised(self, recipe: Recipe, build: Callable[[], Model]) -> Model:
        weights = Streams(recipe.seed, recipe.generation, recipe.role).at(Role.INITIALISATION)
        with initialising(weights):
            return build()

    def _try_models(self) -> None:
        """Build each kind of model and of curation once, so that a wrong argument ends the run before it starts; and if
        models are to be trained, take a few samples through each.
        """
        plan_ = self.plan
        for recipe in (plan_.label_annotator, plan_.group_annotator):
            critic = self._initialised(recipe, partial(self._tried_classifier, self.spec.annotator, recipe))
        critics = self._inputs.critics(critic, critic, critic)
        spread: dict[str, bool] = {}  # whether latents of a kind of generator can be
        built: list[ClassifierSpec] = []
        for generation, where, span in told_spans(self.spec):
            generator, classifier = (
                replace(recipe, generation=generation) for recipe in (plan_.generators[0], plan_.classifiers[0])
            )
            with where:
                if (kind := _kind(span.generator.model, span.generator.arguments)) not in spread:
                    model = self._initialised(generator, partial(self._tried_generator, span, generator))
                    spread[kind] = model.has_temperature
                if span.classifier not in built:
                    tried = partial(self._tried_classifier, span.classifier, classifier)
                    self._initialised(classifier, tried)
                    built.append(span.classifier)
                check_steps(span.curation, critics)
                _check_temperature(span.temperature, span.generator.model, can_spread=spread[kind])
        for recipe in plan_:
            for generation in made_by(recipe):
                model, arguments = (plan_.generators[generation].training[name] for name in ("model", "arguments"))
                told = rules_told(recipe.mixture or {}, generation)
                _check_temperature(told.get("temperature", 1), model, can_spread=spread[_kind(model, arguments)])

    def _tried_generator(self, span: RunSpec, recipe: Recipe) -> Generator:
        model, title = self._new_generator(span.generator), f"{recipe.title} ({span.generator.model})"
        if not self._only_loads:
            rng = self._streams(recipe).at(Role.NOISE)
            placed = self.numerics.place(model)
            samples = try_generator(placed, title, self._few(), self.numerics, rng, span.temperature)
            self._check_range(title, samples)
        return model

    def _tried_classifier(self, asked: ClassifierSpec, recipe: Recipe) -> Classifier:
        model, people = self._new_classifier(asked, recipe.role), self.population
        if not self._only_loads:
            classes = len(people.group_names if recipe.role is ModelRole.GROUP_ANNOTATOR else people.label_names)
            title = f"{recipe.title} ({asked.model})"
            try_classifier(self.numerics.place(model), title, classes, self._few(), self.numerics)
        return model

    def _few(self) -> Tensor:
        """(n, ...) the first few real samples."""
        first = np.arange(min(_TRIED_ON, len(self.population.train)))
        return next(RealData(self.population.train, self.numerics, first).in_order()).inputs

    def _warn_of_starved_strata(self) -> None:
        warned = []
        for recipe in (*self.plan.classifiers, *reversed(self.plan.generators)):
            curation = recipe.role, recipe.curation, recipe.curated_batch
            if (curator := star(recipe)) is not None and curation not in warned:
                curator.warn_if_starved(recipe.curated_batch)
                warned.append(curation)

    def _streams(self, recipe: Recipe) -> Streams:
        return Streams(recipe.seed, recipe.generation, recipe.role, self.numerics.device)


def _begun_as(start: Model | None, model: Model) -> Model:
    """`model`, with the weights of the one that it starts from, if there is one."""
    if start is not None:
        model.load_state_dict(start.state_dict())
    return model


def _kind(model: str, arguments: Mapping[str, Any]) -> str:
    """Which network they make."""
    return json.dumps([model, arguments], sort_keys=True)


def _check_temperature(temperature: float, model: str, *, can_spread: bool) -> None:
    if temperature != 1 and not can_spread:
        raise InputError(f"temperature={temperature:g}: '{model}' has no latents that could be spread")


def _nothing(epoch: int) -> NoReturn:
    raise AssertionError(f"a model that is kept whole has no epoch {epoch} left to train")
