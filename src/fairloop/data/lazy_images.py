"""Images that are read on access: some rows of an array, or grey pictures in one colour each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Images(Protocol):
    """N images, or N rows of a table: an array, a memory-mapped array, or one of the views below."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, C, H, W), or (N, F)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """uint8, or float32 for tabular data."""

    def __getitem__(self, index: Any, /) -> Any:
        """The images at `index`: a slice, or an array of M positions."""


@dataclass(frozen=True)
class Rows:
    """Some rows of `images`, in the order of `positions` ((N,) int64)."""

    images: Images
    positions: NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, ...)."""
        return (len(self.positions), *self.images.shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the images."""
        return self.images.dtype

    def __getitem__(self, index: Any, /) -> Any:
        return self.images[self.positions[index]]


@dataclass(frozen=True)
class InOneChannel:
    """Grey pictures, (N, H, W), each in one of three channels ((N,) int64, of RGB) and black in the others."""

    grey: Images
    channels: NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, 3, H, W)."""
        return (len(self.channels), 3, *self.grey.shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the pictures."""
        return self.grey.dtype

    def __getitem__(self, index: Any, /) -> Any:
        channels = self.channels[index]
        coloured = np.zeros((len(channels), *self.shape[1:]), self.dtype)
        coloured[np.arange(len(channels)), channels] = self.grey[index]
        return coloured
