"""Measures of texts: arrays of words in, numbers out. Most depend on the amount of text; each docstring names it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
Floats = NDArray[np.float64]

_STEEPEST = 20.0
_HALVINGS = 60


class Measured(NamedTuple):
    """A value and its standard error; NaN if undefined."""

    value: float
    error: float = np.nan


UNDEFINED = Measured(np.nan)


class Corpus(NamedTuple):
    """N texts. words: (M,) ids, one text after the other. texts: (M,) the text of each word. size: N."""

    words: Ids
    texts: Ids
    size: int

    def of(self, chosen: Ids) -> Corpus:
        """The texts at `chosen` ((n,) positions, each once), in that order."""
        place = np.full(self.size, -1)
        place[chosen] = np.arange(len(chosen))
        kept = np.flatnonzero(place[self.texts] >= 0)
        ordered = kept[np.argsort(place[self.texts[kept]], kind="stable")]
        return Corpus(self.words[ordered], place[self.texts[ordered]], len(chosen))

    @property
    def lengths(self) -> Ids:
        """(N,) words of each text."""
        return np.bincount(self.texts, minlength=self.size)


def perplexity(logs: Floats, events: Ids) -> Measured:
    """exp(- sum of `logs` / sum of `events`), both (N,) by text. This micro average gives long texts more weight."""
    total = int(events.sum())
    if not total:
        return UNDEFINED
    loss = float(-logs.sum() / total)
    spread = float(np.sqrt(((-logs - loss * events) ** 2).sum())) / total if np.isfinite(loss) else np.nan
    with np.errstate(over="ignore"):
        value = float(np.exp(loss))
    return Measured(value, value * spread)


def floor(bits: float, tokens: float) -> float:
    """The perplexity of a source with `bits` of entropy and a mean of `tokens` tokens per text."""
    return float(2 ** (bits / tokens))


def mean(values: NDArray[np.generic]) -> Measured:
    """The mean of (N,) `values`, and its standard error."""
    n = len(values)
    if not n:
        return UNDEFINED
    numbers = values.astype(np.float64)
    return Measured(float(numbers.mean()), float(numbers.std(ddof=1) / n**0.5) if n > 1 else np.nan)


def ngrams(corpus: Corpus, n: int) -> NDArray[np.uint64]:
    """(G,) a key for each n-gram within a text, in order. Two n-grams share a key by chance in 1 of 2^64 cases."""
    words = _mixed(corpus.words.astype(np.uint64))
    count = max(len(words) - n + 1, 0)
    keys = np.zeros(count, np.uint64)
    for place in range(n):
        keys = _mixed(keys) + words[place : place + count]
    whole = corpus.texts[:count] == corpus.texts[n - 1 : n - 1 + count]
    return np.asarray(keys[whole])


def _mixed(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finalizer of splitmix64 (Steele, Lea and Flood, 2014)."""
    keys = keys + np.uint64(0x9E3779B97F4A7C15)
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(keys ^ (keys >> np.uint64(31)))


def distinct(corpus: Corpus, n: int, at: int) -> Measured:
    """The share of distinct n-grams among the first `at`. The number is fixed, because the share falls with it.

    NaN with fewer n-grams. For n = 1 it is the type-token ratio. The order of texts should be random.
    """
    keys = ngrams(corpus, n)[:at]
    return Measured(len(np.unique(keys)) / at) if len(keys) == at else UNDEFINED


def zipf_slope(counts: Ids) -> Measured:
    """The power s of the law rank^-s, by maximum likelihood. counts: (K,) of words, ranked in OTHER texts.

    Ranks from the same texts, and a line through log counts, are biased. NaN if no s in [-20, 20] fits.
    """
    total, logs = counts.sum(), np.log(np.arange(1, len(counts) + 1))
    if not total:
        return UNDEFINED
    wanted = float((counts * logs).sum() / total)  # the mean log rank, which falls with s

    def expected(s: float) -> float:
        weights = np.exp(-s * logs - (-s * logs).max())
        return float((weights * logs).sum() / weights.sum())

    low, high = -_STEEPEST, _STEEPEST
    if not expected(high) < wanted < expected(low):
        return UNDEFINED
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if expected(middle) > wanted else (low, middle)
    return Measured(low)


def types_alive(found: int, frequencies: Ids, real: int, texts: int) -> Measured:
    """`found` types in `texts` texts, over the expected types in `texts` draws with replacement from `real` texts.

    frequencies: (K,) number of real texts with each type. A value of 1 means as many types as in real texts.
    """
    if not texts or not real:
        return UNDEFINED
    expected = float((1 - (1 - frequencies / real) ** texts).sum())
    return Measured(found / expected) if expected else UNDEFINED


def copied(corpus: Corpus, n: int, known: NDArray[np.uint64]) -> Measured:
    """The share of n-grams with keys among the sorted keys `known`. Read it beside the share of held-out texts."""
    keys = ngrams(corpus, n)
    if not len(keys):
        return UNDEFINED
    return Measured(float(among(keys, known).mean()))


def among(keys: NDArray[np.uint64], known: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Whether each of `keys` is in the sorted `known`."""
    if not len(known):
        return np.zeros(len(keys), bool)
    places = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.asarray(known[places] == keys)


def whole(corpus: Corpus) -> NDArray[np.uint64]:
    """(N,) a key for each text."""
    position = np.arange(len(corpus.words)) - np.concatenate([[0], corpus.lengths.cumsum()])[corpus.texts]
    parts = _mixed(_mixed(corpus.words.astype(np.uint64)) + position.astype(np.uint64))
    keys = np.zeros(corpus.size, np.uint64)
    np.add.at(keys, corpus.texts, parts)
    return _mixed(keys + corpus.lengths.astype(np.uint64))


def tail(generated: Ids, real: Floats) -> tuple[Measured, Measured]:
    """The share of rare types in `generated` over their real share, and the share of rare types that occur.

    generated, real: (K,) counts. Rare: a real share above 0 and below half of an equal one. Pure resampling keeps
    the mean of the first at 1, and lowers the second. Both are NaN without rare types or samples.
    """
    shares = real / real.sum() if real.sum() else real
    rare = (shares > 0) & (shares < 0.5 / max(int((shares > 0).sum()), 1))
    if not rare.any() or not generated.sum():
        return UNDEFINED, UNDEFINED
    mass = generated[rare].sum() / generated.sum() / shares[rare].sum()
    return Measured(float(mass)), Measured(float((generated[rare] > 0).mean()))


class Swap(NamedTuple):
    """Log-probabilities of texts less those of their twins, (N,): of the word that shows the group, and of the rest."""

    group_word: Floats
    rest: Floats


def swap(texts: Ids, twins: Ids, logs: Floats, twin_logs: Floats) -> Swap:
    """Differences of texts from their twins. All (N, L); padding has the log-probability 0.

    Both have the same history up to the first token that differs. That token is the group's; the rest follows it.
    """
    differ = texts != twins
    first = np.where(differ.any(axis=1), differ.argmax(axis=1), texts.shape[1])
    with np.errstate(invalid="ignore"):  # both impossible: undefined
        gaps = logs - twin_logs
    places = np.arange(texts.shape[1])
    at, after = places == first[:, None], places > first[:, None]
    return Swap(np.where(at, gaps, 0).sum(axis=1), np.where(after, gaps, 0).sum(axis=1))


def by_kind(values: Floats, kinds: Ids, size: int) -> Floats:
    """(size,) the mean of `values` in each kind less the mean over kinds that occur; NaN for the others."""
    counts = np.bincount(kinds, minlength=size)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.bincount(kinds, values, minlength=size) / counts
    return np.asarray(means - means[counts > 0].mean()) if len(values) else means
