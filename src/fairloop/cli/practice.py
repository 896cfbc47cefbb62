"""Commands for one's own data and retraining rounds: audit, curate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fairloop.cli.options import Json, Output, Quiet, say
from fairloop.errors import FairloopError, InputError
from fairloop.metrics.catalogue import in_words

if TYPE_CHECKING:
    from fairloop.curation.table import Curated


def audit(
    log: Annotated[
        Path,
        typer.Argument(metavar="LOG", help="a .csv, .tsv (.gz too) or .parquet file: a row for each person and round"),
    ],
    round_: Annotated[str, typer.Option("--round", metavar="COL", help="column with the round")],
    label: Annotated[str, typer.Option(metavar="COL", help="column with the true label")],
    group: Annotated[
        list[str], typer.Option(metavar="COL", help="sensitive column; name several for their combinations")
    ],
    out: Annotated[Path, typer.Option("--out", help="directory for report, table, drift and verdict")],
    prediction: Annotated[str | None, typer.Option(metavar="COL", help="column with the predicted label")] = None,
    score: Annotated[
        str | None, typer.Option(metavar="COL", help="column with a score; it makes predictions if there are none")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help="scores from here on predict the beneficial label; default: 0.5")
    ] = None,
    weight: Annotated[
        str | None,
        typer.Option(metavar="COL", help="column with weights of people, such as a survey's; counts stay rows"),
    ] = None,
    propensity: Annotated[
        str | None,
        typer.Option(metavar="COL", help="column with the known probability that the row's label is observed"),
    ] = None,
    mature_after: Annotated[
        str | None, typer.Option(metavar="TIME", help="labels may come for so long after a decision, as 90d or 12w")
    ] = None,
    decided_at: Annotated[
        str | None, typer.Option(metavar="COL", help="column with the decision's date, if rounds are no dates")
    ] = None,
    observed_at: Annotated[str | None, typer.Option(metavar="COL", help="column with the date of the label")] = None,
    as_of: Annotated[
        str | None, typer.Option(metavar="DATE", help="day from which the log is seen; default: its latest date")
    ] = None,
    assume: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="narrow bounds: no-better-rejected (than the selected, on average)"),
    ] = None,
    round_order: Annotated[
        str | None,
        typer.Option(
            metavar="ORDER",
            help="of rounds, if their names do not tell: given, natural, number, date:FORMAT as date:%d/%m/%Y, or "
            "the rounds, separated by commas",
        ),
    ] = None,
    regression: Annotated[
        bool, typer.Option("--regression", help="labels and predictions are numbers: measure their errors")
    ] = False,
    beneficial: Annotated[
        str | None, typer.Option(metavar="VALUE", help="label that is good for the person; default: 1, of 0 and 1")
    ] = None,
    provenance: Annotated[
        str | None, typer.Option(metavar="COL", help="column with the maker of the label, a person or a model")
    ] = None,
    model_made: Annotated[
        list[str] | None, typer.Option(metavar="VALUE", help="of --provenance: means a model; default: model, 1, ...")
    ] = None,
    min_size: Annotated[
        int,
        typer.Option(min=0, help="leave smaller groups, with fewer people on a side of the label, out of comparisons"),
    ] = 0,
    reference: Annotated[
        str | None,
        typer.Option(metavar="ROUND", help="drift is measured from: a round, first (default), previous, rolling(K)"),
    ] = None,
    reference_group: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="compare other groups with this one, or with the largest, or the best"),
    ] = None,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LIMIT",
            help="exit with 1 unless the last round keeps it, as 'tpr_difference>0.1', 'lower(tpr[Female])<0.5', "
            f"'upper(equalized_odds_difference)>0.1', four_fifths; measures: {in_words()}",
        ),
    ] = None,
    limits: Annotated[Path | None, typer.Option(metavar="FILE", help="more limits, in YAML")] = None,
    gate_round: Annotated[
        str | None, typer.Option(metavar="ROUND", help="judge this round, or the last-labelled; default: the last")
    ] = None,
    model_card: Annotated[
        str | None, typer.Option(metavar="MODEL", help="write model-index.yml, metadata of the Model Card of MODEL")
    ] = None,
    verdict_url: Annotated[
        str | None, typer.Option(metavar="URL", help="of verdict.json once it is published, for --model-card")
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="write measures with a limit and rates of groups there: .png, .svg, .pdf, .csv"
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace the audit in --out")] = False,
    quiet: Quiet = False,
    json_: Json = False,
) -> None:
    """Measure a log of your own retraining rounds: drifts, the groups that they affect, and limits ahead."""
    output = Output(quiet, json_)
    from fairloop._util.directories import claim
    from fairloop.auditing import audited, free

    free(out, overwrite)
    if figures is not None:
        claim(figures, "figures", "--figures")
        if figures.resolve() == out.resolve():
            raise InputError(f"--figures {figures}: is --out, too; choose another directory")
    if verdict_url is not None and model_card is None:
        raise InputError("--verdict-url: is for --model-card, the name of the model; give it, too")
    found = audited(
        log, round=round_, label=label, groups=group, prediction=prediction, score=score, threshold=threshold,
        weight=weight, propensity=propensity, decided_at=decided_at, observed_at=observed_at,
        mature_after=mature_after, as_of=as_of, assume=assume, round_order=round_order, provenance=provenance,
        regression=regression,
        model_made=model_made or (), beneficial=beneficial, min_size=min_size, reference=reference,
        reference_group=reference_group, fail_on=fail_on or (), limits=limits, gate_round=gate_round,
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
    budget: Annotated[int | None, typer.Option(help="instead of --size: how many rows fewer there will be")] = None,
    skip_empty: Annotated[
        bool, typer.Option("--skip-empty", help="share the quotas of empty strata out among the others")
    ] = False,
    seed: Annotated[int, typer.Option(help="of the choice among rows of a stratum")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace --out if it exists")] = False,
) -> None:
    """Curate a table towards a fairness ideal: choose rows by quota, and repeat those of strata that are short."""
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
        f"{done.tally.redrawn.sum():,} of them come again, as their strata are short; most often those of {stratum}, "
        f"about {times:.3g} times each; up to --size {done.largest} none would"
    )


def _ideal(text: str) -> object:
    """As `--set` reads values: YAML, in which a name or a path stands for itself."""
    from fairloop._util.limits import parsed

    try:
        return text if Path(text).is_file() else parsed(text)
    except ValueError:
        raise InputError(f"--ideal {text}: is no value that YAML understands") from None
