"""The command `sweep`: many runs, on this machine or on a cluster, and the time and disk that they take."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from fairloop._util.lookup import meant
from fairloop.cli.options import Changes, Json, Output, Quiet, Root, Track, complete_sweep, shorthand
from fairloop.errors import InputError
from fairloop.running import Tracker

if TYPE_CHECKING:
    from fairloop.spec.run import RunSpec
    from fairloop.store.directory import RunDirectory
    from fairloop.sweep.grid import Sweep
    from fairloop.sweep.job import Job

Experiments = Annotated[
    str,
    typer.Argument(
        metavar="PRESET|SPEC.yaml", help="the spec of all runs, or a whole sweep", autocompletion=complete_sweep
    ),
]
Grid = Annotated[list[str] | None, typer.Option(metavar="FIELD=V1,V2", help="values of a field; a list in brackets")]
Base = Annotated[
    str | None, typer.Option(metavar="PRESET|SPEC.yaml", help="base for a sweep's cases and grid, in place of its own")
]
Ray = Annotated[
    str | None, typer.Option(metavar="auto|ADDRESS|local", help="run on a Ray cluster; --out may be an address")
]


class SweepCommand(TyperCommand):
    """A command whose help ends with the sweep presets."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        from fairloop.presets import names, sweeps

        with formatter.section("Whole sweeps"):
            formatter.write_text(", ".join(sweeps()))
        with formatter.section("Presets of one run, to be swept by --seeds and --grid"):
            formatter.write_text(", ".join(names()))


def sweep(
    what: Experiments,
    out: Annotated[str, typer.Option("--out", help="directory of the runs; the same command again goes on there")],
    seeds: Annotated[str | None, typer.Option(help="such as 0-24 or 0,2,5-7; default: the spec's or sweep's")] = None,
    grid: Grid = None,
    set_: Changes = None,
    root: Root = None,
    base: Base = None,
    workers: Annotated[int | None, typer.Option(min=1, help="runs at a time; default: as many as fit")] = None,
    store: Annotated[str | None, typer.Option(help="models to share with other sweeps; default: OUT/models")] = None,
    ray: Ray = None,
    gpus: Annotated[
        float, typer.Option("--gpus-per-run", min=0, help="with --ray; also a fraction, such as 0.25")
    ] = 0.0,
    replicas: Annotated[int, typer.Option(min=1, help="runs in one process, for runs of a few seconds on a CPU")] = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print the runs, and their time and disk")] = False,
    track: Track = None,
    quiet: Quiet = False,
    json_: Json = False,
) -> None:
    """Run a grid of experiments over several seeds, sharing the models that runs have in common."""
    output = Output(quiet, json_)
    changes = [*(set_ or ()), *shorthand({"data.root": root})]
    specs = _sweep(what, base, seeds, grid or [], changes).specs()
    wishes = _Wishes(out, store, workers, ray, gpus, replicas, track)
    wishes.claim()
    if dry_run:
        _say_what_it_takes(specs, wishes.workers_for(specs), output)
        return
    jobs = wishes.jobs(specs)
    try:
        wishes.run(jobs, output)
    finally:
        if json_:
            output.give(out=out, runs=_told_of_jobs(jobs), **_told_of_work(wishes.runs(jobs)))
    _say_what_is_next(out, len(jobs), wishes.runs(jobs), output)


def _say_what_is_next(out: str, count: int, runs: list[RunDirectory], output: Output) -> None:
    """Print the work that `count` jobs shared, and the next command. runs: runs on this machine."""
    from fairloop.sweep.job import shared_work

    if runs:
        output.say(str(shared_work(runs)))
    after = f"export {out} --out table.parquet" if runs else f"fetch {out} --out DIR"
    output.say(f"{out}: {count} runs; next: fairloop {after}")


@dataclass(frozen=True)
class _Wishes:
    """The location of a sweep and its workers, from the command's options."""

    out: str
    store: str | None
    workers: int | None
    ray: str | None
    gpus: float
    replicas: int
    track: Tracker | None

    @property
    def directory(self) -> Path | None:
        """The sweep's directory; None for a sweep at an address."""
        return None if "://" in self.out else Path(self.out)

    def claim(self) -> None:
        """Raise InputError if a directory is of another kind."""
        from fairloop._util.directories import claim

        if self.directory is not None:
            claim(self.directory, "a sweep")
        if self.store is not None and "://" not in self.store:
            claim(Path(self.store), "models", "--store")

    def workers_for(self, specs: list[RunSpec]) -> int:
        """The number of concurrent runs on this machine."""
        from fairloop.sweep.local import default_workers

        return self.workers or default_workers(max(spec.threads for spec in specs))

    def jobs(self, specs: list[RunSpec]) -> list[Job]:
        """The jobs of the sweep. Raises InputError for options that exclude each other."""
        from fairloop.sweep.job import jobs_at, jobs_in
        from fairloop.sweep.ray_run import Place

        if self.ray is None and ("://" in self.out or "://" in (self.store or "") or self.gpus):
            raise InputError("--out, --store, --gpus-per-run: addresses and shares of GPUs need --ray")
        if self.replicas > 1 and (self.ray is not None or self.track is not None):
            raise InputError("--replicas: goes with neither --ray (there --gpus-per-run 0.25 shares a GPU) nor --track")
        if self.replicas > 1:
            _check_no_gpu(specs)
        if self.track is not None:
            _check_tracker(self.track, self.ray)
        Place.below(self.out, self.store)
        if self.directory is not None:
            return jobs_in(self.directory, specs)
        from fairloop.store.remote import claim_address

        claim_address(self.out)
        return jobs_at(specs)

    def run(self, jobs: list[Job], output: Output) -> None:
        """Run the jobs that are not done. Raises FairloopError at the end if a job failed."""
        from fairloop.sweep.view import SweepLines, sweep_view

        seen = not (output.quiet or output.as_json)
        with sweep_view(output.console, self.directory) if seen else SweepLines() as view:
            if self.ray is None:
                from fairloop.sweep.local import run_all

                out, workers = Path(self.out), self.workers_for([job.spec for job in jobs])
                run_all(jobs, out, Path(self.store or out / "models"), workers, view, self.track, self.replicas)
            else:
                from fairloop.sweep import ray_cluster, ray_run

                place = ray_run.Place.below(self.out, self.store)
                ray_cluster.run_all(jobs, place, self.ray, view, workers=self.workers, gpus=self.gpus)

    def runs(self, jobs: list[Job]) -> list[RunDirectory]:
        """The directories of runs that have begun; none for a sweep at an address."""
        from fairloop.sweep.job import run_in

        if self.directory is None:
            return []
        return [run for job in jobs if (run := run_in(self.directory, job.spec)).exists]


def _told_of_jobs(jobs: list[Job]) -> list[dict[str, Any]]:
    return [
        {
            "run": job.identity,
            "name": job.name,
            "state": job.state,
            "done": job.done,
            "generations": job.spec.generations,
            "line": job.line,
        }
        for job in jobs
    ]


def _told_of_work(runs: list[RunDirectory]) -> dict[str, Any]:
    from fairloop.sweep.job import shared_work

    work = shared_work(runs)
    return {"trained": dict(work.trained), "alone": dict(work.alone)} if runs else {}


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
        raise InputError(f"'{what}' is not a preset ({', '.join(known)}) or a file{meant(what, known)}")
    if whole is None:
        if base is not None:
            raise InputError(f"--base: '{what}' is one run, not a sweep; leave --base out")
        spec = presets.read(what, overrides)
        return Sweep(spec.model_dump(mode="json"), parse_seeds(seeds or str(spec.seed)), grid=parse_grid(grid))
    fields = presets.read(base or whole.base, overrides).model_dump(mode="json")
    return Sweep(fields, parse_seeds(seeds or str(whole.seeds)), whole.cases, {**whole.grid, **parse_grid(grid)})


def _say_what_it_takes(specs: list[RunSpec], workers: int, output: Output) -> None:
    for spec in specs:
        output.say(spec.identity)
    output.say(f"{len(specs)} runs of {specs[0].generations} generations; timing a few steps of each kind of model ...")
    from fairloop._util.process import keep_freed_memory

    keep_freed_memory()
    from fairloop._util.clock import duration
    from fairloop.sweep.estimate import estimate

    guess = estimate(specs)
    output.say(f"models to train: {guess.models.total():,}, against {guess.alone.total():,} in separate runs")
    for role, seconds in guess.steps.items():
        output.say(
            f"  {role.replace('_', ' ')}s: {guess.models[role]:,} instead of {guess.alone[role]:,}; "
            f"a step takes {seconds * 1000:.3g} ms"
        )
    output.say(
        f"about {duration(guess.work)} of work on one core; with {workers} worker{'s' if workers > 1 else ''} about "
        f"{duration(guess.seconds(workers))}; models take about {guess.bytes / 1e9:.2g} GB of disk"
    )
    output.give(
        runs=[spec.identity for spec in specs],
        workers=workers,
        seconds=guess.seconds(workers),
        work=guess.work,
        longest=guess.longest,
        bytes=guess.bytes,
        steps=dict(guess.steps),
        models=dict(guess.models),
        alone=dict(guess.alone),
    )


def _check_no_gpu(specs: list[RunSpec]) -> None:
    """Raise InputError if a run would be on a CUDA GPU."""
    from fairloop.models.numerics import resolve

    if any(resolve(spec.precision, spec.device, spec.threads).device == "cuda" for spec in specs):
        raise InputError("--replicas: runs on a GPU need a process each; use --workers, or --set device=cpu")


def _check_tracker(track: Tracker, ray: str | None) -> None:
    """Raise InputError before any run begins if `track` cannot be used."""
    from fairloop.running.tracking import check

    if ray is not None:
        raise InputError(
            "--track: does not work with --ray; fetch a run, then log it by fairloop run with its spec.yaml"
        )
    check(track)
