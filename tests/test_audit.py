"""The audit: equal to fairlearn, the same from any file, honest about chance, and clear about what it cannot read."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fairlearn import metrics as fl
from hypothesis import given, settings
from hypothesis import strategies as st

from fairloop import Audit, audit
from fairloop.auditing.gate import verdicts
from fairloop.auditing.gate.limits import limit
from fairloop.auditing.log import reading
from fairloop.auditing.log.rounds import Rounds
from fairloop.auditing.measures.measured import Measured
from fairloop.auditing.measures.values import Measure
from fairloop.auditing.output import text
from fairloop.metrics.catalogue import LIMITS
from test_metrics import ORACLES

PARTS = {"round": "round", "label": "label", "prediction": "prediction"}


def people(n: int, rounds: int = 3, seed: int = 0) -> pd.DataFrame:
    """A log in which every stratum of every round has a member."""
    rng = np.random.default_rng(seed)
    cells = pd.MultiIndex.from_product([range(rounds), (0, 1), ("Female", "Male"), ("A", "B", "C")])
    every = cells.append(cells).to_frame(index=False, name=["round", "label", "sex", "race"])
    more = every.sample(max(0, n - len(every)), replace=True, random_state=seed)
    log = pd.concat([every, more], ignore_index=True)
    log["score"] = (0.3 * log["label"] + rng.random(len(log)) * 0.7).round(3)
    return log.assign(prediction=(log["score"] >= 0.5).astype(int))


def value(table: pd.DataFrame, metric: str, group: str, generation: int) -> float:
    rows = table[(table["metric"] == metric) & (table["group"] == group) & (table["generation"] == generation)]
    assert len(rows) == 1
    return float(rows["value"].iloc[0])


@pytest.mark.slow
@settings(max_examples=5)
@given(st.integers(0, 10_000), st.integers(50, 400))
def test_measures_equal_fairlearns(seed, n):
    log = people(n, rounds=2, seed=seed)
    table = audit(log, **PARTS, groups=["sex", "race"]).table
    for i, part in log.groupby("round"):
        given_ = {"y_true": part["label"], "y_pred": part["prediction"]}
        sensitive = {"sensitive_features": part[["sex", "race"]]}
        frame = fl.MetricFrame(metrics=ORACLES, **given_, **sensitive)
        for metric in ORACLES:
            assert value(table, metric, "overall", i) == pytest.approx(frame.overall[metric])
            for (sex, race), expected in frame.by_group[metric].items():
                assert value(table, metric, f"{sex} & {race}", i) == pytest.approx(expected, nan_ok=True)
            if frame.by_group[metric].isna().any():  # of ppv, where nobody is selected
                assert np.isnan(value(table, metric, "difference", i))
                continue
            assert value(table, metric, "difference", i) == pytest.approx(frame.difference()[metric])
            assert value(table, metric, "min", i) == pytest.approx(frame.group_min()[metric])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # fairlearn divides 0 by 0
            for name in ("demographic_parity", "equalized_odds"):
                for part_ in ("difference", "ratio"):
                    found, expected = (
                        value(table, name, part_, i),
                        getattr(fl, f"{name}_{part_}")(**given_, **sensitive),
                    )
                    assert found == pytest.approx(expected) or np.isnan(found)


def spellings(log: pd.DataFrame, root: Path) -> list[pd.DataFrame | Path]:
    """The same log in every form that can be read."""
    log.to_csv(root / "a.csv", index=False)
    log.to_csv(root / "b.csv.gz", index=False)
    log.to_csv(root / "c.csv", index=False, sep=";", encoding="utf-8-sig")
    log.to_parquet(root / "d.parquet")
    words = log.assign(label=log["label"].astype(bool), sex=log["sex"].astype("category"))
    words.to_parquet(root / "e.parquet")
    floats = log.astype({"label": float, "round": float}).assign(race=" " + log["race"] + " ")
    floats.to_csv(root / "f.csv", index=False)
    mixed = log.assign(prediction=[bool(p) if i % 2 else p for i, p in enumerate(log["prediction"])])
    return [root / name for name in ("a.csv", "b.csv.gz", "c.csv", "d.parquet", "e.parquet", "f.csv")] + [log, mixed]


@pytest.mark.parametrize("rows", [17, 1 << 18])
def test_a_log_says_the_same_in_any_form_and_any_chunks(tmp_path, monkeypatch, rows):
    monkeypatch.setattr(reading, "_ROWS", rows)
    monkeypatch.setattr(reading, "_BLOCK", 50 * rows)
    log = people(300)
    expected = audit(log, **PARTS, groups=["sex", "race"]).table.drop(columns=["run", "dataset"])
    for form in spellings(log, tmp_path):
        found = audit(form, **PARTS, groups=["sex", "race"]).table.drop(columns=["run", "dataset"])
        pd.testing.assert_frame_equal(found, expected)
    scored = audit(tmp_path / "a.csv", round="round", label="label", score="score", groups=["sex", "race"]).table
    alike = scored[scored["metric"].isin(expected["metric"])].drop(columns=["run", "dataset"])
    pd.testing.assert_frame_equal(alike.reset_index(drop=True), expected)


def test_the_table_is_an_exported_one(tmp_path):
    from fairloop.report.table import gathered

    found = audit(people(200), **PARTS, groups="sex")
    found.write(tmp_path / "out")
    for ending in ("csv", "parquet"):
        read = gathered([tmp_path / "out" / f"table.{ending}"])
        pd.testing.assert_frame_equal(read, found.table, check_dtype=False)
    assert (
        (tmp_path / "out" / "verdict.txt").read_text().startswith("log: 200 rows, 3 rounds (0 to 2), 2 groups by sex")
    )


def test_more_than_two_labels_are_the_beneficial_one_against_the_rest():
    rng = np.random.default_rng(0)
    log = pd.DataFrame(
        {"round": 0, "label": rng.choice(list("abcd"), 500), "prediction": rng.choice(list("abcd"), 500),
         "sex": rng.choice(["F", "M"], 500)}
    )  # fmt: skip
    many = audit(log, **PARTS, groups="sex", beneficial="c").table
    two = audit(log.assign(label=log["label"] == "c", prediction=log["prediction"] == "c"), **PARTS, groups="sex").table
    for metric in ("selection_rate", "tpr", "fpr", "tnr", "fnr"):
        for group in ("overall", "F", "M", "difference"):
            assert value(many, metric, group, 0) == pytest.approx(value(two, metric, group, 0))
    assert value(many, "accuracy", "overall", 0) == pytest.approx((log["label"] == log["prediction"]).mean())


def test_rounds_come_in_their_order():
    def order(rounds: list[object]) -> tuple[list[str], list[int]]:
        log = pd.concat([people(100).assign(round=name) for name in rounds])
        found = audit(log, **PARTS, groups="sex").measured.rounds
        return list(found.names), found.generations.tolist()

    assert order([10, 9, -1]) == (["-1", "9", "10"], [-1, 9, 10])
    assert order(["2025-10", "2025-2"]) == (["2025-2", "2025-10"], [0, 1])
    assert order([1.5, 0.25]) == (["0.25", "1.5"], [0, 1])
    assert order(["01", "1"])[1] == [0, 1]  # two names, so two rounds
    table = audit(people(100).assign(round=["a"] * 50 + ["b"] * 50), **PARTS, groups="sex").table
    assert table.groupby("generation")["round"].unique().map(list).to_dict() == {0: ["a"], 1: ["b"]}


def test_missing_values_are_left_out_or_counted_where_they_are_not_needed_or_a_group_and_said():
    log = people(300).astype(object)
    log.loc[0:4, "label"] = None
    log.loc[5:7, "prediction"] = float("nan")
    log.loc[8:30, "sex"] = "?"
    found = audit(log, **PARTS, groups="sex")
    assert found.measured.rounds.left_out == {"prediction": 3}
    assert "left out: 3 rows without 'prediction'" in found.verdict
    assert f"Labels are known for {len(log) - 8} of {len(log) - 3} rows" in found.verdict
    assert "(missing)" in found.measured.rounds.groups
    assert found.measured.rounds.people.sum() == len(log) - 3
    assert found.measured.rounds.counts.sum() == len(log) - 8


def test_an_absent_group_is_undefined_and_named_and_can_be_left_out():
    log = people(300)
    log = log[~((log["round"] == 2) & (log["race"] == "C"))]
    found = audit(log, **PARTS, groups="race")
    assert np.isnan(value(found.table, "tpr", "C", 2))
    assert np.isnan(value(found.table, "equalized_odds", "difference", 2))
    assert value(found.table, "count", "C", 2) == 0
    assert "C in round 2" in " ".join(found.verdict.split())
    without = audit(log, **PARTS, groups="race", min_size=1)
    two = audit(log[log["race"] != "C"], **PARTS, groups="race").table
    for i in range(3):
        assert value(without.table, "equalized_odds", "difference", i) == value(two, "equalized_odds", "difference", i)
        assert value(without.table, "accuracy", "overall", i) == value(found.table, "accuracy", "overall", i)
    assert np.isnan(value(without.table, "tpr", "C", 2))  # it stays in the table


def test_small_groups_are_flagged_and_stay():
    log = pd.concat([people(3000), people(60).assign(sex="Other")])
    found = audit(log, **PARTS, groups="sex")
    assert found.measured.small == ["Other"]
    assert "* small: Other." in found.verdict
    assert set(found.drift.loc[found.drift["small"], "group"]) == {"Other"}
    assert "left out" not in found.verdict.lower()
    assert "left out of comparisons of groups" in " ".join(
        audit(log, **PARTS, groups="sex", min_size=30).verdict.split()
    )


def test_a_single_round_has_no_drift():
    found = audit(people(200, rounds=1), **PARTS, groups="sex", fail_on=["accuracy<0.99"])
    assert "One round" in found.verdict
    assert found.drift["drift"].isna().all()
    assert not found.crossings
    assert len(found.failures) == 1


def test_model_made_labels_are_counted():
    log = people(400)
    by_model = (log.index % 4 == 0) & (log["round"] > 0)
    expected = by_model.groupby(log["round"]).mean()
    for spelling, wish in ((by_model, ()), (by_model.map({True: "model", False: "human"}), ()),
                           (by_model.map({True: "gpt", False: "crowd"}), ("gpt",))):  # fmt: skip
        found = audit(log.assign(by=spelling), **PARTS, groups="sex", provenance="by", model_made=wish)
        for i in range(3):
            assert value(found.table, "model_made_share", "overall", i) == pytest.approx(expected[i])
        assert "made by a model" in found.verdict
    unknown = log.assign(by=by_model.astype(object).where(log.index % 2 == 0, None))
    share = value(audit(unknown, **PARTS, groups="sex", provenance="by").table, "model_made_share", "overall", 1)
    assert share == pytest.approx(by_model[(log["round"] == 1) & (log.index % 2 == 0)].mean())


def counted(people_: np.ndarray, base: float, tpr: np.ndarray, fpr: float, rng: np.random.Generator) -> Measured:
    """Rounds with (R, S) people whose groups differ in `tpr` at most."""
    positive = rng.binomial(people_, base)
    hits, alarms = rng.binomial(positive, tpr), rng.binomial(people_ - positive, fpr)
    negative = np.stack([people_ - positive - alarms, alarms], axis=-1)
    counts = np.stack([negative, np.stack([positive - hits, hits], axis=-1)], axis=-2)
    rounds, groups = people_.shape
    return Measured(
        Rounds(tuple(map(str, range(rounds))), np.arange(rounds), tuple(f"g{i}" for i in range(groups)), ("0", "1"),
               "1", counts, None, None, {})
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("people_", "noise"),
    [
        (np.full((6, 2), 1000), 0.0),
        (np.full((6, 12), 100), 0.0),
        (np.linspace(4000, 200, 6).astype(int)[:, None] * np.ones((1, 8), int), 0.0),
        (np.full((8, 3), 4000), 0.04),  # every training is a little better or worse than the last
    ],
    ids=["two groups", "many small groups", "shrinking rounds", "models that vary"],
)
def test_noise_is_rarely_taken_for_more(people_, noise):
    rng = np.random.default_rng(0)
    drifted, lost, warned = 0, 0, 0
    for _ in range(60):
        tpr = np.clip(0.7 + noise * rng.normal(size=people_.shape), 0, 1)
        measured = counted(people_, 0.3, tpr, 0.1, rng)
        drifted += any(drift.verdict in ("rose", "fell", "grew", "shrank") for drift in verdicts.headline(measured))
        lost += any(drift.high < 0 for drift in verdicts.groups(measured))
        warned += bool(verdicts.crossings(measured, [limit("tpr<0.5"), limit("tpr[g1]<0.5")]))
    assert warned <= 9  # of 60; at 5 % more than 9 come once in a thousand times
    if not noise:  # models that vary do change
        assert drifted <= 9
        assert lost <= 9


def test_a_loss_is_found_with_who_lost_it_and_foreseen():
    rng = np.random.default_rng(0)
    tpr = np.full((8, 4), 0.8)
    tpr[:, 2] -= 0.03 * np.arange(8)
    measured = counted(np.full((8, 4), 6000), 0.3, tpr, 0.1, rng)
    found = {drift.measure: drift for drift in verdicts.groups(measured) if drift.high < 0}
    assert {measure.group for measure in found} == {"g2"}
    loss = found[Measure("tpr", "g2")]
    assert loss.low <= -0.21 <= loss.high
    assert {str(drift.measure): drift.verdict for drift in verdicts.headline(measured)}[
        "equalized_odds_difference"
    ] == "grew"

    def crossing(expression: str) -> verdicts.Crossing | None:
        found = verdicts.crossings(measured, [limit(expression)])
        return next((one for one in found if str(one.limit) == expression), None)

    def words(found: verdicts.Crossing) -> str:
        return " ".join(text.warning(found, measured.rounds.names).split())

    soon = crossing("tpr[g2]<0.5")  # .8 - .03 * 10 = .5, three rounds after the last
    assert soon.earliest <= 3 <= soon.latest
    assert soon.rounds == pytest.approx(3, abs=0.7)
    assert words(soon).startswith("EARLY WARNING: tpr[g2] falls by 0.03")
    assert "it crosses 0.5 in about 3 rounds" in words(soon)
    assert "it crossed 0.65 about round 5" in words(crossing("tpr[g2]<0.65"))
    assert "beyond 0.85 from the first round on" in words(crossing("tpr[g2]<0.85"))
    assert crossing("tpr[g2]>0.85") is None  # the other way
    assert crossing("tpr[g2]<0.1") is None  # farther ahead than there were rounds


def test_every_measure_has_a_limit_and_a_value():
    def measured(**options: object) -> tuple[Audit, set[str]]:
        log = people(300).assign(by="model")
        some = audit(log, **{**PARTS, **options}, groups="sex", provenance="by")
        metrics = some.measured.metrics()
        limits = [name for name, (metric, part) in LIMITS.items() if part in metrics.get(metric, ())]
        fail_on = [f"{name}>=-1" for name in limits]
        return audit(log, **{**PARTS, **options}, groups="sex", provenance="by", fail_on=fail_on), set(limits)

    scored, limits = measured(score="score")
    regression, more = measured(regression=True)
    assert limits | more == set(LIMITS)
    for found, names in ((scored, limits), (regression, more)):
        assert len(found.failures) == len(names)
        values = {str(one.measure): found.measured.value(one.measure, -1).value for one in found.limits}
        assert set(values) == names
        every_limit_has_its_value(found, values)


def every_limit_has_its_value(found: Audit, values: dict[str, float]) -> None:
    for one in found.limits:
        assert values[str(one.measure)] == pytest.approx(
            value(found.table, one.measure.metric, one.measure.group, 2), nan_ok=True
        )


def test_what_cannot_be_measured_has_not_passed():
    log = people(200)
    log = log[~((log["round"] == 2) & (log["label"] == 1) & (log["sex"] == "Male"))]
    (failure,) = audit(log, **PARTS, groups="sex", fail_on=["equalized_odds_difference>0.9", "accuracy<0"]).failures
    assert "undefined in round 2" in failure


COMMAND = ("--round", "round", "--label", "label", "--group", "sex", "--group", "race")
