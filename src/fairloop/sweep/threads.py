"""Several runs in one program, each in a thread with a stream of its own; `fairloop sweep --replicas` starts it.

    python -m fairloop.sweep.threads MODELS SPEC OUT LOG [SPEC OUT LOG ...]

It is for a GPU, since the small steps of one run leave it idle. Nothing of a run depends on the others: no random
number, no thread setting and no kernel is shared, so each has the bits that it has alone, unless a model of the user's
changes global settings of torch or NumPy. On a CPU threads only get in each other's way.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Thread
from typing import NamedTuple, NoReturn

from fairloop._util.process import keep_freed_memory
from fairloop.sweep.job import FAILED, INTERRUPTED, WRONG_INPUT


class Place(NamedTuple):
    """A run's spec, its directory, and its log."""

    spec: Path
    out: Path
    log: Path


def main(arguments: Sequence[str]) -> NoReturn:
    """The exit code is the largest of the runs'; 130 where they were interrupted."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    keep_freed_memory()
    models, *rest = map(Path, arguments)
    codes: list[int] = []
    places = [Place(*rest[i : i + 3]) for i in range(0, len(rest), 3)]
    threads = [Thread(target=lambda place=place: codes.append(_run(place, models)), daemon=True) for place in places]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    except KeyboardInterrupt:
        os._exit(INTERRUPTED)  # all files are whole, and threads in the middle of a step cannot be stopped
    sys.exit(max(codes))


def _run(place: Place, models: Path) -> int:
    from fairloop.errors import FairloopError, InputError
    from fairloop.models.numerics import resolve
    from fairloop.running.progress import LineView
    from fairloop.running.run import run
    from fairloop.spec.run import from_file
    from fairloop.store.directory import RunDirectory
    from fairloop.training.cuda_graphs import own_stream

    log = _log_in(place.log)
    try:
        spec = from_file(place.spec)
        with own_stream(resolve(spec.precision, spec.device, spec.threads).device):
            run(spec, RunDirectory(place.out), LineView(log.info), models)
    except (FairloopError, OSError) as error:
        log.error("fairloop: %s", error)
        return WRONG_INPUT if isinstance(error, InputError) else FAILED
    except Exception:  # the others go on
        log.exception("fairloop:")
        return FAILED
    return 0


def _log_in(path: Path) -> logging.Logger:
    """A log of one run alone, since several write at a time."""
    log = logging.Logger(path.stem, logging.INFO)
    log.addHandler(logging.FileHandler(path, mode="w", encoding="utf-8"))
    return log


if __name__ == "__main__":
    main(sys.argv[1:])
