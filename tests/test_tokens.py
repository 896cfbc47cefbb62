"""Vocabularies of words and of byte pairs: round trips, determinism, and the traps of special tokens."""

from __future__ import annotations

import builtins
import random
import sys
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairloop.data.tokens import BytePairs, Vocabulary, Words
from fairloop.errors import InputError
from fairloop.tables.token_ids import BEGIN, END, PAD, UNKNOWN
from texts import SENTENCES

TEXTS = [*SENTENCES, "The child's naïve, and so is the man, they say.", "a <unk> of </s> marks", ""]


def byte_pairs(texts: list[str] = TEXTS, size: int = 300) -> BytePairs:
    pytest.importorskip("tokenizers")
    return BytePairs.of(texts, size)


@cache
def learned_once() -> BytePairs:
    return byte_pairs()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=12), max_size=4))
def test_bytes_bring_back_every_text(texts):
    vocabulary = learned_once()
    rows = vocabulary.encode(texts, 60)
    assert vocabulary.decode(rows) == texts
    assert not np.isin(rows, [UNKNOWN, BEGIN]).any()
    assert rows.max(initial=0) < len(vocabulary)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(UNKNOWN, 12), max_size=6), st.integers(1, 8))
def test_words_bring_back_every_row(ids, length):
    vocabulary = Words.of(["the nurse, she sings: 'la' (often). the end"])
    row = np.full((1, length), PAD)
    whole = [*ids, END][:length]
    row[0, : len(whole)] = whole
    assert np.array_equal(vocabulary.encode(vocabulary.decode(row), length), row)


def test_words_are_ordered_by_how_often_they_occur():
    vocabulary = Words.of(["b a", "b c", "A."])
    assert vocabulary.words == ("b", ".", "A", "a", "c")
    assert Words.of(["b a", "b c", "A."], most=2, least=1).words == ("b", ".")
    assert Words.of(["b a", "b c", "A."], least=2).words == ("b",)
    assert vocabulary.encode(["c b?", "a b c . A"], 4).tolist() == [[8, 4, UNKNOWN, END], [7, 4, 8, 5]]
    assert vocabulary.decode(np.array([[8, 4, UNKNOWN, END], [7, 5, END, 4]])) == ["c b <unk>", "a."]


@pytest.mark.parametrize("learned", [Words.of, byte_pairs])
def test_the_order_of_texts_does_not_matter_but_their_content_does(learned):
    shuffled = random.Random(0).sample(TEXTS, len(TEXTS))
    assert learned(list(TEXTS)).fingerprint == learned(shuffled).fingerprint
    assert (
        learned(list(TEXTS)).fingerprint != learned([*TEXTS, "a new nurse and a new man and a new child"]).fingerprint
    )


def test_the_size_is_what_the_texts_give():
    small = byte_pairs(SENTENCES, 5000)
    assert 260 < len(small) < 400
    with pytest.raises(InputError, match="260 ids at least, not 100"):
        byte_pairs(SENTENCES, 100)


def test_text_like_a_special_token_is_text():
    for vocabulary in (byte_pairs(), Words.of(TEXTS)):
        assert isinstance(vocabulary, Vocabulary)
        row = vocabulary.encode(["a </s> <pad> <s> b"], 40)[0]
        end = row.tolist().index(END)
        assert not np.isin(row[:end], [PAD, BEGIN, END]).any()
        assert (row[end + 1 :] == PAD).all()


def test_a_long_text_is_cut_and_has_no_end():
    vocabulary = Words.of(SENTENCES)
    row = vocabulary.encode(["the nurse helps the child"], 5)
    assert END not in row
    assert vocabulary.decode(row) == ["the nurse helps the child"]


@pytest.mark.parametrize("words", [["a", "a"], ["two words"], ["<unk>"], [""]])
def test_a_list_that_is_no_vocabulary_is_refused(words):
    with pytest.raises(InputError, match="distinct words"):
        Words(words)


def test_byte_pairs_without_the_library_name_the_extra(monkeypatch):
    monkeypatch.delitem(sys.modules, "tokenizers", raising=False)
    found = builtins.__import__

    def without(name, *rest):
        if name == "tokenizers":
            raise ImportError(name)
        return found(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"fairloop\[text\]"):
        BytePairs.of(SENTENCES, 300)
