"""Commands that run experiments: run, sweep, fetch, demo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from fairloop._util.lookup import meant
from fairloop.cli.options import Changes, Out, Root, Track, Tracker, complete_run, complete_sweep, say, shorthand
from fairloop.errors import InputError

if TYPE_CHECKING:
    from fairloop.spec.run import RunSpec
    from fairloop.sweep.grid import Sweep


class FieldsCommand(TyperCommand):
    """A command whose help ends with every field of a spec, looked up when the help is shown."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        from fairloop.data import DATASETS, DEFAULT
        from fairloop.presets import names
        from fairloop.spec.run import data_table, field_table

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


class SweepCommand(TyperCommand):
    """A command whose help ends with the sweep presets."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        from fairloop.presets import names, sweeps

        with formatter.section("Whole sweeps"):
            formatter.write_text(", ".join(sweeps()))
        with formatter.section("Presets of one run, to be swept by --seeds and --grid"):
            formatter.write_text(", ".join(names()))


def run(
    what: Annotated[
        str,
        typer.Argument(metavar="PRESET|SPEC.yaml", help="a preset's name or a spec file", autocompletion=complete_run),
    ],
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
        bool, typer.Option("--repair", help="set damaged files of the run aside, and go on from the generation before")
    ] = False,
) -> None:
    """Run one experiment, or go on where it was interrupted."""
    from fairloop.presets import read

    spec = read(what, [*(set_ or ()), *shorthand({"data.root": root, "seed": seed, "generations": generations})])
    from fairloop._util.process import keep_freed_memory

    keep_freed_memory()
    from rich.console import Console

    from fairloop._util.directories import claim
    from fairloop.running.progress import view_for
    from fairloop.running.run import View
    from fairloop.running.run import run as run_in
    from fairloop.store.directory import RunDirectory

    if store is not None:
        claim(store, "models", "--store")
    console = Console()
    directory = RunDirectory(out)
    shown: View = view_for(console)
    if track is not None:
        from fairloop.running.tracking import Tracked

        shown = Tracked(shown, track, directory)
    with shown as view:
        run_in(spec, directory, view, store, repair=repair)
    if console.is_terminal:
        say(f"next: fairloop export {out} --out table.csv")


def sweep(
    what: Annotated[
        str,
        typer.Argument(
            metavar="PRESET|SPEC.yaml", help="the spec of all runs, or a whole sweep", autocompletion=complete_sweep
        ),
    ],
    out: Annotated[str, typer.Option("--out", help="directory of the runs; the same command again goes on there")],
    seeds: Annotated[str | None, typer.Option(help="such as 0-24 or 0,2,5-7; default: the spec's or sweep's")] = None,
    grid: Annotated[
        list[str] | None, typer.Option(metavar="FIELD=V1,V2", help="values of a field; a list in brackets")
    ] = None,
    set_: Changes = None,
    root: Root = None,
    base: Annotated[
        str | None, typer.Option(metavar="PRESET|SPEC.yaml", help="run a sweep's cases and grid on this instead")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="runs at a time; default: what fits")] = None,
    store: Annotated[str | None, typer.Option(help="models to share with other sweeps; default: OUT/models")] = None,
    ray: Annotated[
        str | None, typer.Option(metavar="auto|ADDRESS|local", help="run on a Ray cluster; --out may be an address")
    ] = None,
    gpus: Annotated[float, typer.Option("--gpus-per-run", min=0, help="with --ray; a part of one such as 0.25")] = 0.0,
    replicas: Annotated[int, typer.Option(min=1, help="runs in one process, for a GPU that one run leaves idle")] = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print the runs and what they would take")] = False,
    track: Track = None,
) -> None:
    """Run a grid of experiments over several seeds, sharing the models that runs have in common."""
    from fairloop._util.directories import claim
    from fairloop.sweep.local import default_workers

    changes = [*(set_ or ()), *shorthand({"data.root": root})]
    specs = _sweep(what, base, seeds, grid or [], changes).specs()
    if "://" not in out:
        claim(Path(out), "a sweep")
    if store is not None and "://" not in store:
        claim(Path(store), "models", "--store")
    if dry_run:
        _say_what_it_takes(specs, workers or default_workers(specs[0].threads))
        return
    if ray is None and ("://" in out or "://" in (store or "") or gpus):
        raise InputError("--out, --store, --gpus-per-run: addresses and shares of GPUs need --ray")
    if replicas > 1 and (ray is not None or track is not None):
        raise InputError("--replicas: goes with neither --ray (there --gpus-per-run 0.25 shares a GPU) nor --track")
    if track is not None:
        _check_tracker(track, ray)
    from rich.console import Console

    from fairloop.sweep.job import jobs_at, jobs_in, shared_work
    from fairloop.sweep.view import sweep_view

    with sweep_view(Console()) as view:
        if ray is None:
            from fairloop.sweep.local import run_all

            jobs, models = jobs_in(Path(out), specs), Path(store or Path(out) / "models")
            run_all(jobs, Path(out), models, workers or default_workers(specs[0].threads), view, track, replicas)
        else:
            from fairloop.store.remote import claim_address
            from fairloop.sweep import ray_cluster

            place = ray_cluster.Place.below(out, store)
            if place.remote:
                claim_address(out)
            jobs = jobs_at(specs) if place.remote else jobs_in(Path(out), specs)
            ray_cluster.run_all(jobs, place, ray, view, workers=workers, gpus=gpus)
    if "://" in out:
        say(f"{out}: {len(jobs)} runs; next: fairloop fetch {out} --out DIR")
        return
    from fairloop.store.directory import RunDirectory, find_runs

    here = {job.spec.identity for job in jobs}
    runs: list[RunDirectory] = [run for run in find_runs([Path(out)]) if run.root.name in here]
    say(shared_work(runs))
    say(f"{out}: {len(jobs)} runs; next: fairloop export {out} --out table.parquet")


def schema(
    out: Annotated[Path | None, typer.Option("--out", help="the file; default: print it")] = None,
) -> None:
    """Write the JSON schema of spec files, by which editors complete and check them."""
    from fairloop._util.directories import claim_file
    from fairloop._util.files import write_text
    from fairloop.spec.schema import text

    if out is None:
        typer.echo(text(), nl=False)
        return
    claim_file(out)
    write_text(out, text())
    say(f"{out}: begin a spec file beside it with the line '# yaml-language-server: $schema={out.name}'")


def fetch(
    address: Annotated[
        str, typer.Argument(metavar="ADDRESS", help="what a sweep was given as --out, such as s3://...")
    ],
    out: Out,
    models: Annotated[bool, typer.Option("--models", help="bring the models, too")] = False,
) -> None:
    """Bring a sweep's results here from elsewhere; only what is new since the last time."""
    from fairloop.store.remote import Folder, claim_for

    folder = Folder(address)
    names = [name for name in folder.names() if models or not name.startswith("models/")]
    if not names:
        raise InputError(f"{address}: holds nothing; give what the sweep was given as --out")
    claim_for(folder, names, out)
    fetched = folder.fetch(out, names)
    say(f"{out}: {fetched} of {len(names)} files fetched; next: fairloop export {out} --out table.parquet")


def demo(
    out: Annotated[Path, typer.Option("--out", help="where the runs and the picture go")] = Path("demo"),
    seed: Annotated[int, typer.Option(min=0, help="of every random number")] = 0,
) -> None:
    """Show a fairness feedback loop, and what STAR changes, on real digits in two minutes."""
    from fairloop._util.process import keep_freed_memory

    keep_freed_memory()
    from rich.console import Console

    from fairloop.cli.demo import demo as run_demo

    run_demo(out, seed, Console())


def _sweep(what: str, base: str | None, seeds: str | None, grid: list[str], overrides: list[str]) -> Sweep:
    from fairloop import presets
    from fairloop.spec.run import read_fields
    from fairloop.sweep.grid import Sweep, parse_grid, parse_seeds, sweep_spec

    whole = None
    if presets.is_file(what):
        content = read_fields(Path(what))
        whole = sweep_spec(content, what) if isinstance(content, dict) and "base" in content else None
    elif what in presets.sweeps():
        whole = presets.sweep(what)
    elif what not in presets.names():
        known = [*presets.sweeps(), *presets.names()]
        raise InputError(f"'{what}' is no preset ({', '.join(known)}) and no file{meant(what, known)}")
    if whole is None:
        if base is not None:
            raise InputError(f"--base: '{what}' is one run, not a sweep whose base could be another")
        spec = presets.read(what, overrides)
        return Sweep(spec.model_dump(mode="json"), parse_seeds(seeds or str(spec.seed)), grid=parse_grid(grid))
    fields = presets.read(base or whole.base, overrides).model_dump(mode="json")
    return Sweep(fields, parse_seeds(seeds or str(whole.seeds)), whole.cases, {**whole.grid, **parse_grid(grid)})


def _say_what_it_takes(specs: list[RunSpec], workers: int) -> None:
    for spec in specs:
        say(spec.identity)
    say(f"{len(specs)} runs of {specs[0].generations} generations; measuring a few steps of each kind of model ...")
    from fairloop._util.process import keep_freed_memory

    keep_freed_memory()
    from fairloop._util.clock import duration
    from fairloop.sweep.estimate import estimate

    guess = estimate(specs)
    say(f"models to train: {guess.models.total():,}, where runs alone would train {guess.alone.total():,}")
    for role, seconds in guess.steps.items():
        say(
            f"  {role.replace('_', ' ')}s: {guess.models[role]:,} instead of {guess.alone[role]:,}; "
            f"a step takes {seconds * 1000:.3g} ms"
        )
    say(
        f"about {duration(guess.work)} of work on one core; with {workers} worker{'s' if workers > 1 else ''} about "
        f"{duration(guess.seconds(workers))}; models take about {guess.bytes / 1e9:.2g} GB of disk"
    )


def _check_tracker(track: Tracker, ray: str | None) -> None:
    """Raise InputError now, and not in each run's log, if it cannot be."""
    from fairloop.running.tracking import check

    if ray is not None:
        raise InputError("--track: is not for --ray; once a run is fetched, fairloop run with its spec.yaml logs it")
    check(track)
