"""The arms of a study: a line for each, dashed by STAR's target; performance by group, and representation."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fairloop.report import compare
from fairloop.report.case_names import of_fields
from fairloop.report.figures import panels
from fairloop.report.figures.compared import STAR
from fairloop.report.figures.lines import COLUMNS, draw_lines
from fairloop.report.figures.measures import Measure, groups, of_classifier, over_seeds
from fairloop.report.figures.style import dress, looks

_DASHES = dict(zip(STAR, ("-", "--", ":", "-."), strict=True))
_MOST_GROUPS = 4


def arms(table: pd.DataFrame) -> pd.Series[str]:
    """For each row, the name of its run without seed and STAR: all other fields in which runs differ, in words.

    The fields of STAR say nothing about a run without STAR, and do not name it.
    """
    runs = table.drop_duplicates("run")
    fields = (["setting"] if runs["setting"].nunique() > 1 else []) + compare.further_fields(table)
    return table["run"].map({run["run"]: _name(run, fields) for run in runs.to_dict("records")})


def _name(run: Mapping[Hashable, Any], fields: list[str]) -> str:
    told = [field for field in fields if run["star"] != "none" or not field.startswith("star.")]
    return of_fields({str(field): run[field] for field in told}) or ("no STAR" if fields else "all alike")


def data(table: pd.DataFrame, split: str) -> pd.DataFrame:
    """The data of the panels: measure, star, and the columns of `Lines.data`, where a line is an arm."""
    measures = _measures(table, split)
    fields = compare.further_fields(table)
    ordered = table.sort_values(fields, kind="stable") if fields else table
    table = compare.with_minoritized(ordered.assign(arm=arms(ordered)), compare.minoritized(table))
    found = [
        over_seeds(rows).assign(line=str(arm), star=str(star), measure=measure.title)
        for measure in measures
        for (arm, star), rows in measure.rows(table).groupby(["arm", "star"], sort=False)
    ]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=["measure", "star", *COLUMNS])


def draw(found: pd.DataFrame, table: pd.DataFrame, split: str) -> Figure:
    """Draw `found`, the result of `data(table)`: a panel for each measure, with one scale for accuracies."""
    colours = looks([*found["line"].unique()])
    stars = [target for target in STAR if target in set(found["star"])]
    shown = {m.title: m for m in _measures(table, split) if (found["measure"] == m.title).any()}
    rates = found[found["measure"].isin([title for title, measure in shown.items() if measure.metric == "accuracy"])]
    drawn = rates[["mean", "low", "high", "lowest", "highest"]].to_numpy(float)
    bounds = (float(np.nanmin(drawn)) - 0.02, float(np.nanmax(drawn)) + 0.02) if len(drawn) else (0.0, 1.0)

    def panel(rows: pd.DataFrame, title: str, axes: Axes) -> None:
        for star in stars:
            styles = {arm: look._replace(dashes=_DASHES[star]) for arm, look in colours.items()}
            draw_lines(rows[(rows["measure"] == title) & (rows["star"] == star)], axes, styles)
        for star in stars if len(stars) > 1 else []:  # for the legend
            axes.plot([], [], color="0.3", linestyle=_DASHES[star], label=STAR[star])
        dress(axes, "generation", shown[title].axis.replace("{split}", split.replace("_", " ")))
        if shown[title].metric == "accuracy":
            axes.set_ylim(bounds)

    return panels.blocks({"": found}, [*shown], panel)


def _measures(table: pd.DataFrame, split: str) -> list[Measure]:
    minoritized = compare.minoritized(table)
    first = {name for names in minoritized.values() for name in names}
    named = sorted(groups(table[table["metric"] == "accuracy"]), key=lambda name: name not in first)
    shown = {"overall": "accuracy"} | {name: f"accuracy of {name}" for name in named}
    if len(named) > _MOST_GROUPS:
        shown = {"overall": "accuracy", "min": "accuracy of the worst group", "max": "accuracy of the best group"}
    shared = ["generated", "people"] if "response.retention" in table else ["generated"]  # people leave in some arms
    return [
        *(of_classifier("accuracy", part, split, called=title) for part, title in shown.items()),
        of_classifier("equalized_odds", "difference", split),
        *(compare.minoritized_share(minoritized, of) for of in shared if minoritized),
    ]
