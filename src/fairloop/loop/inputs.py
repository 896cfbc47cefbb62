"""The training data of each model of a run: samples of one or more generations, and real people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from fairloop.curation.chain import Critics, chained, curator_of
from fairloop.curation.interface import Curator
from fairloop.data import Population
from fairloop.errors import InputError
from fairloop.loop.history import Annotators, History
from fairloop.models.interface import Classifier
from fairloop.models.numerics import Numerics
from fairloop.seeding import ModelRole, Role
from fairloop.sources.batch import Strata
from fairloop.sources.labelling import BY_LABELLER, Labelling
from fairloop.sources.mixture import Kept, Pool
from fairloop.sources.origin import NOBODY, REAL, Origin
from fairloop.sources.source import RealData, Source, Supply, decisions
from fairloop.spec.sections import CurationSpec, LabelsSpec, ResponseSpec
from fairloop.store.interface import Trained
from fairloop.training.batches import Feed, mixed, real, synthetic
from fairloop.training.mixture import RealPeople, first_use
from fairloop.training.recipe import Recipe
from fairloop.training.streams import Streams

_KeptAs = tuple[Origin, int, bool, Labelling, float]
"""The key of samples that all models share: their origin and number, whether they have groups, labels, temperature."""


class Inputs:
    """The inputs of a run's models. Recipes define the data. A history has the models that generate or label them."""

    def __init__(self, population: Population, numerics: Numerics) -> None:
        self._population, self._numerics = population, numerics
        self._kept: dict[_KeptAs, tuple[Kept, set[ModelRole]]] = {}
        self._present: tuple[list[tuple[ResponseSpec, str]], NDArray[np.float64]] = ([], np.zeros(0))

    def feed(self, recipe: Recipe, history: History, *, labels: bool = False, groups: bool = False) -> Feed:
        """The curated batches that the model of `recipe` learns from. labels, groups: as in `of`."""
        source = self.of(recipe, history, labels=labels, groups=groups)
        curator = self.curator(recipe, history.annotators, history.labeller(recipe.generation).module)
        streams = recipe.streams(self._numerics.device)
        if recipe.synthetic_share is None:
            return synthetic(source, curator, recipe.schedule, streams)
        people = self.people(recipe, history)
        return mixed(source, curator, people, recipe.synthetic_share, recipe.schedule, streams)

    def everybody(self, recipe: Recipe) -> Feed:
        """The real people of a model that learns only from them, each once, in the order of their files."""
        return lambda epoch: ((batch, None) for batch in self.people(recipe).in_order(at_once=True))

    def real(self, recipe: Recipe) -> Feed:
        """The batches of a model that learns only from real people, such as A_L, A_S and G_0."""
        return real(self.people(recipe), recipe.schedule.batch, recipe.streams(self._numerics.device))

    def of(self, recipe: Recipe, history: History, *, labels: bool = False, groups: bool = False) -> Supply:
        """The data that the model of `recipe` learns from, before curation.

        labels, groups: whether a generator learns labels and groups, too. Curators always get both.
        """
        supplies = [
            self.people(recipe, history)
            if part.generation == REAL
            else self._made(part.generation, recipe, history, labels, groups)
            for part in recipe.parts
        ]
        return supplies[0] if len(supplies) == 1 else Pool(tuple(supplies), np.array([s for _, s in recipe.parts]))

    def critics(self, annotator: Classifier, labeller: Classifier, grouper: Classifier) -> Critics:
        """The models that curators may use."""
        people = self._population
        majoritized = [code for code, name in enumerate(people.group_names) if name not in people.minoritized]
        strata = Strata(len(people.label_names), len(people.group_names))
        return Critics(strata, people.beneficial, tuple(majoritized), annotator, labeller, grouper, self._numerics)

    def people(self, recipe: Recipe, history: History | None = None) -> RealData:
        """The real people that the model of `recipe` may learn from, with their shares in the present population."""
        positions, weights = self._there(recipe.mixture.people, recipe.generation, history)
        return RealData(self._population.train, self._numerics, positions, weights)

    def groups_present(self, people: RealPeople, generation: int, history: History) -> NDArray[np.float64]:
        """(S,) shares of groups among `people` in `generation`. NaN after a classifier that diverged."""
        positions, weights = self._there(people, generation, history)
        weights = np.full(len(positions), 1 / len(positions)) if weights is None else weights
        groups = self._population.train.groups[positions]
        return np.bincount(groups, weights, minlength=len(self._population.group_names)).astype(np.float64)

    def release(self, later: Iterable[Recipe]) -> None:
        """Remove stored samples that no model of the recipes `later` learns from."""
        if not self._kept:
            return
        reached = {(recipe.role, g) for recipe in later if recipe.mixture.rules.kept for g in recipe.made_by}
        self._kept = {
            key: (kept, learners)
            for key, (kept, learners) in self._kept.items()
            if any((learner, key[0].generation) in reached for learner in learners)
        }

    def curator(self, recipe: Recipe, annotators: Annotators | None, labeller: Classifier | None) -> Curator:
        """The curator of the batches of `recipe`. annotators, labeller: for the critics; None without steps."""
        curators = []
        if annotators is not None and labeller is not None:
            critics = self.critics(annotators.label.module, labeller, annotators.group.module)
            curators = [curator_of(step, critics) for step in recipe.curation.steps]
        return chained(curators if recipe.curation.star is None else [*curators, recipe.curation.star.curator()])

    def _there(
        self, people: RealPeople, generation: int, history: History | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64] | None]:
        """(M,) positions of `people` in the training set; (M,) their shares in `generation`, None for equal shares."""
        positions = np.arange(*(people.span or (0, len(self._population.train))))
        if history is None or not people.responses:
            return positions, None
        return positions, self._presence(people.steps(generation), history, positions)

    def _presence(
        self, steps: Sequence[ResponseSpec], history: History, positions: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """(M,) shares, summing to 1, of the people at `positions` after `steps`. NaN after a classifier that diverged.

        steps: people's response before the generations 1, 2, ... Before each, a person stays with the probability
        in `retention` for their group and the decision of the previous classifier. Newcomers have the distribution of
        the first generation.
        """
        wanted = [(step, history.classifiers[i].recipe.fingerprint) for i, step in enumerate(steps)]
        known, shares = self._present
        if not known or wanted[: len(known)] != known:
            known, shares = [], np.full(len(positions), 1 / len(positions))
        for i in range(len(known), len(steps)):
            shares = self._responded(steps[i], shares, history.classifiers[i], positions)
        self._present = wanted, shares
        return shares

    def _responded(
        self,
        step: ResponseSpec,
        shares: NDArray[np.float64],
        decider: Trained[Classifier],
        positions: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        """`shares` after one step, by the decisions of `decider`. Without retention, all people stay."""
        newcomers = np.full(len(positions), 1 / len(positions))
        staying = shares
        if step.on:
            if decider.diverged:  # it made no decisions
                return np.full(len(positions), np.nan)
            train = self._population.train
            in_order = RealData(train, self._numerics).in_order(at_once=decider.module.at_once)
            inputs, groups = (batch.inputs for batch in in_order), torch.from_numpy(train.groups)
            decided = decisions(decider.module, inputs, self._numerics, groups).numpy()
            staying = shares * np.asarray(step.retention)[self._population.train.groups, decided][positions]
            staying = staying / staying.sum() if staying.any() else newcomers
        joined: NDArray[np.float64] = (1 - step.arrivals) * staying + step.arrivals * newcomers
        return joined

    def _made(self, generation: int, recipe: Recipe, history: History, labels: bool, groups: bool) -> Supply:
        """Samples of `generation` with the labels of their first use in training."""
        rules, grouped = recipe.mixture.rules_of(generation), groups or recipe.curated
        labeller, code, labelling = None, NOBODY, BY_LABELLER
        if labels or recipe.curated or recipe.role is ModelRole.CLASSIFIER:
            first = first_use(recipe.role, generation)
            labeller, code = history.labeller(first).module, history.rules.labeller(first)
            labelling = labelling_of(rules.labels, history.annotators.label)
        grouped |= labelling.differs_by_group
        source = Source(
            history.generators[generation].module,
            self._numerics,
            labeller,
            history.annotators.group.module if grouped else None,
            labelling,
            rules.temperature,
            Origin(generation, code) if recipe.tells_origins else None,
            groups_only_sort=not groups,
        )
        return source if rules.kept is None else self._keeping(source, rules.kept, grouped, recipe)

    def _keeping(self, source: Source, size: int, groups: bool, recipe: Recipe) -> Kept:
        assert source.origin is not None  # a recipe with kept samples has origins
        streams = Streams(recipe.seed, source.origin.generation, ModelRole.GENERATOR, self._numerics.device)
        key = (source.origin, size, groups, source.labelling, source.temperature)
        if key not in self._kept:
            samples, names = (partial(streams.at, Role.KEPT_SAMPLES, epoch) for epoch in (0, 1))
            self._kept[key] = Kept(source, size, self._population.shape, samples, self._numerics, names), set()
        kept, learners = self._kept[key]
        learners.add(recipe.role)
        return kept


def warn_of_starved_strata(recipes: Iterable[Recipe]) -> None:
    """Warn of strata with a share of an ideal but no place in a batch, once for each curation and batch size."""
    curations = [(recipe.curation.star, recipe.curated_batch) for recipe in recipes]
    for i, (star, batch) in enumerate(curations):
        if star is not None and (star, batch) not in curations[:i]:
            star.curator().warn_if_starved(batch)


def check_steps(curation: CurationSpec, critics: Critics) -> bool:
    """Whether a step of `curation` weights people.

    Raises InputError if a step cannot be built, or cannot curate for a generator that `curation` targets.
    """
    weighing = [step for step in curation.steps if getattr(curator_of(step, critics), "weighs", False)]
    if weighing and curation.curates("generator"):
        kind = weighing[0]["kind"]
        raise InputError(f"curation.target: {kind} weights the loss of classifiers; use curation.target=classifier")
    return bool(weighing)


def labelling_of(labels: LabelsSpec, annotator: Trained[Classifier]) -> Labelling:
    """The labelling that `labels` defines, with `annotator` as A_L."""
    return Labelling(labels.choice, annotator.module, labels.human_share, tuple(labels.error))
