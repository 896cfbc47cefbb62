"""Figures from the tidy table. Each draws on axes that it is given, so that figures compose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fairloop.store.files import replacing

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
"""Okabe and Ito's colours, which stay apart for colour-blind readers."""

_STYLES = ("-", "--", ":", "-.")
_MARKERS = ("o", "s", "^", "D")


@dataclass(frozen=True)
class Measure:
    """One value per generation, and what a reader calls it.

    Fields other than `title` and `axis` select rows of the tidy table; `label` None means rows without a label.
    """

    title: str
    axis: str
    role: str
    split: str
    group: str
    metric: str
    label: str | None = None

    def rows(self, table: pd.DataFrame) -> pd.DataFrame:
        """Its rows in the tidy table."""
        rows = table[
            (table["role"] == self.role)
            & (table["split"] == self.split)
            & (table["group"] == self.group)
            & (table["metric"] == self.metric)
        ]
        return rows[rows["label"].isna() if self.label is None else rows["label"] == self.label]

    def values(self, table: pd.DataFrame) -> pd.Series[float]:
        """Its mean over the runs in `table`, by generation."""
        return self.rows(table).groupby("generation")["value"].mean()


STORY = (
    Measure("accuracy", "accuracy on test data", "classifier", "test", "overall", "accuracy"),
    Measure(
        "EO difference",
        "equalized odds difference\n(0 is fair)",
        *("classifier", "test", "difference", "equalized_odds"),
    ),
    Measure("share red", "share of group red\nin generated data", "generator", "generated", "red", "group_share"),
)
"""What the demo shows."""


def curves(axes: Axes, table: pd.DataFrame, measure: Measure) -> None:
    """One line for each (setting, STAR target): the measure over generations."""
    for index, ((setting, star), rows) in enumerate(_cases(table)):
        values = measure.values(rows)
        axes.plot(
            values.index,
            values.to_numpy(),
            color=PALETTE[index % len(PALETTE)],
            linestyle=_STYLES[index % len(_STYLES)],
            marker=_MARKERS[index % len(_MARKERS)],
            markersize=5,
            linewidth=2,
            label=setting if star == "none" else f"{setting} + STAR on the {star}",
        )
    axes.set_xlabel("generation")
    axes.set_ylabel(measure.axis)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def story(table: pd.DataFrame, measures: Sequence[Measure] = STORY) -> Figure:
    """The measures side by side, with one legend."""
    figure = Figure(figsize=(4.2 * len(measures), 3.8), layout="constrained")
    panels = figure.subplots(1, len(measures), squeeze=False)[0]
    for axes, measure in zip(panels, measures, strict=True):
        curves(axes, table, measure)
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(names), frameon=False)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write `figure` to `path`; its ending chooses PNG, SVG or PDF."""
    with replacing(path) as temporary:
        figure.savefig(temporary, format=path.suffix.removeprefix("."), dpi=150)


def _cases(table: pd.DataFrame) -> list[tuple[tuple[str, str], pd.DataFrame]]:
    """The rows of each (setting, STAR target), in the order of the table."""
    keys = table[["setting", "star"]].drop_duplicates().itertuples(index=False)
    return [((key[0], key[1]), table[(table["setting"] == key[0]) & (table["star"] == key[1])]) for key in keys]
