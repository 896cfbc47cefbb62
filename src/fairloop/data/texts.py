"""Facts about texts beside their tokens, and the vocabulary of a training split."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fairloop.data.tokens import BytePairs, Vocabulary, Words
from fairloop.errors import InputError
from fairloop.tables.token_ids import END, PAD, SPECIALS, UNKNOWN

VocabularyName = Literal["words", "byte-pairs"] | Path

_BYTE_PAIRS = 1024


@dataclass(frozen=True)
class Twins:
    """Texts that differ only in words of the group.

    inputs: (S, N, L) ids of text n in the words of each group; a text and its twins have the same label. kinds: (N,)
    codes of `kind_names`, such as professions, for differences by kind.
    """

    inputs: NDArray[np.int64]
    kinds: NDArray[np.int64]
    kind_names: tuple[str, ...]

    def differ(self, code: int) -> NDArray[np.bool_]:
        """(N,) whether tokens tell a text as of group `code` from that of group 0: the vocabulary may lack words."""
        return np.asarray((self.inputs[code] != self.inputs[0]).any(axis=1))


@dataclass(frozen=True)
class TextFacts:
    """watched: words whose survival is measured, such as professions; none: the labels. shown: whether reports may show
    texts, which is wrong for abuse and for texts of real people. bits: the entropy of a text as its tokens tell it, if
    it is known.
    """

    watched: tuple[str, ...] = ()
    twins: Twins | None = None
    shown: bool = True
    bits: float | None = None


def learned(texts: Sequence[str], kind: VocabularyName, size: int | None) -> Vocabulary:
    """The vocabulary of the training `texts`, or that of a directory.

    size: token ids at most that are learned; None: all words, or 1024 byte pairs.

    Raises InputError for texts without a word, for too few byte pairs, and for a directory without a vocabulary.
    """
    try:
        if isinstance(kind, Path):
            return BytePairs.of_directory(kind)
        if kind == "byte-pairs":
            return BytePairs.of(texts, _BYTE_PAIRS if size is None else size)
    except InputError as error:
        field = f"vocabulary={kind}" if size is None or isinstance(kind, Path) else f"vocabulary_size={size}"
        raise InputError(f"data.{field}: {error}") from error
    found = Words.of(texts, None if size is None else size - len(SPECIALS))
    if len(found) == len(SPECIALS):
        raise InputError("data: the training texts have no words; check data.text")
    return found


def warn_of_lost_words(rows: NDArray[np.int64], length: int) -> None:
    """Warn if most words of training texts are unknown, or most of the texts are cut. rows: (N, length) ids."""
    there = (rows != PAD) & (rows != END)
    unknown, cut = (rows == UNKNOWN).sum() / max(there.sum(), 1), 1 - (rows == END).any(axis=1).mean()
    if unknown > 0.5:
        warnings.warn(f"data.vocabulary_size: {unknown:.0%} of the training words are <unk>; give more", stacklevel=2)
    if cut > 0.5:
        warnings.warn(f"data.length={length}: {cut:.0%} of the training texts are cut; give more", stacklevel=2)
