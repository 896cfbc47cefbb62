"""ColoredMNIST of the published size: MNIST itself where its directory is given, else the shipped digits, repeated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from fairloop import data
from fairloop.data import Population, Split
from fairloop.data.colored_mnist import ColoredMNISTSpec

SIZES = {"train": 50_001, "valid": 9_999, "test": 10_000, "test_balanced": 10_000}


def population(root: Path | None = None, seed: int = 0) -> Population:
    """ColoredMNIST of the published size; also for `data.name=benchmarks.speed.people:population`."""
    shipped = data.load(ColoredMNISTSpec.model_validate({"root": root} if root else {}), seed)
    if root:
        return shipped
    sizes = {name: repeated(split, SIZES[name]) for name, split in shipped.splits.items()}
    return replace(shipped, train=sizes.pop("train"), tests=sizes, fingerprint="")


def repeated(split: Split, people: int) -> Split:
    """`split` again and again, up to so many people."""
    index = np.arange(people) % len(split)
    return Split(split.inputs[index], split.labels[index], split.groups[index])
