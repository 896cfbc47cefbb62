"""The interface between the loop and the measures of one kind of data."""

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
    """One value, with split, label and group as in the columns of the tidy table."""

    split: str
    label: str | None
    group: str
    metric: str
    value: float
    error: float


class Samples(NamedTuple):
    """N generated samples. inputs: (N, ...). labels, groups: (N,) by annotators; None if an annotator diverged.

    learned: a function that gives the batches of the generator's first epoch; None: real people, each once.
    """

    inputs: Tensor
    labels: Codes | None
    groups: Codes | None
    learned: Callable[[], Iterable[Tensor]] | None = None


class KindMeasures:
    """Base class of the measures of one kind of data, without measures."""

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
        """Values of a generator and its samples. generator: None if it diverged, without samples."""
        del generation, generator, samples, numerics, rng
        return iter(())

    def of_classifier(self, classifier: Classifier | None, numerics: Numerics) -> Iterator[Value]:
        """Values of a classifier. classifier: None if it diverged."""
        del classifier, numerics
        return iter(())

    def words(self, inputs: Tensor) -> list[str]:
        """Samples in words for the gallery; empty without samples, and for texts that reports do not show."""
        del inputs
        return []
