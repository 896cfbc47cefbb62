"""A trained classifier that decides about people, and that people respond to."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from fairloop.loop.feature_forms import Frame
from fairloop.models.estimators.constant import Constant
from fairloop.models.estimators.fitted import Fitted, FittedClassifier
from fairloop.models.interface import Classifier
from fairloop.models.numerics import Numerics
from fairloop.models.tabular import MLP
from fairloop.people import checks
from fairloop.people.interface import Array, Floats, Kind, Published, Streams
from fairloop.sources.source import decisions, probabilities

_FAR = 1e6  # scores beyond any threshold
_TRIED_ON = 8  # people for the trial of a classifier that has not learned yet
_ROUNDING = 1e-9  # of a score at the boundary, relative to its terms


class Line(NamedTuple):
    """A rule that accepts `features @ weights >= threshold`."""

    weights: Floats
    threshold: float


class PublishedClassifier:
    """A classifier that accepts people by predicting the beneficial label. Its score is the probability of that label.

    width: of the features.
    """

    def __init__(self, classifier: Classifier, numerics: Numerics, beneficial: int, width: int) -> None:
        self._classifier, self._numerics = classifier, numerics
        self._beneficial, self._width = beneficial, width

    def accepts(self, features: Array, groups: Array) -> Array:
        """(n,) bool. A person at the boundary of a linear classifier is accepted, also after rounding."""
        if self._line is not None and self._line.weights.any():
            terms = features * self._line.weights
            slack = _ROUNDING * (np.abs(terms).sum(axis=1) + abs(self._line.threshold))
            return np.asarray(terms.sum(axis=1) >= self._line.threshold - slack)
        codes = decisions(self._classifier, [self._seen(features)], self._numerics, torch.from_numpy(groups))
        return np.asarray(codes.numpy() == self._beneficial)

    def linear(self) -> tuple[Array, float] | None:
        """The weights and the threshold of a linear classifier: logistic regression on numbers, one linear layer.

        One that gives all people the same label has weights of 0.
        """
        return self._line

    def score(self, features: Array, groups: Array) -> Array:
        """(n,) probabilities of the beneficial label."""
        if isinstance(self._classifier, FittedClassifier) and self._classifier.takes_groups:
            found = self._classifier(self._seen(features), torch.from_numpy(groups)).softmax(dim=1)
        else:
            found = probabilities(self._classifier, [self._seen(features)], self._numerics)
        return np.asarray(found[:, self._beneficial].double().numpy())

    def gradient(self, features: Array, groups: Array) -> Array | None:
        """(n, d) derivatives of the score, of networks and of linear estimators."""
        if self._line is not None and isinstance(self._classifier, Fitted):
            chance = self.score(features, groups)
            return np.asarray((chance * (1 - chance))[:, None] * self._line.weights)
        if isinstance(self._classifier, Fitted):
            return None
        inputs = self._seen(features).requires_grad_()
        with torch.enable_grad():
            chance = self._classifier(inputs).float().softmax(dim=1)[:, self._beneficial].sum()
            (found,) = torch.autograd.grad(chance, inputs)
        return found.double().cpu().numpy()

    @cached_property
    def _line(self) -> Line | None:
        found = linear_of(self._classifier, self._beneficial, self._width)
        return None if found is None or len(found.weights) != self._width else found

    def _seen(self, features: Array) -> Tensor:
        """Features in the classifier's form: in double precision for an estimator."""
        kind = np.float64 if isinstance(self._classifier, Fitted) else np.float32
        return self._numerics.sent(torch.from_numpy(np.ascontiguousarray(features, kind)))


def check_response(kind: Kind, published: Published) -> None:
    """Raise InputError if `kind` cannot respond to a classifier of this type. published: one with any weights."""
    checks.arrive(kind, checks.start(kind, _TRIED_ON, Streams.of(0).arrivals), _TRIED_ON, published, Streams.of(0))


def linear_of(classifier: Classifier, beneficial: int, width: int) -> Line | None:
    """The rule of a linear classifier of two labels; None for other classifiers. width: of the features."""
    if isinstance(classifier, MLP):
        layers = list(classifier.layers)
        return _of_layer(layers[0], beneficial) if len(layers) == 1 and isinstance(layers[0], nn.Linear) else None
    return _of_fitted(classifier, beneficial, width) if isinstance(classifier, FittedClassifier) else None


def _of_fitted(classifier: FittedClassifier, beneficial: int, width: int) -> Line | None:
    if isinstance(classifier.own, Constant):
        return _of_all(classifier, beneficial, width)
    weights, intercept = getattr(classifier.own, "coef_", None), getattr(classifier.own, "intercept_", None)
    if classifier.form.kind == Frame.kind or weights is None or intercept is None or np.shape(weights)[:1] != (1,):
        return None
    if not np.any(weights):
        return _of_all(classifier, beneficial, np.shape(weights)[1])
    line = Line(np.asarray(weights, np.float64)[0], -float(np.ravel(intercept)[0]))
    size = float(line.weights @ line.weights)
    above = line.weights * ((line.threshold + _FAR * np.sqrt(size)) / size)
    accepted = int(classifier.decided(torch.from_numpy(above[None]))[0]) == beneficial
    return line if accepted else Line(-line.weights, -line.threshold)


def _of_all(classifier: FittedClassifier, beneficial: int, width: int) -> Line:
    """The rule of a classifier that gives all people the same label: `Nobody`'s, or one that all people meet."""
    accepts = int(classifier.decided(torch.zeros((1, width)))[0]) == beneficial
    return Line(np.zeros(width), -np.inf if accepts else np.inf)


def _of_layer(layer: nn.Linear, beneficial: int) -> Line | None:
    if layer.out_features != 2:
        return None
    weights, bias = layer.weight.detach().double().cpu().numpy(), layer.bias.detach().double().cpu().numpy()
    other = 1 - beneficial
    return Line(weights[beneficial] - weights[other], float(bias[other] - bias[beneficial]))
