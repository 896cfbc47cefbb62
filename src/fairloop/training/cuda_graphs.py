"""Training steps as CUDA graphs: one launch in place of hundreds (docs/performance.md has the gain)."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Step = Callable[[Any], Tensor]
"""A training step: it takes a batch, a named tuple of tensors or None, and returns the loss, () float, without
gradient."""

_WARM_UP = 3


def replayed(step: Step, device: str, noise: torch.Generator) -> Step:
    """`step`. A GPU captures it after a few batches, and then replays it for all batches of that shape.

    step: must not wait for the device, and must draw random numbers from `noise` alone. For a model that breaks this
    rule, capturing fails with a warning, and steps are launched one by one.
    """
    return _Replayed(step, noise) if device == "cuda" else step


class _Replayed:
    def __init__(self, step: Step, noise: torch.Generator) -> None:
        self._step, self._noise = step, noise
        self._stream = _stream()
        self._shapes: list[torch.Size | None] = []
        self._seen = 0  # batches of these shapes, one after the other
        self._graph: torch.cuda.CUDAGraph | None = None
        self._refused = False

    def __call__(self, batch: Any) -> Tensor:
        shapes = [None if part is None else part.shape for part in batch]
        if self._graph is not None and shapes == self._shapes:
            return self._replay(batch)
        if self._graph is None:
            self._seen = self._seen + 1 if shapes == self._shapes else 1
            self._shapes = shapes
            if self._seen > _WARM_UP and not self._refused and self._capture(batch):
                return self._replay(batch)
        return self._launch(batch)

    def _launch(self, batch: Any) -> Tensor:
        """Run the step on the stream of the later capture, as CUDA requires."""
        current = torch.cuda.current_stream()
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            loss = self._step(batch)
        current.wait_stream(self._stream)
        return loss

    def _capture(self, batch: Any) -> bool:
        """Record the step without running it. False if the step cannot be captured."""
        self._batch = type(batch)(*(None if part is None else part.clone() for part in batch))
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self._noise)
        try:
            with (
                torch.cuda.stream(torch.cuda.current_stream()),  # a failed capture does not restore it
                torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"),
            ):
                self._loss = self._step(self._batch)
        except RuntimeError as error:
            self._refused = True
            warnings.warn(f"steps are launched one by one, not as a CUDA graph: {error}", stacklevel=2)
            return False
        self._graph = graph
        return True

    def _replay(self, batch: Any) -> Tensor:
        assert self._graph is not None
        for place, part in zip(self._batch, batch, strict=True):
            if place is not None and part is not None:
                place.copy_(part)
        self._graph.replay()
        return self._loss.clone()


def _stream() -> torch.cuda.Stream:
    stream: torch.cuda.Stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    return stream
