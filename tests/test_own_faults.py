"""Own objects and people that do not fit: each fault is one line that says whose it is and what to do; or it works."""

# ruff: noqa: N803 -- X is what scikit-learn's objects call it
from __future__ import annotations

import inspect
import re
import threading

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from fairloop import OwnLoop, simulate
from fairloop.errors import InputError

LABELS = ["bad", "good"]


def people(n: int = 60, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray, str]:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"income": rng.normal(size=n), "age": rng.integers(20, 60, n), "sex": rng.choice(["F", "M"], n)}
    )
    return frame, np.where(frame["income"] > 0, "good", "bad"), "sex"


def numbers(n: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    frame, labels, _ = people(n, seed)
    return frame[["income", "age"]].to_numpy(), labels, frame["sex"].to_numpy()


class Bootstrap:
    def fit(self, X):
        self.X = X

    def sample(self, n, rng):
        chosen = rng.integers(len(self.X), size=n)
        return self.X.iloc[chosen] if isinstance(self.X, pd.DataFrame) else self.X[chosen]


class Tree:
    """A tree on numbers alone."""

    def fit(self, X, y):
        self.fitted_ = True
        self.tree = DecisionTreeClassifier(max_depth=2, random_state=0).fit(self._numbers(X), y)

    def predict(self, X):
        return self.tree.predict(self._numbers(X))

    def _numbers(self, X):
        return X[["income", "age"]] if isinstance(X, pd.DataFrame) else X


def loop(data=people, **changes) -> OwnLoop:
    chosen = {"generator": Bootstrap(), "classifier": Tree(), "beneficial": "good", "generations": 2, "samples": 50}
    return OwnLoop(data(), data(seed=1), **{**chosen, **changes})


def without(kind: type, method: str):
    """An object of that kind that lacks a method."""
    members = {name: member for base in reversed(kind.__mro__[:-1]) for name, member in vars(base).items()}
    return type(
        "Lacking", (), {name: member for name, member in members.items() if name != method and name[:2] != "__"}
    )()


def with_(kind: type, **methods):
    return type("Broken", (kind,), methods)()


class Locked(Bootstrap):
    def __init__(self):
        self.lock = threading.Lock()


class Rule:
    """Never fitted."""

    def __init__(self, says):
        self.says = says

    def predict(self, X):
        return self.says(X)


# What a construction alone can tell: nothing is fitted before.
BEFORE = {
    "generator without fit": (
        {"generator": without(Bootstrap, "fit")},
        "generator 0 (Lacking)",
        "no method fit.*do nothing",
    ),
    "generator without sample": (
        {"generator": without(Bootstrap, "sample")},
        "generator 0 (Lacking)",
        r"give .* sample\(n\)",
    ),
    "no generator": ({"generator": None}, "generator 0 (NoneType)", "give an object"),
    "class as generator": ({"generator": Bootstrap}, "generator 0 (Bootstrap)", r"is a class; .*Bootstrap\(\)"),
    "class as classifier": (
        {"classifier": LogisticRegression},
        "classifier 0 (LogisticRegression)",
        "is a class; give",
    ),
    "class as annotator": ({"label_annotator": Tree}, "label annotator (Tree)", r"Tree\(\)"),
    "classifier without predict": (
        {"classifier": without(Tree, "predict")},
        "classifier 0 (Lacking)",
        r"give .*predict\(X\)",
    ),
    "annotator without predict": ({"label_annotator": object()}, "label annotator (object)", r"give .*predict\(X\)"),
    "fit without labels": (
        {"classifier": with_(Tree, fit=lambda self, X: None)},
        "classifier 0 (Broken)",
        r"fit\(X\) cannot be called as fit\(X, y\).*give it",
    ),
    "fit with more": (
        {"generator": with_(Bootstrap, fit=lambda self, X, labels: None)},
        "generator 0 (Broken)",
        r"'labels'; give it these parameters, and defaults",
    ),
    "sample of nothing": (
        {"generator": with_(Bootstrap, sample=lambda self: None)},
        "generator 0 (Broken)",
        r"as sample\(n\)",
    ),
    "locked": ({"generator": Locked()}, "generator 0 (Locked)", "cannot be copied.*lock.*only in fit"),
    "rule that gives chances": (
        {"label_annotator": Rule(lambda X: [0.3] * len(X))},
        "label annotator (Rule)",
        "0.3.*return labels, not probabilities",
    ),
    "rule that fails": (
        {"label_annotator": Rule(lambda X: X["wage"])},
        "label annotator (Rule)",
        "KeyError: 'wage'; it gets a frame",
    ),
    "size": ({"size": 3.5}, "size=3.5", "whole number"),
    "policy": ({"policy": "accumulate"}, "policy", ""),
}


@pytest.mark.parametrize("case", BEFORE)
def test_what_can_be_known_before_is_said_before_anything_is_fitted(case, monkeypatch):
    fitted = []
    for kind in (Bootstrap, Tree):
        monkeypatch.setattr(kind, "fit", _spied(kind.fit, fitted))
    changes, whose, words = BEFORE[case]
    with pytest.raises(InputError) as caught:
        loop(**changes)
    line = str(caught.value)
    assert line.startswith(whose), line
    assert re.search(words, line), line
    assert "\n" not in line
    assert not fitted


def _spied(fit, fitted):
    def spied(self, X, *rest, **named):
        fitted.append(self)
        return fit(self, X, *rest, **named)

    spied.__signature__ = inspect.signature(fit)
    return spied


def fails(self, X, y=None):
    raise RuntimeError("no\nluck")


def sampled(change):
    return lambda self, n, rng: change(Bootstrap.sample(self, n, rng), n)


def predicted(change):
    return lambda self, X: change(Tree.predict(self, X), len(X))


def certain(change):
    """A classifier with such probabilities."""
    return with_(Tree, classes_=LABELS, predict_proba=lambda self, X: change(np.full((len(X), 2), 0.5)))


# What only use can tell.
DURING = {
    "fit of a generator fails": (
        {"generator": with_(Bootstrap, fit=fails)},
        "generator 0",
        "RuntimeError: no luck; it gets a frame",
    ),
    "fit of a classifier fails": (
        {"classifier": with_(Tree, fit=fails)},
        "label annotator",
        "RuntimeError: no luck; it gets a frame",
    ),
    "sample fails": (
        {"generator": with_(Bootstrap, sample=sampled(lambda X, n: X["wage"]))},
        "generator 0",
        "KeyError: 'wage'; mend",
    ),
    "an array needed": ({"classifier": LogisticRegression()}, "label annotator", "or give an array of numbers"),
    "fewer rows": ({"generator": with_(Bootstrap, sample=sampled(lambda X, n: X[1:]))}, "generator 0", "return n rows"),
    "nothing made": (
        {"generator": with_(Bootstrap, sample=sampled(lambda X, n: None))},
        "generator 0",
        "give a frame with",
    ),
    "narrow arrays": (
        {"generator": with_(Bootstrap, sample=sampled(lambda X, n: X.to_numpy()[:, :2]))},
        "generator 0",
        r"shape \(\d+, 2\), where \(N, 3\)",
    ),
    "twice a column": (
        {"generator": with_(Bootstrap, sample=sampled(lambda X, n: pd.concat([X, X[["age"]]], axis=1)))},
        "generator 0",
        "'age' more than once; rename",
    ),
    "text for numbers": (
        {"generator": with_(Bootstrap, sample=sampled(lambda X, n: X.assign(age="old")))},
        "generator 0",
        "'age' needs numbers",
    ),
    "endless ages": (
        {"generator": with_(Bootstrap, sample=sampled(lambda X, n: X.assign(age=np.inf)))},
        "generator 0",
        "inf in column 'age' of type int64",
    ),
    "chances": (
        {"classifier": with_(Tree, predict=predicted(lambda y, n: np.full(n, 0.7)))},
        "label annotator",
        r"0\.7, not one of \['bad', 'good'\]; return labels, not probabilities",
    ),
    "columns": (
        {"classifier": with_(Tree, predict=predicted(lambda y, n: np.full((n, 2), 0.5)))},
        "label annotator",
        r"shape \(8, 2\) for 8 people; return one label for each",
    ),
    "too few": (
        {"classifier": with_(Tree, predict=predicted(lambda y, n: y[1:]))},
        "label annotator",
        "7 predictions for 8",
    ),
    "no answer": (
        {"classifier": with_(Tree, predict=predicted(lambda y, n: None))},
        "label annotator",
        "return one label",
    ),
    "codes": (
        {"classifier": with_(Tree, predict=predicted(lambda y, n: [0] * n))},
        "label annotator",
        "predicts 0, .*as its fit got them",
    ),
    "lists": (
        {"classifier": with_(Tree, predict=predicted(lambda y, n: pd.Series([["good"]] * n)))},
        "label annotator",
        "return labels as",
    ),
    "classes": (
        {"classifier": with_(Tree, classes_=["yes", "no"], predict_proba=lambda self, X: None)},
        "label annotator",
        "classes_ holds 'yes', which is none",
    ),
    "classes of two labels": (
        {"classifier": with_(Tree, classes_=[["bad", "good"], ["no"]], predict_proba=lambda self, X: None)},
        "label annotator",
        "classes_ cannot be read: .*; let it hold the label of each column",
    ),
    "text for chances": (
        {"classifier": certain(lambda p: p.astype(str) + "%")},
        "label annotator",
        "predict_proba fails",
    ),
    "shape of chances": ({"classifier": certain(lambda p: p[:, :1])}, "label annotator", "column for each of classes_"),
    "chances beyond": ({"classifier": certain(lambda p: 3 * p)}, "label annotator", r"not in \[0, 1\]; return"),
    "undefined chances": ({"classifier": certain(lambda p: np.nan * p)}, "label annotator", r"not in \[0, 1\]; return"),
}


@pytest.mark.parametrize("case", DURING)
def test_what_use_tells_is_one_line_and_an_annotator_is_tried_before_others_are_fitted(case, monkeypatch):
    fitted = []
    monkeypatch.setattr(Bootstrap, "fit", _spied(Bootstrap.fit, fitted))
    changes, whose, words = DURING[case]
    with pytest.raises(InputError) as caught:
        list(simulate(loop(**changes)))
    line = str(caught.value)
    kind = type(next(iter(changes.values()))).__name__
    assert line.startswith(f"{whose} ({kind}): "), line
    assert re.search(words, line), line
    assert "\n" not in line
    assert whose != "label annotator" or not fitted


def test_a_fault_names_the_generation():
    class Tires(Bootstrap):
        def fit(self, X):
            super().fit(X)
            self.made = getattr(X, "attrs", {})

        def sample(self, n, rng):
            aged = super().sample(n, rng).assign(age=lambda X: X["age"] + 20)
            return aged if (aged["age"] < 100).all() else aged.drop(columns="age")

    with pytest.raises(InputError, match=r"^generator 2 \(Tires\): has no column 'age'"):
        list(simulate(loop(generator=Tires(), generations=5)))


class Boosting:
    """As strict about labels as xgboost's XGBClassifier, whose words these are."""

    def fit(self, X, y):
        classes = np.unique(np.asarray(y))
        expected = np.arange(len(classes))
        if classes.shape != expected.shape or not (classes == expected).all():
            raise ValueError(
                f"Invalid classes inferred from unique values of `y`.  Expected: {expected}, got {classes}"
            )
        self.classes_ = expected
        self.tree_ = DecisionTreeClassifier(max_depth=3, random_state=0).fit(X, y)
        return self

    def predict(self, X):
        return self.tree_.predict(X).astype(np.int64)

    def predict_proba(self, X):
        return self.tree_.predict_proba(X)


class PlainTree(DecisionTreeClassifier):
    """The same tree, of any labels."""

    def __init__(self):
        super().__init__(max_depth=3, random_state=0)

    def set_params(self, **params):
        return self  # its random state is the other one's


def values(found: OwnLoop) -> list[str]:
    return [repr(row.value) for generation in simulate(found) for row in generation.rows]


@pytest.mark.parametrize("names", [("bad", "good"), (1, 2), (-1, 1), (False, "yes")])
def test_a_classifier_that_takes_codes_alone_does_as_one_that_takes_any_labels(names):
    def data(seed=0):
        features, labels, groups = numbers(seed=seed)
        return features, [names[label == "good"] for label in labels], groups

    strict, free = (
        loop(data, classifier=kind(), beneficial=data()[1][0], generator=Bootstrap()) for kind in (Boosting, PlainTree)
    )
    assert values(strict) == values(free)


def test_codes_are_those_of_the_labels_that_occur():
    # Of three labels, generated people have two: codes 0 and 1, not 0 and 2.
    features, _, groups = numbers()
    labels = np.where(features[:, 0] > 0, 2, 0)
    labels[0] = 1
    three = features, labels, groups
    rule = Rule(lambda X: np.where(X[:, 0] > 0, 2, 0))
    made = loop(lambda seed=0: three, classifier=Boosting(), label_annotator=rule, beneficial=2)
    for generation in simulate(made):
        own, module = generation.classifier.module.own, generation.classifier.module
        assert own.classes_.tolist() == [0, 1]
        found = module(torch.from_numpy(features)).argmax(dim=1).tolist()
        assert set(found) == {0, 2}


def test_a_classifier_that_takes_neither_names_nor_codes_says_why():
    def refuses(self, X, y):
        raise ValueError("too hard")

    with pytest.raises(
        InputError,
        match=r"^label annotator \(Broken\): fit fails: too hard; .* \(codes 0, 1, ... in place of labels fail",
    ):
        list(simulate(loop(classifier=with_(Tree, fit=refuses))))


@pytest.mark.parametrize("setting", ["seqclass", "control"])
def test_a_size_is_that_of_the_classifiers_data_where_the_generator_is_kept(setting):
    class Counting(Tree):
        def fit(self, X, y):
            super().fit(X, y)
            self.n = len(X)

    generations = list(simulate(loop(setting=setting, size=25, classifier=Counting())))
    assert [generation.classifier.module.own.n for generation in generations] == [25, 25]
    assert generations[1].generator is generations[0].generator
