"""Synthetic people beside real ones: laws, and the same values by plain scikit-learn and fairlearn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars
import pytest
from fairlearn.metrics import MetricFrame, demographic_parity_difference, equalized_odds_difference, selection_rate
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp, t
from sklearn.compose import make_column_transformer
from sklearn.metrics import accuracy_score, recall_score
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

import fairloop
from fairloop.errors import InputError
from fairloop.metrics.statistics import over_splits
from fairloop.synthetic_data import Comparison, Design
from fairloop.synthetic_data.pair import People, paired

TREE = {"estimator": "sklearn.tree:DecisionTreeClassifier", "arguments": {"max_depth": 4}}


def people(n: int = 300, seed: int = 0, against: float = 0.0) -> pd.DataFrame:
    """against: how much less women need not earn."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"age": rng.integers(18, 80, n), "pay": rng.normal(2000, 500, n).round(1)})
    frame["home"] = rng.choice(["flat", "house"], n)
    frame["sex"] = rng.choice(["f", "m"], n, p=[0.4, 0.6])
    score = frame["pay"] + 300 * (frame["home"] == "house") - against * (frame["sex"] == "f")
    frame["ok"] = (score + rng.normal(0, 150, n) > 2150).astype(int)
    return frame


def of(real: Any, made: Any, **changes: Any) -> Comparison:
    return fairloop.synthetic(real, made, **{"label": "ok", "groups": ["sex"], "splits": 5, **TREE, **changes})


def value(found: Comparison, trained_on: str, group: str, metric: str, column: str = "value") -> float:
    table = found.table.set_index(["trained_on", "group", "metric"])
    return float(table.at[(trained_on, group, metric), column])


# the same by plain scripts


def by_fairlearn(labels: Any, predictions: Any, sex: Any) -> dict[tuple[str, str], float]:
    metrics = {"accuracy": accuracy_score, "selection_rate": selection_rate, "tpr": recall_score}
    frame = MetricFrame(metrics=metrics, y_true=labels, y_pred=predictions, sensitive_features=sex)
    found = {(group, name): frame.by_group.at[group, name] for group in ("f", "m") for name in metrics}
    found |= {("overall", name): frame.overall[name] for name in metrics}
    told = {"y_true": labels, "y_pred": predictions, "sensitive_features": sex}
    found["difference", "demographic_parity"] = demographic_parity_difference(**told)
    found["difference", "equalized_odds"] = equalized_odds_difference(**told)
    return found


def test_values_are_those_of_a_plain_script():
    real, made = people(400), people(350, 1, against=400)
    found = of(real, made, splits=3, seed=7)
    design = Design(splits=3, seed=7)
    for split in range(3):
        learn, test = design.held_out(400, split)
        some = made.iloc[design.chosen(350, len(learn), split)]
        assert (len(learn), len(test), len(some)) == (280, 120, 280)
        tables = {"real": real.iloc[learn], "synthetic": some, "both": pd.concat([real.iloc[learn], some])}
        state = design.build(split).random_state
        for arm, table in tables.items():
            # Trees take no texts, so they get standardised numbers, then texts one-hot.
            shape = make_column_transformer(
                (StandardScaler(), ["age", "pay"]),
                (OneHotEncoder(categories=[["flat", "house"], ["f", "m"]], sparse_output=False), ["home", "sex"]),
            )
            tree = DecisionTreeClassifier(max_depth=4, random_state=state).fit(shape.fit_transform(table), table["ok"])
            tested = real.iloc[test]
            expected = by_fairlearn(tested["ok"], tree.predict(shape.transform(tested)), tested["sex"])
            for key, plain in expected.items():
                assert found.measured[split][arm][key] == pytest.approx(plain, abs=1e-12), (split, arm, key)
    means = found.splits.groupby(["trained_on", "group", "metric"])["value"].mean()
    assert value(found, "both", "f", "tpr") == pytest.approx(means["both", "f", "tpr"])


def test_shares_are_counts_and_distances_those_of_scipy_and_pandas():
    real, made = people(200), people(300, 1, against=900)
    found = of(real, made, splits=1)
    shares = found.shares.set_index(["measure", "name"])
    assert shares.at[("group_share", "f"), "real"] == (real["sex"] == "f").mean()
    assert shares.at[("base_rate", "m"), "synthetic"] == made["ok"][made["sex"] == "m"].mean()
    both = ((made["ok"] == 1) & (made["sex"] == "f")).sum()
    assert shares.at[("stratum_share", "1 & f"), "synthetic_people"] == both
    assert shares.loc["stratum_share"]["real"].sum() == pytest.approx(1)
    assert shares.at[("base_rate", "f"), "high"] < 0 < shares.at[("group_share", "f"), "high"]
    apart = {one.columns: one.value for one in found.distances}
    assert len(apart) == 5 + 10
    assert apart["pay",] == pytest.approx(ks_2samp(real["pay"], made["pay"]).statistic)
    tables = [pd.crosstab(each["home"], each["ok"], normalize=True) for each in (real, made)]
    assert apart["home", "ok"] == pytest.approx((tables[0] - tables[1]).abs().to_numpy().sum() / 2)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=5, max_size=12), st.floats(0.1, 0.6))
def test_the_interval_over_splits_is_nadeau_and_bengios(values, tested):
    found, n = over_splits(np.array(values)[:, None], tested), len(values)
    reach = t.ppf(0.975, n - 1) * np.sqrt((1 / n + tested / (1 - tested)) * np.var(values, ddof=1))
    assert found.low[0] == pytest.approx(np.mean(values) - reach, abs=1e-9)
    assert found.high[0] == pytest.approx(np.mean(values) + reach, abs=1e-9)


# laws


@pytest.mark.parametrize("seed", [0, 1])
def test_synthetic_people_who_are_the_real_ones_change_nothing(seed):
    """The real training part in the place of the synthetic table: no arm differs, since trees ignore doubled rows."""
    real = people(200, seed)
    learn, _ = Design(splits=1, seed=seed).held_out(200, 0)
    found = of(real, real.iloc[learn], splits=1, seed=seed)
    table = found.table[found.table["trained_on"].str.contains("-")]
    assert (table["value"].fillna(0) == 0).all()
    assert found.copies[0] == 1


def test_the_same_tables_have_no_distance_and_the_same_shares():
    found = of(people(), people(), splits=1)
    assert {one.value for one in found.distances} == {0.0}
    assert (found.shares["difference"] == 0).all()


def test_labels_at_random_make_synthetic_people_useless_and_that_is_seen():
    real = people(400)
    made = people(400, 1)
    made["ok"] = 1 - made["ok"]
    found = of(real, made)
    assert value(found, "synthetic - real", "overall", "accuracy", "high") < -0.5
    assert "accuracy: synthetic people alone changes it: overall" in str(found)


def test_synthetic_people_help_a_group_that_real_tables_hardly_have():
    """SDMetrics' question: of a group with another rule, real people are few, and synthetic ones many."""

    def some(n: int, share: float, seed: int) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        frame = pd.DataFrame({"x": rng.normal(size=n), "sex": np.where(rng.random(n) < share, "f", "m")})
        return frame.assign(ok=((frame["x"] > 0) == (frame["sex"] == "m")).astype(int))

    found = of(some(600, 0.02, 0), some(600, 0.5, 1), arguments={"min_samples_leaf": 30})
    assert value(found, "both - real", "f", "accuracy") > 0.2
    assert value(found, "both - real", "m", "accuracy") == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("kind", ["polars", "dictionary", "csv", "jsonl", "parquet", "columns in another order"])
def test_any_kind_of_table_gives_the_same(kind, tmp_path):
    real, made = people(120), people(100, 1)
    plain = of(real, made, splits=1)
    forms = {
        "polars": lambda frame, path: polars.from_pandas(frame),
        "dictionary": lambda frame, path: frame.to_dict("list"),
        "csv": lambda frame, path: frame.to_csv(path, index=False),
        "jsonl": lambda frame, path: frame.to_json(path, orient="records", lines=True),
        "parquet": lambda frame, path: frame.to_parquet(path),
        "columns in another order": lambda frame, path: frame[sorted(frame)],
    }
    path = tmp_path / f"made.{kind}"
    given = forms[kind](made, path)
    found = of(real, path if given is None else given, splits=1)
    pd.testing.assert_frame_equal(found.table, plain.table)
    pd.testing.assert_frame_equal(found.shares, plain.shares)


def test_a_group_that_one_table_lacks_is_counted_and_undefined():
    real, made = people(200), people(200, 1)
    made.loc[:20, "sex"] = "x"
    found = of(real, made, splits=2)
    shares = found.shares.set_index(["measure", "name"])
    assert shares.at[("group_share", "x"), "real"] == 0
    assert shares.at[("group_share", "x"), "synthetic"] == 21 / 200
    assert np.isnan(shares.at[("base_rate", "x"), "difference"])
    assert np.isnan(value(found, "real", "x", "accuracy"))
    assert value(found, "real", "difference", "accuracy") >= 0  # of groups that real people have
    assert "x: no real person is in this group" in str(found)
    only = of(made, real, splits=2)
    assert only.shares.set_index(["measure", "name"]).at[("group_share", "x"), "synthetic"] == 0


def test_a_missing_group_is_one_and_a_missing_feature_stays():
    real, made = people(200), people(200, 1)
    made.loc[:30, "sex"] = None
    real.loc[:10, "pay"] = np.nan
    found = of(real, made, splits=1, estimator="sklearn.linear_model:LogisticRegression", arguments={"max_iter": 500})
    assert "(missing)" in found.pair.group_names
    assert found.pair.real.features["pay"].isna().sum() == 11


def test_an_estimator_that_wants_codes_gets_them_and_one_label_is_predicted_for_all():
    class Codes(DecisionTreeClassifier):
        def fit(self, X: Any, y: Any) -> Any:  # noqa: N803
            if y.dtype == object:
                raise ValueError("codes only")
            return super().fit(X, y)

    real, made = people(200), people(200, 1).assign(ok=1)
    found = of(real, made, splits=1, estimator=Codes(max_depth=4, random_state=0), arguments=None)
    assert value(found, "real", "overall", "accuracy") == value(of(real, made, splits=1), "real", "overall", "accuracy")
    assert value(found, "synthetic", "overall", "selection_rate") == 1


def test_large_numbers_and_truth_values_stay_as_they_are():
    real = people(40).assign(large=[1e20, *range(39)], true=pd.array([None, *[True] * 39], "boolean"))
    made = people(40, seed=1).assign(large=1.0, true=False)
    pair = paired(real, made, "ok", ["sex"])
    assert pair.real.features["large"].tolist() == real["large"].tolist()
    for each, values in ((pair.real, [None, "True"]), (pair.synthetic, ["False", "False"])):
        assert each.features["true"].astype(object).where(each.features["true"].notna(), None).tolist()[:2] == values


def test_a_label_may_have_any_name():
    real, made = (people(40, seed).rename(columns={"ok": "self"}) for seed in (0, 1))
    assert list(paired(real, made, "self", ["sex"]).whole(People(real[["age"]], *[np.zeros(40, int)] * 2))) == [
        "age",
        "self",
    ]


def test_every_draw_comes_from_the_seed():
    one, again, other = (of(people(), people(seed=1), splits=2, seed=seed) for seed in (3, 3, 4))
    pd.testing.assert_frame_equal(one.splits, again.splits)
    assert not one.splits.equals(other.splits)


# refusals

GOOD = people(60)
TEXTS = GOOD.assign(ok=GOOD["ok"].map({0: "a", 1: "b"}))
REFUSED: dict[str, tuple[Any, Any, dict[str, Any], str]] = {
    "label": (GOOD, GOOD, {"label": "yes"}, "label: REAL has no column 'yes'"),
    "group": (GOOD, GOOD.drop(columns="sex"), {}, "groups: SYNTHETIC has no column 'sex'"),
    "columns": (GOOD, GOOD.rename(columns={"age": "years"}), {}, "SYNTHETIC: has no column 'age', which REAL has"),
    "kinds": (GOOD, GOOD.assign(age="old"), {}, "SYNTHETIC: column 'age' holds 'old', and numbers alone in REAL"),
    "few": (GOOD, GOOD[:19], {}, "SYNTHETIC: has 19 rows; at least 20 are needed"),
    "one label": (GOOD.assign(ok=1), GOOD, {}, "all rows of REAL have the label '1'"),
    "new label": (GOOD, GOOD.assign(ok=2), {}, "'ok' of SYNTHETIC holds '2', which REAL does not have"),
    "no label": (GOOD.assign(ok=[None, *GOOD["ok"][1:]]), GOOD, {}, "'ok' of REAL has no value in row 0"),
    "beneficial": (GOOD, GOOD, {"beneficial": "yes"}, "beneficial: 'yes' is not among the labels '0', '1'"),
    "which is good": (GOOD.assign(ok=GOOD["ok"].map({0: "a", 1: "b"})), GOOD.assign(ok="a"), {}, "name the one that"),
    "twice": (GOOD, GOOD, {"leave_out": ["sex"]}, "'sex' has two roles"),
    "nothing": (GOOD, GOOD, {"leave_out": ["nothing"]}, "leave_out: neither table has a column 'nothing'"),
    "test": (GOOD, GOOD, {"test": 1.5}, "test 1.5: is not a share"),
    "splits": (GOOD, GOOD, {"splits": 0}, "splits: 0 is not a whole number of 1"),
    "half a split": (GOOD, GOOD, {"splits": 1.5}, "splits: 1.5 is not a whole number of 1 or more"),
    "text": (GOOD, GOOD, {"splits": "3"}, "splits: '3' is not a whole number of 1 or more"),
    "seed": (GOOD, GOOD, {"seed": "a"}, "seed: 'a' is not a whole number of 0 or more"),
    "no test": (GOOD, GOOD, {"test": 0.001}, "test 0.001: of 60 real people, nobody is left to test on"),
    "all test": (GOOD, GOOD, {"test": 0.999}, "test 0.999: of 60 real people, nobody is left to learn from"),
    "infinite": (GOOD.assign(age=np.inf), GOOD, {}, "REAL: column 'age' holds inf in row 0 .* the column in leave_out"),
    "dates": (GOOD, GOOD.assign(age=pd.Timestamp(0)), {}, "SYNTHETIC: column 'age' holds dates .* in leave_out"),
    "list": (GOOD, GOOD, {"arguments": ["max_depth"]}, r"arguments: \['max_depth'\] names no arguments"),
    "scores": (
        TEXTS,
        TEXTS,
        {"estimator": "sklearn.linear_model:LinearRegression", "arguments": {}, "beneficial": "b"},
        r"estimator: predicts -?\d\.\d+, which is not a label; give a classifier",
    ),
    "rows": (GOOD, GOOD, {"rows": 61}, "rows 61: SYNTHETIC has 60"),
    "name": (GOOD, GOOD, {"estimator": "tree"}, "estimator: 'tree' is not a module:Name"),
    "import": (GOOD, GOOD, {"estimator": "sklearn.tree:Tree"}, "cannot be imported"),
    "arguments": (GOOD, GOOD, {"arguments": {"depth": 3}}, "arguments: the estimator cannot be built"),
    "kind": (GOOD, GOOD, {"estimator": "sklearn.preprocessing:StandardScaler", "arguments": {}}, "no fit and predict"),
    "fails": (GOOD, GOOD, {"arguments": {"max_depth": -3}}, "DecisionTreeClassifier cannot be used"),
    "file": ("nowhere.csv", GOOD, {}, "there is no file 'nowhere.csv'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_compared_is_refused_in_a_line(case):
    real, made, changes, words = REFUSED[case]
    with pytest.raises(InputError, match=words) as refused:
        of(real, made, **changes)
    assert "\n" not in str(refused.value)
    assert "--" not in str(refused.value)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(["1", "1.0", " 2", "b", None]), min_size=20, max_size=30), st.integers(0, 9))
def test_texts_and_numbers_are_alike_in_both_tables_or_refused(values, seed):
    n = len(values)
    real = pd.DataFrame({"x": values, "g": [*"fm" * n][:n], "ok": [0, 1] * (n // 2) + [0] * (n % 2)})
    made = real.sample(n, replace=True, random_state=seed)
    made["ok"] = real["ok"].to_numpy()
    numbers = [(each["x"] != "b").all() for each in (real, made)]
    if all(each["x"].notna().any() for each in (real, made)) and numbers[0] != numbers[1]:
        with pytest.raises(InputError, match="numbers alone in"):
            paired(real, made, "ok", ["g"])
        return
    found = paired(real, made, "ok", ["g"])
    one, other = found.real.features["x"], found.synthetic.features["x"]
    assert one.dtype == other.dtype
    assert pd.isna(one).tolist() == [value is None for value in values]
