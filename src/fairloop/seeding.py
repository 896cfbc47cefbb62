"""One stream of random numbers per (seed, generation, role, epoch). fairloop has no global random state.

Two draws share a stream only if they share the whole key, so adding a measurement, another epoch or another
model never shifts the numbers that anything else sees, and runs that differ in one choice are paired.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import numpy as np

SEEDS = ("random_state", "seed", "random_seed")
"""Names of the attributes and parameters by which objects of other libraries take a seed."""


def seeded(own: Any, seed: Callable[[], int]) -> Any:
    """Set each of the `SEEDS` of `own`, and of its parts, to a number from `seed()`; return `own`."""
    if hasattr(own, "get_params") and hasattr(own, "set_params"):
        names = sorted(name for name in own.get_params() if name.split("__")[-1] in SEEDS)
        own.set_params(**{name: seed() for name in names})
        return own
    for name in SEEDS:
        if hasattr(own, name) and not callable(getattr(own, name)):
            setattr(own, name, seed())
    return own


class Role(StrEnum):
    """Purpose of a random stream. The name decides the numbers, so names never change."""

    TRAIN_DATA = "train data"
    VALID_DATA = "valid data"
    TEST_DATA = "test data"
    BALANCED_DATA = "balanced test data"
    INITIALISATION = "initialisation"
    ORDER = "order"
    LATENTS = "latents"
    NOISE = "noise"
    KEPT_SAMPLES = "kept samples"
    MEASUREMENT = "measurement"
    GALLERY = "gallery"
    EXPORT = "export"
    RETENTION = "retention"


class ModelRole(StrEnum):
    """The model of a generation that a stream belongs to; part of the role in the stream's key."""

    LABEL_ANNOTATOR = "label_annotator"
    GROUP_ANNOTATOR = "group_annotator"
    GENERATOR = "generator"
    CLASSIFIER = "classifier"


def key_digest(seed: int, generation: int, role: str, epoch: int) -> bytes:
    """A hash of 32 bytes that identifies one stream."""
    return hashlib.sha256(f"{seed}/{generation}/{role}/{epoch}".encode()).digest()


def numpy_stream(seed: int, role: Role, generation: int = 0, epoch: int = 0) -> np.random.Generator:
    """The stream for arrays."""
    return np.random.Generator(np.random.PCG64(int.from_bytes(key_digest(seed, generation, role, epoch), "big")))
