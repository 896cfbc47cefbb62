"""The authors' published curves, and comparisons of runs with them.

`departures` computes the differences of means from the published means, and `curves` draws both.

`settings.csv.gz`: mean, standard deviation and 5, 50 and 95 % percentiles over seeds, by data set, setting, STAR
target, generation and metric, aggregated from the result files that accompany arXiv 2403.07857 (repository
cleverhans-lab/FairFeedbackLoops). Their shares of generated samples come from few samples per generation, so their
bands
are wide: 1,000 on ColoredMNIST and 100 on the others, as docs/reproduction/released-files.md infers from the curves.

`colored-mnist-models.csv`: mean and standard deviation of the annotators' measures and of the generators' losses on
ColoredMNIST, from the same files.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fairloop.errors import InputError
from fairloop.metrics.catalogue import LIMITS
from fairloop.metrics.statistics import expected_inside
from fairloop.report import compare
from fairloop.report.figures import PALETTE, Measure
from fairloop.report.figures.measures import of_classifier
from fairloop.spec.names import case_name

FEWEST_PUBLISHED = 3
"""Smallest number of published seeds for a verdict."""

_CELL = ["setting", "star", "metric", "generation", "seed"]


_NAMED_ALIKE = (
    "accuracy", "accuracy_difference", "selection_rate", "demographic_parity_difference", "equalized_odds_difference",
)  # fmt: skip
"""Published measures with names that audits use, too."""


@dataclass(frozen=True)
class _Counterpart:
    """fairloop's names for a published data set: its split, the names of groups 0 and 1, the name of label 1."""

    split: str
    groups: tuple[str, str]
    label: str

    def measures(self) -> Mapping[str, Measure]:
        first, second = self.groups
        named = {name: of_classifier(*LIMITS[name], self.split) for name in _NAMED_ALIKE}
        return named | {
            "accuracy_group_0": of_classifier("accuracy", first, self.split, called=f"accuracy, {first}"),
            "accuracy_group_1": of_classifier("accuracy", second, self.split, called=f"accuracy, {second}"),
            "generated_label_1_share": Measure(
                "share of label 1", "share of label 1", "generator", "generated", "overall", "label_share", self.label
            ),
            "generated_group_1_share": Measure(
                f"share of {second}", f"share of {second}", "generator", "generated", second, "group_share"
            ),
        }


_COUNTERPARTS = {"colored-mnist": _Counterpart("test", ("green", "red"), ">=5")}


def published() -> pd.DataFrame:
    """The curves: one row per data set, setting, STAR target, generation and metric."""
    return _curves().copy()


@cache
def _curves() -> pd.DataFrame:
    with (files(__name__) / "settings.csv.gz").open("rb") as packed, gzip.open(packed) as content:
        return pd.read_csv(content, keep_default_na=False, na_values=[""])


@cache
def models() -> pd.DataFrame:
    """Published values of annotators and losses on ColoredMNIST: columns mean, std, runs, by subject and measure."""
    with (files(__name__) / "colored-mnist-models.csv").open("rb") as content:
        return pd.read_csv(content).set_index(["what", "measure"])


def measures(dataset: str) -> Mapping[str, Measure]:
    """The measures published on `dataset`, by their published names. Raises InputError for a data set without any."""
    if dataset not in _COUNTERPARTS:
        raise InputError(f"--published: nothing to compare '{dataset}' with; there is {', '.join(_COUNTERPARTS)}")
    return _COUNTERPARTS[dataset].measures()


def laid_over(table: pd.DataFrame) -> pd.DataFrame:
    """Every value of `table` (the tidy table) with a published counterpart, and the published band.

    Columns: setting, star, metric, title, generation, seed, value, seeds (published), mean, std, p05, p95, outside:
    distance of the value from the band (0: inside; NaN: fewer than `FEWEST_PUBLISHED` published seeds), and expected:
    probability that a single new run from the published distribution is inside.

    Raises InputError if no published curve fits these runs.
    """
    compare.alone_in_its_case(table.assign(case=table["setting"].astype(str) + ", " + table["star"].astype(str)))
    found = []
    curves = published()
    for dataset, rows in table.groupby("dataset", observed=True):
        for name, measure in measures(str(dataset)).items():
            ours = _rows(measure, rows)[["setting", "star", "generation", "seed", "value"]]
            theirs = curves[(curves["dataset"] == dataset) & (curves["metric"] == name)]
            theirs = theirs[["setting", "star", "generation", "seeds", "mean", "std", "p05", "p95"]]
            both = ours.merge(theirs, on=["setting", "star", "generation"])
            found.append(both.assign(metric=name, title=measure.title))
    cells = pd.concat(found, ignore_index=True)
    if cells.empty:
        raise InputError("--published: nothing was published for the settings and STAR targets of these runs")
    below, above = cells["p05"] - cells["value"], cells["value"] - cells["p95"]
    outside = np.maximum(below, above).clip(0.0)
    cells["expected"] = [expected_inside(int(seeds)) for seeds in cells["seeds"]]
    cells["outside"] = np.where(cells["seeds"] >= FEWEST_PUBLISHED, outside, np.nan)
    return cells.sort_values(_CELL, kind="stable").reset_index(drop=True)


def _rows(measure: Measure, table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a published measure. Published labels of samples are of `A_L`, but in SeqClass of the labeller."""
    if measure.metric != "label_share":
        return measure.rows(table)
    by_labeller, sequential = replace(measure, metric="label_share_by_labeller"), table["setting"] == "seqclass"
    return pd.concat([measure.rows(table[~sequential]), by_labeller.rows(table[sequential])])


def verdicts(cells: pd.DataFrame) -> pd.DataFrame:
    """For each curve of `laid_over`: cells, cells inside their band, their share, and the distance of the others.

    expected: the expected share. Cells of one run depend on each other, so the comparison is not a test.
    """
    known = cells.dropna(subset=["outside"])
    by_curve = known.groupby(["setting", "star", "metric", "title"], sort=True, observed=True)
    found = pd.DataFrame(
        {
            "cells": by_curve.size(),
            "inside": by_curve["outside"].agg(lambda outside: int((outside == 0).sum())),
            "farthest": by_curve["outside"].max(),
            "expected": by_curve["expected"].mean(),
        }
    ).reset_index()
    return found.assign(share=found["inside"] / found["cells"])


def overlay(cells: pd.DataFrame, metrics: Sequence[str]) -> Figure:
    """The runs, with a marker per seed, over the published mean and band. Rows: setting and STAR target; columns:
    metrics.
    """
    curves = list(cells.groupby(["setting", "star"], sort=False, observed=True))
    few, many = cells["seeds"].min(), cells["seeds"].max()
    band = f"published, 5 and 95 % quantiles of {few if few == many else f'{few} to {many}'} seeds"
    figure = Figure(figsize=(2.6 * len(metrics), 0.5 + 2.0 * len(curves)), layout="constrained")
    grid = figure.subplots(len(curves), len(metrics), squeeze=False, sharex=True)
    for axes_of_case, ((setting, star), rows) in zip(grid, curves, strict=True):
        for axes, metric in zip(axes_of_case, metrics, strict=True):
            mine = rows[rows["metric"] == metric]
            theirs = mine.drop_duplicates("generation").sort_values("generation")
            axes.fill_between(theirs["generation"], theirs["p05"], theirs["p95"], color="0.85", label=band)
            axes.plot(theirs["generation"], theirs["mean"], color="0.35", linestyle="--", label="published mean")
            for (seed, values), colour, marker in zip(mine.groupby("seed"), cycle(PALETTE), cycle("os^D")):
                axes.plot(
                    values["generation"], values["value"], color=colour, marker=marker, markersize=5,
                    label=f"ours, seed {seed}",
                )  # fmt: skip
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.spines[["top", "right"]].set_visible(False)
            axes.set_title(mine["title"].iloc[0] if len(mine) else metric, fontsize=9)
        axes_of_case[0].set_ylabel(case_name(str(setting), str(star)).replace(" + ", "\n+ "), fontsize=9)
    for axes in grid[-1]:
        axes.set_xlabel("generation")
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    return figure
