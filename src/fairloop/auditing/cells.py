"""How often each score comes in each stratum of a log: exactly while scores are few, then in bins of one width.

Bins are `width` wide, a power of two, and start at multiples of it; none spans two bins of a reliability curve. The
width depends on the log's scores alone, not on the order of its rows. Each bin keeps the mean of its scores. So a mean
of scores stays exact (with weights: within `width`), a mean of squares is at most `width**2 / 4` too small, and an AUC
errs by at most half the share of pairs, one person of each label, that fall into one bin.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log2

import numpy as np
import pandas as pd
from numpy.typing import NDArray

MOST_CELLS = 1 << 20
"""Distinct pairs of stratum and score that are kept; from there on bins get wider."""

BINS = 1 << 16
"""Bins over the range of the scores, at most."""

EDGES = np.arange(1, 10) / 10
"""Inner edges of the bins of a reliability curve; `np.linspace` would put .3, .6 and .7 into the bin below."""

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Cells:
    """Distinct scores, or bins of them, of a log. (C,) arrays, ascending by stratum and score.

    strata: row of the tally. keys: the score, or the number of its bin; alike in ties. scores: the score, or the mean
    score of a bin. decile: the bin of a reliability curve, 0 to 9. sums:
    `n`, rows; with weights or propensities `w`, `ww`, `v`, `vv` as in `counting.Tally`. width: of bins; 0 where scores
    are exact.
    """

    strata: Codes
    keys: Floats
    scores: Floats
    decile: Codes
    sums: dict[str, Floats]
    width: float


class ScoreCells:
    """Collects the scores of a log, chunk by chunk."""

    def __init__(self) -> None:
        self._power: int | None = None  # bins are 2**power wide
        self._whole = pd.DataFrame({"stratum": np.zeros(0, np.int64), "score": np.zeros(0)})
        self._waiting: list[pd.DataFrame] = []
        self._low, self._high = np.inf, -np.inf

    def add(self, strata: Codes, scores: Floats, sums: dict[str, Floats]) -> None:
        """Count (N,) scores, NaN where missing. sums: what is added up besides rows."""
        known = np.isfinite(scores)
        if not known.any():
            return
        rows = pd.DataFrame({"stratum": strata, "score": scores, "n": 1.0, "total": scores, **sums})[known]
        self._low, self._high = min(self._low, rows["score"].min()), max(self._high, rows["score"].max())
        self._waiting.append(_summed(rows if self._power is None else _binned(rows, self._power)))
        if sum(map(len, self._waiting)) > MOST_CELLS:
            self._merge()

    def cells(self) -> Cells:
        """What was counted."""
        self._merge()
        found = self._whole.sort_values(["stratum", "score"] + ["decile"] * ("decile" in self._whole), kind="stable")
        sums = {name: found[name].to_numpy() for name in ("n", "w", "ww", "v", "vv") if name in found}
        strata, keys = found["stratum"].to_numpy(), found["score"].to_numpy()
        if self._power is None:
            return Cells(strata, keys, keys, _deciles(keys), sums, 0.0)
        scores = (found["total"] / found["n"]).to_numpy()
        return Cells(strata, keys, scores, found["decile"].to_numpy(), sums, 2.0**self._power)

    def _merge(self) -> None:
        parts = [part if self._power is None or "decile" in part else _binned(part, self._power)
                 for part in (self._whole, *self._waiting) if len(part)]  # fmt: skip
        if parts:
            self._whole, self._waiting = _summed(pd.concat(parts, ignore_index=True)), []
        while len(self._whole) > MOST_CELLS:
            self._widen()
        if self._power is not None:
            while (self._high - self._low) / 2.0**self._power > BINS:
                self._widen()

    def _widen(self) -> None:
        if self._power is None:
            self._power = ceil(log2((self._high - self._low) / BINS))
            self._whole = _summed(_binned(self._whole, self._power))
        else:
            self._power += 1
            self._whole = _summed(self._whole.assign(score=self._whole["score"] // 2))


def _binned(rows: pd.DataFrame, power: int) -> pd.DataFrame:
    return rows.assign(score=np.floor(rows["score"] / 2.0**power), decile=_deciles(rows["score"].to_numpy()))


def _deciles(scores: Floats) -> Codes:
    return np.searchsorted(EDGES, scores, side="right").astype(np.int64)


def _summed(rows: pd.DataFrame) -> pd.DataFrame:
    keys = [name for name in ("stratum", "score", "decile") if name in rows]
    summed: pd.DataFrame = rows.groupby(keys, sort=False, as_index=False).sum()
    return summed
