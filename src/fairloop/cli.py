"""The command line. Heavy imports happen inside commands, so that `--help` answers at once."""

from __future__ import annotations

import signal
import sys
import warnings
from pathlib import Path
from typing import Annotated, NoReturn, TextIO

import typer
from typer.exceptions import Abort, TyperException

from fairloop.errors import FairloopError, InputError
from fairloop.presets import fields as preset_fields
from fairloop.presets import names as preset_names
from fairloop.spec import RunSpec, field_table, from_file, from_mapping

app = typer.Typer(
    help="Simulate fairness feedback loops, measure what they do, and repair them.",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _fields_help() -> str:
    lines = ["\b", "Fields, for --set and for spec files, with their defaults:"]
    for path, default, description in field_table():
        shown = "" if default is None else f" [{default if not isinstance(default, tuple) else list(default)}]"
        lines.append(f"  {path}{shown}: {description}" if description else f"  {path}{shown}")
    lines += ["", "\b", f"Presets: {', '.join(preset_names())}", "Guide: docs/vocabulary.md explains every term."]
    return "\n".join(lines)


Out = Annotated[Path, typer.Option("--out", help="directory of the run; the same command again goes on there")]
Directories = Annotated[list[Path], typer.Argument(metavar="DIR...", help="runs, or directories that hold runs")]


@app.command(epilog=_fields_help())
def run(
    what: Annotated[str, typer.Argument(metavar="PRESET|SPEC.yaml", help="a preset's name or a spec file")],
    out: Out,
    set_: Annotated[list[str], typer.Option("--set", metavar="FIELD=VALUE", help="override a field")] = [],  # noqa: B006
    seed: Annotated[int | None, typer.Option(help="short for --set seed=N")] = None,
    generations: Annotated[int | None, typer.Option(help="short for --set generations=N")] = None,
    store: Annotated[
        Path | None, typer.Option(help="directory of models to share with other runs; default: OUT/models")
    ] = None,
) -> None:
    """Run one experiment, or go on where it was interrupted."""
    spec = _spec(what, [*set_, *_shorthand(seed=seed, generations=generations)])
    from fairloop.fast.process import keep_freed_memory

    keep_freed_memory()
    from rich.console import Console

    from fairloop.progress import view_for
    from fairloop.run import run as run_in
    from fairloop.store.directory import RunDirectory

    console = Console()
    with view_for(console) as view:
        run_in(spec, RunDirectory(out), view, store)
    if console.is_terminal:
        typer.echo(f"next: fairloop export {out} --out table.csv")


@app.command()
def sweep(
    what: Annotated[str, typer.Argument(metavar="PRESET|SPEC.yaml", help="what all runs share")],
    out: Annotated[Path, typer.Option("--out", help="directory of the runs; the same command again goes on there")],
    seeds: Annotated[str, typer.Option(help="such as 0-24 or 0,2,5-7")] = "0",
    grid: Annotated[list[str], typer.Option(metavar="FIELD=V1,V2", help="values of a field; a list in brackets")] = [],  # noqa: B006
    set_: Annotated[list[str], typer.Option("--set", metavar="FIELD=VALUE", help="override a field")] = [],  # noqa: B006
    workers: Annotated[int | None, typer.Option(min=1, help="runs at a time; default: what fits this machine")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print the runs and stop")] = False,
) -> None:
    """Run a grid of experiments over several seeds, sharing the models that runs have in common."""
    from fairloop.sweep.grid import Sweep, parse_grid, parse_seeds

    base = _spec(what, set_).model_dump(mode="json")
    specs = Sweep(base, parse_seeds(seeds), grid=parse_grid(grid)).specs()
    if dry_run:
        for spec in specs:
            typer.echo(spec.identity)
        typer.echo(f"{len(specs)} runs of {specs[0].generations} generations")
        return
    from rich.console import Console

    from fairloop.sweep.local import default_workers, jobs_in, run_all
    from fairloop.sweep.view import sweep_view

    jobs = jobs_in(out, specs)
    with sweep_view(Console()) as view:
        run_all(jobs, out / "models", workers or default_workers(specs[0].threads), view)
    typer.echo(f"{out}: {len(jobs)} runs; next: fairloop export {out} --out table.parquet")


@app.command()
def export(
    directories: Directories,
    out: Annotated[Path, typer.Option("--out", help="table.parquet or table.csv")],
) -> None:
    """Write the tidy table of one or more runs: one value a row."""
    from fairloop.report.table import export as export_table
    from fairloop.store.directory import find_runs

    runs = find_runs(directories)
    rows = export_table(runs, out)
    typer.echo(f"{out}: {rows:,} rows of {len(runs)} run{'s' if len(runs) > 1 else ''}")


@app.command()
def samples(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="a run")],
    generation: Annotated[int, typer.Option(help="whose generator makes them")],
    out: Annotated[Path, typer.Option("--out", help="a .parquet file, or a directory for PNG files")],
    n: Annotated[int, typer.Option("--n", min=1, help="how many")] = 1000,
) -> None:
    """Export labelled samples of one generation."""
    from fairloop.recorded import load, write_samples

    write_samples(load(directory), generation, n, out)
    typer.echo(f"{out}: {n:,} samples of generation {generation}")


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", help="where the runs and the picture go")] = Path("demo"),
    seed: Annotated[int, typer.Option(min=0, help="of every random number")] = 0,
) -> None:
    """Show a fairness feedback loop, and what STAR changes, on real digits in two minutes."""
    from fairloop.fast.process import keep_freed_memory

    keep_freed_memory()
    from rich.console import Console

    from fairloop.demo import demo as run_demo

    run_demo(out, seed, Console())


def main() -> NoReturn:
    """The entry point: exit code 0, 1 (failed), 2 (wrong input) or 130 (interrupted; run it again to go on)."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    warnings.showwarning = _warn
    try:
        code = app(standalone_mode=False)
    except TyperException as error:  # a wrong option or argument
        _complain(error.format_message(), code=2)
    except InputError as error:
        _complain(str(error), code=2)
    except FairloopError as error:
        _complain(str(error), code=1)
    except (KeyboardInterrupt, Abort):
        _complain("interrupted; run the same command again to go on", code=130)
    sys.exit(code if isinstance(code, int) else 0)


def _warn(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Warnings of fairloop in a line of their own; those for developers stay as Python shows them."""
    if issubclass(category, UserWarning):
        print(f"fairloop: warning: {' '.join(str(message).split())}", file=sys.stderr)
    else:
        print(warnings.formatwarning(message, category, filename, lineno, line), file=file or sys.stderr)


def _complain(message: str, code: int) -> NoReturn:
    print(f"fairloop: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(code)


def _spec(what: str, overrides: list[str]) -> RunSpec:
    path = Path(what)
    if path.suffix in (".yaml", ".yml", ".json") or path.is_file():
        return from_file(path, overrides)
    return from_mapping(preset_fields(what), overrides)


def _shorthand(**values: int | None) -> list[str]:
    return [f"{name}={value}" for name, value in values.items() if value is not None]
