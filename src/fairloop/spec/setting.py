"""The settings of a data ecosystem: the models that learn from each other, and the model that labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from fairloop.sources.origin import ANNOTATOR

T = TypeVar("T")


@dataclass(frozen=True)
class Setting:
    """One way in which generations of models feed each other (arXiv 2403.07857, section 3).

    name: its name in specs, tables and figures.
    generators: `sequential`: G_i learns from samples of G_{i-1}; `fixed`: G_0, trained on real data, is kept;
        `none`: the data are people who come in rounds.
    labels: the labeller of the data of generation i: the classifier C_{i-1} (the annotator A_L at i = 0),
        or always the annotator A_L; `true`: outcomes of people.

    >>> loop = SETTINGS["seqgen-seqclass"]
    >>> loop.generators, loop.labels
    ('sequential', 'previous_classifier')
    >>> loop.labeller(3)  # C_2; A_L has another code
    2
    >>> loop.labeller_among(3, "A_L", ["C_0", "C_1", "C_2"])
    'C_2'
    """

    name: str
    generators: Literal["sequential", "fixed", "none"]
    labels: Literal["previous_classifier", "annotator", "true"]

    def labeller(self, generation: int) -> int:
        """The labeller of the data that models of `generation` learn from: j for C_j, or `ANNOTATOR` for A_L."""
        by_annotator = generation == 0 or self.labels == "annotator"
        return ANNOTATOR if by_annotator else generation - 1

    def labeller_among(self, generation: int, annotator: T, classifiers: Mapping[int, T] | Sequence[T]) -> T:
        """The labeller itself, chosen from A_L and C_0, C_1, ..., or from objects in their places."""
        labeller = self.labeller(generation)
        return annotator if labeller == ANNOTATOR else classifiers[labeller]


SETTINGS: dict[str, Setting] = {
    setting.name: setting
    for setting in (
        Setting("seqgen-seqclass", "sequential", "previous_classifier"),
        Setting("seqgen-nonseqclass", "sequential", "annotator"),
        Setting("seqclass", "fixed", "previous_classifier"),
        Setting("control", "fixed", "annotator"),
    )
}
"""The settings in which models learn from samples of generators."""

EVERY_SETTING = {**SETTINGS, "people": Setting("people", "none", "true")}
"""The settings of `SETTINGS`, and the one in which people come in rounds."""
