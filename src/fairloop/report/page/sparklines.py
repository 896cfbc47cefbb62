"""Small curves in a table, as SVG: a row for each case, and a column for each headline measure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from fairloop.report import compare
from fairloop.report.figures import Measure
from fairloop.report.figures.measures import over_seeds
from fairloop.report.summary import Headline, number

WIDTH, HEIGHT, MARGIN = 132, 36, 4


class Spark(NamedTuple):
    """A small curve in a box of WIDTH x HEIGHT.

    x, y: its last point. first, last: first and last values. some: number of seeds
    with a defined last value, if not all. words: its content, for readers who cannot see it.

    SVG paths: line, of the mean; band, of its interval; bars, of the spread without an interval.
    """

    line: str
    band: str
    bars: str
    x: float
    y: float
    first: str
    last: str
    some: str
    words: str


def sparks(head: Headline) -> dict[str, list[Spark | None]]:
    """For each case a curve for each measure, with one scale per measure; None for a case without values."""
    cases = compare.case_names(head.table)
    columns = [_column(head.table, measure, cases) for measure in head.measures]
    return {case: [column.get(case) for column in columns] for case in cases}


def _column(table: pd.DataFrame, measure: Measure, cases: list[str]) -> dict[str, Spark]:
    rows = measure.rows(table)
    curves = {case: over_seeds(of).dropna(subset=["mean"]) for case in cases if len(of := rows[rows["case"] == case])}
    curves = {case: curve for case, curve in curves.items() if len(curve)}
    if not curves:
        return {}
    drawn = pd.concat(curves.values())[["mean", "low", "high", "lowest", "highest"]]
    low, high = drawn.min().min(), drawn.max().max()
    scale = max(high - low, 0.02)  # does not magnify the noise of a flat curve
    left, right = table["generation"].min(), max(table["generation"].max(), 1)

    def place(curve: pd.DataFrame, column: str) -> list[tuple[float, float]]:
        x = MARGIN + (curve["x"].to_numpy() - left) / (right - left or 1) * (WIDTH - 2 * MARGIN)
        y = HEIGHT - MARGIN - (curve[column].to_numpy() - low) / scale * (HEIGHT - 2 * MARGIN)
        return [(round(float(a), 1), round(float(b), 1)) for a, b in zip(x, y, strict=True)]

    found = {}
    for case, curve in curves.items():
        points = place(curve, "mean")
        sure, spread = curve.dropna(subset=["low"]), curve.dropna(subset=["lowest"])
        band = [*place(sure, "low"), *reversed(place(sure, "high"))]
        bars = "".join(map(_path, zip(place(spread, "lowest"), place(spread, "highest"), strict=True)))
        (first, start, _), (last, end, some) = _at(curve, 0), _at(curve, -1)
        words = f"{measure.title} in {case}: {first} at generation {start}, {last} at {end}{some and f', in {some}'}"
        found[case] = Spark(_path(points), _path(band), bars, *points[-1], first, last, some, words)
    return found


def _at(curve: pd.DataFrame, place: int) -> tuple[str, int, str]:
    """The mean, the generation, and the number of seeds with a value, if not all."""
    row = curve.iloc[place]
    some = f"{row['seeds']:.0f} of {row['seeds'] + row['absent']:.0f} seeds" if row["absent"] else ""
    return number(row["mean"]), int(row["x"]), some


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x} {y}" for x, y in points) if points else ""
