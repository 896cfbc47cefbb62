"""Bring your own loop: a data ecosystem of somebody's own generator and classifier, for `fairloop.simulate`."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fairloop.curation.interface import Curation
from fairloop.errors import InputError
from fairloop.loop.history import Annotators, History
from fairloop.loop.inputs import Inputs, check_steps, star
from fairloop.loop.own.contract import check_classifier, check_generator, copied, takes_weights, title_of, wanted
from fairloop.loop.own.objects import asked_rule, fitted_classifier, fitted_generator
from fairloop.loop.own.people import OwnPeople, People
from fairloop.models.interface import Classifier, Generator
from fairloop.models.numerics import Numerics
from fairloop.seeding import ModelRole, Role
from fairloop.sources.batch import Batch
from fairloop.spec.names import identity_of
from fairloop.spec.run import RunSpec, from_mapping
from fairloop.spec.sections import Learner
from fairloop.spec.setting import SETTINGS
from fairloop.store.interface import Trained
from fairloop.training.feeds import Schedule, mixed, synthetic, synthetic_part
from fairloop.training.fitting import Log
from fairloop.training.mixture import held_by, ingredients_of, mixture_of, people_of
from fairloop.training.recipe import Recipe, check_against, curation_of, told_spans
from fairloop.training.streams import Streams

_LEARNERS = (ModelRole.CLASSIFIER, ModelRole.GENERATOR)
_REGIME = {"policy", "labels", "curation", "response", "schedule"}


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
    regime: other sections of the spec about what enters the next generation's data: `policy`, `labels`, `curation`,
        `response`, `schedule`.
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
        **regime: Mapping[str, Any],
    ) -> None:
        if unknown := set(regime) - _REGIME:
            raise TypeError(f"OwnLoop() got an unexpected keyword argument '{unknown.pop()}'")
        size = _whole(size)
        self.name = name
        self.spec: RunSpec = from_mapping(
            {**regime, "setting": setting, "generations": generations, "seed": seed, "synthetic_share": synthetic_share,
             "policy": self._counting(regime.get("policy", {}), size, setting),
             "star": {"target": star} if isinstance(star, str) else dict(star),
             "measure": {"samples": samples, "latents": 0}}
        )  # fmt: skip
        tests = dict(test) if isinstance(test, Mapping) else {"test": test}
        if "test" not in tests or "train" in tests:
            raise InputError(f"test: has sets named {list(tests)}; call one of them 'test', and none 'train'")
        self._held = held_by(self.spec)
        self._recipes: dict[tuple[ModelRole, int], Recipe] = {}
        self.numerics = Numerics("fp32", "cpu", torch.get_num_threads())
        self._people = OwnPeople({"train": train, **tests})
        self.population = self._people.population(name, beneficial, minoritized)
        n = size or len(self.population.train)
        self._size = n
        self._objects = {ModelRole.GENERATOR: generator, ModelRole.CLASSIFIER: classifier}
        grouper = self._people.reader or group_annotator
        for role, own in ((ModelRole.LABEL_ANNOTATOR, label_annotator), (ModelRole.GROUP_ANNOTATOR, grouper)):
            self._objects[role] = classifier if own is None else own
        self._inputs = Inputs(self.population, self.numerics, seed)
        self._roots: tuple[Annotators, Trained[Generator]] | None = None
        self._check_objects(label_annotator, group_annotator)
        self._check()

    @staticmethod
    def _counting(policy: Any, size: int | None, setting: str) -> Any:
        """`policy`, in which each generation makes `size` people unless it says otherwise."""
        if not isinstance(policy, Mapping):
            return policy
        fixed = setting in SETTINGS and SETTINGS[setting].generators == "fixed"  # then no generator learns from them
        told = {kind: policy.get(kind, {}) for kind in (("classifier",) if fixed else ("generator", "classifier"))}
        counted = {kind: {"samples": size, **some} for kind, some in told.items() if isinstance(some, Mapping)}
        return {**policy, **counted}

    @property
    def own_columns(self) -> dict[str, Any]:
        """What the tidy table says of the whole run."""
        setting, star, seed = self.spec.setting, self.spec.star.target, self.spec.seed
        run = identity_of(setting, star, seed, data=self.name)
        return {"run": run, "dataset": self.name, "setting": setting, "star": star, "seed": seed}  # fmt: skip

    def fit_roots(self) -> None:
        """Fit G_0, A_L and A_S to real people."""
        everybody = self._everybody()
        label = self._fitted_classifier(self._recipe(ModelRole.LABEL_ANNOTATOR, 0), everybody, None)
        label.module(self._few())  # so that a wrong one is found before others are fitted
        by_group = everybody._replace(labels=everybody.groups)
        group = self._fitted_classifier(self._recipe(ModelRole.GROUP_ANNOTATOR, 0), by_group, None)
        first = everybody.select(torch.arange(self.spec.policy.people or len(everybody.labels)))
        generator = self._fitted_generator(self._recipe(ModelRole.GENERATOR, 0), first, None)
        self._roots = Annotators(label, group), generator

    def annotators(self) -> Annotators:
        """A_L and A_S."""
        return self._rooted()[0]

    def first_generator(self) -> Trained[Generator]:
        """G_0."""
        return self._rooted()[1]

    def generator(self, generation: int, history: History) -> Trained[Generator]:
        """G_i, fitted to people whom earlier generations make, and to real ones where the spec says so."""
        recipe, streams = self._recipe(ModelRole.GENERATOR, generation), self._streams(ModelRole.GENERATOR, generation)
        names = wanted(self._objects[ModelRole.GENERATOR])
        source = self._inputs.of(recipe, history, labels="y" in names, groups="groups" in names)
        curator, share = self._inputs.curator(recipe, history), recipe.synthetic_share
        feed = synthetic(source, curator, recipe.schedule, streams)
        if share is not None:
            feed = mixed(source, curator, self._inputs.people(recipe, history), share, recipe.schedule, streams)
        return self._fitted_generator(recipe, *next(feed(0)))

    def classifier(self, generation: int, history: History) -> Trained[Classifier]:
        """C_i, fitted to labelled people."""
        recipe = self._recipe(ModelRole.CLASSIFIER, generation)
        source = self._inputs.of(recipe, history, labels=True)
        curator, streams = self._inputs.curator(recipe, history), self._streams(ModelRole.CLASSIFIER, generation)
        return self._fitted_classifier(recipe, *next(synthetic(source, curator, recipe.schedule, streams)(0)))

    def groups_present(self, generation: int, history: History) -> NDArray[np.float64]:
        """(S,) shares of groups among the real people that models of `generation` may see."""
        return self._inputs.groups_present(people_of(self._held, generation), generation, history)

    def release(self, generation: int) -> None:
        """Let go of what no model after `generation` learns from."""
        later = range(generation + 1, self.spec.generations)
        self._inputs.release(self._recipe(role, i) for i in later for role in _LEARNERS)

    def kept_generator(self, generation: int) -> None:
        """Nothing is kept: a loop begins at its beginning."""

    def kept_classifier(self, generation: int) -> None:
        """Nothing is kept: a loop begins at its beginning."""

    def _rooted(self) -> tuple[Annotators, Trained[Generator]]:
        if self._roots is None:
            self.fit_roots()
        assert self._roots is not None
        return self._roots

    def _fitted_generator(self, recipe: Recipe, people: Batch, curation: Curation | None) -> Trained[Generator]:
        labels, groups = (
            np.asarray(names, object)[codes.numpy()]
            for names, codes in ((self._people.labels, people.labels), (self._people.groups, people.groups))
        )
        rng = self._streams(recipe.role, recipe.generation).at(Role.INITIALISATION)
        own = self._objects[recipe.role]
        module = fitted_generator(own, self._people.codec, people.inputs, labels, groups, rng, recipe.title)
        return Trained(recipe, module.eval(), _log(curation))

    def _fitted_classifier(self, recipe: Recipe, people: Batch, curation: Curation | None) -> Trained[Classifier]:
        names = self._names(recipe.role)
        rng = self._streams(recipe.role, recipe.generation).at(Role.INITIALISATION)
        own = self._objects[recipe.role]
        codec, codes = self._people.codec, people.labels.numpy()
        module = fitted_classifier(own, codec, people.inputs, codes, names, rng, people.weights, recipe.title)
        return Trained(recipe, module.eval(), _log(curation))

    def _names(self, role: ModelRole) -> Sequence[Any]:
        return self._people.groups if role is ModelRole.GROUP_ANNOTATOR else self._people.labels

    def _few(self) -> Tensor:
        """(n, F) a few real people."""
        return torch.from_numpy(self.population.train.inputs[:8])

    def _everybody(self) -> Batch:
        train = self.population.train
        return Batch(*(torch.from_numpy(part) for part in (train.inputs[:], train.labels, train.groups)))

    def _check_objects(self, *annotators: Any) -> None:
        """Raise InputError if an object is none that can be fitted and asked. One without `fit` is asked now."""
        check_generator(self._objects[ModelRole.GENERATOR], self._title(ModelRole.GENERATOR))
        given = zip((ModelRole.LABEL_ANNOTATOR, ModelRole.GROUP_ANNOTATOR), annotators, strict=True)
        for role in (ModelRole.CLASSIFIER, *(role for role, own in given if own is not None)):
            check_classifier(self._objects[role], self._title(role))
            if not hasattr(self._objects[role], "fit"):
                codec, names, place = self._people.codec, self._names(role), self._recipe(role, 0).title
                asked_rule(copied(self._objects[role]), codec, names, place)(self._few())

    def _title(self, role: ModelRole) -> str:
        return title_of(self._recipe(role, 0).title, self._objects[role])

    def _check(self) -> None:
        """Raise InputError if the regime does not fit the people."""
        check_against(self.spec, self.population)
        nobody: Any = None  # steps are built, and ask nobody
        critics = self._inputs.critics(nobody, nobody, nobody)
        classifier = self._objects[ModelRole.CLASSIFIER]
        for _, where, span in told_spans(self.spec):
            with where:
                self._check_fields(span)
                if check_steps(span.curation, critics) and not takes_weights(classifier):
                    raise InputError(
                        f"curation.steps: the fit of {type(classifier).__name__} has no parameter sample_weight, so it "
                        "cannot weigh people; use {kind: oversample} instead"
                    )
        recipes = [self._recipe(role, i) for role in _LEARNERS for i in range(self.spec.generations)]
        warned = []
        for recipe in recipes:
            curation = recipe.curation, recipe.curated_batch
            if (curator := star(recipe)) is not None and curation not in warned:
                curator.warn_if_starved(recipe.curated_batch)
                warned.append(curation)

    def _check_fields(self, spec: RunSpec) -> None:
        """Raise InputError if a field is named that only fairloop's own models have."""
        for name in ("generator", "classifier", "temperature", "warm_start"):
            if getattr(spec, name) != RunSpec.model_fields[name].default:
                raise InputError(f"{name}: says nothing about your own objects; leave it out")
        if spec.star.batch is not None:
            raise InputError(
                f"star.batch={spec.star.batch}: your own objects see all people of a generation at once; leave it out, "
                "or say by size how many these are"
            )

    def _recipe(self, role: ModelRole, generation: int) -> Recipe:
        """Of one model; made once."""
        if (role, generation) not in self._recipes:
            self._recipes[role, generation] = self._planned(role, generation)
        return self._recipes[role, generation]

    def _planned(self, role: ModelRole, generation: int) -> Recipe:
        """Whose place the model has, and what it learns from; what else shaped it is the caller's to know."""
        kind = type(self._objects[role])
        model = {"model": f"{kind.__module__}:{kind.__qualname__}"}
        spec, everybody, n = self._held[generation], len(self.population.train), self._size
        rest: dict[str, Any] = {}
        if role is ModelRole.GENERATOR and not generation:
            rest = {"mixture": people_of(self._held, 0) or None}
        if role in (ModelRole.GENERATOR, ModelRole.CLASSIFIER) and (generation or role is ModelRole.CLASSIFIER):
            learner: Learner = "generator" if role is ModelRole.GENERATOR else "classifier"
            n = ingredients_of(self._held, learner, generation, everybody).size
            share = spec.synthetic_share if learner == "generator" and spec.synthetic_share < 1 else None
            rest = {
                "mixture": mixture_of(self._held, learner, generation, everybody, labelled=True) or None,
                "curation": curation_of(
                    spec, self.population, learner, n if share is None else synthetic_part(share, n)
                ),
                "synthetic_share": share,
            }
        return Recipe(role, self.spec.seed, generation, model, self.numerics.record(), Schedule(1, n, n), **rest)

    def _streams(self, role: ModelRole, generation: int) -> Streams:
        return Streams(self.spec.seed, generation, role)


def _whole(size: Any) -> int | None:
    """The people of a generation as a number. Raises InputError if it is none."""
    try:
        number = None if size is None else operator.index(size)
    except TypeError:
        raise InputError(f"size={size!r}: give a whole number of people") from None
    if number is not None and number < 1:
        raise InputError(f"size={size}: a generation needs at least one person")
    return number


def _log(curation: Curation | None) -> Log:
    """What a model's one step recorded: no loss, and what making its people took."""
    told = {} if curation is None else {name: value for name, value in curation._asdict().items() if value is not None}
    rows = {name: value[None] if name == "origins" else value[None, None] for name, value in told.items()}
    return {"loss": torch.zeros(0), **rows}
