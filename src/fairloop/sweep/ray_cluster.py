"""A sweep on a Ray cluster: one task per run. Ray places the tasks, and starts a task anew if its worker was lost.

A desk, one small actor, lends each recipe to one run at a time, so that nothing is trained twice on any number of
machines, and collects the lines of all runs. Runs are kept in a directory that all machines share, or at any address
that fsspec understands; then each run works in a folder of its own and copies its files once they are whole.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, NamedTuple

from fairloop.data import DataSpec
from fairloop.data.shared_fields import placed
from fairloop.errors import FairloopError, InputError
from fairloop.spec.run import RunSpec, from_mapping
from fairloop.store.directory import RunDirectory
from fairloop.sweep.job import MEMORY_PER_RUN, WRONG_INPUT, Job, SweepView, raise_if_failed
from fairloop.sweep.status import SweepPulse

if TYPE_CHECKING:
    from fairloop.running.progress import LineView
    from fairloop.store.models import DirectoryModels
    from fairloop.store.remote import Folder
    from fairloop.training.recipe import Recipe

RETRIES = 3
"""How often a run is started anew after its worker or machine was lost."""

_POLL_SECONDS = 0.5
_ASK_AGAIN_SECONDS = 0.5
_BEAT_SECONDS = 10.0
_LOST_SECONDS = 60.0


class Place(NamedTuple):
    """The places of a sweep's runs and models: two directories that all machines share, or two addresses."""

    runs: str
    models: str

    @classmethod
    def below(cls, out: str, store: str | None) -> Place:
        """The usual place below `out`, with models at `store` if that is given.

        Raises InputError unless both are directories or both are addresses.
        """
        if store is not None and ("://" in store) != ("://" in out):
            raise InputError(f"--store {store}: must be an address where --out is one, and else a directory")
        return cls(
            *(
                place if "://" in place else str(Path(place).resolve())
                for place in (f"{out.rstrip('/')}/runs", store or f"{out.rstrip('/')}/models")
            )
        )

    @property
    def remote(self) -> bool:
        """Whether they are addresses."""
        return "://" in self.runs


class News(NamedTuple):
    """The last line of a run, and how many of its generations are recorded."""

    line: str
    done: int


class Desk:
    """Lends recipes, by fingerprint, to live runs, and collects the news of runs."""

    def __init__(self) -> None:
        self._holders: dict[str, str] = {}
        self._alive: dict[str, float] = {}
        self._news: dict[str, News] = {}

    def take(self, recipe: str, run: str) -> bool:
        """Lend `recipe` to `run`. False if another run has it, and is not lost."""
        self.beat(run)
        if self.lent(recipe, run):
            return False
        self._holders[recipe] = run
        return True

    def give_back(self, recipe: str, run: str) -> None:
        """Free `recipe`, if `run` had it."""
        if self._holders.get(recipe) == run:
            del self._holders[recipe]

    def lent(self, recipe: str, run: str) -> bool:
        """Whether another run has it, and is not lost."""
        holder = self._holders.get(recipe, run)
        return holder != run and time.monotonic() - self._alive.get(holder, 0.0) < _LOST_SECONDS

    def beat(self, run: str) -> None:
        """Note a sign of life of `run`."""
        self._alive[run] = time.monotonic()

    def forget(self, run: str) -> None:
        """Take back all recipes that `run` holds, since it begins anew or was lost."""
        self._holders = {recipe: holder for recipe, holder in self._holders.items() if holder != run}

    def say(self, run: str, news: News) -> None:
        """Keep the news of `run`."""
        self._news[run] = news

    def news(self) -> dict[str, News]:
        """The latest news of each run that had any since the last call."""
        news, self._news = self._news, {}
        return news


def run_all(
    jobs: Sequence[Job], place: Place, address: str, view: SweepView, *, workers: int | None = None, gpus: float = 0.0
) -> None:
    """Run every job that is not done on the cluster at `address`: `auto`, `ray://...`, or `local` for one of its own.

    workers: runs at a time; None: as many as the cluster has room for. gpus: of each run, also a part of one.

    Raises InputError if there is no such cluster, and FairloopError at the end if any run failed.
    """
    threads = max(job.spec.threads for job in jobs)
    ray = _connected(address, workers * threads if workers else None)
    out = None if place.remote else Path(place.runs).parent
    try:
        _check_room(ray.cluster_resources(), threads, gpus)
        tasks = _Tasks(ray, place, threads, gpus)
        waiting = [job for job in reversed(jobs) if job.state != "done"]
        with SweepPulse(out, jobs, workers or 0) as pulse:
            while waiting or tasks.running:
                while waiting and (workers is None or len(tasks.running) < workers):
                    tasks.start(waiting.pop())
                ended = tasks.ended()
                tasks.hear(jobs)
                for job, code, line in ended:
                    job.line = line or job.line
                    job.end(code)
                pulse.beat()
                view.show(jobs)
    except ray.exceptions.RayError as error:
        raise FairloopError(f"--ray {address}: {_last(error)}; the same command goes on") from error
    finally:
        ray.shutdown()  # which ends the tasks of this sweep, and no others
    raise_if_failed(jobs)


class _Tasks:
    """The tasks of a sweep on a cluster, and the desk between them."""

    def __init__(self, ray: Any, place: Place, threads: int, gpus: float) -> None:
        self.running: dict[Any, Job] = {}
        self._ray, self._place = ray, place
        self._desk = ray.remote(Desk).options(num_cpus=0, max_restarts=-1, max_task_retries=-1).remote()
        # A process of its own for each run: nothing that one leaves behind reaches the next.
        needs = {"num_cpus": threads, "num_gpus": gpus, "memory": MEMORY_PER_RUN}
        self._task = ray.remote(max_retries=RETRIES, max_calls=1, **needs)(_work)

    def start(self, job: Job) -> None:
        """Hand a run to the cluster, which begins it when it has room."""
        job.log = "the logs of Ray"
        self.running[self._task.remote(sent(job.spec), self._place, self._desk, version("fairloop"))] = job

    def hear(self, jobs: Sequence[Job]) -> None:
        """Note the news at the desk. The last news of a run may come after its end."""
        news = self._ray.get(self._desk.news.remote())
        for job in jobs:
            if job.code is None and job.spec.identity in news:
                job.state, (job.line, job.done) = "running", news[job.spec.identity]

    def ended(self) -> list[tuple[Job, int, str]]:
        """Wait a moment. Returns the runs that have ended, with their exit codes and the reasons of failures."""
        references, _ = self._ray.wait(list(self.running), timeout=_POLL_SECONDS)
        ended: list[tuple[Job, int, str]] = []
        for reference in references:
            job, (code, line) = self.running.pop(reference), _outcome(self._ray, reference)
            if code:
                self._ray.get(self._desk.forget.remote(job.spec.identity))
            ended.append((job, code, line))
        return ended


def _connected(address: str, cores: int | None) -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")  # a run without a GPU shall see none
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
            f"--ray {address}: no Ray cluster is to be reached there ({str(error).splitlines()[0]}); "
            "start one with `ray start --head`, or use --ray local"
        ) from error
    return ray


def _check_room(resources: dict[str, float], threads: int, gpus: float) -> None:
    """Raise InputError if a run needs more than the whole cluster has: Ray would wait for ever."""
    for name, wanted, option in (("CPU", float(threads), "threads"), ("GPU", gpus, "--gpus-per-run")):
        if wanted > resources.get(name, 0.0):
            raise InputError(f"{option}={wanted:g}: the cluster has {resources.get(name, 0.0):g} {name}s in all")


class Sent(NamedTuple):
    """A run for a worker, which works in another directory.

    fields: the spec as it was written, since its words name the run. data: its data, with absolute paths.
    modules: directories in which Python finds modules of one's own.
    """

    fields: dict[str, Any]
    data: dict[str, Any]
    modules: tuple[str, ...]


def sent(spec: RunSpec) -> Sent:
    """`spec` for a worker, as plain data."""
    here = Path.cwd()
    # The directories of `python -m fairloop`, by which a sweep on this machine starts its runs.
    modules = dict.fromkeys(str(here / entry) for entry in ("", *sys.path))
    return Sent(spec.model_dump(mode="json"), placed(spec.data, here).model_dump(mode="json"), tuple(modules))


def received(told: Sent) -> tuple[RunSpec, DataSpec]:
    """The spec, and its data with paths that hold here. Modules of one's own can be imported from now on.

    Raises InputError if a field is wrong on this machine.
    """
    sys.path += [entry for entry in told.modules if entry not in sys.path]
    spec = from_mapping(told.fields)
    return spec, from_mapping({"data": told.data}).data


def _last(error: Exception) -> str:
    return str(error).strip().splitlines()[-1]


def _outcome(ray: Any, reference: Any) -> tuple[int, str]:
    try:
        outcome: tuple[int, str] = ray.get(reference)
    except ray.exceptions.RayError as error:
        return 1, f"was lost {RETRIES + 1} times or broke: {_last(error)}"
    return outcome


def _work(told: Sent, place: Place, desk: Any, wanted: str) -> tuple[int, str]:
    """One run, in a worker. Returns its exit code and, if that is not 0, the reason."""
    from fairloop._util.process import keep_freed_memory

    keep_freed_memory()  # before torch allocates
    import ray

    if version("fairloop") != wanted:
        return WRONG_INPUT, f"a worker has fairloop {version('fairloop')}, the sweep {wanted}; install the same on all"
    try:
        spec, files = received(told)
    except InputError as error:
        return WRONG_INPUT, str(error)
    ray.get(desk.forget.remote(spec.identity))  # an earlier try, lost with its worker, may hold recipes

    def say(line: str, done: int) -> None:
        desk.say.remote(spec.identity, News(line, done))

    try:
        with _alive(desk, spec.identity), _opened(place, spec.identity) as (directory, models, copied):
            from fairloop.running.run import run

            def leased(store: DirectoryModels) -> Any:
                from fairloop.store.remote import LeasedModels

                return LeasedModels(
                    copied(store),
                    lambda recipe: _lease(ray, desk, recipe, spec.identity),
                    lambda recipe: ray.get(desk.lent.remote(recipe.fingerprint, spec.identity)),
                )

            run(spec, directory, _view(say, directory), models, leased, files=files)
    except InputError as error:
        return WRONG_INPUT, str(error)
    except (FairloopError, OSError) as error:
        return 1, str(error)
    return 0, ""


@contextmanager
def _alive(desk: Any, run: str) -> Iterator[None]:
    """Give the desk signs of life of `run`. A run without any loses its recipes, or others would wait for ever."""
    ended = Event()

    def beat() -> None:
        while not ended.wait(_BEAT_SECONDS):
            desk.beat.remote(run)

    thread = Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def _opened(place: Place, run: str) -> Iterator[tuple[RunDirectory, Path, Callable[[DirectoryModels], Any]]]:
    """The run's directory, the directory of models, and a wrapper for the store of models."""
    if not place.remote:
        yield RunDirectory(Path(place.runs) / run), Path(place.models), lambda store: store
        return
    from fairloop.store.remote import CopiedModels, CopiedRun, Folder

    with TemporaryDirectory(prefix="fairloop-") as scratch:
        # As in a sweep's directory, so that the paths in provenance hold after fetching.
        directory = CopiedRun(Path(scratch) / "runs" / run, Folder(f"{place.runs}/{run}"))
        directory.fetch()
        folder: Folder = Folder(place.models)
        yield directory, Path(scratch) / "models", lambda store: CopiedModels(store, folder)


@contextmanager
def _lease(ray: Any, desk: Any, recipe: Recipe, run: str) -> Iterator[None]:
    while not ray.get(desk.take.remote(recipe.fingerprint, run)):
        time.sleep(_ASK_AGAIN_SECONDS)
    try:
        yield
    finally:
        desk.give_back.remote(recipe.fingerprint, run)


def _view(say: Callable[[str, int], None], directory: RunDirectory) -> LineView:
    from fairloop.running.progress import LineView

    return LineView(lambda line: say(line, directory.committed()))
