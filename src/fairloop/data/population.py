"""The data of real people: `Population` and its splits, the common type of all data sets."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fairloop.data.lazy_images import Images
from fairloop.data.text_forms import Form, forms
from fairloop.data.texts import TextFacts
from fairloop.data.tokens import Vocabulary

if TYPE_CHECKING:
    from fairloop.data.columns import Column


@dataclass(frozen=True)
class Split:
    """N samples.

    inputs: (N, C, H, W) uint8 for pictures, (N, F) float32 for rows of a table, or (N, L) int64 token ids for texts, as
        `tables.token_ids` defines them; read on access.
    labels: (N,) int64, 0..K-1.
    groups: (N,) int64, 0..S-1.
    mirror: whether training may show an image left-right reversed, at random each time.

    >>> import numpy as np
    >>> split = Split(np.zeros((3, 2), np.float32), np.array([0, 1, 1]), np.array([0, 0, 1]))
    >>> len(split), split.strata(labels=2, groups=2).tolist()
    (3, [[1, 0], [1, 1]])
    """

    inputs: Images
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]
    mirror: bool = False

    @property
    def images(self) -> Images:
        """The former name of `inputs`. The next release removes it.

        >>> import numpy as np
        >>> Split(np.zeros((3, 2), np.float32), np.zeros(3, np.int64), np.zeros(3, np.int64)).images.shape
        (3, 2)
        """
        return self.inputs

    def __len__(self) -> int:
        return len(self.labels)

    def strata(self, labels: int, groups: int) -> NDArray[np.int64]:
        """(K, S): number of samples in each stratum."""
        counts: NDArray[np.int64] = np.bincount(self.labels * groups + self.groups, minlength=labels * groups)
        return counts.reshape(labels, groups)


class _Hash(str):
    """A fingerprint that a population computed itself."""

    __slots__ = ()


@dataclass(frozen=True)
class Population:
    """A data set: people for training the first generation, and people for measuring every generation.

    label_names, group_names: names of the codes 0..K-1 and 0..S-1.
    minoritized: the groups that society, or the simulation, puts at a disadvantage.
    beneficial: the label that is good for the person.
    train: the people that models learn from.
    tests: the splits for measuring, by the name that tables use: `valid`, `test`, `test_balanced`.
    columns: of tabular data, the meaning of the F features.
    tokens: of texts, the vocabulary.
    texts: of texts, facts beside their tokens. They shape no model, so the fingerprint leaves them out.
    fingerprint: a hash of all other fields. Recipes name data by it. A data set that is too large for a hash at each
    start gives its own. `dataclasses.replace` computes a new hash, unless the data set gave its own.

    >>> import numpy as np
    >>> pictures = Split(np.zeros((3, 1, 4, 4), np.uint8), np.array([0, 1, 1]), np.array([0, 0, 1]))
    >>> people = Population("mine", ("no", "yes"), ("f", "m"), ("f",), train=pictures, tests={"test": pictures})
    >>> people.shape, people.value_range, people.in_unit_range, list(people.splits)
    ((1, 4, 4), (0, 1), True, ['train', 'test'])
    >>> people.facts, people.forms  # neither the columns of a table nor a vocabulary
    ({}, ())
    >>> people.fingerprint == Population("mine", ("no", "yes"), ("f", "m"), ("m",), pictures, {}).fingerprint
    False
    """

    name: str
    label_names: tuple[str, ...]
    group_names: tuple[str, ...]
    minoritized: tuple[str, ...]
    train: Split
    tests: Mapping[str, Split]
    beneficial: int = 1
    columns: tuple[Column, ...] = ()
    tokens: Vocabulary | None = None
    fingerprint: str = field(default="")
    texts: TextFacts = field(default_factory=TextFacts)

    def __post_init__(self) -> None:
        if not self.fingerprint or isinstance(self.fingerprint, _Hash):
            object.__setattr__(self, "fingerprint", self._hash())

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample: (C, H, W), (F,) or (L,)."""
        return self.train.inputs.shape[1:]

    @property
    def facts(self) -> dict[str, Any]:
        """The facts that models may need beside the shape: `blocks`, the widths of the columns of a table, or
        `vocabulary`, the number of token ids.
        """
        if self.tokens is not None:
            return {"vocabulary": len(self.tokens)}
        return {"blocks": [column.width for column in self.columns]} if self.columns else {}

    @property
    def value_range(self) -> tuple[float, float] | None:
        """The least and the largest value of a sample; None: unlimited."""
        if self.tokens is not None:
            return 0, len(self.tokens) - 1
        return (0, 1) if self.in_unit_range else None

    @property
    def forms(self) -> tuple[Form, ...]:
        """The forms in which estimators see texts; none for other data."""
        return () if self.tokens is None else forms(self.tokens, self.shape[0])

    @property
    def in_unit_range(self) -> bool:
        """Whether every feature is in [0, 1], as in pictures and in tables with known columns."""
        return bool(self.columns) or self.train.inputs.dtype == np.uint8

    @property
    def splits(self) -> dict[str, Split]:
        """Every split by its name."""
        return {"train": self.train, **self.tests}

    def _hash(self) -> _Hash:
        digest = hashlib.sha256(
            repr((self.name, self.label_names, self.group_names, self.minoritized, self.beneficial)).encode()
        )
        for name, split in self.splits.items():
            digest.update(name.encode())
            for array in (split.inputs[:], split.labels, split.groups):
                digest.update(repr((array.shape, array.dtype.str)).encode())
                digest.update(np.ascontiguousarray(array).data)
        mirrored = [name for name, split in self.splits.items() if split.mirror]
        if mirrored or self.columns:  # older fingerprints hashed neither; data sets without them keep their names
            digest.update(repr((mirrored, self.columns)).encode())
        if self.tokens is not None:
            digest.update(self.tokens.fingerprint.encode())
        return _Hash(digest.hexdigest())
