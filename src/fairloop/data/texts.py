"""Facts about texts beside their tokens, and the vocabulary of a training split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fairloop.data.tokens import BytePairs, Vocabulary, Words
from fairloop.errors import InputError
from fairloop.tables.token_ids import SPECIALS

VocabularyName = Literal["words", "byte-pairs"]

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


@dataclass(frozen=True)
class TextFacts:
    """watched: words whose survival is measured, such as professions; none: the labels. shown: whether reports may show
    texts, which is wrong for abuse and for texts of real people. bits: the entropy of a text, if it is known.
    """

    watched: tuple[str, ...] = ()
    twins: Twins | None = None
    shown: bool = True
    bits: float | None = None


def learned(texts: Sequence[str], kind: VocabularyName, size: int | None) -> Vocabulary:
    """The vocabulary of the training `texts`. size: token ids at most; None: all words, or 1024 byte pairs.

    Raises InputError for texts without a word, and for too few byte pairs.
    """
    if kind == "byte-pairs":
        return BytePairs.of(texts, _BYTE_PAIRS if size is None else size)
    found = Words.of(texts, None if size is None else size - len(SPECIALS))
    if len(found) == len(SPECIALS):
        raise InputError("data: the training texts have no words; check data.text")
    return found
