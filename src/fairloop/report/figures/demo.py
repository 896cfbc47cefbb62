"""The picture of the demo: three measures of the loop side by side."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from fairloop.report.figures.compared import compared
from fairloop.report.figures.measures import Measure, of_classifier
from fairloop.report.figures.style import one_legend

MEASURES = (
    of_classifier("accuracy"),
    of_classifier("equalized_odds", "difference"),
    Measure("share red", "share of group red\nin generated data", "generator", "generated", "red", "group_share"),
)


def draw(table: pd.DataFrame, measures: Sequence[Measure] = MEASURES) -> Figure:
    """The measures side by side, a line for each case, with one legend.

    >>> from fairloop import preset, simulate, table_of
    >>> from fairloop.report.figures.measures import of_classifier
    >>> spec = preset("lending", generations=2, people={"arrivals": 50})
    >>> figure = draw(table_of(spec, simulate(spec)), [of_classifier("accuracy", split="true")])
    >>> len(figure.axes)
    1
    """
    figure = Figure(figsize=(4.2 * len(measures), 3.8), layout="constrained")
    for axes, measure in zip(figure.subplots(1, len(measures), squeeze=False)[0], measures, strict=True):
        compared(measure)(table, axes)
    one_legend(figure)
    return figure
