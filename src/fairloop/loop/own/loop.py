"""A data ecosystem of a user's own generator and classifier, for `fairloop.simulate`."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from fairloop.data import Population
from fairloop.errors import InputError
from fairloop.loop.estimators import Estimators
from fairloop.loop.inputs import Inputs
from fairloop.loop.own.people import OwnPeople, People
from fairloop.loop.trainer import ModelTrainer
from fairloop.models.estimators.contract import check_classifier, check_generator, copied, title_of
from fairloop.models.estimators.fitted import FittedClassifier
from fairloop.seeding import ModelRole
from fairloop.spec.files import with_files_read
from fairloop.spec.names import identity_of
from fairloop.spec.run import RunSpec, from_mapping
from fairloop.spec.setting import SETTINGS
from fairloop.store.memory import NoModels
from fairloop.training.plan import told_spans

_ROLES = (ModelRole.GENERATOR, ModelRole.CLASSIFIER, ModelRole.LABEL_ANNOTATOR, ModelRole.GROUP_ANNOTATOR)
_REGIME = {"policy", "labels", "curation", "response", "schedule", "temperature", "warm_start"}
_SHOWN = 8  # real people for the trial of an object without `fit`


class OwnLoop:
    """A data ecosystem of your own objects and your own people, for `fairloop.simulate`.

        loop = OwnLoop((X, y, sex), (X_test, y_test, sex_test), generator=Bootstrap(), classifier=LogisticRegression())
        for generation in simulate(loop):
            print(generation.value("accuracy"), generation.value("equalized_odds", "difference"))

    generator: has `fit(X)` and `sample(n)`, which returns n rows like X. Its `fit` gets the labels, the groups, or both
        if it has parameters `y` and `groups`. Its `sample` gets a `numpy.random.Generator` if it has a parameter `rng`,
        a seed if it has `random_state`.
    classifier: has `fit(X, y)` and `predict(X)`. With `predict_proba` and `classes_`, `group_confidence` is known.
    label_annotator, group_annotator: A_L and A_S, likewise; the classifier if None. An object without `fit` stays
    unchanged. `predict` of A_S returns names of groups.
    train, test: people, as (features, labels, groups). Several test sets go into a mapping by name. Groups may also be
    names of columns of the features, if these are a frame. Every sample then has known groups, and A_S is not used.

    A generation is as in any other run, but its models train in one step: each learns from `size` people (default: the
    size of `train`), drawn once and curated once. Every model is a fresh copy of your object.

    star: the target of STAR, or a mapping of the spec's fields (`target`, `ideal`, `budget`, `rounding`).
    regime: other sections of the spec about the next generation's data: `policy`, `labels`, `curation`,
        `response`, `schedule`, and `temperature` for a generator whose `sample` has a parameter of that name.
    beneficial: the label that is good for the person; 1 if labels are 0 and 1.
    samples: the number of samples of each generator for measuring shares.

    The same seed gives the same numbers, if your objects draw random numbers only from `rng` or `random_state`. `seed`
    replaces each `random_state`, also in the steps of a pipeline.

    Raises InputError for data or a choice that does not fit.

    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from fairloop import simulate
    >>> class Bootstrap:
    ...     def fit(self, X):
    ...         self.rows = X
    ...     def sample(self, n, rng):
    ...         return rng.choice(self.rows, n)
    >>> X = np.random.default_rng(0).normal(size=(100, 2))
    >>> people = X, (X[:, 0] > 0).astype(int), np.tile(["f", "m"], 50)
    >>> loop = OwnLoop(people, people, generator=Bootstrap(), classifier=LogisticRegression(), generations=2)
    >>> [generation.value("accuracy") > 0.8 for generation in simulate(loop)]
    [True, True]
    >>> loop.own_columns["run"], type(loop.inputs).__name__
    ('own.seqgen-seqclass.none.seed-0', 'Inputs')
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
        **regime: Any,
    ) -> None:
        self.name = name
        self.spec: RunSpec = _spec(
            regime, _whole(size), setting=setting, generations=generations, seed=seed, star=star,
            synthetic_share=synthetic_share, measure={"samples": samples, "latents": 0},
            precision="fp32", device="cpu", threads=torch.get_num_threads(),
        )  # fmt: skip
        people = OwnPeople({"train": train, **_tests(test)})
        self.population: Population = people.population(name, beneficial, minoritized)
        annotators = (label_annotator, people.reader or group_annotator)
        objects = (generator, classifier, *(classifier if own is None else own for own in annotators))
        given = {ModelRole.LABEL_ANNOTATOR: label_annotator, ModelRole.GROUP_ANNOTATOR: group_annotator}
        self._check_objects(people, {**dict(zip(_ROLES[:2], objects, strict=False)), **given})
        for _, where, span in told_spans(self.spec):
            with where:
                _check_fields(span)
        estimators = Estimators(
            self.population, dict(zip(_ROLES, objects, strict=True)), (people.codec,), people.labels
        )
        self.trainer = ModelTrainer(self.spec, NoModels(), population=self.population, estimators=estimators)

    @property
    def inputs(self) -> Inputs:
        """The data that each model learns from."""
        return self.trainer.inputs

    @property
    def own_columns(self) -> dict[str, Any]:
        """The columns of the tidy table that are constant within the run."""
        setting, star, seed = self.spec.setting, self.spec.star.target, self.spec.seed
        run = identity_of(setting, star, seed, data=self.name)
        return {"run": run, "dataset": self.name, "setting": setting, "star": star, "seed": seed}

    def _check_objects(self, people: OwnPeople, objects: Mapping[ModelRole, Any]) -> None:
        """Raise InputError if an object lacks methods. An object without `fit` makes a trial prediction."""
        for role, own in objects.items():
            place = f"{role} 0" if role in _ROLES[:2] else role.replace("_", " ")
            if role is ModelRole.GENERATOR:
                check_generator(own, title_of(place, own))
            elif role is ModelRole.CLASSIFIER or own is not None:
                check_classifier(own, title_of(place, own))
                if not hasattr(own, "fit"):
                    names = people.groups if role is ModelRole.GROUP_ANNOTATOR else people.labels
                    few = torch.from_numpy(self.population.train.inputs[:_SHOWN])
                    FittedClassifier(copied(own), (people.codec,), names, place)(few)


def _spec(regime: Mapping[str, Any], size: int | None, **fields: Any) -> RunSpec:
    """The spec of a loop. size: the people of each generation, unless its policy sets a number."""
    if unknown := set(regime) - _REGIME:
        raise TypeError(f"OwnLoop() got an unexpected keyword argument '{unknown.pop()}'")
    star, policy = fields["star"], regime.get("policy", {})
    if isinstance(policy, Mapping):
        setting = SETTINGS.get(fields["setting"])
        fixed = setting is not None and setting.generators == "fixed"  # then no generator learns from samples
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
    """Raise InputError if the spec sets a field of fairloop's own models."""
    for name in ("generator", "classifier"):
        if getattr(spec, name) != RunSpec.model_fields[name].default:
            raise InputError(f"{name}: has no effect on your own objects; leave it out")
    if spec.star.batch is not None:
        raise InputError(
            f"star.batch={spec.star.batch}: your own objects see all people of a generation at once; leave it out, "
            "or set size to their number"
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
