"""A tally as tables: rounds in order, groups with names, and tables of sums for each round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fairloop.auditing.log import codes
from fairloop.auditing.log.columns import Columns
from fairloop.auditing.log.counting import Tally
from fairloop.auditing.log.dates import Dates
from fairloop.auditing.log.order import ordered
from fairloop.auditing.log.score_counts import Cells, by_stratum
from fairloop.errors import InputError
from fairloop.metrics.weighted import Sums

MISSING = 2
"""The position of missing labels in `Rounds.cells`."""

_LARGEST = 2**31 - 1  # largest number in the table's column `generation`

Table = NDArray[Any]


@dataclass(frozen=True)
class Scored:
    """Scores of people in R rounds and S groups.

    cells: with `strata` for their positions, `((round * S + group) * 3 + label) * 2 + selected`, label as in
    `Rounds.cells`. proper: whether all scores are in [0, 1].
    """

    cells: Cells
    proper: bool


@dataclass(frozen=True)
class Rounds:
    """R rounds of one classifier's predictions for S groups.

    names: of the rounds, in order. generations: (R,) their numbers in tables: their own, if all are whole
    numbers, or their positions.
    groups: names. labels: every label's name. beneficial: the one that is good for the person.
    counts: (R, S, 2 or 3, 2 or 3) labelled people by round, group, label and prediction, as `confusion` counts them: 1
        is the beneficial label, 0 any other. A predicted 2 is a label that is neither the right one nor the beneficial
        one.
    model_made, known: (R, S) labels made by a model, and labels with a known maker; None without provenance.
    left_out: number of rows without a value, by column.
    sums: (R, S, 2 or 3, 2 or 3) sums of weights of the people in `counts`. made_sums: (R, S) of the people in
    `model_made` and `known`. None without weights.
    said: notes on the reading of the log: the order of its rounds, its encoding.
    tables: see `cells`; None if every label is known. scores: None without scores. dates: None without dates.
    regression: whether labels and predictions are numbers; then every prediction and every known label counts as 1.
    newer: later rounds without a row with a prediction.
    """

    names: tuple[str, ...]
    generations: NDArray[np.int64]
    groups: tuple[str, ...]
    labels: tuple[str, ...]
    beneficial: str
    counts: NDArray[np.int64]
    model_made: NDArray[np.int64] | None
    known: NDArray[np.int64] | None
    left_out: dict[str, int]
    sums: Sums | None = None
    made_sums: tuple[Sums, Sums] | None = None
    said: tuple[str, ...] = ()
    tables: Mapping[str, Table] | None = None
    scores: Scored | None = None
    dates: Dates | None = None
    regression: bool = False
    newer: tuple[str, ...] = ()

    @cached_property
    def cells(self) -> Mapping[str, Table]:
        """The sums of `counting.Tally` by name: (R, S, 3, 2 or 3) by label (0, 1, missing) and prediction."""
        if self.tables is not None:
            return self.tables
        sums = {} if self.sums is None else {"w": self.sums.weights, "ww": self.sums.squares}
        return {
            name: np.concatenate([table[:, :, :2], np.zeros_like(table[:, :, :1])], axis=2)
            for name, table in {"n": self.counts, **sums}.items()
        }

    @property
    def members(self) -> NDArray[np.int64]:
        """(R, S, 2) labelled people without and with the beneficial label; for a regression, both are all labelled
        people.
        """
        people: NDArray[np.int64] = self.counts.sum(axis=3)[:, :, :2]
        return np.stack([self.labelled] * 2, axis=2) if self.regression else people

    @property
    def weighty(self) -> NDArray[np.float64]:
        """(R, S, 2) people as in `members`, or the sums of their weights."""
        every = self.counts if self.sums is None else self.sums.weights
        people: NDArray[np.float64] = every.sum(axis=3)[:, :, :2].astype(np.float64)
        return people

    @property
    def people(self) -> NDArray[np.int64]:
        """(R, S) people with a prediction, with or without a label."""
        people: NDArray[np.int64] = self.cells["n"].sum(axis=(2, 3)).astype(np.int64)
        return people

    @property
    def labelled(self) -> NDArray[np.int64]:
        """(R, S) people with a prediction and a label."""
        people: NDArray[np.int64] = self.counts.sum(axis=(2, 3))
        return people

    @property
    def immature(self) -> NDArray[np.bool_]:
        """(R,) whether the labels of the round may be incomplete."""
        return np.array([self.dates is not None and self.dates.immature(name) for name in self.names])


def rounds(
    tallied: Tally,
    columns: Columns,
    beneficial: object = None,
    model_made: Sequence[object] = (),
    round_order: object = None,
) -> Rounds:
    """Rounds from a tally of `columns`.

    beneficial: the label that is good for the person; needed unless labels are 0 and 1 (or false and true, -1 and 1).
    model_made: the values of the provenance column for a model; needed unless they are self-explanatory.
    round_order: see `order.ordered`.

    Raises InputError for labels, groups, provenance or an order of rounds without a clear meaning.
    """
    used, left_out = _usable(tallied.rows, columns)
    whole = tallied.rows[used].reset_index(drop=True)
    labels, predictions, label_names, good = codes.outcomes(whole, columns, beneficial)
    groups, group_names = codes.groups(whole, columns)
    named = set(whole["round"])
    order = ordered([name for name in tallied.seen if name in named], round_order, tallied.categories)
    kinds = 3 if (predictions == 2).any() else 2
    labels = np.where(labels == codes.UNLABELLED, MISSING, labels)
    shape = (len(order.names), len(group_names))
    places = whole["round"].map({name: place for place, name in enumerate(order.names)})
    strata = places.to_numpy(np.int64) * len(group_names) + groups
    tables = _tables(whole, (strata * 3 + labels) * kinds + predictions, (*shape, 3, kinds))
    made = _made(whole, columns, model_made, np.where(labels == MISSING, -1, strata), shape)
    unread, newer = _unpredicted(tallied, order.names, round_order)
    said = (tallied.said, order.told, _unused(tallied.rows), unread, *codes.doubtful(whole, columns, good))
    found = Rounds(
        names=tuple(order.names), generations=_numbered(order.names), groups=group_names, labels=label_names,
        beneficial=good, counts=_square(tables["n"]).astype(np.int64), left_out=left_out, tables=tables,
        sums=Sums(_square(tables["w"]), _square(tables["ww"])) if "w" in tables else None,
        said=tuple(filter(None, said)), dates=tallied.dates, regression=columns.regression, newer=newer,
        **made,
    )  # fmt: skip
    scored = _scored(tallied.scores, used, (strata * 3 + labels) * 2 + (predictions == 1))
    unscored = _unscored(int(whole["n"].sum()), None if columns.regression else scored)
    return replace(found, scores=scored, said=(*found.said, *unscored))


def _unscored(rows: int, scored: Scored | None) -> list[str]:
    """The number of rows without a score, in words."""
    without = 0 if scored is None else rows - round(float(scored.cells.sums["n"].sum()))
    return [f"{without:,} of {rows:,} rows have no score; measures of scores are about the others"] * (without > 0)


def _usable(tallied: pd.DataFrame, columns: Columns) -> tuple[NDArray[np.bool_], dict[str, int]]:
    """(N,) whether rows have a round and a prediction, and the numbers of rows without them."""
    needed = {"round": columns.round, "prediction": columns.predicted}
    left_out = {str(column): int(tallied["n"][tallied[part].isna()].sum()) for part, column in needed.items()}
    used = tallied[list(needed)].notna().all(axis=1).to_numpy()
    if not used.any():
        raise InputError(f"--round: no row of the log has both '{columns.round}' and '{columns.predicted}'")
    return used, {column: n for column, n in left_out.items() if n}


def _unpredicted(tallied: Tally, names: Sequence[str], wish: object) -> tuple[str | None, tuple[str, ...]]:
    """Rounds without a row with a prediction, in words; and those of them after the last of `names`."""
    absent = tuple(name for name in tallied.seen if name not in names)
    if not absent:
        return None, ()
    told = f"left out, as no row has a prediction: round {', '.join(absent)}"
    try:
        every = ordered(tallied.seen, wish, tallied.categories)
    except InputError:  # other names, such as a line of totals
        return told, ()
    if every.said and "guess" in every.said:
        return told, ()
    return told, tuple(name for name in every.names[every.names.index(names[-1]) :] if name in absent)


def _unused(tallied: pd.DataFrame) -> str | None:
    """The number of rows with a label and without a prediction, in words."""
    rows = tallied["n"][tallied["prediction"].isna() & tallied["label"].notna() & tallied["round"].notna()].sum()
    return f"{rows:,} rows without a prediction have a label; no measure uses it" if rows else None


def _tables(rows: pd.DataFrame, cells: NDArray[np.int64], shape: tuple[int, ...]) -> dict[str, Table]:
    """The sums of a tally's rows by cell."""
    names = [name for name in rows.columns if rows[name].dtype != object]
    size = int(np.prod(shape))
    return {
        name: np.bincount(cells, rows[name].to_numpy(np.float64), size).astype(np.float64).reshape(shape)
        for name in names
    }


def _square(table: Table) -> Table:
    """(R, S, K, K) of labelled people, from (R, S, 3, K) of all."""
    kinds = table.shape[3]
    square = np.zeros((*table.shape[:2], kinds, kinds))
    square[:, :, :2] = table[:, :, :2]
    return square


def _made(
    rows: pd.DataFrame,
    columns: Columns,
    model_made: Sequence[object],
    cells: NDArray[np.int64],
    shape: tuple[int, int],
) -> dict[str, Any]:
    """`model_made`, `known` and `made_sums` of `Rounds`.

    cells: (N,) each row's round times S, plus its group; -1 without a label.
    """
    if "provenance" not in rows:
        return {"model_made": None, "known": None}
    rows, cells = rows[cells >= 0], cells[cells >= 0]
    makers = codes.makers(rows["provenance"], columns, model_made)
    by_model, told = (_tables(rows[which], cells[which], shape) for which in makers)
    found = {name: table["n"].astype(np.int64) for name, table in (("model_made", by_model), ("known", told))}
    sums = tuple(Sums(table["w"], table["ww"]) for table in (by_model, told)) if "w" in rows else None
    return {**found, "made_sums": sums}


def _scored(cells: Cells | None, used: NDArray[np.bool_], strata: NDArray[np.int64]) -> Scored | None:
    """The cells with the `strata` of rows that are `used`; None without scores."""
    if cells is None:
        return None
    where = np.full(len(used), -1)
    where[used] = strata
    places = where[cells.strata]
    inside = np.nonzero(places >= 0)[0]
    apart = len(np.unique(strata)) == len(strata)  # then scores are in order within each of them
    order = inside[by_stratum(places[inside], None if apart else cells.keys[inside])]
    kept = Cells(
        places[order], cells.keys[order], cells.scores[order], cells.decile[order],
        {name: values[order] for name, values in cells.sums.items()}, cells.width,
    )  # fmt: skip
    return Scored(kept, bool(((cells.scores >= 0) & (cells.scores <= 1)).all()))


def _numbered(names: list[str]) -> NDArray[np.int64]:
    """The number of each round in tables: its name, if all names are increasing whole numbers, else its position."""
    places = np.arange(len(names))
    try:
        numbers = np.array([float(name) for name in names])
    except ValueError:
        return places
    whole = np.abs(numbers).max() <= _LARGEST and not (numbers % 1).any() and (np.diff(numbers) > 0).all()
    return numbers.astype(np.int64) if whole else places
