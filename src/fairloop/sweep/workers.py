"""Processes for the runs of a sweep, forked from one that has imported torch and trains nothing.

A run alone spends seconds on imports. The fork server of `multiprocessing` spends them once for all runs. Each run has
a process of its own, as fresh as one of `fairloop run`: no memory grows from run to run, and a crash ends one run. No
process outlives its sweep, however the sweep ended: it would hold locks for which the resumed sweep waits.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import connection
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import NamedTuple

PRELOADED = ("fairloop.cli", "fairloop.cli.running", "fairloop.running.run", "pandas")
"""The modules that the fork server imports. None of them starts a thread or opens a device."""

# A system other than Linux may not fork a process that has loaded its libraries for numbers and graphics.
_FORKS = sys.platform == "linux"
_CONTEXT = multiprocessing.get_context("forkserver") if _FORKS else multiprocessing.get_context("spawn")
_PATIENCE_SECONDS = 30.0
_ALONE_SECONDS = 3.0  # for a process without a sweep to end by itself
_INTERRUPTED = 130


class Task(NamedTuple):
    """A module to run with `arguments`, as `python -m` does. log: gets all words. cores: those to use; None: all."""

    module: str
    arguments: Sequence[str]
    log: Path
    cores: set[int] | None


class Worker:
    """A process that carries out one task."""

    def __init__(self, task: Task) -> None:
        if _FORKS:
            _CONTEXT.set_forkserver_preload(list(PRELOADED))
        self._process = _CONTEXT.Process(target=_work, args=(task, Path.cwd(), dict(os.environ)))
        with _no_main():
            self._process.start()

    @property
    def code(self) -> int | None:
        """The exit code, negative after a signal; None while it works."""
        return self._process.exitcode

    @staticmethod
    def wait(workers: Sequence[Worker], seconds: float) -> None:
        """Return after `seconds`, or at the end of one of `workers`."""
        connection.wait([worker._process.sentinel for worker in workers], seconds)

    @staticmethod
    def stop(workers: Sequence[Worker]) -> None:
        """Ask all to end, and kill those that have not ended after half a minute."""
        for worker in workers:
            worker._process.terminate()
        for worker in workers:
            worker._process.join(_PATIENCE_SECONDS)
            worker._process.kill()
            worker._process.join()


@contextmanager
def _no_main() -> Iterator[None]:
    """Keep multiprocessing from importing the program again in the new process, where a script would run anew."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _work(task: Task, folder: Path, environment: dict[str, str]) -> None:
    os.setsid()  # Ctrl-C reaches the sweep alone, which then stops its runs one by one
    if task.cores is not None:
        os.sched_setaffinity(0, task.cores)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for number, place, mode in ((0, os.devnull, os.O_RDONLY), (1, task.log, os.O_WRONLY), (2, task.log, os.O_WRONLY)):
        os.dup2(os.open(place, mode | (os.O_APPEND | os.O_CREAT if mode else 0), 0o666), number)
    Thread(target=_end_with_the_sweep, name="end with the sweep", daemon=True).start()
    sys.argv = [task.module, *task.arguments]
    runpy.run_module(task.module, run_name="__main__", alter_sys=True)


def _end_with_the_sweep() -> None:
    """End this process when the sweep has gone, also after a kill, which leaves the sweep no time to stop its runs."""
    sweep = multiprocessing.parent_process()
    if sweep is None:
        return
    connection.wait([sweep.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_ALONE_SECONDS)
    os._exit(_INTERRUPTED)  # all files are whole
