"""The origin of a sample: the generation that made it, and the labeller. Real people have an origin, too."""

from __future__ import annotations

from typing import NamedTuple

REAL = -1
"""The generation of real people, before all generations of models."""

ANNOTATOR, TRUTH, NOBODY = -1, -2, -3
"""Codes of labellers other than the classifiers 0, 1, ..."""


class Origin(NamedTuple):
    """The origin of a sample.

    generation: of the generator that made it; `REAL` if it is a real person.
    labeller: j for C_j, `ANNOTATOR` for A_L, `TRUTH` for the true label of a real person, `NOBODY` without a label.
    """

    generation: int
    labeller: int
