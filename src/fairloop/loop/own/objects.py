"""Your own generators and classifiers, behind the interfaces that the loop knows. They need no torch.

A generator is any object with `fit(X)` and `sample(n)`; a classifier any with `fit(X, y)` and `predict(X)`. X is an
array or a frame, as the real people's features are.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import Any, NoReturn

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fairloop.errors import InputError
from fairloop.loop.own.contract import called, number, parameters, seeded, title_of, wanted
from fairloop.loop.own.features import Codec, dense
from fairloop.models.interface import Classifier, Generator

_CERTAIN = 1e-3  # lifts the logit of a prediction above equal ones
_ROUNDING = 1e-3  # allowed distance of a probability from [0, 1]


class OwnGenerator(Generator):
    """A fitted generator. Its samples are (n, F) float64, coded by `codec`. place: its name in errors."""

    def __init__(self, own: Any, codec: Codec, features: int, place: str = "generator") -> None:
        super().__init__()
        self.own = own
        self._codec = codec
        self._features = features
        self._title = title_of(place, own)

    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        """N people. `rng` gives the object a generator or a seed of its own."""
        if n == 0:
            return torch.zeros((0, self._features), dtype=torch.float64)
        drawn = called(self._title, f"sample({n}) fails", lambda: _sampled(self.own, n, rng), "mend it")
        sorts = isinstance(drawn, tuple) and bool(drawn)  # from scikit-learn's mixtures: people by component
        coded = called(
            self._title,
            "sample gives no people like the real ones",
            lambda: self._codec.encode(drawn[0] if sorts else drawn, self._title),
            f"return {self._codec.kind} of n rows, as its fit got them",
        )
        if len(coded) != n:
            raise InputError(f"{self._title}: made {len(coded)} people where {n} were asked for; return n rows")
        people = torch.from_numpy(coded)
        return people[torch.randperm(n, generator=rng)] if sorts else people

    def loss(self, inputs: Tensor, rng: torch.Generator) -> NoReturn:
        """Raise TypeError: the object fits itself, without a loss."""
        raise TypeError(f"{type(self.own).__name__} is fitted by its own fit")


class OwnClassifier(Classifier):
    """A fitted classifier of `classes` classes.

    codes: in 0..classes-1, of the values of its `predict`. place: its name in errors.
    """

    def __init__(
        self, own: Any, codec: Codec, codes: Mapping[Hashable, int], classes: int, place: str = "classifier"
    ) -> None:
        super().__init__()
        self.own = own
        self._codec = codec
        self._codes = codes
        self._classes = classes
        self._title = title_of(place, own)

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, K) float64 logits. `predict` decides their argmax, `predict_proba` their differences."""
        if not len(inputs):
            return torch.zeros((0, self._classes), dtype=torch.float64)
        people = self._codec.decode(inputs.numpy())
        codes = self._predicted(people, len(inputs))
        logits = self._log_probabilities(people, codes)
        rows = np.arange(len(codes))
        top = logits.max(axis=1)
        logits[rows, codes] = np.where(logits.argmax(axis=1) == codes, logits[rows, codes], top + _CERTAIN)
        return torch.from_numpy(logits)

    def _predicted(self, people: Any, n: int) -> NDArray[np.int64]:
        """(n,) codes of its predictions."""
        said = self._array("predict", people)
        if said.ndim > 1 and said.size != len(said):
            raise InputError(
                f"{self._title}: predict gives an array of shape {said.shape} for {n} people; return one label for "
                "each, not a column for each class"
            )
        labels = said.reshape(-1).tolist()
        if len(labels) != n:
            raise InputError(f"{self._title}: gave {len(labels)} predictions for {n} people; return one label for each")
        return np.array([self._code(label) for label in labels], np.int64)

    def _code(self, label: Any) -> int:
        if not isinstance(label, Hashable) or label not in self._codes:
            uncertain = isinstance(label, float) and 0 < label < 1
            remedy = "labels, not probabilities" if uncertain else "labels as its fit got them"
            raise InputError(
                f"{self._title}: predicts {label!r}, which is none of {list(self._codes)}; return {remedy}"
            )
        return self._codes[label]

    def _log_probabilities(self, people: Any, codes: NDArray[np.int64]) -> NDArray[np.float64]:
        shares = np.zeros((len(codes), self._classes))
        classes = getattr(self.own, "classes_", None)
        if classes is not None and hasattr(self.own, "predict_proba"):
            columns = [self._code(label) for label in np.asarray(classes).tolist()]
            shares[:, columns] = self._probabilities(people, (len(codes), len(columns)))
        else:
            shares[np.arange(len(codes)), codes] = 1
        return np.log(np.maximum(shares, np.finfo(np.float32).tiny))

    def _probabilities(self, people: Any, shape: tuple[int, int]) -> NDArray[np.float64]:
        found = self._array("predict_proba", people)
        if found.shape != shape:
            raise InputError(
                f"{self._title}: predict_proba gives the shape {found.shape}, not {shape}; return a column for each of "
                "classes_"
            )
        if not ((found >= -_ROUNDING) & (found <= 1 + _ROUNDING)).all():
            raise InputError(f"{self._title}: predict_proba gives values that are not in [0, 1]; return probabilities")
        return found.astype(np.float64)

    def _array(self, method: str, people: Any) -> NDArray[Any]:
        return called(
            self._title,
            f"{method} fails",
            lambda: np.asarray(dense(getattr(self.own, method)(people))),
            f"it gets {self._codec.kind}, as its fit does",
        )


class Constant:
    """The classifier of people who all have one label: it predicts that label."""

    def __init__(self, name: Hashable) -> None:
        self._name = name

    def predict(self, people: Any) -> list[Hashable]:
        """The label, for each of `people`."""
        return [self._name] * len(people)


def fitted_generator(
    prototype: Any,
    codec: Codec,
    features: Tensor,
    labels: NDArray[Any],
    groups: NDArray[Any],
    rng: torch.Generator,
    place: str = "generator",
) -> OwnGenerator:
    """A copy of `prototype`, seeded from `rng`, fitted to (N, F) `features`; `labels` and `groups` if it takes them."""
    named = {name: values for name, values in (("y", labels), ("groups", groups)) if name in wanted(prototype)}
    own = _fitted(prototype, "sample", place, codec, features, rng, **named)
    return OwnGenerator(own, codec, features.shape[1], place)


def fitted_classifier(
    prototype: Any,
    codec: Codec,
    features: Tensor,
    codes: NDArray[np.int64],
    names: Sequence[Hashable],
    rng: torch.Generator,
    weights: Tensor | None = None,
    place: str = "classifier",
) -> OwnClassifier:
    """A copy of `prototype`, seeded from `rng`, fitted to (N, F) `features` and the labels `names[codes]`.

    weights: (N,) how much each person counts; only for one that `takes_weights`.

    An object without `fit` is taken as it is. If all people have one label, nothing is fitted, and that label is
    predicted. A classifier that refuses the labels is fitted to codes 0..k-1 of those that occur.
    """
    if not hasattr(prototype, "fit"):
        return asked_rule(prototype, codec, names, place)
    present, dense_codes = np.unique(codes, return_inverse=True)
    if len(present) == 1:
        only = names[codes[0]]
        warnings.warn(f"own: {type(prototype).__name__} saw the label {only!r} only; it predicts nothing else",
                      stacklevel=2)  # fmt: skip
        return asked_rule(Constant(only), codec, names, place)
    weighed = {} if weights is None else {"sample_weight": weights.numpy()}
    code_of = {name: code for code, name in enumerate(names)}
    labels, state = array_of(names)[codes], rng.get_state()
    fit = partial(_fitted, prototype, "predict", place, codec, features, rng, **weighed)
    try:
        own = fit(labels)
    except InputError as error:
        if not isinstance(error.__cause__, TypeError | ValueError) or labels.tolist() == dense_codes.tolist():
            raise
        rng.set_state(state)
        own = _fitted_to_codes(error, partial(fit, dense_codes))
        code_of = dict(enumerate(present.tolist()))
    return OwnClassifier(own, codec, code_of, len(names), place)


def asked_rule(rule: Any, codec: Codec, names: Sequence[Hashable], place: str) -> OwnClassifier:
    """`rule` as a classifier, without a fit."""
    return OwnClassifier(rule, codec, {name: code for code, name in enumerate(names)}, len(names), place)


def array_of(names: Sequence[Hashable]) -> NDArray[Any]:
    """(K,) names, in a type that changes none of them."""
    array = np.asarray(names)
    return array if array.tolist() == list(names) else np.array(names, object)


def _fitted_to_codes(refusal: InputError, fit: Callable[[], Any]) -> Any:
    try:
        return fit()
    except InputError:
        raise InputError(f"{refusal} (codes 0, 1, ... in place of labels fail, too)") from refusal.__cause__


def _fitted(
    prototype: Any,
    method: str,
    place: str,
    codec: Codec,
    features: Tensor,
    rng: torch.Generator,
    *labels: Any,
    **named: Any,
) -> Any:
    """A fitted copy that has `method`: the result of its `fit` if that has it, else the copy itself."""
    title = title_of(place, prototype)
    own = seeded(copy.deepcopy(prototype), rng)
    returned = called(
        title,
        "fit fails",
        lambda: own.fit(codec.decode(features.numpy()), *labels, **named),
        f"it gets {codec.kind}, as you gave them{codec.remedy}",
    )
    found = returned if callable(getattr(returned, method, None)) else own
    if not callable(getattr(found, method, None)):
        raise InputError(f"{title}: has no method {method} after its fit; give it one")
    return found


def _sampled(own: Any, n: int, rng: torch.Generator) -> Any:
    takes = parameters(own.sample)
    if "rng" in takes:
        return own.sample(n, rng=np.random.default_rng(number(rng)))
    if "random_state" in takes:
        return own.sample(n, random_state=number(rng))
    return seeded(own, rng).sample(n)
