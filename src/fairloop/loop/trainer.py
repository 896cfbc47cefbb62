"""The loop's one way to models: networks, each by its recipe, or other people's objects."""

from __future__ import annotations

from typing import Protocol

from fairloop.data import Population
from fairloop.loop.history import Annotators, History
from fairloop.loop.inputs import Inputs
from fairloop.models.interface import Classifier, Generator
from fairloop.models.numerics import Numerics
from fairloop.spec.run import RunSpec
from fairloop.store.interface import Trained
from fairloop.training.plan import Plan


class Trainer(Protocol):
    """Makes the models of one run, in the order in which the loop asks for them. Its spec has been checked."""

    spec: RunSpec
    population: Population
    numerics: Numerics
    plan: Plan
    inputs: Inputs

    def fit_roots(self) -> None:
        """Fit the models that need no other model: G_0, A_L and A_S."""

    def annotators(self) -> Annotators:
        """A_L and A_S."""
        ...

    def first_generator(self) -> Trained[Generator]:
        """G_0, fitted to real data."""
        ...

    def generator(self, generation: int, history: History) -> Trained[Generator]:
        """G_i, fitted to samples of earlier generations, and to real data where the spec says so."""
        ...

    def classifier(self, generation: int, history: History) -> Trained[Classifier]:
        """C_i, fitted to labelled samples."""
        ...

    def kept_generator(self, generation: int) -> Trained[Generator] | None:
        """G_i of an earlier session; None if it was not kept."""
        return None

    def kept_classifier(self, generation: int) -> Trained[Classifier] | None:
        """C_i of an earlier session; None if it was not kept."""
        return None
