"""Commands for people who retrain on their own models' data: audit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fairloop.errors import FairloopError, InputError


def audit(
    log: Annotated[
        Path, typer.Argument(metavar="LOG", help="a .csv or .parquet file: a row for each person and round")
    ],
    round_: Annotated[str, typer.Option("--round", metavar="COL", help="column with the round")],
    label: Annotated[str, typer.Option(metavar="COL", help="column with the true label")],
    group: Annotated[
        list[str], typer.Option(metavar="COL", help="sensitive column; name several for their combinations")
    ],
    out: Annotated[Path, typer.Option("--out", help="directory for table, drift and verdict")],
    prediction: Annotated[str | None, typer.Option(metavar="COL", help="column with the predicted label")] = None,
    score: Annotated[str | None, typer.Option(metavar="COL", help="or that with a score instead")] = None,
    threshold: Annotated[
        float | None, typer.Option(help="scores from here on predict the beneficial label; default: 0.5")
    ] = None,
    beneficial: Annotated[
        str | None, typer.Option(metavar="VALUE", help="label that is good for the person; default: 1, of 0 and 1")
    ] = None,
    provenance: Annotated[str | None, typer.Option(metavar="COL", help="column that says who made the label")] = None,
    model_made: Annotated[
        list[str] | None, typer.Option(metavar="VALUE", help="of --provenance: means a model; default: model, 1, ...")
    ] = None,
    min_size: Annotated[
        int,
        typer.Option(
            min=0, help="leave smaller groups out of what compares groups: fewer people on a side of the label"
        ),
    ] = 0,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(metavar="LIMIT", help="exit with 1 if the last round is beyond, as 'tpr_difference>0.1'"),
    ] = None,
) -> None:
    """Measure a log of your own retraining rounds: what drifted, for whom, and what will cross a limit."""
    from fairloop.auditing import audit as audit_log

    if out.exists() and not out.is_dir():
        raise InputError(f"--out: {out} is a file, not a directory")
    found = audit_log(
        log, round=round_, label=label, groups=group, prediction=prediction, score=score, threshold=threshold,
        provenance=provenance, model_made=model_made or (), beneficial=beneficial, min_size=min_size,
        fail_on=fail_on or (),
    )  # fmt: skip
    found.write(out)
    typer.echo(found.verdict)
    typer.echo(f"\n{out}: table.parquet, table.csv, drift.csv, verdict.txt")
    if found.failures:
        raise FairloopError("; ".join(found.failures))
