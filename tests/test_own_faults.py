"""Own objects and people that do not fit: each fault is one line that says whose it is and what to do; or it works."""

# ruff: noqa: N803 -- X is what scikit-learn's objects call it
from __future__ import annotations

import inspect
import re
import threading
from functools import cache

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity
from sklearn.tree import DecisionTreeClassifier

from fairloop import OwnLoop, simulate
from fairloop.errors import InputError
from fairloop.loop.own.features import Codec
from fairloop.loop.own.people import OwnPeople
from fairloop.seeding import ModelRole, Role
from fairloop.training.streams import Streams

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
        "'age' has to hold numbers",
    ),
    "endless ages": (
        {"generator": with_(Bootstrap, sample=sampled(lambda X, n: X.assign(age=np.inf)))},
        "generator 0",
        "inf in column 'age' of type int64",
    ),
    "chances": (
        {"classifier": with_(Tree, predict=predicted(lambda y, n: np.full(n, 0.7)))},
        "label annotator",
        r"0\.7, which is none of \['bad', 'good'\]; return labels, not probabilities",
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
        "'yes', which is none",
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


@cache
def plain() -> tuple[str, ...]:
    """What the loop gives with nothing odd."""
    return tuple(values(loop()))


WORKS = {
    "fit returns another": with_(Tree, fit=lambda self, X, y: _fitted_tree(X, y), predict=lambda self, X: 1 / 0),
    "fit returns nothing useful": with_(Tree, fit=lambda self, X, y: Tree.fit(self, X, y) or {"loss": 0.1}),
    "a column": with_(Tree, predict=predicted(lambda y, n: np.reshape(y, (n, 1)))),
    "a list": with_(Tree, predict=predicted(lambda y, n: list(y))),
    "a series": with_(Tree, predict=predicted(lambda y, n: pd.Series(y, index=np.arange(n)[::-1]))),
    "a frame": with_(Tree, predict=predicted(lambda y, n: pd.DataFrame({"label": y}))),
    "an arrow array": with_(Tree, predict=predicted(lambda y, n: pa.array(y.tolist()))),
}


def _fitted_tree(X, y):
    tree = Tree()
    tree.fit(X, y)
    return tree


@pytest.mark.parametrize("case", WORKS)
def test_predictions_count_whatever_holds_them(case):
    assert values(loop(classifier=WORKS[case])) == list(plain())


SAMPLES = {
    "order": lambda X, n: X[["sex", "income", "age"]],
    "more columns": lambda X, n: X.assign(label="good"),
    "another library": lambda X, n: pa.Table.from_pandas(X[["age", "sex", "income"]], preserve_index=False),
    "array": lambda X, n: X.to_numpy(object),
    "floats": lambda X, n: X.astype({"age": float}),
    "categories": lambda X, n: X.astype({"sex": "category"}),
}


@pytest.mark.parametrize("case", SAMPLES)
def test_samples_count_whatever_holds_them(case):
    assert values(loop(generator=with_(Bootstrap, sample=sampled(SAMPLES[case])))) == list(plain())


def test_sparse_samples_and_sparse_predictions_count():
    def flags(seed=0):
        features, _, groups = numbers(seed=seed)
        labels = (features[:, 0] > 0).astype(int)
        return features, labels, groups

    made = with_(Bootstrap, sample=sampled(lambda X, n: sparse.csr_matrix(X)))
    told = with_(Tree, predict=predicted(lambda y, n: sparse.csr_matrix(y[:, None])))
    plain = values(loop(flags, beneficial=1))
    assert values(loop(flags, beneficial=1, generator=made, classifier=told, group_annotator=Tree())) == plain


@pytest.mark.parametrize("generator", [GaussianMixture(2), KernelDensity(bandwidth=0.2)])
@pytest.mark.parametrize("framed", [False, True])
def test_generators_of_scikit_learn_make_people(generator, framed):
    def data(seed=0):
        features, labels, groups = numbers(seed=seed)
        return (pd.DataFrame(features, columns=["income", "age"]) if framed else features), labels, groups

    last = list(simulate(loop(data, generator=generator)))[-1]
    assert 0 <= last.value("accuracy") <= 1


def test_people_of_a_mixture_come_in_no_order():
    # STAR takes the first of each stratum. A mixture makes one component after the other.
    far = np.r_[np.zeros((30, 1)), np.full((30, 1), 100.0)]
    labels = np.tile([0, 1], 30)
    made = OwnLoop((far, labels, labels.astype(str)), (far, labels, labels.astype(str)), generator=GaussianMixture(2),
                   classifier=LogisticRegression(), generations=1)  # fmt: skip
    first = next(iter(simulate(made))).generator.module
    rows = first.sample(400, Streams(0, 0, ModelRole.GENERATOR).at(Role.EXPORT))[:, 0] > 50
    assert 0.3 < rows[:200].double().mean() < 0.7


@settings(max_examples=30)
@given(st.lists(st.floats(-3, 300), min_size=1, max_size=9), st.sampled_from(["int8", "uint8", "bool", "int64"]))
def test_whole_numbers_are_rounded_and_never_wrapped(made, kind):
    real = np.array([[0], [1]], kind)
    wanted = np.rint(made)
    low, high = (0, 1) if kind == "bool" else (np.iinfo(kind).min, np.iinfo(kind).max)
    held = low <= wanted.min() and wanted.max() <= high
    for example, column in (
        (real, np.array(made)[:, None]),
        (pd.DataFrame(real, columns=["x"]), pd.DataFrame({"x": made})),
    ):
        codec = Codec([example])
        if not held:
            with pytest.raises(InputError, match="cannot hold it"):
                codec.encode(column, "generator 0")
            continue
        back = np.asarray(codec.decode(codec.encode(column, "generator 0"))).reshape(-1)
        assert back.tolist() == wanted.astype(kind).tolist()


# People that do not fit.
FRAME, TOLD, _ = people(20)
NUMBERS = FRAME[["income", "age"]]
TWICE = pd.concat([FRAME, FRAME[["age"]]], axis=1)
PEOPLE = {
    "sparse": ((sparse.csr_matrix(NUMBERS), TOLD, FRAME["sex"]), r"scipy csr_matrix; .*X\.toarray\(\)"),
    "another library": ((pa.Table.from_pandas(FRAME), TOLD, FRAME["sex"]), r"pyarrow Table; .*X\.to_pandas\(\)"),
    "twice a column": ((TWICE, TOLD, "sex"), "'age' more than once; rename"),
    "labels as a name": ((FRAME, "income", "sex"), "labels are the text 'income'; give one for each"),
    "labels in columns": ((FRAME, np.zeros((20, 2)), "sex"), r"shape \(20, 2\); give one for each"),
    "labels in lists": ((FRAME, [[1], [1, 2]] * 10, "sex"), "give one for each"),
    "alike labels": ((FRAME, np.array([1, "1"] * 10, object), "sex"), "same name"),
    "one column unknown": ((FRAME, TOLD, ["sex", "race"]), "'race', which the features do not have"),
    "column of an array": ((NUMBERS.to_numpy(), TOLD, "sex"), "'sex', which the features do not have"),
    "ambiguous": ((FRAME[:2], TOLD[:2], ["sex", "age"]), r"could name columns, or be a value.*X\[\[\.\.\.\]\]"),
}


@pytest.mark.parametrize("case", PEOPLE)
def test_people_that_do_not_fit_are_explained(case):
    train, words = PEOPLE[case]
    with pytest.raises(InputError, match=f"(?s)^[^\n]*{words}[^\n]*$"):
        OwnLoop(train, train, generator=Bootstrap(), classifier=Tree(), beneficial=train[1][0])


def test_test_sets_have_names_that_the_loop_needs():
    for tests in ({"valid": people(seed=1)}, {"train": people(seed=1), "test": people(seed=1)}):
        with pytest.raises(InputError, match="call one of them 'test', and none 'train'"):
            OwnLoop(people(), tests, generator=Bootstrap(), classifier=Tree(), beneficial="good")


@settings(max_examples=25)
@given(st.data())
def test_a_list_with_a_value_for_each_person_never_names_columns(data):
    n = data.draw(st.integers(4, 12))
    frame = pd.DataFrame(np.arange(3.0 * n).reshape(n, 3)).assign(a="x")  # whose columns are 0, 1, 2 and a
    groups = data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n).filter(lambda found: len(set(found)) > 1))
    labels = np.arange(n) % 2
    told = OwnPeople({"train": (frame, labels, groups)})
    codes = told.population("own", None, ()).train.groups
    assert [told.groups[code] for code in codes] == list(map(str, groups))
    assert told.reader is None
    named = OwnPeople({"train": (frame, labels, ["a"])})
    assert named.groups == ("x",)
    assert named.reader is not None


@pytest.mark.parametrize("wrong", [None, 5, np.array(1.0)])
@pytest.mark.parametrize("place", [0, 1])
def test_people_that_are_no_list_are_refused(wrong, place):
    part = list(people())
    part[place] = wrong
    with pytest.raises(InputError, match=f"train: {['features', 'labels'][place]} are .*; give one for each person"):
        OwnPeople({"train": tuple(part), "test": people()})


def test_one_group_is_one_group_whatever_type_holds_it():
    frame, labels, _ = people()
    codes = (np.arange(len(frame)) % 2).astype(int)
    found = OwnPeople({"train": (frame, labels, codes), "test": (frame, labels, codes.astype(float))})
    assert found.groups == ("0", "1")
    found = OwnPeople({"train": (frame, labels, pd.Series(codes, name="a")), "test": (frame, labels, list(codes))})
    assert found.groups == ("0", "1")
    with pytest.raises(InputError, match="groups: one value is written '0' and 'False'"):
        OwnPeople({"train": (frame, labels, codes), "test": (frame, labels, codes == 1)})


def test_sets_of_people_have_the_same_sensitive_columns():
    frame, labels, _ = people()
    two = pd.DataFrame({"sex": frame["sex"], "old": frame["age"] > 40})
    with pytest.raises(InputError, match=r"test: groups have the columns \['group'\], those of train are"):
        OwnPeople({"train": (frame, labels, two), "test": (frame, labels, frame["sex"].to_numpy())})
    found = OwnPeople({"train": (frame, labels, two), "test": (frame, labels, two[["old", "sex"]])})
    assert found.groups == OwnPeople({"train": (frame, labels, two), "test": (frame, labels, two)}).groups


def test_a_single_name_of_a_minoritized_group_is_a_name():
    frame, labels, _ = people()
    part = (frame, labels, np.where(frame["sex"] == "F", "women", "men"))
    assert OwnPeople({"train": part}).population("own", "good", "women").minoritized == ("women",)
