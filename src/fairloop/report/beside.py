"""What `fairloop compare` prints, and the files that it writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
import pandas as pd
from rich.console import Console

from fairloop.errors import InputError
from fairloop.escape import for_terminal, frame_for_csv
from fairloop.report import compare
from fairloop.report import published as paper
from fairloop.report.figures import Measure, save
from fairloop.report.text import Format
from fairloop.report.text import show as show_table
from fairloop.store.files import replacing

SPLITS = ("valid", "test", "test_balanced")
SHOWN = (
    "accuracy", "demographic_parity_difference", "equalized_odds_difference", "generated_label_1_share",
    "generated_group_1_share",
)  # fmt: skip
"""The published metrics that the figure shows."""


@dataclass(frozen=True)
class Wishes:
    """What was asked for, as the command's options say it. Raises InputError for what cannot be."""

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
            raise InputError(f"--split {self.split}: is none of {', '.join(SPLITS)}")
        if self.style not in get_args(Format):
            raise InputError(f"--format {self.style}: is none of {', '.join(get_args(Format))}")
        if self.out is not None and self.out.suffix != ".csv":
            raise InputError(f"--out: {self.out} does not end in .csv")
        if self.figure is not None and self.figure.suffix not in (".png", ".svg", ".pdf"):
            raise InputError(f"--figure: {self.figure} ends in none of .png, .svg, .pdf")
        if self.figure is not None and not self.published:
            raise InputError("--figure: is drawn with --published only")
        for option, limit in (("accuracy", self.accuracy_below), ("share", self.share_below)):
            if not 0 < limit < 1:
                raise InputError(f"--{option}-below {limit:g}: does not lie between 0 and 1")


def show(table: pd.DataFrame, wishes: Wishes, console: Console) -> None:
    """Print the comparison of the tidy `table`, and write what was wished for."""
    if table.empty:
        raise InputError("compare: no generation is recorded yet")
    found = _with_paper(table, wishes, console) if wishes.published else _with_each_other(table, wishes, console)
    if wishes.out is not None:
        with replacing(wishes.out) as temporary:
            frame_for_csv(found).to_csv(temporary, index=False)


def _with_each_other(table: pd.DataFrame, wishes: Wishes, console: Console) -> pd.DataFrame:
    groups = compare.minoritized(table, wishes.minoritized)
    measures = compare.fairness(wishes.split)
    order = compare.case_names(compare.cased(table))
    found = _in_order(compare.differences(table, measures, wishes.against), order)
    base = found["against"].iloc[0]
    rows = []
    for (case, generation), cells in found.groupby(["case", "generation"], sort=False):
        by_measure = {row["measure"]: row for row in cells.to_dict("records")}
        values = [_difference(by_measure.get(measure.title)) for measure in measures]
        rows.append([str(case), str(generation), str(int(cells["seeds"].min())), *values])
    _show(["case", "gen.", "seeds", *(measure.title for measure in measures)], rows, wishes, console)
    _say(
        f"Each case less '{base}', split {wishes.split}, mean over seeds that both have. {_on_intervals(found)}",
        console,
    )
    table = compare.with_minoritized(table, groups)
    share = [compare.minoritized_share(groups)] if groups else []
    _say_undefined(table, [*measures, *share], console)
    _show_departures(table, order, base, [*measures, *share], wishes, console)
    _show_collapses(table, order, measures[0], share, wishes, console)
    return found


def _on_intervals(found: pd.DataFrame) -> str:
    if found["low"].isna().all():
        return f"Fewer than {compare.FEWEST_SEEDS} seeds have no interval."
    some = f", where there are {compare.FEWEST_SEEDS} or more" if found["low"].isna().any() else ""
    narrow = (
        f" With fewer than {compare.FEW_SEEDS} it is too narrow." if found["seeds"].min() < compare.FEW_SEEDS else ""
    )
    return f"In brackets a 95 % bootstrap interval over seeds{some}.{narrow}"


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
        _say(f"\nFewer than {compare.FEWEST_SEEDS} seeds have no band, so none can be left.", console)
        return
    rows = []
    for (case, band), cells in found.groupby(["case", "band"], sort=False):
        by_measure = {row["measure"]: row for row in cells.to_dict("records")}
        of = "own, gen. 0" if band == "own" else "the other's"
        rows.append([str(case), of, *(_departure(by_measure.get(measure.title)) for measure in measures)])
    _say("\nFirst generation in which the mean over seeds is outside a band", console)
    _show(["case", "band", *(measure.title for measure in measures)], rows, wishes, console)
    _say(
        "A band holds the middle 90 % of seeds: of the case itself at generation 0, or of the other case "
        f"('{base}') at the same generation.",
        console,
    )


def _departure(row: dict[Any, Any] | None) -> str:
    if row is None or not row["seeds"]:
        return "no band"
    if pd.isna(row["left"]):
        return "never"
    if pd.isna(row["stays"]):
        return f"{row['left']}, then back"
    return str(row["left"]) if row["left"] == row["stays"] else f"{row['left']}, to stay from {row['stays']}"


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


def _difference(row: dict[Any, Any] | None) -> str:
    if row is None or np.isnan(row["difference"]):
        return "undefined"
    interval = "" if np.isnan(row["low"]) else f" [{row['low']:+.3f}, {row['high']:+.3f}]"
    return f"{row['difference']:+.3f}{interval}"


def _with_paper(table: pd.DataFrame, wishes: Wishes, console: Console) -> pd.DataFrame:
    cells = paper.laid_over(table)
    rows = [
        [
            row["setting"] + ("" if row["star"] == "none" else f" + STAR on {row['star']}"),
            row["title"],
            f"{row['inside']} of {row['cells']}",
            f"{row['share']:.0%}",
            f"{row['farthest']:.3f}" if row["farthest"] else "",
        ]
        for row in paper.verdicts(cells).to_dict("records")
    ]
    _show(["curve", "measure", "cells inside", "share", "farthest outside"], rows, wishes, console)
    if gone := int(cells["value"].isna().sum()):
        _say(f"{gone} of {len(cells)} cells are undefined in these runs, and are left out.", console)
    known = cells.dropna(subset=["outside"])
    if known.empty:
        raise InputError(f"--published: fewer than {paper.FEWEST_SEEDS} seeds were published of these generations")
    inside, seeds, last = (known["outside"] == 0), cells["seed"].nunique(), cells["generation"].max()
    _say(
        f"{inside.sum()} of {len(known)} cells lie inside the published 5 to 95 % bands ({inside.mean():.0%}; "
        f"{paper.EXPECTED:.0%} would be expected). A cell is one seed's value of one measure at one generation; here "
        f"{seeds} seed{'s' if seeds > 1 else ''}, generations 0 to {last}. Cells of a run depend on each other.",
        console,
    )
    if wishes.figure is not None:
        save(paper.overlay(cells, SHOWN), wishes.figure)
    return cells


def _say(words: str, console: Console) -> None:
    console.print(for_terminal(words), highlight=False, markup=False)
