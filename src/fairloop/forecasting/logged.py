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


@dataclass(frozen=True, eq=False)
class Logged:
    """The n rows of a log with a round and a prediction.

    name: of the log. told: its rounds, groups and labels. round, group: (n,) places among their names. label: (n,) 1 of
    the beneficial label, 0 of another, -1 if missing. selected: (n,) whether the beneficial label is predicted.
    propensity: (n,) chances that the label is observed; None where no column says so. weight: (n,) how many people each
    row stands for, or a multiple of that; None where no column says so. features: (n, d), numbered as
    `feature_names` has them.
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
        """The columns of `frame` beyond those that every log has: `propensity` and `weight`, as far as it has them."""
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
    features, names = _features(table, columns, called, whole)
    round_ = whole["round"].map({name: i for i, name in enumerate(told.names)}).to_numpy(np.int64).astype(np.int64)
    propensity = None if columns.propensity is None else _numbers(table, "--propensity", columns.propensity, called)
    weight = None if columns.weight is None else _numbers(table, "--weight", columns.weight, called)
    name = place.name if isinstance(place, Path) else "log"
    return Logged(name, told, round_, group, label, predicted == 1, propensity, weight, features, names)


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
    whole = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    numbers = Numbers(option, column, called).floats(whole)
    return np.asarray(numbers, np.float64)


def _features(
    table: pa.Table, columns: Columns, called: str, whole: pd.DataFrame
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """(n, d) numbers as they are, and a column of 0 and 1 for each value of text; with names."""
    blocks: list[NDArray[np.float64]] = []
    names: list[str] = []
    for column in columns.features:
        texts = _texts(table.column(column))
        _check_is_no_answer(column, texts, whole)
        if lacking := texts.count(None):
            raise InputError(f"--features: '{column}' has {lacking:,} rows without a value; fill them, or leave it out")
        values = frames.plain(table.column(column)).type
        if kinds.is_boolean(values) or not _is_number(texts):
            distinct = sorted(set(map(str, texts)))
            if len(distinct) > _MOST_VALUES:
                raise InputError(f"--features: '{column}' is text with {len(distinct):,} values, more than "
                                 f"{_MOST_VALUES}; put them into bands, or leave it out")  # fmt: skip
            known = distinct if len(distinct) > 2 else distinct[1:]
            blocks += [np.array(texts, object) == value for value in known]
            names += [f"{column}={value}" for value in known]
        else:
            blocks.append(np.array(texts, object).astype(np.float64))
            names.append(column)
    features = np.column_stack(blocks).astype(np.float64) if blocks else np.zeros((len(whole), 0))
    if not features.shape[1]:
        raise InputError("--features: each has a single value; name others")
    return features, tuple(names)


def _is_number(texts: Sequence[str | None]) -> bool:
    try:
        return bool(np.isfinite(np.array(texts, object).astype(np.float64)).all())
    except ValueError:
        return False


def _check_is_no_answer(column: str, texts: list[Any], whole: pd.DataFrame) -> None:
    """Raise InputError for a feature that equals the label or the prediction in all rows with a value."""
    values: Any = pd.Series(texts, dtype=object)
    for part in ("label", "prediction"):
        known = whole[part].notna()
        if known.any() and (values[known] == whole[part][known]).all():
            raise InputError(f"--features: '{column}' holds the {part} in every row; leave it out")
