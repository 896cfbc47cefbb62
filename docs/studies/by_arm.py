"""Studies whose arms are compared by seed: kept rows, tables of the last generation, and a figure for each study."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
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
KEPT = ["run", "seed", "generation", "role", "split", "label", "group", "metric", "value", "arm", "curated"]


@dataclass(frozen=True)
class Study:
    """A study and the way in which its page shows it.

    name: of the sweep preset, less `study-`. arm_of: the name of a run's arm without STAR, from the run's fields.
    order: of the arms. shown: the columns of the tables. drawn: the panels of the figure. unit: of the figure's x axis.
    """

    name: str
    arm_of: Callable[[Mapping[str, Any]], str]
    order: tuple[str, ...]
    shown: tuple[Measure, ...]
    drawn: tuple[Measure, ...]
    unit: str

    def keep(self, sweep: Path) -> None:
        """Keep the rows that the page needs, with the name of each run's arm, of seeds whose runs are all complete."""
        table = gathered([sweep])
        needed = pd.concat([of.rows(table) for of in dict.fromkeys((*self.shown, *self.drawn))])
        runs = table.drop_duplicates("run").set_index("run").to_dict("index")
        arms = {run: self.arm_of(fields) for run, fields in runs.items()}
        stars = {run: star_of(fields) for run, fields in runs.items()}
        needed = needed.assign(arm=needed["run"].map(arms), curated=needed["run"].map(stars))
        cases = len(needed.groupby(["arm", "curated"]))
        whole = needed[needed["generation"] == needed["generation"].max()].groupby("seed")["run"].nunique() == cases
        needed = needed[needed["seed"].map(whole).fillna(False).astype(bool)]
        needed[KEPT].to_parquet(self._path, index=False, compression="zstd")

    @property
    def _path(self) -> Path:
        return HERE / f"{self.name}.parquet"

    @cached_property
    def table(self) -> pd.DataFrame | None:
        """The kept rows; None before the study has run."""
        if not self._path.is_file():
            return None
        table = pd.read_parquet(self._path)
        return table.assign(place=table["arm"].map(self.order.index)).sort_values(["place", "curated"], kind="stable")

    def results(self) -> str:
        """Values of each arm in the last generation, and differences of STAR to the same arm without it, by seed."""
        if self.table is None:
            return "*Not run yet.*"
        last = self.table[self.table["generation"] == self.table["generation"].max()]
        heads = [of.title for of in self.shown]
        values, differences = [], []
        for (arm, curated), rows in last.groupby(["arm", "curated"], sort=False):
            found = self._by_seed(rows)
            values.append([str(arm), str(curated), *(told(one, ".3f") for one in found)])
            if curated:
                before = self._by_seed(last[(last["arm"] == arm) & (last["curated"] == "")])
                less = [told(one - other, "+.3f") for one, other in zip(found, before, strict=True)]
                differences.append([str(arm), str(curated), *less])
        tables = [markdown(["arm", "STAR", *heads], values)]
        return "\n\n".join([*tables, markdown(["arm", "less the same arm without STAR", *heads], differences)])

    def _by_seed(self, rows: pd.DataFrame) -> list[pd.Series]:
        return [of.rows(rows).set_index("seed")["value"] for of in self.shown]

    def picture(self, table: pd.DataFrame) -> Figure:
        """A panel for each drawn measure, a line for each arm; dashed with STAR."""
        figure = Figure(figsize=(4.2 * len(self.drawn), 3.8), layout="constrained")
        panels: list[Axes] = list(figure.subplots(1, len(self.drawn)))
        styles = looks([str(name) for name in table["arm"].unique()])
        lines = dict(zip(table["curated"].unique(), ("-", "--", ":"), strict=False))
        for axes, of in zip(panels, self.drawn, strict=True):
            for (arm, curated), rows in table.groupby(["arm", "curated"], sort=False):
                found = over_seeds(of.rows(rows))
                name = f"{arm}, {curated}" if curated else str(arm)
                axes.plot(
                    found["x"], found["mean"], color=styles[str(arm)].colour, linestyle=lines[curated], label=name
                )
            dress(axes, self.unit, of.axis)
        one_legend(figure)
        return figure


def star_of(run: Mapping[str, Any]) -> str:
    """STAR in a run's name: empty without it."""
    if run["star"] == "none":
        return ""
    return f"STAR, {run['star.ideal']}" if "star.ideal" in run else "STAR"


def told(values: pd.Series, digits: str) -> str:
    """The mean over seeds with its 95 % interval, or with the lowest and highest seed where there are too few."""
    found = statistics.over_seeds(values.to_numpy(float)[:, None])
    ends = (found.low, found.high) if np.isfinite(found.low[0]) else (found.lowest, found.highest)
    low, high = (end[0] for end in ends)
    return f"{found.mean[0]:{digits}} [{low:{digits}}, {high:{digits}}]" if np.isfinite(found.mean[0]) else ""


def tables_of(studies: Mapping[str, Study]) -> Tables:
    """The tables of a page, by name."""
    return {name: study.results for name, study in studies.items()}


def main(page: Path, studies: Mapping[str, Study], usage: str | None) -> None:
    """Keep a study's rows, or print or write the tables of the page, and draw its figures."""
    if sys.argv[1:2] == ["keep"]:
        studies[sys.argv[2]].keep(Path(sys.argv[3]))
        return
    command(page, tables_of(studies), usage)
    if "--write" in sys.argv:
        for study in studies.values():
            if study.table is not None:
                save(study.picture(study.table), HERE / f"{study.name}.png")
