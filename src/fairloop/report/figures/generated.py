"""The samples of one case's generators, and their training."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from fairloop.report.figures.lines import Lines, each, each_group
from fairloop.report.figures.measures import Measure, axis, labels, spread

MOST_LOSSES = 6
"""Largest number of generations in the figure of losses."""


def _losses(table: pd.DataFrame, split: str) -> Iterator[tuple[str, pd.DataFrame]]:
    rows = table[(table["role"] == "generator") & (table["metric"] == "loss")]
    for generation in spread(sorted(rows["generation"].unique()), MOST_LOSSES):
        yield f"generation {generation}", rows[rows["generation"] == generation]


group_share = Lines(
    "Share of each group in generated data",
    axis("group_share", "group", "share of generated samples, by A_S"),
    each_group("group_share", "generator", "generated"),
    marked=(0.0,),
)
label_share = Lines(
    "Share of each label in generated data",
    axis("label_share", "label", "share of generated samples, by A_L"),
    each(
        lambda table, split: [
            Measure(name, name, "generator", "generated", "overall", "label_share", name) for name in labels(table)
        ]
    ),
    marked=(0.0,),
)
group_confidence = Lines(
    "Confidence of the group annotator A_S in generated data",
    axis("group_confidence", "group", "mean margin of A_S, from .5 on"),
    each_group("group_confidence", "generator", "generated"),
    marked=(1.0,),
)
generator_loss = Lines(
    "Loss of the generators while they train",
    "loss of the generator\n(mean over an epoch's batches)",
    _losses,
    x="epoch",
    ordered=True,
)
