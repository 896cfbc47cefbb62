"""The command line. Heavy imports happen inside commands, so that `--help` answers at once."""

from __future__ import annotations

import signal
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TextIO

import typer
from typer.core import TyperCommand
from typer.exceptions import Abort, TyperException

from fairloop.errors import FairloopError, InputError

if TYPE_CHECKING:
    from fairloop.spec import RunSpec

app = typer.Typer(
    help="Simulate fairness feedback loops, measure what they do, and repair them.",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class _FieldsCommand(TyperCommand):
    """A command whose help ends with every field of a spec, looked up when the help is shown."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        from fairloop.presets import names
        from fairloop.spec import field_table

        rows = [(path if default is None else f"{path} [{default}]", words) for path, default, words in field_table()]
        with formatter.section("Fields, for --set and for spec files, with their defaults"):
            formatter.write_dl(rows, col_max=44)
        with formatter.section("Presets"):
            formatter.write_text(", ".join(names()))


Out = Annotated[Path, typer.Option("--out", help="directory of the run; the same command again goes on there")]
Directories = Annotated[list[Path], typer.Argument(metavar="DIR...", help="runs, or directories that hold runs")]


@app.command(cls=_FieldsCommand)
def run(
    what: Annotated[str, typer.Argument(metavar="PRESET|SPEC.yaml", help="a preset's name or a spec file")],
    out: Out,
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="override a field")] = None,
    seed: Annotated[int | None, typer.Option(help="short for --set seed=N")] = None,
    generations: Annotated[int | None, typer.Option(help="short for --set generations=N")] = None,
    store: Annotated[
        Path | None,
        typer.Option(help="directory of models to share with other runs (all are kept); default: OUT/models"),
    ] = None,
) -> None:
    """Run one experiment, or go on where it was interrupted."""
    spec = _spec(what, [*(set_ or ()), *_shorthand(seed=seed, generations=generations)])
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
    seeds: Annotated[str | None, typer.Option(help="such as 0-24 or 0,2,5-7; default: the spec's seed")] = None,
    grid: Annotated[
        list[str] | None, typer.Option(metavar="FIELD=V1,V2", help="values of a field; a list in brackets")
    ] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="override a field")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="runs at a time; default: what fits this machine")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print the runs and stop")] = False,
) -> None:
    """Run a grid of experiments over several seeds, sharing the models that runs have in common."""
    from fairloop.sweep.grid import Sweep, parse_grid, parse_seeds

    base = _spec(what, set_ or []).model_dump(mode="json")
    chosen = [base["seed"]] if seeds is None else parse_seeds(seeds)
    specs = Sweep(base, chosen, grid=parse_grid(grid or ())).specs()
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


INTERRUPTED = 130


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
    except (FileExistsError, FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError) as error:
        _complain(f"{error.filename}: {error.strerror}; choose another path", code=2)
    except OSError as error:
        _complain(f"{error.filename or 'a file'}: {error.strerror or error}; nothing that was recorded is lost", code=1)
    except FairloopError as error:
        _complain(str(error), code=1)
    except (KeyboardInterrupt, Abort):
        code = INTERRUPTED
    if code == INTERRUPTED:  # typer turns some interrupts into this code itself
        _complain("interrupted; run the same command again to go on", code=INTERRUPTED)
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
    from fairloop.presets import fields
    from fairloop.spec import from_file, from_mapping

    path = Path(what)
    if path.suffix in (".yaml", ".yml", ".json") or path.is_file():
        return from_file(path, overrides)
    return from_mapping(fields(what), overrides)


def _shorthand(**values: int | None) -> list[str]:
    return [f"{name}={value}" for name, value in values.items() if value is not None]
