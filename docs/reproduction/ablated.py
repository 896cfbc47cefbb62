"""Tables about the ablations."""

from __future__ import annotations

import numpy as np
import pandas as pd

from docs.reproduction.committed import runs
from fairloop.metrics.statistics import over_seeds
from fairloop.report.figures import Measure
from fairloop.report.figures.measures import over_seeds as by_generation
from fairloop.report.text import markdown

SHOWN = (
    Measure("accuracy", "accuracy on test", "classifier", "test", "overall", "accuracy"),
    Measure("accuracy, balanced", "accuracy on test balanced", "classifier", "test_balanced", "overall", "accuracy"),
    Measure("selection rate", "selection rate on test", "classifier", "test", "overall", "selection_rate"),
    Measure("DP difference", "DP difference on test", "classifier", "test", "difference", "demographic_parity"),
    Measure("EO difference", "EO difference on test", "classifier", "test", "difference", "equalized_odds"),
    Measure("share of red", "share of red, generated", "generator", "generated", "red", "group_share"),
)
ABLATIONS = {"data.green_given_label": "[0.3, 0.7]", "data.threshold": 5, "synthetic_share": 1.0}
"""The fields that are varied, one at a time, and their usual values."""
GENERATIONS = 6
"""Of the runs on full MNIST."""


def ablated(field: str) -> pd.DataFrame:
    """The runs in which no other field has another than its usual value."""
    table = runs("ablations")
    usual = [table[other] == value for other, value in ABLATIONS.items() if other != field]
    return table[np.logical_and.reduce(usual)]


def ablations() -> str:
    """What each value gives in the first and in the last generation: mean and 95 % interval over seeds."""
    parts = []
    for field in ABLATIONS:
        lines = []
        for value, rows in ablated(field).groupby(field):
            found = [by_generation(measure.rows(rows)).set_index("x") for measure in SHOWN]
            for i in (0, rows["generation"].max()):
                said = [_cell(of["mean"][i], of["low"][i], of["high"][i]) for of in found]
                lines.append([str(value), str(i), str(rows["seed"].nunique()), *said])
        parts.append(markdown([field, "gen.", "seeds", *(measure.title for measure in SHOWN)], lines))
    return "\n\n".join(parts)


def less_usual() -> str:
    """The last generation at each value less that at the usual one, paired by seed, with 95 % intervals."""
    return _differences(
        {
            f"{field} = {value}, less {usual}": (field, f"{value} last", f"{usual} last")
            for field, usual in ABLATIONS.items() for value in _values(field) if value != str(usual)
        }
    )  # fmt: skip


def less_first() -> str:
    """The last generation less the first at each value, paired by seed, with 95 % intervals."""
    return _differences(
        {
            f"{field} = {value}": (field, f"{value} last", f"{value} first")
            for field in ABLATIONS for value in _values(field)
        }
    )  # fmt: skip


def on_full_mnist() -> str:
    """The first generations of one seed at each synthetic share, with the published settings on full MNIST."""
    table, lines = runs("share-full"), []
    for share, rows in table[table["generation"] < GENERATIONS].groupby("synthetic_share"):
        found = [measure.rows(rows).set_index("generation")["value"].sort_index() for measure in SHOWN]
        for i in found[0].index:
            lines.append([str(share), str(i), *(f"{of[i]:.3f}" for of in found)])
    return markdown(["synthetic_share", "gen.", *(measure.title for measure in SHOWN)], lines)


def _values(field: str) -> list[str]:
    return sorted(set(ablated(field)[field].astype(str)))


def _differences(cases: dict[str, tuple[str, str, str]]) -> str:
    """A row for each case: a field, and two of its values, each with `first` or `last` for the generation."""
    lines = []
    for case, (field, one, other) in cases.items():
        table = ablated(field)
        ends = {table["generation"].min(): "first", table["generation"].max(): "last"}
        table = table[table["generation"].isin([*ends])]
        table = table.assign(place=table[field].astype(str) + " " + table["generation"].map(ends))
        line = [case]
        for measure in SHOWN:
            wide = measure.rows(table).pivot(index="seed", columns="place", values="value")
            found = over_seeds((wide[one] - wide[other]).to_numpy(float)[:, None])
            line.append(_cell(found.mean[0], found.low[0], found.high[0], sign="+"))
        lines.append(line)
    return markdown(["case", *(measure.title for measure in SHOWN)], lines)


def _cell(mean: float, low: float, high: float, sign: str = "") -> str:
    """The mean with its interval; with few seeds there is none."""
    interval = f" [{low:{sign}.3f}, {high:{sign}.3f}]" if np.isfinite(low) else ""
    return f"{mean:{sign}.3f}{interval}"
