"""Estimators that learn from real people, from synthetic ones, and from both; all are tested on real people."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fairloop._util.lookup import find
from fairloop._util.sizes import whole
from fairloop.errors import InputError, said
from fairloop.metrics.group_rates import confusion, flatten, performance
from fairloop.seeding import Role, numpy_stream, seeded
from fairloop.synthetic_data.pair import Codes, Pair, People

DEFAULT = "sklearn.ensemble:HistGradientBoostingClassifier"

Arm = Literal["real", "synthetic", "both"]
ARMS: tuple[Arm, ...] = ("real", "synthetic", "both")
"""The people that an estimator learns from."""

Value = tuple[str, str]
"""A group, or a part over groups, and a metric."""

Form = Callable[[pd.DataFrame], Callable[[pd.DataFrame], Any]]
"""A function of the training features. It returns a function that brings features into the form for estimators."""

_MOST_CELLS = 2**28  # of an array; 2 GiB


class _RefusedError(Exception):
    """The fit of an estimator refuses people in a form. reason: its error."""

    def __init__(self, reason: Exception) -> None:
        self.reason = reason


@dataclass(frozen=True)
class Design:
    """The splits of people, and the estimator.

    estimator: `module:Name`, or an object with `fit` and `predict`. arguments: of its class.
    test: the share of real people that each split holds out. rows: synthetic people that an estimator learns from;
    None: as many as real ones, or all if there are fewer.
    """

    estimator: Any = DEFAULT
    arguments: Mapping[str, Any] | None = None
    test: float = 0.3
    splits: int = 10
    rows: int | None = None
    seed: int = 0

    def held_out(self, people: int, split: int) -> tuple[Codes, Codes]:
        """Rows of real people to learn from, and to test on, in their order."""
        order = numpy_stream(self.seed, Role.TEST_DATA, epoch=split).permutation(people)
        tested = round(people * self.test)
        return np.sort(order[tested:]), np.sort(order[:tested])

    def chosen(self, people: int, real: int, split: int) -> Codes:
        """Rows of synthetic people to learn from, in their order. real: the number of real people to learn from."""
        order = numpy_stream(self.seed, Role.ORDER, epoch=split).permutation(people)
        return np.sort(order[: real if self.rows is None else self.rows])

    def build(self, split: int) -> Any:
        """A new estimator, with the random numbers of a split."""
        own = _built(self.estimator, self.arguments or {})
        seed = int(numpy_stream(self.seed, Role.INITIALISATION, epoch=split).integers(2**31 - 1))
        return seeded(own, lambda: seed)


def check(design: Design, pair: Pair) -> None:
    """Raise InputError for a design that cannot be carried out with these people."""
    if not isinstance(design.test, int | float) or not 0 < design.test < 1:
        raise InputError(f"--test {design.test}: is not a share; name one between 0 and 1, such as 0.3")
    for option, value, least in (
        ("--splits", design.splits, 1),
        ("--rows", design.rows, 1),
        ("--seed", design.seed, 0),
    ):
        if value is not None:
            whole(option, value, least)
    for people, what in zip(design.held_out(len(pair.real), 0), ("to learn from", "to test on"), strict=True):
        if not len(people):
            raise InputError(f"--test {design.test:g}: of {len(pair.real)} real people, nobody is left {what}")
    if design.rows is not None and design.rows > len(pair.synthetic):
        raise InputError(f"--rows {design.rows}: {pair.called[1]} has {len(pair.synthetic)}")
    design.build(0)


Measures = dict[Arm, dict[Value, float]]
"""The measures of the estimators of one split."""


def measured(design: Design, pair: Pair, split: int) -> Measures:
    """The measures of the estimators of one split."""
    return all_measured(design, pair, [split])[0]


def all_measured(design: Design, pair: Pair, splits: Iterable[int]) -> tuple[Measures, ...]:
    """The measures of each split. All estimators see people in one form, the first that all their fits take."""
    refusals: list[_RefusedError] = []
    for form in (_frame, _array):
        try:
            return tuple(_measured(design, pair, split, form) for split in splits)
        except _RefusedError as refusal:
            refusals.append(refusal)
    raise _unusable(design, refusals[0].reason) from refusals[0].reason


def _measured(design: Design, pair: Pair, split: int, form: Form) -> Measures:
    learn, test = design.held_out(len(pair.real), split)
    real = pair.real.take(learn)
    synthetic = pair.synthetic.take(design.chosen(len(pair.synthetic), len(real), split))
    tested = pair.real.take(test)
    arms: dict[Arm, People] = {"real": real, "synthetic": synthetic, "both": real.and_(synthetic)}
    return {arm: _measures(pair, tested, _predicted(design, pair, split, form, arms[arm], tested)) for arm in arms}


def _measures(pair: Pair, tested: People, predictions: Codes) -> dict[Value, float]:
    """The measures by group and metric. Comparisons of groups are about the groups of real people."""
    sizes = (len(pair.label_names), len(pair.group_names))
    counts = confusion(tested.labels, tested.groups, predictions, *sizes)
    compared = performance(counts[pair.occurring()], pair.beneficial)
    rows = flatten(performance(counts, pair.beneficial), pair.group_names, compared)
    return {(group, metric): value for group, metric, value, _ in rows}


def _predicted(design: Design, pair: Pair, split: int, form: Form, learnt: People, tested: People) -> Codes:
    """(N,) codes of labels. A single label in the training data is predicted for all people."""
    present = np.unique(learnt.labels)
    if len(present) == 1:
        return np.full(len(tested), present[0])
    place = np.zeros(len(pair.label_names), np.int64)
    place[present] = np.arange(len(present))
    shape, refusals = form(learnt.features), []
    for names in (np.array(pair.label_names, object)[present], np.arange(len(present))):
        own = design.build(split)
        try:
            own.fit(shape(learnt.features), names[place[learnt.labels]])
        except Exception as error:  # noqa: BLE001  (an estimator may raise anything)
            refusals.append(error)
            continue
        return present[_places(design, own, shape(tested.features), names)]
    raise _RefusedError(refusals[0])


def _places(design: Design, own: Any, features: Any, names: NDArray[Any]) -> Codes:
    """(N,) the position in `names` of each prediction."""
    try:
        found = np.asarray(own.predict(features)).reshape(len(features))
    except Exception as error:  # an estimator may raise anything
        raise _unusable(design, error) from error
    known, predicted = (pd.Index(values.astype(object)) for values in (names, found))
    places: Codes = known.get_indexer(predicted).astype(np.int64)
    if (places < 0).any():
        raise InputError(f"--estimator: predicts {predicted[places < 0][0]!r}, which is not a label; give a classifier")
    return places


def _frame(learnt: pd.DataFrame) -> Callable[[pd.DataFrame], Any]:
    del learnt
    return lambda people: people


def _array(learnt: pd.DataFrame) -> Callable[[pd.DataFrame], Any]:
    """To an array: numbers standardised, 0 for missing ones; texts one-hot."""
    _check_size(learnt)
    numbers = learnt.select_dtypes("number")
    spread = numbers.std(ddof=0).replace(0, 1)
    return partial(_standardised, [str(name) for name in numbers], numbers.mean(), spread)


def _check_size(learnt: pd.DataFrame) -> None:
    """Raise InputError if one-hot texts take too much memory."""
    texts = {str(name): len(learnt[name].cat.categories) for name in learnt.select_dtypes("category")}
    if len(learnt) * sum(texts.values()) > _MOST_CELLS:
        most = max(texts, key=texts.__getitem__)
        raise InputError(
            f"--estimator: it takes no frame, and an array of {len(learnt):,} people with texts one-hot is too large "
            f"('{most}' has {texts[most]:,}); name columns in --leave-out, or give another estimator"
        )


def _standardised(numbers: list[str], mean: Any, spread: Any, people: pd.DataFrame) -> NDArray[np.float64]:
    scaled = ((people[numbers] - mean) / spread).fillna(0).to_numpy(np.float64)
    texts = pd.get_dummies(people.drop(columns=numbers), dtype=float) if len(numbers) < people.shape[1] else None
    return scaled if texts is None else np.column_stack([scaled, texts.to_numpy(np.float64)])


def _built(estimator: Any, arguments: Mapping[str, Any]) -> Any:
    if isinstance(estimator, str):
        if ":" not in estimator:
            raise InputError(f"--estimator: '{estimator}' is not a module:Name, such as {DEFAULT}")
        estimator = find({}, estimator, "--estimator")
    if not isinstance(arguments, Mapping):
        raise InputError(f"--arguments: {arguments!r} names no arguments; give a mapping of names to values")
    try:
        arguments = copy.deepcopy(dict(arguments))  # a constructor may change them
        own: Any = estimator(**arguments) if inspect.isclass(estimator) else copy.deepcopy(estimator)
        if arguments and not inspect.isclass(estimator):
            own.set_params(**arguments)
    except Exception as error:  # a constructor may raise anything
        raise InputError(f"--arguments: the estimator cannot be built with them: {said(error)}") from error
    if not (callable(getattr(own, "fit", None)) and callable(getattr(own, "predict", None))):
        raise InputError(f"--estimator: {type(own).__name__} has no fit and predict; name a classifier")
    return own


def _unusable(design: Design, error: Exception) -> InputError:
    name = design.estimator if isinstance(design.estimator, str) else type(design.estimator).__name__
    return InputError(f"--estimator: {name} cannot be used: {said(error)}")
