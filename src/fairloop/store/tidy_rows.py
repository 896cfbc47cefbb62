"""The record of a generation: rows of values, and a gallery of samples. Plain arrays; needs no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import nan
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

TRAINING = "training"
"""The split of rows about training data of models. Their `label` names the labeller, `group` the generator."""


MINORITIZED = "minoritized"
"""The metric that is 1 for minoritized groups of the population, and 0 for others."""


RUN_COLUMNS = ("run", "dataset", "setting", "star", "seed")
"""The columns of the tidy table that are constant within a run."""


class Row(NamedTuple):
    """One value; its fields are the other columns of the tidy table. None: does not apply. NaN: undefined.

    A new column is a new field with a default, at the end. Older files have that default.
    """

    generation: int
    epoch: int | None
    role: str
    split: str | None
    label: str | None
    group: str
    metric: str
    value: float
    standard_error: float = nan


Pictures = NDArray[np.uint8] | NDArray[np.float32] | NDArray[np.int64]
"""(N, C, H, W) uint8; (N, F) float32 for tabular data; (N, L) int64 token ids for texts."""


def _none() -> NDArray[np.float32]:
    return np.zeros((0, 0), np.float32)


def _no_texts() -> NDArray[np.str_]:
    return np.zeros(0, np.str_)


@dataclass(frozen=True)
class RoundLog:
    """The decision maker's log of a round of people, (n,) each.

    person: a number, the same in all rounds for returning people. group, prediction,
    label: codes; the label is `UNKNOWN` if it never becomes known. score: NaN without a model. accepted: after
    exploration. propensity: of a known label. observed_at: the round at whose end the label is known, or `UNKNOWN`.
    beneficial: the name of the label that is good for the person.
    """

    UNKNOWN: ClassVar[int] = -1

    person: NDArray[np.int64]
    group: NDArray[np.int64]
    prediction: NDArray[np.int64]
    score: NDArray[np.float64]
    accepted: NDArray[np.bool_]
    label: NDArray[np.int64]
    propensity: NDArray[np.float64]
    observed_at: NDArray[np.int64]
    label_names: tuple[str, ...]
    group_names: tuple[str, ...]
    beneficial: str


@dataclass(frozen=True)
class Gallery:
    """Samples of one generation's generator, for figures. The latents are the same in every generation.

    images: N samples. labels, groups: (N,) int64, by A_L and A_S.
    latents: (M, L) float32, positions of other samples in the latent space of G_0; (0, 0) without a latent space.
    originals: R real images of the test split, the same in every generation.
    reconstructions: decoded encodings of the originals; (0, 0) without an encoder.
    texts: (N,) the samples in words, for data of texts that may be shown; else (0,).
    """

    images: Pictures
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]
    latents: NDArray[np.float32]
    originals: Pictures = field(default_factory=_none)
    reconstructions: Pictures = field(default_factory=_none)
    texts: NDArray[np.str_] = field(default_factory=_no_texts)

    @classmethod
    def empty(cls) -> Gallery:
        """The gallery of a generation without samples."""
        nobody = np.zeros(0, np.int64)
        return cls(_none(), nobody, nobody, _none())

    @property
    def is_empty(self) -> bool:
        """Whether the gallery has no samples."""
        return not any(len(array) for array in vars(self).values())
