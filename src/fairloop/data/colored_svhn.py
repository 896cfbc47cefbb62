"""ColoredSVHN: house numbers, grey, in the green or in the red channel alone; is the digit below the threshold?

Source of the digits: Netzer et al., *Reading Digits in Natural Images with Unsupervised Feature Learning*, 2011.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fairloop.data.cache import prepared
from fairloop.data.colours import EVENLY, GROUPS, MINORITIZED, ColourFields, coloured
from fairloop.data.lazy_images import Rows
from fairloop.data.picture_files import Hub, Listing, Local, Origin, Picture, located, stamp
from fairloop.data.population import Population, Split
from fairloop.data.publishers import remedy
from fairloop.data.shared_fields import PictureFields
from fairloop.errors import InputError
from fairloop.seeding import Role

HUB_NAME, HUB_CONFIG = "ufldl-stanford/svhn", "cropped_digits"
_MOST_VALUES = 4 * 2**30
_SPLITS = {"train": "train", "test": "test"}


class ColoredSVHNSpec(ColourFields, PictureFields):
    """House numbers, green or red; is the digit less than 5?"""

    name: Literal["colored-svhn"] = "colored-svhn"
    root: Path | None = Field(
        None,
        description="directory with train_32x32.mat and test_32x32.mat, or the hub's parquet files or image folders; "
        "default: the hub",
    )
    threshold: int = Field(5, ge=1, le=9, description="digits below have label 1, the beneficial one")
    size: int = Field(64, ge=8, description="pixels a side")


def load(spec: ColoredSVHNSpec, seed: int) -> Population:
    """ColoredSVHN according to `spec`. The first ceil(5/7 n) of the training file's n digits are for training, the rest
    for validation.

    The published test set is coloured evenly; it is `test_balanced` here. `test` is coloured like the training data.
    """
    found = prepared("colored-svhn", _origin(spec), spec.size, "L", spec.cache)
    digits = found.table["label"].to_numpy(np.int64)
    file = found.table["split"].to_numpy()
    people, test = np.flatnonzero(file == "train"), np.flatnonzero(file == "test")
    if not len(test) or len(people) < 2:
        raise InputError("data.root: needs training and test digits; one of the two files is empty")
    train, valid = np.split(people, [-(-len(people) * 5 // 7)])
    own = spec.seed_of(seed)

    def split(positions: NDArray[np.int64], shares: tuple[float, float], noise: Role, colours: Role) -> Split:
        labels = spec.noisy(digits[positions] < spec.threshold, own, noise)
        return coloured(Rows(found.images, positions), labels, shares, own, colours)

    shares = spec.green_given_label
    said = (found.contents, own, spec.threshold, shares, spec.label_noise)
    return Population(
        name="colored-svhn",
        label_names=(f">={spec.threshold}", f"<{spec.threshold}"),
        group_names=GROUPS,
        minoritized=MINORITIZED,
        train=split(train, shares, Role.TRAIN_DATA, Role.TRAIN_DATA),
        tests={
            "valid": split(valid, shares, Role.VALID_DATA, Role.VALID_DATA),
            "test": split(test, shares, Role.TEST_DATA, Role.TEST_DATA),
            "test_balanced": split(test, EVENLY, Role.TEST_DATA, Role.BALANCED_DATA),
        },
        fingerprint=hashlib.sha256(repr(said).encode()).hexdigest(),
    )


def _origin(spec: ColoredSVHNSpec) -> Origin:
    if spec.root is None:
        return Hub(HUB_NAME, HUB_CONFIG, _SPLITS)
    local = Local(spec.root, _SPLITS)
    return local if local.found() else MatlabFiles(spec.root)


class MatlabFiles:
    """The publisher's two files: X (32, 32, 3, N) uint8, y (N, 1) with 10 for the digit 0."""

    def __init__(self, root: Path) -> None:
        self._files = {split: root / f"{split}_32x32.mat" for split in _SPLITS}
        self._root = root
        for file in self._files.values():
            if not file.is_file():
                raise InputError(
                    f"data.root: '{root}' has no {file.name} (nor {file.name.split('_')[0]}-*.parquet); "
                    f"{remedy('colored-svhn')}"
                )

    def identity(self) -> dict[str, Any]:
        """The directory and the two files."""
        return {**located(self._root), "files": [stamp(file, self._root) for file in self._files.values()]}

    def listing(self) -> Listing:
        """The digits of both files, 0.3 GB in memory."""
        import pandas as pd

        read = {split: _read(file) for split, file in self._files.items()}
        parts = [pd.DataFrame({"label": labels, "split": split}) for split, (_, labels) in read.items()]

        def pictures() -> Iterator[Picture]:
            for pixels, _ in read.values():
                yield from np.ascontiguousarray(np.moveaxis(pixels, -1, 0))

        return Listing(pd.concat(parts, ignore_index=True), pictures)


def _read(file: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    from scipy.io import loadmat, whosmat

    try:
        sizes = {name: math.prod(shape) for name, shape, _ in whosmat(file)}
        if max(sizes["X"], sizes["y"]) > _MOST_VALUES:  # before they are unpacked
            raise ValueError(f"it announces {sizes['X']:,} bytes of pictures")
        content = loadmat(file, variable_names=["X", "y"])
        pixels, labels = content["X"], content["y"].reshape(-1).astype(np.int64) % 10
    except Exception as error:  # SciPy raises many kinds of errors for a damaged file
        raise InputError(
            f"data.root: {file} is truncated, damaged or no MATLAB file with X and y ({error}); fetch it again"
        ) from error
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[2:] != (3, len(labels)):
        raise InputError(f"data.root: {file} holds X {pixels.shape} and {len(labels)} labels, not (32, 32, 3, N) and N")
    return pixels, labels
