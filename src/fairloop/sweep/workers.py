"""Processes for the runs of a sweep, forked from a server that has imported torch and trains nothing.

A run alone spends seconds on imports. The fork server of `multiprocessing` spends them once for all runs. Each run has
its own process, as fresh as one of `fairloop run`: memory does not grow from run to run, and a crash ends one run. No
process outlives its sweep, because it would hold locks for which the resumed sweep waits.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from multiprocessing import connection
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from fairloop._util.process import as_a_new_process, interrupts_blocked

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext, SpawnContext

PRELOADED = ("fairloop.cli", "fairloop.cli.running", "fairloop.running.run", "pandas")
"""The modules that the fork server imports. None of them starts a thread or opens a device."""

# A system other than Linux may not fork a process that has loaded its libraries for numbers and graphics.
_FORKS = sys.platform == "linux"
_PATIENCE_SECONDS = 30.0
_ALONE_SECONDS = 3.0  # for a process without a sweep to end by itself
_INTERRUPTED = 130

ORPHANED = 255
"""The exit code of a process that was stopped because the fork server, which reports its end, was killed."""


class Task(NamedTuple):
    """A module to run with `arguments`, as `python -m` does, or a function to call with them.

    log: the file of its output. cores: the cores to use; None: all. imports: further modules for the fork server to
    import, if this is its first task.
    """

    what: str | Callable[..., None]
    arguments: Sequence[Any]
    log: Path
    cores: set[int] | None = None
    imports: tuple[str, ...] = ()


class Worker:
    """A process that carries out one task."""

    def __init__(self, task: Task) -> None:
        with _no_main():
            self._process = _context(task.imports).Process(target=_work, args=(task, Path.cwd(), dict(os.environ)))
            self._process.start()

    @property
    def code(self) -> int | None:
        """The exit code, negative after a signal; None while the process works. Ends one without its fork server."""
        code = self._process.exitcode
        if code == ORPHANED and self._process.pid is not None:
            _end(self._process.pid)
        return code

    @staticmethod
    def wait(workers: Sequence[Worker], seconds: float) -> None:
        """Return after `seconds`, or at the end of one of `workers`."""
        connection.wait([worker._process.sentinel for worker in workers], seconds)

    @staticmethod
    def stop(workers: Sequence[Worker]) -> None:
        """Ask all to end. Kill those that still work after half a minute, or at once on another interrupt."""
        for worker in workers:
            worker._process.terminate()
        try:
            for worker in workers:
                worker._process.join(_PATIENCE_SECONDS)
        finally:
            for worker in workers:
                worker._process.kill()
                worker._process.join()


def ending(code: int) -> str:
    """The end of a process with the exit code `code`, in words."""
    if code == ORPHANED:
        return "was stopped, because the server that forks processes was killed,"
    return f"was killed by signal {-code} ({signal.strsignal(-code)})" if code < 0 else f"ended with exit code {code}"


@cache
def _context(imports: tuple[str, ...]) -> ForkServerContext | SpawnContext:
    """The fork server; it starts at the first call. Spawned processes replace it if it cannot have a socket: the path
    of TMPDIR may be too long, or its file system may have no sockets.
    """
    if _FORKS:
        from multiprocessing import forkserver, resource_tracker

        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([*PRELOADED, *imports])
        try:
            resource_tracker.ensure_running()  # which unblocks interrupts
            with interrupts_blocked():  # the server inherits this; Ctrl-C then shows no traceback of its imports
                forkserver.ensure_running()
        except OSError:
            pass
        else:
            return context
    return multiprocessing.get_context("spawn")


@contextmanager
def _no_main() -> Iterator[None]:
    """Prevent a second import of the program in the new process, because a script would run again."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _work(task: Task, folder: Path, environment: dict[str, str]) -> None:
    os.setsid()  # Ctrl-C reaches the sweep alone, and the sweep then stops its runs one by one
    if not _sweep_goes_on():  # an interrupt came during the imports of the fork server
        return
    as_a_new_process(folder)
    if task.cores is not None:
        os.sched_setaffinity(0, task.cores)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for number, place, mode in ((0, os.devnull, os.O_RDONLY), (1, task.log, os.O_WRONLY), (2, task.log, os.O_WRONLY)):
        os.dup2(os.open(place, mode | (os.O_APPEND | os.O_CREAT if mode else 0), 0o666), number)
    Thread(target=_end_with_the_sweep, name="end with the sweep", daemon=True).start()
    if callable(task.what):
        task.what(*task.arguments)
        return
    sys.argv = [task.what, *task.arguments]
    runpy.run_module(task.what, run_name="__main__", alter_sys=True)


def _end_with_the_sweep() -> None:
    """End this process after the end of the sweep. A killed sweep cannot stop its runs itself."""
    sweep = multiprocessing.parent_process()
    if sweep is None:
        return
    connection.wait([sweep.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_ALONE_SECONDS)
    os._exit(_INTERRUPTED)  # all files are complete


def _end(process: int) -> None:
    """End a process that is not a child of this one, within seconds."""
    until = time.monotonic() + _ALONE_SECONDS
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGTERM)
        while time.monotonic() < until:
            os.kill(process, 0)  # sends nothing
            time.sleep(0.05)
        os.kill(process, signal.SIGKILL)


def _sweep_goes_on() -> bool:
    sweep = multiprocessing.parent_process()
    return sweep is None or sweep.is_alive()
