"""Figures made of lines with bands: their data for one case, and their drawing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes

from fairloop.report.figures.measures import Measure, groups, over_seeds
from fairloop.report.figures.style import Look, dress, graded, looks, own_axes, words

COLUMNS = ["line", "x", "mean", "low", "high", "lowest", "highest", "seeds", "absent"]

INTERVAL = "band: 95 % interval of the mean, each point alone"
SPREAD = "bar: lowest to highest seed"
"""The names of bands and bars in legends."""

Shown = Callable[[pd.DataFrame, str], Iterable[tuple[str, pd.DataFrame]]]
"""A function that yields the name of each line and its rows of a table, for a split of the test data."""


@dataclass(frozen=True)
class Lines:
    """A figure that works like a function: `figure(table, ax=None, split="test")` draws on `ax`, and returns it.

    `table` is the tidy table of one case: raises InputError for runs of several.

    title: in words. axis: the name of the values, and the meaning of 0 and 1; {split} stands for the split.
    x: the column of the other axis. ordered: whether lines have an order, which colours from light to dark show.
    marked: values with a thin line.

    >>> from fairloop.report.figures import curves
    >>> from fairloop import preset, simulate, table_of
    >>> spec = preset("lending", generations=2, people={"arrivals": 50})
    >>> axes = curves.accuracy(table_of(spec, simulate(spec)), split="true")
    >>> axes.get_legend_handles_labels()[1]
    ['A', 'B']
    """

    title: str
    axis: str
    shown: Shown
    x: str = "generation"
    ordered: bool = False
    marked: tuple[float, ...] = ()

    def data(self, table: pd.DataFrame, split: str = "test") -> pd.DataFrame:
        """The data of the lines: the columns of `over_seeds`, and line; empty without lines."""
        found = [over_seeds(rows, self.x).assign(line=name) for name, rows in self.shown(table, split) if len(rows)]
        return pd.concat(found, ignore_index=True)[COLUMNS] if found else pd.DataFrame(columns=COLUMNS)

    def styles(self, names: Sequence[str]) -> dict[str, Look]:
        """A look for each line."""
        return graded(names) if self.ordered else looks(names)

    def draw(self, data: pd.DataFrame, ax: Axes, split: str, styles: Mapping[str, Look] | None = None) -> Axes:
        """Draw the data. styles: looks of lines that several axes share."""
        draw_lines(data, ax, styles or self.styles([*dict.fromkeys(data["line"])]))
        dress(ax, self.x, self.axis.replace("{split}", split.replace("_", " ")))
        for value in self.marked:
            ax.axhline(value, color="0.75", linewidth=0.8, zorder=0.5)
        return ax

    def __call__(self, table: pd.DataFrame, ax: Axes | None = None, split: str = "test") -> Axes:
        """Draw on `ax`, or on new axes with a legend."""
        axes = self.draw(self.data(table, split), ax or own_axes(), split)
        if ax is None:
            axes.legend(frameon=False, handlelength=3.2)
        return axes


def each(measures: Callable[[pd.DataFrame, str], Iterable[Measure]]) -> Shown:
    """A line for each measure."""
    return lambda table, split: [(measure.title, measure.rows(table)) for measure in measures(table, split)]


def each_group(metric: str, role: str = "classifier", on: str | None = None) -> Shown:
    """A line for each group. on: a split in place of that of the test data."""
    return each(lambda table, split: [Measure(name, name, role, on or split, name, metric) for name in groups(table)])


def draw_lines(data: pd.DataFrame, ax: Axes, styles: Mapping[str, Look]) -> None:
    """Draw each line of `data` with its band of intervals, or bars of spread, and hollow markers for absent seeds."""
    for name, points in data.groupby("line", sort=False):
        colour, dashes, marker = styles[str(name)]
        ax.fill_between(points["x"], points["low"], points["high"], color=colour, alpha=0.18, linewidth=0)
        ax.vlines(points["x"], points["lowest"], points["highest"], color=colour, alpha=0.6, linewidth=1)
        ax.plot(
            points["x"], points["mean"], color=colour, linestyle=dashes, linewidth=1.8, marker=marker, markersize=5,
            label=words(str(name)),
        )  # fmt: skip
        hollow = points[points["absent"] > 0]
        ax.plot(hollow["x"], hollow["mean"], linestyle="", marker=marker, markersize=5, color=colour, mfc="white")
    if (data["absent"] > 0).any():
        ax.plot([], [], linestyle="", marker="o", markersize=5, color="0.4", mfc="white", label="not all seeds")
    if data["low"].notna().any():
        ax.fill_between([], [], [], color="0.4", alpha=0.18, linewidth=0, label=INTERVAL)
    if data["lowest"].notna().any():
        ax.vlines([], [], [], color="0.4", linewidth=1, label=SPREAD)
