"""What a tally says: rounds in order, groups with names, and a table of counts for each round."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fairloop.auditing.log import Columns, Tally, text
from fairloop.auditing.order import ordered
from fairloop.data.grouping import intersections, natural
from fairloop.data.spelling import evident
from fairloop.errors import InputError
from fairloop.metrics.fairness import confusion
from fairloop.metrics.weighted import Sums

UNKNOWN_GROUP = "(missing)"
"""The value of a sensitive column where it has none: people who did not say are a group too."""

MADE_BY_MODEL = frozenset({"1", "model", "synthetic", "generated", "predicted"})
MADE_BY_PEOPLE = frozenset({"0", "human", "annotator", "observed", "real"})
"""Values of a provenance column that need no explanation, in lower case."""

_MOST_GROUPS = 1_000
_LARGEST = 2**31 - 1  # number that the table's column `generation` can hold


@dataclass(frozen=True)
class Rounds:
    """R rounds of one classifier's predictions for S groups.

    names: of the rounds, in order. generations: (R,) the numbers that tables give them: their own, where all are whole
        numbers, or their places.
    groups: names. labels: every label's name. beneficial: the one that is good for the person.
    counts: (R, S, 2 or 3, 2 or 3) people by round, group, label and prediction, as `confusion` counts them: 1 is the
        beneficial label, 0 any other. A predicted 2 is a label that is neither the right one nor the beneficial one.
    model_made, known: (R, S) labels that a model made, of those whose maker is known; None without provenance.
    left_out: how many rows lack what, by column.
    sums: (R, S, 2 or 3, 2 or 3) of the weights of the people that `counts` counts. made_sums: (R, S) of those that
        `model_made` and `known` count. None without weights.
    said: what a reader has to know of how the log was read: the order of its rounds, its encoding.
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

    @property
    def members(self) -> NDArray[np.int64]:
        """(R, S, 2) people without and with the beneficial label."""
        people: NDArray[np.int64] = self.counts.sum(axis=3)[:, :, :2]
        return people

    @property
    def weighty(self) -> NDArray[np.float64]:
        """(R, S, 2) people as in `members`, or with weights the sums of theirs."""
        every = self.counts if self.sums is None else self.sums.weights
        people: NDArray[np.float64] = every.sum(axis=3)[:, :, :2].astype(np.float64)
        return people


def rounds(
    tallied: Tally,
    columns: Columns,
    beneficial: object = None,
    model_made: Sequence[object] = (),
    round_order: object = None,
) -> Rounds:
    """Rounds from a tally of `columns`.

    beneficial: the label that is good for the person; needed unless labels are 0 and 1 (or false and true, -1 and 1).
    model_made: the values of the provenance column that stand for a model; needed unless they speak for themselves.

    round_order: see `order.ordered`.

    Raises InputError for a label, a group, a provenance or an order of rounds that cannot be understood.
    """
    whole, left_out = _complete(tallied.rows, columns)
    for part in ("label", "prediction"):
        whole[part] = whole[part].map(_outcome)
    labels, predictions, good = _outcomes(whole, columns, beneficial)
    groups, group_names = _groups(whole, columns)
    named = set(whole["round"])
    order = ordered([name for name in tallied.seen if name in named], round_order, tallied.categories)
    shape = (len(order.names), len(group_names))
    places = {name: place for place, name in enumerate(order.names)}
    cells = whole["round"].map(places).to_numpy(np.int64) * shape[1] + groups
    n, kinds = whole["n"].to_numpy(np.int64), 3 if (predictions == 2).any() else 2
    counts = confusion(labels, cells, predictions, kinds, shape[0] * shape[1], n)
    sums, made, known, made_sums = None, None, None, None
    if "w" in whole:
        every = (cells * kinds + labels) * kinds + predictions
        sums = _sums(whole, every, (*shape, kinds, kinds))
    if "provenance" in whole:
        by_model, told = _makers(whole["provenance"], columns, model_made)
        made, known = (_summed(cells, n * which, shape) for which in (by_model, told))
        if "w" in whole:
            made_sums = _sums(whole[by_model], cells[by_model], shape), _sums(whole[told], cells[told], shape)
    order_said = f"order of rounds: {order.said}" if order.said else None
    return Rounds(
        names=tuple(places),
        generations=_numbered(order.names),
        groups=group_names,
        labels=tuple(sorted(whole["label"].unique(), key=natural)),
        beneficial=good,
        counts=counts.reshape(*shape, kinds, kinds),
        model_made=made,
        known=known,
        left_out=left_out,
        sums=sums,
        made_sums=made_sums,
        said=tuple(said for said in (tallied.said, order_said) if said),
    )


def _complete(tallied: pd.DataFrame, columns: Columns) -> tuple[pd.DataFrame, dict[str, int]]:
    """The rows with round, label and prediction, and how many lack which."""
    needed = {"round": columns.round, "label": columns.label, "prediction": columns.prediction or columns.score}
    left_out = {str(column): int(tallied["n"][tallied[part].isna()].sum()) for part, column in needed.items()}
    whole = tallied.dropna(subset=list(needed)).reset_index(drop=True)
    if whole.empty:
        raise InputError(f"--round, --label: no row of the log has {', '.join(map(repr, left_out))} all at once")
    return whole, {column: n for column, n in left_out.items() if n}


def _outcome(value: str) -> str:
    """True and 1 are one label, however columns spell them."""
    return {"true": "1", "false": "0"}.get(value.lower(), value)


def _outcomes(
    whole: pd.DataFrame, columns: Columns, beneficial: object
) -> tuple[NDArray[np.int64], NDArray[np.int64], str]:
    """Codes of labels and predictions as `Rounds.counts` has them, and the beneficial label."""
    names = sorted(whole["label"].unique(), key=natural)
    good = _beneficial(names, list(whole["prediction"].unique()), columns, beneficial)
    labels = (whole["label"] == good).to_numpy().astype(np.int64)
    if columns.score is not None:
        return labels, (whole["prediction"] == "1").to_numpy().astype(np.int64), good
    predicted = sorted(whole["prediction"].unique(), key=natural)
    fractions = [value for value in predicted if _is_fraction(value) and value not in names]
    if fractions or not set(names) & set(predicted):
        raise InputError(
            f"--prediction: the columns '{columns.label}' ({_listed(names)}) and '{columns.prediction}' "
            f"({_listed(fractions or predicted)}) hold different values; code them alike, or name scores with --score"
        )
    selected = whole["prediction"] == good
    wrong = (whole["prediction"] != whole["label"]) & ~selected & (labels == 0)
    return labels, np.select([selected, wrong], [1, 2], 0).astype(np.int64), good


def _is_fraction(value: str) -> bool:
    try:
        return float(value) % 1 > 0
    except ValueError:
        return False


def _beneficial(names: list[str], predicted: list[str], columns: Columns, wanted: object) -> str:
    if wanted is None:
        if (good := evident(names)) is not None:
            return good
        raise InputError(
            f"--beneficial: the labels in '{columns.label}' are {_listed(names)}; say which one is good for the "
            f"person, such as --beneficial {names[-1]!r}"
        )
    good = _outcome(text(wanted) or "")
    if good not in names and (columns.score is not None or good not in predicted):
        raise InputError(f"--beneficial {wanted}: is no label in '{columns.label}', which holds {_listed(names)}")
    return good


def _groups(whole: pd.DataFrame, columns: Columns) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    sensitive = pd.DataFrame(
        {column: whole[f"group {i}"].fillna(UNKNOWN_GROUP) for i, column in enumerate(columns.groups)}
    )
    codes, names = intersections(sensitive)
    if len(names) > _MOST_GROUPS:
        most = sensitive.nunique().idxmax()
        raise InputError(
            f"--group: {', '.join(columns.groups)} make {len(names):,} groups, more than {_MOST_GROUPS:,}; "
            f"'{most}' alone has {sensitive[most].nunique():,} values: put them into bands"
        )
    return codes, names


def _numbered(names: list[str]) -> NDArray[np.int64]:
    """The number of each round in tables: its own, where all are whole numbers and in their order, or its place."""
    places = np.arange(len(names))
    try:
        numbers = np.array([float(name) for name in names])
    except ValueError:
        return places
    whole = np.abs(numbers).max() <= _LARGEST and not (numbers % 1).any() and (np.diff(numbers) > 0).all()
    return numbers.astype(np.int64) if whole else places


def _makers(
    values: pd.Series[str], columns: Columns, wanted: Sequence[object]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether a model made each label, and whether that is known."""
    known = values.notna()
    said = values.where(known, "").map(_outcome)
    if wanted:
        models = {_outcome(text(value) or "") for value in wanted}
        if absent := sorted(models - set(said)):
            close = difflib.get_close_matches(absent[0], list(set(said[known])), n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"it holds {_listed(sorted(set(said[known])))}"
            raise InputError(f"--model-made {absent[0]}: '{columns.provenance}' has no such value; {hint}")
        return said.isin(models).to_numpy(), known.to_numpy()
    lower = said.str.lower()
    if unclear := sorted(set(said[known & ~lower.isin(MADE_BY_MODEL | MADE_BY_PEOPLE)])):
        raise InputError(
            f"--provenance: '{columns.provenance}' holds {_listed(unclear)}; say which values stand for a model, "
            f"such as --model-made {unclear[0]!r}"
        )
    return lower.isin(MADE_BY_MODEL).to_numpy(), known.to_numpy()


def _summed(cells: NDArray[np.int64], weights: NDArray[np.int64], shape: tuple[int, int]) -> NDArray[np.int64]:
    return np.bincount(cells, weights, shape[0] * shape[1]).round().astype(np.int64).reshape(shape)


def _sums(rows: pd.DataFrame, cells: NDArray[np.int64], shape: tuple[int, ...]) -> Sums:
    size = int(np.prod(shape))
    weights, squares = (np.bincount(cells, rows[part].to_numpy(np.float64), size) for part in ("w", "ww"))
    return Sums(weights.astype(np.float64).reshape(shape), squares.astype(np.float64).reshape(shape))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:8])) + (f" and {len(names) - 8:,} more" if len(names) > 8 else "")
