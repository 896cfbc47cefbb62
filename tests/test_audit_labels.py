"""Logs whose labels are missing: what does not follow from them is bounded or undefined, never a number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fairlearn import metrics as fl
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from fairloop import Audit, audit
from fairloop.auditing.measures import rates
from fairloop.auditing.measures.values import Measure, Value
from fairloop.errors import InputError
from fairloop.metrics.intervals import wilson
from test_log_weights import reference
from test_run import here

NAMED = {"round": "round", "label": "label", "groups": "group", "prediction": "prediction"}
RATES = ("accuracy", "tpr", "tnr", "fpr", "fnr", "ppv", "fdr", "for")
PARTS = ("difference", "ratio", "min", "max")


def bank(rounds: int = 3, people: int = 3000, seed: int = 0, explored: float = 0.0) -> pd.DataFrame:
    """Loans: repayment is known of those who got one, and of a share of the others; `truth` has all labels."""
    rng = np.random.default_rng(seed)
    n = rounds * people
    group = rng.choice(["F", "M"], n)
    score = rng.beta(2, 2, n)
    truth = (rng.random(n) < score - 0.1 * (group == "F")).astype(float)
    prediction = (score >= np.where(group == "F", 0.55, 0.45)).astype(int)
    propensity = np.where(prediction == 1, 1.0, explored)
    label = np.where(rng.random(n) < propensity, truth, np.nan)
    return pd.DataFrame({
        "round": np.repeat(np.arange(rounds), people), "label": label, "prediction": prediction, "group": group,
        "truth": truth, "e": propensity, "score": score.round(3),
    })  # fmt: skip


def of(found: Audit, metric: str, group: str = "overall", place: int = -1) -> Value:
    return found.measured.value(Measure(metric, group), place)


# Selective labels


def test_labels_of_the_granted_alone_never_say_that_groups_have_equal_odds():
    log = bank()
    found, true = audit(log, **NAMED), audit(log, **{**NAMED, "label": "truth"})
    assert of(true, "equalized_odds", "difference").value > 0.1
    for metric in ("tpr", "fpr", "tnr", "fnr", "accuracy", "for"):
        for group in ("overall", "F", "M", *PARTS):
            value = of(found, metric, group)
            assert value.status == "bounded"
            assert np.isnan(value.value)
            assert value.lower - 1e-12 <= of(true, metric, group).value <= value.upper + 1e-12
    odds = of(found, "equalized_odds", "difference")
    assert odds.lower <= of(true, "equalized_odds", "difference").value <= odds.upper
    assert odds.upper > 0.5
    for metric in ("ppv", "selection_rate"):  # identified
        for group in ("overall", "F", "M", *PARTS):
            assert of(found, metric, group).status == "measured"
            assert of(found, metric, group).value == of(true, metric, group).value
    assert str(of(found, "demographic_parity", "difference")) == str(of(true, "demographic_parity", "difference"))


def test_a_rate_without_known_bounds_is_undefined_and_says_so(monkeypatch):
    """A measure that somebody adds to the catalogue has a formula, and no bounds."""
    known = rates.worst.bounds
    monkeypatch.setattr(rates.worst, "bounds", lambda *cells: {k: v for k, v in known(*cells).items() if k != "for"})
    found = audit(bank(), **NAMED, fail_on=["for[F]>0.5"])
    for group in ("overall", "F", *PARTS):
        assert of(found, "for", group).status == "undefined"
        assert of(found, "for", group).reason.endswith("; its bounds are not computed")
    assert of(found, "tpr").status == "bounded"
    assert "for[F] is undefined in round 2" in found.failures[0]


def test_the_verdict_says_first_that_labels_are_selective_and_the_gate_fails_with_the_reason():
    log = bank(rounds=1)
    limits = ["equalized_odds_difference>0.1", "tpr[F]<0", "ppv[F]<0", "demographic_parity_difference>0.9"]
    found = audit(log, **NAMED, fail_on=limits)
    words = " ".join(found.verdict.split())
    selected = log[(log["group"] == "F") & (log["prediction"] == 1)]
    assert f"{len(selected):,} of {len(selected):,} selected and 0 of" in words
    assert words.index("labels exist for the selected only") < words.index("equalized_odds_difference")
    assert "do not follow from these rows" in words
    assert "infra-marginality" in words
    assert "0.000" not in next(line for line in found.verdict.splitlines() if line.startswith("equalized_odds"))
    first, second = found.failures
    assert first.startswith("equalized_odds_difference>0.1: equalized_odds_difference is not identified, between ")
    assert second.startswith("tpr[F]<0: tpr[F] is not identified")
    assert "labels are known for no rejected person" in first


def test_a_round_without_labels_stays_with_the_measures_that_need_none():
    log = bank()
    log["label"] = log["truth"].where(log["round"] < 2)
    found, true = audit(log, **NAMED), audit(log, **{**NAMED, "label": "truth"})
    assert found.measured.rounds.names == ("0", "1", "2")
    assert [of(found, "tpr", place=i).status for i in range(3)] == ["measured", "measured", "undefined"]
    for i in range(3):
        assert str(of(found, "selection_rate", "F", i)) == str(of(true, "selection_rate", "F", i))
    assert str(of(found, "tpr", place=1)) == str(of(true, "tpr", place=1))
    assert "Without any label: round 2." in found.verdict
    (failure,) = audit(log, **NAMED, fail_on=["tpr<0"]).failures
    assert failure == "tpr<0: tpr is undefined in round 2 (no label of this round is known)"


def test_labels_missing_by_chance_are_no_reason_for_bounds():
    rng = np.random.default_rng(1)
    log = bank(people=6000)
    log["label"] = log["truth"].where(rng.random(len(log)) < 0.7)
    found = audit(log, **NAMED)
    words = " ".join(found.verdict.split())
    assert "No dependence of missing labels on prediction, score or group was found; a difference in label" in words
    kept = audit(log[log["label"].notna()], **NAMED)
    for metric in RATES:
        value = of(found, metric, "F")
        assert value.status == "measured"
        assert value[2:5] == of(kept, metric, "F")[2:5]
        assert value.labelled < value.people
    people = audit(log, **{**NAMED, "label": "truth"})
    assert str(of(found, "selection_rate")) == str(of(people, "selection_rate"))


@pytest.mark.parametrize("what", ["prediction", "score", "group"])
def test_labels_that_depend_on_something_are_found_out(what):
    rng = np.random.default_rng(2)
    log = bank(people=6000)
    rate = {"prediction": log["prediction"] == 1, "score": log["score"] > 0.3, "group": log["group"] == "M"}[what]
    log["label"] = log["truth"].where(rng.random(len(log)) < np.where(rate, 0.8, 0.6))
    found = audit(log, **NAMED, score="score")
    depends = found.measured.missing.depends.any(axis=0)
    assert depends[["prediction", "group", "score"].index(what)]
    assert of(found, "tpr").status == "bounded"  # of everybody: groups are represented unequally, too
    if what == "group":
        assert of(found, "tpr", "F").status == of(found, "tpr", "difference").status == "measured"
        assert not depends[[0, 2]].any()
    else:
        assert of(found, "tpr", "F").status == "bounded"
    true = audit(log, **{**NAMED, "label": "truth"})
    assert of(found, "tpr").lower <= of(true, "tpr").value <= of(found, "tpr").upper


def random_log(seed: int, n: int, kinds: int = 2, missing: float = 0.5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    truth, prediction = rng.integers(0, kinds, n), rng.integers(0, kinds, n)
    gone = rng.random(n) < missing * rng.random(2)[(prediction == 1).astype(int)] * 2
    return pd.DataFrame({
        "round": 0, "group": rng.choice(["a", "b"], n), "truth": truth, "prediction": prediction,
        "label": pd.Series(truth).where(~gone), "score": rng.integers(0, 8, n) / 8, "w": rng.integers(1, 4, n),
    })  # fmt: skip


@pytest.mark.slow
@settings(max_examples=8)
@given(st.integers(0, 10_000), st.integers(20, 60), st.sampled_from([2, 3]), st.booleans())
def test_every_completion_of_the_labels_lies_within_the_bounds(seed, n, kinds, weighted):
    log = random_log(seed, n, kinds)
    if not log["label"].notna().any():
        return
    options = {**NAMED, "score": "score", "beneficial": 1} | ({"weight": "w"} if weighted else {})
    found, rng = audit(log, **options), np.random.default_rng(seed)
    which = [(m, g) for m in (*RATES, "auc", "brier") for g in ("overall", "a", "b", *PARTS)]
    which += [("equalized_odds", "difference"), ("equalized_odds", "ratio"), ("predictive_parity", "difference")]
    for share in (0.0, 0.5, 1.0):
        guess = np.where(rng.random(n) < share, 1, rng.choice([0, kinds - 1] if kinds > 2 else [0], n))
        full = audit(log.assign(label=log["label"].fillna(pd.Series(guess)).astype(int)), **options)
        for metric, group in which:
            value, true = of(found, metric, group), of(full, metric, group).value
            if value.status == "bounded" and not np.isnan(true):
                assert value.lower - 1e-9 <= true <= value.upper + 1e-9
                assert not value.low > value.lower + 1e-9
                assert not value.high < value.upper - 1e-9


def test_no_number_stands_where_no_completion_has_one():
    log = pd.DataFrame({"round": 0, "group": list("aab"), "prediction": [1, 1, 1], "label": [1.0, 0.0, np.nan]})
    odds = of(audit(log, **NAMED), "equalized_odds", "difference")  # a single person of b is good or bad, not both
    assert odds.status == "undefined"
    assert np.isnan(odds[2:7]).all()
    assert "complete the labels" in odds.reason
    alone = of(audit(log.assign(group="a"), **NAMED), "ppv", "ratio")
    assert (alone.lower, alone.upper) == (1, 1) or alone.value == 1  # of a single group


def test_an_assumption_narrows_bounds_and_is_named():
    log = reference()
    log["prediction"] = (log["score"] >= 0.5).astype(int)
    log["label"] = log["label"].where(log["prediction"] == 1)
    plain, narrow = audit(log, **NAMED), audit(log, **NAMED, assume="no-better-rejected")
    for group, rate in (("A", 61 / 120), ("B", 0.5)):
        assert of(narrow, "tpr", group).lower == pytest.approx(rate)  # the selection rate
        assert of(narrow, "fpr", group).upper == pytest.approx(rate)
        assert of(narrow, "fpr", group).lower == of(plain, "fpr", group).lower
        assert "assumed" in of(narrow, "tpr", group).reason
    assert "assumed" in narrow.verdict
    assert "assumed" not in plain.verdict
    with pytest.raises(InputError, match="assume better: use no-better-rejected"):
        audit(log, **NAMED, assume="better")


@pytest.mark.parametrize("weighted", [False, True])
def test_the_lowest_tenth_of_the_selected_narrows_bounds_more_and_holds_where_it_is_true(weighted):
    """Reference: (40, 10, 50) and q = .6 give TPR .571 and FPR .333; here q is the tenth's upper limit."""
    log = bank(rounds=1).assign(w=lambda rows: 1 + rows.index % 3)
    options = {**NAMED, "score": "score"} | ({"weight": "w"} if weighted else {})
    plain, some, more = (
        audit(log, **options, assume=name) for name in (None, "no-better-rejected", "no-better-than-lowest")
    )
    true = audit(log, **{**options, "label": "truth"})
    for metric in ("tpr", "fpr", "accuracy") + ("auc",) * (not weighted):
        for group in ("F", "M"):
            widths = [value.upper - value.lower for value in (of(one, metric, group) for one in (more, some, plain))]
            assert widths[0] < widths[1] < widths[2]
            value = of(more, metric, group)
            assert value.lower <= of(true, metric, group).value <= value.upper
    rows = log[(log["group"] == "F") & (log["prediction"] == 1)].sort_values("score")
    lowest = rows[rows["score"] <= rows["score"].iloc[-(-len(rows) // 10) - 1]]
    limit = float(wilson(lowest["truth"].mean(), len(lowest), 1.6448536).high)
    a, rejected = rows["truth"].sum(), ((log["group"] == "F") & (log["prediction"] == 0)).sum()
    assert weighted or of(more, "tpr", "F").lower == pytest.approx(a / (a + limit * rejected))
    assert "no better than the lowest tenth" in of(more, "tpr", "F").reason
    with pytest.raises(InputError, match="assume no-better-than-lowest: needs score"):
        audit(log, **NAMED, assume="no-better-than-lowest")


def test_the_reference_has_its_bounds():
    log = reference()
    log["prediction"] = (log["score"] >= 0.5).astype(int)
    found = audit(log.assign(label=log["label"].where(log["prediction"] == 1)), **NAMED, score="score")
    for metric, group, lower, upper in (
        ("tpr", "A", 0.385417, 1), ("fpr", "A", 0.289157, 1), ("accuracy", "A", 0.308333, 0.8),
        ("auc", "A", 0.205729, 0.865190), ("tpr", "B", 0.384615, 1), ("fpr", "B", 0.272727, 1),
        ("accuracy", "B", 0.3125, 0.8125), ("auc", "B", 0.236923, 0.895273), ("for", "A", 0, 1),
        ("equalized_odds", "difference", 0.000801, 0.727273),
    ):  # fmt: skip
        value = of(found, metric, group)
        assert (value.lower, value.upper) == pytest.approx((lower, upper), abs=6e-7)
    value = of(found, "auc", "A")
    assert 0 < value.low < value.lower < value.upper < value.high < 1
    assert of(found, "ppv", "A").value == pytest.approx(0.606557, abs=6e-7)
    assert (of(found, "ppv", "A").labelled, of(found, "ppv", "A").people) == (61, 61)
    assert (of(found, "tpr", "A").labelled, of(found, "tpr", "A").people) == (61, 120)


# Laws of all logs


@pytest.mark.parametrize("options", [{}, {"weight": "w"}, {"propensity": "e"}, {"score": "score"}], ids=str)
def test_the_order_of_rows_says_nothing(options):
    log = bank(people=400, explored=0.3).assign(w=lambda log: 1 + log.index % 3)
    one, other = (audit(part, **NAMED, **options) for part in (log, log.sample(frac=1, random_state=1)))
    keys = ["generation", "metric", "group"]
    tables = [found.table.drop(columns=["run"]).sort_values(keys, ignore_index=True) for found in (one, other)]
    pd.testing.assert_frame_equal(*tables)


@settings(max_examples=5)
@given(st.integers(0, 10_000), st.sampled_from([0.01, 10.0, 1e6]))
def test_the_unit_of_weights_says_nothing(seed, unit):
    log = bank(people=300, seed=seed, explored=0.3)
    log["w"] = np.random.default_rng(seed).gamma(1, size=len(log))
    for options in ({}, {"propensity": "e"}):
        found = [audit(log.assign(w=log["w"] * by), **NAMED, **options, weight="w", score="score") for by in (1, unit)]
        for metric in (*RATES, "auc", "brier", "score_ks"):
            for group in ("overall", "F", "difference"):
                if (metric, group) != ("score_ks", "difference"):
                    one, other = (of(each, metric, group) for each in found)
                    assert one[2:7] == pytest.approx(other[2:7], nan_ok=True, rel=1e-9, abs=1e-12)
                    assert one.status == other.status


FAIRLEARN = {
    "tpr": fl.true_positive_rate, "fpr": fl.false_positive_rate, "tnr": fl.true_negative_rate,
    "fnr": fl.false_negative_rate, "selection_rate": fl.selection_rate,
}  # fmt: skip


def random_logs(rounds: int, groups: int) -> pd.DataFrame:
    """Each pair of groups in a round is a random log, with its own size, rates, weights and missing labels."""
    rng = np.random.default_rng(0)
    cells = rounds * groups
    cell = np.repeat(np.arange(cells), rng.integers(10, 31, cells))
    base, chosen, known = (rng.uniform(low, 1, cells)[cell] for low in (0, 0, 0.4))
    draw = rng.random((4, len(cell)))
    truth = draw[0] < base
    return pd.DataFrame({
        "cell": cell, "round": cell // groups, "group": np.char.mod("g%03d", cell % groups), "truth": truth.astype(int),
        "label": np.where(draw[1] < known, truth, np.nan), "prediction": (draw[2] < chosen).astype(int),
        "score": np.floor(8 * draw[3]) / 8, "w": rng.integers(1, 4, len(cell)),
    })  # fmt: skip


def by_scikit_learn(rows: pd.DataFrame, cells: int) -> dict[str, np.ndarray]:
    """(C,) values of labelled rows of each cell. A cell and a label together are a class: one call has all cells.

    The precision and the recall of such a class are those of its label in its cell. AUC: the area
    under its rates at each of the eight scores.
    """
    cell, label, guess, weight = (rows[name].to_numpy() for name in ("cell", "truth", "prediction", "w"))
    classes = np.arange(2 * cells)

    def of_classes(score: Callable[..., Any], guessed: np.ndarray) -> np.ndarray:
        return score(2 * cell + label, 2 * cell + guessed, labels=classes, average=None, sample_weight=weight,
                     zero_division=np.nan).reshape(cells, 2).T  # fmt: skip

    tnr, tpr = of_classes(sk.recall_score, guess)
    npv, ppv = of_classes(sk.precision_score, guess)
    right = sk.recall_score(cell, np.where(label == guess, cell, cells), labels=np.arange(cells), average=None,
                            sample_weight=weight, zero_division=np.nan)  # fmt: skip
    score = rows["score"].to_numpy()
    at_each = [of_classes(sk.recall_score, (score >= at).astype(int)) for at in np.arange(9) / 8]
    specific, sensitive = np.stack(at_each, axis=1)
    brier = np.bincount(cell, weight * (score - label) ** 2, cells) / np.bincount(cell, weight, cells)
    return {
        "tpr": tpr, "fnr": 1 - tpr, "tnr": tnr, "fpr": 1 - tnr, "ppv": ppv, "fdr": 1 - ppv, "for": 1 - npv,
        "accuracy": right, "brier": brier, "auc": -np.trapezoid(sensitive, 1 - specific, axis=0),
    }  # fmt: skip


@pytest.mark.slow
def test_values_equal_those_of_other_libraries_on_2000_random_logs():
    """Unlabelled rows are dropped by each measure that needs labels; empty denominators are undefined.

    Measures that are bounded, because no selected or no rejected person of the group has a label, are left out.
    All measures of all logs are compared with scikit-learn's; of each log one measure of a group with fairlearn's own
    function, and of every tenth log AUC and Brier score with scikit-learn's own functions.
    """
    rounds, groups = 100, 40
    log = random_logs(rounds, groups)
    measured = audit(log, **NAMED, score="score", weight="w").measured
    every = {
        metric: np.concatenate([measured.reading(metric, place).estimate(0.05).value[1:] for place in range(rounds)])
        for metric in (*RATES, "auc", "brier", "selection_rate")
    }
    assert not measured.missing.by_decision.any()
    known = log[log["label"].notna()]
    for metric, expected in by_scikit_learn(known, rounds * groups).items():
        given = np.isfinite(every[metric])
        np.testing.assert_allclose(every[metric][given], expected[given], rtol=0, atol=1e-12, err_msg=metric)
        assert given.mean() > 0.75
    all_rows, labelled = dict(iter(log.groupby("cell"))), dict(iter(known.groupby("cell")))
    for cell in range(0, rounds * groups, 2):
        metric = [*FAIRLEARN][cell // 2 % len(FAIRLEARN)]
        rows = (all_rows if metric == "selection_rate" else labelled)[cell]
        if not np.isnan(every[metric][cell]):  # fairlearn says 0 of an empty denominator
            value = FAIRLEARN[metric](rows["truth"], rows["prediction"], sample_weight=rows["w"])
            assert every[metric][cell] == pytest.approx(value, abs=1e-12)
        if cell % 20 == 0 and rows["truth"].nunique() == 2:
            rows = labelled[cell]
            for metric, score in (("auc", sk.roc_auc_score), ("brier", sk.brier_score_loss)):
                value = score(rows["truth"], rows["score"], sample_weight=rows["w"])
                assert np.isnan(every[metric][cell]) or every[metric][cell] == pytest.approx(value, abs=1e-12)


# The command


@pytest.mark.slow
def test_the_command_takes_what_python_takes_and_each_names_its_own_options(tmp_path, capsys):
    log = bank(people=500, explored=0.3)
    log.to_parquet(tmp_path / "log.parquet")
    command = ("audit", tmp_path / "log.parquet", "--round", "round", "--label", "label", "--group", "group",
               "--prediction", "prediction", "--out", tmp_path / "out")  # fmt: skip
    assert here(*command, "--propensity", "e", "--score", "score", "--assume", "no-better-rejected") == 0
    assert "weighted" in capsys.readouterr().out
    table = pd.read_parquet(tmp_path / "out" / "table.parquet")
    assert {"lower", "upper", "labelled", "people", "status"} <= set(table.columns)
    assert set(table["status"]) == {"measured", "weighted"} | set(table["status"]) & {"bounded", "undefined"}
    assert here(*command, "--overwrite", "--fail-on", "equalized_odds_difference>0.9") == 1
    assert "not identified" in capsys.readouterr().err
    for flags, options, flag, name in (
        (("--threshold", "0.4"), {"threshold": 0.4}, "--threshold: ", "threshold: "),
        (("--propensity", "ee"), {"propensity": "ee"}, "--propensity: ", "propensity: "),
        (("--mature-after", "soon"), {"mature_after": "soon"}, "--mature-after soon", "mature_after soon"),
        (("--as-of", "2024-01-01"), {"as_of": "2024-01-01"}, "--as-of: needs --mature-after", "as_of: needs mature_"),
    ):
        assert here(*command, "--overwrite", *flags) == 2
        assert flag in capsys.readouterr().err
        with pytest.raises(InputError) as caught:
            audit(log, **NAMED, **options)
        assert name in str(caught.value)
        assert "--" not in str(caught.value)
