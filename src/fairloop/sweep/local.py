"""A sweep on this machine: one process per run, some at a time, each on its own cores (fairloop.sweep.workers).

Runs share one directory of models. The first run that needs a model fits it, while other runs wait for it. So no
model is trained twice. Every run is `fairloop run`, so a sweep gives the results of separate runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from fairloop._util.files import write_text
from fairloop.sweep.job import MEMORY_PER_RUN, WRONG_INPUT, Job, SweepView, raise_if_failed, run_in
from fairloop.sweep.status import SweepPulse
from fairloop.sweep.workers import Task, Worker

_POLL_SECONDS = 0.2


def run_all(
    jobs: Sequence[Job],
    out: Path,
    models: Path,
    workers: int,
    view: SweepView,
    track: str | None = None,
    replicas: int = 1,
) -> None:
    """Run every job that is not done, `workers` at a time. A failed run does not stop the others.

    replicas: runs in one process; the next runs begin after all of them have ended.

    Raises FairloopError at the end if any failed (InputError if all of those for wrong input), and stops all of
    them cleanly on KeyboardInterrupt.
    """
    waiting = [job for job in reversed(jobs) if job.state != "done"]
    with SweepPulse(out, jobs, workers) as pulse, _Pool(jobs, out, models, workers, track) as pool:
        while waiting or pool.busy:
            for slot in pool.free():
                pool.start(slot, [waiting.pop() for _ in range(min(replicas, len(waiting)))])
            pool.look()
            pulse.beat()
            view.show(jobs)
            pool.wait()
    raise_if_failed(jobs)


class _Pool:
    """Slots for processes; each process runs one job or several. Leaving the context stops all processes."""

    def __init__(self, jobs: Sequence[Job], out: Path, models: Path, workers: int, track: str | None) -> None:
        self._out, self._models, self._track = out, models, track
        self._imports = slow_imports(jobs)
        self._shares = _core_shares(workers, max(job.spec.threads for job in jobs))
        self._running: dict[int, tuple[list[Job], Worker]] = {}
        self._locks: dict[str, FileLock] = {}

    def __enter__(self) -> _Pool:
        return self

    def __exit__(self, *error: object) -> None:
        Worker.stop([worker for _, worker in self._running.values()])
        for lock in self._locks.values():
            lock.release()

    @property
    def busy(self) -> bool:
        """Whether any process runs."""
        return bool(self._running)

    def free(self) -> list[int]:
        """The slots without a process."""
        return [slot for slot in range(len(self._shares)) if slot not in self._running]

    def start(self, slot: int, group: Sequence[Job]) -> None:
        """Run the jobs of `group` in `slot`, except those that another sweep runs."""
        if ours := [job for job in group if _ours(job, self._out, self._locks)]:
            task = _task(ours, self._out, self._models, self._track)
            self._running[slot] = ours, Worker(task._replace(cores=self._shares[slot], imports=self._imports))

    def look(self) -> None:
        """Note the progress of all running jobs, and the end of finished jobs."""
        for slot, (group, worker) in list(self._running.items()):
            code = worker.code
            for job in group:
                job.line, job.done = last_line(Path(job.log)), run_in(self._out, job.spec).committed()
                if code is not None:
                    self._locks.pop(job.identity).release()
                    job.end_with_process(code, together=len(group) > 1)
            if code is not None:
                del self._running[slot]

    def wait(self) -> None:
        """Return after a short while, or at the end of a process."""
        Worker.wait([worker for _, worker in self._running.values()], _POLL_SECONDS)


def default_workers(threads: int) -> int:
    """The number of runs that the cores and the free memory of this machine allow."""
    cores = len(_cores()) // threads
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):  # not every system reports it
        return max(1, cores)
    return max(1, min(cores, free // MEMORY_PER_RUN))


def _ours(job: Job, out: Path, locks: dict[str, FileLock]) -> bool:
    """Lock the run of `job` until its process ends. False if another sweep in `out` holds the lock; the job then
    fails.
    """
    job.log = str(out / "logs" / f"{job.identity}.log")
    Path(job.log).parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(Path(job.log).with_suffix(".lock"), timeout=0)
    try:
        lock.acquire()
    except Timeout:
        job.line = f"--out: another sweep in {out} has this run; wait for it"
        job.end(WRONG_INPUT)
        return False
    locks[job.identity] = lock
    return True


def _task(group: Sequence[Job], out: Path, models: Path, track: str | None) -> Task:
    """The task of a process for one run, or for several together."""
    for job in group:
        write_text(Path(job.log).with_suffix(".yaml"), job.spec.to_yaml())
        Path(job.log).write_bytes(b"")
        job.state = "running"
    places = [(str(Path(job.log).with_suffix(".yaml")), str(run_in(out, job.spec).root), job.log) for job in group]
    if len(group) == 1:
        spec, place, words = places[0]
        tracked = ["--track", track] if track else []
        return Task("fairloop", ["run", spec, "--out", place, "--store", str(models), *tracked], Path(words))
    words = str(out / "logs" / f"together-{group[0].identity}.log")
    Path(words).write_bytes(b"")
    return Task("fairloop.sweep.threads", [str(models), *(part for place in places for part in place)], Path(words))


def slow_imports(jobs: Sequence[Job]) -> tuple[str, ...]:
    """The slow modules that runs of `jobs` may import one by one."""
    models = {part.model for job in jobs for part in (job.spec.generator, job.spec.classifier, job.spec.annotator)}
    of_libraries = any(":" in model or model.startswith(("fairlearn-", "tfidf-")) for model in models)
    return ("skops.io",) if of_libraries else ()  # it keeps estimators, and imports all of scikit-learn


def _core_shares(workers: int, threads: int) -> list[set[int] | None]:
    """The cores of each worker, if the sweep occupies all cores; else None, for the system to place the worker.

    A sweep that leaves room for a further worker does not bind its workers: two such sweeps would share the first
    cores, while others are idle.
    """
    cores = sorted(_cores())
    spare = len(cores) - workers * threads
    if not 0 <= spare < threads or not hasattr(os, "sched_setaffinity"):
        return [None] * workers
    return [set(cores[slot * threads : (slot + 1) * threads]) for slot in range(workers)]


def _cores() -> set[int]:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))


def last_line(log: Path) -> str:
    """The last line of a run's log; empty without lines."""
    return next(_lines_from_end(log), "")


def _lines_from_end(log: Path) -> Iterator[str]:
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
        lines = file.read().decode("utf-8", errors="replace").splitlines()
    return (line.strip() for line in reversed(lines) if line.strip())
