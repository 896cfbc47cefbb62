"""Weights and containers of a log: what they change, and what they never change."""

from __future__ import annotations

import gzip
from pathlib import Path

import datasets
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from fairlearn import metrics as fl
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from fairloop import Audit, audit
from fairloop.errors import InputError
from fairloop.metrics.intervals import of_rate
from fairloop.metrics.weighted import Sums, share
from test_logs import NAMED, ORACLES, falling

# Weights


def reference() -> pd.DataFrame:
    """200 people without random numbers; what follows from them was computed by hand and by other programs."""
    i = np.arange(200)
    score = np.round((i * 37) % 101 / 100, 2)
    label = ((i * 53 + 7 * (i % 3)) % 97 < 97 * (0.15 + 0.6 * score)).astype(int)
    group = np.where(i % 5 < 3, "A", "B")
    return pd.DataFrame({"round": 0, "label": label, "score": score, "group": group, "w": 1 + i % 4})


WEIGHTED = {  # value, standard error, effective sample size, Wilson's interval with it
    ("A", "selection_rate"): (0.516667, 0.049950, 100.000, (0.419933, 0.612167)),
    ("A", "tpr"): (0.700730, 0.065626, 46.343, (0.557739, 0.812991)),
    ("A", "fpr"): (0.361963, 0.065423, 53.675, (0.246645, 0.495720)),
    ("A", "accuracy"): (0.666667, None, None, None),
    ("B", "selection_rate"): (0.5, 0.061237, None, None),
    ("B", "tpr"): (0.705263, 0.081052, 30.593, (0.528372, 0.836356)),
    ("B", "fpr"): (0.314286, 0.075257, None, None),
    ("B", "accuracy"): (0.695, None, None, None),
}  # fmt: skip
UNWEIGHTED = {
    "A": {"selection_rate": 0.508333, "tpr": 0.660714, "fpr": 0.375, "accuracy": 0.641667},
    "B": {"selection_rate": 0.5, "tpr": 0.675676, "fpr": 0.348837, "accuracy": 0.6625},
}


def test_the_reference_has_its_values():
    weighted, plain = (audit(reference(), **NAMED, score="score", weight=w).measured.rates[0] for w in ("w", None))
    for (group, metric), (value, error, effective, interval) in WEIGHTED.items():
        rate, place = weighted[metric], "AB".index(group)
        assert rate.by_group[place] == pytest.approx(value, abs=6e-7)
        assert plain[metric].by_group[place] == pytest.approx(UNWEIGHTED[group][metric], abs=6e-7)
        if error is not None:
            assert rate.standard_errors()[place + 1] == pytest.approx(error, abs=6e-7)
        if effective is not None:
            found = of_rate(rate, 0.05).at(place + 1)
            assert rate.effective[place + 1] == pytest.approx(effective, abs=6e-4)
            assert (found.low, found.high) == pytest.approx(interval, abs=6e-7)


@pytest.mark.slow
@settings(max_examples=15)
@given(st.integers(0, 10_000), st.floats(0.01, 1000))
def test_weighted_rates_equal_fairlearns_and_know_no_unit(seed, unit):
    rng = np.random.default_rng(seed)
    log = reference().assign(w=rng.gamma(1, size=200) * unit, group=rng.choice(["A", "B", "C"], 200))
    log["prediction"] = (log["score"] >= 0.5).astype(int)
    found = audit(log, **NAMED, prediction="prediction", weight="w").measured.rates[0]
    weights = {name: {"sample_weight": log["w"]} for name in ORACLES}
    frame = fl.MetricFrame(metrics=ORACLES, y_true=log["label"], y_pred=log["prediction"],
                           sensitive_features=log["group"], sample_params=weights)  # fmt: skip
    for metric in ORACLES:
        assert found[metric].overall == pytest.approx(frame.overall[metric])
        assert found[metric].by_group == pytest.approx(frame.by_group[metric].to_numpy(), nan_ok=True)
        assert found[metric].members[0] == (
            200 if metric in ("accuracy", "selection_rate") else found[metric].members[0]
        )
    ones = audit(log.assign(w=unit), **NAMED, prediction="prediction", weight="w")
    none = audit(log, **NAMED, prediction="prediction")
    pd.testing.assert_frame_equal(ones.table, none.table)
    pd.testing.assert_frame_equal(ones.drift, none.drift)


@settings(max_examples=5)
@given(st.integers(0, 10_000))
def test_repeated_rows_are_whole_weights(seed):
    rng = np.random.default_rng(seed)
    log = pd.concat([reference().assign(round=i, w=rng.integers(0, 4, 200)) for i in range(4)], ignore_index=True)
    weighted = audit(log, **NAMED, score="score", weight="w")
    repeated = audit(log.loc[log.index.repeat(log["w"])], **NAMED, score="score")
    rows = ("count", "calibration_error")  # the latter takes off what chance explains, less of it with more rows
    left, right = (found.table[~found.table["metric"].isin(rows)]["value"] for found in (weighted, repeated))
    np.testing.assert_allclose(left, right, rtol=1e-12, atol=1e-14)
    assert (weighted.drift["high"] - weighted.drift["low"]).sum() > (
        repeated.drift["high"] - repeated.drift["low"]
    ).sum()


def test_weights_reach_trends_and_the_share_of_model_made_labels():
    log = falling(["0", "1", "2", "3", "4"]).assign(by="human", w=1.0)
    log.loc[log["group"] == "m", "w"] = 1e-9
    log.loc[log["group"] == "m", "by"] = "model"
    options = {**NAMED, "prediction": "prediction", "provenance": "by", "weight": "w", "fail_on": ["tpr<0.5"]}
    weighted, women = audit(log, **options), audit(log[log["group"] == "f"], **options)
    assert weighted.measured.made[0].overall == pytest.approx(0, abs=1e-8)
    (one,), (other,) = ([c for c in found.crossings if str(c.limit.measure) == "tpr"] for found in (weighted, women))
    assert one.low == pytest.approx(other.low, rel=1e-6)
    assert "weights 'w'" in weighted.verdict


def test_small_groups_are_small_by_rows():
    log = pd.concat([reference()] * 2)
    large, none = (audit(log.assign(w=w), **NAMED, score="score", weight="w") for w in (1000.0, 0.001))
    assert large.measured.small == none.measured.small == audit(log, **NAMED, score="score").measured.small
    with pytest.raises(InputError, match="min_size"):
        audit(log.assign(w=1000), **NAMED, score="score", weight="w", min_size=500)


@pytest.mark.parametrize(
    ("weights", "words"),
    [([1, -1], "-1 in row 1"), ([1, None], "no weight in 1 rows"), ([1, np.inf], "inf in row 1"), ([0, 0], "all 0"),
     (["a", "b"], "no numbers"), (["1,234", "2,345"], "thousands"), ([1e200, 1], "overflow")],
)  # fmt: skip
def test_weights_that_are_none_are_refused(tmp_path, weights, words):
    log = pd.DataFrame({"round": 0, "label": 1, "prediction": 1, "group": "a", "w": weights})
    log.to_csv(tmp_path / "log.csv", index=False)
    log.to_parquet(tmp_path / "log.parquet")
    for form in (log, tmp_path / "log.csv", tmp_path / "log.parquet"):
        with pytest.raises(InputError, match=words) as caught:
            audit(form, **NAMED, prediction="prediction", weight="w")
        assert str(caught.value).startswith("weight: ")
        assert "\n" not in str(caught.value)


# Containers

KINDS = {
    "numbers": [0, 1, 2], "text": ["a", "b, c", "d & ü"], "truths": [True, False, True], "floats": [0.5, 1.0, 2.25],
    "months": list(pd.period_range("2023-09", periods=3, freq="M")),
    "bands": list(pd.IntervalIndex.from_breaks([18.0, 25.0, 35.5, 65.0])),
    "days": list(pd.to_datetime(["2023-01-31", "2023-02-01", "2023-11-05"])),
    "categories": ["low", "mid", "high"],
}  # fmt: skip
ROUNDS = ["numbers", "months", "days", "categories"]
WRITTEN = st.fixed_dictionaries({
    "sep": st.sampled_from([",", ";", "\t", "|"]),
    "encoding": st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"]),
    "lineterminator": st.sampled_from(["\n", "\r\n"]), "quoting": st.sampled_from([0, 1]),
    "ending": st.sampled_from([".csv", ".CSV", ".csv.gz", ".tsv"]), "commas": st.booleans(), "spaces": st.booleans(),
})  # fmt: skip


def column(kind: str, codes: np.ndarray) -> pd.Series:
    values = pd.Series([KINDS[kind][code] for code in codes])
    return values.astype(pd.CategoricalDtype(KINDS[kind], ordered=True)) if kind == "categories" else values


def file_of(log: pd.DataFrame, path: Path, how: dict[str, object]) -> Path:
    """The log as some program would write it."""
    ending, commas, spaces, encoding = (how.pop(key) for key in ("ending", "commas", "spaces", "encoding"))
    commas = commas and how["sep"] != ","
    content = log.to_csv(None, index=False, decimal="," if commas else ".", **how)
    if spaces and how["quoting"] == 0 and '"' not in content:
        content = content.replace(how["sep"], how["sep"] + " ")
    raw = content.encode(encoding)
    path = path.with_name(path.name + ending)
    path.write_bytes(gzip.compress(raw) if ending.endswith(".gz") else raw)
    return path


def outcome(form: object, **options: object) -> object:
    """The table and verdict of an audit, or its refusal without the log's name."""
    try:
        found = audit(form, **options)
    except InputError as error:
        return str(error).replace(str(form), "the frame") if isinstance(form, Path) else str(error)
    return said(found)


def said(found: Audit) -> list[object]:
    table = found.table.drop(columns=["run", "dataset"])
    return [
        found.measured.rounds.names,
        found.measured.rounds.groups,
        *table.astype(object).where(table.notna(), None).itertuples(index=False, name=None),
    ]


@pytest.mark.slow
@settings(max_examples=15, phases=(Phase.explicit, Phase.generate))
@given(seed=st.integers(0, 1000), rounds=st.sampled_from(ROUNDS), groups=st.sampled_from(sorted(KINDS)),
       width=st.sampled_from(["float32", "float64"]), gaps=st.booleans(), how=WRITTEN)  # fmt: skip
def test_a_log_says_the_same_in_whatever_it_is_kept(tmp_path_factory, seed, rounds, groups, width, gaps, how):
    place = tmp_path_factory.mktemp("log")
    rng = np.random.default_rng(seed)
    log = pd.DataFrame({
        "when": column(rounds, rng.integers(0, 3, 60)), "who, exactly": column(groups, rng.integers(0, 3, 60)),
        "y": rng.integers(0, 2, 60), "s": (rng.integers(0, 101, 60) / 100).astype(width),
        "w": rng.integers(1, 8, 60) / 4,
    })  # fmt: skip
    if gaps:
        log["who, exactly"] = log["who, exactly"].where(rng.random(60) < 0.8)
        log["y"] = log["y"].where(rng.random(60) < 0.9)
    options = {"round": "when", "label": "y", "groups": ["who, exactly"], "score": "s", "threshold": 0.7, "weight": "w"}
    options["round_order"] = KINDS["categories"] if rounds == "categories" else None
    expected = outcome(log, **options)
    assert isinstance(expected, list)
    log.to_parquet(place / "log.parquet")
    forms = [place / "log.parquet", file_of(log, place / "log", how), {name: log[name] for name in log}]
    if rounds != "months" and groups not in ("months", "bands"):
        forms += [pl.from_pandas(log), pa.Table.from_pandas(log), datasets.Dataset.from_pandas(log)]
    for form in forms:
        assert outcome(form, **options) == expected


def test_refusals_are_the_same_too(tmp_path):
    log = pd.DataFrame(
        {"round": ["03/04/2023", "01/05/2023"], "label": [0, 1], "prediction": [0, 1], "group": ["a", "b"]}
    )
    log.to_parquet(tmp_path / "log.parquet")
    log.to_csv(tmp_path / "log.csv", index=False)
    forms = [
        log,
        tmp_path / "log.csv",
        tmp_path / "log.parquet",
        pl.from_pandas(log),
        log.to_dict("list"),
        log.to_dict("records"),
    ]
    for changes in ({}, {"label": "lable"}, {"groups": "round", "round": "group", "label": "group"}):
        refusals = {outcome(form, **{**NAMED, "prediction": "prediction", **changes}) for form in forms}
        assert len(refusals) == 1
        assert isinstance(refusals.pop(), str)


def test_names_and_values_are_as_a_person_would_write_them(tmp_path):
    log = pd.DataFrame({
        0: pd.PeriodIndex(["2023-10", "2023-11"] * 20, freq="M"),
        ("who", "age"): pd.cut([30, 40, 30, 30] * 10, [25, 35, 45]),
        "good": [True, False, False, True] * 10, "said": [1.0, 0.0, None, 1.0] * 10,
    })  # fmt: skip
    found = audit(log, round=0, label="good", prediction="said", groups=[("who", "age")])
    assert found.measured.rounds.names == ("2023-10", "2023-11")
    assert found.measured.rounds.groups == ("(25, 35]", "(35, 45]")
    assert "by who, age" in found.verdict


def test_class_labels_of_hugging_faces_have_their_names(tmp_path):
    rows = datasets.Dataset.from_dict(
        {"round": [0, 1] * 8, "label": [0, 1] * 8, "prediction": [1, 1] * 8, "group": [0, 0, 1, 1] * 4}
    )
    rows = rows.cast_column("group", datasets.ClassLabel(names=["women", "men"])).select(range(12))
    rows.to_parquet(tmp_path / "log.parquet")
    for form in (rows, tmp_path / "log.parquet"):
        found = audit(form, **NAMED, prediction="prediction").measured.rounds
        assert found.groups == ("men", "women")
        assert found.counts.sum() == 12


def test_latin_1_is_read_and_said(tmp_path):
    (tmp_path / "log.csv").write_bytes("round,label,prediction,group\n0,1,1,fém\n0,0,1,m\n".encode("latin-1"))
    found = audit(tmp_path / "log.csv", **NAMED, prediction="prediction")
    assert found.measured.rounds.groups == ("fém", "m")
    assert "log.csv is not UTF-8 and was read as Latin-1" in found.verdict


def test_the_reference_has_its_counts_and_its_predictive_values():
    log = reference()
    assert log.groupby("group")["label"].agg(["size", "sum"]).to_numpy().tolist() == [[120, 56], [80, 37]]
    kept = log[log["score"] >= 0.5]
    assert pd.crosstab(kept["group"], kept["label"]).to_numpy().tolist() == [[24, 37], [15, 25]]

    def sums(rows: pd.DataFrame) -> Sums:
        parts = (rows["w"] ** power for power in (1, 2))
        return Sums(*(part.groupby(rows["group"]).sum().to_numpy(float) for part in parts))

    found = share(sums(kept[kept["label"] == 1]), sums(kept), np.array([61, 40]))
    assert found.by_group == pytest.approx([0.619355, 0.67], abs=6e-7)
    assert found.standard_errors()[1:] == pytest.approx([0.067817, 0.078899], abs=6e-7)
    assert found.effective[1:] == pytest.approx([51.008, 33.333], abs=6e-4)
    estimate = of_rate(found, 0.05)
    assert estimate.low[1:] == pytest.approx([0.482228, 0.500262], abs=6e-7)
    assert estimate.high[1:] == pytest.approx([0.739763, 0.804604], abs=6e-7)


def test_many_thresholds_lie_above_what_narrow_floats_hold():
    thresholds = np.arange(1, 100) / 100
    assert (thresholds.astype(np.float32) < thresholds).sum() == 50
    assert (thresholds.astype(np.float16) < thresholds).sum() == 48
