"""Streams as torch generators, for tensors on any device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import NamedTuple

import numpy as np
import torch

from fairloop.seeding import ModelRole, Role, key_digest

_lent = Lock()  # runs may share a process
_HEADER, _WORDS = 24, 624  # of the state of torch's CPU generator: bytes before the twister's 64-bit words


class Streams(NamedTuple):
    """The streams of one model."""

    seed: int
    generation: int
    model: ModelRole
    device: str = "cpu"

    def at(self, role: Role, epoch: int = 0) -> torch.Generator:
        """The stream for `role` in `epoch`, in its initial state."""
        digest = key_digest(self.seed, self.generation, f"{self.model}/{role}", epoch)
        generator = torch.Generator(device=self.device)
        generator.manual_seed(int.from_bytes(digest[:8], "big"))
        if self.device == "cpu":
            _fill_state(generator, digest)
        return generator

    def rewound(self, role: Role) -> Callable[[int], torch.Generator]:
        """A function that returns one generator for all epochs, reset to the state of `at(role, epoch)`."""
        generator = self.at(role)

        def at_epoch(epoch: int) -> torch.Generator:
            generator.set_state(self.at(role, epoch).get_state())
            return generator

        return at_epoch


@contextmanager
def initialising(generator: torch.Generator) -> Iterator[None]:
    """Let modules built inside draw their first weights from `generator` (on the CPU).

    torch's own layers use only its global generator. Its state is replaced in the block and restored afterwards.
    """
    with _lent, torch.random.fork_rng(devices=[]):
        torch.default_generator.set_state(generator.get_state())
        yield


def _fill_state(generator: torch.Generator, digest: bytes) -> None:
    # torch's CPU generator keeps only 32 bits of a seed, few enough for the streams of one long sweep to
    # collide. So its Mersenne Twister gets all 624 words of state from the whole key.
    words = np.random.SeedSequence(int.from_bytes(digest, "big")).generate_state(_WORDS)
    state = generator.get_state()
    state.numpy()[_HEADER : _HEADER + _WORDS * 8] = words.astype(np.uint64).view(np.uint8)
    generator.set_state(state)
