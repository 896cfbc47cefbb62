"""Logs, limits and propensities that look usable: an audit refuses them, or leaves a limit undefined."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from fairloop import audit
from fairloop.auditing.measures.values import Measure
from fairloop.errors import InputError
from test_audit_labels import NAMED, bank
from test_run import here


def complete(people: int = 300) -> pd.DataFrame:
    log = bank(rounds=2, people=people)
    return log.assign(label=log["truth"])


@pytest.mark.parametrize("stated", ["small", "blank"])
def test_people_who_were_never_explored_are_not_weighed_by_others(stated):
    log, rng = bank(people=1000), np.random.default_rng(1)
    selected = log["prediction"] == 1
    log["label"] = log["label"].mask(selected & (rng.random(len(log)) < 0.03))
    log["e"] = np.where(selected, 0.97, 0.002 if stated == "small" else np.nan)
    found = audit(log, **NAMED, propensity="e", score="score", fail_on=["accuracy<0.1", "brier>0.9", "tpr<0.1"])
    assert [one.verdict for one in found.gate] == ["UNDEFINED"] * 3
    assert all("there are 0" in one.reason for one in found.gate)
    assert found.measured.value(Measure("ppv"), -1).status == "weighted"  # needs labels of the selected alone


def blank(log: pd.DataFrame) -> pd.DataFrame:
    """Propensities are known of people with a label alone."""
    return log.assign(e=log["e"].where(log["label"].notna()))


def test_propensities_are_checked_where_only_labelled_people_have_one():
    log = bank(people=4000, explored=0.05)
    for weight in (None, "w"):
        right, wrong = blank(log).assign(w=2.0), blank(log).assign(w=2.0)
        wrong["e"] = wrong["e"].where(wrong["prediction"] == 1, 4 * wrong["e"])
        found = [audit(one, **NAMED, propensity="e", weight=weight) for one in (right, wrong)]
        kept, refused = (one.measured.value(Measure("tpr"), -1) for one in found)
        assert (kept.status, refused.status) == ("weighted", "bounded")
        assert "rate that the propensities state" in refused.reason


def test_selected_people_without_label_and_propensity_contradict_a_propensity_of_1():
    log, rng = bank(people=2000, explored=0.1), np.random.default_rng(1)
    log["label"] = log["label"].mask((log["prediction"] == 1) & (rng.random(len(log)) < 0.2))
    assert audit(blank(log), **NAMED, propensity="e").measured.value(Measure("tpr"), -1).status == "bounded"


def test_numbers_are_not_weighed_by_labels_of_a_part():
    rng = np.random.default_rng(2)
    label = rng.normal(size=600)
    log = pd.DataFrame({"round": 0, "group": "a", "prediction": label + rng.normal(size=600)})
    high = log["prediction"] > 0
    log["label"], log["e"] = np.where(high, label, np.nan), np.where(high, 0.97, 0.001)
    found = audit(log, **NAMED, propensity="e", regression=True).measured.value(Measure("mean_absolute_error"), -1)
    assert found.status == "undefined"


@pytest.mark.parametrize("expression", ["tpr_difference>0.1", "upper(tpr_difference)>0.1", "four_fifths"])
def test_a_limit_between_groups_does_not_pass_where_one_group_is_left(expression):
    log = complete()
    log["group"] = np.where(np.arange(len(log)) % 50 == 0, "few", "many")
    for options in ({"groups": "group", "min_size": 30}, {"groups": "constant"}):
        found = audit(log.assign(constant="a"), **{**NAMED, **options}, fail_on=expression)
        assert found.passed is False
        assert found.gate[0].verdict == "UNDEFINED"
        assert "no other group" in found.gate[0].reason
        assert "no other group" in found.to_json()


@pytest.mark.parametrize("never", ["tpr_difference>5", "tpr_difference<-0.5", "accuracy>=10", "tpr[F]<-1"])
def test_a_limit_that_no_value_can_break_is_refused(never):
    with pytest.raises(InputError, match=r"no value can break it, because .* lies between 0 and 1"):
        audit(complete(), **NAMED, fail_on=never)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"fail_on": None}, "fail_on None"),
        ({"fail_on": ["tpr<0.1", 3]}, "fail_on"),
        ({"fail_on": "tpr_difference>1_0"}, "write a measure"),
        ({"min_size": "3"}, "min_size '3'"),
        ({"min_size": -5}, "min_size -5"),
        ({"min_size": 2.5}, "min_size 2.5"),
        ({"prediction": None, "score": "score", "threshold": "0.5"}, "threshold: '0.5' is not a number"),
        ({"decided_at": "day", "mature_after": timedelta(days=-3)}, "mature_after"),
        ({"decided_at": "day", "mature_after": timedelta(hours=5)}, "whole days"),
    ],
)
def test_arguments_of_another_kind_are_refused_in_a_line(options, said):
    log = complete().assign(day=pd.Timestamp("2024-01-01"))
    with pytest.raises(InputError) as error:
        audit(log, **{**NAMED, **options})
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("seconds", [10**13, -(10**12)])
def test_dates_beyond_the_calendar_are_refused(seconds):
    table = pa.Table.from_pandas(complete()[["round", "label", "prediction", "group"]])
    table = table.append_column("seen", pa.array([seconds] * len(table), pa.timestamp("s")))
    with pytest.raises(InputError, match="outside the years 1 to 9999"):
        audit(table, **NAMED, observed_at="seen")


@pytest.mark.parametrize("name", ["overall", "min", "difference"])
def test_a_group_is_not_taken_for_a_part_of_a_table(name):
    log = complete().replace({"group": {"F": name}})
    with pytest.raises(InputError, match=f"a group called '{name}' is COLUMN={name} here"):
        audit(log, **NAMED, fail_on=f"tpr[{name}]<0.5")
    assert audit(log, **NAMED, fail_on=f"tpr[group={name}]<0.01").gate[0].value.people < len(log)


def test_a_group_of_two_lines_can_have_a_limit():
    log = complete().replace({"group": {"F": "two\nlines"}})
    assert audit(log, **NAMED, fail_on="tpr[two\nlines]<0.01").passed


@pytest.mark.parametrize("column", ["label", "prediction"])
def test_infinite_numbers_are_not_taken_for_missing_ones(column):
    log = complete()
    log[column] = log[column].astype(float)
    log.loc[4, column] = np.inf
    with pytest.raises(InputError, match="holds an infinite number"):
        audit(log, **NAMED, regression=True)


def test_the_audit_says_how_many_scores_are_missing():
    log = complete()
    log["score"] = log["score"].where(log["prediction"] == 1)
    gone = int((log["prediction"] == 0).sum())
    assert f"{gone:,} of {len(log):,} rows have no score" in " ".join(
        audit(log, **NAMED, score="score").verdict.split()
    )
    assert "have no score" not in audit(complete(), **NAMED, score="score").verdict


def test_the_command_does_not_replace_its_own_log(tmp_path, capsys):
    log = tmp_path / "table.csv"
    complete().to_csv(log, index=False)
    before = log.read_bytes()
    options = ["--round", "round", "--label", "label", "--prediction", "prediction", "--group", "group"]
    assert here("audit", log, *options, "--out", tmp_path, "--overwrite") == 2
    assert log.read_bytes() == before
    assert "would replace" in capsys.readouterr().err


@pytest.mark.parametrize("scores", [False, True])
def test_a_log_without_any_label_has_the_measures_that_need_none(tmp_path, scores):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "round": np.repeat([1, 2], 100),
            "label": [None] * 200,
            "group": rng.choice(["a", "b"], 200),
            "x": rng.random(200),
        }
    )
    frame["prediction"] = (frame["x"] >= 0.5).astype(int)
    columns = {"score": "x"} if scores else {"prediction": "prediction"}
    found = audit(
        frame, round="round", label="label", groups="group", **columns, fail_on=["equalized_odds_difference>0.1"]
    )
    shares = frame.groupby(["round", "group"])["prediction"].mean()
    for place, number in enumerate((1, 2)):
        for group in ("a", "b"):
            value = found.measured.value(Measure("selection_rate", group), place)
            assert value.value == pytest.approx(shares[number, group])
            assert value.people == (frame["round"].eq(number) & frame["group"].eq(group)).sum()
    tpr = found.measured.value(Measure("tpr"), 1)
    assert (tpr.labelled, tpr.status) == (0, "undefined")
    assert found.passed is False
    assert "report.html" in found.write(tmp_path / "audit")
