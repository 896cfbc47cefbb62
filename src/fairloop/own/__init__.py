"""Bring your own loop: a data ecosystem of somebody's own generator and classifier, for `fairloop.simulate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from fairloop.batch import Batch
from fairloop.curation import ideal as ideals
from fairloop.curation.interface import Curation, Curator, NoCuration
from fairloop.curation.star import Star
from fairloop.errors import InputError
from fairloop.feeds import Schedule, mixed, synthetic
from fairloop.models.interface import Classifier, Generator
from fairloop.numerics import Numerics
from fairloop.own.objects import fitted_classifier, fitted_generator, wanted
from fairloop.own.people import OwnPeople, People
from fairloop.recipe import Recipe
from fairloop.seeding import ModelRole, Role
from fairloop.source import RealData, Source
from fairloop.spec import RunSpec, from_mapping
from fairloop.store.interface import Trained
from fairloop.streams import Streams
from fairloop.training import Log
from fairloop.workshop import Annotators


class OwnLoop:
    """What generations of your own objects make of your own data; `fairloop.simulate` follows it.

        loop = OwnLoop((X, y, sex), (X_test, y_test, sex_test), generator=Bootstrap(), classifier=LogisticRegression())
        for generation in simulate(loop):
            print(generation.value("accuracy"), generation.value("equalized_odds", "difference"))

    generator: has `fit(X)` and `sample(n)`, which gives n rows like X. Its `fit` gets the labels, the groups, or both
        if it has parameters `y` and `groups`; its `sample` gets a `numpy.random.Generator` if it has a parameter `rng`,
        a seed if it has `random_state`.
    classifier: has `fit(X, y)` and `predict(X)`. With `predict_proba` and `classes_`, `group_confidence` is known.
    label_annotator, group_annotator: A_L and A_S, likewise; the classifier if None. One without `fit` is taken as it
        is. `predict` of A_S gives names of groups.
    train, test: people, as (features, labels, groups). Several test sets go into a mapping by name. Groups may also be
        named by columns of a frame of features: then nobody has to guess them, they are read from every sample.

    A generation is as in any other run, but that it trains in one step: its models see `size` people (default: as many
    as `train` has), drawn once, curated once. Every model is a fresh copy of the object that you give.

    star: whose people STAR curates, or a mapping of the spec's fields (`target`, `ideal`, `budget`, `rounding`).
    beneficial: the label that is good for the person; 1 if labels are 0 and 1.
    samples: of each generator, that shares are measured on.

    The same seed gives the same numbers, if your objects draw theirs from `rng` or `random_state` alone: each of
    these, also in the steps of a pipeline, is set from `seed`, and what it was before does not count.

    Raises InputError for data or a choice that does not fit.
    """

    def __init__(
        self,
        train: People,
        test: People | Mapping[str, People],
        *,
        generator: Any,
        classifier: Any,
        label_annotator: Any = None,
        group_annotator: Any = None,
        setting: str = "seqgen-seqclass",
        generations: int = 10,
        seed: int = 0,
        star: str | Mapping[str, Any] = "none",
        synthetic_share: float = 1.0,
        size: int | None = None,
        beneficial: object = None,
        minoritized: Sequence[str] = (),
        samples: int = 10_000,
        name: str = "own",
    ) -> None:
        self.name = name
        self.spec: RunSpec = from_mapping(
            {"setting": setting, "generations": generations, "seed": seed, "synthetic_share": synthetic_share,
             "star": {"target": star} if isinstance(star, str) else dict(star),
             "measure": {"samples": samples, "latents": 0}}
        )  # fmt: skip
        tests = dict(test) if isinstance(test, Mapping) else {"test": test}
        self.numerics = Numerics("fp32", "cpu", torch.get_num_threads())
        self._people = OwnPeople({"train": train, **tests})
        self.population = self._people.population(name, beneficial, minoritized)
        if size is not None and size < 1:
            raise InputError(f"size={size}: a generation needs at least one person")
        n = size or len(self.population.train)
        self._schedule = Schedule(1, n, n)
        self._objects = {ModelRole.GENERATOR: generator, ModelRole.CLASSIFIER: classifier}
        grouper = self._people.reader or group_annotator
        for role, own in ((ModelRole.LABEL_ANNOTATOR, label_annotator), (ModelRole.GROUP_ANNOTATOR, grouper)):
            self._objects[role] = classifier if own is None else own
        self._star = self._curation()
        self._real = RealData(self.population.train, self.numerics)
        self._roots: tuple[Annotators, Trained[Generator]] | None = None

    @property
    def own_columns(self) -> dict[str, Any]:
        """What the tidy table says of the whole run."""
        run = f"{self.name}.{self.spec.setting}.{self.spec.star.target}.seed-{self.spec.seed}"
        return {"run": run, "dataset": self.name, "setting": self.spec.setting, "star": self.spec.star.target,
                "seed": self.spec.seed}  # fmt: skip

    def fit_roots(self) -> None:
        """Fit G_0, A_L and A_S to real people."""
        everybody = self._everybody()
        label = self._fitted_classifier(ModelRole.LABEL_ANNOTATOR, 0, everybody, None)
        by_group = everybody._replace(labels=everybody.groups)
        group = self._fitted_classifier(ModelRole.GROUP_ANNOTATOR, 0, by_group, None)
        self._roots = Annotators(label, group), self._fitted_generator(0, everybody, None)

    def annotators(self) -> Annotators:
        """A_L and A_S."""
        return self._rooted()[0]

    def first_generator(self) -> Trained[Generator]:
        """G_0."""
        return self._rooted()[1]

    def generator(self, generation: int, source: Source) -> Trained[Generator]:
        """G_i, fitted to people whom its predecessor makes, and to real ones where the synthetic share is below 1."""
        share, streams = self.spec.synthetic_share, self._streams(ModelRole.GENERATOR, generation)
        curator = self._star if self.spec.star.curates("generator") else NoCuration()
        if isinstance(curator, NoCuration) and not wanted(self._objects[ModelRole.GENERATOR]):
            source = Source(source.generator, self.numerics)  # features are enough
        feed = (
            synthetic(source, curator, self._schedule, streams)
            if share == 1
            else mixed(source, curator, self._real, share, self._schedule, streams)
        )
        return self._fitted_generator(generation, *next(feed(0)))

    def classifier(self, generation: int, source: Source) -> Trained[Classifier]:
        """C_i, fitted to labelled people."""
        curator = self._star if self.spec.star.curates("classifier") else NoCuration()
        feed = synthetic(source, curator, self._schedule, self._streams(ModelRole.CLASSIFIER, generation))
        return self._fitted_classifier(ModelRole.CLASSIFIER, generation, *next(feed(0)))

    def source(
        self, generator: Trained[Generator], labeller: Trained[Classifier], grouper: Trained[Classifier]
    ) -> Source:
        """What a model learns from: people whom `generator` makes, named by the other two."""
        return Source(generator.module, self.numerics, labeller.module, grouper.module)

    def kept_generator(self, generation: int) -> None:
        """Nothing is kept: a loop begins at its beginning."""

    def kept_classifier(self, generation: int) -> None:
        """Nothing is kept: a loop begins at its beginning."""

    def _rooted(self) -> tuple[Annotators, Trained[Generator]]:
        if self._roots is None:
            self.fit_roots()
        assert self._roots is not None
        return self._roots

    def _fitted_generator(self, generation: int, people: Batch, curation: Curation | None) -> Trained[Generator]:
        role = ModelRole.GENERATOR
        labels, groups = (
            np.asarray(names, object)[codes.numpy()]
            for names, codes in ((self._people.labels, people.labels), (self._people.groups, people.groups))
        )
        rng = self._streams(role, generation).at(Role.INITIALISATION)
        module = fitted_generator(self._objects[role], self._people.codec, people.images, labels, groups, rng)
        return Trained(self._recipe(role, generation), module.eval(), _log(curation))

    def _fitted_classifier(
        self, role: ModelRole, generation: int, people: Batch, curation: Curation | None
    ) -> Trained[Classifier]:
        names = self._people.groups if role is ModelRole.GROUP_ANNOTATOR else self._people.labels
        rng = self._streams(role, generation).at(Role.INITIALISATION)
        module = fitted_classifier(
            self._objects[role], self._people.codec, people.images, people.labels.numpy(), names, rng
        )
        return Trained(self._recipe(role, generation), module.eval(), _log(curation))

    def _everybody(self) -> Batch:
        train = self.population.train
        return Batch(*(torch.from_numpy(part) for part in (train.images[:], train.labels, train.groups)))

    def _curation(self) -> Curator:
        star, n = self.spec.star, self._schedule.batch
        budget = n // 4 if star.budget is None else star.budget
        curator = Star(ideals.shares_for(star.ideal, self.population), budget, star.rounding)
        if star.target != "none":
            curator.warn_if_starved(n)
        return curator

    def _recipe(self, role: ModelRole, generation: int) -> Recipe:
        """Whose place the model has; what shaped it is the caller's to know."""
        kind = type(self._objects[role])
        model = {"model": f"{kind.__module__}:{kind.__qualname__}"}
        return Recipe(role, self.spec.seed, generation, model, self.numerics.record(), self._schedule)

    def _streams(self, role: ModelRole, generation: int) -> Streams:
        return Streams(self.spec.seed, generation, role)


def _log(curation: Curation | None) -> Log:
    """What a model's one step recorded: no loss, and what curating its people took."""
    nothing: Log = {"loss": torch.zeros(0)}
    if curation is None:
        return nothing
    return nothing | {"redrawn": curation.redrawn[None, None], "candidates": curation.candidates[None, None]}
