"""The loop's one way to models, whatever makes them: networks by their recipes, or other people's objects."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fairloop.data import Population
from fairloop.loop.history import Annotators, History
from fairloop.models.interface import Classifier, Generator
from fairloop.models.numerics import Numerics
from fairloop.spec.run import RunSpec
from fairloop.store.interface import Trained


class Trainer(Protocol):
    """Makes the models of one run, in the order in which the loop asks for them. Its spec has been checked."""

    spec: RunSpec
    population: Population
    numerics: Numerics

    def fit_roots(self) -> None:
        """Fit the models that need no other model: G_0, A_L and A_S."""

    def annotators(self) -> Annotators:
        """A_L and A_S."""
        ...

    def first_generator(self) -> Trained[Generator]:
        """G_0, fitted to real data."""
        ...

    def generator(self, generation: int, history: History) -> Trained[Generator]:
        """G_i, fitted to what earlier generations made, and to real data where the spec says so."""
        ...

    def classifier(self, generation: int, history: History) -> Trained[Classifier]:
        """C_i, fitted to labelled samples."""
        ...

    def kept_generator(self, generation: int) -> Trained[Generator] | None:
        """G_i of an earlier session; None if it was not kept."""

    def kept_classifier(self, generation: int) -> Trained[Classifier] | None:
        """C_i of an earlier session; None if it was not kept."""

    def groups_present(self, generation: int, history: History) -> NDArray[np.float64]:
        """(S,) shares of groups among the real people that models of `generation` may see."""
        ...

    def release(self, generation: int) -> None:
        """Let go of what no model after `generation` learns from."""
