"""Real people's data, as every data set of fairloop presents them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Split:
    """N samples.

    images: (N, C, H, W) uint8, or (N, F) float32 for tabular data.
    labels: (N,) int64, 0..K-1.
    groups: (N,) int64, 0..S-1.
    """

    images: NDArray[np.uint8] | NDArray[np.float32]
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Population:
    """A data set: what the first generation learns from, and what every generation is measured on.

    label_names, group_names: what the codes 0..K-1 and 0..S-1 mean.
    minoritized: the groups that society, or the simulation, puts at a disadvantage.
    beneficial: the label that is good for the person.
    train: what models learn from.
    tests: the splits for measuring, by the name that tables use: `valid`, `test`, `test_balanced`.
    fingerprint: a hash of everything above; recipes name data by it.
    """

    name: str
    label_names: tuple[str, ...]
    group_names: tuple[str, ...]
    minoritized: tuple[str, ...]
    train: Split
    tests: Mapping[str, Split]
    beneficial: int = 1
    fingerprint: str = field(default="")

    def __post_init__(self) -> None:
        if not self.fingerprint:
            object.__setattr__(self, "fingerprint", self._hash())

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one image: (C, H, W), or (F,)."""
        return self.train.images.shape[1:]

    def _hash(self) -> str:
        digest = hashlib.sha256(
            repr((self.name, self.label_names, self.group_names, self.minoritized, self.beneficial)).encode()
        )
        for name, split in {"train": self.train, **self.tests}.items():
            digest.update(name.encode())
            for array in (split.images, split.labels, split.groups):
                digest.update(repr((array.shape, array.dtype.str)).encode())
                digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()
