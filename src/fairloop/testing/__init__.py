"""The checks of fairloop's generators, classifiers, data sets, curators and kinds of people, for a user's own ones.

    from fairloop.testing import check_generator

    check_generator("mine:Pixels", shape=(3, 16, 16), arguments={"floor": 0.02})

raises an AssertionError with the first failing check and the reason. For a report on each check, pass them to pytest:

    @pytest.mark.parametrize("check", GENERATOR_CHECKS, ids=lambda check: check.__name__)
    def test_pixels(check):
        check(GeneratorCase("mine:Pixels", shape=(3, 16, 16), arguments={"floor": 0.02}))

A check is a plain function of a case; the case holds the object and its inputs. Checks do not need pytest. They run
on the CPU, in seconds for small models: give small sizes if a model has arguments for them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from fairloop.curation.interface import Curator
from fairloop.errors import said
from fairloop.models import estimator
from fairloop.people.interface import Kind
from fairloop.seeding import ModelRole
from fairloop.testing.cases import ClassifierCase, GeneratorCase
from fairloop.testing.curators import CURATOR_CHECKS, CuratorCase
from fairloop.testing.estimators import ESTIMATOR_CHECKS, EstimatorCase
from fairloop.testing.kind_laws import laws_of
from fairloop.testing.kinds import KIND_CHECKS, KindCase
from fairloop.testing.models import CLASSIFIER_CHECKS, GENERATOR_CHECKS
from fairloop.testing.populations import POPULATION_CHECKS, Load, PopulationCase

__all__ = [
    "CLASSIFIER_CHECKS",
    "CURATOR_CHECKS",
    "ESTIMATOR_CHECKS",
    "GENERATOR_CHECKS",
    "KIND_CHECKS",
    "POPULATION_CHECKS",
    "ClassifierCase",
    "CuratorCase",
    "EstimatorCase",
    "GeneratorCase",
    "KindCase",
    "PopulationCase",
    "check_classifier",
    "check_curator",
    "check_estimator",
    "check_generator",
    "check_kind",
    "check_population",
]

Case = TypeVar("Case")


def check_generator(
    model: str, shape: tuple[int, ...] = (3, 28, 28), arguments: Mapping[str, Any] | None = None
) -> None:
    """Every check of `GENERATOR_CHECKS` on the generator `model`, a name or `module:Name`.

    shape: of one sample. arguments: of the model. An estimator is checked by `ESTIMATOR_CHECKS`, on a built-in table.

    Raises AssertionError with the first failing check and the reason, as all functions `check_...` do.

    >>> check_generator("conv-vae", shape=(1, 16, 16), arguments={"widths": [4, 8], "latent": 2})  # passes every check
    """
    if estimator("generator", model) is not None:
        return check_estimator(EstimatorCase(model, ModelRole.GENERATOR, arguments or {}))
    return _run(GENERATOR_CHECKS, GeneratorCase(model, shape, arguments or {}), model)


def check_classifier(
    model: str, shape: tuple[int, ...] = (3, 28, 28), classes: int = 2, arguments: Mapping[str, Any] | None = None
) -> None:
    """Every check of `CLASSIFIER_CHECKS` on the classifier `model`, a name or `module:Name`.

    shape: of one sample. classes: K. arguments: of the model. An estimator is checked by `ESTIMATOR_CHECKS`, on a
    built-in table.

    >>> check_classifier("mlp", shape=(4,), classes=3)  # passes every check
    """
    if estimator("classifier", model) is not None:
        return check_estimator(EstimatorCase(model, ModelRole.CLASSIFIER, arguments or {}, max(classes, 3)))
    return _run(CLASSIFIER_CHECKS, ClassifierCase(model, shape, arguments or {}, classes=classes), model)


def check_estimator(case: EstimatorCase) -> None:
    """Every check of `ESTIMATOR_CHECKS` on an estimator.

    >>> from fairloop.seeding import ModelRole
    >>> from fairloop.testing import EstimatorCase
    >>> check_estimator(EstimatorCase("bootstrap", ModelRole.GENERATOR))  # passes every check
    """
    _run(ESTIMATOR_CHECKS[case.role], case, case.model)


def check_population(load: Load, spec: Any, changes: Mapping[str, Any] | None = None) -> None:
    """Every check of `POPULATION_CHECKS` on the population that `load(spec, seed)` returns.

    changes: another valid value for each field of `spec` that shapes the data.

    >>> from fairloop.data.colored_mnist import ColoredMNISTSpec, load
    >>> check_population(load, ColoredMNISTSpec(train=64, valid=32, test=32), changes={"label_noise": 0.2})
    """
    _run(POPULATION_CHECKS, PopulationCase(load, spec, changes or {}), f"{type(spec).__name__}({spec})")


def check_curator(curator: Curator, labels: int = 2, groups: int = 2) -> None:
    """Every check of `CURATOR_CHECKS` on `curator`, which curates `labels` x `groups` strata.

    >>> import numpy as np
    >>> from fairloop import Star
    >>> check_curator(Star(np.full((2, 2), 0.25), budget=16))  # passes every check
    """
    _run(CURATOR_CHECKS, CuratorCase(curator, labels, groups), str(curator))


def check_kind(kind: str | Kind, arguments: Mapping[str, Any] | None = None, n: int = 200) -> None:
    """Every check of `KIND_CHECKS` on a kind of people: a name, `module:Name`, or an object.

    A kind that inherits from one of fairloop's kinds also passes the checks of that kind. n: people of a round.

    >>> check_kind("lending")  # passes every check of kinds, and those of lending
    >>> from fairloop.people.interface import Kind
    >>> class Silent(Kind):
    ...     pass
    >>> check_kind(Silent)
    Traceback (most recent call last):
    ...
    AssertionError: ...Silent...> fails brings_people_as_named: ... 'Silent' has no attribute 'names'
    """
    case = KindCase(kind, arguments or {}, n)
    _run((*KIND_CHECKS, *laws_of(case.build())), case, str(kind))


def _run(checks: Sequence[Callable[[Case], None]], case: Case, title: str) -> None:
    for check in checks:
        try:
            check(case)
        except Exception as error:  # a check runs a user's code
            why = str(error) if isinstance(error, AssertionError) else said(error)
            raise AssertionError(f"{title} fails {check.__name__}: {why or type(error).__name__}") from error
