"""Runs seen from another terminal. Only reads: what runs keep on disk, and which locks the system says are held."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, reduce
from pathlib import Path
from typing import Literal

import pyarrow.compute as pc
from rich.console import Console, ConsoleDimensions
from rich.live import Live
from rich.table import Table
from rich.text import Text
from safetensors import SafetensorError, safe_open

from fairloop._util.clock import duration
from fairloop._util.escape import for_terminal
from fairloop.errors import InputError
from fairloop.report.text import widen
from fairloop.spec.run import RunSpec
from fairloop.store.directory import RunDirectory, find_runs
from fairloop.sweep.job import jobs_at
from fairloop.sweep.local import last_line

State = Literal["running", "failed", "interrupted", "finished"]
Locks = dict[int, int]
"""The processes that hold locks, by the inodes of the locked files."""

_URGENCY: list[State] = ["failed", "running", "interrupted", "finished"]
_SECONDS_BETWEEN_LOOKS = 2.0


@dataclass(frozen=True)
class Sight:
    """One run as it stands.

    name: what tells it from the others. done: generations that are recorded, of `generations`. now: what is being
    trained, or what a failed run said last. accuracy, unfairness: accuracy and equalized odds difference of the last
    recorded classifier on test data; NaN if there is none. time: how long it took, or will still take, in words.
    """

    name: str
    state: State
    done: int
    generations: int
    now: str
    accuracy: float
    unfairness: float
    time: str


def look(paths: list[Path]) -> list[Sight]:
    """All runs in `paths`. Raises InputError if one of them holds none."""
    runs = find_runs(paths)
    jobs = jobs_at([_spec(run.root, (run.root / "spec.yaml").stat().st_mtime_ns) for run in runs])
    locks = _locks()
    return [_look(run, job.spec, job.name, locks) for run, job in zip(runs, jobs, strict=True)]


def watch(paths: list[Path], console: Console, *, once: bool) -> None:
    """Show the runs in `paths` until Ctrl-C; or `once`, as where there is no terminal."""
    widen(console)
    if once or not console.is_terminal:
        console.print(_table(look(paths)))
        return
    with Live(console=console, auto_refresh=False) as live:
        try:
            while True:
                live.update(_table(look(paths), console.size), refresh=True)
                time.sleep(_SECONDS_BETWEEN_LOOKS)
        except KeyboardInterrupt:  # how a person leaves; the runs go on
            return


def _table(sights: Sequence[Sight], room: ConsoleDimensions | None = None) -> Table:
    """room: the terminal's, where each run gets one line, and finished runs make room for the others."""
    states = [sight.state for sight in sights]
    counts = ", ".join(f"{states.count(state)} {state}" for state in _URGENCY if state in states)
    if room and len(sights) > (most := max(1, room.height - 6)):
        sights = sorted(sights, key=lambda sight: _URGENCY.index(sight.state))[:most]
        counts += f" ({most} shown)"
    table = Table(caption=counts, expand=True)
    widest = max(15, (room.width - 30) // 2) if room else 1_000
    table.add_column("run", no_wrap=room is not None)
    for name in ("gen.", "acc.", "EO"):
        table.add_column(name, no_wrap=True, justify="right")
    table.add_column("state", no_wrap=room is not None, overflow="ellipsis" if room else "fold", ratio=1)
    for sight in sights:
        values = ["-" if math.isnan(value) else f"{value:.3f}" for value in (sight.accuracy, sight.unfairness)]
        state = ", ".join(filter(None, (sight.state, sight.time, sight.now)))
        table.add_row(
            Text(for_terminal(_clipped(sight.name, widest))),
            f"{sight.done}/{sight.generations}",
            *values,
            Text(for_terminal(state)),
        )
    return table


def _clipped(name: str, widest: int) -> str:
    """The seed, which tells most runs apart, stands at the end of a name."""
    return name if len(name) <= widest else f"{name[: widest - 11]}\N{HORIZONTAL ELLIPSIS}{name[-10:]}"


def _look(run: RunDirectory, spec: RunSpec, name: str, locks: Locks | None) -> Sight:
    done = run.committed()
    state: State = "finished" if done >= spec.generations else "interrupted"
    now = ""
    try:
        if _is_worked_on(run, locks):
            state, now = "running", _training(run, spec, locks)
        elif state == "interrupted" and (complaint := _complaint(run)):
            state, now = "failed", complaint
        measures = _measures(run.root, done)
        return Sight(name, state, done, spec.generations, now, *measures, _time(run, spec, done, state))
    except InputError as damage:  # of one run, which shall not hide the others
        return Sight(name, "failed", done, spec.generations, str(damage), math.nan, math.nan, "")


@cache
def _spec(root: Path, changed: int) -> RunSpec:
    return RunDirectory(root).spec()


@cache
def _measures(root: Path, done: int) -> tuple[float, float]:
    """Accuracy and equalized odds difference of the last of `done` generations; NaN if there is none."""
    records = RunDirectory(root).records()

    def value(group: str, metric: str) -> float:
        wanted = {"role": "classifier", "split": "test", "group": group, "metric": metric}
        right = reduce(pc.and_, (pc.equal(records[name], text) for name, text in wanted.items()))
        found = records.filter(pc.and_(right, pc.equal(records["generation"], done - 1)))["value"].to_pylist()
        return float(found[0]) if found else math.nan

    return value("overall", "accuracy"), value("difference", "equalized_odds")


def _is_worked_on(run: RunDirectory, locks: Locks | None) -> bool:
    """Whether a process has the run. Of a process on another machine: whether it had the run, and did not let go."""
    if run.owner is None:
        return False
    process, machine = run.owner
    if machine != os.uname().nodename:
        return True
    if locks is not None:
        return _inode(run.root / "run.lock") in locks
    try:
        os.kill(process, 0)  # sends nothing
    except ProcessLookupError:
        return False
    except PermissionError:  # it is somebody else's
        return True
    return True


def _locks() -> Locks | None:
    """What the system says of locks; None where it does not tell."""
    try:
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    held = (line.split() for line in lines if "->" not in line)  # an arrow is before who waits
    return {int(fields[5].rpartition(":")[2]): int(fields[4]) for fields in held}


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return -1


def _training(run: RunDirectory, spec: RunSpec, locks: Locks | None) -> str:
    """What the run is training, as far as files and locks say: such as `generator 3, epoch 12/30 saved`."""
    models = run.root / run.provenance().get("models", "models")
    if not models.is_dir():
        return ""
    if locks is None:
        names = [path.stem for path in models.glob("*.partial")] if models == run.models else []
    else:
        process = locks.get(_inode(run.root / "run.lock"))
        mine = {inode for inode, holder in locks.items() if holder == process}
        names = [entry.name[1 : -len(".lock")] for entry in os.scandir(models) if entry.inode() in mine]
    return "; ".join(_progress(models, name, spec) for name in names)


def _progress(models: Path, name: str, spec: RunSpec) -> str:
    """name: of a model's files, such as `generator-3-0123456789abcdef`."""
    title = name.rpartition("-")[0].replace("-", " ")
    kind = title.partition(" ")[0]
    generation = title.rpartition(" ")[2]
    now = spec.at(int(generation)) if generation.isdigit() else spec
    training = {"generator": now.generator, "classifier": now.classifier}.get(kind, spec.annotator)
    epochs = now.generator.first_epochs or training.epochs if title == "generator 0" else training.epochs
    saved = _saved_epoch(models / f"{name}.partial")
    return f"{title}, epoch {saved}/{epochs} saved" if saved else f"{title}, {epochs} epochs"


def _saved_epoch(partial: Path) -> int | None:
    """How far an unfinished model is, by its file's header."""
    try:
        with safe_open(partial, framework="numpy") as file:
            return int(json.loads(file.metadata()["fairloop"])["epochs"])
    except (SafetensorError, OSError, KeyError, ValueError, TypeError):  # not there, or being replaced, or damaged
        return None


def _complaint(run: RunDirectory) -> str:
    """What a run of a sweep said last, if that is why it failed."""
    log = run.root.parent.parent / "logs" / f"{run.root.name}.log"
    said = last_line(log) if log.is_file() else ""
    failed = said.startswith("fairloop: ") and not said.startswith(("fairloop: warning:", "fairloop: interrupted"))
    return said.removeprefix("fairloop: ") if failed else ""


def _time(run: RunDirectory, spec: RunSpec, done: int, state: State) -> str:
    sessions = run.provenance().get("sessions", [])
    if state != "running":
        return f"took {duration(sum(session['seconds'] for session in sessions))}" if state == "finished" else ""
    recorded = len(sessions[-1]["generations"]) if sessions else 0
    if not recorded or done >= spec.generations:
        return ""
    return f"about {duration(sessions[-1]['seconds'] / recorded * (spec.generations - done))} left"
