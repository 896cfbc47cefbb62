"""Several runs in one program, each in a thread; `fairloop sweep --replicas` starts it.

    python -m fairloop.sweep.threads MODELS SPEC OUT LOG [SPEC OUT LOG ...]

It is for runs of a few seconds, because they share the start of one program. Runs share no random number and no thread
setting, so each has the same bits as alone, unless a user's model changes global settings of torch or NumPy. Longer
runs only slow each other down. Runs on a GPU have a program each: torch shares 32 CUDA streams among the threads of a
program, and a thread that captures a graph breaks the work of the others on its stream.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Lock, Thread
from typing import NamedTuple, NoReturn

from fairloop._util.process import keep_freed_memory
from fairloop.store.directory import RunDirectory
from fairloop.store.status import Status
from fairloop.sweep.job import INTERRUPTED, exit_code


class Place(NamedTuple):
    """A run's spec, its directory, and its log."""

    spec: Path
    out: Path
    log: Path


class Directory(RunDirectory):
    """A run's directory that can record an interrupt when the program ends in the middle of a step."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._lock = Lock()
        self._last: Status | None = None
        self._closed = False

    def tell(self, status: Status) -> None:
        """Store the status of the run, unless it was interrupted."""
        with self._lock:
            if not self._closed:
                self._last = status
                super().tell(status)

    def interrupt(self) -> None:
        """Store that the run is interrupted, if it is in progress. Later statuses are not stored."""
        with self._lock:
            self._closed = True
            if self._last is not None and self._last.state in ("running", "waiting"):
                super().tell(
                    self._last.model_copy(update={"state": "interrupted", "doing": "", "epoch": 0, "epochs": 0})
                )


def main(arguments: Sequence[str]) -> NoReturn:
    """Carry out all runs, and exit with the largest exit code among them; 130 after an interrupt."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    keep_freed_memory()
    models, *rest = map(Path, arguments)
    codes: list[int] = []
    places = [Place(*rest[i : i + 3]) for i in range(0, len(rest), 3)]
    directories = [Directory(place.out) for place in places]
    threads = [
        Thread(target=lambda *of: codes.append(_run(*of)), args=(place, directory, models), daemon=True)
        for place, directory in zip(places, directories, strict=True)
    ]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    except KeyboardInterrupt:
        for directory in directories:
            directory.interrupt()
        os._exit(INTERRUPTED)  # all files are complete, and threads in the middle of a step cannot be stopped
    sys.exit(max(codes))


def _run(place: Place, directory: Directory, models: Path) -> int:
    from fairloop.running.progress import LineView
    from fairloop.running.run import run
    from fairloop.spec.run import from_file

    log = _log_in(place.log)

    def work() -> None:
        run(from_file(place.spec), directory, LineView(log.info), models)

    return exit_code(work, log)


def _log_in(path: Path) -> logging.Logger:
    """The separate log of one run, because several runs write at a time."""
    log = logging.Logger(path.stem, logging.INFO)
    log.addHandler(logging.FileHandler(path, mode="w", encoding="utf-8"))
    return log


if __name__ == "__main__":
    main(sys.argv[1:])
