"""Odd pairs of tables: types that differ, values that miss, columns of names. Laws of what is measured on them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.tree import DecisionTreeClassifier

import fairloop
from fairloop.errors import InputError
from fairloop.synthetic_data import arms
from fairloop.synthetic_data.distances import copies, distances
from fairloop.synthetic_data.pair import Pair, paired
from test_synthetic import of, people


def pair(real: Any, made: Any) -> Pair:
    return paired(real, made, "ok", ["sex"])


def apart(real: Any, made: Any) -> dict[tuple[str, ...], float]:
    return {one.columns: one.value for one in distances(pair(real, made))}


@pytest.mark.parametrize("kind", ["float32", "Float32", "float16"])
def test_a_table_in_a_coarser_precision_is_equal_to_itself(kind):
    """A generator of 32 bits writes 0.1 as 0.10000000149: no other number, and no other group."""
    real = people(80).assign(share=np.tile([0.1, 0.2, 0.3, 0.7], 20), sex=np.tile([0.1, 0.3], 40))
    made = real.astype({"share": kind, "sex": "float32"})
    for one, other in ((real, made), (made, real)):
        found = pair(one, other)
        assert found.group_names == ("0.1", "0.3")
        assert {each.value for each in distances(found)} == {0.0}
        assert copies(found)[0] == 1


def test_numbers_that_the_coarser_precision_cannot_hold_stay():
    real, made = people(40).assign(pay=70_000.5), people(40, 1).assign(pay=np.float16(3))
    assert set(pair(real, made).real.features["pay"]) == {70_000.5}


@given(
    st.lists(st.one_of(st.none(), st.sampled_from([1.5, 2.5, 3.5])), min_size=20, max_size=30),
    st.lists(st.one_of(st.none(), st.sampled_from([1.5, 2.5, 3.5])), min_size=20, max_size=30),
)
@settings(max_examples=25, deadline=None)
def test_missing_values_are_the_lowest_atom_of_a_column(one, other):
    """The distance of two columns of numbers is the largest gap of P(missing or <= x); no warning, whatever misses."""
    real, made = (
        pd.DataFrame({"x": pd.Series(values, dtype=float), "sex": "f", "ok": np.arange(len(values)) % 2})
        for values in (one, other)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = apart(real, made)
    below = [[(each["x"].isna() | (each["x"] <= x)).mean() for x in (0, 1.5, 2.5)] for each in (real, made)]
    assert found["x",] == pytest.approx(np.abs(np.subtract(*below)).max())
    assert found["x", "ok"] >= abs(real["x"].isna().mean() - made["x"].isna().mean()) - 1e-12


def test_columns_that_name_people_are_refused_in_a_line():
    named = [people(600, seed).assign(who=[f"{seed}-{i}" for i in range(600)]) for seed in (0, 1)]
    with pytest.raises(
        InputError, match=r"SYNTHETIC: column 'who' has 600 different texts in 600 rows; .* in leave_out"
    ):
        of(people(600).assign(who="x"), named[1])
    assert of(*named, leave_out=["who"], splits=1).pair.real.features.shape[1] == 4
    index = people(40).reset_index(names="")
    with pytest.raises(InputError, match=r"REAL: has a column without a name, .* name it, or name '' in leave_out"):
        of(index, index)
    assert "" not in of(index, index, leave_out=[""], splits=1).pair.real.features
    with pytest.raises(InputError, match="groups: 'sex' is named twice"):
        of(people(40), people(40), groups=["sex", "sex"])


@pytest.mark.parametrize("many", [lambda name: name, lambda name: np.array([name]), lambda name: {name}, pd.Index])
def test_columns_are_named_alone_or_by_any_collection(many):
    asked = many if many is not pd.Index else lambda name: pd.Index([name])
    found = of(people(40), people(40, 1), groups=asked("sex"), leave_out=asked("pay"), splits=1)
    assert found.pair.groups == ("sex",)
    assert list(found.pair.real.features) == ["age", "home", "sex"]


def test_frames_that_cannot_be_read_and_no_groups_are_refused_in_a_line():
    for real, made, called in ((np.ones((30, 2)), people(40), "REAL"), (people(40), None, "SYNTHETIC")):
        with pytest.raises(InputError, match=f"^{called}: this is .* not a frame"):
            of(real, made)
    with pytest.raises(InputError, match="groups: names no column"):
        of(people(40), people(40), groups=[])


class FewNames(DecisionTreeClassifier):
    """Takes frames with at most three towns, as scikit-learn's boosting takes at most 255."""

    def fit(self, X: Any, y: Any) -> Any:  # noqa: N803
        if isinstance(X, pd.DataFrame):
            if X["town"].nunique() > 3:
                raise ValueError("too many towns")
            X = X[["age"]]  # noqa: N806
        return super().fit(X, y)

    def predict(self, X: Any) -> Any:  # noqa: N803
        return super().predict(X[["age"]] if isinstance(X, pd.DataFrame) else X)


class NoFrames(FewNames):
    def fit(self, X: Any, y: Any) -> Any:  # noqa: N803
        if isinstance(X, pd.DataFrame):
            raise TypeError("no frames")
        return super().fit(X, y)


def test_all_arms_and_splits_see_people_in_one_form():
    """Else a difference between arms would be one of encodings: both tables have more towns than either."""
    real, made = people(120), people(120, 1)
    for table, towns in ((real, ["a", "b", "c"]), (made, ["a", "b", "d"])):
        table["town"] = np.tile(towns, 40)
    found, other = (of(real, made, estimator=kind(random_state=0), arguments=None) for kind in (FewNames, NoFrames))
    pd.testing.assert_frame_equal(found.splits, other.splits)


def test_texts_one_hot_that_would_not_fit_into_memory_are_refused(monkeypatch):
    monkeypatch.setattr(arms, "_MOST_CELLS", 100)
    with pytest.raises(
        InputError, match=r"estimator: it takes no frame, .* \('home' has 2\); name columns in leave_out"
    ):
        of(people(90), people(90, 1), splits=1)


def test_three_labels_are_the_good_one_against_the_rest():
    real, made = people(300), people(300, 1)
    for table in (real, made):
        table["ok"] = np.where(table["pay"] < 1700, "low", table["ok"].map({0: "mid", 1: "top"}))
    made = made[made["ok"] != "low"]
    found = of(real, made, beneficial="top", splits=2)
    shares = found.shares.set_index(["measure", "name"])
    assert shares.at[("label_share", "low"), "synthetic"] == 0
    assert shares.at[("base_rate", "f"), "real"] == (real["ok"][real["sex"] == "f"] == "top").mean()
    for split, measures in enumerate(found.measured):
        learn, test = found.design.held_out(300, split)
        tree = found.design.build(split)
        columns = ["age", "pay", "home", "sex"]
        shape = arms._array(real.iloc[learn][columns].astype({"home": "category", "sex": "category"}))
        coded = [real.iloc[rows][columns].astype({"home": "category", "sex": "category"}) for rows in (learn, test)]
        said = tree.fit(shape(coded[0]), real["ok"].iloc[learn]).predict(shape(coded[1]))
        tested = real.iloc[test]
        for group in "fm":
            own = (tested["sex"] == group).to_numpy()
            good = own & (tested["ok"] == "top").to_numpy()
            assert measures["real"][group, "accuracy"] == pytest.approx((said == tested["ok"])[own].mean())
            assert measures["real"][group, "tpr"] == pytest.approx((said[good] == "top").mean())


def test_the_intervals_of_shares_are_newcombes():
    """Of the difference of two independent shares, by Wilson's limits of each (Newcombe, 1998, method 10)."""

    def wilson(some: float, n: int) -> tuple[float, float]:
        z, p = 1.959963984540054, some / n
        middle, reach = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return (middle - reach) / (1 + z * z / n), (middle + reach) / (1 + z * z / n)

    found = fairloop.synthetic(people(130), people(170, 1), label="ok", groups="sex", splits=1,
                               estimator="sklearn.naive_bayes:GaussianNB").shares  # fmt: skip
    for row in found[found["measure"] != "base_rate"].to_dict("records"):
        (low, high), (low2, high2) = wilson(row["real_people"], 130), wilson(row["synthetic_people"], 170)
        one, other = row["real"], row["synthetic"]
        assert row["low"] == pytest.approx(other - one - np.hypot(other - low2, high - one))
        assert row["high"] == pytest.approx(other - one + np.hypot(high2 - other, one - low))
