"""Exact facts about `biographies`: entropies, and the best accuracies that are possible."""

from __future__ import annotations

from itertools import product
from math import comb

import numpy as np
from numpy.typing import NDArray

from fairloop.data.biographies.derivations import EXPONENTS, TEMPLATES, slot_sizes
from fairloop.data.biographies.spec import BiographiesSpec, Chances, Floats, chances, zipf
from fairloop.data.biographies.words import YEARS


def bits(probabilities: NDArray[np.float64]) -> float:
    """The entropy of `probabilities`, of any shape, in bits."""
    some = probabilities[probabilities > 0]
    return float(-(some * np.log2(some)).sum())


def entropies(spec: BiographiesSpec) -> dict[str, float]:
    """Bits of each part of a text, given the parts before it. Their sum is the entropy of a text.

    `group and markers` counts the group only as far as a text shows it: by pronouns and markers, or by markers alone.
    """
    known = chances(spec)
    joint = _with_markers(known, spec.markers)  # (2, K, 2, M + 1) by number of marked ones
    told = joint if spec.pronouns == "explicit" else joint.sum(axis=0, keepdims=True)
    ways = np.array([comb(spec.markers, k) for k in range(spec.markers + 1)], np.float64)
    sentiment = known.cells.sum(axis=0)
    head = bits(told) + float((told.sum(axis=(0, 1, 2)) * np.log2(ways)).sum())
    found = {
        "profession": bits(sentiment.sum(axis=1)),
        "sentiment": bits(sentiment) - bits(sentiment.sum(axis=1)),
        "group and markers": head - bits(sentiment),
        "template": float(np.log2(TEMPLATES)),
        "years": float(np.log2(YEARS)),
    }
    return found | {name: bits(zipf(size, EXPONENTS[name])) for name, size in slot_sizes(spec).items()}


def bits_lost(spec: BiographiesSpec, unknown: NDArray[np.bool_]) -> float:
    """Bits of a text that are lost where the towns of `unknown` ((towns,)) have one name."""
    shares = zipf(spec.towns, EXPONENTS["town"])[unknown]
    return float(-(shares * np.log2(shares / shares.sum())).sum()) if len(shares) else 0.0


def _with_markers(known: Chances, markers: int) -> Floats:
    """(2, K, 2, M + 1): P(group, profession, sentiment, number of marked forms)."""
    k = np.arange(markers + 1)
    ways = np.array([comb(markers, i) for i in k])
    marked = known.marked[:, None]
    chance = ways * marked**k * (1 - marked) ** (markers - k)
    return np.asarray(known.cells[:, :, :, None] * chance[:, None, None, :])


def accuracy_of_markers(k: int, marked: tuple[float, float]) -> float:
    """The accuracy of the best guess of the group from `k` markers, if both groups are equally frequent."""
    best = 0.0
    for marks in product((0, 1), repeat=k):
        likely = [float(np.prod([p if mark else 1 - p for mark in marks])) for p in marked]
        best += max(likely) / 2
    return best


def accuracy_of_labels(spec: BiographiesSpec) -> dict[int, float]:
    """By group: the accuracy of a classifier that knows the true label. Label noise bounds every classifier by it.

    Noise replaces a label by another one, so a guess of the true label is right with probability 1 - noise.
    """
    return {group: 1 - noise for group, noise in enumerate(spec.label_noise)}
