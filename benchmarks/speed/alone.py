"""Sections that run as a run of a sweep does: one core, one thread, the allocator set before torch allocates."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.speed.measuring import Finding


def alone(section: str, root: Path | None, rounds: int) -> Iterator[Finding]:
    """What `section`, `steps`, `text` or `star`, finds in a process of its own."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_measure_alone, args=(theirs, section, root, rounds))
    process.start()
    theirs.close()
    with suppress(EOFError):
        while True:
            yield ours.recv()
    process.join()
    if process.exitcode:
        raise RuntimeError(f"{section}: its process ended with {process.exitcode}")


def _measure_alone(findings: Connection, section: str, root: Path | None, rounds: int) -> None:
    from fairloop._util.process import keep_freed_memory

    keep_freed_memory()
    import torch

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    from benchmarks import text
    from benchmarks.speed import star, steps
    from benchmarks.speed.people import population

    measures = {
        "steps": lambda: steps.measure(population(root), rounds),
        "text": lambda: text.measure(rounds),
        "star": lambda: star.measure(rounds),
    }
    for finding in measures[section]():
        findings.send(finding)
