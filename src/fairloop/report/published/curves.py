"""One figure for a curve: the runs and the published curve over all generations, and their difference below."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fairloop.metrics.statistics import QUANTILES
from fairloop.report.figures import PALETTE
from fairloop.report.published import published
from fairloop.report.published.departures import AS_IS, LESS_ANNOTATOR

SHOWN = ("accuracy", "demographic_parity_difference", "equalized_odds_difference")
"""The published metrics that the figure shows."""

_OURS, _THEIRS = PALETTE[1], "0.35"


def curve(cells: pd.DataFrame, found: pd.DataFrame, metrics: Sequence[str] = SHOWN) -> Figure:
    """One curve, a column for each of `metrics`.

    cells: the rows of `laid_over` of one setting and STAR target. found: the rows of `departures`.

    Above: the mean of each side, and a band from the 5 to the 95 % quantile of its seeds, linearly interpolated.
    Below: the difference of the means with its pointwise interval; as it is, and less A_L.
    """
    figure = Figure(figsize=(3.4 * len(metrics), 5.2), layout="constrained")
    grid = figure.subplots(2, len(metrics), squeeze=False, sharex=True, height_ratios=(3, 2))
    for (above, below), metric in zip(grid.T, metrics, strict=True):
        mine = cells[cells["metric"] == metric]
        _bands(above, mine, _theirs(cells, metric))
        _differences(below, found[found["metric"] == metric])
        above.set_title(mine["title"].iloc[0] if len(mine) else metric, fontsize=10)
        below.set_xlabel("generation")
    grid[1][0].set_ylabel("ours less published")
    for axes in grid.flat:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.spines[["top", "right"]].set_visible(False)
    above, below = (row[0].get_legend_handles_labels() for row in grid)
    figure.legend(above[0] + below[0], above[1] + below[1], loc="outside lower center", ncols=3, frameon=False)
    return figure


def _theirs(cells: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The complete published curve of the setting and STAR target of `cells`."""
    curves = published()
    wanted = (curves["dataset"] == "colored-mnist") & (curves["metric"] == metric)
    for name in ("setting", "star"):
        wanted &= curves[name].isin(cells[name].unique())
    return curves[wanted].sort_values("generation")


def _bands(axes: Axes, mine: pd.DataFrame, theirs: pd.DataFrame) -> None:
    about = "{}, mean and 5 to 95 % of {} seeds"
    if len(theirs):
        seeds = int(theirs["seeds"].min())
        axes.fill_between(theirs["generation"], theirs["p05"], theirs["p95"], color="0.85")
        axes.plot(theirs["generation"], theirs["mean"], color=_THEIRS, ls="--", label=about.format("published", seeds))
    if mine.empty:
        return
    by_seed = mine.pivot(index="generation", columns="seed", values="value")
    low, high = (by_seed.quantile(q, axis=1) for q in QUANTILES)
    counts = by_seed.count(axis=1)
    few, many = int(counts.min()), int(counts.max())
    axes.fill_between(by_seed.index, low, high, color=_OURS, alpha=0.25, linewidth=0)
    axes.plot(
        by_seed.index, by_seed.mean(axis=1), color=_OURS, marker="o", markersize=3,
        label="ours, one seed" if many == 1 else about.format("ours", many if few == many else f"{few} to {many}"),
    )  # fmt: skip


def _differences(axes: Axes, found: pd.DataFrame) -> None:
    axes.axhline(0, color="0.6", linewidth=0.8)
    for less, colour, marker, beside in ((AS_IS, PALETTE[0], "s", -0.12), (LESS_ANNOTATOR, PALETTE[2], "D", 0.12)):
        rows = found[found["less"] == less]
        reach = np.nan_to_num((rows["high"] - rows["low"]).to_numpy(float) / 2)
        known = ", 95 % interval" if reach.any() else ""  # none beside a single published seed
        axes.errorbar(
            rows["generation"] + beside, rows["difference"], yerr=reach, color=colour, marker=marker, markersize=3,
            linewidth=0.8, label=f"difference {less}{known}",
        )  # fmt: skip
