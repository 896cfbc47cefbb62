"""What is kept of a generation: rows of values, and a gallery of samples. Plain arrays; needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Row(NamedTuple):
    """One value. Fields that do not apply are None; a value that is undefined is NaN."""

    generation: int
    epoch: int | None
    role: str
    split: str | None
    label: str | None
    group: str
    metric: str
    value: float
    standard_error: float


@dataclass(frozen=True)
class Gallery:
    """Samples of one generation's generator, to look at. Every generation's come from the same latents.

    images: (N, C, H, W) uint8, or (N, F) float32. labels, groups: (N,) int64, as A_L and A_S see them.
    latents: (M, L) float32, where other samples lie in the latent space of G_0; (0, 0) if it has none.
    """

    images: NDArray[np.uint8] | NDArray[np.float32]
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]
    latents: NDArray[np.float32]
