"""The interface between the loop, which measures each generation, and the measures of one kind of data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from fairloop.models.interface import Classifier, Generator
from fairloop.models.numerics import Numerics

Codes = NDArray[np.int64]


class Value(NamedTuple):
    """One value: split, label and group as columns of the tidy table have them."""

    split: str
    label: str | None
    group: str
    metric: str
    value: float
    error: float


class Samples(NamedTuple):
    """N generated samples. inputs: (N, ...). labels, groups: (N,) as annotators see them; None if one diverged.

    learned: gives the batches of the first epoch that their generator learned from; None: real people, each once.
    """

    inputs: Tensor
    labels: Codes | None
    groups: Codes | None
    learned: Callable[[], Iterable[Tensor]] | None = None


class KindMeasures:
    """Measures of one kind of data. This one has none."""

    keeps_samples = False
    """Whether it needs all measured samples at once."""

    def of_generator(
        self,
        generation: int,
        generator: Generator | None,
        samples: Samples,
        numerics: Numerics,
        rng: np.random.Generator,
    ) -> Iterator[Value]:
        """Of a generator and its samples. generator: None if it diverged; it then has no samples."""
        del generation, generator, samples, numerics, rng
        return iter(())

    def of_classifier(self, classifier: Classifier | None, numerics: Numerics) -> Iterator[Value]:
        """Of a classifier; None if it diverged."""
        del classifier, numerics
        return iter(())

    def words(self, inputs: Tensor) -> list[str]:
        """Samples in words for the gallery; empty if there are none, or if nobody should read them."""
        del inputs
        return []
