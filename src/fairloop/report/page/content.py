"""The data of the page's script: every value of a tidy table, packed for JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from fairloop.metrics import statistics
from fairloop.report import compare

EVERY_EPOCH = 150_000
"""Largest number of rows; larger tables keep only the last epoch of values that are measured in each epoch."""

KEY = ["role", "split", "label", "group", "metric"]
_LATEST = -1

Json = dict[str, Any]
Spans = dict[tuple[int, ...], int]


def thinned(table: pd.DataFrame) -> pd.DataFrame:
    """The table with a column `latest`, true for the last epoch of a generation. Large tables keep only these rows."""
    last = table.groupby(["run", "generation", *KEY], dropna=False, sort=False)["epoch"].transform("max")
    table = table.assign(latest=table["epoch"].isna() | (table["epoch"] == last))
    return table if len(table) <= EVERY_EPOCH else table[table["latest"]]


def packed(table: pd.DataFrame) -> Json:
    """Cases, runs and values of a table that has the columns `case` and `latest`.

    step: the word for a generation. steps: names of the generations, in the order of `generations`. fields: the
    differences between runs except the seed: dataset, setting, star, further fields of the spec. runs: name, case (its
    place in `cases`), seed, fields. keys: role, split, label, group, metric; null: does not apply. spans: lists of
    generations. series: run, key and span (places in their lists), values, standard errors (null: none are known),
    epochs: null, an earlier epoch, or a list: for each value the last epoch of its generation. bands: case, key, span,
    lows, highs (95 % intervals over seeds). shown: the type of uncertainty beside a mean, by the number of seeds from 0
    on. An undefined value is null. Numbers have six significant digits.
    """
    cases = compare.case_names(table)
    fields = ["dataset", "setting", "star", *(n for n in compare.further_fields(table) if n != "latest")]
    runs = _runs(table, cases)
    table = table.assign(
        key=table.groupby(KEY, dropna=False, sort=False).ngroup(),
        place=table["run"].map({name: place for place, name in enumerate(runs["run"])}),
    )
    spans: Spans = {}
    return {
        "cases": cases,
        "fields": fields,
        "runs": [
            {
                "name": str(run["run"]),
                "case": run["place"],
                "seed": run["seed"],
                "fields": [_cell(run[f]) for f in fields],
            }
            for run in runs.to_dict("records")
        ],
        "keys": [[_cell(word) for word in key] for key in table.drop_duplicates("key")[KEY].itertuples(index=False)],
        "generations": [int(generation) for generation in sorted(table["generation"].unique())],
        "step": "round" if (table["setting"] == "audit").all() else "generation",
        "steps": _steps(table),
        "series": list(_series(table, spans)),
        "bands": list(_bands(table, cases, spans)),
        "shown": [statistics.shown(n) for n in range(runs["seed"].nunique() + 1)],
        "spans": [list(span) for span in spans],
    }


def _runs(table: pd.DataFrame, cases: list[str]) -> pd.DataFrame:
    """A row for each run, with the `place` of its case, in the order of cases and seeds."""
    runs = table.drop_duplicates("run")
    return runs.assign(place=runs["case"].map(cases.index)).sort_values(["place", "seed"], kind="stable")


def _steps(table: pd.DataFrame) -> list[str]:
    """Names of generations: the names of an audit's rounds, or numbers if the names of several audits differ."""
    steps = table.drop_duplicates(["generation", *(["round"] if "round" in table else [])]).sort_values("generation")
    named = "round" in steps and steps["round"].notna().all() and steps["generation"].is_unique
    return [str(step) for step in (steps["round"] if named else steps["generation"].unique())]


def _series(table: pd.DataFrame, spans: Spans) -> Iterator[list[Any]]:
    epoch = table["epoch"].astype(float).where(~table["latest"], _LATEST).to_numpy()
    order = np.lexsort([table["generation"].to_numpy(), epoch, table["key"].to_numpy(), table["place"].to_numpy()])
    table, epoch = table.iloc[order], epoch[order]
    parts = np.column_stack([table["place"], table["key"], epoch])
    starts = np.flatnonzero(np.any(parts[1:] != parts[:-1], axis=1)) + 1
    generations, values, errors = (table[name].to_list() for name in ("generation", "value", "standard_error"))
    epochs = table["epoch"].to_list()
    for start, end in zip([0, *starts], [*starts, len(table)], strict=True):
        run, key, kind = (int(part) for part in parts[start])
        known = [number(error) for error in errors[start:end]]
        yield [
            run, key, _span(generations[start:end], spans), [number(value) for value in values[start:end]],
            known if any(error is not None for error in known) else None,
            kind if kind != _LATEST else _epochs(epochs[start:end]),
        ]  # fmt: skip


def _bands(table: pd.DataFrame, cases: list[str], spans: Spans) -> Iterator[list[Any]]:
    """95 % intervals of means over seeds, for cases with enough seeds with a value."""
    for case, rows in table[table["latest"]].groupby("case", sort=False):
        by_seed = rows.pivot(index="seed", columns=["key", "generation"], values="value").sort_index(axis="columns")
        found = statistics.over_seeds(by_seed.to_numpy(float))
        ends = pd.DataFrame({"low": found.low, "high": found.high}, by_seed.columns).dropna()
        for key, band in ends.groupby(level="key"):
            generations = band.index.get_level_values("generation").to_list()
            lows, highs = ([number(value) for value in band[end]] for end in ("low", "high"))
            yield [cases.index(str(case)), key, _span(generations, spans), lows, highs]


def number(value: float) -> float | int | None:
    """Six significant digits; None for an undefined value."""
    if not np.isfinite(value):
        return None
    short = float(f"{value:.6g}")
    return int(short) if short.is_integer() else short


def _span(generations: list[int], spans: Spans) -> int:
    return spans.setdefault(tuple(int(generation) for generation in generations), len(spans))


def _epochs(epochs: list[float]) -> list[int] | None:
    return None if any(pd.isna(epoch) for epoch in epochs) else [int(epoch) for epoch in epochs]


def _cell(value: Any) -> Any:
    """A cell of the table as JSON value."""
    if pd.isna(value):
        return None
    return value.item() if isinstance(value, np.generic) else value
