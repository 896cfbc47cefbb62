"""The pictures of docs/reproduction.md and of the pages below it, from the tables beside this file.

python -m docs.reproduction.pictures
"""

from __future__ import annotations

import json

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from docs.reproduction import full_runs
from docs.reproduction.ablated import ABLATIONS, SHOWN, ablated
from docs.reproduction.annotators_alone import LAST
from docs.reproduction.committed import HERE, annotated, known
from fairloop.report.figures import PALETTE, save
from fairloop.report.figures.lines import draw_lines
from fairloop.report.figures.measures import over_seeds
from fairloop.report.figures.style import dress, graded, one_legend
from fairloop.report.published.curves import curve

NAMES = {
    "data.green_given_label": "P(green | label 1) = P(red | label 0)",
    "data.threshold": "digits from here on have label 1",
    "synthetic_share": "synthetic share of generator batches",
}


def place(value: object) -> float:
    """Where a value lies along the axis."""
    return float(json.loads(value)[1] if isinstance(value, str) else value)


def ablations() -> Figure:
    """Rows: what is varied. Columns: measures. A line a generation, over the values."""
    figure = Figure(figsize=(2.7 * len(SHOWN), 7.2), layout="constrained")
    grid = figure.subplots(len(ABLATIONS), len(SHOWN), sharey="col")
    for row, field in zip(grid, ABLATIONS, strict=True):
        table = ablated(field)
        for axes, measure in zip(row, SHOWN, strict=True):
            found = [over_seeds(measure.rows(rows)).assign(place=place(value)) for value, rows in table.groupby(field)]
            data = pd.concat(found).rename(columns={"x": "generation", "place": "x"}).sort_values(["generation", "x"])
            data["line"] = "generation " + data["generation"].astype(str)
            draw_lines(data, axes, graded([*data["line"].unique()]))
            dress(axes, "", measure.axis)
            ticks = sorted(data["x"].unique())
            axes.set_xticks(ticks, [f"{x:g}".replace("0.", ".") for x in ticks], fontsize=8)
        row[len(row) // 2].set_xlabel(NAMES[field])
    one_legend(figure)
    return figure


def annotators() -> Figure:
    """A_L over its epochs, and on many draws of the test data, beside what was published."""
    figure = Figure(figsize=(13.0, 3.6), layout="constrained")
    over_epochs, *by_draw = figure.subplots(1, 4)
    found = annotated()[(annotated()["variant"] == "sgd") & (annotated()["split"] == "test")]
    own = found[(found["seed"] == found["draw"]) & (found["metric"] == "accuracy") & (found["epoch"] >= 5)]
    for _, rows in own.groupby("seed"):
        over_epochs.plot(rows["epoch"], rows["value"], color=PALETTE[0], alpha=0.5, linewidth=1)
    over_epochs.plot([], [], color=PALETTE[0], label="ours, a line a seed, each on its own draw")
    dress(over_epochs, "epochs done", "accuracy of A_L on test")
    for axes, metric in zip(by_draw, ("accuracy", "accuracy difference", "DP difference"), strict=True):
        _draws(axes, found[(found["epoch"] == LAST) & (found["metric"] == metric)], metric)
    one_legend(figure)
    return figure


def _draws(axes: Axes, rows: pd.DataFrame, metric: str) -> None:
    by_draw = rows.groupby("draw")["value"].mean()
    theirs = known().loc[("A_L test", metric), "mean"]
    axes.hist(by_draw, bins=20, color=PALETTE[4], label="ours, mean over seeds on one draw of the test data")
    axes.axvline(theirs, color=PALETTE[1], linestyle="--", label="published, mean over 150 runs on one draw")
    axes.set_xlabel(f"{metric} of A_L on test")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4))
    axes.margins(x=0.1)
    axes.set_ylabel("draws", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)


def curve_of(setting: str, star: str) -> Figure:
    """One published curve and ours."""
    cells, found = full_runs.cells(), full_runs.found()
    of_cells, of_found = ((t["setting"] == setting) & (t["star"] == star) for t in (cells, found))
    return curve(cells[of_cells], found[of_found])


def main() -> None:
    for draw in (ablations, annotators):
        save(draw(), HERE / f"{draw.__name__}.png")
    for setting, star in full_runs.curves() if full_runs.recorded() else ():
        save(curve_of(setting, star), HERE / f"{setting}.{star}.png")


if __name__ == "__main__":
    main()
