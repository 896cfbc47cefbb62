"""Vocabularies: texts as rows of token ids, and back. Words need no library; byte pairs need `tokenizers`."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairloop._util.as_json import digest
from fairloop._util.limits import MOST_CELLS
from fairloop.errors import InputError, said
from fairloop.tables.token_ids import END, PAD, SPECIALS, UNKNOWN

Ids = NDArray[np.int64]

_FIRST = len(SPECIALS)
_BYTES = 256
_WORD = re.compile(rf"{re.escape(SPECIALS[UNKNOWN])}|\w+|[^\w\s]")
_CLOSING = re.compile(r" ([.,;:!?])")


def words_in(text: str) -> list[str]:
    """The words and punctuation marks of a text."""
    return _WORD.findall(text)


class Vocabulary(ABC):
    """Token ids 0..V-1 of texts; the first are those of `tables.token_ids`."""

    @abstractmethod
    def __len__(self) -> int:
        """V."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """A hash of everything that determines ids."""

    @abstractmethod
    def split(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text, without marks."""

    @abstractmethod
    def joined(self, rows: Sequence[Sequence[int]]) -> list[str]:
        """The text of each row of ids without marks."""

    def encode(self, texts: Sequence[str], length: int) -> Ids:
        """(N, length) ids: tokens, `END`, padding. A text of `length` tokens or more is cut and has no `END`.

        Raises InputError for more ids than a table may have cells.
        """
        if len(texts) * length > MOST_CELLS:
            raise InputError(
                f"data.length={length}: {len(texts):,} texts of so many tokens have more than {MOST_CELLS:,}; give less"
            )
        rows = np.full((len(texts), length), PAD, np.int64)
        for row, ids in zip(rows, self.split(texts), strict=True):
            whole = [*ids, END][:length]
            row[: len(whole)] = whole
        return rows

    def decode(self, rows: Ids) -> list[str]:
        """The text of each row, up to its `END` or padding."""
        stops = np.asarray(rows) < _FIRST
        stops &= np.asarray(rows) != UNKNOWN
        ends = np.where(stops.any(axis=1), stops.argmax(axis=1), rows.shape[1])
        return self.joined([row[:end] for row, end in zip(rows.tolist(), ends.tolist(), strict=True)])


class Words(Vocabulary):
    """Words and punctuation marks with their case. Any other word is `<unk>`.

    words: in the order of their ids. A decoded text has one space between words and none before closing marks.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self.words = tuple(words)
        self._ids = {word: i for i, word in enumerate(self.words, _FIRST)}
        written = all(_WORD.fullmatch(word) and word != SPECIALS[UNKNOWN] for word in self.words)
        if len(self._ids) < len(self.words) or not written:
            raise InputError("a vocabulary of words needs distinct words or punctuation marks")

    @classmethod
    def of(cls, texts: Iterable[str], most: int | None = None, least: int = 1) -> Words:
        """The words of `texts`, the most frequent first, equally frequent ones in alphabetical order.

        most: largest number of words; None: all. least: smallest number of occurrences of a word.
        """
        counts = Counter(word for text in texts for word in words_in(text))
        del counts[SPECIALS[UNKNOWN]]
        ordered = sorted((word for word in counts if counts[word] >= least), key=lambda word: (-counts[word], word))
        return cls(ordered[:most])

    def __len__(self) -> int:
        return _FIRST + len(self.words)

    @cached_property
    def fingerprint(self) -> str:
        return _hash("words", self.words)

    def split(self, texts: Sequence[str]) -> list[list[int]]:
        known = self._ids
        return [[known.get(word, UNKNOWN) for word in words_in(text)] for text in texts]

    def joined(self, rows: Sequence[Sequence[int]]) -> list[str]:
        tokens = [*SPECIALS, *self.words]
        return [_CLOSING.sub(r"\1", " ".join(tokens[i] for i in row)) for row in rows]


class BytePairs(Vocabulary):
    """Byte pairs (Sennrich et al., arXiv 1508.07909) over bytes: every text has ids, and `<unk>` never occurs.

    content: the vocabulary as `tokenizers` writes it. Text that looks like a special token, such as `</s>`, is text.
    Raises InputError without the library.
    """

    def __init__(self, content: str) -> None:
        self._content = content
        self._tokenizer = _tokenizers().Tokenizer.from_str(content)
        self._tokenizer.encode_special_tokens = True  # text that looks like a special token is text

    @classmethod
    def of(cls, texts: Iterable[str], size: int = 512) -> BytePairs:
        """Learn the vocabulary from `texts` in any order. Few texts may give fewer than `size` ids.

        Raises InputError for a size that does not hold every byte.
        """
        if size < _FIRST + _BYTES:
            raise InputError(f"a vocabulary of byte pairs has {_FIRST + _BYTES} ids at least, not {size}")
        library = _tokenizers()
        tokenizer = library.Tokenizer(library.models.BPE())
        tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = library.decoders.ByteLevel()
        trainer = library.trainers.BpeTrainer(
            vocab_size=size - _FIRST,
            initial_alphabet=library.pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator(sorted(texts), trainer)
        return cls(tokenizer.to_str())

    @classmethod
    def of_directory(cls, directory: Path) -> BytePairs:
        """The vocabulary of a pretrained model: `tokenizer.json` in `directory`. Raises InputError if it has none."""
        _tokenizers()
        try:
            return cls((directory / "tokenizer.json").read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"{directory}: has no tokenizer.json that can be read ({error.strerror})") from error
        except Exception as error:  # tokenizers raises Exception itself
            raise InputError(f"{directory}: has no tokenizer.json that is a vocabulary ({said(error)})") from error

    def __len__(self) -> int:
        return _FIRST + int(self._tokenizer.get_vocab_size())

    @cached_property
    def fingerprint(self) -> str:
        return _hash("byte pairs", json.loads(self._content))

    def split(self, texts: Sequence[str]) -> list[list[int]]:
        found_in = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [[i + _FIRST for i in found.ids] for found in found_in]

    def joined(self, rows: Sequence[Sequence[int]]) -> list[str]:
        shifted = [[i - _FIRST for i in row if i >= _FIRST] for row in rows]
        found: list[str] = self._tokenizer.decode_batch(shifted, skip_special_tokens=False)
        return found


def _tokenizers() -> Any:
    try:
        import tokenizers
    except ImportError as error:
        raise InputError(
            "a vocabulary of byte pairs needs tokenizers: pip install 'fairloop[text]', or take a vocabulary of words"
        ) from error
    return tokenizers


def _hash(*content: object) -> str:
    return digest(content)
