"""The committed rows of the studies: the names of arms, and differences between arms, paired by seed."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fairloop.metrics.statistics import over_seeds
from fairloop.report import compare
from fairloop.report.figures import study_arms
from fairloop.report.figures.measures import Measure
from fairloop.report.table import gathered

HERE = Path(__file__).parent

USUAL = {
    "accumulate": "replace",
    "verify": "no curation",
    "contamination": "classifiers: 100% real people",
    "baselines": "no curation",
    "budget": "no STAR",
    "fresh": "generators: 0% real people, fixed people, temperature 1",
    "subgroups": "P(green | label) [0.3, 0.7]",
    "finetune": "generators: 0% real people, from scratch",
    "best-of": "no curation",
    "detector": "no curation",
    "leaving": "0% of labels by people, all return",
    "strong-collapse": "classifiers: 100% real people, 2375 people",
    "generators": "usual",
}
"""The studies, and with which of its arms, without STAR, others are compared."""

_GENERATORS = {
    "generator.arguments.hidden=128, widths [16, 32, 64], 8 epochs, 20 in G_0": "usual",
    "generator.arguments.hidden=128, widths [16, 32, 64], 12 epochs, 30 in G_0": "1.5 times the epochs",
    "generator.arguments.hidden=192, widths [24, 48, 96], 8 epochs, 20 in G_0": "1.5 times the widths",
}

Place = tuple[str, int]
"""An arm, by its name in the tables, and a generation."""


class Interval(NamedTuple):
    """A mean over seeds with its 95 % interval, which is NaN where the seeds are too few for one."""

    mean: float
    low: float
    high: float
    seeds: int

    def __str__(self) -> str:
        within = f" [{_end(self.low)}, {_end(self.high)}]" if np.isfinite(self.low) else f" ({self.seeds} seeds)"
        return f"{self.mean:+.3f}{within}"


def _end(value: float) -> str:
    """Three decimals, and one digit that is not 0 for an end so near to 0 that its side could not be seen."""
    return f"{value:+.1g}" if 1e-9 < abs(value) < 5e-4 else f"{value:+.3f}"


@cache
def read(name: str) -> pd.DataFrame:
    """The rows of NAME.parquet, with the columns `arm`, `with_star` and `named`, both in one name.

    The usual arm comes first, then by the fields in which arms differ; without STAR before with it.
    """
    table = gathered([HERE / f"{name}.parquet"])
    fields = compare.further_fields(table)
    arm = study_arms.arms(table).map(lambda of: called(name, of))
    star = table["star"] != "none"
    named = [with_star(of, has) for of, has in zip(arm, star, strict=True)]
    table = table.assign(arm=arm, named=named, other=arm != USUAL.get(name), with_star=star)
    return table.sort_values(["other", *fields, "with_star"], kind="stable")


def last(table: pd.DataFrame) -> int:
    """The last generation."""
    return int(table["generation"].max())


def place(text: str, end: int) -> Place:
    """`NAME @2` as an arm and a generation; `@end` is generation `end`."""
    name, _, generation = text.rpartition(" @")
    return name, end if generation == "end" else int(generation)


def by_place(table: pd.DataFrame, measure: Measure) -> pd.DataFrame:
    """A row for each seed, a column for each arm and generation."""
    return measure.rows(table).pivot(index="seed", columns=["named", "generation"], values="value")


def interval(values: NDArray[np.float64]) -> Interval:
    """Student's interval of the mean of one value for each seed."""
    found = over_seeds(values[:, None])
    mean, low, high = (float(of[0]) for of in (found.mean, found.low, found.high))
    return Interval(mean, low, high, int(found.seeds[0]))


def difference(wide: pd.DataFrame, one: Place, other: Place) -> pd.Series | None:
    """`one` less `other` in each seed; None if one of them was not recorded."""
    return wide[one] - wide[other] if {one, other} <= {*wide.columns} else None


def called(name: str, arm: str) -> str:
    """The name of an arm of study `name` in its tables."""
    return _GENERATORS.get(arm, arm) if name == "generators" else arm


def with_star(arm: str, has: bool) -> str:
    """The name of an arm with STAR or without; a budget names an arm with STAR."""
    return f"{arm}, STAR" if has and not arm.startswith("budget") else arm
