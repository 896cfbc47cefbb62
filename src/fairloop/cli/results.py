"""Commands that show runs and their results: export, report, compare, watch, samples."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fairloop.cli.options import Directories, Format, Json, Output, Quiet, Sources, Split, say
from fairloop.errors import InputError


def export(
    directories: Directories,
    out: Annotated[Path, typer.Option("--out", help="table.parquet or table.csv")],
) -> None:
    """Write the tidy table of one or more runs: one value a row."""
    from fairloop.report.table import export as export_table
    from fairloop.store.directory import find_runs

    runs = find_runs(directories)
    rows = export_table(runs, out)
    say(f"{out}: {rows:,} rows of {len(runs)} run{'s' if len(runs) > 1 else ''}")


def report(
    sources: Sources,
    out: Annotated[Path | None, typer.Option("--out", help="the page, one file that opens offline: .html")] = None,
    figures: Annotated[Path | None, typer.Option(metavar="DIR", help="every figure, in all formats, with data")] = None,
    split: Annotated[Split, typer.Option(help="in figures; of rounds of people: true")] = "test",
    annotators: Annotated[bool, typer.Option("--annotators", help="print the accuracy of the annotators")] = False,
    style: Annotated[Format, typer.Option("--format", help="of --annotators")] = "terminal",
    quiet: Quiet = False,
    json_: Json = False,
) -> None:
    """Show runs: one page (--out), all figures (--figures), or a table of their annotators (--annotators)."""
    output = Output(quiet, json_)
    from fairloop._util.directories import claim
    from fairloop.report.table import gathered, run_directories

    if out is None and figures is None and not annotators:
        raise InputError("report: nothing to show; add --out report.html, --figures DIR or --annotators")
    if figures is not None:
        claim(figures, "figures", "--figures")
    table, runs = gathered(sources), run_directories(sources)
    if table.empty:
        raise InputError("report: no generation is recorded yet")
    result: dict[str, Any] = {"runs": table["run"].unique().tolist(), "out": out, "figures": figures}
    if annotators:
        from fairloop.report import annotators as of_annotators

        of_annotators.print_annotators(table, style, output.console)
        result["annotators"] = of_annotators.annotators(table).to_dict("records")
    if out is not None:
        from fairloop.report import page

        page.write(table, out, runs)
        output.say(f"{out}: {out.stat().st_size / 1e6:.1f} MB")
    if figures is not None:
        from fairloop.report.compare import split_in
        from fairloop.report.figures.all_figures import Study, write_all

        shown = split_in(table, split) or split
        write_all(Study(table, {run.spec().identity: run for run in runs}, shown), figures, output.console)
    output.give(**result)


def compare(
    sources: Sources,
    against: Annotated[str | None, typer.Option(metavar="CASE", help="the case for comparison with the others")] = None,
    split: Annotated[
        str, typer.Option(help="valid, test, test_balanced; of rounds of people true or observed")
    ] = "test",
    published: Annotated[
        bool, typer.Option("--published", help="compare them with the paper's published curves")
    ] = False,
    style: Annotated[str, typer.Option("--format", help="terminal, markdown or latex")] = "terminal",
    out: Annotated[Path | None, typer.Option("--out", help="write the values of the table, as .csv")] = None,
    figure: Annotated[Path | None, typer.Option(help="with --published, draw it: .png, .svg or .pdf")] = None,
    accuracy_below: Annotated[float, typer.Option(metavar="X", help="accuracy that counts as collapse")] = 0.6,
    share_below: Annotated[float, typer.Option(metavar="X", help="minoritized share that counts as collapse")] = 0.1,
    minoritized: Annotated[
        list[str] | None, typer.Option(metavar="GROUP", help="a minoritized group; default: the data set's")
    ] = None,
    quiet: Quiet = False,
    json_: Json = False,
) -> None:
    """Compare runs with each other, paired by seed, or with the published curves."""
    output = Output(quiet, json_)
    from fairloop.report import compare_text
    from fairloop.report.table import gathered

    wishes = compare_text.Wishes(
        against, split, published, style, out, figure, accuracy_below, share_below, tuple(minoritized or ())
    )
    found = compare_text.show(gathered(sources), wishes, output.console)
    output.give(split=split, published=published, rows=found.to_dict("records"))


def watch(
    directories: Directories,
    once: Annotated[bool, typer.Option("--once", help="print it once, as without a terminal")] = False,
    quiet: Quiet = False,
    json_: Json = False,
) -> None:
    """Watch runs from another terminal until Ctrl-C, which does not stop the runs. Only reads."""
    output = Output(quiet, json_)
    from fairloop.sweep.watch import told
    from fairloop.sweep.watch import watch as watch_runs

    scene = watch_runs(directories, output.console, once=once or quiet or json_)
    output.give(**told(scene))


def samples(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="a run")],
    generation: Annotated[int, typer.Option(help="the generation of their generator")],
    out: Annotated[Path, typer.Option("--out", help="a .parquet file, or a directory for PNG files")],
    n: Annotated[int, typer.Option("--n", min=1, help="number of samples")] = 1000,
) -> None:
    """Export labelled samples of one generation."""
    from fairloop.results import RecordedRun, write_samples
    from fairloop.store.directory import RunDirectory

    write_samples(RecordedRun(RunDirectory(directory)), generation, n, out)
    say(f"{out}: {n:,} samples of generation {generation}")
