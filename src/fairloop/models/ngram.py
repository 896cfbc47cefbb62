"""n-gram language models: counts with interpolated Kneser-Ney smoothing, or without smoothing."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fairloop.tables.token_ids import BEGIN, END, PAD

Ids = NDArray[np.int64]

_AT_ONCE = 256  # full distributions in one step


class NGram:
    """A language model that predicts each token from the `order - 1` tokens before it. It is fitted by counting.

    order: of the model; 1 ignores the preceding tokens.
    discount: D in [0, 1], subtracted from each count; `estimated`: n1 / (n1 + 2 n2) for each order, where n1 and n2 are
        the numbers of n-grams that occur once and twice. 0: no smoothing, the maximum likelihood.
    base: the distribution below the lowest order. `uniform`: equal probabilities for all tokens of the vocabulary, so
    every token can occur. `continuation`: none, without a discount, so only tokens of the data occur.
    vocabulary: V, the number of ids, from the data. 0: the largest id that occurs, plus 1.

    P(w | h) = max(c(hw) - D, 0) / c(h) + D * t(h) / c(h) * P(w | h'), where h' lacks the oldest token of h, and t(h) is
    the number of tokens that follow h. The highest order counts occurrences; a lower order counts distinct tokens to
    the left, `BEGIN` among them. An unseen context takes the distribution of h'. Every text begins with
    `order - 1` marks `BEGIN`, which are never predicted; `END` is predicted like a token.

    Sources: Kneser and Ney, *Improved backing-off for m-gram language modeling*, 1995; Chen and Goodman, *An empirical
    study of smoothing techniques for language modeling*, 1999.
    """

    takes = "token ids"

    def __init__(
        self,
        order: int = 2,
        discount: float | Literal["estimated"] = 0.75,
        base: Literal["uniform", "continuation"] = "uniform",
        vocabulary: int = 0,
    ) -> None:
        if not isinstance(order, int) or order < 1:
            raise ValueError(f"order={order!r}: give a whole number of at least 1")
        if discount != "estimated" and not (isinstance(discount, int | float) and 0 <= discount <= 1):
            raise ValueError(f"discount={discount!r}: give a number from 0 to 1, or estimated")
        if base not in ("uniform", "continuation"):
            raise ValueError(f"base={base!r}: give uniform or continuation")
        self.order, self.discount, self.base, self.vocabulary = order, discount, base, vocabulary

    def fit(self, X: Ids) -> NGram:  # noqa: N803  (as scikit-learn calls it)
        """Count the n-grams of `X` ((N, L) ids, as `tables.token_ids` has them)."""
        self._size = self.vocabulary
        texts = self._checked(X)
        self._size, self._length = self.vocabulary or int(texts.max(initial=END)) + 1, texts.shape[1]
        tokens, contexts, keys = self._events(texts)
        if not len(tokens):
            raise ValueError("X has no tokens; give texts with at least one")
        self._levels = self._counted(tokens, contexts, keys)
        return self

    def sample(self, n: int, rng: np.random.Generator, temperature: float = 1.0) -> Ids:
        """(n, L) ids. temperature: probabilities are raised to 1 / temperature and normalised, before each token."""
        texts, history = np.full((n, self._length), PAD), np.full((n, self.order - 1), BEGIN)
        going = np.arange(n)
        for position in range(self._length):
            before = history[going]
            tokens = self._next(before, rng) if temperature == 1 else self._sharper(before, rng, temperature)
            texts[going, position] = tokens
            history[going] = np.column_stack([tokens, before])[:, : self.order - 1]
            going = going[tokens != END]
        return texts

    def log_likelihood(self, X: Ids) -> NDArray[np.float64]:  # noqa: N803
        """(N, L) log-probability of each token in nats, 0 for padding; -inf for a token that cannot occur."""
        texts = self._checked(X)
        tokens, history = texts[texts != PAD], self._history(texts)
        known = self._known(history)
        shares = np.full(len(tokens), self._floor)
        for level, contexts in zip(self._levels, known, strict=True):
            seen = contexts >= 0
            shares[seen] = level.interpolated(contexts[seen], tokens[seen], shares[seen])
        logs = np.zeros(texts.shape)
        with np.errstate(divide="ignore"):
            logs[texts != PAD] = np.log(shares)
        return logs

    def probabilities(self, history: Ids) -> NDArray[np.float64]:
        """(B, V): of each next token after `history` ((B, order - 1) ids, the latest first)."""
        shares = np.full((len(history), self._size), self._floor)
        shares[:, [PAD, BEGIN]] = 0
        for level, contexts in zip(self._levels, self._known(history), strict=True):
            seen = np.flatnonzero(contexts >= 0)
            shares[seen] *= level.left_over[contexts[seen], None]
            rows, places = level.entries_of(contexts[seen])
            shares[seen[rows], level.tokens[places]] += level.shares[places]
        return shares

    def to_bytes(self) -> bytes:
        """The counts, as plain arrays."""
        arrays = {"facts": np.frombuffer(json.dumps([self._size, self._length]).encode(), np.uint8)}
        for i, level in enumerate(self._levels):
            arrays |= {f"{name}-{i}": getattr(level, name) for name in ("contexts", "entries", "counts")}
        content = io.BytesIO()
        np.savez_compressed(content, allow_pickle=False, **arrays)
        return content.getvalue()

    def from_bytes(self, content: bytes) -> None:
        """Restore the counts of `to_bytes`."""
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            self._size, self._length = json.loads(arrays["facts"].tobytes())
            counts = [[arrays[f"{name}-{i}"] for name in ("contexts", "entries", "counts")] for i in range(self.order)]
        self._levels = [self._level(*kept, lowest=i == 0) for i, kept in enumerate(counts)]

    @property
    def _floor(self) -> float:
        """The probability of a token below all orders."""
        return 1 / (self._size - END) if self.base == "uniform" else 0.0  # `PAD` and `BEGIN` never occur

    def _checked(self, texts: Any) -> Ids:
        if not isinstance(texts, np.ndarray) or texts.ndim != 2 or texts.dtype.kind not in "iu":
            raise TypeError("an n-gram model learns from token ids, an (N, L) array of whole numbers; give it texts")
        if self._size and texts.size and not 0 <= texts.min() <= texts.max() < self._size:
            raise ValueError(f"ids range from {texts.min()} to {texts.max()}; the vocabulary has 0 to {self._size - 1}")
        return texts.astype(np.int64, copy=False)

    def _history(self, texts: Ids) -> Ids:
        """(M, order - 1): the tokens before each of M tokens, the latest first."""
        before = np.pad(texts, ((0, 0), (self.order - 1, 0)), constant_values=BEGIN)
        length, there = texts.shape[1], texts != PAD
        backwards = [before[:, k : k + length][there] for k in range(self.order - 2, -1, -1)]
        return np.stack(backwards, axis=1) if backwards else np.zeros((int(there.sum()), 0), np.int64)

    def _events(self, texts: Ids) -> tuple[Ids, Ids, list[Ids]]:
        """(M,) tokens and their contexts in the highest order, and the keys of contexts for each order."""
        tokens, history = texts[texts != PAD], self._history(texts)
        contexts, keys = np.zeros(len(tokens), np.int64), [np.zeros(1, np.int64)]
        for before in history.T:
            key, contexts = np.unique(contexts * self._size + before, return_inverse=True)
            keys.append(key)
        return tokens, contexts, keys

    def _counted(self, tokens: Ids, contexts: Ids, keys: list[Ids]) -> list[_Level]:
        """The orders from the lowest on."""
        entries, counts = np.unique(contexts * self._size + tokens, return_counts=True)
        levels = [self._level(keys[-1], entries, counts, lowest=self.order == 1)]
        for i in range(self.order - 2, -1, -1):
            shorter = keys[i + 1][entries // self._size] // self._size
            entries, counts = np.unique(shorter * self._size + entries % self._size, return_counts=True)
            levels.insert(0, self._level(keys[i], entries, counts, lowest=i == 0))
        return levels

    def _level(self, contexts: Ids, entries: Ids, counts: Ids, *, lowest: bool) -> _Level:
        discount = 0.0 if lowest and self.base == "continuation" else self.discount
        if discount == "estimated":
            once, twice = (int((counts == times).sum()) for times in (1, 2))
            discount = once / max(once + 2 * twice, 1)
        return _Level(contexts, entries, counts, self._size, float(discount))

    def _known(self, history: Ids) -> list[Ids]:
        """(B,) for each order: the context of `history`; -1 for an unseen context."""
        known = [np.zeros(len(history), np.int64)]
        for level, before in zip(self._levels[1:], history.T, strict=True):
            found = _places(level.contexts, known[-1] * self._size + before)
            known.append(np.where(known[-1] >= 0, found, -1))
        return known

    def _next(self, history: Ids, rng: np.random.Generator) -> Ids:
        """(B,) tokens. Each order draws a token, or passes the draw to the next lower order."""
        tokens, open_ = np.zeros(len(history), np.int64), np.ones(len(history), bool)
        for level, contexts in zip(reversed(self._levels), reversed(self._known(history)), strict=True):
            decides = open_ & (contexts >= 0) & (rng.random(len(history)) >= level.left_over[contexts])
            tokens[decides] = level.draw(contexts[decides], rng)
            open_ &= ~decides
        tokens[open_] = rng.integers(END, self._size, open_.sum())
        return tokens

    def _sharper(self, history: Ids, rng: np.random.Generator, temperature: float) -> Ids:
        """(B,) tokens at `temperature`, from the full distribution of each distinct history."""
        distinct, of = np.unique(history, axis=0, return_inverse=True)
        tokens = np.zeros(len(history), np.int64)
        for first in range(0, len(distinct), _AT_ONCE):
            shares = self.probabilities(distinct[first : first + _AT_ONCE])
            here = np.flatnonzero((of >= first) & (of < first + len(shares)))
            weights = (shares / shares.max(axis=1, keepdims=True)) ** (1 / temperature)
            tokens[here] = _drawn(weights, of[here] - first, rng)
        return tokens


@dataclass(frozen=True)
class _Level:
    """One order.

    contexts: (C,) sorted keys, the number of the shorter context times V plus the oldest token.
    entries: (E,) sorted keys, the number of the context times V plus the token. counts: (E,).
    """

    contexts: Ids
    entries: Ids
    counts: Ids
    size: int
    discount: float

    @cached_property
    def tokens(self) -> Ids:
        """(E,)."""
        return self.entries % self.size

    @cached_property
    def _starts(self) -> Ids:
        """(C + 1,) the first entry of each context."""
        return np.searchsorted(self.entries, np.arange(len(self.contexts) + 1) * self.size)

    @cached_property
    def _totals(self) -> NDArray[np.float64]:
        return np.add.reduceat(self.counts, self._starts[:-1]).astype(np.float64)

    @cached_property
    def left_over(self) -> NDArray[np.float64]:
        """(C,) the probability that the discount leaves to the next lower order."""
        return self.discount * np.diff(self._starts) / self._totals

    @cached_property
    def shares(self) -> NDArray[np.float64]:
        """(E,) discounted shares."""
        shares: NDArray[np.float64] = (
            np.maximum(self.counts - self.discount, 0) / self._totals[self.entries // self.size]
        )
        return shares

    @cached_property
    def _ends(self) -> NDArray[np.float64]:
        """(E + 1,) running sums of discounted counts."""
        return np.concatenate([[0.0], np.maximum(self.counts - self.discount, 0).cumsum()])

    def interpolated(self, contexts: Ids, tokens: Ids, lower: NDArray[np.float64]) -> NDArray[np.float64]:
        """(B,) P(token | context). lower: (B,) the probabilities of the next lower order."""
        places = _places(self.entries, contexts * self.size + tokens)
        own = np.where(places >= 0, self.shares[places], 0)
        found: NDArray[np.float64] = own + self.left_over[contexts] * lower
        return found

    def entries_of(self, contexts: Ids) -> tuple[Ids, Ids]:
        """The entries of `contexts` in order: positions in `contexts`, and positions of entries."""
        starts, sizes = self._starts[contexts], self._starts[contexts + 1] - self._starts[contexts]
        rows = np.repeat(np.arange(len(contexts)), sizes)
        within = np.arange(len(rows)) - np.repeat(sizes.cumsum() - sizes, sizes)
        return rows, starts[rows] + within

    def draw(self, contexts: Ids, rng: np.random.Generator) -> Ids:
        """(B,) a token for each context, by discounted counts."""
        first, end = self._starts[contexts], self._starts[contexts + 1]
        low, high = self._ends[first], self._ends[end]
        places = np.searchsorted(self._ends, low + rng.random(len(contexts)) * (high - low), side="right") - 1
        return self.tokens[np.clip(places, first, end - 1)]


def _places(keys: Ids, wanted: Ids) -> Ids:
    """The positions of `wanted` in the sorted `keys`; -1 for a missing key."""
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, places, -1)


def _drawn(weights: NDArray[np.float64], rows: Ids, rng: np.random.Generator) -> Ids:
    """(B,) a column by the weights of each of `rows` ((B,))."""
    ends = weights.cumsum(axis=1)
    ends = ends / ends[:, -1:] + np.arange(len(ends))[:, None]
    found: Ids = np.searchsorted(ends.ravel(), rows + rng.random(len(rows)), side="right") - rows * weights.shape[1]
    return found
