"""The models of past generations for the next generation, and the annotators."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from fairloop.models.interface import Classifier, Generator
from fairloop.spec.setting import Setting
from fairloop.store.interface import Trained


class Annotators(NamedTuple):
    """A_L, the annotator of labels, and A_S, the annotator of groups."""

    label: Trained[Classifier]
    group: Trained[Classifier]


@dataclass
class History:
    """The models of past generations for the next generation.

    generators, classifiers: G_j and C_j by generation; models before the latest generation stay only while they are
    needed.
    """

    rules: Setting
    annotators: Annotators
    generators: dict[int, Trained[Generator]] = field(default_factory=dict)
    classifiers: dict[int, Trained[Classifier]] = field(default_factory=dict)

    @property
    def latest(self) -> int:
        """The last generation; -1 before the first."""
        return max(self.classifiers, default=-1)

    def labeller(self, generation: int) -> Trained[Classifier]:
        """The labeller of the samples that models of `generation` learn from."""
        return self.rules.labeller_among(generation, self.annotators.label, self.classifiers)

    def forget_before(self, generation: int) -> None:
        """Remove all earlier models."""
        self.generators = {j: model for j, model in self.generators.items() if j >= generation}
        self.classifiers = {j: model for j, model in self.classifiers.items() if j >= generation}
