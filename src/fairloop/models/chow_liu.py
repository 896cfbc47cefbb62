"""A Bayesian network whose graph is a tree, for rows of mixed columns."""

from __future__ import annotations

import io
import itertools
import json
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

from fairloop.models.bootstrap import as_bytes, of_bytes
from fairloop.models.copula import holds_numbers, typed


class _States(NamedTuple):
    """A column as a few states. codes: (N,). values: (k,) texts, or (k, m) numbers; a sample draws one of m."""

    codes: NDArray[np.int64]
    values: NDArray[Any]


class ChowLiuTree:
    """Each column depends on one other column. The tree has the largest mutual information between columns of all
    trees.

    bins: states of a column with more distinct numbers; states hold about equally many people.
    knots: quantiles of the numbers in a state; a sample draws one of them.

    The pairs of columns that the tree joins have the joint shares of the data, state by state; others follow from
    these. Independent columns start separate trees. Samples never contain a combination of joined states that the
    data lack.

    Source: Chow and Liu, *Approximating discrete probability distributions with dependence trees*, 1968.
    """

    def __init__(self, bins: int = 32, knots: int = 32) -> None:
        for name, value in (("bins", bins), ("knots", knots)):
            if not isinstance(value, int) or value < 2:
                raise ValueError(f"{name}={value!r}: give 2 or more")
        self.bins, self.knots = bins, knots

    def fit(self, X: pd.DataFrame | NDArray[Any]) -> ChowLiuTree:  # noqa: N803  (as scikit-learn calls it)
        """Learn the tree and the shares along it. Raises ValueError for missing values."""
        people = pd.DataFrame(X)
        if people.isna().any(axis=None):
            raise ValueError("a Chow-Liu tree takes no missing values; fill them in")
        self._like = X.iloc[:1] if isinstance(X, pd.DataFrame) else X[:1]
        columns = [_states(people.iloc[:, i], self.bins, self.knots) for i in range(people.shape[1])]
        self._values = [column.values for column in columns]
        self.parents = _parents(columns)
        self._shares = [
            _conditional(columns[child], None if parent is None else columns[parent])
            for child, parent in self.parents.items()
        ]
        return self

    def sample(self, n: int, rng: np.random.Generator) -> Any:
        """N people, of the kind that `fit` got."""
        codes: dict[int, NDArray[np.int64]] = {}
        for (child, parent), shares in zip(self.parents.items(), self._shares, strict=True):
            rows = shares[0 if parent is None else codes[parent]]
            codes[child] = (rng.random((n, 1)) >= rows[..., :-1]).sum(axis=1)
        columns = [_drawn(self._values[i], codes[i], rng) for i in range(len(codes))]
        if not isinstance(self._like, pd.DataFrame):
            return np.column_stack(columns).astype(self._like.dtype)
        kinds = zip(self._like, self._like.dtypes, columns, strict=True)
        return pd.DataFrame({name: typed(column, kind) for name, kind, column in kinds})

    def to_bytes(self) -> bytes:
        """The learned tree and shares, as plain arrays."""
        tree = json.dumps([[child, parent] for child, parent in self.parents.items()])
        arrays: dict[str, Any] = {"tree": _as_array(tree), "like": np.frombuffer(as_bytes(self._like), np.uint8)}
        for i, values in enumerate(self._values):
            texts = values.dtype == object
            arrays[f"shares-{i}"] = self._shares[i]
            arrays[f"{'texts' if texts else 'values'}-{i}"] = (
                _as_array(json.dumps(values.tolist())) if texts else values
            )
        content = io.BytesIO()
        np.savez_compressed(content, **arrays)
        return content.getvalue()

    def from_bytes(self, content: bytes) -> None:
        """Restore the tree and shares of `to_bytes`."""
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            self.parents = dict(json.loads(arrays["tree"].tobytes()))
            self._like = of_bytes(arrays["like"].tobytes())
            self._shares = [arrays[f"shares-{i}"] for i in range(len(self.parents))]
            self._values = [
                np.array(json.loads(arrays[f"texts-{i}"].tobytes()), object)
                if f"texts-{i}" in arrays
                else arrays[f"values-{i}"]
                for i in range(len(self.parents))
            ]


def mutual_information(first: NDArray[np.int64], second: NDArray[np.int64]) -> float:
    """The mutual information of two columns of codes, in nats, 0 or more."""
    joint = _counts(first, second) / len(first)
    apart = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    seen = joint > 0
    return max(float((joint[seen] * np.log(joint[seen] / apart[seen])).sum()), 0.0)


def _states(column: pd.Series[Any], bins: int, knots: int) -> _States:
    if not holds_numbers(column.dtype):
        codes, distinct = column.astype(object).factorize(sort=False)
        return _States(codes.astype(np.int64), np.array(list(distinct), object))
    numbers = column.to_numpy(np.float64)
    distinct, codes = np.unique(numbers, return_inverse=True)
    if len(distinct) > bins:
        edges = np.unique(np.quantile(numbers, np.arange(1, bins) / bins, method="inverted_cdf"))
        codes = np.unique(np.searchsorted(edges, numbers), return_inverse=True)[1]
    shares = np.linspace(0, 1, knots)
    inside = [numbers[codes == code] for code in range(codes.max() + 1)]
    return _States(codes, np.array([np.quantile(each, shares, method="inverted_cdf") for each in inside]))


def _parents(columns: list[_States]) -> dict[int, int | None]:
    """{column: the column that it depends on}, parents first. None for the roots."""
    known = np.zeros((len(columns), len(columns)))
    for i, j in itertools.combinations(range(len(columns)), 2):
        known[i, j] = mutual_information(columns[i].codes, columns[j].codes)
    tree = minimum_spanning_tree(csr_array(-known))
    found: dict[int, int | None] = {}
    for root in range(len(columns)):
        if root not in found:
            order, before = breadth_first_order(tree, root, directed=False)
            found |= {int(i): None if i == root else int(before[i]) for i in order}
    return found


def _conditional(child: _States, parent: _States | None) -> NDArray[np.float64]:
    """(states of the parent, or 1; states of the child) cumulative shares."""
    given = np.zeros_like(child.codes) if parent is None else parent.codes
    counts = _counts(given, child.codes)
    shares: NDArray[np.float64] = counts.cumsum(axis=1) / counts.sum(axis=1, keepdims=True)
    return shares


def _counts(first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
    shape = (int(first.max()) + 1, int(second.max()) + 1)
    return np.bincount(first * shape[1] + second, minlength=shape[0] * shape[1]).reshape(shape)


def _drawn(values: NDArray[Any], codes: NDArray[np.int64], rng: np.random.Generator) -> NDArray[Any]:
    if values.dtype == object:
        return values[codes]
    return values[codes, rng.integers(values.shape[1], size=len(codes))]


def _as_array(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode(), np.uint8)
