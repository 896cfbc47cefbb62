"""Comparisons of cases: one measure, with a line for each case."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from fairloop.report import compare
from fairloop.report.figures.lines import Lines
from fairloop.report.figures.measures import Measure
from fairloop.spec.setting import EVERY_SETTING

Names = Callable[[pd.DataFrame], "pd.Series[str]"]
"""A function that returns a name for each row of a table."""

STAR = {
    "none": "without STAR",
    "classifier": "STAR on the classifier",
    "generator": "STAR on the generator",
    "both": "STAR on both",
}
"""The names of STAR's targets in figures, in order."""

_LABELS = {
    "previous_classifier": "labels of the last classifier (sequential)",
    "annotator": "labels of the annotator",
    "true": "outcomes",
}
_GENERATORS = {"sequential": "sequential generators", "fixed": "a generator that is kept", "none": "rounds of people"}
_LABEL_1 = "label 1"


def compared(measure: Measure, by: Names = compare.cases, *, ordered: bool = False) -> Lines:
    """A figure of `measure` with a line for each name from `by`. Rows of one name must belong to one case.

    ordered: whether the names have an order, which colours from light to dark show.
    """

    def shown(table: pd.DataFrame, split: str) -> list[tuple[str, pd.DataFrame]]:
        return [(str(name), measure.rows(rows)) for name, rows in table.groupby(by(table), sort=False, observed=True)]

    return Lines(measure.title, measure.axis, shown, ordered=ordered)


def by_star(table: pd.DataFrame) -> pd.Series[str]:
    """The target of STAR, in words."""
    return table["star"].map(STAR)


def but_star(table: pd.DataFrame) -> pd.Series[str]:
    """The rest of the case's definition."""
    return compare.cases(table.assign(star="none"))


def by_labels(table: pd.DataFrame) -> pd.Series[str]:
    """The labeller: the last classifier (sequential labels), or always the annotator."""
    return table["setting"].map({name: _LABELS[setting.labels] for name, setting in EVERY_SETTING.items()})


def but_labels(table: pd.DataFrame) -> pd.Series[str]:
    """The rest of the case's definition."""
    kinds = {name: _GENERATORS[setting.generators] for name, setting in EVERY_SETTING.items()}
    return compare.cases(table.assign(setting=table["setting"].map(kinds)))


def by_field(field: str) -> Names:
    """The value of a field in which runs differ."""
    return lambda table: field + " = " + table[field].astype(str)


def but_field(field: str) -> Names:
    """The rest of the case's definition."""
    return lambda table: compare.cases(table.drop(columns=field))


def alike(table: pd.DataFrame, by: Names, but: Names) -> dict[str, pd.DataFrame]:
    """Groups of several cases that differ only in the name from `by`, by their common names."""
    return {str(name): rows for name, rows in table.groupby(but(table), sort=False) if by(rows).nunique() > 1}


def headline(minoritized: Mapping[str, Sequence[str]], split: str) -> list[Measure]:
    """The measures of compared cases: performance, disparities, and shares among generated samples."""
    share = [compare.minoritized_share(minoritized)] if minoritized else []
    return [
        *compare.fairness(split),
        *share,
        Measure(
            "share of label 1", "share of the beneficial label\nin generated data, by A_L", "generator", "generated",
            "overall", "label_share", _LABEL_1,
        ),
    ]  # fmt: skip


def with_headline(table: pd.DataFrame, minoritized: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """The tidy table with the rows for `headline`: shares of minoritized groups, and of label 1 under that name."""
    shares = table[table["metric"] == "label_share"]
    second = shares.drop_duplicates(["run", "label"]).groupby("run").nth(1)[["run", "label"]]
    return pd.concat(
        [
            compare.with_minoritized(table, minoritized),
            shares.merge(second, on=["run", "label"]).assign(label=_LABEL_1),
        ],
        ignore_index=True,
    )


def collapse(table: pd.DataFrame, minoritized: Mapping[str, Sequence[str]], split: str) -> int | None:
    """The median over seeds of the generation of collapse of the runs in `table`; None if it is never.

    A run has collapsed when its accuracy is below `compare.ACCURACY_BELOW`, or its generator's share of minoritized
    groups below `compare.SHARE_BELOW`.
    """
    accuracy, *_, share, _ = headline(minoritized, split)
    limits = [(accuracy, compare.ACCURACY_BELOW)] + ([(share, compare.SHARE_BELOW)] if minoritized else [])
    found = pd.concat([compare.collapses(table, measure, below) for measure, below in limits])
    times = found.groupby(["case", "seed"])["generation"].min().astype(float).fillna(np.inf).sort_values()
    median = times.iloc[(len(times) - 1) // 2] if len(times) else np.inf
    return None if np.isinf(median) else int(median)


def shade(ax: Axes, generation: int, name: str) -> None:
    """Shade the axes in grey from `generation` to the end."""
    last = ax.get_xlim()[1]
    ax.axvspan(generation, max(last, generation + 0.1), color="0.9", linewidth=0, zorder=0, label=name)
    ax.set_xlim(right=last)
