"""The tables and the figures of docs/studies/people.md, from the sweeps' directories.

python -m docs.studies.people keep NAME DIR        keeps the rows of the sweep study-NAME in DIR beside this file
python -m docs.studies.people                      prints the tables
python -m docs.studies.people --write              puts them into the page, and draws a figure for each
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from docs.pages import Tables, command
from fairloop.metrics import statistics
from fairloop.report.figures.measures import Measure, over_seeds
from fairloop.report.figures.style import dress, looks, one_legend, save
from fairloop.report.table import gathered
from fairloop.report.text import markdown

HERE = Path(__file__).parent
PAGE = HERE / "people.md"

SHOWN = (
    Measure("accuracy", "accuracy", "classifier", "true", "overall", "accuracy"),
    Measure("selection rate of A", "selection rate of A", "classifier", "true", "A", "selection_rate"),
    Measure("selection rate of B", "selection rate of B", "classifier", "true", "B", "selection_rate"),
    Measure("TPR of B", "TPR of B", "classifier", "true", "B", "tpr"),
    Measure("EO difference", "EO difference (0: equal)", "classifier", "true", "difference", "equalized_odds"),
    Measure("share of B", "share of B among people", "classifier", "people", "B", "group_share"),
)
DRAWN = (SHOWN[0], SHOWN[2], SHOWN[4], SHOWN[5])
PATIENCE = 1e5  # kappa from here on: changes cost too much for everybody


def _explored(run: Mapping[str, Any]) -> str:
    for field, words in (("people.exploration", "of the rejected accepted"), ("people.verified", "of all verified")):
        if (share := float(run.get(field) or 0)) > 0:
            return f"{share:.0%} {words}"
    return "no exploration"


def _kind(run: Mapping[str, Any]) -> str:
    return str(run["people.kind"])


def _leaving(run: Mapping[str, Any]) -> str:
    cheap = float(str(run["people.arguments.kappa"]).strip("[]").split(",")[0]) < PATIENCE
    leave = str(run.get("people.retention")) not in ("", "[]", "None", "nan")
    return f"{'respond' if cheap else 'do not respond'}, {'leave' if leave else 'all return'}"


ORDER = (
    "no exploration",
    *(f"{share}% of {whom}" for whom in ("the rejected accepted", "all verified") for share in (1, 5, 20)),
    "strategic", "selective-labels", "lending", "performative",
    *(f"{one}, {other}" for other in ("all return", "leave") for one in ("do not respond", "respond")),
)  # fmt: skip

STUDIES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "exploration": _explored,
    "reparation-under-response": _kind,
    "leaving-strategic": _leaving,
}
"""Studies, and the name of a run's arm in each, but for STAR."""


def keep(study: str, sweep: Path) -> None:
    """Keep the rows that the page needs of a sweep, with the name of each run's arm."""
    table = gathered([sweep])
    needed = pd.concat([of.rows(table) for of in SHOWN])
    runs = table.drop_duplicates("run").set_index("run")
    arms = {run: STUDIES[study](fields) for run, fields in runs.to_dict("index").items()}
    stars = {run: _star(fields) for run, fields in runs.to_dict("index").items()}
    needed = needed.assign(arm=needed["run"].map(arms), curated=needed["run"].map(stars))
    columns = ["run", "seed", "generation", "role", "split", "label", "group", "metric", "value", "arm", "curated"]
    needed[columns].to_parquet(HERE / f"{study}.parquet", index=False, compression="zstd")


def _star(run: Mapping[str, Any]) -> str:
    if run["star"] == "none":
        return ""
    return f"STAR, {run['star.ideal']}" if "star.ideal" in run else "STAR"


@cache
def of_study(study: str) -> pd.DataFrame | None:
    """The kept rows of a study; None before it has run."""
    path = HERE / f"{study}.parquet"
    if not path.is_file():
        return None
    table = pd.read_parquet(path)
    return table.assign(place=table["arm"].map(ORDER.index)).sort_values(["place", "curated"], kind="stable")


def results(study: str) -> str:
    """Values of each arm in the last round, and differences of STAR to the same arm without it, paired by seed."""
    table = of_study(study)
    if table is None:
        return "*Not run yet.*"
    last = table[table["generation"] == table["generation"].max()]
    heads = [of.title for of in SHOWN]
    values, differences = [], []
    for (arm, curated), rows in last.groupby(["arm", "curated"], sort=False):
        found = [of.rows(rows).set_index("seed")["value"] for of in SHOWN]
        values.append([str(arm), str(curated), *(_told(one, ".3f") for one in found)])
        if curated:
            itself = last[(last["arm"] == arm) & (last["curated"] == "")]
            before = [of.rows(itself).set_index("seed")["value"] for of in SHOWN]
            less = [_told(one - other, "+.3f") for one, other in zip(found, before, strict=True)]
            differences.append([str(arm), str(curated), *less])
    tables = [markdown(["arm", "STAR", *heads], values)]
    return "\n\n".join([*tables, markdown(["arm", "less the same arm without STAR", *heads], differences)])


def _told(values: pd.Series, digits: str) -> str:
    """The mean over seeds with its 95 % interval, or with the lowest and highest seed where there are too few."""
    found = statistics.over_seeds(values.to_numpy(float)[:, None])
    ends = (found.low, found.high) if np.isfinite(found.low[0]) else (found.lowest, found.highest)
    low, high = (end[0] for end in ends)
    return f"{found.mean[0]:{digits}} [{low:{digits}}, {high:{digits}}]" if np.isfinite(found.mean[0]) else ""


def picture(table: pd.DataFrame) -> Figure:
    """A panel for each drawn measure, a line for each arm by round; dashed with STAR."""
    figure = Figure(figsize=(4.2 * len(DRAWN), 3.8), layout="constrained")
    panels: list[Axes] = list(figure.subplots(1, len(DRAWN)))
    styles = looks([str(name) for name in table["arm"].unique()])
    lines = dict(zip(table["curated"].unique(), ("-", "--", ":"), strict=False))
    for axes, of in zip(panels, DRAWN, strict=True):
        for (arm, curated), rows in table.groupby(["arm", "curated"], sort=False):
            found = over_seeds(of.rows(rows))
            name = f"{arm}, {curated}" if curated else str(arm)
            axes.plot(found["x"], found["mean"], color=styles[str(arm)].colour, linestyle=lines[curated], label=name)
        dress(axes, "round", of.axis)
    one_legend(figure)
    return figure


TABLES: Tables = {study: partial(results, study) for study in STUDIES}

if __name__ == "__main__":
    if sys.argv[1:2] == ["keep"]:
        keep(sys.argv[2], Path(sys.argv[3]))
    else:
        command(PAGE, TABLES, __doc__)
        if "--write" in sys.argv:
            for study in STUDIES:
                if (kept := of_study(study)) is not None:
                    save(picture(kept), HERE / f"{study}.png")
