"""Urns of incidents by region: counts of found incidents allocate patrols, and patrols find incidents.

Ensign, Friedler, Neville, Scheidegger and Venkatasubramanian (2018, Runaway feedback loops in predictive policing,
arXiv 1706.09847).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fairloop.errors import InputError
from fairloop.people import arguments as checked
from fairloop.people.interface import Array, Floats


@dataclass(frozen=True, eq=False)
class Urn:
    """The law of changes of the counts of K regions.

    rates: (K,) mean incidents that a patrol finds. find: law of finds of a patrol. correction: which found incidents
    are kept; `complement` with probability 1 - the region's share (only for two regions; its limit is wrong for more),
    `smallest` with the smallest share over the region's share. reported: chance that an incident which a patrol would
    have found becomes known without one. decay: chance that a count of 1 is forgotten in a round; each region keeps
    at least 1.
    """

    rates: Floats
    find: str = "bernoulli"
    correction: str = "none"
    reported: float = 0.0
    decay: float = 0.0

    def __post_init__(self) -> None:
        checked.choice(self.find, "find", ("bernoulli", "poisson"))
        checked.choice(self.correction, "correction", ("none", "complement", "smallest"))
        checked.numbers(self.rates, "rates", 0, 1 if self.find == "bernoulli" else np.inf, (None,))
        checked.number(self.reported, "reported", 0, 1)
        checked.number(self.decay, "decay", 0, 1)
        if self.correction == "complement" and len(self.rates) != 2:
            raise InputError("people.arguments.correction: complement is correct only for two regions; use smallest")

    def keep(self, counts: Array) -> Floats:
        """(..., K) probabilities of keeping a found incident, by the shares at the start of the round."""
        shares = counts / counts.sum(axis=-1, keepdims=True)
        if self.correction == "complement":
            return np.asarray(1 - shares)
        if self.correction == "smallest":
            return np.asarray(shares.min(axis=-1, keepdims=True) / shares)
        return np.ones_like(shares)

    def found(self, patrols: Array, rng: np.random.Generator) -> Array:
        """Incidents that patrols find; patrols: (..., K) by region."""
        return self._incidents(patrols, self.rates, rng)

    def after(self, counts: Array, patrols: Array, found: Array, rng: np.random.Generator) -> Floats:
        """(..., K) counts after a round, whose shares at its start decided every patrol and the correction."""
        kept = rng.binomial(found, self.keep(counts)) if self.correction != "none" else found
        elsewhere = patrols.sum(axis=-1, keepdims=True) - patrols
        known = self._incidents(elsewhere, self.reported * self.rates, rng) if self.reported else 0
        new = counts + kept + known
        if not self.decay:
            return np.asarray(new, dtype=np.float64)
        return np.maximum(new - rng.binomial(new.astype(np.int64), self.decay), 1.0)

    def limit(self) -> Floats:
        """(K,) shares in the long run, in the mean; of a runaway urn, 1 for the region with the highest rate.

        The limit is without decay. NaN if equal rates make the limit random.
        """
        if self.correction != "none" and not self.reported:
            return np.asarray(self.rates / self.rates.sum())
        matrix = np.diag(self.rates) + self.reported * self.rates * (1 - np.eye(len(self.rates)))
        values, vectors = np.linalg.eig(matrix.T)
        order = np.argsort(values.real)
        if self.correction != "none" or np.isclose(values[order[-1]], values[order[-2]]):
            return np.full(len(self.rates), np.nan)
        vector = np.abs(vectors[:, order[-1]].real)
        return np.asarray(vector / vector.sum())

    def _incidents(self, patrols: Array, rates: Array, rng: np.random.Generator) -> Array:
        if self.find == "poisson":
            return rng.poisson(patrols * rates)
        return rng.binomial(patrols, np.broadcast_to(rates, np.shape(patrols)))


def runs(urn: Urn, start: Array, patrols: int, rounds: int, count: int, rng: np.random.Generator) -> Floats:
    """(count, K) counts of independent urns after `rounds` rounds with `patrols` patrols each."""
    counts = np.tile(np.asarray(start, dtype=np.float64), (count, 1))
    for _ in range(rounds):
        sent = rng.multinomial(patrols, counts / counts.sum(axis=1, keepdims=True))
        counts = urn.after(counts, sent, urn.found(sent, rng), rng)
    return counts
