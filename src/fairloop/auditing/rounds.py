"""What a tally says: rounds in order, groups with names, and a table of counts for each round."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fairloop.auditing.log import Columns, text
from fairloop.data.grouping import intersections, natural
from fairloop.data.spelling import evident
from fairloop.errors import InputError
from fairloop.metrics.performance import confusion

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

    @property
    def members(self) -> NDArray[np.int64]:
        """(R, S, 2) people without and with the beneficial label."""
        people: NDArray[np.int64] = self.counts.sum(axis=3)[:, :, :2]
        return people


def rounds(
    tallied: pd.DataFrame, columns: Columns, beneficial: object = None, model_made: Sequence[object] = ()
) -> Rounds:
    """Rounds from a tally of `columns`.

    beneficial: the label that is good for the person; needed unless labels are 0 and 1 (or false and true, -1 and 1).
    model_made: the values of the provenance column that stand for a model; needed unless they speak for themselves.

    Raises InputError for a label, a group or a provenance that cannot be understood.
    """
    whole, left_out = _complete(tallied, columns)
    for part in ("label", "prediction"):
        whole[part] = whole[part].map(_outcome)
    labels, predictions, good = _outcomes(whole, columns, beneficial)
    groups, group_names = _groups(whole, columns)
    places, generations = _numbered(list(whole["round"].unique()))
    at = whole["round"].map(places).to_numpy(np.int64)
    n, kinds = whole["n"].to_numpy(np.int64), 3 if (predictions == 2).any() else 2
    shape = (len(places), len(group_names))
    counts = confusion(labels, at * shape[1] + groups, predictions, kinds, shape[0] * shape[1], n)
    made, known = None, None
    if "provenance" in whole:
        by_model, told = _makers(whole["provenance"], columns, model_made)
        made, known = (_summed(at * shape[1] + groups, n * which, shape) for which in (by_model, told))
    return Rounds(
        names=tuple(places),
        generations=generations,
        groups=group_names,
        labels=tuple(sorted(whole["label"].unique(), key=natural)),
        beneficial=good,
        counts=counts.reshape(*shape, kinds, kinds),
        model_made=made,
        known=known,
        left_out=left_out,
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


def _numbered(names: list[str]) -> tuple[dict[str, int], NDArray[np.int64]]:
    """The place of each round, in order, and its number in tables."""
    places = np.arange(len(names))
    try:
        size = dict(zip(names, map(float, names), strict=True))
    except ValueError:
        return dict(zip(sorted(names, key=natural), places.tolist(), strict=True)), places
    order = sorted(names, key=size.__getitem__)
    numbers = np.array([size[name] for name in order])
    whole = np.abs(numbers).max() <= _LARGEST and not (numbers % 1).any() and (np.diff(numbers) > 0).all()
    return dict(zip(order, places.tolist(), strict=True)), numbers.astype(np.int64) if whole else places


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


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:8])) + (f" and {len(names) - 8:,} more" if len(names) > 8 else "")
