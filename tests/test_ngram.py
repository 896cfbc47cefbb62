"""The n-gram model: hand-checked Kneser-Ney, a rebuild from sets of n-grams, and laws of every distribution."""

from __future__ import annotations

from collections import Counter, defaultdict
from fractions import Fraction
from math import exp

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairloop.errors import InputError
from fairloop.models import build_estimator
from fairloop.models.ngram import NGram
from fairloop.tables.token_ids import BEGIN, END, PAD
from texts import ID, SENTENCES, VOCABULARY, WORDS, ids, some_texts

TEN = ids(*SENTENCES)


def given_(model: NGram, word: str, *before: str) -> float:
    """P(word | before), the tokens before in their order."""
    history = np.array([[ID[token] for token in reversed(before)]])
    return float(model.probabilities(history)[0, ID[word]])


CLOSED = {
    ("nurse", "the"): Fraction(33, 182), ("child", "the"): Fraction(457, 1456), ("nurse", "a"): Fraction(25, 208),
    ("sings", "nurse"): Fraction(11, 104), ("child", "a"): Fraction(3, 104), ("</s>", "child"): Fraction(451, 520),
    ("the", "<s>"): Fraction(337, 520), ("child", "<unk>"): Fraction(1, 26), ("man", "<unk>"): Fraction(2, 26),
}  # fmt: skip
WITH_UNKNOWN = {
    ("nurse", "the"): 0.180724, ("child", "the"): 0.313279, ("nurse", "a"): 0.118528, ("sings", "nurse"): 0.104521,
    ("child", "a"): 0.027182, ("</s>", "child"): 0.866975, ("the", "<s>"): 0.647744, ("child", "<unk>"): 0.036243,
    ("<unk>", "the"): 0.007132, ("<unk>", "<unk>"): 9 / 338,
}  # fmt: skip


def test_ten_sentences_have_the_values_of_a_hand():
    model = NGram(2, 0.75, "continuation", VOCABULARY).fit(TEN)
    for (word, before), value in CLOSED.items():
        assert given_(model, word, before) == pytest.approx(float(value), abs=1e-12), (word, before)
    assert given_(model, "<unk>", "the") == 0
    for sentence, log, perplexity in (
        ("the nurse helps the child", -4.778995, 2.217763),
        ("a nurse helps the man", -7.355147, 3.407087),
    ):
        found = model.log_likelihood(ids(sentence)).sum()
        assert found == pytest.approx(log, abs=5e-7)
        assert exp(-found / 6) == pytest.approx(perplexity, abs=5e-7)


def test_a_uniform_base_gives_the_unknown_word_its_share():
    model = NGram(2, 0.75, "uniform", VOCABULARY).fit(TEN)
    for (word, before), value in WITH_UNKNOWN.items():
        assert given_(model, word, before) == pytest.approx(value, abs=5e-7), (word, before)


def test_trigrams_count_types_after_padding():
    model = NGram(3, 0.75, "continuation", VOCABULARY).fit(TEN)
    assert given_(model, "helps", "the", "nurse") == pytest.approx(313 / 624)
    assert given_(model, "child", "helps", "the") == pytest.approx(4491 / 6656)
    assert given_(model, "man", "a", "nurse") == pytest.approx(9 / 208)
    assert given_(model, "the", "<s>", "<s>") == pytest.approx(0.661058, abs=5e-7)
    for sentence, perplexity in (("the nurse helps the child", 1.601494), ("a nurse helps the man", 3.479107)):
        assert exp(-model.log_likelihood(ids(sentence)).sum() / 6) == pytest.approx(perplexity, abs=5e-7)


def test_the_discount_is_estimated_from_the_bigrams_that_occur_once_and_twice():
    estimated, fixed = (NGram(2, d, "continuation", VOCABULARY).fit(TEN) for d in ("estimated", 6 / 13))
    assert np.array_equal(estimated.log_likelihood(TEN), fixed.log_likelihood(TEN))


def rebuilt(
    texts: np.ndarray, order: int, discount: float, uniform: bool, size: int
) -> dict[tuple[int, ...], list[float]]:
    """P(. | h) for each full context h (oldest first) of the texts, from sets and counters of n-grams."""
    grams: list[Counter[tuple[int, ...]]] = [Counter() for _ in range(order)]
    for row in texts.tolist():
        marked = [BEGIN] * (order - 1) + [token for token in row if token != PAD]
        grams[-1].update(tuple(marked[i : i + order]) for i in range(len(marked) - order + 1))
    for k in range(order - 1, 0, -1):
        grams[k - 1] = Counter(gram[1:] for gram in grams[k])
    allowed = [token for token in range(size) if token not in (PAD, BEGIN)]

    def share(word: int, context: tuple[int, ...]) -> float:
        if not context and not uniform:
            return grams[0][(word,)] / sum(grams[0].values())
        after = {gram: count for gram, count in grams[len(context)].items() if gram[:-1] == context}
        below = share(word, context[1:]) if context else 1 / len(allowed)
        if not after:
            return below
        total = sum(after.values())
        return max(after.get((*context, word), 0) - discount, 0) / total + discount * len(after) / total * below

    contexts = {gram[:-1] for gram in grams[-1]} | {(size - 1,) * (order - 1)}
    return {h: [share(w, h) if w in allowed else 0.0 for w in range(size)] for h in contexts}


@settings(max_examples=25, deadline=None)
@given(some_texts(), st.integers(1, 3), st.sampled_from([0.0, 0.1, 0.75, 1.0]), st.booleans())
def test_probabilities_are_those_of_a_rebuild_from_sets(texts, order, discount, uniform):
    size = 9
    model = NGram(order, discount, "uniform" if uniform else "continuation", size).fit(texts)
    expected = rebuilt(texts, order, discount, uniform, size)
    histories = np.array([h[::-1] for h in expected], np.int64).reshape(len(expected), order - 1)
    found = model.probabilities(histories)
    assert np.allclose(found, list(expected.values()), atol=1e-12)
    assert np.allclose(found.sum(axis=1), 1, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(
    some_texts(),
    st.integers(1, 3),
    st.sampled_from([0.0, 0.75, "estimated"]),
    st.sampled_from(["uniform", "continuation"]),
)
def test_likelihoods_are_its_probabilities_one_after_the_other(texts, order, discount, base):
    model = NGram(order, discount, base, 9).fit(texts)
    logs = model.log_likelihood(texts)
    assert (logs[texts == PAD] == 0).all()
    for row, found in zip(texts.tolist(), logs, strict=True):
        marked = [BEGIN] * (order - 1) + row
        for i in range(row.index(END) + 1):
            shares = model.probabilities(np.array([marked[i : i + order - 1][::-1]], np.int64).reshape(1, -1))
            assert shares[0, row[i]] == pytest.approx(exp(found[i]), abs=1e-12)


@settings(max_examples=15, deadline=None)
@given(some_texts(), st.integers(1, 3), st.sampled_from(["uniform", "continuation"]))
def test_a_model_comes_back_from_bytes(texts, order, base):
    model, other = (NGram(order, "estimated", base, 9) for _ in range(2))
    other.from_bytes(model.fit(texts).to_bytes())
    drawn = [each.sample(6, np.random.default_rng(1)) for each in (model, other)]
    assert np.array_equal(*drawn)
    assert np.array_equal(model.log_likelihood(drawn[0]), other.log_likelihood(drawn[0]))


@pytest.mark.parametrize("temperature", [1.0, 0.6])
@pytest.mark.parametrize(
    ("order", "discount", "base"), [(1, 0.0, "continuation"), (2, 0.75, "uniform"), (3, 0.5, "uniform")]
)
def test_samples_follow_the_probabilities(order, discount, base, temperature):
    """Each second token of many samples, by its first; four standard errors and a place after the comma."""
    model = NGram(order, discount, base, VOCABULARY).fit(TEN)
    drawn = model.sample(20_000, np.random.default_rng(5), temperature)
    for before in (BEGIN, ID["the"], ID["a"]):
        rows = drawn if before == BEGIN else drawn[drawn[:, 0] == before]
        history = np.array([[before, BEGIN][: order - 1]], np.int64)
        powers = model.probabilities(history)[0] ** (1 / temperature)
        expected, seen = powers / powers.sum(), rows[:, 0 if before == BEGIN else 1]
        found = np.bincount(seen, minlength=VOCABULARY) / len(seen)
        assert (np.abs(found - expected) <= 4 * np.sqrt(expected * (1 - expected) / len(seen)) + 1e-9).all()


@settings(max_examples=20, deadline=None)
@given(some_texts(), st.integers(1, 3), st.sampled_from([0.0, 0.75]), st.sampled_from([1.0, 0.5]))
def test_samples_are_texts(texts, order, discount, temperature):
    """Padding comes after the end mark alone, and no text holds a mark of the beginning."""
    drawn = NGram(order, discount, "uniform", 9).fit(texts).sample(20, np.random.default_rng(0), temperature)
    assert drawn.shape == (20, texts.shape[1])
    assert not (drawn == BEGIN).any()
    ended = np.cumsum(drawn == END, axis=1) - (drawn == END)
    assert np.array_equal(ended > 0, drawn == PAD)


def test_without_smoothing_only_n_grams_of_the_data_occur():
    seen = defaultdict(set)
    for row in TEN.tolist():
        for before, token in zip([BEGIN, *row], row, strict=False):
            seen[before].add(token)
    drawn = NGram(2, 0.0, "uniform", VOCABULARY).fit(TEN).sample(500, np.random.default_rng(0))
    for row in drawn.tolist():
        for before, token in zip([BEGIN, *row], row, strict=False):
            assert token == PAD or token in seen[before]


def test_a_cut_text_has_no_end_and_leaves_its_last_context_open():
    cut = ids("the nurse helps the child", length=3)
    model = NGram(2, 0.0, "uniform", VOCABULARY).fit(cut)
    assert not (model.sample(50, np.random.default_rng(0)) == END).any()
    assert given_(model, "the", "helps") == pytest.approx(1 / 3)  # the next lower order, of three types


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [({"order": 0}, "order=0"), ({"discount": 1.5}, "discount=1.5"), ({"base": "flat"}, "base='flat'")],
)
def test_wrong_arguments_are_named(arguments, problem):
    with pytest.raises(InputError, match=problem):
        build_estimator("generator", "ngram", NGram, arguments)


def test_only_texts_of_the_vocabulary_are_counted():
    with pytest.raises(TypeError, match="token ids"):
        NGram().fit(np.zeros((3, 2)))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no tokens"):
        NGram().fit(np.zeros((3, 2), np.int64))
    with pytest.raises(ValueError, match="ids range from 0 to"):
        NGram(vocabulary=len(WORDS)).fit(TEN)
