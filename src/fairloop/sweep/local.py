"""A sweep on this machine: one process per run, some at a time, each on cores of its own.

Runs share one directory of models. A model that several of them need is fitted by the first that asks, while
the others wait for it, so nothing is trained twice; and since every run is `fairloop run`, a sweep's results
are those of its runs made alone.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fairloop.errors import FairloopError, InputError
from fairloop.spec import RunSpec
from fairloop.store.directory import RunDirectory
from fairloop.store.files import write_text

MEMORY_PER_RUN = 1.5 * 2**30
"""Bytes that a run is reckoned to need when workers are counted; `colored-mnist` peaks below that."""

_WRONG_INPUT = 2  # the exit code of a run that was not started
_POLL_SECONDS = 0.2
_PATIENCE_SECONDS = 30.0


@dataclass
class Job:
    """One run of a sweep.

    state: `waiting`, `running`, `done` or `failed`. line: the last that it said. code: how its process ended.
    """

    spec: RunSpec
    directory: RunDirectory
    log: Path
    state: str = "waiting"
    line: str = ""
    code: int | None = None

    @property
    def generations(self) -> int:
        """How many are recorded."""
        return self.directory.committed()


class SweepView(AbstractContextManager["SweepView"], Protocol):
    """Shows a person how a sweep goes on."""

    def show(self, jobs: Sequence[Job]) -> None:
        """The jobs as they stand now; called several times a second."""


def jobs_in(root: Path, specs: Sequence[RunSpec]) -> list[Job]:
    """A job for each spec, in directories below `root`. Raises InputError if one of them holds another run."""
    jobs = []
    for spec in specs:
        directory = RunDirectory(root / "runs" / spec.identity)
        directory.check(spec)
        jobs.append(Job(spec, directory, root / "logs" / f"{spec.identity}.log"))
    return jobs


def run_all(jobs: Sequence[Job], models: Path, workers: int, view: SweepView) -> None:
    """Run every job, `workers` at a time. A job that fails does not keep the others from running.

    Raises FairloopError at the end if any failed (InputError if all of those for wrong input), and stops all of
    them cleanly on KeyboardInterrupt.
    """
    waiting = list(reversed(jobs))
    running: dict[int, tuple[Job, subprocess.Popen[bytes]]] = {}
    shares = _core_shares(workers, jobs[0].spec.threads)
    try:
        while waiting or running:
            for slot in range(workers):
                if slot not in running and waiting:
                    job = waiting.pop()
                    running[slot] = (job, _start(job, models, shares[slot]))
            for slot, (job, process) in list(running.items()):
                job.line = _last_line(job.log)
                if process.poll() is not None:
                    job.code = process.returncode
                    job.state = "done" if job.code == 0 else "failed"
                    del running[slot]
            view.show(jobs)
            time.sleep(_POLL_SECONDS)
    finally:
        _stop([process for _, process in running.values()])
    failed = [job for job in jobs if job.state == "failed"]
    if failed:
        first = failed[0]
        kind = InputError if all(job.code == _WRONG_INPUT for job in failed) else FairloopError
        raise kind(
            f"{len(failed)} of {len(jobs)} runs failed, first {first.spec.identity}: {first.line} (see {first.log}); "
            "the same command again tries them anew"
        )


def default_workers(threads: int) -> int:
    """As many as this machine has cores and free memory for."""
    cores = len(_cores()) // threads
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):  # not every system tells
        return max(1, cores)
    return max(1, min(cores, int(free / MEMORY_PER_RUN)))


def _start(job: Job, models: Path, cores: set[int] | None) -> subprocess.Popen[bytes]:
    job.log.parent.mkdir(parents=True, exist_ok=True)
    spec = job.log.with_suffix(".yaml")
    write_text(spec, job.spec.to_yaml())
    command = [
        sys.executable,
        "-m",
        "fairloop",
        "run",
        str(spec),
        "--out",
        str(job.directory.root),
        "--store",
        str(models),
    ]
    with job.log.open("wb") as log:
        # A session of its own: Ctrl-C reaches the sweep alone, which then stops its runs one by one.
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    if cores is not None:
        os.sched_setaffinity(process.pid, cores)
    job.state = "running"
    return process


def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()


def _core_shares(workers: int, threads: int) -> list[set[int] | None]:
    """Cores for each worker; None where there are too few to give each its own."""
    cores = sorted(_cores())
    if workers * threads > len(cores) or not hasattr(os, "sched_setaffinity"):
        return [None] * workers
    return [set(cores[slot * threads : (slot + 1) * threads]) for slot in range(workers)]


def _cores() -> set[int]:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))


def _last_line(log: Path) -> str:
    return next(_lines_from_end(log), "")


def _lines_from_end(log: Path) -> Iterator[str]:
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
        lines = file.read().decode("utf-8", errors="replace").splitlines()
    return (line.strip() for line in reversed(lines) if line.strip())
