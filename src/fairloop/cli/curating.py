"""The command `curate`: the curation of a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fairloop.cli.options import say
from fairloop.errors import InputError

if TYPE_CHECKING:
    from fairloop.curation.table import Curated


def curate(
    table: Annotated[
        Path,
        typer.Argument(metavar="TABLE", help="a .parquet, .csv or .tsv file (CSV also .gz), a row for each person"),
    ],
    label: Annotated[str, typer.Option("--label", metavar="COL", help="the column of labels")],
    group: Annotated[list[str], typer.Option("--group", metavar="COL", help="a column of groups; several multiply")],
    out: Annotated[Path, typer.Option("--out", help="the curated table, of the same kind")],
    ideal: Annotated[
        str,
        typer.Option(
            help="uniform, population, groups-within-labels, labels-within-groups, floor(SHARE), a file of shares by "
            "name, rows of shares, or {kind: any of these, strength: 0.5}"
        ),
    ] = "uniform",
    size: Annotated[
        int | None, typer.Option(help="rows of the curated table; default: four fifths of the table")
    ] = None,
    budget: Annotated[int | None, typer.Option(help="instead of --size: number of rows to leave out")] = None,
    skip_empty: Annotated[
        bool, typer.Option("--skip-empty", help="distribute the quotas of empty strata among the others")
    ] = False,
    seed: Annotated[int, typer.Option(help="of the choice among rows of a stratum")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace --out if it exists")] = False,
) -> None:
    """Curate a table towards a fairness ideal: choose rows by quota, and repeat rows of strata that are short."""
    from fairloop.curation.table import curate as curate_table

    done = curate_table(
        table, out, label, group, _ideal(ideal),
        size=size, budget=budget, skip_empty=skip_empty, seed=seed, overwrite=overwrite,
    )  # fmt: skip
    _show(done)
    say(f"{out}: {done.tally.drawn.sum():,} rows, of {done.tally.candidates.sum():,} in {table}")
    if done.said:
        say(done.said)
    if done.tally.redrawn.any():
        say(_repetitions(done))


def _show(done: Curated) -> None:
    """A row for each stratum."""
    from rich.console import Console

    from fairloop.report.text import show

    tally = done.tally
    header = [*tally.names.columns, "before", "ideal", "after", "redrawn", "discarded"]
    columns = (tally.candidates, done.ideal, tally.drawn, tally.redrawn, tally.discarded)
    rows = [
        [*cell, f"{before:,}", f"{share:.2%}", f"{after:,}", f"{redrawn:,}", f"{discarded:,}"]
        for cell, before, share, after, redrawn, discarded in zip(
            tally.names.cells(), *(column.ravel() for column in columns), strict=True
        )
    ]
    show(header, rows, "terminal", Console())


def _repetitions(done: Curated) -> str:
    stratum, times = done.tally.most_often()
    return (
        f"{done.tally.redrawn.sum():,} of them are repetitions, as their strata are short; most often those of "
        f"{stratum}, about {times:.3g} times each; --size {done.largest} or less has none"
    )


def _ideal(text: str) -> object:
    """The value of an ideal in YAML, as in `--set`: names and paths are text."""
    from fairloop._util.limits import parsed

    try:
        return text if Path(text).is_file() else parsed(text)
    except ValueError:
        raise InputError(f"--ideal {text}: is not a value that YAML understands") from None
