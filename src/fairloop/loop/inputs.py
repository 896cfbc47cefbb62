"""What each model of a run learns from: samples of one generation, or of several and of real people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairloop.curation.chain import Critics, chained, curator_of
from fairloop.curation.interface import Curator
from fairloop.curation.star import Star
from fairloop.data import Population
from fairloop.errors import InputError
from fairloop.loop.history import History
from fairloop.models.interface import Classifier
from fairloop.models.numerics import Numerics
from fairloop.seeding import ModelRole, Role
from fairloop.sources.batch import Strata
from fairloop.sources.labelling import BY_LABELLER, Labelling
from fairloop.sources.mixture import Kept, Pool
from fairloop.sources.origin import ANNOTATOR, NOBODY, REAL, Origin
from fairloop.sources.source import RealData, Source, Supply, probabilities
from fairloop.spec.sections import CurationSpec, LabelsSpec
from fairloop.store.interface import Trained
from fairloop.training.mixture import Told, first_use, latest, rules_told, steps_told
from fairloop.training.recipe import Recipe
from fairloop.training.streams import Streams


class Inputs:
    """The inputs of a run's models, from recipes, which say whose data a model sees, and from a history's models."""

    def __init__(self, population: Population, numerics: Numerics, seed: int) -> None:
        self._population = population
        self._numerics = numerics
        self._seed = seed
        self._kept: dict[tuple[Any, ...], tuple[Kept, set[ModelRole]]] = {}
        self._present: tuple[list[tuple[Told, str]], NDArray[np.float64]] = ([], np.zeros(0))

    def of(self, recipe: Recipe, history: History, *, labels: bool = False, groups: bool = False) -> Supply:
        """What the model of `recipe` learns from, before curation.

        labels, groups: whether the model itself learns these names; curation has those that it needs, in any case.
        """
        parts = _parts(recipe)
        supplies = [
            self.people(recipe, history)
            if generation == REAL
            else self._made(generation, recipe, history, labels, groups)
            for generation, _ in parts
        ]
        return supplies[0] if len(parts) == 1 else Pool(tuple(supplies), np.array([share for _, share in parts]))

    def curator(self, recipe: Recipe, history: History) -> Curator:
        """How what it learns from is curated."""
        label, group = history.annotators
        critics = self.critics(label.module, history.labeller(recipe.generation).module, group.module)
        curators = [curator_of(step, critics) for step in (recipe.curation or {}).get("steps", ())]
        return chained([*curators, last] if (last := star(recipe)) else curators)

    def critics(self, annotator: Classifier, labeller: Classifier, grouper: Classifier) -> Critics:
        """Whom curations may ask."""
        people = self._population
        majoritized = [code for code, name in enumerate(people.group_names) if name not in people.minoritized]
        strata = Strata(len(people.label_names), len(people.group_names))
        return Critics(strata, people.beneficial, tuple(majoritized), annotator, labeller, grouper, self._numerics)

    def people(self, recipe: Recipe, history: History | None = None) -> RealData:
        """The real people that the model of `recipe` may see, and how likely each is still there."""
        positions, weights = self._there(recipe.mixture or {}, recipe.generation, history)
        return RealData(self._population.train, self._numerics, positions, weights)

    def groups_present(self, told: Told, generation: int, history: History) -> NDArray[np.float64]:
        """(S,) shares of groups among the people who are there in `generation`.

        told: of these people, as `mixture.people_of` has it. NaN after a classifier that diverged.
        """
        positions, weights = self._there(told, generation, history)
        weights = np.full(len(positions), 1 / len(positions)) if weights is None else weights
        groups = self._population.train.groups[positions]
        return np.bincount(groups, weights, minlength=len(self._population.group_names)).astype(np.float64)

    def release(self, later: Iterable[Recipe]) -> None:
        """Let go of kept samples that no model of the recipes `later` learns from."""
        if not self._kept:
            return
        reached = {(recipe.role, g) for recipe in later if "kept" in (recipe.mixture or {}) for g in made_by(recipe)}
        self._kept = {
            key: (kept, learners)
            for key, (kept, learners) in self._kept.items()
            if any((learner, key[0].generation) in reached for learner in learners)
        }

    def _there(
        self, told: Told, generation: int, history: History | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64] | None]:
        """(M,) positions in the training set of the people that can be drawn; (M,) how likely each is, if not alike."""
        positions = np.arange(*told.get("people", (0, len(self._population.train))))
        if history is None or not ("response" in told or "responses" in told):
            return positions, None
        return positions, self._presence(steps_told(told, generation), history, positions)

    def _presence(self, steps: Sequence[Told], history: History, positions: NDArray[np.int64]) -> NDArray[np.float64]:
        """(M,) shares, summing to 1: how much each person at `positions` is there in a generation.

        steps: how people respond before the generations 1, 2, ... up to it. Before each, a person stays with the
        probability that `retention` has for their group and for what the classifier before decided; newcomers are as
        all of them at first. NaN after a classifier that diverged.
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
        self, step: Told, shares: NDArray[np.float64], decider: Trained[Classifier], positions: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """What one step makes of `shares`, by what `decider` decided about people; without retention nobody leaves."""
        newcomers = np.full(len(positions), 1 / len(positions))
        staying = shares
        if step["retention"]:
            if decider.diverged:  # it decided nothing
                return np.full(len(positions), np.nan)
            images = (batch.inputs for batch in RealData(self._population.train, self._numerics).in_order())
            decided = probabilities(decider.module, images, self._numerics).argmax(dim=1).numpy()
            staying = shares * np.asarray(step["retention"])[self._population.train.groups, decided][positions]
            staying = staying / staying.sum() if staying.any() else newcomers
        joined: NDArray[np.float64] = (1 - step["arrivals"]) * staying + step["arrivals"] * newcomers
        return joined

    def _made(self, generation: int, recipe: Recipe, history: History, labels: bool, groups: bool) -> Supply:
        """What generation `generation` made, as it was labelled when models first learned from it."""
        rules = rules_told(recipe.mixture or {}, generation)
        curated = recipe.curation is not None
        labelled, grouped = labels or curated, groups or curated
        labeller = history.labeller(first_use(recipe.role, generation)) if labelled else None
        labelling = BY_LABELLER
        if labelled and "labels" in rules:
            labelling = labelling_of(LabelsSpec(**rules["labels"]), history.annotators.label)
        grouped |= labelling.differs_by_group
        source = Source(
            history.generators[generation].module,
            self._numerics,
            labeller.module if labeller else None,
            history.annotators.group.module if grouped else None,
            labelling,
            rules.get("temperature", 1.0),
            Origin(generation, _code(labeller)) if recipe.tells_origins else None,
            groups_only_sort=not groups,
        )
        return self._keeping(source, rules["kept"], grouped, recipe.role) if "kept" in rules else source

    def _keeping(self, source: Source, size: int, groups: bool, learner: ModelRole) -> Kept:
        assert source.origin is not None  # a recipe with kept samples has a mixture
        generation = source.origin.generation
        streams = Streams(self._seed, generation, ModelRole.GENERATOR, self._numerics.device)
        key = (source.origin, size, groups, source.labelling, source.temperature)
        if key not in self._kept:
            samples, names = (partial(streams.at, Role.KEPT_SAMPLES, epoch) for epoch in (0, 1))
            self._kept[key] = Kept(source, size, self._population.shape, samples, self._numerics, names), set()
        kept, learners = self._kept[key]
        learners.add(learner)
        return kept


def _parts(recipe: Recipe) -> list[list[Any]]:
    """Whose data the model of `recipe` learns from: generations, or `REAL`, each with its share."""
    last = latest(recipe.role, recipe.generation)
    parts: list[list[Any]] = (recipe.mixture or {}).get("parts", [[last, 1.0]])
    return parts


def made_by(recipe: Recipe) -> list[int]:
    """The generations whose samples the model of `recipe` learns from; none if it learns from real people alone."""
    if recipe.role not in (ModelRole.GENERATOR, ModelRole.CLASSIFIER):
        return []
    return [generation for generation, _ in _parts(recipe) if generation != REAL]


def star(recipe: Recipe) -> Star | None:
    """STAR as a recipe has it."""
    told = recipe.curation or {}
    return Star(np.asarray(told["star"]), told["budget"], told["rounding"]) if "star" in told else None


def check_steps(curation: CurationSpec, critics: Critics) -> bool:
    """Whether a step of `curation` weighs people.

    Raises InputError if a step cannot be built, or cannot be for such a model.
    """
    weighing = [step for step in curation.steps if getattr(curator_of(step, critics), "weighs", False)]
    if weighing and curation.curates("generator"):
        kind = weighing[0]["kind"]
        raise InputError(f"curation.target: {kind} weighs the loss of classifiers; use curation.target=classifier")
    return bool(weighing)


def labelling_of(labels: LabelsSpec, annotator: Trained[Classifier]) -> Labelling:
    """Labelling as `labels` has it, with `annotator` for A_L."""
    return Labelling(labels.choice, annotator.module, labels.human_share, tuple(labels.error))


def _code(labeller: Trained[Classifier] | None) -> int:
    if labeller is None:
        return NOBODY
    return ANNOTATOR if labeller.recipe.role is ModelRole.LABEL_ANNOTATOR else labeller.recipe.generation
