"""ColoredMNIST: a grey digit in the green or in the red channel alone; is the digit at least the threshold?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from fairloop.data import digits
from fairloop.data.colours import EVENLY, GROUPS, MINORITIZED, ColourFields, coloured
from fairloop.data.digits import Digits
from fairloop.data.population import Population, Split
from fairloop.errors import InputError
from fairloop.seeding import Role


class ColoredMNISTSpec(ColourFields):
    """Handwritten digits, green or red; is the digit 5 or more?"""

    name: Literal["colored-mnist"] = "colored-mnist"
    source: Literal["embedded", "directory", "hub"] = Field(
        "embedded",
        description="source of the digits: 12,000 shipped with fairloop, data.root, or the hub",
    )
    root: Path | None = Field(
        None, description="directory with MNIST's four IDX files (raw or .gz) or parquet; implies source=directory"
    )
    seed: int | None = Field(None, ge=0, lt=2**63, description="of label noise and colouring; default: the run's seed")
    threshold: int = Field(5, ge=1, le=9, description="digits of this value or more have label 1, the beneficial one")
    train: int | None = Field(
        None, ge=1, description="training digits, the first ones of the file; default: five sixths plus one"
    )
    valid: int | None = Field(None, ge=1, description="validation digits, the next ones; default: all others")
    test: int | None = Field(None, ge=1, description="test digits, the first of their file; default: all")

    @model_validator(mode="before")
    @classmethod
    def _root_implies_directory(cls, values: object) -> object:
        if isinstance(values, dict) and values.get("root") is not None:
            return {**values, "source": "directory"}
        return values

    @model_validator(mode="after")
    def _directory_needs_root(self) -> ColoredMNISTSpec:
        if self.source == "directory" and self.root is None:
            raise ValueError("source=directory needs data.root")
        return self


def load(spec: ColoredMNISTSpec, seed: int) -> Population:
    """ColoredMNIST according to `spec`. seed: for specs without a seed of their own.

    Two test sets: `test`, coloured like the training data, and `test_balanced`: the same digits with the same
    label noise, coloured evenly, so that groups are independent of labels.
    """
    train_file, test_file = _read(spec, "train"), _read(spec, "test")
    n = len(train_file.digits)
    train = n * 5 // 6 + 1 if spec.train is None else spec.train
    valid = n - train if spec.valid is None else spec.valid
    test = len(test_file.digits) if spec.test is None else spec.test
    if train + max(valid, 1) > n:
        raise InputError(
            f"data.train, data.valid: {train} + {max(valid, 1)} digits are more than the {n} in the file; use fewer"
        )
    if test > len(test_file.digits):
        raise InputError(
            f"data.test: {test} is more than the {len(test_file.digits)} test digits in the file; use fewer"
        )

    own, shares = spec.seed_of(seed), spec.green_given_label

    def split(source: Digits, part: slice, role: Role) -> Split:
        return _in_memory(source, part, _labels(source, part, spec, own, role), shares, own, role)

    first = slice(0, test)
    noisy_test = _labels(test_file, first, spec, own, Role.TEST_DATA)
    return Population(
        name="colored-mnist",
        label_names=(f"<{spec.threshold}", f">={spec.threshold}"),
        group_names=GROUPS,
        minoritized=MINORITIZED,
        train=split(train_file, slice(0, train), Role.TRAIN_DATA),
        tests={
            "valid": split(train_file, slice(train, train + valid), Role.VALID_DATA),
            "test": _in_memory(test_file, first, noisy_test, shares, own, Role.TEST_DATA),
            "test_balanced": _in_memory(test_file, first, noisy_test, EVENLY, own, Role.BALANCED_DATA),
        },
    )


def _read(spec: ColoredMNISTSpec, split: str) -> Digits:
    if spec.source == "directory" and spec.root is not None:
        return digits.from_directory(spec.root, split)
    return digits.from_hub(split) if spec.source == "hub" else digits.embedded(split)


def _labels(source: Digits, part: slice, spec: ColoredMNISTSpec, seed: int, role: Role) -> NDArray[np.int64]:
    return spec.noisy(source.digits[part] >= spec.threshold, seed, role)


def _in_memory(
    source: Digits, part: slice, labels: NDArray[np.int64], shares: tuple[float, float], seed: int, role: Role
) -> Split:
    split = coloured(source.images[part], labels, shares, seed, role)
    return replace(split, inputs=split.inputs[:])  # small enough, and faster than colouring each batch
