"""Runs in rounds of people on disk: their log, an audit of it, a sweep, and what a kill at any instant leaves."""

from __future__ import annotations

import signal
from itertools import product

import numpy as np
import pyarrow.compute as pc
import pytest
from scipy.stats import norm

from disturbed import Runs
from fairloop import audit
from fairloop import load as opened
from fairloop.auditing.measures.values import Measure
from fairloop.errors import InputError
from fairloop.report.summary import headline, summary
from fairloop.report.table import gathered
from fairloop.running.progress import LineView
from fairloop.running.run import run
from fairloop.spec.run import from_mapping
from fairloop.store.directory import RunDirectory
from fairloop.sweep.estimate import estimate
from test_run import here

SPEC = {
    "setting": "people",
    "generations": 3,
    "people": {"arrivals": 150, "revealed": "accepted", "exploration": 0.2, "delay": 1},
    "classifier": {"model": "mlp", "arguments": {"hidden": []}, "epochs": 2, "batch": 64},
    "annotator": {"model": "mlp", "arguments": {"hidden": []}, "epochs": 2, "batch": 64},
    "policy": {"classifier": {"kind": "accumulate"}},
    "precision": "fp32",
}
RULE = {"setting": "people", "generations": 3, "people": {
    "arrivals": 3000, "revealed": "accepted", "exploration": 0.1, "rule": "own",
    "arguments": {"thresholds": [0.3, 1.0]},
}}  # fmt: skip


def made(folder, fields, *overrides) -> RunDirectory:
    directory = RunDirectory(folder)
    run(from_mapping(fields, overrides), directory, LineView())
    return directory


# --- the log ---


def test_labels_that_are_not_known_yet_are_not_in_the_log(tmp_path):
    directory = made(tmp_path / "run", RULE, "people.delay=2", "people.arrivals=100")
    log = opened(tmp_path / "run").log()
    assert list(log) == [
        "round", "person", "group", "prediction", "score", "accepted", "label", "propensity", "observed_at"
    ]  # fmt: skip
    known = log["label"].notna()
    assert known[log["round"] < 1].equals(log["accepted"][log["round"] < 1])
    assert not known[log["round"] >= 1].any()
    longer = made(tmp_path / "run", RULE, "people.delay=2", "people.arrivals=100", "generations=4").decisions()
    assert pc.sum(pc.is_valid(longer["label"])).as_py() > known.sum()
    assert directory.committed() == 4


def test_a_damaged_log_is_named_and_made_again(tmp_path):
    directory = made(tmp_path / "run", RULE, "people.arrivals=100")
    before = directory.decisions()
    path = directory.log.path(2)
    path.write_bytes(path.read_bytes().replace(b"yes", b"no ", 1))
    with pytest.raises(InputError, match=r"round-0002\.parquet: is damaged"):
        directory.decisions()
    with pytest.warns(UserWarning, match="was damaged"):
        run(from_mapping(RULE, ["people.arrivals=100"]), directory, LineView(), repair=True)
    assert directory.decisions().equals(before)


def test_a_run_of_another_setting_has_no_log(tmp_path):
    with pytest.raises(InputError, match="has no log of decisions"):
        RunDirectory(tmp_path).decisions()


# --- its audit ---


def audited(folder, *overrides):
    directory = made(folder, RULE, *overrides)
    found, table = audit(folder), opened(folder).table()
    return directory, found, table[(table["role"] == "classifier") & (table["split"] == "true")]


def test_an_audit_of_a_run_finds_its_columns_and_covers_the_truth(tmp_path, capsys):
    """Oracle: the run's own measures of everybody, which the log does not hold."""
    _, found, true = audited(tmp_path / "run")
    assert (found.columns.round, found.columns.label, found.columns.groups) == ("round", "label", ("group",))
    assert (found.columns.prediction, found.columns.propensity) == ("prediction", "propensity")
    assert "it depends on the decision" in " ".join(found.verdict.split())
    estimates = found.table.set_index(["generation", "group", "metric"])
    checked = 0
    for metric in ("tpr", "fpr", "accuracy"):
        for row in true[(true["metric"] == metric) & true["group"].isin(["overall", "A", "B"])].to_dict("records"):
            one = estimates.loc[(row["generation"], row["group"], metric)]
            assert abs(one["value"] - row["value"]) < 3.5 * one["standard_error"], (metric, row)
            checked += 1
    assert checked == 27
    for metric in ("selection_rate", "demographic_parity"):  # decisions are known of everybody
        row = true[(true["metric"] == metric) & (true["group"].isin(["overall", "difference"]))]
        ours = estimates.loc[[*zip(row["generation"], row["group"], row["metric"], strict=True)], "value"]
        np.testing.assert_allclose(ours, row["value"], atol=1e-12)
    assert here("audit", str(tmp_path / "run")) == 0
    assert "weighted" in capsys.readouterr().out
    assert (tmp_path / "run" / "audit" / "verdict.json").is_file()


def of_the_law() -> dict[tuple[str, str], float]:
    """Rates under RULE in closed form: X | y ~ N(2 y - 1, 1), half of each group with y = 1, 70 % of people in A."""
    found = {}
    for group, at in (("A", 0.3), ("B", 1.0)):
        tpr, fpr = norm.sf(at, 1), norm.sf(at, -1)
        found |= {("tpr", group): tpr, ("fpr", group): fpr, ("accuracy", group): (tpr + 1 - fpr) / 2}
    every = {(name, "overall"): 0.7 * found[name, "A"] + 0.3 * found[name, "B"] for name in ("tpr", "fpr", "accuracy")}
    return found | every


@pytest.mark.slow
def test_intervals_of_audits_of_runs_cover_the_law_and_the_truth_at_about_their_rate(tmp_path):
    """Over seeds. People of a round vary less about their own rates than about the law, so these are covered more."""
    by_law, by_truth, law = [], [], of_the_law()
    for seed in range(8):
        _, found, true = audited(tmp_path / str(seed), f"seed={seed}", "people.exploration=0.05")
        truth = true.set_index(["generation", "group", "metric"])["value"]
        for number, ((metric, group), known) in product(range(3), law.items()):
            one, real = found.measured.value(Measure(metric, group), number), truth.loc[number, group, metric]
            assert abs(real - known) < 0.08
            by_law.append(one.low <= known <= one.high)
            by_truth.append(one.low <= real <= one.high)
    assert 0.91 <= np.mean(by_law) <= 0.985
    assert 0.93 <= np.mean(by_truth) <= 1


def test_an_audit_without_exploration_says_that_it_cannot_tell(tmp_path):
    _, found, _ = audited(tmp_path / "run", "people.exploration=0", "people.arrivals=500")
    rates = found.table[found.table["metric"] == "tpr"]
    assert rates.loc[rates["group"] == "overall", "value"].isna().all()
    assert "labels exist for the selected only" in " ".join(found.verdict.split())


def test_an_audit_of_any_other_log_needs_its_columns(tmp_path, capsys):
    (tmp_path / "log.csv").write_text("a\n1\n")
    assert here("audit", str(tmp_path / "log.csv"), "--out", str(tmp_path / "out")) == 2
    assert "--round: name the column" in capsys.readouterr().err
    assert here("audit", str(tmp_path / "log.csv")) == 2
    assert "--out: name the directory" in capsys.readouterr().err
    with pytest.raises(InputError, match="round: name the column"):
        audit(tmp_path / "log.csv", label="a", groups="a")


# --- tables, sweeps ---


@pytest.mark.slow
def test_a_sweep_with_two_workers_its_comparison_and_report(tmp_path, capsys):
    spec = tmp_path / "spec.json"
    spec.write_text(str({**RULE, "generations": 2, "people": {**RULE["people"], "arrivals": 100}}).replace("'", '"'))
    out = tmp_path / "sweep"
    command = ["sweep", str(spec), "--seeds", "0-1", "--grid", "people.exploration=0,0.5", "--workers", "2"]
    assert here(*command, "--out", str(out)) == 0
    table = gathered([out])
    assert set(table["dataset"]) == {"selective-labels"}
    assert table["people.exploration"].nunique() == 2
    same = table[(table["split"] == "true") & (table["role"] == "classifier")]
    by_case = same.pivot_table("value", ["seed", "generation", "group", "metric"], "people.exploration")
    np.testing.assert_array_equal(by_case.iloc[:, 0], by_case.iloc[:, 1])  # the same people, and the same rule
    chapters = summary(headline(table))
    assert any("accuracy" in sentence.about + sentence.words for one in chapters for sentence in one.sentences)
    assert here("compare", str(out)) == 0
    assert "split true" in capsys.readouterr().out
    assert here("report", str(out), "--out", str(tmp_path / "page.html")) == 0
    assert here("export", str(out), "--out", str(tmp_path / "table.csv")) == 0


def test_an_estimate_counts_the_models_of_rounds():
    found = estimate([from_mapping(SPEC), from_mapping(RULE)])
    assert found.models == {"classifier": 3, "label_annotator": 1}
    assert found.work > 0


def test_what_a_run_of_people_has_not_is_said(tmp_path):
    made(tmp_path / "run", RULE, "people.arrivals=100", "generations=1")
    recorded = opened(tmp_path / "run")
    for ask, says in (
        (lambda: recorded.generator(0), "has no generators"),
        (lambda: recorded.samples(0, 3), "has no generators"),
        (lambda: recorded.classifier(0), "there are no classifiers"),
        (lambda: recorded.annotators, "trains no A_S"),
    ):
        with pytest.raises(InputError, match=says):
            ask()


# --- kills ---


@pytest.mark.slow
def test_a_run_of_people_killed_at_any_of_five_instants_goes_on_to_the_same_table_and_log(tmp_path):
    runs = Runs(tmp_path, SPEC)
    try:
        log = RunDirectory(tmp_path / "whole").decisions()
        for i in range(5):
            name = f"cut-{i}"
            runs.run(name, signal=int(signal.SIGKILL), after=(i + 1) / 6 * runs.seconds)
            assert runs.run(name).code == 0
            assert RunDirectory(tmp_path / name).decisions().equals(log)
            runs.goes_on(name)
    finally:
        runs.close()
