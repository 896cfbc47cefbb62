"""The meaning of the text of a log's columns: labels, predictions, groups, makers of labels."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fairloop.auditing.log.columns import Columns
from fairloop.auditing.log.counting import text
from fairloop.data.grouping import intersections, natural
from fairloop.data.spelling import evident, listed
from fairloop.errors import InputError

UNKNOWN_GROUP = "(missing)"
"""The value for empty cells of a sensitive column. People without a value form a group."""

MADE_BY_MODEL = frozenset({"1", "model", "synthetic", "generated", "predicted"})
MADE_BY_PEOPLE = frozenset({"0", "human", "annotator", "observed", "real"})
"""Self-explanatory values of a provenance column, in lower case."""

LIKE_MISSING = frozenset({
    "-", "--", ".", "inf", "-inf", "n/k", "nil", "none", "missing", "not available", "not known", "pending", "tbd",
    "unk", "unknown",
})  # fmt: skip
"""Labels, in lower case, that may mean an unknown label. They count as labels, and the audit warns."""

UNLABELLED = -1
"""The code of a missing label."""

_MOST_GROUPS = 1_000


def _outcome(value: str) -> str:
    """One spelling for equal labels such as True and 1."""
    return {"true": "1", "false": "0"}.get(value.lower(), value)


def outcomes(
    whole: pd.DataFrame, columns: Columns, beneficial: object
) -> tuple[NDArray[np.int64], NDArray[np.int64], tuple[str, ...], str]:
    """Codes of labels and predictions as in `Rounds.cells`, the labels' names, and the beneficial label.

    whole: with the columns `label`, which may have gaps, and `prediction`. Raises InputError for columns with
    incompatible values.
    """
    if columns.regression:
        if beneficial is not None:
            raise InputError("--beneficial: is for labels that are not numbers; leave it out, or --regression")
        known = whole["label"].notna().to_numpy()
        return np.where(known, 1, UNLABELLED), np.ones(len(whole), np.int64), (), ""
    whole = whole.assign(**{part: whole[part].map(_outcome, na_action="ignore") for part in ("label", "prediction")})
    unknown = whole["label"].isna().to_numpy()
    names = sorted(whole["label"].dropna().unique(), key=natural) or _of_predictions(whole, columns)
    good = _beneficial(names, list(whole["prediction"].unique()), columns, beneficial)
    labels = np.where(unknown, UNLABELLED, whole["label"] == good).astype(np.int64)
    if columns.prediction is None:
        return labels, (whole["prediction"] == "1").to_numpy().astype(np.int64), tuple(names), good
    predicted = sorted(whole["prediction"].unique(), key=natural)
    fractions = [value for value in predicted if _is_fraction(value) and value not in names]
    if fractions or not set(names) & set(predicted) or _spelt_apart(names, predicted, good):
        raise InputError(
            f"--prediction: the columns '{columns.label}' ({listed(names)}) and '{columns.prediction}' "
            f"({listed(fractions or predicted)}) hold different values; code them alike, or name scores with --score"
        )
    selected = whole["prediction"] == good
    wrong = (whole["prediction"] != whole["label"]) & ~selected & (labels == 0)
    return labels, np.select([selected, wrong], [1, 2], 0).astype(np.int64), tuple(names), good


def _spelt_apart(names: list[str], predicted: list[str], good: str) -> bool:
    """Whether predictions spell labels differently: no label but the beneficial one is predicted, and other values
    are.
    """
    other, others = set(names) - {good}, set(predicted) - {good}
    return bool(other and others) and not other & others


def doubtful(whole: pd.DataFrame, columns: Columns, beneficial: str) -> list[str]:
    """Labels and predictions that may mean an unknown one, in words."""
    found = []
    for part, column in (("label", columns.label), ("prediction", columns.prediction)):
        if column is None or columns.regression:
            continue
        for value in sorted({one for one in whole[part].dropna().unique() if one.lower() in LIKE_MISSING}):
            if value != beneficial:
                rows = whole["n"][whole[part] == value].sum()
                found.append(
                    f"{rows:,} rows have '{value}' as '{column}': it counts as a {part} other than '{beneficial}'; "
                    f"leave the cell empty if it means an unknown {part}"
                )
    return found


def _of_predictions(whole: pd.DataFrame, columns: Columns) -> list[str]:
    """The labels' names in a log without a label: the names of predictions, or 0 and 1 for predictions from scores."""
    if columns.prediction is None:
        return ["0", "1"]
    return [value for value in sorted(whole["prediction"].unique(), key=natural) if not _is_fraction(value)]


def _is_fraction(value: str) -> bool:
    try:
        return float(value) % 1 > 0
    except ValueError:
        return False


def _beneficial(names: list[str], predicted: list[str], columns: Columns, wanted: object) -> str:
    if wanted is None:
        if (good := evident(names)) is not None:
            return good
        sure = [name for name in names if name.lower() not in LIKE_MISSING]
        unsure = [name for name in names if name.lower() in LIKE_MISSING]
        empty = f"; leave the cell empty where {listed(unsure)} means an unknown label" if unsure else ""
        raise InputError(
            f"--beneficial: the labels in '{columns.label}' are {listed(names)}; name the one that is good for the "
            f"person, such as --beneficial {(sure or names)[-1]!r}{empty}"
        )
    good = _outcome(text(wanted) or "")
    if good not in names and (columns.prediction is None or good not in predicted):
        raise InputError(f"--beneficial {wanted}: is not a label in '{columns.label}', which holds {listed(names)}")
    return good


def groups(whole: pd.DataFrame, columns: Columns) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """The code of each row's group, and the groups' names. Raises InputError for too many groups."""
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


def makers(
    values: pd.Series[str], columns: Columns, wanted: Sequence[object]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(N,) whether a model made each label, and (N,) whether the maker is known."""
    known = values.notna()
    said = values.where(known, "").map(_outcome)
    if wanted:
        models = {_outcome(text(value) or "") for value in wanted}
        if absent := sorted(models - set(said)):
            close = difflib.get_close_matches(absent[0], list(set(said[known])), n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"it holds {listed(sorted(set(said[known])))}"
            raise InputError(f"--model-made {absent[0]}: '{columns.provenance}' has no such value; {hint}")
        return said.isin(models).to_numpy(), known.to_numpy()
    lower = said.str.lower()
    if unclear := sorted(set(said[known & ~lower.isin(MADE_BY_MODEL | MADE_BY_PEOPLE)])):
        raise InputError(
            f"--provenance: '{columns.provenance}' holds {listed(unclear)}; name the values for a model, "
            f"such as --model-made {unclear[0]!r}"
        )
    return lower.isin(MADE_BY_MODEL).to_numpy(), known.to_numpy()
