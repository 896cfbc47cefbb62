"""A sweep on a Ray cluster: each of several warm actors carries out one run at a time. Ray places and replaces them.

An actor holds the resources of a run. Its server has imported torch and forks a process for each run, as in a sweep on
one machine (fairloop.sweep.workers), so no memory and no setting of one run reaches the next. Another actor, the desk,
lends each recipe to one run at a time, so that no model is trained twice on any number of machines. It also collects
the lines of all runs. Runs are stored in a directory that all machines share, or at any address that fsspec
understands. With an address, each run works in its own folder and copies complete files.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing import Pipe
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from fairloop._util.versions import version_of
from fairloop.errors import FairloopError, InputError
from fairloop.sweep.job import MEMORY_PER_RUN, WRONG_INPUT, Job, SweepView, raise_if_failed
from fairloop.sweep.local import last_line, slow_imports
from fairloop.sweep.ray_run import News, Place, Sent, carry_out, sent
from fairloop.sweep.status import SweepPulse
from fairloop.sweep.workers import ORPHANED, Task, Worker, ending

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

RETRIES = 3
"""Number of new starts of a run after the loss of its process, its actor or its machine."""

_POLL_SECONDS = 0.5
_BEAT_SECONDS = 10.0
_LOST_SECONDS = 60.0
_MOST_STARTING = 8
"""Largest number of actors that wait for room. A cluster that can grow adds machines for them."""


class Desk:
    """Lends recipes, by fingerprint, to live runs, and collects the news of runs."""

    def __init__(self) -> None:
        self._holders: dict[str, str] = {}
        self._alive: dict[str, float] = {}
        self._news: dict[str, News] = {}

    def take(self, recipe: str, run: str) -> bool:
        """Lend `recipe` to `run`. False if another live run holds it."""
        self.beat(run)
        if self.lent(recipe, run):
            return False
        self._holders[recipe] = run
        return True

    def give_back(self, recipe: str, run: str) -> None:
        """Free `recipe`, if `run` holds it."""
        if self._holders.get(recipe) == run:
            del self._holders[recipe]

    def lent(self, recipe: str, run: str) -> bool:
        """Whether another live run holds it."""
        holder = self._holders.get(recipe, run)
        return holder != run and time.monotonic() - self._alive.get(holder, 0.0) < _LOST_SECONDS

    def beat(self, run: str) -> None:
        """Note a sign of life of `run`. A silent run loses its recipes, so that others do not wait for ever."""
        self._alive[run] = time.monotonic()

    def forget(self, run: str) -> None:
        """Take back all recipes of `run`, which begins anew or was lost."""
        self._holders = {recipe: holder for recipe, holder in self._holders.items() if holder != run}

    def say(self, run: str, news: News) -> None:
        """Keep the news of `run`."""
        self._news[run] = news

    def news(self) -> dict[str, News]:
        """The latest news of each run since the last call."""
        news, self._news = self._news, {}
        return news


class Common(NamedTuple):
    """Facts that all runs of a sweep share. desk: its actor. version: of fairloop. imports: modules of many runs."""

    place: Place
    desk: Any
    version: str
    imports: tuple[str, ...] = ()


class LostError(Exception):
    """The process of a run was killed. Ray tries the run again."""


class Runner:
    """An actor of Ray that carries out runs, one at a time, each in its own process."""

    def work(self, told: Sent, run: str, common: Common) -> tuple[int, str]:
        """Carry out a run. Returns its exit code and the last line of its log.

        Raises LostError if the run's process was killed.
        """
        import ray

        place, desk = common.place, common.desk
        if (found := version_of()) != common.version:
            return WRONG_INPUT, f"a worker has fairloop {found}, the sweep has {common.version}; install one version"
        ray.get(desk.forget.remote(run))  # an earlier try, lost with its process, may hold recipes
        with TemporaryDirectory(prefix="fairloop-") as scratch:
            log = Path(scratch) / f"{run}.log" if place.remote else Path(place.log(run))
            ours, theirs = Pipe()
            worker = Worker(Task(carry_out, (told, place, theirs, log), log, imports=common.imports))
            theirs.close()
            _answer(ours, run, lambda method, *arguments: ray.get(getattr(desk, method).remote(*arguments)))
            while (code := worker.code) is None:
                Worker.wait([worker], _BEAT_SECONDS)
            if code < 0 or code == ORPHANED:
                raise LostError(f"its process {ending(code)}")
            return code, last_line(log)


def _answer(pipe: Connection, run: str, ask: Callable[..., Any]) -> None:
    """Pass questions and signs of life of a run's process to the desk, until the process ends."""
    while True:
        ask("beat", run)
        if pipe.poll(_BEAT_SECONDS):
            try:
                method, arguments = pipe.recv()
                pipe.send(ask(method, *arguments))
            except (EOFError, OSError):
                return


def run_all(
    jobs: Sequence[Job], place: Place, address: str, view: SweepView, *, workers: int | None = None, gpus: float = 0.0
) -> None:
    """Carry out all unfinished jobs on the cluster at `address`: `auto`, `ray://...`, or `local` for a new one here.

    workers: runs at a time; None: as many as fit on the cluster. gpus: GPUs of each run; a fraction is possible.

    Raises InputError if there is no such cluster, and FairloopError at the end if a run failed.
    """
    threads = max(job.spec.threads for job in jobs)
    ray = _connected(address, workers * threads if workers else None)
    out = None if place.remote else Path(place.runs).parent
    try:
        _check_room(ray.cluster_resources(), threads, gpus)
        desk = ray.remote(Desk).options(num_cpus=0, max_restarts=-1, max_task_retries=-1).remote()
        common = Common(place, desk, version_of(), slow_imports(jobs))
        runners = _Runners(ray, common, threads, gpus, workers or sys.maxsize)
        waiting = [job for job in reversed(jobs) if job.state != "done"]
        with SweepPulse(out, jobs, workers or 0) as pulse:
            while waiting or runners.busy:
                runners.fit(len(waiting))
                while waiting and runners.free:
                    runners.start(waiting.pop())
                ended = runners.ended()
                runners.hear(jobs)
                for job, code, line in ended:
                    job.line = line or job.line
                    job.end(code)
                pulse.beat()
                view.show(jobs)
    except ray.exceptions.RayError as error:
        raise FairloopError(f"--ray {address}: {_last(error)}; the same command resumes the sweep") from error
    finally:
        ray.shutdown()  # ends the actors of this sweep alone
    raise_if_failed(jobs)


class _Runners:
    """The actors of a sweep on a cluster, at most `most`.

    `ray.util.ActorPool` does not name the run that failed. It has no actors that wait for room, and never ends surplus
    actors.
    """

    def __init__(self, ray: Any, common: Common, threads: int, gpus: float, most: int) -> None:
        self._ray, self._common, self._most = ray, common, most
        self._starting: dict[Any, Any] = {}
        self._free: list[Any] = []
        self._running: dict[Any, tuple[Any, Job]] = {}
        needs = {"num_cpus": threads, "num_gpus": gpus, "memory": MEMORY_PER_RUN}
        self._kind = ray.remote(Runner).options(max_restarts=-1, max_task_retries=RETRIES, **needs)

    @property
    def busy(self) -> bool:
        """Whether a run is in progress."""
        return bool(self._running)

    @property
    def free(self) -> bool:
        """Whether an actor waits for a run."""
        return bool(self._free)

    def fit(self, waiting: int) -> None:
        """Start actors for waiting runs, and end surplus actors, because others may need the room."""
        missing = waiting - len(self._free) - len(self._starting)
        room = self._most - len(self._free) - len(self._starting) - len(self._running)
        for _ in range(min(missing, room, _MOST_STARTING - len(self._starting))):
            actor = self._kind.remote()
            self._starting[actor.__ray_ready__.remote()] = actor
        for _ in range(-missing):
            actor = self._starting.popitem()[1] if self._starting else self._free.pop()
            self._ray.kill(actor)

    def start(self, job: Job) -> None:
        """Hand a run to a free actor."""
        actor, run = self._free.pop(), job.identity
        job.log = self._common.place.log(run)
        if not self._common.place.remote:
            Path(job.log).parent.mkdir(parents=True, exist_ok=True)
            Path(job.log).write_bytes(b"")
        work = actor.work.options(retry_exceptions=[LostError])
        self._running[work.remote(sent(job.spec), run, self._common)] = actor, job

    def hear(self, jobs: Sequence[Job]) -> None:
        """Note the news at the desk. The last news of a run may come after its end."""
        news = self._ray.get(self._common.desk.news.remote())
        for job in jobs:
            if job.code is None and job.identity in news:
                job.state, (job.line, job.done) = "running", news[job.identity]

    def ended(self) -> list[tuple[Job, int, str]]:
        """Wait for half a second or the next event. Return the runs that have ended, with exit codes and last lines."""
        references, _ = self._ray.wait([*self._starting, *self._running], timeout=_POLL_SECONDS)
        return [self._end(reference) for reference in references if not self._begun(reference)]

    def _begun(self, reference: Any) -> bool:
        """Whether the event is the start of an actor, not the end of a run."""
        if (actor := self._starting.pop(reference, None)) is None:
            return False
        self._ray.get(reference)
        self._free.append(actor)
        return True

    def _end(self, reference: Any) -> tuple[Job, int, str]:
        actor, job = self._running.pop(reference)
        try:
            code, line = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            self._ray.kill(actor)
            code, line = 1, f"was lost {RETRIES + 1} times or broke: {_last(error)}"
        else:
            self._free.append(actor)
        if code:
            self._ray.get(self._common.desk.forget.remote(job.identity))
        return job, code, line


def _connected(address: str, cores: int | None) -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")  # a run without GPUs sees none
    try:
        import ray
    except ImportError:
        raise InputError("--ray: Ray is not installed; pip install 'fairloop[ray]'") from None
    own: dict[str, Any] = {"num_cpus": cores, "include_dashboard": False, "_node_ip_address": "127.0.0.1"}
    try:
        ray.init(
            address=address, log_to_driver=False, logging_level=logging.ERROR, **(own if address == "local" else {})
        )
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise InputError(
            f"--ray {address}: cannot reach a Ray cluster there ({str(error).splitlines()[0]}); "
            "start one with `ray start --head`, or use --ray local"
        ) from error
    except Exception as error:  # of no class of Ray's, if one of its processes does not start in time
        raise FairloopError(f"--ray {address}: Ray does not start ({str(error).splitlines()[0]}); try again") from error
    return ray


def _check_room(resources: dict[str, float], threads: int, gpus: float) -> None:
    """Raise InputError if a run needs more than the whole cluster has, because Ray would wait for ever."""
    for name, wanted, option in (("CPU", float(threads), "threads"), ("GPU", gpus, "--gpus-per-run")):
        if wanted > resources.get(name, 0.0):
            raise InputError(f"{option}={wanted:g}: the cluster has {resources.get(name, 0.0):g} {name}s in all")


def _last(error: Exception) -> str:
    return str(error).strip().splitlines()[-1]
