"""The command `whatif`: a log of decisions, and its next rounds under policies."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated

import typer

from fairloop.cli.auditing import (
    Beneficial,
    FailOn,
    Label,
    Limits,
    Prediction,
    Propensity,
    Round,
    RoundOrder,
    Score,
    Threshold,
    Weight,
)
from fairloop.cli.options import Json, Output, Quiet
from fairloop.errors import InputError

LogFile = Annotated[
    Path,
    typer.Argument(metavar="LOG", help="a .csv, .tsv (.gz too) or .parquet file: a row for each person and round"),
]
Group = Annotated[
    list[str] | None, typer.Option(metavar="COL", help="sensitive column; name several for their combinations")
]
Features = Annotated[
    list[str] | None,
    typer.Option(metavar="COL,COL", help="columns for decisions: numbers, or text of few values"),
]
Out = Annotated[Path, typer.Option("--out", help="directory for the page, the tables and the JSON file")]
PolicyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--policy",
        metavar="POLICY",
        help="as-is; star; explore(0.05): a share of the rejected is accepted at random; labels(0.2): outcomes of "
        "a share of all people become known; repeat the option; default: as-is",
    ),
]
Rounds = Annotated[int, typer.Option(help="rounds to forecast")]
Seeds = Annotated[int, typer.Option(help="runs of each policy; fans need at least 2")]
Estimator = Annotated[
    str | None,
    typer.Option(
        metavar="MODULE:NAME", help="decision maker, or mlp; default: logistic regression, by fairloop[estimators]"
    ),
]
Last = Annotated[int, typer.Option(help="last rounds of the log, from which people are drawn")]
LearnFrom = Annotated[str, typer.Option(help="known outcomes of all past rounds, or of the last round")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="replace the forecast in --out")]


def whatif(
    log: LogFile, out: Out, round_: Round = None, label: Label = None, prediction: Prediction = None,
    score: Score = None, threshold: Threshold = None, group: Group = None, features: Features = None,
    propensity: Propensity = None, weight: Weight = None, policy: PolicyOption = None, rounds: Rounds = 6,
    seeds: Seeds = 10,
    estimator: Estimator = None, last: Last = 1, learn_from: LearnFrom = "all", beneficial: Beneficial = None,
    round_order: RoundOrder = None, fail_on: FailOn = None, limits: Limits = None, overwrite: Overwrite = False,
    quiet: Quiet = False, json_: Json = False,
) -> None:  # fmt: skip
    """Forecast the next rounds of a log of decisions under policies: fans by group, and the limits that they break."""
    output = Output(quiet, json_)
    from fairloop.forecasting import FILES, forecast, free

    free(out, overwrite)
    if log.name in FILES and log.resolve().parent == out.resolve():
        raise InputError(f"--out: {out} contains {log.name}, which the forecast reads and would replace")
    found = forecast(
        log, round=round_, label=label, prediction=prediction, score=score, threshold=threshold, groups=group or (),
        features=_listed(features or ()), propensity=propensity, weight=weight, policy=policy or ("as-is",),
        rounds=rounds, seeds=seeds, estimator=estimator, last=last, learn_from=learn_from, beneficial=beneficial,
        round_order=round_order, fail_on=fail_on or (), limits=limits, tell=output.say,
    )  # fmt: skip
    files = found.write(out, overwrite=overwrite)
    output.say(f"\n{found}")
    output.say(f"\n{out}: {', '.join(files)}")
    output.give(out=out, files=files, **found.document())


def _listed(features: list[str] | tuple[str, ...]) -> list[str]:
    """The columns in comma-separated texts; a column with a comma is in double quotes."""
    return [column for text in features for column in next(csv.reader([text], skipinitialspace=True), []) if column]
