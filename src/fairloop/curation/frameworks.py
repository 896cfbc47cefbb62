"""Detection of the loaders that iterate over a sampler. Only the call stack shows how they use batches."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any, NamedTuple

_LOADERS = "accelerate.data_loader"


class Sharder(NamedTuple):
    """A loader of accelerate that divides a sampler's batches among processes."""

    processes: int
    splits: bool
    """Whether the loader divides each batch among n processes. If not, each process gets every n-th batch."""


def sharder() -> Sharder | None:
    """The loader of accelerate that divides the batches of the calling sampler; None without one."""
    for loader in _of_accelerate("BatchSamplerShard", "DataLoaderDispatcher"):
        processes = getattr(loader, "num_processes", None) or loader.state.num_processes
        if processes > 1:
            return Sharder(processes, bool(loader.split_batches))
    return None


def epoch(least: int) -> int | None:
    """The epoch of the pass that a loader of accelerate begins; None without a loader, or if another object sets the
    epoch.

    least: the epoch after the newest pass. The loader counts only completed passes, so its count may be lower. A loader
    that skips batches continues the newest pass.
    """
    for loader in _of_accelerate("DataLoaderShard", "DataLoaderDispatcher", method="__iter__"):
        goes_on = type(getattr(loader, "batch_sampler", None)).__name__ == "SkipBatchSampler"
        return max(least - goes_on, int(loader.iteration))
    return None


def restores_finished_pass() -> bool:
    """Whether torchdata restores an exhausted iterator. It then makes another iterator at once, and uses that one."""
    if "torchdata" not in sys.modules:
        return False
    states = (frame.f_locals.get("next_iter_state") for frame in _frames())
    return any(isinstance(state, dict) and state.get("_iterator_finished") for state in states)


def _of_accelerate(*kinds: str, method: str | None = None) -> Iterator[Any]:
    """Objects of accelerate with a method on the call stack, the innermost first."""
    if _LOADERS not in sys.modules:
        return
    for frame in _frames():
        if frame.f_globals.get("__name__") != _LOADERS or method not in (None, frame.f_code.co_name):
            continue
        if type(owner := frame.f_locals.get("self")).__name__ in kinds:
            yield owner


def _frames() -> Iterator[FrameType]:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        yield frame
        frame = frame.f_back
