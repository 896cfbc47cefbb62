"""Exact facts about `biographies`: entropies, and the best accuracies that are possible."""

from __future__ import annotations

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
