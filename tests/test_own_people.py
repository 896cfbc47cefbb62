"""People and predictions of a loop of your own objects: whatever holds them, and those that do not fit."""

# ruff: noqa: N803 -- X is what scikit-learn's objects call it
from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity

from fairloop import OwnLoop, simulate
from fairloop.errors import InputError
from fairloop.loop.own.features import Codec
from fairloop.loop.own.people import OwnPeople
from fairloop.seeding import ModelRole, Role
from fairloop.training.streams import Streams
from test_own_faults import Bootstrap, Tree, loop, numbers, people, predicted, sampled, values, with_


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
    "lists": ((FRAME.assign(x=[[1]] * 20), TOLD, "sex"), "features: column 'x' needs one number or text"),
    "complex": ((FRAME.assign(x=1j), TOLD, "sex"), "features: column 'x' holds complex numbers; give two columns"),
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
