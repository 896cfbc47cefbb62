"""Random streams for checks, and a check that code does not use the global streams."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def stream(seed: int = 0) -> torch.Generator:
    """A separate stream for `seed`."""
    return torch.Generator().manual_seed(seed)


@contextmanager
def no_global_randomness(what: str) -> Iterator[None]:
    """Fails if the block draws from, or sets, the global random numbers of torch, numpy or Python."""
    before = _global_states()
    yield
    for name, state in _global_states().items():
        assert state == before[name], (
            f"{what} touches the global random numbers of {name}, so runs would not be reproducible; "
            "take all random numbers from the given `rng`"
        )


def _global_states() -> dict[str, object]:
    numpy = [np.asarray(part).tolist() for part in np.random.get_state(legacy=True)]
    return {"torch": torch.get_rng_state().tolist(), "numpy": numpy, "Python": random.getstate()}
