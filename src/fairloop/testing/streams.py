"""Random streams for checks, and a watch on the global streams, which no code may use."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def stream(seed: int = 0) -> torch.Generator:
    """A stream of its own."""
    return torch.Generator().manual_seed(seed)


@contextmanager
def no_global_randomness(what: str) -> Iterator[None]:
    """Fails if what happens inside draws from, or sets, the global random numbers of torch, numpy or Python."""
    before = _global_states()
    yield
    for name, state in _global_states().items():
        assert state == before[name], (
            f"{what} touches the global random numbers of {name}, so runs would not be reproducible; "
            "take all noise from the `rng` that it is handed"
        )


def _global_states() -> dict[str, object]:
    numpy = [np.asarray(part).tolist() for part in np.random.get_state(legacy=True)]
    return {"torch": torch.get_rng_state().tolist(), "numpy": numpy, "Python": random.getstate()}
