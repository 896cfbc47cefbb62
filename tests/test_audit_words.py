"""The words of an audit about labels: what is missing is said first, and no remedy is named that does not help."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from fairloop import audit
from fairloop.errors import InputError
from test_audit_labels import NAMED, bank, of
from test_audit_refusals import complete

MONTHS = ("2024-01", "2024-02", "2024-03")


def months() -> pd.DataFrame:
    """Three months of 200 people with all labels, decided on the tenth."""
    log = complete(200)
    log = pd.concat([log, log[log["round"] == 1].assign(round=2)], ignore_index=True)
    return log.assign(round=log["round"].map(dict(enumerate(MONTHS))), day=lambda log: log["round"] + "-10")


@pytest.mark.parametrize("place", [0, 1])
def test_a_round_without_labels_has_no_group_without_positives(place):
    log = complete()
    found = audit(log.assign(label=log["label"].mask(log["round"] == place)), **NAMED, fail_on="tpr_difference>0.5")
    assert f"Without any label: round {place}." in found.verdict
    assert "--min-size" not in found.verdict  # which leaves no group of that round out
    positives = (log["round"] == place) & (log["group"] == "F") & (log["label"] == 1)
    found = audit(log.assign(label=log["label"].mask(positives, 0.0)), **NAMED)
    assert f"beneficial label: F in round {place}. --min-size 1" in " ".join(found.notes)


def test_rounds_whose_labels_may_still_come_are_named_although_none_is_missing():
    found = audit(months(), **NAMED, mature_after="60d", as_of="2024-05-15")
    assert "Not yet mature, their labels may still come: round 2024-03." in found.verdict
    assert "seen as of 2024-05-15" in " ".join(found.notes)
    rows = [line for line in found.verdict.splitlines() if line.endswith("immature")]
    assert len(rows) == 5  # each in a line of the table


def test_labels_that_exist_for_the_selected_only_are_said_before_what_follows_from_them():
    people = [(r, g, int(i < 100 + 18 * (g == "M")), i % 2) for r in range(4) for g in "FM" for i in range(200)]
    log = pd.DataFrame(people, columns=["round", "group", "prediction", "label"])
    notes = audit(log.assign(label=log["label"].where(log["prediction"] == 1)), **NAMED).notes
    assert "labels exist for the selected only" in notes[1]
    assert "it depends on the group whether" in notes[2]  # as selection rates differ


def test_propensities_that_are_not_used_are_not_said_to_help():
    log = bank(people=1000, explored=0.1)
    right, wrong = (audit(one, **NAMED, propensity="e") for one in (log, log.assign(e=log["e"].replace(0.1, 0.4))))
    assert "known propensities are weighted" in right.verdict
    assert "known propensities are weighted" not in wrong.verdict
    assert "propensities do not help in round 2: labels do not come at the rate" in " ".join(wrong.notes)


def test_labels_that_came_before_their_decision_are_counted():
    log = months().assign(seen="2024-02-20")
    options: dict[str, Any] = {"mature_after": "30d", "decided_at": "day", "as_of": "2024-06-01"}
    found = audit(log, **NAMED, observed_at="seen", **options)
    assert "200 labels came before their decision: check these dates" in " ".join(found.notes)
    assert (
        "before their decision"
        not in audit(log.assign(seen="2024-03-20"), **NAMED, observed_at="seen", **options).verdict
    )


@pytest.mark.parametrize("word", ["unknown", "None", "-", "inf"])
def test_a_label_that_may_mean_that_there_is_none_is_counted_in_words(word):
    log = complete()
    log["label"] = log["label"].astype(int).astype(str).mask(np.arange(len(log)) % 5 == 0, word)
    with pytest.raises(InputError, match=rf"such as beneficial '1'; leave the cell empty where '{word}' means"):
        audit(log, **NAMED)
    found = audit(log, **NAMED, beneficial="1")
    said = f"120 rows have '{word}' as 'label': it counts as a label other than '1'; leave the cell empty"
    assert said in " ".join(found.notes)
    assert said in " ".join(found.verdict.split())


@pytest.mark.parametrize("labels", [("-1", "1"), ("no", "yes"), ("0", "1")])
def test_labels_and_predictions_that_spell_the_other_label_differently_are_refused(labels):
    log = complete().assign(label=lambda log: log["label"].map({0.0: labels[0], 1.0: labels[1]}))
    for other in ("No", "0 ", "2"):
        predicted = log["prediction"].map({0: other, 1: labels[1]})
        if other.strip() != labels[0]:
            with pytest.raises(InputError, match="hold different values; code them alike"):
                audit(log.assign(prediction=predicted), **NAMED, beneficial=labels[1])
    several = log["label"].where((log["label"] == labels[1]) | (np.arange(len(log)) % 2 == 0), "third")
    with pytest.raises(InputError, match="hold different values; code them alike"):
        audit(log.assign(label=several, prediction=predicted), **NAMED, beneficial=labels[1])
    alike = log["prediction"].map({0: labels[0], 1: labels[1]})
    assert audit(log.assign(prediction=alike), **NAMED, beneficial=labels[1]).measured.rates


def numbers(scale: float = 1.0) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    log = pd.DataFrame({"round": np.repeat([0, 1, 2], 200), "group": rng.choice(["F", "M"], 600)})
    log["label"] = rng.normal(0, scale, 600)
    return log.assign(prediction=log["label"] + rng.normal(0, scale, 600))


def test_errors_of_numbers_have_words_of_their_own():
    log = numbers()
    found = audit(log.assign(label=log["label"].where(log["prediction"] > 0)), **NAMED, regression=True)
    assert "it depends on the prediction whether" in " ".join(found.notes)
    for word in ("score", "beneficial", "Selection", "lost", "decision"):
        assert word not in found.verdict
    with pytest.raises(InputError, match="beneficial: is for labels that are not numbers"):
        audit(log, **NAMED, regression=True, beneficial="1")


@pytest.mark.parametrize("scale", [1.0, 3000.0])
def test_the_table_of_changes_keeps_a_line_for_each_measure(scale):
    lines = audit(numbers(scale), **NAMED, regression=True).verdict.splitlines()
    head = next(i for i, line in enumerate(lines) if line.endswith("verdict"))
    assert [line.split()[-1] for line in lines[head + 1 : head + 5]] == ["unclear"] * 4
    assert len({len(line) for line in lines[head : head + 5]}) == 1
    assert len(lines[head]) <= 80


@pytest.mark.parametrize("column", ["label", "prediction", "score"])
def test_numbers_that_cannot_be_squared_are_refused(column):
    log = complete() if column == "score" else numbers()
    log.loc[3, column] = 1e300
    options: dict[str, Any] = {"score": "score"} if column == "score" else {"regression": True}
    with pytest.raises(InputError, match=r"holds 1e\+300.*divide them all by the same number"):
        audit(log, **NAMED, **options)


def test_a_limit_that_is_given_twice_makes_no_interval_wider():
    log, once = complete(), "lower(tpr_difference)>0.1"
    levels = [
        audit(log, **NAMED, fail_on=limits).gate[0].level for limits in ([once], [once] * 3, [once, "lower(tpr)<0.1"])
    ]
    assert levels == [0.95, 0.95, 0.975]


def test_hints_about_references_name_what_may_be_said():
    with pytest.raises(InputError, match=r"reference rolling\(-1\).*did you mean rolling\(k\)\?$"):
        audit(complete(), **NAMED, reference="rolling(-1)")
    with pytest.raises(InputError, match=r"did you mean 'F'\?$"):
        audit(complete(), **NAMED, reference_group="f F")


def test_the_page_spells_labels_as_the_log_does(tmp_path):
    words = {0.0: "NO", 1.0: "YES, mostly"}
    log = complete().assign(
        label=lambda log: log["label"].map(words), prediction=lambda log: log["prediction"].map(words)
    )
    audit(log.assign(w=1.0), **NAMED, beneficial=words[1.0], weight="w").write(tmp_path / "audit")
    page = (tmp_path / "audit" / "report.html").read_text(encoding="utf-8")
    assert "Label &#39;label&#39;, of which &#39;YES, mostly&#39; is the beneficial one;" in page
    assert "Weights &#39;w&#39; in every rate" in page


def test_a_last_round_without_predictions_is_not_passed_over_in_silence():
    log = complete().assign(round=lambda log: log["round"].map({0: "2024-01", 1: "2024-02"}))
    late = log.assign(prediction=log["prediction"].where(log["round"] != "2024-02"))
    with pytest.raises(InputError, match=r"gate_round: in the log's last round, 2024-02, .* such as 2024-01$"):
        audit(late, **NAMED, fail_on="tpr<0.1")
    found = audit(late, **NAMED, fail_on="tpr<0.1", gate_round="2024-01")
    assert found.passed
    assert "left out, as no row has a prediction: round 2024-02" in " ".join(found.notes)
    early = log.assign(prediction=log["prediction"].where(log["round"] != "2024-01"))
    assert audit(early, **NAMED, fail_on="tpr<0.1").passed
    totals = log.assign(round=log["round"].where(log["round"] != "2024-02", "total"))
    totals["prediction"] = totals["prediction"].where(totals["round"] != "total")
    assert audit(totals, **NAMED).measured.rounds.names == ("2024-01",)


def test_the_verdict_steers_no_terminal(tmp_path):
    log = complete().assign(group=lambda log: log["group"].map({"F": "a\x1b[31mred", "M": "x\u2028y\u202e"}))
    limits = [f"tpr[{name}]<0.99" for name in sorted(set(log["group"]))]
    audit(log, **NAMED, fail_on=limits).write(tmp_path / "audit")
    said = (tmp_path / "audit" / "verdict.txt").read_text(encoding="utf-8")
    assert r"a\x1b[31mred" in said
    assert r"x\u2028y\u202e" in said
    assert not set("\x1b\u2028\u202e") & set(said)


def test_a_log_that_leaves_out_rejected_people_is_told_that_its_rates_are_one():
    log = bank()
    accepted = log[log["prediction"] == 1]
    found = audit(accepted, **NAMED)
    assert [of(found, rate, group).value for rate in ("tpr", "fpr") for group in ("F", "M")] == [1.0] * 4
    told = [note for note in found.notes if "Nobody is rejected" in note]
    assert len(told) == 1
    assert told[0].endswith("rounds 0; 1; 2.")
    assert not any("Nobody is rejected" in note for note in audit(log, **NAMED).notes)
    last = log[(log["prediction"] == 1) | (log["round"] < 2)]
    assert any(note.endswith("even without labels: round 2.") for note in audit(last, **NAMED).notes)
