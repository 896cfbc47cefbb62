"""The estimators of a run: the objects of its recipes, and the forms of features and labels that they take."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch

from fairloop.data import Population
from fairloop.errors import InputError
from fairloop.models import build_estimator, estimator
from fairloop.models.estimators.contract import (
    Features,
    array_of,
    check_classifier,
    check_generator,
    takes_groups,
    takes_weights,
    title_of,
)
from fairloop.models.estimators.fitted import FittedClassifier, FittedGenerator
from fairloop.models.interface import Classifier
from fairloop.seeding import ModelRole, Role
from fairloop.sources.batch import Batch
from fairloop.training.plan import section_of
from fairloop.training.recipe import Recipe

_TRIED_ON = 32  # real people of each label
_SAMPLED = 8  # by a generator in a trial


class Estimators:
    """The estimators of a run.

    population: real people. objects: your own estimators by role; None: those that recipes name.
    forms, labels: forms of features, and values of label codes; None: those of `population`.
    """

    def __init__(
        self,
        population: Population,
        objects: Mapping[ModelRole, Any] | None = None,
        forms: Sequence[Features] | None = None,
        labels: Sequence[Hashable] | None = None,
    ) -> None:
        self.objects = objects
        self._tried: dict[str, FittedClassifier] = {}
        self._population = population
        self._given_forms = forms
        self._labels: Sequence[Hashable] = labels or population.label_names

    @cached_property
    def _forms(self) -> Sequence[Features]:
        from fairloop.loop.feature_forms import forms_of  # needs pandas, which networks do not need

        return self._given_forms or forms_of(self._population)

    def of(self, recipe: Recipe) -> Any | None:
        """The unfitted object of `recipe`; None for a network. Raises InputError for wrong arguments."""
        if self.objects:
            return self.objects[recipe.role]
        section, asked = section_of(recipe.role), recipe.training
        found = estimator(section, asked.model)
        if found is None:
            return None
        return build_estimator(section, asked.model, found, asked.arguments, self._population.facts)

    def generator(self, own: Any, recipe: Recipe) -> FittedGenerator:
        """G_i before its fit."""
        kind = torch.from_numpy(self._population.train.inputs[:0]).dtype
        empty = torch.zeros((0, *self._population.shape), dtype=torch.float32 if kind == torch.uint8 else kind)
        return FittedGenerator(own, self._forms, empty, recipe.title)

    def classifier(self, own: Any, recipe: Recipe, grouper: Classifier | None = None) -> FittedClassifier:
        """C_i or an annotator before its fit. grouper: A_S, for a classifier that takes groups."""
        groups = self._population.group_names
        names = groups if recipe.role is ModelRole.GROUP_ANNOTATOR else self._labels
        return FittedClassifier(own, self._forms, names, recipe.title, groups=groups, grouper=grouper)

    def teach_generator(self, recipe: Recipe, model: FittedGenerator, people: Batch) -> None:
        """Fit G_i to `people`."""
        labels, groups = (
            np.array(names, object)[codes.cpu().numpy()]
            for names, codes in ((self._labels, people.labels), (self._population.group_names, people.groups))
        )
        model.learn(people.inputs, labels, groups, recipe.streams().at(Role.INITIALISATION))

    def teach_classifier(self, recipe: Recipe, model: FittedClassifier, people: Batch) -> None:
        """Fit C_i or an annotator to `people`."""
        groups = array_of(self._population.group_names)[people.groups.cpu().numpy()] if model.takes_groups else None
        rng = recipe.streams().at(Role.INITIALISATION)
        model.learn(people.inputs, people.labels.cpu().numpy(), rng, people.weights, groups)

    def try_generator(self, own: Any, recipe: Recipe) -> FittedGenerator:
        """Check an object by a fit to a few real people, and samples. Raises InputError if one of them fails."""
        check_generator(own, title_of(recipe.title, own))
        model = self.generator(own, recipe)

        def use(people: Batch) -> None:
            self.teach_generator(recipe, model, people)
            model.sample(_SAMPLED, recipe.streams().at(Role.NOISE))

        self._try(use)
        return model

    def try_classifier(self, own: Any, recipe: Recipe) -> FittedClassifier:
        """Check an object by a fit to a few real people, and predictions. Raises InputError if one of them fails."""
        check_classifier(own, title_of(recipe.title, own))
        model, by_group = self.classifier(own, recipe), recipe.role is ModelRole.GROUP_ANNOTATOR
        kind = recipe.training.model_dump_json() + str(by_group)

        def use(people: Batch) -> None:
            self.teach_classifier(recipe, model, people)
            model(people.inputs, people.groups)

        if kind not in self._tried:  # a classifier may have the class of its annotator
            self._try(use, by_group)
            self._tried[kind] = model
        return self._tried[kind]

    def check_weights(self, own: Any, where: str, instead: str) -> None:
        """Raise InputError for a classifier that takes no weights if the field `where` gives people weights."""
        if not takes_weights(own):
            raise InputError(
                f"{where}: the fit of {type(own).__name__} has no parameter sample_weight, so it cannot weight people; "
                f"use {instead} instead"
            )

    def check_annotator(self, own: Any, recipe: Recipe) -> None:
        """Raise InputError for an annotator that takes groups."""
        if takes_groups(own):
            raise InputError(
                f"{title_of(recipe.title, own)}: its fit has a parameter sensitive_features, but annotators are "
                "not told groups: A_S, which names them, is one; give another annotator"
            )

    def _try(self, use: Callable[[Batch], None], by_group: bool = False) -> None:
        """Fit to a few real people, or to all people if the object needs more, and use the model."""
        train = self._population.train
        codes = train.groups if by_group else train.labels
        few = np.sort(np.concatenate([np.flatnonzero(codes == code)[:_TRIED_ON] for code in np.unique(codes)]))
        try:
            use(self._people(few, codes))
        except InputError:
            if len(few) == len(codes):
                raise
            use(self._people(np.arange(len(codes)), codes))

    def _people(self, positions: np.ndarray[Any, Any], codes: np.ndarray[Any, Any]) -> Batch:
        inputs = torch.from_numpy(self._population.train.inputs[positions])
        inputs = inputs.float() / 255 if inputs.dtype == torch.uint8 else inputs
        return Batch(
            inputs, torch.from_numpy(codes[positions]), torch.from_numpy(self._population.train.groups[positions])
        )
