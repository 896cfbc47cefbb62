"""The progress of a sweep, as data: `status.json` in its directory. It also holds the runs that have not begun."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal

from pydantic import BaseModel, ConfigDict

from fairloop.store.status import Beat, Count, State, ended
from fairloop.sweep.job import Job

_SECONDS_BETWEEN_WRITES = 1.0
_MOST_TIME_WRITING = 0.01  # as a share: the file of 100,000 runs is large


class Entry(BaseModel):
    """The state of a run in its sweep.

    run: its name in tables and of its directory. case, seed: its name for readers. line: the last line of its
    log, which has the reason of a failure.
    """

    model_config = ConfigDict(frozen=True)
    run: str
    case: str
    seed: int
    state: Literal["waiting", "running", "done", "failed"]
    done: Count
    generations: Count
    line: str = ""


class SweepStatus(Beat):
    """The progress of a sweep. workers: number of concurrent runs; 0 if a cluster decides."""

    state: State = "running"
    workers: Count = 0
    runs: tuple[Entry, ...]


class SweepPulse:
    """A context that keeps the status of a sweep up to date.

    out: the sweep's directory; None without a directory on this machine: no status is written.
    """

    def __init__(self, out: Path | None, jobs: Sequence[Job], workers: int = 0) -> None:
        self._out = out
        self._jobs = jobs
        before = SweepStatus.read(out) if out is not None else None
        now = SweepStatus(workers=workers, runs=())
        self._status = now.model_copy(update={"since": before.since if before else now.since})
        self._next = 0.0

    def __enter__(self) -> SweepPulse:
        self.beat()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        failed = error is None and any(job.state == "failed" for job in self._jobs)
        self._write("failed" if failed else ended(error))

    def beat(self) -> None:
        """Write the state of the jobs, at limited frequency."""
        if time.monotonic() >= self._next:
            began = time.monotonic()
            self._write("running")
            took = time.monotonic() - began
            self._next = began + max(_SECONDS_BETWEEN_WRITES, took / _MOST_TIME_WRITING)

    def _write(self, state: State) -> None:
        if self._out is not None:
            entries = tuple(map(_entry, self._jobs))
            self._status.model_copy(update={"state": state, "runs": entries}).write(self._out)


def _entry(job: Job) -> Entry:
    return Entry(
        run=job.spec.identity,
        case=job.case,
        seed=job.spec.seed,
        state=job.state,
        done=job.done,
        generations=job.spec.generations,
        line=job.line,
    )
