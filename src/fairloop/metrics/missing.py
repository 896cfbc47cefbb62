"""Tests whether missing labels depend on the decision, the score or the group, and a rule for warnings.

All tests are of a known label (R) against another variable, without a correction for continuity, which would make them
too conservative. No test can show that labels are missing at random; a test without a finding is "no evidence" of
dependence.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fairloop.metrics.group_rates import divide
from fairloop.metrics.intervals import critical, wilson
from fairloop.metrics.scores import midranks
from fairloop.metrics.shares import Codes, Flags
from fairloop.metrics.statistics import ALPHA

Floats = NDArray[np.float64]

LEAST_GAP = 0.01
"""Smallest difference of label rates for a warning. A smaller difference causes no warning, even if it is
significant."""

_SINGULAR = 1e-10


class Finding(NamedTuple):
    """statistic: chi-square, or |z| of ranks squared. p: its p-value. Both are NaN without two parts to compare."""

    statistic: float
    p: float


def label_counts(known: Flags, selected: Flags, groups: Codes, size: int) -> NDArray[np.int64]:
    """(S, 2, 2) counts of rows by (group, selected, label known), from (N,) arrays."""
    return np.bincount((groups * 2 + selected) * 2 + known, minlength=4 * size).reshape(size, 2, 2)


def by_decision(counts: NDArray[np.int64]) -> Finding:
    """R against the decision, given the group: Cochran's and Mantel and Haenszel's test of (S, 2, 2) `label_counts`.

    With S selected, M known, n rows and m selected rows known in a group, it is `(sum(m - S M / n))^2 / sum V`,
    `V = S (n - S) M (n - M) / (n^2 (n - 1))`. A pooled test of all groups would confuse
    a difference of groups in both rates with dependence on the decision.

    >>> found = by_decision(np.array([[[30, 10], [10, 30]]]))
    >>> round(found.statistic, 3), round(found.p, 6)
    (19.75, 9e-06)
    """
    table = counts.astype(np.float64)
    rows, selected, known = table.sum(axis=(1, 2)), table[:, 1].sum(axis=1), table[:, :, 1].sum(axis=1)
    excess = np.nansum(table[:, 1, 1] - divide(selected * known, rows))
    variance = np.nansum(divide(selected * (rows - selected) * known * (rows - known), rows**2 * (rows - 1)))
    return _chi_square(float(divide(excess**2, variance)), 1)


def known_for_selected_only(counts: NDArray[np.int64]) -> bool:
    """Whether only selected rows have labels, in (S, 2, 2) `label_counts` with both decisions. No test is needed
    then.
    """
    return bool(counts[:, 0].any() and counts[:, 1, 1].any() and not counts[:, 0, 1].any())


def pearson(table: ArrayLike) -> Finding:
    """Pearson's chi-square test of independence for a (G, K) table of counts, without empty rows and columns.

    >>> round(pearson([[70, 50], [45, 35]]).p, 3)
    0.77
    """
    counts = np.asarray(table, np.float64)
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    if min(counts.shape) < 2:
        return Finding(np.nan, np.nan)
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / counts.sum()
    return _chi_square(
        float(((counts - expected) ** 2 / expected).sum()), (counts.shape[0] - 1) * (counts.shape[1] - 1)
    )


def given_stratum(tables: NDArray[np.int64]) -> Finding:
    """R against K columns given the stratum, of (H, K, 2) counts of rows by stratum, column and whether known.

    The test of `by_decision` for more than two columns (Landis, Heyman and Koch, 1978). With e, (K,), the known rows of
    each column less those expected in each stratum, summed over strata, and V its covariance, it is `e' V^- e`, with
    the rank of V as degrees of freedom. Evidence adds up over strata, so many small rounds together have power. For one
    stratum it is Pearson's test.
    """
    table = np.asarray(tables, np.float64)
    if len(table) == 1:
        return pearson(table[0])
    columns, known, rows = table.sum(axis=2), table[:, :, 1].sum(axis=1), table.sum(axis=(1, 2))
    scale = np.nan_to_num(divide(known * (rows - known), rows**2 * (rows - 1)))
    covariance = np.diag((scale * rows) @ columns) - columns.T @ (scale[:, None] * columns)
    freedom = int(np.linalg.matrix_rank(covariance, rtol=_SINGULAR, hermitian=True)) if covariance.any() else 0
    if not freedom:
        return Finding(np.nan, np.nan)
    excess = _excess(table)
    inverse = np.linalg.pinv(covariance, rtol=_SINGULAR, hermitian=True)
    return _chi_square(float(excess @ inverse @ excess), freedom)


def gap_given_stratum(tables: NDArray[np.int64]) -> float:
    """The largest standardised difference of label rates between two of K columns, from (H, K, 2) counts; 0 for one
    column.

    The label rate of a column counts its known rows beyond those expected in each stratum.
    """
    table = np.asarray(tables, np.float64)
    return _range(divide(_excess(table), table.sum(axis=(0, 2))))


def _excess(table: Floats) -> Floats:
    """(K,) known rows less expected known rows, from (H, K, 2) counts."""
    rows = table.sum(axis=2)
    share = np.nan_to_num(divide(table[:, :, 1].sum(axis=1), rows.sum(axis=1)))
    return np.asarray(table[:, :, 1].sum(axis=0) - share @ rows)


def by_group(counts: NDArray[np.int64]) -> Finding:
    """R against the group, from (S, 2, 2) `label_counts`: Pearson's chi-square, valid even for small expected
    counts.
    """
    return pearson(counts.sum(axis=1))


def holm(p: ArrayLike) -> Floats:
    """p-values of one family, of any shape, adjusted by Holm's (1979) method; NaN marks a missing test.

    A test is significant if its adjusted value is at most alpha. By chance alone, at most a share alpha of families has
    a significant test.

    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    raw = np.asarray(p, np.float64)
    values = raw.ravel()
    order = np.argsort(values)[: np.isfinite(values).sum()]
    adjusted = np.full(values.shape, np.nan)
    scaled = values[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.maximum.accumulate(scaled).clip(max=1)
    return adjusted.reshape(raw.shape)


def depends(adjusted: ArrayLike, gaps: ArrayLike, alpha: float = ALPHA) -> Flags:
    """Whether tests cause a warning: adjusted p at most `alpha`, and label rates that differ by `LEAST_GAP` or more.

    adjusted: from `holm` over all rounds and tests. gaps: of the same shape, the largest difference of two label rates
    (a gap of exactly .01 counts, up to its last bits).

    >>> depends([0.001, 0.001, 0.2], [0.3, 0.005, 0.3]).tolist()
    [True, False, False]
    """
    return (np.asarray(adjusted) <= alpha) & (np.asarray(gaps) >= LEAST_GAP - 1e-9)


def gap(known: ArrayLike, rows: ArrayLike) -> float:
    """The largest difference of label rates between two parts; (P,) counts, parts without rows left out, else 0."""
    return _range(divide(known, rows))


def _range(rates: Floats) -> float:
    """The largest less the smallest defined rate, 0 without one."""
    known = rates[np.isfinite(rates)]
    return float(np.ptp(known)) if len(known) else 0.0


def could_be_missed(known: ArrayLike, rows: ArrayLike, alpha: float = ALPHA) -> float:
    """The difference of label rates of two parts, (2,) counts, that could be missed: half of Newcombe's interval.

    >>> round(could_be_missed([90, 45], [100, 50]), 3)
    0.108
    """
    rates = wilson(divide(known, rows), rows, critical(alpha))
    change = rates.at(0).less(rates.at(1))
    return float((change.high - change.low) / 2)


def _chi_square(statistic: float, freedom: int) -> Finding:
    from scipy.special import chdtrc  # slow to import

    return Finding(statistic, float(chdtrc(freedom, statistic)))


def by_score(known: Flags, scores: ArrayLike) -> Finding:
    """R against (N,) scores, rising or falling: Mann and Whitney's test with tie correction.

    >>> round(by_score(np.array([True, False, True, True]), [0.9, 0.1, 0.5, 0.6]).p, 3)
    0.18
    """
    ranks = midranks(scores)
    n, one = len(ranks), int(known.sum())
    other = n - one
    _, often = np.unique(ranks, return_counts=True)
    ties = divide((often.astype(np.float64) ** 3 - often).sum(), n * (n - 1))
    variance = one * other / 12 * (n + 1 - ties)
    excess = ranks[known].sum() - one * (n + 1) / 2
    return _chi_square(float(divide(excess**2, variance)), 1)


def by_score_bins(known: Flags, scores: ArrayLike, bins: int = 10) -> Finding:
    """R against (N,) scores, in any form: Pearson's chi-square over `bins` of about equal counts; ties stay
    together.
    """
    ranks = midranks(scores)
    place = np.minimum(((ranks - 0.5) / len(ranks) * bins).astype(np.int64), bins - 1)
    return pearson(np.bincount(place * 2 + known, minlength=2 * bins).reshape(bins, 2))
