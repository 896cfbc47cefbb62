"""Bring your own loop: a data ecosystem of your own generator and classifier, for `fairloop.simulate`."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fairloop.curation.interface import Curation
from fairloop.errors import InputError
from fairloop.loop.history import Annotators, History
from fairloop.loop.inputs import Inputs, check_steps, warn_of_starved_strata
from fairloop.loop.own.contract import check_classifier, check_generator, copied, takes_weights, title_of, wanted
from fairloop.loop.own.objects import asked_rule, fitted_classifier, fitted_generator
from fairloop.loop.own.people import OwnPeople, People
from fairloop.loop.trainer import Trainer
from fairloop.models.interface import Classifier, Generator
from fairloop.models.numerics import Numerics
from fairloop.seeding import ModelRole, Role
from fairloop.sources.batch import Batch
from fairloop.spec.files import with_files_read
from fairloop.spec.names import identity_of
from fairloop.spec.run import RunSpec, from_mapping
from fairloop.spec.setting import SETTINGS
from fairloop.store.interface import Trained
from fairloop.training.fitting import Log, told_of
from fairloop.training.plan import plan, told_spans
from fairloop.training.recipe import Recipe

_ROLES = (ModelRole.GENERATOR, ModelRole.CLASSIFIER, ModelRole.LABEL_ANNOTATOR, ModelRole.GROUP_ANNOTATOR)
_REGIME = {"policy", "labels", "curation", "response", "schedule"}


class OwnLoop(Trainer):
    """A data ecosystem of your own objects and your own people; `fairloop.simulate` follows it.

        loop = OwnLoop((X, y, sex), (X_test, y_test, sex_test), generator=Bootstrap(), classifier=LogisticRegression())
        for generation in simulate(loop):
            print(generation.value("accuracy"), generation.value("equalized_odds", "difference"))

    generator: has `fit(X)` and `sample(n)`, which gives n rows like X. Its `fit` gets the labels, the groups, or both
        if it has parameters `y` and `groups`. Its `sample` gets a `numpy.random.Generator` if it has a parameter `rng`,
        a seed if it has `random_state`.
    classifier: has `fit(X, y)` and `predict(X)`. With `predict_proba` and `classes_`, `group_confidence` is known.
    label_annotator, group_annotator: A_L and A_S, likewise; the classifier if None. An object without `fit` is taken as
        it is. `predict` of A_S gives names of groups.
    train, test: people, as (features, labels, groups). Several test sets go into a mapping by name. Groups may also be
        names of columns of the features, if these are a frame. Every sample then tells its groups, and A_S is not used.

    A generation is as in any other run, but its models train in one step: each sees `size` people (default: as many as
    `train` has), drawn once and curated once. Every model is a fresh copy of the object that you give.

    star: the target of STAR, or a mapping of the spec's fields (`target`, `ideal`, `budget`, `rounding`).
    regime: other sections of the spec that decide about the next generation's data: `policy`, `labels`, `curation`,
        `response`, `schedule`.
    beneficial: the label that is good for the person; 1 if labels are 0 and 1.
    samples: the number of samples of each generator that shares are measured on.

    The same seed gives the same numbers, if your objects draw theirs from `rng` or `random_state` alone. `seed` sets
    each `random_state`, also in the steps of a pipeline; its value before does not count.

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
        self.name = name
        self.spec: RunSpec = _spec(
            regime, _whole(size), setting=setting, generations=generations, seed=seed, star=star,
            synthetic_share=synthetic_share, measure={"samples": samples, "latents": 0},
        )  # fmt: skip
        self._people = OwnPeople({"train": train, **_tests(test)})
        self.population = self._people.population(name, beneficial, minoritized)
        self.numerics = Numerics("fp32", "cpu", torch.get_num_threads())
        annotators = (label_annotator, self._people.reader or group_annotator)
        objects = (generator, classifier, *(classifier if own is None else own for own in annotators))
        self._objects = dict(zip(_ROLES, objects, strict=True))
        names = {role: f"{type(own).__module__}:{type(own).__qualname__}" for role, own in self._objects.items()}
        self.plan = plan(self.spec, self.population, self.numerics, names)
        self.inputs = Inputs(self.population, self.numerics)
        self._check_objects(label_annotator, group_annotator)
        self._check_regime()

    @property
    def own_columns(self) -> dict[str, Any]:
        """The columns of the tidy table that describe the whole run."""
        setting, star, seed = self.spec.setting, self.spec.star.target, self.spec.seed
        run = identity_of(setting, star, seed, data=self.name)
        return {"run": run, "dataset": self.name, "setting": setting, "star": star, "seed": seed}

    def fit_roots(self) -> None:
        """Fit G_0, A_L and A_S to real people."""
        everybody = self._everybody()
        label = self._fitted_classifier(self.plan.label_annotator, everybody, None)
        label.module(self._few())  # a wrong classifier is found before others are fitted
        by_group = everybody._replace(labels=everybody.groups)
        group = self._fitted_classifier(self.plan.group_annotator, by_group, None)
        first = everybody.select(torch.arange(self.spec.policy.people or len(everybody.labels)))
        self._roots = Annotators(label, group), self._fitted_generator(self.plan.generators[0], first, None)

    def annotators(self) -> Annotators:
        """A_L and A_S, of the last `fit_roots`."""
        return self._roots[0]

    def first_generator(self) -> Trained[Generator]:
        """G_0, of the last `fit_roots`."""
        return self._roots[1]

    def generator(self, generation: int, history: History) -> Trained[Generator]:
        """G_i, fitted to people that earlier generations make, and to real people where the spec says so."""
        recipe, names = self.plan.generators[generation], wanted(self._objects[ModelRole.GENERATOR])
        feed = self.inputs.feed(recipe, history, labels="y" in names, groups="groups" in names)
        return self._fitted_generator(recipe, *next(feed(0)))

    def classifier(self, generation: int, history: History) -> Trained[Classifier]:
        """C_i, fitted to labelled people."""
        recipe = self.plan.classifiers[generation]
        return self._fitted_classifier(recipe, *next(self.inputs.feed(recipe, history)(0)))

    def _fitted_generator(self, recipe: Recipe, people: Batch, curation: Curation | None) -> Trained[Generator]:
        labels, groups = (
            np.asarray(names, object)[codes.numpy()]
            for names, codes in ((self._people.labels, people.labels), (self._people.groups, people.groups))
        )
        rng, own = recipe.streams().at(Role.INITIALISATION), self._objects[recipe.role]
        module = fitted_generator(own, self._people.codec, people.inputs, labels, groups, rng, recipe.title)
        return Trained(recipe, module.eval(), _log(curation))

    def _fitted_classifier(self, recipe: Recipe, people: Batch, curation: Curation | None) -> Trained[Classifier]:
        rng, own = recipe.streams().at(Role.INITIALISATION), self._objects[recipe.role]
        codec, codes, names = self._people.codec, people.labels.numpy(), self._names(recipe.role)
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
        """Raise InputError if an object cannot be fitted and asked. An object without `fit` is asked now."""
        check_generator(self._objects[ModelRole.GENERATOR], self._title(self.plan.generators[0]))
        recipes = (self.plan.label_annotator, self.plan.group_annotator)
        given = [recipe for recipe, own in zip(recipes, annotators, strict=True) if own is not None]
        for recipe in (self.plan.classifiers[0], *given):
            own = self._objects[recipe.role]
            check_classifier(own, self._title(recipe))
            if not hasattr(own, "fit"):
                rule = asked_rule(copied(own), self._people.codec, self._names(recipe.role), recipe.title)
                rule(self._few())

    def _title(self, recipe: Recipe) -> str:
        return title_of(recipe.title, self._objects[recipe.role])

    def _check_regime(self) -> None:
        """Raise InputError if the regime does not fit the people."""
        unasked: Any = None  # steps are built, but draw nothing
        critics = self.inputs.critics(unasked, unasked, unasked)
        classifier = self._objects[ModelRole.CLASSIFIER]
        for _, where, span in told_spans(self.spec):
            with where:
                _check_fields(span)
                if check_steps(span.curation, critics) and not takes_weights(classifier):
                    raise InputError(
                        f"curation.steps: the fit of {type(classifier).__name__} has no parameter sample_weight, so it "
                        "cannot weigh people; use {kind: oversample} instead"
                    )
        warn_of_starved_strata((*self.plan.classifiers, *self.plan.generators))


def _spec(regime: Mapping[str, Any], size: int | None, **fields: Any) -> RunSpec:
    """The spec of a loop. size: the people that each generation makes, unless its policy says otherwise."""
    if unknown := set(regime) - _REGIME:
        raise TypeError(f"OwnLoop() got an unexpected keyword argument '{unknown.pop()}'")
    star, policy = fields["star"], regime.get("policy", {})
    if isinstance(policy, Mapping):
        setting = SETTINGS.get(fields["setting"])
        fixed = setting is not None and setting.generators == "fixed"  # then no generator learns from them
        told = {kind: policy.get(kind, {}) for kind in (("classifier",) if fixed else ("generator", "classifier"))}
        policy = {
            **policy,
            **{kind: {"samples": size, **some} for kind, some in told.items() if isinstance(some, Mapping)},
        }
    star = {"target": star} if isinstance(star, str) else dict(star)
    return with_files_read(from_mapping({**regime, **fields, "policy": policy, "star": star}))


def _tests(test: People | Mapping[str, People]) -> dict[str, People]:
    """The test sets by name."""
    tests = dict(test) if isinstance(test, Mapping) else {"test": test}
    if "test" not in tests or "train" in tests:
        raise InputError(f"test: has sets named {list(tests)}; call one of them 'test', and none 'train'")
    return tests


def _check_fields(spec: RunSpec) -> None:
    """Raise InputError if the spec sets a field that only fairloop's own models have."""
    for name in ("generator", "classifier", "temperature", "warm_start"):
        if getattr(spec, name) != RunSpec.model_fields[name].default:
            raise InputError(f"{name}: says nothing about your own objects; leave it out")
    if spec.star.batch is not None:
        raise InputError(
            f"star.batch={spec.star.batch}: your own objects see all people of a generation at once; leave it out, "
            "or say by size how many these are"
        )


def _whole(size: Any) -> int | None:
    """`size` as a number of people. Raises InputError for anything else."""
    try:
        number = None if size is None else operator.index(size)
    except TypeError:
        raise InputError(f"size={size!r}: give a whole number of people") from None
    if number is not None and number < 1:
        raise InputError(f"size={size}: a generation needs at least one person")
    return number


def _log(curation: Curation | None) -> Log:
    """The log of a model's one step: no loss, and the counts of its curation."""
    return {"loss": torch.zeros(0), **{name: row[None] for name, row in told_of([curation]).items()}}
