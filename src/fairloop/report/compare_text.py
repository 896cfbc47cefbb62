"""The output of `fairloop compare`: tables, text and files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
import pandas as pd
from rich.console import Console

from fairloop._util.escape import for_terminal, frame_for_csv
from fairloop._util.files import replacing
from fairloop.errors import InputError
from fairloop.metrics import statistics
from fairloop.report import compare
from fairloop.report import published as paper
from fairloop.report.figures import Measure, save
from fairloop.report.text import Format
from fairloop.report.text import show as show_table
from fairloop.spec.names import case_name

SPLITS = ("valid", "test", "test_balanced", "true", "observed")
SHOWN = (
    "accuracy", "demographic_parity_difference", "equalized_odds_difference", "generated_label_1_share",
    "generated_group_1_share",
)  # fmt: skip
"""The published metrics that the figure shows."""


@dataclass(frozen=True)
class Wishes:
    """The options of the command. Raises InputError for a wrong option."""

    against: str | None
    split: str
    published: bool
    style: str
    out: Path | None
    figure: Path | None
    accuracy_below: float = compare.ACCURACY_BELOW
    share_below: float = compare.SHARE_BELOW
    minoritized: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise InputError(f"--split {self.split}: is not one of {', '.join(SPLITS)}")
        if self.style not in get_args(Format):
            raise InputError(f"--format {self.style}: is not one of {', '.join(get_args(Format))}")
        if self.out is not None and self.out.suffix != ".csv":
            raise InputError(f"--out: {self.out} does not end in .csv")
        if self.figure is not None and self.figure.suffix not in (".png", ".svg", ".pdf"):
            raise InputError(f"--figure: {self.figure} does not end in one of .png, .svg, .pdf")
        if self.figure is not None and not self.published:
            raise InputError("--figure: needs --published")
        for option, limit in (("accuracy", self.accuracy_below), ("share", self.share_below)):
            if not 0 < limit < 1:
                raise InputError(f"--{option}-below {limit:g}: does not lie between 0 and 1")


def show(table: pd.DataFrame, wishes: Wishes, console: Console) -> pd.DataFrame:
    """Print the comparison of the tidy `table`, and write the requested files. Returns every value behind it."""
    if table.empty:
        raise InputError("compare: no generation is recorded yet")
    found = _with_paper(table, wishes, console) if wishes.published else _with_each_other(table, wishes, console)
    if wishes.out is not None:
        with replacing(wishes.out) as temporary:
            frame_for_csv(found).to_csv(temporary, index=False)
    return found


def _with_each_other(table: pd.DataFrame, wishes: Wishes, console: Console) -> pd.DataFrame:
    groups = compare.minoritized(table, wishes.minoritized)
    split = compare.split_in(table, wishes.split) or wishes.split
    measures = compare.fairness(split)
    order = compare.case_names(compare.cased(table))
    found = _in_order(compare.differences(table, measures, wishes.against), order)
    base = found["against"].iloc[0]
    rows = []
    for (case, generation), cells in found.groupby(["case", "generation"], sort=False):
        by_measure = {row["measure"]: row for row in cells.to_dict("records")}
        values = [difference(by_measure.get(measure.title)) for measure in measures]
        rows.append([str(case), str(generation), str(int(cells["of"].max())), *values])
    _show(["case", "gen.", "seeds", *(measure.title for measure in measures)], rows, wishes, console)
    _say(
        f"Each case less '{base}', split {split}, mean over seeds that both have. {_on_intervals(found)}",
        console,
    )
    table = compare.with_minoritized(table, groups)
    share = [compare.minoritized_share(groups)] if groups else []
    _say_undefined(table, [*measures, *share], console)
    _show_needed(found, measures, wishes, console)
    _show_departures(table, order, base, [*measures, *share], wishes, console)
    _show_collapses(table, order, measures[0], share, wishes, console)
    return found


def _on_intervals(found: pd.DataFrame) -> str:
    kinds = {statistics.shown(seeds) for seeds in found["seeds"]}
    few = f"fewer than {statistics.FEWEST_SEEDS} seeds"
    said = []
    if "interval" in kinds:
        said.append(
            "In square brackets a 95 % interval of the mean (Student's t), of each cell alone. Where it holds 0, the "
            "difference is not distinguishable from none."
        )
    if "spread" in kinds:
        said.append(f"In round brackets the lowest and the highest seed's difference: {few} have no interval.")
    if "interval" not in kinds:
        bare = "" if "spread" in kinds else f"{few.capitalize()} have no interval. "
        said.append(f"{bare}Without one no difference is distinguishable from none.")
    return " ".join(said)


def _show_needed(found: pd.DataFrame, measures: Sequence[Measure], wishes: Wishes, console: Console) -> None:
    """Print, for the last generation, which differences are distinguishable, and the seeds needed for the others."""
    ends = compare.at_the_end(found)
    if ends["seeds"].max() < 2:
        _say("\nOne seed cannot tell how many would show such a difference.", console)
        return
    rows = []
    for (case, generation), cells in ends.groupby(["case", "generation"], sort=False):
        by_measure = {row["measure"]: row for row in cells.to_dict("records")}
        rows.append([str(case), str(generation), *(_needed(by_measure.get(measure.title)) for measure in measures)])
    _say(
        "\nIs the difference distinguishable from none? If not, about how many seeds would show one of its size?",
        console,
    )
    _show(["case", "gen.", *(measure.title for measure in measures)], rows, wishes, console)
    if judged := int(ends["low"].notna().sum()):
        _say(
            f"yes: its 95 % interval holds no 0. Each of {judged} cells is a verdict of its own at the 5 % level: "
            f"without any difference about {statistics.by_chance(judged)} would say yes.",
            console,
        )
    _say(
        "Seeds: the fewest n at which a paired t test, two-sided at 5 %, has a power of 80 %, if the true "
        "difference is as found here, d = |mean| / standard deviation of the paired differences: P(|T| > t(.975, n "
        "- 1)) >= .8, where T is noncentral t with n - 1 degrees of freedom and noncentrality d sqrt(n). At least "
        f"{statistics.FEWEST_SEEDS}, from which on there is an interval. Undefined with one seed, without spread, or "
        "for a difference of 0.",
        console,
    )


def _needed(row: dict[Any, Any] | None) -> str:
    if row is None:
        return "undefined"
    if compare.is_clear(row):
        return "yes"
    if np.isnan(row["seeds_needed"]):
        return "no; undefined"
    if np.isinf(row["seeds_needed"]):
        return f"no; more than {statistics.MOST_NEEDED:,} seeds"
    return f"no; about {max(row['seeds_needed'], statistics.FEWEST_SEEDS):.0f} seeds"


def _in_order(found: pd.DataFrame, cases: Sequence[str]) -> pd.DataFrame:
    return found.sort_values("case", key=lambda names: names.map(cases.index), kind="stable")


def _say_undefined(table: pd.DataFrame, measures: Sequence[Measure], console: Console) -> None:
    for case, rows in compare.undefined(table, measures).groupby("case", sort=False):
        _say(f"Undefined in '{case}', and left out there: {compare.said_undefined(rows)}.", console)


def _show_departures(
    table: pd.DataFrame,
    order: Sequence[str],
    base: str,
    measures: Sequence[Measure],
    wishes: Wishes,
    console: Console,
) -> None:
    found = _in_order(compare.departures(table, measures, base), order)
    if not (found["seeds"] > 0).any():
        _say(f"\nSince when a measure differs is not told: {statistics.no_band(int(found['most'].max()))}.", console)
        return
    rows = []
    reached = compare.cased(table).groupby("case")["generation"].max()
    for (case, band), cells in found.groupby(["case", "band"], sort=False):
        by_measure = {row["measure"]: row for row in cells.to_dict("records")}
        of, end = (
            ("own, gen. 0", reached[str(case)])
            if band == "own"
            else ("the other's", min(reached[str(case)], reached[base]))
        )
        rows.append([str(case), of, *(_departure(by_measure.get(measure.title), end) for measure in measures)])
    judged = int((found["seeds"] > 0).sum())
    _say("\nFirst generation in which the mean over seeds is outside a band", console)
    _show(["case", "band", *(measure.title for measure in measures)], rows, wishes, console)
    _say(
        "A band lies around no difference, paired by seed: from the case itself at generation 0, or from the other "
        f"case ('{base}') at the same generation. It is simultaneous: if there is no difference, it is left at any "
        f"generation in at most 5 % of studies (signs flipped by seed). Each of the {judged} judged cells is a "
        f"verdict of its own at this level: without any difference about {statistics.by_chance(judged)} of them "
        "would name a generation. Where later generations have too few seeds, the last judged one is said.",
        console,
    )


def _departure(row: dict[Any, Any] | None, end: int) -> str:
    """The generation of leaving the band, and the last judged generation if it is not `end`."""
    if row is None or not row["seeds"]:
        return f"no band, {row['most']} seeds" if row and row["most"] else "no band"
    judged = f" (judged to {row['last']})" if row["last"] < end else ""
    if pd.isna(row["left"]):
        return f"never{judged}"
    if pd.isna(row["stays"]):
        return f"{row['left']}, then back{judged}"
    if row["left"] == row["stays"]:
        return f"{row['left']}{judged}"
    return f"{row['left']}, again from {row['stays']}{judged}"


def _show_collapses(
    table: pd.DataFrame,
    order: Sequence[str],
    accuracy: Measure,
    share: Sequence[Measure],
    wishes: Wishes,
    console: Console,
) -> None:
    limits = [(accuracy, wishes.accuracy_below), *((measure, wishes.share_below) for measure in share)]
    found = [compare.collapses(table, measure, below) for measure, below in limits]
    names = [name for name in order if any(name in runs["case"].values for runs in found)]
    rows = [[name, *(compare.typical_collapse(runs[runs["case"] == name]) for runs in found)] for name in names]
    _say("\nTime to collapse: the first generation below a limit", console)
    _show(["case", *(f"{measure.title} below {below:g}" for measure, below in limits)], rows, wishes, console)
    _say("The median over seeds; in brackets the range.", console)


def _show(header: Sequence[str], rows: Sequence[Sequence[str]], wishes: Wishes, console: Console) -> None:
    show_table(header, rows, cast(Format, wishes.style), console, grouped=True)


def difference(row: dict[Any, Any] | None) -> str:
    """A row of `compare.differences` as a cell, with its interval or its spread over seeds."""
    if row is None:
        return "undefined"
    kind = statistics.shown(row["seeds"])
    about = f" [{row['low']:+.3f}, {row['high']:+.3f}]" if kind == "interval" else ""
    about += f" ({row['lowest']:+.3f} to {row['highest']:+.3f})" if kind == "spread" else ""
    some = f", {row['seeds']} of {row['of']} seeds" if row["seeds"] < row["of"] else ""
    return f"{row['difference']:+.3f}{about}{some}"


def _with_paper(table: pd.DataFrame, wishes: Wishes, console: Console) -> pd.DataFrame:
    cells = paper.laid_over(table)
    rows = [
        [
            case_name(row["setting"], row["star"]),
            row["title"],
            f"{row['inside']} of {row['cells']}",
            f"{row['share']:.0%}",
            f"{row['expected']:.0%}",
            f"{row['farthest']:.3f}" if row["farthest"] else "",
        ]
        for row in paper.verdicts(cells).to_dict("records")
    ]
    _show(["curve", "measure", "cells inside", "share", "expected", "farthest outside"], rows, wishes, console)
    if gone := int(cells["value"].isna().sum()):
        _say(f"{gone} of {len(cells)} cells are undefined in these runs, and are left out.", console)
    known = cells.dropna(subset=["outside"])
    if known.empty:
        raise InputError(f"--published: fewer than {paper.FEWEST_SEEDS} seeds were published of these generations")
    inside, seeds, last = (known["outside"] == 0), cells["seed"].nunique(), cells["generation"].max()
    few, many = known["seeds"].min(), known["seeds"].max()
    _say(
        f"{inside.sum()} of {len(known)} cells lie between the published 5 and 95 % quantiles ({inside.mean():.0%}; "
        f"{known['expected'].mean():.0%} would be expected). A cell is one seed's value of one measure at one "
        f"generation; here {seeds} seed{'s' if seeds > 1 else ''}, generations 0 to {last}. Expected: of single new "
        "runs that are drawn as the published ones, of normal values; less than 90 %, since the quantiles are "
        f"estimated from {few if few == many else f'{few} to {many}'} seeds. Cells of a run depend on each other, so "
        "it is not a test.",
        console,
    )
    if wishes.figure is not None:
        save(paper.overlay(cells, SHOWN), wishes.figure)
    return cells


def _say(words: str, console: Console) -> None:
    console.print(for_terminal(words), highlight=False, markup=False)
