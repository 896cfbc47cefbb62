"""Small curves beside each other: each case in a row, each measure that matters most in a column. Drawn as SVG."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from fairloop.report import compare
from fairloop.report.figures import Measure
from fairloop.report.summary import Headline, number

WIDTH, HEIGHT, MARGIN = 132, 36, 4


class Spark(NamedTuple):
    """A small curve in a box of WIDTH x HEIGHT. line, band: SVG paths. x, y: its last point. words: what it shows."""

    line: str
    band: str
    x: float
    y: float
    first: str
    last: str
    words: str


def sparks(head: Headline) -> dict[str, list[Spark | None]]:
    """For each case a curve for each measure, on one scale a measure; None where a case has no value."""
    cases = compare.case_names(head.table)
    columns = [_column(head.table, measure, cases) for measure in head.measures]
    return {case: [column.get(case) for column in columns] for case in cases}


def _column(table: pd.DataFrame, measure: Measure, cases: list[str]) -> dict[str, Spark]:
    rows = measure.rows(table).dropna(subset=["value"])
    curves = {case: _over_seeds(rows[rows["case"] == case]) for case in cases if case in set(rows["case"])}
    if not curves:
        return {}
    drawn = pd.concat(curves.values())
    low, high = drawn[["mean", "low"]].min().min(), drawn[["mean", "high"]].max().max()
    scale = max(high - low, 0.02)  # of what hardly moves, the noise is not blown up
    left, right = table["generation"].min(), max(table["generation"].max(), 1)

    def place(curve: pd.DataFrame, column: str) -> list[tuple[float, float]]:
        x = MARGIN + (curve.index.to_numpy() - left) / (right - left or 1) * (WIDTH - 2 * MARGIN)
        y = HEIGHT - MARGIN - (curve[column].to_numpy() - low) / scale * (HEIGHT - 2 * MARGIN)
        return [(round(float(a), 1), round(float(b), 1)) for a, b in zip(x, y, strict=True)]

    found = {}
    for case, curve in curves.items():
        points, known = place(curve, "mean"), curve.dropna()
        band = [*place(known, "low"), *reversed(place(known, "high"))]
        first, last = (number(curve["mean"].iloc[end]) for end in (0, -1))
        words = f"{measure.title} in {case}: {first} at generation {curve.index[0]}, {last} at {curve.index[-1]}"
        found[case] = Spark(_path(points), _path(band), *points[-1], first, last, words)
    return found


def _over_seeds(rows: pd.DataFrame) -> pd.DataFrame:
    """By generation: mean over seeds, and low and high of its interval."""
    by_seed = rows.pivot(index="seed", columns="generation", values="value")
    low, high = compare.intervals(by_seed.to_numpy(), np.random.default_rng(0), 2_000)
    return pd.DataFrame({"mean": by_seed.mean(), "low": low, "high": high})


def _path(points: list[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x} {y}" for x, y in points) if points else ""
