"""Several runs in one program, each in a thread with a stream of its own: what `fairloop sweep --replicas` starts.

    python -m fairloop.sweep.together MODELS SPEC OUT LOG [SPEC OUT LOG ...]

For a GPU, which one run's small steps leave idle. Nothing of a run depends on the others: no random number, no thread
setting and no kernel is shared, so each has the bits that it has alone. On a CPU threads only get in each other's way.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from threading import Thread
from typing import NamedTuple, NoReturn

from fairloop._util.process import keep_freed_memory
from fairloop.sweep.job import WRONG_INPUT

FAILED, INTERRUPTED = 1, 130


class Place(NamedTuple):
    """A run's spec, its directory, and where its words go."""

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
        os._exit(INTERRUPTED)  # whatever was written is whole, and threads in the middle of a step cannot be asked
    sys.exit(max(codes))


def _run(place: Place, models: Path) -> int:
    from fairloop.errors import FairloopError, InputError
    from fairloop.models.numerics import resolve
    from fairloop.running.progress import LineView
    from fairloop.running.run import run
    from fairloop.spec.run import from_file
    from fairloop.store.directory import RunDirectory
    from fairloop.training.cuda_graphs import own_stream

    with place.log.open("w", encoding="utf-8", buffering=1) as log:
        try:
            spec = from_file(place.spec)
            with own_stream(resolve(spec.precision, spec.device, spec.threads).device):
                run(spec, RunDirectory(place.out), LineView(lambda line: print(line, file=log)), models)
        except (FairloopError, OSError) as error:
            print(f"fairloop: {error}", file=log)
            return WRONG_INPUT if isinstance(error, InputError) else FAILED
        except Exception:  # noqa: BLE001 - the others go on
            traceback.print_exc(file=log)
            return FAILED
    return 0


if __name__ == "__main__":
    main(sys.argv[1:])
