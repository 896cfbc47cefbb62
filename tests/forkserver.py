"""Runs command lines of fairloop in processes of their own, at the price of a fork, and disturbs them.

Importing torch takes seconds; this process does it once. It reads one JSON object a line and answers each with the
exit code of its process. Keys: argv; stderr (a file); signal and after (seconds); limit (bytes of a file, as on a full
disk); fault, "kill" or "full", at the n-th file operation `at` below `below`.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import sys
import time
import traceback
from contextlib import redirect_stdout
from typing import Any

import fairloop.report.table
import fairloop.results
import fairloop.running.progress
import fairloop.running.run  # noqa: F401
from fairloop.cli import main
from fairloop.store.models import DirectoryModels

DirectoryModels.__init__.__defaults__ = (0.0,)  # save after each epoch, however short

_OPERATIONS = {"open", "os.rename", "os.remove", "os.mkdir", "os.chmod", "os.truncate"}


def _disturb(at: int, fault: str, below: str) -> None:
    """Let the `at`-th operation that changes files `below` fail, or kill the process before it."""
    seen = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if event not in _OPERATIONS or not str(arguments[0]).startswith(below):
            return
        if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR):
            return
        seen += 1
        if seen == at and fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if seen >= at and fault == "full" and event in ("open", "os.mkdir"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(arguments[0]))

    sys.addaudithook(hook)


def _child(wish: dict[str, Any]) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(os.open(wish["stderr"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    if "limit" in wish:
        resource.setrlimit(resource.RLIMIT_FSIZE, (wish["limit"], resource.RLIM_INFINITY))
    if "fault" in wish:
        _disturb(wish["at"], wish["fault"], wish["below"])
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells ignore it for what they run in the background
    code = _run(wish["argv"])
    sys.stderr.flush()
    os._exit(code)


def _run(argv: list[str]) -> int:
    sys.argv = ["fairloop", *argv]
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    except BaseException:  # noqa: BLE001  # whatever it is, the test shall see it
        traceback.print_exc()
    return 70


def serve() -> None:
    """Until there is no more to read. First runs its own arguments, so that forks find every kernel compiled."""
    with redirect_stdout(sys.stderr):
        _run(sys.argv[1:])
    for line in sys.stdin:
        wish = json.loads(line)
        process = os.fork()
        if not process:
            _child(wish)
        if "signal" in wish:
            time.sleep(wish["after"])
            # Its parent has not waited for it, so the number still is that process's, even if it has ended.
            os.kill(process, wish["signal"])
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    serve()
