"""The measures of the annotators: mean and standard deviation over seeds."""

from __future__ import annotations

from typing import Any

import pandas as pd
from rich.console import Console

from fairloop.errors import InputError
from fairloop.report import compare
from fairloop.report.text import Format, show

MEASURES = {measure.title: (measure.group, measure.metric) for measure in compare.fairness()}
"""The measures of annotators by their titles: the group and the metric in the tidy table."""

_NAMES = {"label_annotator": "A_L", "group_annotator": "A_S"}
_KEYS = ["data", "role", "split"]


def annotators(table: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard deviation over seeds of each measure, for each annotator and split.

    Runs of one seed share their annotators, unless their data or the annotators' training differ. So a seed counts
    once.

    Columns: data (the data set, and fields that distinguish its annotators), role, split, measure, seeds (with a
    defined value), of (all seeds), mean and std (of the sample; NaN with one seed).

    Raises InputError if `table` has no annotators.
    """
    rows = table[table["role"].isin(_NAMES) & table["epoch"].isna()]
    if rows.empty:
        raise InputError("--annotators: these tables hold no values of annotators")
    rows = _told_apart(rows)
    found: list[pd.DataFrame] = []
    for measure, (group, metric) in MEASURES.items():
        mine = rows[(rows["group"] == group) & (rows["metric"] == metric)]
        seeds = mine.drop_duplicates([*_KEYS, "seed"]).groupby(_KEYS, sort=False, observed=True)["value"]
        found.append(seeds.agg(seeds="count", of="size", mean="mean", std="std").assign(measure=measure).reset_index())
    return pd.concat(found, ignore_index=True)


def _told_apart(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with a column `data`, which identifies one A_L and one A_S per seed."""
    fields = [name for name in compare.further_fields(rows) if name.startswith(("data.", "annotator."))]
    names = rows["dataset"].astype(str)
    for field in fields:
        names = names + ", " + field + "=" + rows[field].astype(str)
    named = rows.assign(data=names)
    values = named.groupby([*_KEYS, "seed", "group", "metric"], observed=True)["value"].nunique()
    # Other fields, such as the precision, or other machines give other annotators.
    return rows.assign(data=compare.cases(rows)) if (values > 1).any() else named


def print_annotators(table: pd.DataFrame, style: Format, console: Console) -> None:
    """Print the annotators of the tidy `table`."""
    found = annotators(table)
    several = found["data"].nunique() > 1
    rows = []
    for (data, role, split), cells in found.groupby(_KEYS, sort=False):
        values = [_cell(cells[cells["measure"] == name].iloc[0]) for name in MEASURES]
        rows.append([*[str(data)] * several, _NAMES[str(role)], str(split).replace("_", " "), *values])
    show([*["data"] * several, "", "split", *MEASURES], rows, style, console)
    seeds = sorted({*found["of"]})
    counted = str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    console.print(
        f"A_L names labels, A_S groups. Mean ± standard deviation over seeds, of which there are {counted}. The DP "
        "difference of A_S says how well it tells groups apart; it is not a measure of fairness, and its EO difference "
        "is undefined.",
        highlight=False,
        soft_wrap=True,
    )


def _cell(cell: pd.Series[Any]) -> str:
    if not cell["seeds"]:
        return "undefined"
    spread = "" if pd.isna(cell["std"]) else f"±{cell['std']:.3f}"
    some = f" ({cell['seeds']} seeds)" if cell["seeds"] < cell["of"] else ""
    return f"{cell['mean']:.3f}{spread}{some}"
