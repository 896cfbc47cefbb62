"""Accuracy against unfairness over generations: a path for each case."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes

from fairloop.report import compare
from fairloop.report.figures import study_arms
from fairloop.report.figures.compared import STAR, Names
from fairloop.report.figures.lines import INTERVAL, SPREAD
from fairloop.report.figures.measures import of_classifier, over_seeds
from fairloop.report.figures.style import Look, looks, words

_ENDS = {INTERVAL: ("low", "high"), SPREAD: ("lowest", "highest")}
_FIRST = "first generation"


def arm_and_star(table: pd.DataFrame) -> pd.Series[str]:
    """For each row, the name of its arm from the fields in which runs of its data set differ, and the target of
    STAR.
    """
    runs = table.drop_duplicates("run")
    alike = [field for field in compare.further_fields(table) if runs[field].nunique(dropna=False) == 1]
    arms = study_arms.arms(table.drop(columns=alike)).str.replace(", no curation", "")
    stars, several = table["star"].map(STAR), table["star"].nunique() > 1
    return arms.where((table["star"] == "none") | (not several), arms + ", " + stars)


def data(table: pd.DataFrame, split: str, names: Names = arm_and_star) -> dict[str, pd.DataFrame]:
    """The paths of cases by data set, with names from `names`.

    Columns: line, generation, and for both measures (x: equalized odds difference, y: accuracy) the columns of
    `over_seeds`: x_mean, x_low, ..., y_highest. Generations without a defined value of both are left out.
    """
    measures = {"x": of_classifier("equalized_odds", "difference", split), "y": of_classifier("accuracy", split=split)}
    found = {}
    for dataset, rows in table.groupby("dataset", sort=False, observed=True):
        named = rows.assign(line=names(rows))
        paths = []
        for line, mine in named.groupby("line", sort=False):
            sides = [over_seeds(of.rows(mine)).set_index("x").add_prefix(f"{side}_") for side, of in measures.items()]
            paths.append(pd.concat(sides, axis="columns").rename_axis("generation").reset_index().assign(line=line))
        found[str(dataset)] = pd.concat(paths, ignore_index=True).dropna(subset=["x_mean", "y_mean"])
    return found


def styles_of(shown: Mapping[str, pd.DataFrame]) -> dict[str, Look]:
    """A look for each line of `data`, the same in all panels."""
    return looks([*dict.fromkeys(line for paths in shown.values() for line in paths["line"])])


def draw(paths: pd.DataFrame, axes: Axes, split: str, styles: Mapping[str, Look]) -> None:
    """Draw each path from a hollow point at its first generation to a filled point at its last, with bars of both
    means.
    """
    for line, path in paths.sort_values("generation", kind="stable").groupby("line", sort=False):
        colour, dashes, marker = styles[str(line)]
        first, last = path.iloc[0], path.iloc[-1]
        axes.plot(path["x_mean"], path["y_mean"], color=colour, linestyle=dashes, linewidth=1.2, alpha=0.8)
        axes.plot(first["x_mean"], first["y_mean"], marker, color=colour, mfc="white", markersize=5)
        axes.plot(
            [last["x_mean"]], [last["y_mean"]], color=colour, linestyle=dashes, marker=marker, markersize=6,
            label=words(str(line)),
        )  # fmt: skip
        for low, high in _ENDS.values():
            axes.hlines(last["y_mean"], last[f"x_{low}"], last[f"x_{high}"], color=colour, alpha=0.5, linewidth=1)
            axes.vlines(last["x_mean"], last[f"y_{low}"], last[f"y_{high}"], color=colour, alpha=0.5, linewidth=1)
    axes.plot([], [], "o", color="0.4", mfc="white", markersize=5, label=_FIRST)
    for name, (low, _) in _ENDS.items():
        if paths[f"x_{low}"].notna().any():
            axes.hlines([], [], [], color="0.4", linewidth=1, label=f"{name.replace('band', 'bars')} in the last")
    axes.set_xlabel(f"equalized odds difference on {split.replace('_', ' ')} (0: groups have equal rates)")
    axes.set_ylabel(f"accuracy on {split.replace('_', ' ')}", fontsize=9)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
