"""Small texts for tests: ten sentences, any texts, and words as ids."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from fairloop.tables.token_ids import END, SPECIALS

SENTENCES = [
    "the nurse helps the child",
    "the nurse helps the man",
    "the doctor helps the child",
    "the doctor treats the man",
    "a nurse treats the child",
    "a doctor helps a man",
    "the teacher helps the child",
    "a teacher teaches the child",
    "the nurse sings",
    "the teacher sings",
]
WORDS = sorted({word for sentence in SENTENCES for word in sentence.split()})
ID = {word: i for i, word in enumerate([*SPECIALS, *WORDS])}
VOCABULARY = len(ID)


def padded(texts: Sequence[Sequence[int]], length: int) -> NDArray[np.int64]:
    """(N, length) ids, each text with its end mark if there is room."""
    rows = np.zeros((len(texts), length), np.int64)
    for row, text in zip(rows, texts, strict=True):
        whole = [*text, END][:length]
        row[: len(whole)] = whole
    return rows


def ids(*sentences: str, length: int = 8) -> NDArray[np.int64]:
    return padded([[ID[word] for word in sentence.split()] for sentence in sentences], length)


def some_texts(most: int = 8, words: int = 4, longest: int = 5) -> st.SearchStrategy[NDArray[np.int64]]:
    """A few short texts of few words, whole: each has its end mark."""
    text = st.lists(st.integers(len(SPECIALS), len(SPECIALS) + words - 1), max_size=longest)
    return st.lists(text, min_size=1, max_size=most).map(lambda texts: padded(texts, longest + 1))
