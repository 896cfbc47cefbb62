"""The tables and the figure of docs/studies/mitigations.md, from mitigations.parquet beside this file.

python -m docs.studies.mitigations                 prints the tables
python -m docs.studies.mitigations --write         puts them into the page, and draws mitigations.png
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from docs.pages import Tables, command
from fairloop.report import compare
from fairloop.report.figures import panels, paths
from fairloop.report.figures.measures import over_seeds
from fairloop.report.figures.style import save
from fairloop.report.kept_fairness import FAIRER, generations_kept
from fairloop.report.table import gathered
from fairloop.report.text import markdown

HERE = Path(__file__).parent
PAGE, TABLE, PICTURE = (HERE / f"mitigations.{end}" for end in ("md", "parquet", "png"))

DATA = {"adult": "Adult, by sex", "compas": "COMPAS, by race"}
PLAIN = "plain"
MODELS = {
    "fairlearn-exponentiated-gradient": "exponentiated gradient",
    "fairlearn-grid-search": "grid search",
    "fairlearn-threshold-optimizer": "thresholds by group",
    "fairlearn-correlation-remover": "correlation remover",
}
ORDER = (
    PLAIN, "reweighing", "group-balanced loss",
    *(f"{name}, {constraint}" for name in [*MODELS.values()][:3] for constraint in ("DP", "EO")),
    "correlation remover", "STAR on the classifier", "STAR on the generator", "STAR on both",
)  # fmt: skip
CONSTRAINTS = {"demographic_parity": "DP", "equalized_odds": "EO"}
ACCURACY, UNFAIRNESS = compare.fairness("test")[0], compare.of_classifier("equalized_odds", "difference")
SELECTED = compare.of_classifier("selection_rate")


def contestant(run: Mapping[str, Any]) -> str:
    """The short name of a run's contestant."""
    if run["star"] != "none":
        return f"STAR on {'both' if run['star'] == 'both' else 'the ' + run['star']}"
    if "reweigh" in run["curation.steps"] or "balanced" in run["curation.steps"]:
        return "reweighing" if "reweigh" in run["curation.steps"] else "group-balanced loss"
    name = MODELS.get(run["classifier.model"], PLAIN)
    constraints = run["classifier.arguments.constraints"]
    return f"{name}, {CONSTRAINTS[constraints]}" if constraints in CONSTRAINTS else name


@cache
def of_data(data: str) -> pd.DataFrame:
    """The committed rows of a data set, with the contestants as cases."""
    table = gathered([TABLE])
    table = table[table["data.name"] == data]
    runs = table.drop_duplicates("run")
    names = dict(zip(runs["run"], map(contestant, runs.to_dict("records")), strict=True))
    fields = compare.further_fields(table)
    named = table.drop(columns=fields).assign(contestant=table["run"].map(names), star="none")
    return named.sort_values("contestant", key=lambda found: found.map(ORDER.index), kind="stable")


def results(data: str) -> str:
    """A row for each contestant: values at both ends, the difference to the plain classifier, generations kept."""
    table = of_data(data)
    cases = compare.cased(table).drop_duplicates("case").set_index("contestant")["case"]
    plain, last = cases[PLAIN], int(table["generation"].max())
    kept = generations_kept(table, dict.fromkeys(cases, plain)).set_index(["case", "rule"])
    less = compare.differences(table, [UNFAIRNESS], plain).set_index(["case", "generation"])
    lines = []
    for name, case in cases.items():
        mine = table[table["contestant"] == name]
        ends = [_ends(of.rows(mine), last) for of in (ACCURACY, UNFAIRNESS, SELECTED)]
        beside = ["", ""] if case == plain else [
            f"{_interval(less.loc[case, last], 'difference', '+.3f')}", _kept(kept.loc[case, FAIRER])
        ]  # fmt: skip
        lines.append([str(name), *ends[0], *ends[1], ends[2][1], *beside, _kept(kept.loc[case, "like at first"])])
    heads = [f"{title}, gen. {i}" for title in ("accuracy", "EO difference") for i in (0, last)]
    return markdown(
        [
            "contestant",
            *heads,
            f"selection rate, gen. {last}",
            f"EO difference less plain, gen. {last}",
            "generations fairer",
            "generations like at first",
        ],
        lines,
    )


def _ends(rows: pd.DataFrame, last: int) -> list[str]:
    found = over_seeds(rows).set_index("x")
    return [_interval(found.loc[generation], "mean", ".3f") for generation in (0, last)]


def _interval(row: pd.Series, value: str, digits: str) -> str:
    """A mean with its 95 % interval, or with the lowest and highest seed where there are too few for one."""
    low, high = (row["low"], row["high"]) if pd.notna(row["low"]) else (row["lowest"], row["highest"])
    return f"{row[value]:{digits}} [{low:{digits}}, {high:{digits}}]"


def _kept(row: pd.Series) -> str:
    never, seeds = int(row["never_lost"]), int(row["seeds"])
    return f"{_interval(row, 'mean', '.1f')}; all {int(row['of'])} in {never} of {seeds}"


def picture() -> Figure:
    """Paths of accuracy and equalized odds difference, a panel for each data set."""
    shown = {
        title: found
        for data, title in DATA.items()
        for found in paths.data(of_data(data), "test", lambda table: table["contestant"]).values()
    }
    styles = paths.styles_of(shown)

    def draw(name: str, data: pd.DataFrame, axes: Axes) -> None:
        paths.draw(data, axes, "test", styles)

    return panels.side_by_side(shown, draw, (6.0, 4.4), share=False)


TABLES: Tables = {data: partial(results, data) for data in DATA}

if __name__ == "__main__":
    command(PAGE, TABLES, __doc__)
    if "--write" in sys.argv:
        save(picture(), PICTURE)
