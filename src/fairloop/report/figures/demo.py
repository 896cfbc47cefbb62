"""What the demo shows: the loop in three measures."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from fairloop.report.figures.compared import compared
from fairloop.report.figures.look import one_legend
from fairloop.report.figures.measures import Measure

STORY = (
    Measure("accuracy", "accuracy on test data", "classifier", "test", "overall", "accuracy"),
    Measure(
        "EO difference",
        "equalized odds difference\n(0 is fair)",
        *("classifier", "test", "difference", "equalized_odds"),
    ),
    Measure("share red", "share of group red\nin generated data", "generator", "generated", "red", "group_share"),
)


def story(table: pd.DataFrame, measures: Sequence[Measure] = STORY) -> Figure:
    """The measures side by side, a line for each case, with one legend."""
    figure = Figure(figsize=(4.2 * len(measures), 3.8), layout="constrained")
    for axes, measure in zip(figure.subplots(1, len(measures), squeeze=False)[0], measures, strict=True):
        compared(measure)(table, axes)
    one_legend(figure)
    return figure
