"""Labels with known chances, labels that come late, scores in flat memory, and labels that are numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk

from fairloop import audit
from fairloop.auditing.log import score_counts as cells
from fairloop.auditing.measures.values import Measure
from fairloop.errors import InputError
from test_audit_labels import NAMED, bank, of
from test_log_weights import reference

# Propensities


def test_the_reference_has_its_weighted_values():
    log = reference()
    log["prediction"] = (log["score"] >= 0.5).astype(int)
    explored = (log["prediction"] == 0) & (log.index % 7 == 0)
    log["e"] = np.where(log["prediction"] == 1, 1, 1 / 7)
    log["label"] = log["label"].where((log["prediction"] == 1) | explored)
    found = audit(log, **NAMED, propensity="e")
    for metric, group, expected in (
        ("tpr", "A", (0.652941, 0.461583, 0.848479)), ("fpr", "A", (0.378947, 0.257790, 0.570198)),
        ("tpr", "B", (0.609756, 0.403971, 0.853139)), ("fpr", "B", (0.384615, 0.231971, 0.653691)),
    ):  # fmt: skip
        assert of(found, metric, group)[2:5] == pytest.approx(expected, abs=6e-7)
        assert of(found, metric, group).status == "weighted"
    assert of(found, "accuracy", "A").value == pytest.approx(0.637097, abs=6e-7)
    assert of(found, "for", "A").value == pytest.approx(1 / 3)
    assert of(found, "ppv", "A").status == "measured"
    refused = of(audit(log.assign(w=1), **NAMED, propensity="e", weight="w"), "tpr", "A")
    assert refused.status == "bounded"  # interval 1 needs five explored people
    assert "explored people with a label" in refused.reason
    allowed = of(audit(log.assign(w=1), **NAMED, propensity="e", weight="w"), "fpr", "A")
    assert allowed[2:5] == pytest.approx((0.363636, 0.193600, 0.576288), abs=6e-7)


@pytest.mark.slow
@pytest.mark.parametrize("varying", [False, True], ids=["one chance", "several"])
def test_weighted_intervals_cover_the_truth(varying):
    """100 independent logs, as 100 rounds; at 95 % fewer than 88 of them cover once in 500 times for one measure."""
    rng, rounds, n = np.random.default_rng(3), 100, 2000
    size = rounds * n
    selected = rng.random(size) < 0.3
    label = rng.random(size) < np.where(selected, 0.8, 0.3)
    e = np.where(selected, 1.0, np.where(rng.random(size) < 0.5, 0.3, 0.1) if varying else 0.15)
    log = pd.DataFrame({
        "round": np.repeat(np.arange(rounds), n), "group": "all", "prediction": selected.astype(int), "e": e,
        "label": np.where(rng.random(size) < e, label, np.nan),
    })  # fmt: skip
    measured = audit(log, **NAMED, propensity="e").measured
    truth = {"tpr": 0.24 / 0.45, "fpr": 0.06 / 0.55, "accuracy": 0.73, "for": 0.3}
    for metric, true in truth.items():
        values = measured.values(Measure(metric, "all"))
        assert {value.status for value in values} == {"weighted"}
        assert sum(value.low <= true <= value.high for value in values) >= 0.88 * rounds
    naive = measured.rates  # without propensities
    assert np.mean([rates["tpr"].overall for rates in naive]) > 0.85


def test_propensities_that_cannot_be_are_refused():
    log = bank(rounds=1, explored=0.2)
    labelled = log["label"].notna()
    for wrong, words in (
        (log["e"].where(~labelled), "no propensity in"), (log["e"] * 2, "from 0 to 1"),
        (log["e"].where(~labelled, 0), "more than 0"), (log["e"].where(labelled, -0.5), "from 0 to 1"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=words) as caught:
            audit(log.assign(e=wrong), **NAMED, propensity="e")
        assert str(caught.value).startswith("propensity: ")


def test_propensities_that_the_labels_refute_are_not_used():
    log = bank(rounds=1, explored=0.2)
    for wrong, words in (
        (log["e"].where(log["prediction"] == 1, 0.1), "do not come at the rate"),
        (log["e"].where((log["prediction"] == 1) | log["label"].notna() | (log.index % 50 > 0), 1.0), "propensity 1"),
        (log["e"].where((log["prediction"] == 1) | log["label"].notna() | (log.index % 50 > 0), 0.0), "propensity 0"),
    ):
        value = of(audit(log.assign(e=wrong), **NAMED, propensity="e"), "tpr", "F")
        assert value.status == "bounded"
        assert words in value.reason
    assert of(audit(log, **NAMED, propensity="e"), "tpr", "F").status == "weighted"


# Labels that come late


def loans(seed: int = 0) -> pd.DataFrame:
    """Loans of 360 days: 10 % default, evenly over the term; others repay at its end, or early (20 %, evenly)."""
    rng = np.random.default_rng(seed)
    n = 24 * 600
    decided = np.datetime64("2022-01-01") + np.sort(rng.integers(0, 730, n)).astype("timedelta64[D]")
    bad = rng.random(n) < 0.1
    early = rng.random(n) < 0.2
    days = np.where(bad | early, rng.integers(1, 360, n), 360)
    observed = decided + days.astype("timedelta64[D]")
    today = np.datetime64("2024-01-01")
    known = observed <= today
    return pd.DataFrame({
        "round": pd.Series(decided).dt.strftime("%Y-%m"), "decided": decided, "group": rng.choice(["a", "b"], n),
        "observed": pd.Series(observed).where(known), "label": pd.Series(1 - bad.astype(float)).where(known),
        "prediction": 1,
    })  # fmt: skip


def test_young_rounds_are_not_mature_and_old_ones_are_not_biased():
    log = loans()
    found = audit(log, **NAMED, mature_after="360d", as_of="2024-01-01")
    young = {value.round for value in found.measured.values(Measure("ppv")) if value.status == "not mature"}
    names = found.measured.rounds.names
    assert {names[place] for place in young} == {name for name in names if name > "2022-12"}
    for place in range(12):
        assert of(found, "ppv", place=place).low <= 0.9 <= of(found, "ppv", place=place).high
    assert of(found, "selection_rate").status == "measured"
    assert of(found, "selection_rate").value == 1
    naive = audit(log, **NAMED)
    assert naive.measured.rates[-2]["ppv"].overall < 0.8  # early labels are bad news
    assert "seen as of 2024-01-01; a round is mature" in " ".join(found.verdict.split())
    assert "Not yet mature, their labels may still come: rounds 2023-01; 2023-02" in " ".join(found.verdict.split())
    (failure,) = audit(log, **NAMED, mature_after="360d", as_of="2024-01-01", fail_on=["ppv<0"]).failures
    assert failure == "ppv<0: ppv is not mature in round 2023-12 (its labels may still come)"


def test_a_rounds_age_is_that_of_its_youngest_decision_and_today_is_the_logs_latest_date():
    log = pd.DataFrame({
        "round": [0, 0, 1, 1], "label": [1, 0, 1, 0], "prediction": [1, 0, 0, 1], "group": list("abab"),
        "decided": ["2024-01-01", "2024-01-31", "2024-02-01", "2024-03-01"],
        "observed": ["2024-01-02", "2024-05-01", "2024-02-02", "2024-03-02"],
    })  # fmt: skip
    for dates in (log["decided"], pd.to_datetime(log["decided"]), pd.to_datetime(log["decided"]).dt.date):
        for window, expected in (
            ("91d", [False, True]),
            ("92d", [True, True]),
            ("13w", [False, True]),
            (61, [False] * 2),
        ):
            found = audit(log.assign(decided=dates), **NAMED, decided_at="decided", observed_at="observed",
                          mature_after=window)  # fmt: skip
            assert found.measured.rounds.immature.tolist() == expected
            assert "seen as of 2024-05-01, the log's latest date" in " ".join(found.verdict.split())
    late = audit(log, **NAMED, decided_at="decided", observed_at="observed", mature_after="90d")
    assert late.measured.rounds.dates.late == 1  # 91 days: no label within the window
    assert late.measured.rounds.labelled.sum() == 3
    seen = audit(log, **NAMED, observed_at="observed", as_of="2024-02-29")
    assert seen.measured.rounds.labelled.sum() == 2
    assert of(seen, "selection_rate").labelled == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mature_after": "3 moons"}, "mature_after 3 moons: is no time"),
        ({"mature_after": "90d"}, "decided_at"),
        ({"mature_after": "90d", "decided_at": "word"}, "which is not a date"),
        ({"mature_after": "90d", "decided_at": "number"}, "not dates"),
        ({"mature_after": "90d", "decided_at": "gap"}, "no date in 1 rows"),
        ({"decided_at": "day"}, "decided_at: needs mature_after"),
        ({"as_of": "2024-01-01"}, "as_of: is for"),
        ({"observed_at": "day", "as_of": "soon"}, "as_of soon: is not a date"),
    ],
)
def test_dates_that_cannot_be_are_explained(options, words):
    log = pd.DataFrame({
        "round": [0, 1], "label": [1, 0], "prediction": [1, 0], "group": ["a", "a"], "day": ["2024-01-01"] * 2,
        "gap": ["2024-01-01", None], "word": ["a", "b"], "number": [1, 2],
    })  # fmt: skip
    with pytest.raises(InputError, match=words) as caught:
        audit(log, **NAMED, **options)
    assert "\n" not in str(caught.value)
    assert "--" not in str(caught.value)


# Scores


@settings(max_examples=6)
@given(st.integers(0, 1000))
def test_scores_in_bins_are_as_far_off_as_they_may_be(seed):
    log = bank(rounds=2, people=1500, seed=seed)
    log["score"] = np.random.default_rng(seed).beta(2, 2, len(log))
    exact = audit(log, **{**NAMED, "label": "truth"}, score="score").measured
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cells, "MOST_CELLS", 1000)
        coarse, again = (
            audit(part, **{**NAMED, "label": "truth"}, score="score").measured
            for part in (log, log.sample(frac=1, random_state=seed))
        )
    width = coarse.rounds.scores.cells.width
    assert 0 < width == again.rounds.scores.cells.width
    assert len(coarse.rounds.scores.cells.keys) <= 1000
    for group in ("overall", "F"):
        one, other, third = ([each.value(Measure(m, group), 1).value for m in ("auc", "brier", "score_ks", "score_mean",
                              "calibration_error")] for each in (exact, coarse, again))  # fmt: skip
        assert other == pytest.approx(third, nan_ok=True)
        assert abs(one[0] - other[0]) <= coarse.scores[1]._auc(coarse.scores[1].parts[0])(0.05)[2] + width
        assert one[1] - width**2 / 4 - 1e-12 <= other[1] <= one[1] + 1e-12
        assert abs(one[0] - other[0]) < width
        assert one[3:] == pytest.approx(other[3:], abs=1e-9)


def test_scores_with_and_without_predictions_of_any_width_give_the_same(tmp_path):
    log = reference()
    log["prediction"] = (log["score"] >= 0.5).astype(int)
    log.to_csv(tmp_path / "log.csv", index=False)
    forms = [log, log.astype({"score": "float32"}), tmp_path / "log.csv"]
    expected = {("auc", "A"): 0.655692, ("auc", "B"): 0.716530, ("brier", "A"): 0.256696, ("brier", "B"): 0.2268,
                ("calibration_error", "A"): 0.010113, ("calibration_error", "B"): -0.016901,
                ("score_ks", "B"): 0.075, ("score_wasserstein", "B"): 0.036333}  # fmt: skip
    for form in forms:
        for prediction in ("prediction", None):
            found = audit(form, **{**NAMED, "prediction": prediction}, score="score")
            for (metric, group), value in expected.items():
                assert of(found, metric, group).value == pytest.approx(value, abs=6e-7)
            assert of(found, "auc", "A")[3:5] == pytest.approx((0.551504, 0.746788), abs=2e-6)
            assert "two samples of one distribution" in of(found, "score_ks", "B").reason


def test_curves_and_distributions_of_scores_are_tables(tmp_path):
    log = bank(rounds=2)
    found = audit(log, **NAMED, score="score")
    curve, spread = found.reliability, found.scores
    assert set(curve["group"]) == set(spread["group"]) == {"overall", "F", "M"}
    above = curve[(curve["from"] >= 0.6) & (curve["group"] == "F")]
    assert above["observed"].notna().all()  # the selected: identified
    below = curve[(curve["to"] <= 0.5) & (curve["group"] == "F")]
    assert below["observed"].isna().all()
    assert (below["lower"] == 0).all()
    assert (below["upper"] == 1).all()
    first = log[(log["round"] == 0) & (log["group"] == "F") & (log["score"] >= 0.6) & (log["score"] < 0.7)]
    row = curve[(curve["round"] == "0") & (curve["group"] == "F") & (curve["from"] == 0.6)].iloc[0]
    assert row["observed"] == pytest.approx(first["label"].mean())
    assert row["score"] == pytest.approx(first["score"].mean())
    assert row["labelled"] == row["people"] == len(first)
    women = log[(log["round"] == 1) & (log["group"] == "F")]["score"]
    row = spread[(spread["round"] == "1") & (spread["group"] == "F")].iloc[0]
    assert row["q50"] == pytest.approx(women.quantile(0.5, interpolation="inverted_cdf"))
    others = log[(log["round"] == 1) & (log["group"] == found.measured.reference_group)]["score"]
    assert row["ks"] == pytest.approx(stats.ks_2samp(women, others).statistic)
    assert row["wasserstein"] == pytest.approx(stats.wasserstein_distance(women, others))
    found.write(tmp_path)
    assert {"reliability.csv", "scores.csv"} <= {path.name for path in tmp_path.iterdir()}


# Numbers


def test_errors_of_numbers_equal_those_of_other_libraries():
    rng = np.random.default_rng(0)
    log = pd.DataFrame({"round": rng.integers(0, 3, 900), "group": rng.choice(["a", "b"], 900),
                        "label": rng.normal(50, 9, 900), "w": rng.integers(1, 5, 900)})  # fmt: skip
    log["prediction"] = log["label"] + rng.normal(np.where(log["group"] == "a", 1, 0), 3)
    full = log.copy()
    log.loc[rng.random(900) < 0.2, "label"] = np.nan
    plain, heavy = (audit(log, **NAMED, regression=True, weight=w) for w in (None, "w"))
    for place, rows in log.dropna().groupby("round"):
        for group in ("a", "b"):
            part = rows[rows["group"] == group]
            error = part["prediction"] - part["label"]
            interval = stats.t.interval(0.95, len(part) - 1, error.mean(), stats.sem(error))
            value = of(plain, "mean_error", group, place)
            assert value[2:5] == pytest.approx((error.mean(), *interval))
            assert value.labelled == len(part) < value.people
            for found, weights in ((plain, None), (heavy, part["w"])):
                expected = sk.mean_absolute_error(part["label"], part["prediction"], sample_weight=weights)
                assert of(found, "mean_absolute_error", group, place).value == pytest.approx(expected)
    values = [of(plain, "mean_error", group, 2).value for group in ("a", "b")]
    assert of(plain, "mean_error", "difference", 2).value == pytest.approx(abs(values[0] - values[1]))
    assert "mean_error" in plain.verdict
    assert "tpr" not in plain.verdict
    gone = full.assign(label=full["label"].where(full["prediction"] > 50))
    value = of(audit(gone, **NAMED, regression=True), "mean_error")
    assert (value.status, value.labelled) == ("undefined", int((gone[gone["round"] == 2]["label"].notna()).sum()))
    assert "a missing label may be any number" in value.reason
    with pytest.raises(InputError, match=r"fail_on 'tpr<0\.5': tpr needs labels that are not numbers"):
        audit(log, **NAMED, regression=True, fail_on=["tpr<0.5"])


# Many groups


def groups(people: list[int], selected: list[int]) -> pd.DataFrame:
    rows = [(f"g{i}", k < x) for i, (n, x) in enumerate(zip(people, selected, strict=True)) for k in range(n)]
    log = pd.DataFrame(rows, columns=["group", "prediction"]).astype({"prediction": int})
    return log.assign(round=0, label=np.arange(len(log)) % 2)


def test_each_group_is_compared_with_the_rest():
    found = audit(groups([1000, 400, 200, 100, 50, 50], [300, 140, 50, 38, 8, 21]), **NAMED)
    rates = [one for one in found.apart if one.measure.metric == "selection_rate"]
    assert [one.difference for one in rates] == pytest.approx(
        [-0.021250, 0.052143, -0.066875, 0.074706, -0.153714, 0.113714], abs=6e-7
    )
    assert [one.too_small for one in rates] == [False] * 4 + [True, False]  # 8 hits
    assert [one.p for one in rates[:3]] == pytest.approx([0.33249, 0.23318, 0.23318], abs=2e-5)  # Holm over five
    assert "none differs more than chance explains" in found.verdict
    assert "too small to tell in selection_rate: g4" in found.verdict
    other = audit(groups([1000, 1000, 1000], [300, 300, 450]), **NAMED)
    (line,) = [line for line in other.verdict.splitlines() if "selection_rate[g2]" in line]
    assert line.startswith("  selection_rate[g2] +0.150 [+0.1")
    two = audit(groups([1000, 1000], [300, 450]), **NAMED)
    assert "against all the others" not in two.verdict
    lines = ["Each group", "selection_rate[g1]"]
    assert all(line in other.verdict for line in lines)
