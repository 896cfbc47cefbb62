"""Labels of samples: by a classifier, and partly by people with their errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from fairloop.models.interface import Classifier
from fairloop.sources.batch import UNNAMED
from fairloop.sources.origin import ANNOTATOR


@dataclass(frozen=True)
class Labelling:
    """The labelling of samples. By default the labeller labels all samples, with the argmax of its logits.

    choice: `argmax`, or `sample`: a draw from the labeller's probabilities.
    annotator: A_L, as a stand-in for people. share: of samples that A_L labels.
    error: P(a label by A_L is wrong): (S,) by group, or (1,) for all groups; empty: its labels stay. A wrong label is
    uniform over the other labels.
    """

    choice: Literal["argmax", "sample"] = "argmax"
    annotator: Classifier | None = None
    share: float = 0.0
    error: tuple[float, ...] = ()

    @property
    def differs_by_group(self) -> bool:
        """Whether labelling needs the groups."""
        return len(self.error) > 1

    def label(
        self, labeller: Classifier | None, code: int, inputs: Tensor, groups: Tensor, rng: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """(B,) int64 labels, `UNNAMED` without a labeller; and (B,) int64 their labellers, as `Origin.labeller`.

        code: the labeller's. groups: (B,) int64, used if errors differ between them.
        """
        who = torch.full((len(inputs),), code, device=inputs.device)
        if labeller is None:
            return torch.full_like(who, UNNAMED), who
        shared = self.annotator is not None and self.share > 0 and code != ANNOTATOR
        if self.choice == "argmax" and not shared and not self.error:
            return labeller.decided(inputs), who
        logits = labeller(inputs)
        if self.annotator is not None and shared:
            by_people = _uniform(who, rng) < self.share
            logits = torch.where(by_people[:, None], self.annotator(inputs), logits)
            who = torch.where(by_people, ANNOTATOR, who)
        labels = self._chosen(logits, rng)
        return (self._with_errors(labels, groups, who, logits.shape[1], rng) if self.error else labels), who

    def _chosen(self, logits: Tensor, rng: torch.Generator) -> Tensor:
        if self.choice == "argmax":
            return logits.argmax(dim=1)
        return torch.multinomial(logits.float().softmax(dim=1), 1, generator=rng)[:, 0]

    def _with_errors(self, labels: Tensor, groups: Tensor, who: Tensor, classes: int, rng: torch.Generator) -> Tensor:
        rates = torch.tensor(self.error, device=labels.device)
        wrong = (who == ANNOTATOR) & (_uniform(who, rng) < rates[groups if self.differs_by_group else 0])
        other = torch.randint(1, classes, labels.shape, generator=rng, device=rng.device)
        return torch.where(wrong, (labels + other) % classes, labels)


BY_LABELLER = Labelling()
"""The labeller labels all samples, with the argmax of its logits."""


def _uniform(like: Tensor, rng: torch.Generator) -> Tensor:
    return torch.rand(len(like), generator=rng, device=rng.device)
