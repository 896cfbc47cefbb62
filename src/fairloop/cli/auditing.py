"""The command `audit`: its options, and a log that becomes a verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fairloop.cli.options import Json, Output, Quiet
from fairloop.errors import FairloopError, InputError
from fairloop.metrics.catalogue import in_words

LogFile = Annotated[
    Path,
    typer.Argument(
        metavar="LOG",
        help="a .csv, .tsv (.gz too) or .parquet file: a row for each person and round; or a run with setting=people, "
        "without names of columns",
    ),
]
Round = Annotated[str | None, typer.Option("--round", metavar="COL", help="column with the round")]
Label = Annotated[str | None, typer.Option(metavar="COL", help="column with the true label")]
Group = Annotated[
    list[str] | None, typer.Option(metavar="COL", help="sensitive column; name several for their combinations")
]
Out = Annotated[
    Path | None,
    typer.Option("--out", help="directory for report, table, drift and verdict; default for a run: its folder audit"),
]
Prediction = Annotated[str | None, typer.Option(metavar="COL", help="column with the predicted label")]
Score = Annotated[
    str | None, typer.Option(metavar="COL", help="column with a score; it defines predictions without --prediction")
]
Threshold = Annotated[float | None, typer.Option(help="scores from here on predict the beneficial label; default: 0.5")]
Weight = Annotated[
    str | None,
    typer.Option(metavar="COL", help="column with weights of people, such as a survey's; counts stay rows"),
]
Propensity = Annotated[
    str | None,
    typer.Option(metavar="COL", help="column with the known probability that the row's label is observed"),
]
MatureAfter = Annotated[
    str | None, typer.Option(metavar="TIME", help="longest delay of a label after its decision, such as 90d or 12w")
]
DecidedAt = Annotated[
    str | None, typer.Option(metavar="COL", help="column with the decision's date, if rounds are not dates")
]
ObservedAt = Annotated[str | None, typer.Option(metavar="COL", help="column with the date of the label")]
AsOf = Annotated[
    str | None, typer.Option(metavar="DATE", help="date of the extract of the log; default: its latest date")
]
Assume = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="narrow bounds: no-better-rejected (than the selected, on average), or no-better-than-lowest (than the "
        "tenth of the selected with the lowest scores)",
    ),
]
RoundOrder = Annotated[
    str | None,
    typer.Option(
        metavar="ORDER",
        help="order of rounds, if names do not define it: given, natural, number, date:FORMAT such as "
        "date:%d/%m/%Y, or the rounds, separated by commas",
    ),
]
Regression = Annotated[
    bool, typer.Option("--regression", help="labels and predictions are numbers: measure their errors")
]
Beneficial = Annotated[
    str | None, typer.Option(metavar="VALUE", help="label that is good for the person; default: 1, of 0 and 1")
]
Provenance = Annotated[
    str | None, typer.Option(metavar="COL", help="column with the maker of the label, a person or a model")
]
ModelMade = Annotated[
    list[str] | None, typer.Option(metavar="VALUE", help="value of --provenance for a model; default: model, 1, ...")
]
MinSize = Annotated[
    int,
    typer.Option(min=0, help="smallest number of people with each label; smaller groups are left out of comparisons"),
]
Reference = Annotated[
    str | None,
    typer.Option(metavar="ROUND", help="reference of drift: a round, first (default), previous, rolling(K)"),
]
ReferenceGroup = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="compare other groups with this one, or with the largest, or the best"),
]
FailOn = Annotated[
    list[str] | None,
    typer.Option(
        metavar="LIMIT",
        help="exit with 1 unless the last round keeps it, such as 'tpr_difference>0.1', 'lower(tpr[Female])<0.5', "
        f"'upper(equalized_odds_difference)>0.1', four_fifths; measures: {in_words()}",
    ),
]
Limits = Annotated[Path | None, typer.Option(metavar="FILE", help="more limits, in YAML")]
GateRound = Annotated[
    str | None, typer.Option(metavar="ROUND", help="judge this round, or the last-labelled; default: the last")
]
ModelCard = Annotated[
    str | None, typer.Option(metavar="MODEL", help="write model-index.yml, metadata of the Model Card of MODEL")
]
VerdictUrl = Annotated[str | None, typer.Option(metavar="URL", help="public address of verdict.json, for --model-card")]
Figures = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="directory for figures of measures with a limit and of groups' rates, as .png, .svg, .pdf, .csv",
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="replace the audit in --out")]


def audit(
    log: LogFile, round_: Round = None, label: Label = None, group: Group = None, out: Out = None,
    prediction: Prediction = None,
    score: Score = None, threshold: Threshold = None, weight: Weight = None, propensity: Propensity = None,
    mature_after: MatureAfter = None, decided_at: DecidedAt = None, observed_at: ObservedAt = None,
    as_of: AsOf = None, assume: Assume = None, round_order: RoundOrder = None, regression: Regression = False,
    beneficial: Beneficial = None, provenance: Provenance = None, model_made: ModelMade = None,
    min_size: MinSize = 0, reference: Reference = None, reference_group: ReferenceGroup = None,
    fail_on: FailOn = None, limits: Limits = None, gate_round: GateRound = None, model_card: ModelCard = None,
    verdict_url: VerdictUrl = None, figures: Figures = None, overwrite: Overwrite = False, quiet: Quiet = False,
    json_: Json = False,
) -> None:  # fmt: skip
    """Measure a log of your own retraining rounds: drifts, the affected groups, and limits ahead."""
    output = Output(quiet, json_)
    from fairloop.auditing import audited

    out = _out(out, log)
    _check_places(out, figures, overwrite)
    _check_sources(out, log, limits)
    if verdict_url is not None and model_card is None:
        raise InputError("--verdict-url: needs --model-card, the name of the model; give both")
    found = audited(
        log, round=round_, label=label, groups=group or (), prediction=prediction, score=score, threshold=threshold,
        weight=weight, propensity=propensity, decided_at=decided_at, observed_at=observed_at,
        mature_after=mature_after, as_of=as_of, assume=assume, round_order=round_order, provenance=provenance,
        regression=regression, model_made=model_made or (), beneficial=beneficial, min_size=min_size,
        reference=reference, reference_group=reference_group, fail_on=fail_on or (), limits=limits,
        gate_round=gate_round,
    )  # fmt: skip
    files = found.write(out, overwrite=overwrite, model=model_card, url=verdict_url)
    output.say(found.verdict)
    output.say(f"\n{out}: {', '.join(files)}")
    drawn = found.write_figures(figures) if figures is not None else ()
    if drawn:
        output.say(f"{figures}: {', '.join(drawn)}")
    rounds, drift = found.measured.rounds.names, found.drift.to_dict("records")
    output.give(log=log, out=out, files=files, rounds=rounds, drift=drift, failures=found.failures)
    if found.failures:
        raise FairloopError("; ".join(found.failures))


def _out(out: Path | None, log: Path) -> Path:
    """The directory of the audit; for a run, a folder in its directory."""
    from fairloop._util.directories import is_run

    if out is None and not is_run(log):
        raise InputError("--out: name the directory for report, table, drift and verdict")
    return log / "audit" if out is None else out


def _check_sources(out: Path, *sources: Path | None) -> None:
    """Raise InputError if the audit would replace a file that it reads."""
    from fairloop.auditing import FILES, OPTIONAL

    for source in sources:
        if source is not None and source.name in (*FILES, *OPTIONAL) and source.resolve().parent == out.resolve():
            raise InputError(f"--out: {out} contains {source.name}, which the audit reads and would replace")


def _check_places(out: Path, figures: Path | None, overwrite: bool) -> None:
    """Raise InputError if the audit or its figures cannot be written to their directories."""
    from fairloop._util.directories import claim
    from fairloop.auditing import free

    free(out, overwrite)
    if figures is not None:
        claim(figures, "figures", "--figures")
        if figures.resolve() == out.resolve():
            raise InputError(f"--figures {figures}: is the same directory as --out; choose another")
