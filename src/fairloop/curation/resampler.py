"""STAR as a sampler in the style of imbalanced-learn, for its pipelines and other callers of `fit_resample`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairloop._util.sizes import whole
from fairloop.curation.columns import People, people
from fairloop.curation.finite_star import Deal, Tally, wanted
from fairloop.curation.values import Column
from fairloop.errors import InputError, first_line
from fairloop.seeding import Role, numpy_stream

try:
    from sklearn.base import BaseEstimator, OneToOneFeatureMixin
    from sklearn.utils import _safe_indexing, check_random_state
    from sklearn.utils.multiclass import check_classification_targets, type_of_target
    from sklearn.utils.validation import check_consistent_length, validate_data
except ImportError as error:
    raise ImportError(f"StarResampler needs scikit-learn 1.6 or newer, pip install scikit-learn ({error})") from error


class StarResampler(OneToOneFeatureMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Rows of X and y that meet a fairness ideal: STAR with one batch, as `fairloop curate` draws it from a table.

        Pipeline([("star", StarResampler(groups=["race", "sex"])), ("model", LogisticRegression())])

    All rows are candidates. Each stratum, a class of y and a group, gets its rounded quota of the rows. A stratum with
    fewer rows than its quota repeats them about equally often. A stratum with more rows leaves some out at random.
    Values never change, so X may hold values of any type.

    sampling_strategy: the ideal, in any notation that `fairloop.curation.ideal` lists.
    groups: columns of X that define intersectional groups: names if X is a frame, or positions. Without columns, strata
    are the classes of y.
    size: number of rows in the result; None: four fifths of the rows of X.
    skip_empty: whether the ideal's share of an empty stratum goes to the others, in proportion.
    random_state: of the choice. A whole number chooses the same rows as `curate` with that seed.

    After `fit_resample`: `sample_indices_`, (M,) positions of the rows in X, in their order; `sampling_strategy_`,
    (K, S) shares of the ideal; `tally_`, the counts.

    >>> import numpy as np
    >>> X, y = np.array([[0], [0], [0], [1], [0], [1], [1], [1], [0], [0]]), np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 1])
    >>> resampler = StarResampler(groups=0, random_state=0)
    >>> rows, classes = resampler.fit_resample(X, y)
    >>> np.unique(np.column_stack([classes, rows]), axis=0, return_counts=True)[1].tolist()  # two rows of each stratum
    [2, 2, 2, 2]
    >>> resampler.fit(X, y).sample_indices_.shape
    (8,)
    """

    def __init__(
        self,
        sampling_strategy: object = "uniform",
        *,
        groups: Sequence[str | int] | str | int = (),
        size: int | None = None,
        skip_empty: bool = False,
        random_state: Any = None,
    ) -> None:
        self.sampling_strategy = sampling_strategy
        self.groups = groups
        self.size = size
        self.skip_empty = skip_empty
        self.random_state = random_state

    def fit_resample(self, X: Any, y: Any) -> tuple[Any, Any]:  # noqa: N803
        """Choose rows of X and y; return them in the types of X and y.

        X: (N, D) array, sparse matrix, frame or list of rows. y: (N,) classes, or one column for each class with 1
            where it applies.

        Raises InputError, a ValueError, for unusable arguments or data.
        """
        try:
            return self._resampled(X, y)
        except InputError as error:
            raise _ValueError(str(error)) from error

    def fit(self, X: Any, y: Any) -> StarResampler:  # noqa: N803
        """As `fit_resample`, but keep only the fitted attributes."""
        self.fit_resample(X, y)
        return self

    def _resampled(self, X: Any, y: Any) -> tuple[Any, Any]:  # noqa: N803
        check_classification_targets(y)
        check_consistent_length(X, y)
        X = _table(X)  # noqa: N806
        validate_data(self, X, skip_check_array=True)
        folk = self._people(X, _classes(y))
        shares = wanted(self.sampling_strategy, folk, self.skip_empty, "sampling_strategy")
        deal = Deal(folk, shares, "stochastic", numpy_stream(self._seed(), Role.ORDER))
        n = len(folk.stratum)
        rows: NDArray[np.int64] = np.sort(
            deal.batch(n - n // 5 if self.size is None else whole("size", self.size, least=1))
        )
        self.sample_indices_, self.sampling_strategy_ = rows, shares
        self.tally_: Tally = deal.tally()
        return _safe_indexing(X, rows), _safe_indexing(y, rows)

    def _people(self, X: Any, classes: Any) -> People:  # noqa: N803
        given = [self.groups] if isinstance(self.groups, str | int | np.integer) else list(self.groups)
        groups = [_column(X, name) for name in given] or [Column(["everybody"] * len(classes), "group")]
        folk = people([classes, *groups], ["y", *(str(name) for name in given or ["group"])])
        if len(folk.names.labels) < 2:
            raise InputError(f"y: has only one class, {folk.names.labels[0]}; STAR needs two or more to balance")
        return folk

    def _seed(self) -> int:
        if isinstance(self.random_state, int | np.integer):
            return whole("random_state", self.random_state)
        return int(check_random_state(self.random_state).randint(2**31))

    def __sklearn_tags__(self) -> Any:
        """Those of imbalanced-learn's samplers, where it is installed."""
        try:
            from imblearn.base import BaseSampler
        except ImportError:
            return super().__sklearn_tags__()
        tags = BaseSampler.__sklearn_tags__(self)
        tags.sampler_tags.sample_indices = True
        tags.input_tags.string = tags.input_tags.allow_nan = True
        return tags


class _ValueError(InputError, ValueError):
    """An InputError that is a ValueError, too, for callers in the style of scikit-learn."""


def _table(X: Any) -> Any:  # noqa: N803
    """X, if it has rows and columns; sparse matrices in a form that gives rows (CSR)."""
    shape = X.shape if hasattr(X, "shape") else np.shape(X[:1])
    if len(shape) != 2:
        raise InputError("X: is not a table of rows and columns; reshape a single column by X.reshape(-1, 1)")
    if not shape[1]:
        raise InputError(f"X: Found array with 0 feature(s) (shape={tuple(shape)}) while a minimum of 1 is required.")
    return X.tocsr() if hasattr(X, "tocsr") else X


def _classes(y: Any) -> Any:
    """(N,) classes; one column for each class becomes the position of the column."""
    if type_of_target(y) != "multilabel-indicator":
        return y
    one_hot = np.asarray(y)
    if not (one_hot.sum(axis=1) == 1).all():
        raise InputError("y: Multilabel and multioutput targets are not supported. Give each person one class")
    return one_hot.argmax(axis=1)


def _column(X: Any, name: str | int) -> Any:  # noqa: N803
    """A column of X, by its name or its position."""
    try:
        column = [row[name] for row in X] if isinstance(X, list) else _safe_indexing(X, name, axis=1)
    except (ValueError, TypeError, IndexError, KeyError) as error:
        raise InputError(f"groups: X has no column {name!r} ({first_line(error)})") from error
    return column.toarray()[:, 0] if hasattr(column, "toarray") else column
