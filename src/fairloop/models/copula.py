"""A Gaussian copula for rows of mixed columns."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from fairloop.models.bootstrap import as_bytes, of_bytes

Margin = tuple[NDArray[np.float64], NDArray[Any]]
"""The distribution of a column. Texts: (k + 1,) ends of their intervals in [0, 1], and (k,) values, the most frequent
first. Numbers: (knots,) shares, and the quantiles at these shares."""

_LEAST = 1e-9  # smallest eigenvalue, so that collinear columns have a factor
_DEGREES = 12  # of the series of a covariance in powers of the correlation
_GRID = np.linspace(-0.999, 0.999, 401)


class GaussianCopula:
    """Columns with the distributions of the data, and the dependence of a latent normal distribution.

    knots: number of quantiles of a column of numbers.

    Each value has an interval of a standard normal variable with the value's share as its probability; intervals of
    texts are ordered by frequency. Correlations reproduce the covariances of the intervals' mean scores. The model
    loses dependence that does not follow the order of the texts.

    Sources: Nelsen, *An Introduction to Copulas*, 2006; for mixed columns, Patki et al., *The Synthetic Data Vault*,
    2016.
    """

    def __init__(self, knots: int = 256) -> None:
        if not isinstance(knots, int) or knots < 2:
            raise ValueError(f"knots={knots!r}: give 2 or more quantiles")
        self.knots = knots

    def fit(self, X: pd.DataFrame | NDArray[Any]) -> GaussianCopula:  # noqa: N803  (as scikit-learn calls it)
        """Learn the distributions of the columns, and their correlations. Raises ValueError for missing values."""
        people = pd.DataFrame(X)
        if people.isna().any(axis=None):
            raise ValueError("the Gaussian copula takes no missing values; fill them in")
        columns = [people.iloc[:, i] for i in range(people.shape[1])]
        self._like = X.iloc[:1] if isinstance(X, pd.DataFrame) else X[:1]
        self._margins = [_margin(column, self.knots) for column in columns]
        places = [_places(column, margin) for column, margin in zip(columns, self._margins, strict=True)]
        self._factor = _factor(_correlations(places))
        return self

    def sample(self, n: int, rng: np.random.Generator, temperature: float = 1.0) -> Any:
        """N people, in the type of the `X` of `fit`. temperature: standard deviation of the normal variables."""
        shares = ndtr(temperature * rng.standard_normal((n, len(self._margins))) @ self._factor.T)
        columns = [_values(share, margin) for share, margin in zip(shares.T, self._margins, strict=True)]
        if not isinstance(self._like, pd.DataFrame):
            return np.column_stack(columns).astype(self._like.dtype)
        kinds = zip(self._like, self._like.dtypes, columns, strict=True)
        return pd.DataFrame({name: typed(column, kind) for name, kind, column in kinds})

    def to_bytes(self) -> bytes:
        """The learned numbers, as plain arrays."""
        arrays: dict[str, Any] = {"factor": self._factor, "like": np.frombuffer(as_bytes(self._like), np.uint8)}
        for i, (points, values) in enumerate(self._margins):
            texts = values.dtype == object
            arrays[f"points-{i}"] = points
            arrays[f"{'texts' if texts else 'values'}-{i}"] = (
                np.frombuffer(json.dumps(values.tolist()).encode(), np.uint8) if texts else values
            )
        content = io.BytesIO()
        np.savez_compressed(content, **arrays)
        return content.getvalue()

    def from_bytes(self, content: bytes) -> None:
        """Restore the numbers of `to_bytes`."""
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            self._factor, self._like = arrays["factor"], of_bytes(arrays["like"].tobytes())
            self._margins = [
                (
                    arrays[f"points-{i}"],
                    np.array(json.loads(arrays[f"texts-{i}"].tobytes()), object)
                    if f"texts-{i}" in arrays
                    else arrays[f"values-{i}"],
                )
                for i in range(len(self._factor))
            ]


def _margin(column: pd.Series[Any], knots: int) -> Margin:
    if not holds_numbers(column.dtype):
        counts = column.value_counts()
        counts = counts[counts > 0]
        ends = np.concatenate([[0.0], counts.to_numpy().cumsum() / counts.sum()])
        return ends, np.array(counts.index.tolist(), object)
    shares = np.linspace(0, 1, knots)
    return shares, np.quantile(column.to_numpy(np.float64), shares, method="inverted_cdf")


def _places(column: pd.Series[Any], margin: Margin) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(N,) the ends of each value's interval in [0, 1]: the share of smaller values, and the share up to the value."""
    points, values = margin
    if values.dtype == object:
        codes = pd.Index(values).get_indexer(pd.Index(column.astype(object)))
        return points[codes], points[codes + 1]
    numbers = column.to_numpy(np.float64)
    ordered = np.sort(numbers)
    low, high = (np.searchsorted(ordered, numbers, side) / len(numbers) for side in ("left", "right"))
    return low, high


def _means(low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
    """(degrees, N): the mean of each Hermite polynomial from degree 1 on over a normal variable between two quantiles.

    The polynomials are normalised. That of degree 1 is the variable itself.
    """
    means = np.empty((_DEGREES, len(low)))
    for sign, end in ((1, low), (-1, high)):
        x = ndtri(end)
        density, x = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi), np.where(np.isfinite(x), x, 0)
        before, now = np.zeros_like(x), np.ones_like(x)
        for k in range(1, _DEGREES + 1):
            term = sign * density * now / np.sqrt(k)
            means[k - 1] = term if sign > 0 else means[k - 1] + term
            before, now = now, (x * now - np.sqrt(k - 1) * before) / np.sqrt(k)
    means /= high - low
    return means


def _correlations(places: list[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> NDArray[np.float64]:
    """(F, F) correlations of normal variables for which the mean scores of their intervals have the covariances of the
    data.

    With Hermite coefficients a and b of two columns' scores, a correlation r gives the covariance sum_k r^k a_k b_k. A
    column of one value has no covariance, so its correlations are 0.
    """
    means = [_means(low, high) for low, high in places]
    scores = np.array([mean[0] for mean in means])
    seen = scores @ scores.T / scores.shape[1]
    coefficients = np.array([(mean * mean[0]).mean(axis=1) for mean in means])
    powers = _GRID[:, None] ** np.arange(1, _DEGREES + 1)
    found, varied = np.eye(len(places)), [len(np.unique(low)) > 1 for low, _ in places]
    for i, j in zip(*np.triu_indices(len(places), 1), strict=True):
        if not (varied[i] and varied[j]):
            continue
        covariances = np.maximum.accumulate(powers @ (coefficients[i] * coefficients[j]))
        found[i, j] = found[j, i] = np.interp(seen[i, j], covariances, _GRID)
    return found


def _factor(correlations: NDArray[np.float64]) -> NDArray[np.float64]:
    """(F, F) a square root of the nearest valid correlation matrix."""
    roots, vectors = np.linalg.eigh(correlations)
    factor = vectors * np.sqrt(np.maximum(roots, _LEAST))
    whole: NDArray[np.float64] = factor / np.sqrt((factor**2).sum(axis=1, keepdims=True))
    return whole


def _values(shares: NDArray[np.float64], margin: Margin) -> NDArray[Any]:
    points, values = margin
    if values.dtype == object:
        found: NDArray[Any] = values[np.searchsorted(points[1:-1], shares, side="right")]
        return found
    return np.interp(shares, points, values)


def typed(column: NDArray[Any], kind: Any) -> pd.Series[Any]:
    """(N,) values as a column of the data's type, rounded if the type holds no fractions."""
    whole = holds_numbers(kind) and not pd.api.types.is_float_dtype(kind)
    return pd.Series(np.rint(column) if whole else column).astype(kind)


def holds_numbers(kind: Any) -> bool:
    """Whether a column of this type has an order and distances, unlike truth values."""
    return bool(pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind))
