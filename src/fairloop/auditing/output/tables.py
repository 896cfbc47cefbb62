"""The tables of an audit: the tidy table, with the columns of `fairloop export`, and the table of drift."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple

import numpy as np
import pandas as pd
import pyarrow as pa

from fairloop.auditing.gate.verdicts import Drift
from fairloop.auditing.measures.groups_against_rest import Apart
from fairloop.auditing.measures.measured import Measured
from fairloop.auditing.measures.values import MODEL_MADE, Value
from fairloop.report.table import of_rows
from fairloop.store.tidy_rows import Row

MORE = ("lower", "upper", "labelled", "people", "status")
"""Further columns of the tidy table for logs with missing labels; see `values.Value`."""


def tidy(name: str, measured: Measured) -> pa.Table:
    """One value for each row; a round is a generation. name: of the log."""
    own = {"run": name, "dataset": name, "setting": "audit", "star": "none", "seed": 0}
    rounds, found = measured.rounds, list(measured.all())
    table = of_rows([_row(value, error, int(rounds.generations[value.round])) for value, error in found], own)
    if (rounds.labelled != rounds.people).any():
        for column in MORE:
            table = table.append_column(column, pa.array([getattr(value, column) for value, _ in found]))
    if all(str(number) == name for number, name in zip(rounds.generations.tolist(), rounds.names, strict=True)):
        return table
    return table.append_column("round", pa.array([rounds.names[value.round] for value, _ in found]))


def _row(value: Value, error: float, generation: int) -> Row:
    role = "labeller" if value.measure.metric == MODEL_MADE else "classifier"
    return Row(generation, None, role, "log", None, value.measure.group, value.measure.metric, value.value, error)


def drifts(found: Sequence[Drift], measured: Measured) -> pd.DataFrame:
    """One row for each drift; the last columns are about the last round."""
    small, rows = set(measured.small), []
    for one in found:
        last = measured.value(one.measure, -1, None)
        rows.append(
            {"metric": one.measure.metric, "group": one.measure.group, "first": one.first, "last": one.last,
             "drift": one.change, "low": one.low, "high": one.high, "verdict": one.verdict,
             "small": one.measure.group in small, "lower": last.lower, "upper": last.upper, "labelled": last.labelled,
             "people": last.people, "status": last.status}
        )  # fmt: skip
    frame = pd.DataFrame(rows)
    frame[["lower", "upper"]] = frame[["lower", "upper"]].astype(np.float64)
    return frame


def groups(found: Sequence[Apart]) -> pd.DataFrame:
    """One row for each group and rate: the difference from all other groups, in the last round."""
    columns = ["metric", "group", "difference", "low", "high", "p", "too_small"]
    return pd.DataFrame([[*one.measure, *astuple(one)[1:]] for one in found], columns=columns)
