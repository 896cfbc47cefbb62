"""ColoredMNIST: a grey digit in the green or in the red channel alone; is the digit at least the threshold?

Source: arXiv 2403.07857, section 4, after Arjovsky et al., *Invariant Risk Minimization*, arXiv 1907.02893.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from fairloop.data import digits
from fairloop.data.digits import Digits
from fairloop.data.population import Population, Split
from fairloop.errors import InputError
from fairloop.seeding import Role, numpy_stream

GROUPS = ("green", "red")
MINORITIZED = ("red",)
_CHANNEL = (1, 0)  # of RGB, by group

Probability = Annotated[float, Field(ge=0, le=1)]


class ColoredMNISTSpec(BaseModel):
    """The parameters of ColoredMNIST."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: Literal["colored-mnist"] = "colored-mnist"
    source: Literal["embedded", "directory", "hub"] = Field(
        "embedded",
        description="where the digits come from: 12,000 shipped with fairloop, data.root, or the hub",
    )
    root: Path | None = Field(
        None, description="directory with MNIST's four IDX files (raw or .gz) or parquet; implies source=directory"
    )
    seed: int | None = Field(None, ge=0, lt=2**63, description="of label noise and colouring; default: the run's seed")
    threshold: int = Field(5, ge=1, le=9, description="digits from here on have label 1, the beneficial one")
    green_given_label: tuple[Probability, Probability] = Field(
        (0.3, 0.7), description="P(green | label), for labels 0 and 1, labels as they are after the noise"
    )
    label_noise: float = Field(0.05, ge=0, le=1, description="share of labels that are flipped, in every split")
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
    """ColoredMNIST as `spec` says; `seed` counts where the spec names none.

    Two test sets: `test`, coloured like the training data, and `test_balanced`: the same digits with the same
    label noise, coloured evenly, so that a group says nothing about the label.
    """
    train_file, test_file = _read(spec, "train"), _read(spec, "test")
    n = len(train_file.digits)
    train = n * 5 // 6 + 1 if spec.train is None else spec.train
    valid = n - train if spec.valid is None else spec.valid
    test = len(test_file.digits) if spec.test is None else spec.test
    if train + max(valid, 1) > n:
        raise InputError(
            f"data.train, data.valid: {train} + {max(valid, 1)} digits are more than the {n} that there are"
        )
    if test > len(test_file.digits):
        raise InputError(f"data.test: {test} is more than the {len(test_file.digits)} test digits that there are")

    seed = seed if spec.seed is None else spec.seed
    balanced = spec.model_copy(update={"green_given_label": (0.5, 0.5)})
    noisy_test = _noisy_labels(test_file.digits[:test], spec, seed, Role.TEST_DATA)
    return Population(
        name="colored-mnist",
        label_names=(f"<{spec.threshold}", f">={spec.threshold}"),
        group_names=GROUPS,
        minoritized=MINORITIZED,
        train=_split(train_file, slice(0, train), spec, seed, Role.TRAIN_DATA),
        tests={
            "valid": _split(train_file, slice(train, train + valid), spec, seed, Role.VALID_DATA),
            "test": _coloured(test_file.images[:test], noisy_test, spec, seed, Role.TEST_DATA),
            "test_balanced": _coloured(test_file.images[:test], noisy_test, balanced, seed, Role.BALANCED_DATA),
        },
    )


def _read(spec: ColoredMNISTSpec, split: str) -> Digits:
    if spec.source == "directory" and spec.root is not None:
        return digits.from_directory(spec.root, split)
    return digits.from_hub(split) if spec.source == "hub" else digits.embedded(split)


def _split(source: Digits, part: slice, spec: ColoredMNISTSpec, seed: int, role: Role) -> Split:
    labels = _noisy_labels(source.digits[part], spec, seed, role)
    return _coloured(source.images[part], labels, spec, seed, role)


def _noisy_labels(digit: NDArray[np.int64], spec: ColoredMNISTSpec, seed: int, role: Role) -> NDArray[np.int64]:
    flipped = numpy_stream(seed, role).random(len(digit)) < spec.label_noise
    return ((digit >= spec.threshold) ^ flipped).astype(np.int64)


def _coloured(
    images: NDArray[np.uint8], labels: NDArray[np.int64], spec: ColoredMNISTSpec, seed: int, role: Role
) -> Split:
    # epoch=1: the colours' own stream, so that they do not move when the number of digits does
    chance = numpy_stream(seed, role, epoch=1).random(len(labels))
    groups = (chance >= np.asarray(spec.green_given_label)[labels]).astype(np.int64)
    coloured = np.zeros((len(labels), 3, *images.shape[1:]), dtype=np.uint8)
    coloured[np.arange(len(labels)), np.asarray(_CHANNEL)[groups]] = images
    return Split(coloured, labels, groups)
