"""Digits in one of two colours that depend on the label: the code that ColoredMNIST and ColoredSVHN share.

Source: arXiv 2403.07857, section 4, after Arjovsky et al., *Invariant Risk Minimization*, arXiv 1907.02893.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fairloop.data.lazy_images import Images, InOneChannel
from fairloop.data.population import Split
from fairloop.data.shared_fields import DataFields, Probability
from fairloop.seeding import Role, numpy_stream

GROUPS = ("green", "red")
MINORITIZED = ("red",)
EVENLY = (0.5, 0.5)
_CHANNEL = (1, 0)  # of RGB, by group


class ColourFields(DataFields):
    """Fields about labels and colours of digits."""

    threshold: int = Field(5, ge=1, le=9, description="the digit that separates the labels")
    green_given_label: tuple[Probability, Probability] = Field(
        (0.3, 0.7), description="P(green | label), for labels 0 and 1, labels as they are after the noise"
    )
    label_noise: float = Field(0.05, ge=0, le=1, description="share of labels that are flipped, in every split")

    def noisy(self, truth: NDArray[np.bool_], seed: int, role: Role) -> NDArray[np.int64]:
        """(N,) labels: 1 for digits on the beneficial side of the threshold, else 0; a share of them flipped."""
        flipped = numpy_stream(seed, role).random(len(truth)) < self.label_noise
        return (truth ^ flipped).astype(np.int64)


def coloured(
    grey: Images, labels: NDArray[np.int64], green_given_label: tuple[float, float], seed: int, role: Role
) -> Split:
    """(N, H, W) pictures in green or red, drawn given their labels. Pictures are coloured on access."""
    # epoch=1: the colours' own stream, so that they do not move when the number of digits does
    chance = numpy_stream(seed, role, epoch=1).random(len(labels))
    groups = (chance >= np.asarray(green_given_label)[labels]).astype(np.int64)
    return Split(InOneChannel(grey, np.asarray(_CHANNEL)[groups]), labels, groups)
