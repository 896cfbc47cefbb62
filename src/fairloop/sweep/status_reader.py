"""The current state of runs and sweeps, from their files. This module only reads."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache, reduce
from pathlib import Path
from typing import Literal

import pyarrow.compute as pc

from fairloop._util.clock import duration
from fairloop.errors import InputError
from fairloop.spec.names import run_name
from fairloop.spec.run import RunSpec
from fairloop.store.directory import RunDirectory, find_runs
from fairloop.store.status import Status
from fairloop.sweep.job import jobs_at
from fairloop.sweep.status import Entry, SweepStatus

State = Literal["failed", "silent", "running", "waiting", "interrupted", "unknown", "finished"]
"""States in the order of urgency. `silent`: the run has stopped updating its status. `unknown`: the run is not
finished, and of version 0.1.0, which wrote no status."""


@dataclass(frozen=True)
class Sight:
    """The current state of one run.

    run: its name in tables. case, seed: its name for readers. done: recorded generations, of `generations`.
    doing: its activity. epoch: of the model in training, of `epochs`; both are 0 without training. accuracy,
    unfairness: accuracy and equalized odds difference of the last recorded classifier on test data; NaN without
    one. pace: seconds per generation. remaining: estimated seconds until the end. took: seconds of all
    sessions. note: the reason of a failure, or another problem.
    """

    run: str
    case: str
    seed: int
    state: State
    done: int
    generations: int
    doing: str = ""
    epoch: int = 0
    epochs: int = 0
    accuracy: float = math.nan
    unfairness: float = math.nan
    pace: float | None = None
    remaining: float | None = None
    took: float | None = None
    since: datetime | None = None
    updated: datetime | None = None
    process: int | None = None
    machine: str | None = None
    note: str = ""

    @property
    def name(self) -> str:
        """The run's name for readers."""
        return run_name(self.case, self.seed)


@dataclass(frozen=True)
class Scene:
    """The current state of some runs. workers: number of concurrent runs of their sweeps; 0 if unknown."""

    runs: list[Sight] = field(default_factory=list)
    workers: int = 0

    def count(self, state: State) -> int:
        """The number of runs in `state`."""
        return sum(run.state == state for run in self.runs)

    @property
    def remaining(self) -> float | None:
        """Estimated seconds until all running and waiting runs have ended; None if no run has a pace yet.

        A run without a pace counts with the mean pace of the others.
        """
        paces = [run.pace for run in self.runs if run.pace is not None]
        going = [run for run in self.runs if run.state in ("running", "waiting")]
        if not paces or not going:
            return None
        mean = sum(paces) / len(paces)
        left = [
            run.remaining if run.remaining is not None else (run.generations - run.done) * (run.pace or mean)
            for run in going
        ]
        return max(*left, sum(left) / max(1, self.workers or self.count("running")))


def look(paths: Sequence[Path]) -> Scene:
    """All runs in `paths`, also runs that a sweep there has not begun. Raises InputError for a path without runs."""
    sweeps = {path.absolute(): found for path in paths if (found := SweepStatus.read(path))}
    runs = [run for path in paths for run in _runs_in(path, begun=path.absolute() in sweeps)]
    for run in runs:
        above = run.root.absolute().parent.parent
        if above not in sweeps and (found := SweepStatus.read(above)):
            sweeps[above] = found
    entries = {out / "runs" / entry.run: (entry, sweep) for out, sweep in sweeps.items() for entry in sweep.runs}
    jobs = jobs_at([_spec(run.root, (run.root / "spec.yaml").stat().st_mtime_ns) for run in runs])
    sights = []
    for run, job in zip(runs, jobs, strict=True):
        entry, sweep = entries.pop(run.root.absolute(), (None, None))
        alive = sweep is not None and sweep.state == "running" and sweep.life == "alive"
        sights.append(_look(run, job.spec, entry.case if entry else job.case, entry, alive=alive))
    watched = {path.absolute() for path in paths}
    sights += [_planned(entry, sweep) for root, (entry, sweep) in entries.items() if root.parent.parent in watched]
    return Scene(_in_order(sights), sum(sweep.workers for sweep in sweeps.values() if sweep.state == "running"))


def _runs_in(path: Path, *, begun: bool) -> list[RunDirectory]:
    """begun: whether a sweep has begun in `path`, which may hold no run yet."""
    try:
        return find_runs([path])
    except InputError:
        if begun:
            return []
        raise


def _planned(entry: Entry, sweep: SweepStatus) -> Sight:
    """A run of a sweep without a directory."""
    sight = Sight(entry.run, entry.case, entry.seed, "waiting", entry.done, entry.generations)
    if entry.state == "failed":
        return replace(sight, state="failed", note=entry.line or "its process was killed")
    if sweep.state != "running" or sweep.life == "gone":
        return replace(sight, state="interrupted", note="not begun; its sweep has ended")
    return replace(sight, state="running", doing="reading data") if entry.state == "running" else sight


def _look(run: RunDirectory, spec: RunSpec, case: str, entry: Entry | None, *, alive: bool) -> Sight:
    """alive: whether the sweep of `entry` is running."""
    sight = Sight(spec.identity, case, spec.seed, "unknown", run.committed(), spec.generations)
    try:
        sight = _with_status(sight, run.status())
        if entry and alive and entry.state == "running" and sight.state in ("interrupted", "failed", "unknown"):
            sight = replace(sight, state="running", doing="reading data", note="")
        elif entry and entry.state == "failed" and sight.state in ("interrupted", "unknown"):
            sight = replace(sight, state="failed", note=entry.line or "its process was killed")
        accuracy, unfairness = _measures(run.root, sight.done)
        took = sum(session.seconds for session in run.provenance().sessions)
        return replace(sight, accuracy=accuracy, unfairness=unfairness, took=took)
    except InputError as damage:  # damage of one run must not hide the others
        return replace(sight, state="failed", note=str(damage))


def _with_status(sight: Sight, status: Status | None) -> Sight:
    whole = sight.done >= sight.generations
    if status is None:
        return replace(sight, state="finished" if whole else "unknown")
    told = {name: getattr(status, name) for name in ("pace", "since", "updated", "process", "machine")}
    sight = replace(sight, **told)
    if status.state in ("running", "waiting"):
        if status.life == "gone":
            state: State = "finished" if whole else "interrupted"
            return replace(sight, state=state, note="" if whole else f"process {status.process} is gone")
        late = f"no sign of life for {duration(status.silence)}, from process {status.process} on {status.machine}"
        return replace(
            sight,
            state="silent" if status.life == "silent" else status.state,
            doing=status.doing,
            epoch=status.epoch,
            epochs=status.epochs,
            remaining=None if status.remaining is None else max(0.0, status.remaining - status.silence),
            note=late if status.life == "silent" else "",
        )
    if status.state == "finished":
        return replace(sight, state="finished" if whole else "interrupted")
    return replace(sight, state=status.state, note=status.message)


def _in_order(sights: Sequence[Sight]) -> list[Sight]:
    """The runs sorted by case, in the order of each case's first run, and by seed.

    Runs of several sweeps with equal names also get the end of their name in tables.
    """
    places = {case: i for i, case in enumerate(dict.fromkeys(sight.case for sight in sights))}
    sights = sorted(sights, key=lambda sight: (places[sight.case], sight.seed))
    names = Counter(sight.name for sight in sights)
    return [
        replace(sight, case=f"{sight.case} ({sight.run[-8:]})") if names[sight.name] > 1 else sight for sight in sights
    ]


@cache
def _spec(root: Path, changed: int) -> RunSpec:
    return RunDirectory(root).spec()


@cache
def _measures(root: Path, done: int) -> tuple[float, float]:
    """Accuracy and equalized odds difference of the last of `done` generations; NaN without one."""
    records = RunDirectory(root).records()

    def value(group: str, metric: str) -> float:
        wanted = {"role": "classifier", "split": "test", "group": group, "metric": metric}
        right = reduce(pc.and_, (pc.equal(records[name], text) for name, text in wanted.items()))
        found = records.filter(pc.and_(right, pc.equal(records["generation"], done - 1)))["value"].to_pylist()
        return float(found[0]) if found else math.nan

    return value("overall", "accuracy"), value("difference", "equalized_odds")
