"""The rows of a log: rounds in order, groups, outcomes, decisions, and features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.types as kinds
from numpy.typing import NDArray

from fairloop._util.directories import is_run
from fairloop.auditing.log import codes
from fairloop.auditing.log.columns import Columns
from fairloop.auditing.log.numbers import MISSING, Numbers, Scores
from fairloop.auditing.log.reading import rows, tally
from fairloop.auditing.log.rounds import Rounds, rounds
from fairloop.errors import InputError
from fairloop.tables import frames

_MOST_VALUES = 50  # of a feature that is text
_LARGEST = 1e30  # largest number, so that squares stay finite
_TOLD_APART = 1e-4  # relative to their size: single precision distinguishes a thousand steps in that range


@dataclass(frozen=True, eq=False)
class Logged:
    """The n rows of a log with a round and a prediction.

    name: of the log. told: its rounds, groups and labels. round, group: (n,) places among their names. label: (n,) 1 of
    the beneficial label, 0 of another, -1 if missing. selected: (n,) whether the beneficial label is predicted.
    propensity: (n,) probabilities that the label is observed; None without such a column. weight: (n,) the number of
    people that each row represents, or a multiple of it; None without such a column. features: (n, d), in the order of
    `feature_names`. alike: the given features with a single value, which are left out.
    """

    name: str
    told: Rounds
    round: NDArray[np.int64]
    group: NDArray[np.int64]
    label: NDArray[np.int64]
    selected: NDArray[np.bool_]
    propensity: NDArray[np.float64] | None
    weight: NDArray[np.float64] | None
    features: NDArray[np.float64]
    feature_names: tuple[str, ...]
    alike: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """The number of rounds."""
        return len(self.told.names)

    @cached_property
    def places(self) -> list[NDArray[np.int64]]:
        """The rows of each round, in the order of the log."""
        return [np.flatnonzero(self.round == place) for place in range(self.size)]

    def standardised(self) -> Logged:
        """The log with features of mean 0 and standard deviation 1 over all its rows."""
        spread = self.features.std(axis=0)
        spread[spread == 0] = 1.0
        return replace(self, features=(self.features - self.features.mean(axis=0)) / spread)

    def frame(self, selected: NDArray[np.bool_] | None = None, first: int = 0) -> dict[str, list[Any]]:
        """The log from the round `first` on as columns of plain names. selected: decisions in place of the log's."""
        used = self.round >= first
        decided = self.selected if selected is None else selected
        named = {
            "round": np.array(self.told.names, object)[self.round[used]],
            "group": np.array(self.told.groups, object)[self.group[used]],
            "label": np.array(["0", "1", None], object)[self.label[used]],
            "prediction": np.array(["0", "1"], object)[decided[used].astype(np.int64)],
        }
        columns = {name: values.tolist() for name, values in named.items()}
        return columns | {name: values[used].tolist() for name, values in self.more.items()}

    @property
    def more(self) -> dict[str, NDArray[np.float64]]:
        """The optional columns of `frame`: `propensity` and `weight`, if the log has them."""
        found = {"propensity": self.propensity, "weight": self.weight}
        return {name: values for name, values in found.items() if values is not None}


def logged(log: Any, columns: Columns, beneficial: object = None, round_order: object = None) -> Logged:
    """The rows of `log`. Raises InputError as audits do, and for a log without features or with a single round."""
    place = Path(log) if isinstance(log, str | Path) else log
    if isinstance(place, Path) and is_run(place):
        raise InputError(f"{place}: is a run, whose log holds no features; give a table of decisions with features")
    if not columns.features:
        raise InputError("--features: name the columns that decisions are made from, separated by commas")
    plain = replace(columns, features=())
    told = rounds(tally(place, plain), plain, beneficial, (), round_order)
    if len(told.names) < 2:
        raise InputError(f"--round: the log has one round, {told.names[0]}; a forecast needs at least two")
    called = str(place) if isinstance(place, Path) else "the frame"
    table = rows(place, columns)
    whole = _whole(table, columns, called)
    used = whole[["round", "prediction"]].notna().all(axis=1).to_numpy()
    whole, table = whole[used].reset_index(drop=True), table.filter(pa.array(used))
    label, predicted, _, _ = codes.outcomes(whole, columns, beneficial)
    group, _ = codes.groups(whole, columns)
    features, names, alike = _features(table, columns, whole)
    round_ = whole["round"].map({name: i for i, name in enumerate(told.names)}).to_numpy(np.int64).astype(np.int64)
    propensity = None if columns.propensity is None else _numbers(table, "--propensity", columns.propensity, called)
    weight = None if columns.weight is None else _numbers(table, "--weight", columns.weight, called)
    name = place.name if isinstance(place, Path) else "log"
    return Logged(name, told, round_, group, label, predicted == 1, propensity, weight, features, names, alike)


def _whole(table: pa.Table, columns: Columns, called: str) -> pd.DataFrame:
    """Each row's round, label, prediction and groups as text, None where missing."""
    named = {"round": columns.round, "label": columns.label, "prediction": columns.predicted}
    named |= {f"group {i}": column for i, column in enumerate(columns.groups)}
    found = {part: _texts(table.column(column)) for part, column in named.items()}
    if columns.prediction is None:
        scores = frames.plain(table.column(columns.predicted)).combine_chunks()
        found["prediction"] = _texts(Scores(columns.score, called, columns.threshold).predictions(scores))
    return pd.DataFrame({part: pd.Series(values, dtype=object) for part, values in found.items()})


def _texts(values: Any) -> list[str | None]:
    return [None if text in MISSING else text for text in frames.texts(values)]


def _numbers(table: pa.Table, option: str, column: str, called: str) -> NDArray[np.float64]:
    values = frames.plain(table.column(column))
    whole = frames.whole(values)
    numbers = Numbers(option, column, called).floats(whole)
    return np.asarray(numbers, np.float64)


def _features(
    table: pa.Table, columns: Columns, whole: pd.DataFrame
) -> tuple[NDArray[np.float64], tuple[str, ...], tuple[str, ...]]:
    """(n, d) numbers, with a column of 0 and 1 for each value of text; names; columns with a single value."""
    found: dict[str, NDArray[np.float64]] = {}
    alike: list[str] = []
    for column in columns.features:
        texts = _texts(table.column(column))
        _check_is_no_answer(column, texts, whole)
        if lacking := texts.count(None):
            raise InputError(f"--features: '{column}' has {lacking:,} rows without a value; fill them, or leave it out")
        kind = frames.plain(table.column(column)).type
        if kinds.is_temporal(kind):
            raise InputError(f"--features: '{column}' holds times; give a number, such as days since a first day")
        numbers = None if kinds.is_boolean(kind) else _as_numbers(column, texts)
        if len(set(texts)) == 1:
            alike.append(column)
        else:
            found |= _by_value(column, texts) if numbers is None else {column: numbers}
    if not found:
        raise InputError("--features: each has a single value; name others")
    return np.column_stack(list(found.values())).astype(np.float64), tuple(found), tuple(alike)


def _by_value(column: str, texts: Sequence[str | None]) -> dict[str, NDArray[np.float64]]:
    """A column of 0 and 1 for each value of text, by name; for two values only the second's."""
    distinct = sorted(set(map(str, texts)))
    if len(distinct) > _MOST_VALUES:
        raise InputError(f"--features: '{column}' is text with {len(distinct):,} values, more than "
                         f"{_MOST_VALUES}; put them into bands, or leave it out")  # fmt: skip
    known = distinct if len(distinct) > 2 else distinct[1:]
    return {f"{column}={value}": (np.array(texts, object) == value).astype(np.float64) for value in known}


def _as_numbers(column: str, texts: Sequence[str | None]) -> NDArray[np.float64] | None:
    """Texts as numbers; None if a text is not a number.

    Raises InputError for infinite numbers, and for numbers that single precision cannot distinguish.
    """
    try:
        found = np.array(texts, object).astype(np.float64)
    except ValueError:
        return None
    if endless := int((~np.isfinite(found)).sum()):
        raise InputError(f"--features: '{column}' has {endless:,} rows with an infinite number; give finite ones, or "
                         "leave it out")  # fmt: skip
    size, spread = np.abs(found).max(initial=0), np.ptp(found) if len(found) else 0.0
    if size > _LARGEST or 0 < spread < _TOLD_APART * size:
        raise InputError(f"--features: '{column}' has numbers from {found.min():.9g} to {found.max():.9g}, too large "
                         "to be told apart; subtract a number from all, or take another unit")  # fmt: skip
    return found


def _check_is_no_answer(column: str, texts: list[Any], whole: pd.DataFrame) -> None:
    """Raise InputError for a feature that equals the label or the prediction in all rows with a value, or that
    spells the label differently, such as 1.0 for yes.
    """
    values: Any = pd.Series(texts, dtype=object)
    for part in ("label", "prediction"):
        known = whole[part].notna()
        given, answer = values[known], whole[part][known]
        if known.any() and ((given == answer).all() or (part == "label" and _translates(given, answer))):
            raise InputError(f"--features: '{column}' holds the {part} in every row; leave it out")


def _translates(given: Any, answer: Any) -> bool:
    """Whether values of `given` and of `answer`, each of several, correspond one to one."""
    pairs = set(zip(given, answer, strict=True))
    return bool(len(pairs) == given.nunique(dropna=False) == answer.nunique(dropna=False) > 1)
