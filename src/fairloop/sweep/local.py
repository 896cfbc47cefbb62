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
from pathlib import Path

from filelock import FileLock, Timeout

from fairloop._util.files import write_text
from fairloop.sweep.job import MEMORY_PER_RUN, WRONG_INPUT, Job, SweepView, raise_if_failed, run_in

_POLL_SECONDS = 0.2
_PATIENCE_SECONDS = 30.0


def run_all(
    jobs: Sequence[Job],
    out: Path,
    models: Path,
    workers: int,
    view: SweepView,
    track: str | None = None,
    replicas: int = 1,
) -> None:
    """Run every job that is not done, `workers` at a time. One that fails does not keep the others from running.

    replicas: runs in one process; the next ones begin when all of them have ended.

    Raises FairloopError at the end if any failed (InputError if all of those for wrong input), and stops all of
    them cleanly on KeyboardInterrupt.
    """
    waiting = [job for job in reversed(jobs) if job.state != "done"]
    running: dict[int, tuple[list[Job], subprocess.Popen[bytes]]] = {}
    locks: dict[str, FileLock] = {}
    shares = _core_shares(workers, jobs[0].spec.threads)
    try:
        while waiting or running:
            for slot in range(workers):
                if slot not in running and waiting:
                    group = [waiting.pop() for _ in range(min(replicas, len(waiting)))]
                    if group := [job for job in group if _ours(job, out, locks)]:
                        running[slot] = (group, _start(group, out, models, shares[slot], track))
            for slot, (group, process) in list(running.items()):
                ended = process.poll()
                for job in group:
                    job.line = last_line(Path(job.log))
                    job.done = run_in(out, job.spec).committed()
                    if ended is not None:
                        locks.pop(job.spec.identity).release()
                        job.end(0 if len(group) > 1 and job.done >= job.spec.generations else ended)
                if ended is not None:
                    del running[slot]
            view.show(jobs)
            time.sleep(_POLL_SECONDS)
    finally:
        _stop([process for _, process in running.values()])
        for lock in locks.values():
            lock.release()
    raise_if_failed(jobs)


def default_workers(threads: int) -> int:
    """As many as this machine has cores and free memory for."""
    cores = len(_cores()) // threads
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):  # not every system tells
        return max(1, cores)
    return max(1, min(cores, free // MEMORY_PER_RUN))


def _ours(job: Job, out: Path, locks: dict[str, FileLock]) -> bool:
    """Whether the run of `job` is this sweep's until its process ends; if another sweep in `out` has it, it fails."""
    job.log = str(out / "logs" / f"{job.spec.identity}.log")
    Path(job.log).parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(Path(job.log).with_suffix(".lock"), timeout=0)
    try:
        lock.acquire()
    except Timeout:
        job.line = f"--out: another sweep in {out} has this run; wait for it"
        job.end(WRONG_INPUT)
        return False
    locks[job.spec.identity] = lock
    return True


def _start(
    group: Sequence[Job], out: Path, models: Path, cores: set[int] | None, track: str | None
) -> subprocess.Popen[bytes]:
    """A process for one run, or for several together."""
    for job in group:
        write_text(Path(job.log).with_suffix(".yaml"), job.spec.to_yaml())
        Path(job.log).write_bytes(b"")
        job.state = "running"
    places = [(str(Path(job.log).with_suffix(".yaml")), str(run_in(out, job.spec).root), job.log) for job in group]
    if len(group) == 1:
        spec, place, words = places[0]
        command = ["fairloop", "run", spec, "--out", place, "--store", str(models)]
        command += ["--track", track] if track else []
    else:
        words = str(out / "logs" / f"together-{group[0].spec.identity}.log")
        command = ["fairloop.sweep.together", str(models), *(part for place in places for part in place)]
    with Path(words).open("wb") as file:
        # A session of its own: Ctrl-C reaches the sweep alone, which then stops its runs one by one.
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    if cores is not None:
        os.sched_setaffinity(process.pid, cores)
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


def last_line(log: Path) -> str:
    """What a run said last; empty if it said nothing."""
    return next(_lines_from_end(log), "")


def _lines_from_end(log: Path) -> Iterator[str]:
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
        lines = file.read().decode("utf-8", errors="replace").splitlines()
    return (line.strip() for line in reversed(lines) if line.strip())
