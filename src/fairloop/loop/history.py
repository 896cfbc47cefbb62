"""What the generations so far leave to the next: their models, and the annotators."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from fairloop.models.interface import Classifier, Generator
from fairloop.sources.origin import ANNOTATOR
from fairloop.spec.setting import Setting
from fairloop.store.interface import Trained


class Annotators(NamedTuple):
    """A_L, which labels, and A_S, which names groups."""

    label: Trained[Classifier]
    group: Trained[Classifier]


@dataclass
class History:
    """What the generations so far leave to the next.

    generators, classifiers: G_j and C_j by generation; of those before the last only what is still needed.
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
        """The labeller of what models of `generation` learn from."""
        labeller = self.rules.labeller(generation)
        return self.annotators.label if labeller == ANNOTATOR else self.classifiers[labeller]

    def forget_before(self, generation: int) -> None:
        """Let go of all earlier models."""
        for models in (self.generators, self.classifiers):
            for earlier in [j for j in models if j < generation]:
                del models[earlier]
