"""STAR for a finite population with known strata: batches that meet quotas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairloop.curation import ideal as ideals
from fairloop.curation.columns import Names, People
from fairloop.curation.ideal import Counts, Shares
from fairloop.errors import InputError
from fairloop.sources import quotas
from fairloop.sources.quotas import Rounding


@dataclass(frozen=True)
class Tally:
    """The counts of curated batches.

    names: of the K labels and S groups.
    candidates: (K, S) people in each stratum.
    drawn: (K, S) places that each stratum filled, with repetitions.
    redrawn: (K, S) places that went to people a second time or more, because the stratum was exhausted.
    filled: places without a quota, filled in the order of the people.
    by_batch: redrawn places in each batch.
    """

    names: Names
    candidates: Counts
    drawn: Counts
    redrawn: Counts
    filled: int
    by_batch: tuple[int, ...]

    @classmethod
    def of(
        cls, names: Names, candidates: Counts, drawn: Counts, redrawn: Counts, filled: int, by_batch: Sequence[int]
    ) -> Tally:
        """A tally of copies of the counts, each (K * S,)."""
        candidates, drawn, redrawn = (count.reshape(names.shape).copy() for count in (candidates, drawn, redrawn))
        return cls(names, candidates, drawn, redrawn, filled, tuple(by_batch))

    @property
    def discarded(self) -> Counts:
        """(K, S): people who were never drawn."""
        return self.candidates - (self.drawn - self.redrawn)

    def most_often(self) -> tuple[str, float]:
        """The stratum with the most repetitions, in words, and the mean number of draws of its people."""
        times = self.drawn / np.maximum(self.candidates, 1)
        return self.names.stratum(int(times.argmax())), float(times.max())

    def __str__(self) -> str:
        places = int(self.drawn.sum())
        return (
            f"{places:,} places in {len(self.by_batch):,} batches; {self.redrawn.sum():,} redrawn, "
            f"{self.discarded.sum():,} of {self.candidates.sum():,} people discarded"
        )


class Deal:
    """Draws batches, stratum by stratum, from people in random order.

    The people of a stratum are drawn in turn, and again in the same order after all have been drawn. Each person is
    drawn again only after all others of the stratum have been drawn equally often. A batch holds a person twice only if
    the stratum has fewer people than places in it.
    """

    def __init__(self, people: People, ideal: Shares, rounding: Rounding, rng: np.random.Generator) -> None:
        """ideal: without a share for empty strata; `wanted` ensures this."""
        self._names = people.names
        self._ideal = ideal.reshape(-1)
        self._rounding = rounding
        self._rng = rng
        order = rng.permutation(len(people.stratum))
        small = people.stratum.astype(np.min_scalar_type(ideal.size))  # 16 bits or fewer are sorted faster
        self._order = order[small[order].argsort(kind="stable")]  # by stratum, at random within each
        self._sizes = people.counts().reshape(-1)
        self._starts = self._sizes.cumsum() - self._sizes
        self._drawn = np.zeros_like(self._sizes)
        self._filled = 0
        self._by_batch: list[int] = []

    def batch(self, n: int) -> NDArray[np.int64]:
        """(n,) positions of people, stratum after stratum."""
        places = self._places(n)
        stratum = np.arange(len(places)).repeat(places)
        turn = np.arange(n) + (self._drawn - (places.cumsum() - places))[stratum]
        before = self._redrawn().sum()
        self._drawn += places
        self._by_batch.append(int(self._redrawn().sum() - before))
        dealt: NDArray[np.int64] = self._order[self._starts[stratum] + turn % self._sizes[stratum]]
        return dealt

    def tally(self) -> Tally:
        """The counts so far."""
        return Tally.of(self._names, self._sizes, self._drawn, self._redrawn(), self._filled, self._by_batch)

    def _places(self, n: int) -> NDArray[np.int64]:
        """(Z,): the quotas, and the places that flooring leaves over, in proportion to the population."""
        places = quotas.drawn(self._ideal, n, self._rounding, self._rng)
        left = n - int(places.sum())
        if left:
            self._filled += left
            places += self._rng.multinomial(left, self._sizes / self._sizes.sum())
        return places

    def _redrawn(self) -> NDArray[np.int64]:
        return (self._drawn - self._sizes).clip(0)


def wanted(ideal: object, people: People, skip_empty: bool, where: str = "ideal") -> Shares:
    """(K, S) shares for these people of `ideal`, in any notation that `ideal.read` accepts.

    skip_empty: whether the shares of empty strata go to the others, in proportion.
    where: the name of the ideal in errors.

    Raises InputError for an invalid ideal, and for a share of an empty stratum unless `skip_empty`.
    """
    counts = people.counts()
    shares = ideals.shares(ideal, people.names, counts, where)
    empty = (counts == 0) & (shares > 0)
    kept = shares[~empty].sum()
    if empty.any() and (not skip_empty or kept == 0):
        more = f" (and {empty.sum() - 1:,} more strata)" if empty.sum() > 1 else ""
        option = "--skip-empty" if where.startswith("--") else "skip_empty=True"
        raise InputError(
            f"{where}: wants {shares[empty][0]:.2%} from {people.names.stratum(int(empty.argmax()))}{more}, but the "
            f"data have no such person; merge groups, or give that share to the others with {option}"
        )
    return np.where(empty, 0, shares / kept) if empty.any() else shares
