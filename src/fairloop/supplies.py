"""What each model of a run learns from: samples of one generation, or of several and of real people."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fairloop.batch import Strata
from fairloop.curation.chain import Critics, chained, curator_of
from fairloop.curation.interface import Curator
from fairloop.curation.star import Star
from fairloop.data import Population
from fairloop.errors import InputError
from fairloop.labelling import BY_LABELLER, Labelling
from fairloop.models.interface import Classifier, Generator
from fairloop.numerics import Numerics
from fairloop.policy import ANNOTATOR, NOBODY, REAL, Origin
from fairloop.pool import Kept, Pool
from fairloop.recipe import Recipe
from fairloop.regime import LabelsSpec
from fairloop.seeding import ModelRole, Role
from fairloop.setting import Setting
from fairloop.source import RealData, Source, Supply, probabilities
from fairloop.store.interface import Trained
from fairloop.streams import Streams


class Annotators(NamedTuple):
    """A_L, who labels, and A_S, who names groups."""

    label: Trained[Classifier]
    group: Trained[Classifier]


@dataclass
class History:
    """What the generations so far leave to the next.

    generators, classifiers: G_j and C_j by generation; of those before the last only what is still needed.
    """

    rules: Setting
    annotators: Annotators
    generators: dict[int, Trained[Generator]] = field(default_factory=dict)
    classifiers: dict[int, Trained[Classifier]] = field(default_factory=dict)

    @property
    def latest(self) -> int:
        """The last generation; -1 before the first."""
        return max(self.classifiers, default=-1)

    def labeller(self, generation: int) -> Trained[Classifier]:
        """Who labels what models of `generation` learn from."""
        by_annotator = generation == 0 or self.rules.labels == "annotator"
        return self.annotators.label if by_annotator else self.classifiers[generation - 1]

    def forget_before(self, generation: int) -> None:
        """Let go of all earlier models."""
        for models in (self.generators, self.classifiers):
            for earlier in [j for j in models if j < generation]:
                del models[earlier]


class Supplies:
    """Builds them from recipes, which say whose data a model sees, and from the models of a history."""

    def __init__(self, population: Population, numerics: Numerics, seed: int) -> None:
        self._population = population
        self._numerics = numerics
        self._seed = seed
        self._kept: dict[tuple[Any, ...], Kept] = {}
        self._outcomes: dict[str, NDArray[np.int64]] = {}

    def of(self, recipe: Recipe, history: History, *, labels: bool = False, groups: bool = False) -> Supply:
        """What the model of `recipe` learns from, before curation.

        labels, groups: whether the model itself learns these names; curation has those that it needs, in any case.
        """
        latest = recipe.generation - (recipe.role is ModelRole.GENERATOR)
        parts = (recipe.mixture or {}).get("parts", [[latest, 1.0]])
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

    def groups_present(self, told: dict[str, Any], generation: int, history: History) -> NDArray[np.float64]:
        """(S,) shares of groups among the real people that models of `generation` may see, as likely as each is drawn.

        told: of these people, as `recipe.people_of` has it. NaN after a classifier that diverged.
        """
        positions, weights = self._there(told, generation, history)
        weights = np.full(len(positions), 1 / len(positions)) if weights is None else weights
        groups = self._population.train.groups[positions]
        return np.bincount(groups, weights, minlength=len(self._population.group_names)).astype(np.float64)

    def _there(
        self, told: dict[str, Any], generation: int, history: History | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64] | None]:
        """(M,) positions in the training set of the people that can be drawn; (M,) how likely each is, if not alike."""
        positions = np.arange(*told.get("people", (0, len(self._population.train))))
        if "response" not in told or history is None:
            return positions, None
        return positions, self._presence(told["response"], generation, history, positions)

    def _presence(
        self, response: dict[str, Any], generation: int, history: History, positions: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """(M,) shares, summing to 1: how much each person at `positions` is there in `generation`.

        Before each generation a person stays with the probability that `retention` has for their group and for what
        the classifier before decided; newcomers are as all of them at first. NaN after a classifier that diverged.
        """
        groups = self._population.train.groups[positions]
        retention, arrivals = np.asarray(response["retention"]), response["arrivals"]
        newcomers = np.full(len(groups), 1 / len(groups))
        shares = newcomers
        for earlier in range(generation):
            if history.classifiers[earlier].diverged:  # it decided nothing
                return np.full(len(groups), np.nan)
            staying = shares * retention[groups, self._decided(history.classifiers[earlier])[positions]]
            if not staying.any():
                staying = newcomers
            shares = (1 - arrivals) * staying / staying.sum() + arrivals * newcomers
        return shares

    def _decided(self, classifier: Trained[Classifier]) -> NDArray[np.int64]:
        """(N,) the label that it gives each person of the training set."""
        name = f"{classifier.recipe.generation} {classifier.recipe.fingerprint}"
        if name not in self._outcomes:
            images = (batch.images for batch in RealData(self._population.train, self._numerics).in_order())
            self._outcomes[name] = probabilities(classifier.module, images, self._numerics).argmax(dim=1).numpy()
        return self._outcomes[name]

    def _made(self, generation: int, recipe: Recipe, history: History, labels: bool, groups: bool) -> Supply:
        """What generation `generation` made, as it was labelled when models first learned from it."""
        told = recipe.mixture or {}
        curated = recipe.curation is not None
        labelled, grouped = labels or curated, groups or curated
        first_use = generation + (recipe.role is ModelRole.GENERATOR)
        labeller = history.labeller(first_use) if labelled else None
        labelling = BY_LABELLER
        if labelled and "labels" in told:
            labelling = labelling_of(LabelsSpec(**told["labels"]), history.annotators.label)
        grouped |= labelling.differs_by_group
        source = Source(
            history.generators[generation].module,
            self._numerics,
            labeller.module if labeller else None,
            history.annotators.group.module if grouped else None,
            labelling,
            told.get("temperature", 1.0),
            Origin(generation, _code(labeller)) if recipe.tells_origins else None,
            groups_only_sort=not groups,
        )
        return self._keeping(source, told["kept"], grouped) if "kept" in told else source

    def _keeping(self, source: Source, size: int, groups: bool) -> Kept:
        assert source.origin is not None  # a recipe with kept samples has a mixture
        generation = source.origin.generation
        streams = Streams(self._seed, generation, ModelRole.GENERATOR, self._numerics.device)
        key = (source.origin, size, groups, source.labelling, source.temperature)
        if key not in self._kept:
            self._kept[key] = Kept(
                source, size, self._population.shape, lambda: streams.at(Role.KEPT_SAMPLES), self._numerics
            )
        return self._kept[key]


def star(recipe: Recipe) -> Star | None:
    """STAR as a recipe has it."""
    told = recipe.curation or {}
    return Star(np.asarray(told["star"]), told["budget"], told["rounding"]) if "star" in told else None


def check_steps(recipe: Recipe, critics: Critics) -> bool:
    """Whether a step of the recipe's curation weighs people.

    Raises InputError if a step cannot be built, or cannot be for such a model.
    """
    steps = (recipe.curation or {}).get("steps", ())
    weighing = [step for step in steps if getattr(curator_of(step, critics), "weighs", False)]
    if weighing and recipe.role is ModelRole.GENERATOR:
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
