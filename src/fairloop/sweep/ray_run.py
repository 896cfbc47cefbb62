"""One run of a sweep on Ray, in a process that an actor has forked (fairloop.sweep.workers).

The process does not use Ray. It reaches the desk of the sweep through a pipe to its actor, and ends after its actor. It
may be on another machine than the sweep, and in another directory.
"""

from __future__ import annotations

import logging
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from fairloop._util.process import keep_freed_memory
from fairloop.data import DataSpec
from fairloop.data.shared_fields import placed
from fairloop.errors import InputError
from fairloop.spec.run import RunSpec, from_mapping
from fairloop.store.directory import RunDirectory
from fairloop.sweep.job import exit_code

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from fairloop.store.models import DirectoryModels
    from fairloop.training.recipe import Recipe

_ASK_AGAIN_SECONDS = 0.5
_PATIENCE_SECONDS = 30.0
"""Longest wait for the process of an earlier try, which ends within seconds after its actor."""


class Place(NamedTuple):
    """The places of a sweep's runs, models and logs: directories that all machines share, or addresses."""

    runs: str
    models: str
    logs: str

    @classmethod
    def below(cls, out: str, store: str | None) -> Place:
        """The usual places below `out`, with models at `store` if it is given.

        Raises InputError unless both are directories or both are addresses.
        """
        if store is not None and ("://" in store) != ("://" in out):
            raise InputError(f"--store {store}: must be an address if --out is an address, otherwise a directory")
        out = out.rstrip("/")
        return cls(
            *(
                place if "://" in place else str(Path(place).resolve())
                for place in (f"{out}/runs", store or f"{out}/models", f"{out}/logs")
            )
        )

    @property
    def remote(self) -> bool:
        """Whether the places are addresses."""
        return "://" in self.runs

    def log(self, run: str) -> str:
        """The log of a run."""
        return f"{self.logs}/{run}.log"


class News(NamedTuple):
    """The last line of a run, and the number of its recorded generations."""

    line: str
    done: int


class Sent(NamedTuple):
    """A run for a worker, which works in another directory.

    fields: the spec as written, which determines the name of the run. data: its data, with absolute paths.
    modules: directories in which Python finds the user's modules.
    """

    fields: dict[str, Any]
    data: dict[str, Any]
    modules: tuple[str, ...]


def sent(spec: RunSpec) -> Sent:
    """`spec` for a worker, as plain data."""
    here = Path.cwd()
    # As in a sweep on this machine, which starts its runs by `python -m fairloop`.
    modules = dict.fromkeys(str(here / entry) for entry in ("", *sys.path))
    return Sent(spec.model_dump(mode="json"), placed(spec.data, here).model_dump(mode="json"), tuple(modules))


def received(told: Sent) -> tuple[RunSpec, DataSpec]:
    """The spec, and its data with paths that are valid here. From now on, the user's modules can be imported.

    Raises InputError if a field is wrong on this machine.
    """
    sys.path += [entry for entry in told.modules if entry not in sys.path]
    spec = from_mapping(told.fields)
    return spec, from_mapping({"data": told.data}).data


class Asking:
    """The desk at the other end of a pipe. Interrupts the run after the end of its actor."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._lock = Lock()

    def ask(self, method: str, *arguments: object) -> Any:
        """The answer of the desk's `method`."""
        try:
            with self._lock:
                self._pipe.send((method, arguments))
                return self._pipe.recv()
        except (EOFError, OSError):
            raise KeyboardInterrupt from None


def carry_out(told: Sent, place: Place, pipe: Connection, words: Path) -> None:
    """Carry out a run, and end the process with its exit code. words: the file of the output of the process."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    keep_freed_memory()  # before torch allocates
    log = logging.Logger("fairloop", logging.INFO)
    log.addHandler(logging.StreamHandler(sys.stderr))
    code = exit_code(lambda: _run(told, place, Asking(pipe), log), log)
    if place.remote:
        from fairloop.store.remote import Folder

        with suppress(Exception):  # of any file system; a run does not fail if its log cannot be copied
            Folder(place.logs).put(words, words.name, replace=True)
    sys.exit(code)


def _run(told: Sent, place: Place, desk: Asking, log: logging.Logger) -> None:
    from fairloop.running.progress import LineView
    from fairloop.running.run import run
    from fairloop.store.remote import LeasedModels

    spec, files = received(told)
    name = spec.identity
    with _opened(place, name) as (directory, models, copied):

        def leased(store: DirectoryModels) -> LeasedModels:
            return LeasedModels(
                copied(store),
                lambda recipe: _lease(desk, recipe, name),
                lambda recipe: desk.ask("lent", recipe.fingerprint, name),
            )

        def say(line: str) -> None:
            log.info(line)
            desk.ask("say", name, News(line, directory.committed()))

        run(spec, directory, LineView(say), models, leased, files=files)


@contextmanager
def _opened(place: Place, run: str) -> Iterator[tuple[RunDirectory, Path, Callable[[DirectoryModels], Any]]]:
    """The run's directory, the directory of models, and a wrapper for the store of models."""
    if not place.remote:
        yield RunDirectory(Path(place.runs) / run, _PATIENCE_SECONDS), Path(place.models), lambda store: store
        return
    from fairloop.store.remote import CopiedModels, CopiedRun, Folder

    with TemporaryDirectory(prefix="fairloop-") as scratch:
        # As in a sweep's directory, so that the paths in provenance stay valid.
        directory = CopiedRun(Path(scratch) / "runs" / run, Folder(f"{place.runs}/{run}"))
        directory.fetch()
        folder = Folder(place.models)
        yield directory, Path(scratch) / "models", lambda store: CopiedModels(store, folder)


@contextmanager
def _lease(desk: Asking, recipe: Recipe, run: str) -> Iterator[None]:
    while not desk.ask("take", recipe.fingerprint, run):
        time.sleep(_ASK_AGAIN_SECONDS)
    try:
        yield
    finally:
        desk.ask("give_back", recipe.fingerprint, run)
