"""Somebody's own generators and classifiers, behind the interfaces that the loop knows. They need no torch.

A generator is any object with `fit(X)` and `sample(n)`; a classifier any with `fit(X, y)` and `predict(X)`. X is an
array or a frame, as the real people's features are.
"""

from __future__ import annotations

import copy
import inspect
import warnings
from collections.abc import Hashable, Sequence
from typing import Any, NoReturn

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fairloop.errors import InputError
from fairloop.models.interface import Classifier, Generator
from fairloop.own.features import Codec

_CERTAIN = 1e-3  # what lifts the logit of a prediction above those that are as large


class OwnGenerator(Generator):
    """A fitted generator. Its samples are (n, F) float64, as `codec` codes them."""

    def __init__(self, own: Any, codec: Codec, features: int) -> None:
        super().__init__()
        self.own = own
        self._codec = codec
        self._features = features

    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        """N people; randomness comes from `rng`, which gives the object a generator or a seed of its own."""
        if n == 0:
            return torch.zeros((0, self._features), dtype=torch.float64)
        drawn = _sampled(self.own, n, rng)
        coded = self._codec.encode(drawn, f"generator {type(self.own).__name__}")
        if len(coded) != n:
            raise InputError(f"generator {type(self.own).__name__}: made {len(coded)} people where {n} were asked for")
        return torch.from_numpy(coded)

    def loss(self, images: Tensor, rng: torch.Generator) -> NoReturn:
        """There is none: the object fits itself."""
        raise TypeError(f"{type(self.own).__name__} is fitted by its own fit")


class OwnClassifier(Classifier):
    """A fitted classifier. names: (K,) what its `predict` says for the codes 0..K-1."""

    def __init__(self, own: Any, codec: Codec, names: Sequence[Hashable]) -> None:
        super().__init__()
        self.own = own
        self._codec = codec
        self._codes = {name: code for code, name in enumerate(names)}

    def forward(self, images: Tensor) -> Tensor:
        """(B, K) float64 logits. Their argmax is what `predict` says; how sure it is comes from `predict_proba`."""
        if not len(images):
            return torch.zeros((0, len(self._codes)), dtype=torch.float64)
        people = self._codec.decode(images.numpy())
        predicted = np.asarray(self.own.predict(people)).reshape(-1).tolist()
        if len(predicted) != len(images):
            raise InputError(f"{self._title}: gave {len(predicted)} predictions for {len(images)} people")
        if unknown := set(predicted) - set(self._codes):
            raise InputError(f"{self._title}: predicts {unknown.pop()!r}, which is none of {list(self._codes)}")
        codes = np.array([self._codes[name] for name in predicted])
        logits = self._log_probabilities(people, codes)
        rows = np.arange(len(codes))
        top = logits.max(axis=1)
        logits[rows, codes] = np.where(logits.argmax(axis=1) == codes, logits[rows, codes], top + _CERTAIN)
        return torch.from_numpy(logits)

    def _log_probabilities(self, people: Any, codes: NDArray[np.int64]) -> NDArray[np.float64]:
        shares = np.zeros((len(codes), len(self._codes)))
        classes = getattr(self.own, "classes_", None)
        if classes is not None and hasattr(self.own, "predict_proba"):
            columns = [self._codes[name] for name in np.asarray(classes).tolist()]
            shares[:, columns] = self.own.predict_proba(people)
        else:
            shares[np.arange(len(codes)), codes] = 1
        return np.log(np.maximum(shares, np.finfo(np.float32).tiny))

    @property
    def _title(self) -> str:
        return f"classifier {type(self.own).__name__}"


class Constant:
    """Predicts what it saw: the classifier of people who all have one label."""

    def __init__(self, name: Hashable) -> None:
        self._name = name

    def predict(self, people: Any) -> list[Hashable]:
        """The one label, for all."""
        return [self._name] * len(people)


def fitted_generator(
    prototype: Any, codec: Codec, features: Tensor, labels: NDArray[Any], groups: NDArray[Any], rng: torch.Generator
) -> OwnGenerator:
    """A copy of `prototype`, seeded from `rng`, fitted to (N, F) `features`; `labels` and `groups` if it takes them."""
    own = _seeded(copy.deepcopy(prototype), rng)
    named = {name: values for name, values in (("y", labels), ("groups", groups)) if name in wanted(own)}
    own.fit(codec.decode(features.numpy()), **named)
    return OwnGenerator(own, codec, features.shape[1])


def fitted_classifier(
    prototype: Any,
    codec: Codec,
    features: Tensor,
    codes: NDArray[np.int64],
    names: Sequence[Hashable],
    rng: torch.Generator,
    weights: Tensor | None = None,
) -> OwnClassifier:
    """A copy of `prototype`, seeded from `rng`, fitted to (N, F) `features` and the labels `names[codes]`.

    weights: (N,) how much each person counts; only for one that `takes_weights`.

    What has no `fit` is taken as it is. Where all have one label, nothing can be fitted: that label is predicted.
    """
    if not hasattr(prototype, "fit"):
        return OwnClassifier(prototype, codec, names)
    if len(set(codes.tolist())) == 1:
        only = names[codes[0]]
        warnings.warn(f"own: {type(prototype).__name__} saw the label {only!r} only; it predicts nothing else",
                      stacklevel=2)  # fmt: skip
        return OwnClassifier(Constant(only), codec, names)
    own = _seeded(copy.deepcopy(prototype), rng)
    weighed = {} if weights is None else {"sample_weight": weights.numpy()}
    own.fit(codec.decode(features.numpy()), np.asarray(names)[codes], **weighed)
    return OwnClassifier(own, codec, names)


def takes_weights(classifier: Any) -> bool:
    """Whether its `fit` has a parameter `sample_weight`."""
    return hasattr(classifier, "fit") and "sample_weight" in inspect.signature(classifier.fit).parameters


def wanted(generator: Any) -> set[str]:
    """Which of `y` and `groups` the generator's `fit` takes."""
    return {"y", "groups"} & set(inspect.signature(generator.fit).parameters)


def _sampled(own: Any, n: int, rng: torch.Generator) -> Any:
    takes = inspect.signature(own.sample).parameters
    if "rng" in takes:
        drawn = own.sample(n, rng=np.random.default_rng(_number(rng)))
    elif "random_state" in takes:
        drawn = own.sample(n, random_state=_number(rng))
    else:
        drawn = _seeded(own, rng).sample(n)
    return drawn[0] if isinstance(drawn, tuple) else drawn  # scikit-learn's mixtures add the components


def _seeded(own: Any, rng: torch.Generator) -> Any:
    """The object, with every `random_state` that it has, itself or in its parts, drawn from `rng`."""
    if hasattr(own, "get_params") and hasattr(own, "set_params"):
        names = sorted(name for name in own.get_params() if name.split("__")[-1] == "random_state")
        own.set_params(**{name: _number(rng) for name in names})
    elif hasattr(own, "random_state"):
        own.random_state = _number(rng)
    return own


def _number(rng: torch.Generator) -> int:
    return int(torch.randint(2**31 - 1, (), generator=rng))
