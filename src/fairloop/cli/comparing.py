"""The command `synthetic`: a comparison of tables of real and of synthetic people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fairloop.cli.options import Json, Output, Quiet
from fairloop.errors import InputError

_KINDS = "a .csv, .tsv (.gz too), .jsonl or .parquet file"
Real = Annotated[
    Path, typer.Argument(metavar="REAL", help=f"{_KINDS}: real people outside the generator's training data")
]
Made = Annotated[Path, typer.Argument(metavar="SYNTHETIC", help="a file with the same columns, from any generator")]
Label = Annotated[str, typer.Option(metavar="COL", help="column of the label, which classifiers learn to predict")]
Group = Annotated[list[str], typer.Option(metavar="COL", help="sensitive column; name several for their combinations")]
Out = Annotated[Path, typer.Option("--out", help="directory for the page, the tables and the JSON file")]
Beneficial = Annotated[
    str | None, typer.Option(metavar="VALUE", help="label that is good for the person; default: 1, of 0 and 1")
]
Estimator = Annotated[
    str | None,
    typer.Option(
        metavar="MODULE:NAME",
        help="classifier; default: scikit-learn's HistGradientBoostingClassifier, from fairloop[estimators]",
    ),
]
Arguments = Annotated[str | None, typer.Option(metavar="YAML", help="of the classifier, such as '{max_depth: 4}'")]
Test = Annotated[float, typer.Option(help="share of real people that each split holds out for testing")]
Splits = Annotated[int, typer.Option(help="random splits; intervals need at least 5")]
Rows = Annotated[
    int | None,
    typer.Option(help="synthetic people for training; default: the number of real people, or all if there are fewer"),
]
LeaveOut = Annotated[list[str] | None, typer.Option("--leave-out", metavar="COL", help="column that is not a feature")]
Seed = Annotated[int, typer.Option(min=0, help="of splits, of the synthetic people chosen, and of the classifier")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="replace the comparison in --out")]


def synthetic(
    real: Real, made: Made, label: Label, group: Group, out: Out, beneficial: Beneficial = None,
    estimator: Estimator = None, arguments: Arguments = None, test: Test = 0.3, splits: Splits = 10,
    rows: Rows = None, leave_out: LeaveOut = None, seed: Seed = 0, overwrite: Overwrite = False,
    quiet: Quiet = False, json_: Json = False,
) -> None:  # fmt: skip
    """Compare synthetic people with real ones: shares, distances, and what a classifier learns from each, by group."""
    output = Output(quiet, json_)
    from fairloop.report.text import show
    from fairloop.synthetic_data import DEFAULT, Design, compared, free, words
    from fairloop.synthetic_data.pair import paired

    free(out, overwrite)
    design = Design(estimator or DEFAULT, _mapping(arguments), test, splits, rows, seed)
    found = compared(paired(real, made, label, group, beneficial, leave_out or ()), design)
    files = found.write(out, overwrite=overwrite)
    for line in words.head(found):
        output.say(line)
    for section in found.sections:
        output.say(f"\n{section.title}")
        show(section.header, section.rows, "terminal", output.console)
        if section.scope:
            output.say(section.scope)
    output.say("\n" + "\n".join([*words.findings(found), words.METHOD]))
    output.say(f"\n{out}: {', '.join(files)}")
    output.give(out=out, files=files, findings=words.findings(found), measures=found.table.to_dict("records"))


def _mapping(arguments: str | None) -> dict[str, Any]:
    from fairloop._util.limits import parsed

    try:
        found = {} if arguments is None else parsed(arguments)
    except ValueError as error:
        raise InputError(f"--arguments {arguments}: is not YAML ({error}); write it as in '{{max_depth: 4}}'") from None
    if not isinstance(found, dict):
        raise InputError(f"--arguments {arguments}: names no arguments; write it as in '{{max_depth: 4}}'")
    return found
