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

_RIDGE = 1e-6  # keeps the correlations of collinear columns positive definite


class GaussianCopula:
    """Columns with the distributions of the data, joined by the correlations of their normal scores.

    knots: quantiles that are kept of a column of numbers. A column of text has a place on the normal line for each of
    its values, the most frequent first; while it learns, a value lies at random within its place, so correlations
    between texts are attenuated towards zero if they do not follow that order.

    Method: Nelsen, *An Introduction to Copulas*, 2006; for mixed columns, Patki et al., *The Synthetic Data Vault*, 2016.
    """

    def __init__(self, knots: int = 256, random_state: int | None = None) -> None:
        if not isinstance(knots, int) or knots < 2:
            raise ValueError(f"knots={knots!r}: at least 2 quantiles are needed")
        self.knots = knots
        self.random_state = random_state

    def fit(self, X: pd.DataFrame | NDArray[Any]) -> GaussianCopula:  # noqa: N803  (as scikit-learn calls it)
        """Learn the distributions of the columns, and the correlations of their normal scores."""
        people, rng = pd.DataFrame(X), np.random.default_rng(self.random_state)
        self._nobody = X.iloc[:0] if isinstance(X, pd.DataFrame) else X[:0]
        self._margins = [_margin(people.iloc[:, i], self.knots) for i in range(people.shape[1])]
        parts = [_places(people.iloc[:, i], margin) for i, margin in enumerate(self._margins)]
        shares = np.column_stack([low + (high - low) * rng.random(len(people)) for low, high in parts])
        scores = ndtri(np.clip(shares, 0.5 / len(people), 1 - 0.5 / len(people)))
        spread = scores.std(axis=0)
        scores = (scores - scores.mean(axis=0)) / np.where(spread > 0, spread, 1)
        correlation = scores.T @ scores / len(people) + _RIDGE * np.eye(scores.shape[1])
        self._factor = np.linalg.cholesky(correlation)
        return self

    def sample(self, n: int, rng: np.random.Generator, temperature: float = 1.0) -> Any:
        """N people, of the kind that `fit` got. temperature: standard deviation of the normal scores."""
        scores = temperature * rng.standard_normal((n, len(self._margins))) @ self._factor.T
        shares = ndtr(scores / np.sqrt((self._factor**2).sum(axis=1)))
        columns = [_values(share, margin) for share, margin in zip(shares.T, self._margins, strict=True)]
        if not isinstance(self._nobody, pd.DataFrame):
            return np.column_stack(columns).astype(self._nobody.dtype)
        kinds = self._nobody.dtypes
        return pd.DataFrame(
            {name: _typed(column, kinds[name]) for name, column in zip(self._nobody, columns, strict=True)}
        )

    def to_bytes(self) -> bytes:
        """What it has learned, as plain arrays."""
        arrays = {"factor": self._factor, "nobody": np.frombuffer(as_bytes(self._nobody), np.uint8)}
        kinds = []
        for i, (points, values) in enumerate(self._margins):
            kinds.append(values.dtype.kind)
            arrays[f"points-{i}"] = points
            texts = values.dtype.kind == "O"
            arrays[f"values-{i}"] = np.frombuffer(json.dumps(values.tolist()).encode(), np.uint8) if texts else values
        content = io.BytesIO()
        np.savez_compressed(content, kinds=np.array(kinds), **arrays)
        return content.getvalue()

    def from_bytes(self, content: bytes) -> None:
        """Know what `to_bytes` told."""
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            self._factor, self._nobody = arrays["factor"], of_bytes(arrays["nobody"].tobytes())
            self._margins = [
                (
                    arrays[f"points-{i}"],
                    np.array(json.loads(arrays[f"values-{i}"].tobytes()), object)
                    if kind == "O"
                    else arrays[f"values-{i}"],
                )
                for i, kind in enumerate(arrays["kinds"].tolist())
            ]


Margin = tuple[NDArray[np.float64], NDArray[Any]]
"""Of a column. Texts: (k + 1,) ends of their places in [0, 1], and (k,) values, the most frequent first. Numbers:
(knots,) shares, and the quantiles at these."""


def _margin(column: pd.Series[Any], knots: int) -> Margin:
    if not pd.api.types.is_numeric_dtype(column):
        counts = column.value_counts()  # of equally frequent values, the first that occurs is first
        counts = counts[counts > 0]
        ends = np.concatenate([[0.0], (counts.cumsum() / counts.sum()).to_numpy(np.float64)])
        return ends, np.array(counts.index.tolist(), object)
    shares = np.linspace(0, 1, knots)
    return shares, np.quantile(column.to_numpy(np.float64), shares, method="inverted_cdf")


def _places(column: pd.Series[Any], margin: Margin) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(N,) the ends of each value's place in [0, 1]: the shares of values below it, and up to it."""
    points, values = margin
    if values.dtype.kind == "O":
        codes = pd.Index(values).get_indexer(pd.Index(column.astype(object)))
        return points[codes], points[codes + 1]
    numbers = column.to_numpy(np.float64)
    ordered = np.sort(numbers)
    low, high = (np.searchsorted(ordered, numbers, side) / len(numbers) for side in ("left", "right"))
    return low, high


def _values(shares: NDArray[np.float64], margin: Margin) -> NDArray[Any]:
    points, values = margin
    if values.dtype.kind == "O":
        found: NDArray[Any] = values[np.searchsorted(points[1:-1], shares, side="right")]
        return found
    return np.interp(shares, points, values)


def _typed(column: NDArray[Any], kind: Any) -> pd.Series[Any]:
    whole = pd.api.types.is_integer_dtype(kind)
    return pd.Series(np.rint(column) if whole else column).astype(kind)
