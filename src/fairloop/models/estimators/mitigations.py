"""Mitigations of fairlearn, the extra `fairloop[fairness]`, as estimators with text for names and arguments.

Each wraps a classifier in the style of scikit-learn, for two labels, and takes the groups at its fit. After the fit it
holds only the parts that a prediction needs, so that it can be kept without pickle.

Sources: Agarwal et al. (arXiv 1803.02453) for exponentiated gradient and grid search, Hardt et al. (arXiv 1610.02413)
for thresholds by group.
"""

# ruff: noqa: N803  (X is what scikit-learn calls features)
from __future__ import annotations

import copy
import inspect
import logging
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray

from fairloop._util.lookup import find, meant
from fairloop.errors import said
from fairloop.models.estimators.contract import UnfitError, seeded, takes_weights
from fairloop.models.estimators.keeping import from_trusted_bytes, trusted_bytes

try:
    from fairlearn import postprocessing, preprocessing, reductions
except ImportError as error:
    raise ImportError(f"it needs fairlearn, pip install 'fairloop[fairness]' ({error})") from error

Floats = NDArray[np.float64]


class _Warning(logging.Handler):
    """Warns in place of the messages that fairlearn would print on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        warnings.warn(record.getMessage(), stacklevel=2)


logging.getLogger("fairlearn").addHandler(_Warning(logging.WARNING))

LOGISTIC = "sklearn.linear_model:LogisticRegression"

_MOMENTS = {
    "demographic_parity": reductions.DemographicParity,
    "equalized_odds": reductions.EqualizedOdds,
    "true_positive_rate_parity": reductions.TruePositiveRateParity,
    "false_positive_rate_parity": reductions.FalsePositiveRateParity,
}


class Mitigation:
    """A mitigation around a classifier.

    estimator: `module:Name` of the classifier, a class that is built with `estimator_arguments` or an object of your
    module. random_state: of the classifier; the run sets it.
    """

    packages: ClassVar[Sequence[str]] = ("fairlearn", "sklearn")
    """Packages whose versions are stored beside the model."""

    def __init__(self, estimator: str = LOGISTIC, estimator_arguments: Mapping[str, Any] | None = None) -> None:
        self.random_state: int | None = None
        self._base = _built(estimator, estimator_arguments or {})
        self._state: dict[str, Any] = {}

    def fit(self, X: Any, y: Any, *, sensitive_features: Any) -> Self:
        """Fit to features, (N,) labels of two kinds, and (N,) names of groups."""
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) > 2:
            names = ", ".join(map(str, self.classes_))
            raise UnfitError(f"needs two labels, not {len(self.classes_)} ({names}); use another classifier")
        base = copy.deepcopy(self._base)
        if self.random_state is not None:
            seeded(base, torch.Generator().manual_seed(self.random_state))
        self._state = {"classes": self.classes_, **self._fitted(base, X, codes, np.asarray(sensitive_features))}
        return self

    def _fitted(self, base: Any, X: Any, codes: NDArray[np.int64], groups: NDArray[Any]) -> dict[str, Any]:
        """The parts that a prediction needs: numbers, names and fitted classifiers."""
        raise NotImplementedError

    def to_bytes(self) -> bytes:
        """The fitted mitigation. Raises ValueError for a classifier that cannot be kept."""
        return trusted_bytes(self._state)

    def from_bytes(self, content: bytes) -> Self:
        """Restore the classifier of `to_bytes`."""
        self._state = from_trusted_bytes(content)
        self.classes_ = self._state["classes"]
        return self

    def _named(self, codes: NDArray[Any]) -> NDArray[Any]:
        named: NDArray[Any] = self.classes_[np.asarray(codes).astype(np.int64)]
        return named


class _Randomised(Mitigation):
    """A mitigation that draws its predictions with the probabilities of `predict_proba`."""

    randomised = True

    def _drawn(self, positive: Floats, random_state: Any) -> NDArray[Any]:
        drawn = np.random.RandomState(random_state).rand(len(positive))
        return self._named(positive >= drawn)


class ExponentiatedGradient(_Randomised):
    """A weighted mixture of classifiers that keeps a constraint on the data of its fit; each prediction draws one.

    constraints: the rates to equalize. eps: their largest difference. max_iter: largest number of classifiers.
    """

    def __init__(
        self,
        estimator: str = LOGISTIC,
        estimator_arguments: Mapping[str, Any] | None = None,
        constraints: str = "equalized_odds",
        eps: float = 0.01,
        max_iter: int = 50,
    ) -> None:
        super().__init__(estimator, estimator_arguments)
        _check_weighted(self._base)
        _check_positive(eps=eps, max_iter=max_iter)
        self._moment = _moment(constraints)
        self._eps, self._max_iter = eps, max_iter

    def _fitted(self, base: Any, X: Any, codes: NDArray[np.int64], groups: NDArray[Any]) -> dict[str, Any]:
        found = reductions.ExponentiatedGradient(
            base, self._moment(difference_bound=self._eps), eps=self._eps, max_iter=self._max_iter
        ).fit(X, codes, sensitive_features=groups)
        used = [place for place in found.weights_.index if found.weights_[place] > 0]
        weights = found.weights_[used].to_numpy(float)
        return {"classifiers": [found.predictors_[place] for place in used], "weights": weights}

    def predict(self, X: Any, random_state: int | None = None) -> NDArray[Any]:
        """(N,) labels, drawn by `random_state`."""
        return self._drawn(self.predict_proba(X)[:, 1], random_state)

    def predict_proba(self, X: Any) -> Floats:
        """(N, 2) the probability that each label is drawn."""
        decisions = [classifier.predict(X) for classifier in self._state["classifiers"]]
        return _both(np.column_stack(decisions) @ self._state["weights"])


class GridSearch(Mitigation):
    """The classifier with the least error plus constraint violation among classifiers along a grid of weights.

    constraints: the rates to equalize. grid_size: the number of classifiers; many groups need a large number.
    constraint_weight: of the violation, in [0, 1]; the error has the remaining weight.
    """

    def __init__(
        self,
        estimator: str = LOGISTIC,
        estimator_arguments: Mapping[str, Any] | None = None,
        constraints: str = "equalized_odds",
        grid_size: int = 10,
        constraint_weight: float = 0.5,
    ) -> None:
        super().__init__(estimator, estimator_arguments)
        _check_weighted(self._base)
        _check_positive(grid_size=grid_size)
        if not 0 <= constraint_weight <= 1:
            raise ValueError(f"constraint_weight={constraint_weight}: is not in [0, 1]")
        self._moment = _moment(constraints)
        self._size, self._weight = grid_size, constraint_weight

    def _fitted(self, base: Any, X: Any, codes: NDArray[np.int64], groups: NDArray[Any]) -> dict[str, Any]:
        if len(np.unique(groups)) == 1:
            warnings.warn(f"all people are of group '{groups[0]}', so the grid search is its classifier", stacklevel=2)
            fitted = base.fit(X, codes)
            return {"classifier": base if fitted is None else fitted}
        found = reductions.GridSearch(base, self._moment(), constraint_weight=self._weight, grid_size=self._size)
        found.fit(X, codes, sensitive_features=groups)
        return {"classifier": found.predictors_[found.best_idx_]}

    def predict(self, X: Any) -> NDArray[Any]:
        """(N,) labels."""
        return self._named(self._state["classifier"].predict(X))

    def predict_proba(self, X: Any) -> Floats:
        """(N, 2) probabilities of the chosen classifier."""
        return _both(_positive(self._state["classifier"], X))


class ThresholdOptimizer(_Randomised):
    """A classifier whose scores get thresholds by group, randomised so that a constraint holds on the data of its fit.

    Predictions need the groups, too. People of a group that was not in the fit get the classifier's own decision.
    constraints, objective, grid_size, flip: as in fairlearn.
    """

    def __init__(
        self,
        estimator: str = LOGISTIC,
        estimator_arguments: Mapping[str, Any] | None = None,
        constraints: str = "equalized_odds",
        objective: str = "accuracy_score",
        grid_size: int = 1000,
        flip: bool = False,
    ) -> None:
        super().__init__(estimator, estimator_arguments)
        _check_one_of("constraints", constraints, _MOMENTS)
        accurate = ("accuracy_score", "balanced_accuracy_score")
        rates = ("selection_rate", "true_positive_rate", "true_negative_rate")
        _check_one_of("objective", objective, accurate if constraints == "equalized_odds" else (*accurate, *rates))
        _check_positive(grid_size=grid_size)
        self._options = {"constraints": constraints, "objective": objective, "grid_size": grid_size, "flip": flip}

    def _fitted(self, base: Any, X: Any, codes: NDArray[np.int64], groups: NDArray[Any]) -> dict[str, Any]:
        for group in np.unique(groups):
            self._check_both_labels(group, codes[groups == group])
        found = postprocessing.ThresholdOptimizer(estimator=base, predict_method=_score_method(base), **self._options)
        found.fit(X, codes, sensitive_features=groups)
        rules = found.interpolated_thresholder_.interpolation_dict
        return {"classifier": found.estimator_, "thresholds": {str(group): _rule(rules[group]) for group in rules}}

    def _check_both_labels(self, group: Any, codes: NDArray[np.int64]) -> None:
        if len(np.unique(codes)) < 2:
            only = self._named(codes[:1])[0]
            raise UnfitError(
                f"all {len(codes)} people of group '{group}' have the label '{only}', and a threshold by group needs "
                "both labels; draw more people (policy.classifier.samples), mix in real ones "
                "(policy.classifier.real_share), curate by star.target=classifier, or use "
                "fairlearn-exponentiated-gradient"
            )

    def predict(self, X: Any, *, sensitive_features: Any, random_state: int | None = None) -> NDArray[Any]:
        """(N,) labels, drawn by `random_state`."""
        return self._drawn(self.predict_proba(X, sensitive_features=sensitive_features)[:, 1], random_state)

    def predict_proba(self, X: Any, *, sensitive_features: Any) -> Floats:
        """(N, 2) the probability that each label is drawn."""
        classifier, groups = self._state["classifier"], np.asarray(sensitive_features).astype(str)
        scores = np.asarray(_scores(classifier, X))
        positive = np.full(len(groups), np.nan)
        for group, rule in self._state["thresholds"].items():
            positive[groups == group] = _chance(rule, scores[groups == group])
        unseen = np.isnan(positive)
        if unseen.any():
            names = ", ".join(sorted(set(groups[unseen])))
            warnings.warn(f"no thresholds for groups that the fit has not seen: {names}", stacklevel=2)
            positive[unseen] = np.asarray(classifier.predict(X))[unseen]
        return _both(positive)


class CorrelationRemover(Mitigation):
    """A classifier of features without the linear part that groups explain.

    Predictions need the groups, too. alpha: the share of that part that is removed, in [0, 1]. Features are
    numbers; texts are one-hot.
    """

    def __init__(
        self,
        estimator: str = LOGISTIC,
        estimator_arguments: Mapping[str, Any] | None = None,
        alpha: float = 1.0,
    ) -> None:
        super().__init__(estimator, estimator_arguments)
        if not 0 <= alpha <= 1:
            raise ValueError(f"alpha={alpha}: is not in [0, 1]")
        self._alpha = alpha

    def _fitted(self, base: Any, X: Any, codes: NDArray[np.int64], groups: NDArray[Any]) -> dict[str, Any]:
        names, features = np.unique(groups), np.asarray(X, np.float64)
        removed = preprocessing.CorrelationRemover(
            sensitive_feature_ids=[*range(features.shape[1], features.shape[1] + len(names))], alpha=self._alpha
        ).fit(np.column_stack([features, _one_hot(groups, names)]))
        shift = {"names": names, "mean": removed.sensitive_mean_, "beta": removed.beta_}
        classifier = base.fit(self._without(features, groups, shift), codes)
        return {"classifier": base if classifier is None else classifier, **shift}

    def _without(self, X: Any, groups: NDArray[Any], shift: Mapping[str, Any]) -> Floats:
        """(N, F) the features less the part that groups explain. A group that was not in the fit explains nothing."""
        features = np.asarray(X, np.float64)
        explained = (_one_hot(groups, shift["names"]) - shift["mean"]) @ shift["beta"]
        left: Floats = self._alpha * (features - explained) + (1 - self._alpha) * features
        return left

    def predict(self, X: Any, *, sensitive_features: Any) -> NDArray[Any]:
        """(N,) labels."""
        features = self._without(X, np.asarray(sensitive_features), self._state)
        return self._named(self._state["classifier"].predict(features))

    def predict_proba(self, X: Any, *, sensitive_features: Any) -> Floats:
        """(N, 2) probabilities of the classifier."""
        return _both(
            _positive(self._state["classifier"], self._without(X, np.asarray(sensitive_features), self._state))
        )


def _built(name: str, arguments: Mapping[str, Any]) -> Any:
    """A new classifier `name`. Raises ValueError if it cannot be built."""
    if ":" not in str(name):
        raise ValueError(f"estimator={name}: is not a module:Name, such as {LOGISTIC}")
    found = find({}, name, "estimator")
    try:
        if inspect.isclass(found):
            return found(**arguments)
        own = copy.deepcopy(found)
        return own.set_params(**arguments) if arguments else own
    except Exception as error:  # a constructor, anybody's, may raise anything
        raise ValueError(f"estimator_arguments={dict(arguments)}: {name} does not take them: {said(error)}") from error


def _moment(constraints: str) -> Any:
    _check_one_of("constraints", constraints, _MOMENTS)
    return _MOMENTS[constraints]


def _check_one_of(field: str, value: str, known: Mapping[str, Any] | Sequence[str]) -> None:
    if value not in known:
        raise ValueError(f"{field}={value}: is not one of {', '.join(known)}{meant(str(value), known)}")


def _check_positive(**values: float) -> None:
    for field, value in values.items():
        if not value > 0:
            raise ValueError(f"{field}={value}: is not positive")


def _check_weighted(base: Any) -> None:
    if not takes_weights(base):
        raise ValueError(
            f"estimator: the fit of {type(base).__name__} has no parameter sample_weight, which the reductions of "
            "fairlearn need; use fairlearn-threshold-optimizer, or another estimator"
        )


def _score_method(classifier: Any) -> str:
    return next(name for name in ("predict_proba", "decision_function", "predict") if hasattr(classifier, name))


def _scores(classifier: Any, X: Any) -> Any:
    found = getattr(classifier, method := _score_method(classifier))(X)
    return found[:, 1] if method == "predict_proba" else found


def _positive(classifier: Any, X: Any) -> Floats:
    """(N,) the classifier's probability of code 1, or its decision if it has no probabilities."""
    if not hasattr(classifier, "predict_proba"):
        return np.asarray(classifier.predict(X), np.float64)
    found = np.asarray(classifier.predict_proba(X), np.float64)
    positive: Floats = found @ np.equal(classifier.classes_, 1)  # a constant classifier has one column
    return positive


def _both(positive: Floats) -> Floats:
    return np.column_stack([1 - positive, positive])


def _rule(found: Any) -> dict[str, Any]:
    """A group's thresholds as numbers: with probability `ignored`, `instead` draws the label; otherwise a test
    decides.
    """
    tests = [
        (float(chance), test.operator, float(test.threshold))
        for chance, test in ((found.p0, found.operation0), (found.p1, found.operation1))
    ]
    ignored, instead = found.get("p_ignore", 0.0), found.get("prediction_constant", 0.0)
    return {"tests": tests, "ignored": float(ignored), "instead": float(instead)}


def _chance(rule: Mapping[str, Any], scores: Floats) -> Floats:
    """(N,) the probability that a label is positive."""
    passed = [
        chance * (scores > threshold if operator == ">" else scores < threshold)
        for chance, operator, threshold in rule["tests"]
    ]
    chances: Floats = rule["ignored"] * rule["instead"] + (1 - rule["ignored"]) * sum(passed)
    return chances


def _one_hot(groups: NDArray[Any], names: NDArray[Any]) -> Floats:
    coded: Floats = (groups[:, None] == names).astype(np.float64)
    return coded
