"""A classifier as people see it: its linear rule, its decisions at the boundary, its gradient."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from fairloop.loop.feature_forms import Flat
from fairloop.loop.people.published import PublishedClassifier
from fairloop.models.estimators.fitted import FittedClassifier
from fairloop.models.numerics import Numerics
from fairloop.models.tabular import MLP
from fairloop.people.interface import Streams
from fairloop.people.performative import Performative
from fairloop.people.strategic import Strategic

WIDTH = 3
GROUPS = np.zeros(200, np.int64)


def people(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(200, WIDTH))


def fitted(own, beneficial: int = 1, seed: int = 0) -> FittedClassifier:
    """Fitted to people of whom those with a large first feature have the beneficial label."""
    model = FittedClassifier(own, (Flat((WIDTH,)),), ("no", "yes"), "classifier 0")
    features, noise = people(seed), np.random.default_rng(seed + 1).normal(size=200)
    good = features[:, 0] + 0.5 * noise > 0.3
    labels = np.where(good, beneficial, 1 - beneficial)
    model.learn(torch.from_numpy(features.astype(np.float32)), labels, torch.Generator().manual_seed(0))
    return model


def network(hidden: list[int], seed: int = 0) -> MLP:
    torch.manual_seed(seed)
    return MLP((WIDTH,), 2, hidden).eval()


LINEAR = {
    "logistic": lambda beneficial: fitted(LogisticRegression(), beneficial),
    "one layer": lambda beneficial: network([]),
}
OTHERS = {"tree": lambda: fitted(DecisionTreeClassifier(max_depth=2)), "two layers": lambda: network([5])}


def seen(model, beneficial: int = 1) -> PublishedClassifier:
    return PublishedClassifier(model, Numerics(), beneficial, WIDTH)


@pytest.mark.parametrize("beneficial", [0, 1])
@pytest.mark.parametrize("name", LINEAR)
def test_the_linear_rule_decides_as_the_classifier_does(name, beneficial):
    model = LINEAR[name](beneficial)
    weights, threshold = seen(model, beneficial).linear()
    features = people(5)
    by_rule = features @ weights >= threshold
    by_model = model.decided(torch.from_numpy(features.astype(np.float32))).numpy() == beneficial
    np.testing.assert_array_equal(by_rule, by_model)
    np.testing.assert_array_equal(seen(model, beneficial).accepts(features, GROUPS), by_model)
    assert 0 < by_rule.mean() < 1
    score = seen(model, beneficial).score(features, GROUPS)
    np.testing.assert_allclose(np.log(score / (1 - score)) > 0, by_rule)


@pytest.mark.parametrize("name", LINEAR)
def test_people_who_move_to_the_boundary_are_accepted(name):
    published = seen(LINEAR[name](1))
    weights, threshold = published.linear()
    rejected = people(7)[~published.accepts(people(7), GROUPS)]
    gap = threshold - rejected @ weights
    moved = rejected + gap[:, None] * weights / (weights @ weights)
    assert published.accepts(moved, GROUPS).all()
    assert not published.accepts(moved - 1e-5 * weights, GROUPS).any()


@pytest.mark.parametrize("model", [*(make(1) for make in LINEAR.values()), OTHERS["two layers"]()])
def test_the_gradient_is_that_of_finite_differences(model):
    published, features, step = seen(model), people(3)[:20], 1e-3
    found = published.gradient(features, GROUPS[:20])
    for place in range(WIDTH):
        shift = step * np.eye(WIDTH)[place]
        up, down = (published.score(features + sign * shift, GROUPS[:20]) for sign in (1, -1))
        np.testing.assert_allclose(found[:, place], (up - down) / (2 * step), atol=2e-3)


@pytest.mark.parametrize("name", OTHERS)
def test_other_classifiers_have_no_linear_rule(name):
    model = OTHERS[name]()
    assert seen(model).linear() is None
    assert (seen(model).gradient(people(), GROUPS) is None) == (name == "tree")
    wanted = model.decided(torch.from_numpy(people().astype(np.float32))).numpy() == 1
    np.testing.assert_array_equal(seen(model).accepts(people(), GROUPS), wanted)


@pytest.mark.parametrize("own", [LogisticRegression(), DecisionTreeClassifier()])
@pytest.mark.parametrize("beneficial", [0, 1])
def test_a_classifier_that_saw_one_label_has_a_rule_that_nobody_can_change(own, beneficial):
    model = FittedClassifier(own, (Flat((WIDTH,)),), ("no", "yes"), "classifier 0")
    with pytest.warns(UserWarning, match="saw the label 'yes' only"):
        model.learn(torch.from_numpy(people().astype(np.float32)), np.ones(200, np.int64), torch.Generator())
    has_a_rule_that_nobody_can_change(seen(model, beneficial), accepts=beneficial == 1)


def test_a_linear_classifier_without_weights_has_a_rule_that_nobody_can_change():
    for constant in (0, 1):
        model = fitted(DummyLine(constant))
        has_a_rule_that_nobody_can_change(seen(model), accepts=constant == 1)


class DummyLine(LogisticRegression):
    """Logistic regression whose penalty leaves no weight."""

    def __init__(self, constant: int = 0) -> None:
        self.constant = constant
        super().__init__()

    def fit(self, X, y, sample_weight=None):  # noqa: N803
        super().fit(X, y)
        self.coef_, self.intercept_ = np.zeros((1, WIDTH)), np.array([2.0 * self.constant - 1])
        return self


def has_a_rule_that_nobody_can_change(published, *, accepts: bool) -> None:
    """In the two kinds that need a model with a gradient or weights, too."""
    weights, threshold = published.linear()
    assert not weights.any()
    assert threshold == (-np.inf if accepts else np.inf)
    np.testing.assert_array_equal(published.accepts(people(), GROUPS), np.full(200, accepts))
    np.testing.assert_array_equal(published.gradient(people(), GROUPS), np.zeros((200, WIDTH)))
    law = {"kind": "normal", "negative": [[-1, 0, 0]], "positive": [[1, 0, 0]], "rates": [0.5], "shares": [1.0],
           "groups": ["all"]}  # fmt: skip
    for kind in (Strategic(law), Performative(law=law)):
        state = kind.start(50, np.random.default_rng(0))
        came = kind.arrive(state, 50, published, Streams.of(0))
        np.testing.assert_array_equal(came.features, came.potential["base"])
