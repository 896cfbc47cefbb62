"""Commands that run experiments, and the schema of their specs: run, schema, fetch, demo."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from fairloop.cli.options import Changes, Json, Out, Output, Quiet, Root, Track, What, say, shorthand
from fairloop.errors import InputError
from fairloop.running import Tracker

if TYPE_CHECKING:
    from fairloop.running.run import View
    from fairloop.store.directory import RunDirectory


class FieldsCommand(TyperCommand):
    """A command whose help ends with every field of a spec, looked up when the help is shown."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        from fairloop.data import DATASETS, DEFAULT
        from fairloop.presets import names
        from fairloop.spec.fields import data_table
        from fairloop.spec.run import field_table

        tables = {"Fields, for --set and for spec files, with their defaults": field_table()}
        for name in DATASETS:
            if name != DEFAULT:
                tables[f"Fields of data where data.name is {name}"] = data_table(name)
        for title, rows in tables.items():
            said = [(path if value is None else f"{path} [{value}]", words) for path, value, words in rows]
            with formatter.section(title):
                formatter.write_dl(said, col_max=44)
        with formatter.section("Presets"):
            formatter.write_text(", ".join(names()))


def run(
    what: What,
    out: Out,
    set_: Changes = None,
    root: Root = None,
    seed: Annotated[int | None, typer.Option(help="short for --set seed=N")] = None,
    generations: Annotated[int | None, typer.Option(help="short for --set generations=N")] = None,
    store: Annotated[
        Path | None,
        typer.Option(help="directory of models to share with other runs (all are kept); default: OUT/models"),
    ] = None,
    track: Track = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="set damaged files of the run aside, and resume from the generation before")
    ] = False,
    quiet: Quiet = False,
    json_: Json = False,
) -> None:
    """Run one experiment, or resume it after an interruption."""
    output = Output(quiet, json_)
    from fairloop._util.directories import claim
    from fairloop.presets import read

    spec = read(what, [*(set_ or ()), *shorthand({"data.root": root, "seed": seed, "generations": generations})])
    output.say(f"{spec.name}: loading torch ...")
    from fairloop._util.process import keep_freed_memory

    keep_freed_memory()
    from fairloop.running.run import run as run_in
    from fairloop.store.directory import RunDirectory

    if store is not None:
        claim(store, "models", "--store")
    directory = RunDirectory(out)
    with _view(output, directory, track) as view:
        run_in(spec, directory, view, store, repair=repair)
    if output.console.is_terminal:
        output.say(f"next: fairloop export {out} --out table.csv")
    output.give(**_told_of_run(directory))


def schema(
    out: Annotated[Path | None, typer.Option("--out", help="the file; default: print to stdout")] = None,
    quiet: Quiet = False,
    json_: Json = False,
) -> None:
    """Write the JSON schema of spec files, for completion and checks in editors."""
    output = Output(quiet, json_)
    from fairloop._util.directories import claim_file
    from fairloop._util.files import write_text
    from fairloop.spec.schema import schema as schema_of_specs
    from fairloop.spec.schema import text

    if out is not None:
        claim_file(out)
        write_text(out, text())
        output.say(f"{out}: begin a spec file beside it with the line '# yaml-language-server: $schema={out.name}'")
    elif not (quiet or json_):
        typer.echo(text(), nl=False)
    output.give(out=out, schema=schema_of_specs())


def fetch(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="the --out of a sweep, such as s3://...")],
    out: Out,
    models: Annotated[bool, typer.Option("--models", help="download the models, too")] = False,
) -> None:
    """Download a sweep's results; only files that are missing here."""
    from fairloop.store.remote import Folder, claim_for

    folder = Folder(address)
    names = [name for name in folder.names() if models or not name.startswith("models/")]
    if not names:
        raise InputError(f"{address}: holds nothing; give the --out of the sweep")
    claim_for(folder, names, out)
    fetched = folder.fetch(out, names)
    say(f"{out}: {fetched} of {len(names)} files fetched; next: fairloop export {out} --out table.parquet")


def demo(
    out: Annotated[Path, typer.Option("--out", help="directory of the runs and the picture")] = Path("demo"),
    seed: Annotated[int, typer.Option(min=0, help="of all random numbers")] = 0,
) -> None:
    """Show a fairness feedback loop, and the effect of STAR, on real digits, in minutes."""
    from fairloop._util.process import keep_freed_memory

    keep_freed_memory()
    from fairloop.cli.demo import demo as run_demo

    run_demo(out, seed, Output().console)


def _view(output: Output, directory: RunDirectory, track: Tracker | None) -> AbstractContextManager[View]:
    from fairloop.running.progress import LineView, view_for

    seen = not (output.quiet or output.as_json)
    view: View = view_for(output.console) if seen else LineView()
    if track is None:
        return view
    from fairloop.running.tracking import Tracked

    return Tracked(view, track, directory)


def _told_of_run(directory: RunDirectory) -> dict[str, Any]:
    spec, session = directory.spec(), directory.provenance().sessions[-1]
    return {
        "run": spec.identity,
        "out": str(directory.root),
        "state": "finished",
        "done": directory.committed(),
        "generations": spec.generations,
        "seconds": session.seconds,
        "trained": session.trained,
    }
