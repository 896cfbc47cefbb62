"""The gate of an audit: the laws of its verdicts, its reference rounds and groups, and the power that it states."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import isnan

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairloop import Audit, audit
from fairloop.auditing.gate import judging as gate
from fairloop.auditing.gate import power, verdicts
from fairloop.auditing.gate.limits import Limit, limit
from fairloop.auditing.log.rounds import Rounds
from fairloop.auditing.measures.measured import Measured
from fairloop.auditing.measures.references import FIRST, Reference, reference_round
from fairloop.auditing.measures.values import Measure
from fairloop.errors import InputError
from fairloop.metrics import extremes
from fairloop.metrics.intervals import Estimate, critical, wilson

BANK = {"round": "month", "label": "repaid", "prediction": "granted", "groups": "sex"}
MEASURES = (
    "accuracy", "tpr[g1]", "selection_rate", "tpr_difference", "equalized_odds_difference", "selection_rate_ratio",
    "equalized_odds_ratio", "ppv_min", "fpr_max",
)  # fmt: skip


def bank(rounds: int = 3, people: int = 600, seed: int = 0, loss: float = 0.0) -> pd.DataFrame:
    """A log with all labels; women lose `loss` of their true positive rate a round."""
    rng = np.random.default_rng(seed)
    months = np.repeat(np.arange(rounds), people)
    woman, good = rng.random(len(months)) < 0.4, rng.random(len(months)) < 0.5
    granted = rng.random(len(months)) < np.where(good, 0.7 - loss * months * woman, 0.2)
    return pd.DataFrame(
        {"month": [f"2023-{m + 1:02d}" for m in months], "sex": np.where(woman, "Female", "Male"),
         "repaid": good.astype(float), "granted": granted.astype(int)}
    )  # fmt: skip


def measured(counts: Sequence[object], **given: object) -> Measured:
    """Rounds of (R, S, 2, 2) labelled people by label and prediction, all labels known."""
    table = np.asarray(counts, np.int64)
    names = tuple(map(str, range(len(table))))
    groups = tuple(f"g{i}" for i in range(table.shape[1]))
    return Measured(Rounds(names, np.arange(len(table)), groups, ("0", "1"), "1", table, None, None, {}), **given)


def judged(found: Measured, *expressions: str, gate_round: object = None) -> list[gate.Result]:
    limits = [limit(one) for one in expressions]
    return gate.judge(found, limits, gate.check(found, limits, gate_round))


def of(found: Audit) -> dict[str, str]:
    return {str(one.limit): one.verdict for one in found.gate}


tables = st.lists(
    st.lists(st.lists(st.integers(1, 60), min_size=2, max_size=2), min_size=2, max_size=2), min_size=2, max_size=4
)


@settings(max_examples=40, deadline=None)
@given(tables, st.sampled_from(MEASURES), st.sampled_from((">", ">=", "<", "<=")), st.floats(0.01, 0.99))
def test_what_is_surely_kept_is_kept_and_what_is_kept_is_not_surely_broken(table, measure, sign, bound):
    found = measured([table])
    line = f"{sign}{bound:.3f}"
    upper, value, lower = judged(found, f"upper({measure}){line}", measure + line, f"lower({measure}){line}")
    order = ("FAIL", "PASS")
    assert order.index(upper.verdict) <= order.index(value.verdict) <= order.index(lower.verdict)
    held = float(line.lstrip("<>="))
    low, high = value.value.low, value.value.high
    assert low <= value.value.value <= high
    beyond = {">": held < low, ">=": held <= low, "<": held > high, "<=": held >= high}[sign]
    within = {">": high <= held, ">=": high < held, "<": low >= held, "<=": low > held}[sign]
    if min(abs(held - low), abs(held - high)) > 1e-8:
        assert (lower.verdict == "FAIL") == beyond
        assert (upper.verdict == "PASS") == within


def test_exact_ties_are_equal_to_the_limit():
    strict, wide = limit("selection_rate_ratio<0.8"), limit("selection_rate_ratio<=0.8")
    gap, wide_gap = limit("tpr_difference>0.1"), limit("tpr_difference>=0.1")
    shares = [(x, n) for n in range(1, 26) for x in range(1, n + 1)]
    missed = 0
    for (x, n), (y, m) in product(shares, shares):
        ratio, difference = (x / n) / (y / m), x / n - y / m
        tie = 5 * x * m == 4 * y * n
        missed += tie and ratio < 0.8
        assert strict.broken_by(ratio) == (5 * x * m < 4 * y * n)
        assert wide.broken_by(ratio) == (5 * x * m <= 4 * y * n)
        assert gap.broken_by(difference) == (10 * (x * m - y * n) > n * m)
        assert wide_gap.broken_by(difference) == (10 * (x * m - y * n) >= n * m)
    assert missed > 100  # floats alone call these broken
    (tie,) = judged(measured([[[[9, 4], [8, 4]], [[2, 1], [1, 1]]]]), "four_fifths")  # 8 of 25 against 2 of 5
    assert tie.verdict == "PASS"
    assert tie.reason == "it is on the limit, which keeps it"


def test_alpha_is_divided_among_lower_limits_alone():
    found = judged(
        measured([[[[90, 10], [20, 80]], [[90, 10], [40, 60]]]]),
        "lower(tpr[g1])<0.5", "lower(fpr)>0.5", "upper(tpr[g1])<0.5", "tpr[g1]<0.5",
    )  # fmt: skip
    assert [one.level for one in found] == pytest.approx([0.975, 0.975, 0.95, 0.95])
    assert {one.sided for one in found} == {2}
    for one, alpha in ((found[0], 0.025), (found[2], 0.05)):
        expected = wilson(0.6, 100, critical(alpha))
        assert [one.value.low, one.value.high] == pytest.approx([float(expected.low), float(expected.high)])


def test_nothing_passes_that_the_log_does_not_tell():
    log = bank()
    granted_only = log.assign(repaid=log["repaid"].where(log["granted"] == 1))
    limits = [f"{end}(equalized_odds_difference){line}" for end in ("lower", "upper") for line in (">0.1", "<0.1")]
    limits += ["equalized_odds_difference>0.1", "tpr[Female]<0.1", "demographic_parity_difference>0.9"]
    found = audit(granted_only, **BANK, fail_on=[*limits, "ppv_difference>0.9"])
    assert of(found) == {str(limit(one)): "UNDEFINED" for one in limits[:-1]} | {
        "demographic_parity_difference>0.9": "PASS", "ppv_difference>0.9": "PASS",
    }  # fmt: skip
    assert found.passed is False
    assert all("labels are known for no rejected person" in one.reason for one in found.gate[:6])
    assert found.finding.startswith("UNDEFINED: of 8 limits, 6 cannot be judged, 2 kept")
    assert "equalized_odds_difference>0.1: equalized_odds_difference is not identified" in "; ".join(found.failures)


def test_bounds_that_lie_beyond_a_limit_break_it_surely():
    log = bank()
    known = log["granted"].eq(1) | (np.arange(len(log)) % 50 > 0)  # nearly all of the rejected have a label, too
    log = log.assign(repaid=log["repaid"].where(known))
    log.loc[(log["month"] == "2023-03") & (log["granted"] == 0) & (log["sex"] == "Male"), "repaid"] = np.nan
    found = audit(log, **BANK, fail_on=["lower(tpr[Male])<0.99", "lower(tpr[Male])<0.05", "upper(tpr[Male])<0.05"])
    assert [one.value.status for one in found.gate] == ["bounded"] * 3
    assert [one.verdict for one in found.gate] == ["UNDEFINED", "PASS", "PASS"]
    assert {one.sided for one in found.gate} == {1}


def test_the_last_round_is_judged_unless_another_is_named():
    log = bank(loss=0.2)
    log["repaid"] = log["repaid"].where(log["month"] < "2023-03")
    limits = ["tpr[Female]<0.6", "selection_rate<0.9"]
    found = audit(log, **BANK, fail_on=limits)
    assert of(found) == {"tpr[Female]<0.6": "UNDEFINED", "selection_rate<0.9": "FAIL"}
    assert {one.round for one in found.gate} == {"2023-03"}
    assert "no label of this round is known" in found.gate[0].reason
    before = audit(log, **BANK, fail_on=limits, gate_round="last-labelled")
    assert of(before)["tpr[Female]<0.6"] == "FAIL"
    assert before.finding.endswith("(round 2023-02; the log's last round is 2023-03).")
    assert audit(log, **BANK, fail_on=limits, gate_round="2023-01").gate[0].verdict == "PASS"
    with pytest.raises(InputError, match=r"gate_round 2023-04: there is no such round; did you mean 2023-0"):
        audit(log, **BANK, fail_on=limits, gate_round="2023-04")


def test_immature_rounds_are_not_judged():
    log = bank()
    found = audit(log, **BANK, mature_after="45d", as_of="2023-04-01", fail_on=["tpr<0.1", "selection_rate<0.1"])
    assert of(found) == {"tpr<0.1": "UNDEFINED", "selection_rate<0.1": "PASS"}
    assert found.gate[0].value.status == "not mature"
    again = audit(log, **BANK, mature_after="45d", as_of="2023-04-01", fail_on="tpr<0.1", gate_round="last-labelled")
    assert again.gate[0].round == "2023-01"
    with pytest.raises(InputError, match="no round has labels that are mature"):
        audit(log, **BANK, mature_after="900d", as_of="2023-04-01", fail_on="tpr<0.1", gate_round="last-labelled")


def test_the_interval_of_a_ratio_is_donners_and_zous():
    def of_ratio(x: int, n: int, y: int, m: int) -> tuple[float, float]:
        table = [[[[n - x, x], [1, 1]], [[m - y, y], [1, 1]]]]
        value = measured(table).value(Measure("fpr", "ratio"), 0, 0.05)
        return value.low, value.high

    assert of_ratio(400, 1000, 300, 1000) == pytest.approx((0.6642, 0.8465), abs=1e-4)
    assert of_ratio(48, 80, 12, 40) == pytest.approx((0.2952, 0.7953), abs=1e-4)
    assert of_ratio(40, 100, 14, 50) == pytest.approx((0.4177, 1.0), abs=1e-4)  # a smallest ratio is at most 1


@pytest.mark.parametrize("part", ["ratio", "min", "max"])
@pytest.mark.parametrize("reference", [None, 0])
def test_intervals_of_extremes_cover(part, reference):
    rng = np.random.default_rng(1)
    truth, members = np.array([0.3, 0.42, 0.5, 0.5]), np.array([150, 300, 80, 200])
    ratios = np.minimum(truth / truth[0], truth[0] / truth)
    extreme = {"ratio": ratios.min() if reference == 0 else 0.6, "min": 0.3, "max": 0.5}[part]
    low_misses, high_misses, runs = 0, 0, 400
    for _ in range(runs):
        shares = rng.binomial(members, truth) / members
        ends = [lambda alpha, shares=shares: (wilson(shares, members, critical(alpha)),) * 2]
        low, high = extremes.interval(part, ends, 4, 0.05, reference)
        low_misses += low > extreme
        high_misses += high < extreme
    assert low_misses + high_misses <= 34  # of 400; at 5 % more come once in 300 times


@pytest.mark.parametrize("part", ["ratio", "min", "max"])
def test_many_groups_alike_are_not_taken_for_unequal(part):
    rng = np.random.default_rng(4)
    wrong, members = 0, np.full(12, 200)
    for _ in range(200):
        shares = rng.binomial(members, 0.4) / members
        ends = [lambda alpha, shares=shares: (wilson(shares, members, critical(alpha)),) * 2]
        low, high = extremes.interval(part, ends, 12, 0.05)
        wrong += {"ratio": high < 1, "min": high < 0.4, "max": low > 0.4}[part]
    assert wrong <= 20  # of 200; at 5 % more come once in 500 times


def test_a_reference_group_is_what_others_are_compared_with():
    found = measured([[[[9, 1], [2, 8]], [[8, 2], [4, 6]], [[5, 5], [1, 9]]]], reference_group="g1")
    rates = {"tpr": [0.8, 0.6, 0.9], "fpr": [0.1, 0.2, 0.5]}

    def value(name: str, **given: object) -> float:
        return found.value(limit(f"{name}>0").measure, 0, **given).value

    assert value("tpr_difference") == pytest.approx(0.3)
    assert value("fpr_difference") == pytest.approx(0.3)
    assert value("fpr_difference", extremes=True) == pytest.approx(0.4)
    assert value("tpr_ratio") == pytest.approx(0.6 / 0.9)
    assert value("fpr_ratio") == pytest.approx(0.2 / 0.5)
    assert value("fpr_ratio", extremes=True) == pytest.approx(0.2)
    assert value("equalized_odds_difference") == pytest.approx(0.3)
    assert value("tpr_min") == min(rates["tpr"])
    of_all = measured([[[[9, 1], [2, 8]], [[8, 2], [4, 6]], [[5, 5], [1, 9]]]])
    narrow, wide = (one.value(Measure("tpr", "difference"), 0, 0.05) for one in (found, of_all))
    assert narrow.low >= wide.low  # fewer pairs
    assert wide.value == pytest.approx(narrow.value)


@settings(max_examples=20, deadline=None)
@given(tables, st.data())
def test_distances_to_a_reference_are_the_largest_of_pairs(table, data):
    place = data.draw(st.integers(0, len(table) - 1))
    found = measured([table], reference_group=f"g{place}")
    rates = np.array([group[1][1] / sum(group[1]) for group in table])
    assert found.value(Measure("tpr", "difference"), 0).value == pytest.approx(np.abs(rates - rates[place]).max())
    ratios = np.minimum(rates / rates[place], rates[place] / rates)
    assert found.value(Measure("tpr", "ratio"), 0).value == pytest.approx(ratios.min())


def test_references_by_name_size_and_worth():
    log = bank()
    limits = ["tpr_difference>0.5", "four_fifths"]
    named = audit(log, **BANK, reference_group="Female", fail_on=limits)
    largest = audit(log, **BANK, reference_group="largest", fail_on=limits)
    best = audit(log, **BANK, reference_group="best", fail_on=limits)
    assert [one.gate[0].reference for one in (named, largest, best)] == ["Female", "Male", None]
    assert named.gate[0].words == "true positive rate, difference to Female"
    assert {one.gate[1].reference for one in (named, largest, best)} == {None}  # always the highest rate
    assert "rule of thumb" in named.gate[1].words
    assert len({round(one.gate[0].value.value, 12) for one in (named, largest, best)}) == 1  # of two groups
    assert "compare the other groups with Female" in str(named)
    with pytest.raises(InputError, match=r"reference_group Femal: .*'Female'"):
        audit(log, **BANK, reference_group="Femal")
    log.loc[log["sex"] == "Male", "repaid"] = 1.0
    log.loc[log.groupby(["month", "sex"]).head(3).index, "repaid"] = 0.0
    with pytest.raises(InputError, match="reference_group largest: min_size 20 leaves this group out"):
        audit(log, **BANK, reference_group="largest", min_size=20)


def test_drift_is_measured_from_the_reference_round():
    log = bank(rounds=5, loss=0.1)
    every = audit(log, **BANK).measured
    tpr = every.estimates(Measure("tpr", "Female"), 0.05 / 6)
    for wish, places in (("first", [0]), ("previous", [3]), ("2023-02", [1]), ("rolling(3)", [1, 2, 3])):
        found = {one.measure: one for one in audit(log, **BANK, reference=wish).group_drifts}[Measure("tpr", "Female")]
        before = tpr.value[places].mean()
        assert found.first == pytest.approx(before)
        assert found.change == pytest.approx(tpr.value[-1] - before)
        above = np.sqrt(((tpr.high[places] - tpr.value[places]) ** 2).sum()) / len(places)
        assert found.low == pytest.approx(found.change - np.hypot(tpr.value[-1] - tpr.low[-1], above))
    assert (
        reference_round(every.rounds.names, "rolling(1)").places
        == reference_round(every.rounds.names, "previous").places
    )
    assert "drift is measured from the mean of the 3 rounds before" in str(audit(log, **BANK, reference="rolling(3)"))
    for wish, words in (("2023-05", "last round itself"), ("rolling(5)", "4 rounds before"), ("frist", "first")):
        with pytest.raises(InputError, match=rf"reference {wish[:4]}.*{words}"):
            audit(log, **BANK, reference=wish)


def test_the_mean_of_rounds_covers():
    rng = np.random.default_rng(2)
    shares = rng.binomial(60, 0.3, size=(4, 2000)) / 60
    found = Reference((0, 1, 2, 3), "").of(wilson(shares, 60, critical(0.05)))
    covered = ((found.low <= 0.3) & (found.high >= 0.3)).mean()
    assert covered == pytest.approx(0.95, abs=0.02)
    assert FIRST.of(Estimate(shares, shares, shares)).value.tolist() == shares[0].tolist()


def test_the_stated_power_is_that_of_the_formulas():
    rounds, n = 6, 4000  # alike in every round
    half = [[n * 7 // 10 * 9 // 10, n * 7 // 10 // 10], [n * 3 // 10 * 3 // 10, n * 3 // 10 * 7 // 10]]
    found = measured([[half, half]] * rounds)
    drifts = verdicts.headline(found)
    stated = {str(one.measure): one for one in power.detectable(found, drifts, [], FIRST)}
    odds = stated["equalized_odds_difference"]
    own = np.sqrt(2 * 0.7 * 0.3 / (n * 0.3))  # of the difference of two true positive rates
    high = found.value(Measure("equalized_odds", "difference"), 0, 0.05).high
    reported = high / (2 * 1.96)  # its lower limit is 0 here
    assert odds.by_warning == pytest.approx(6.43 * reported, rel=0.01)
    assert odds.rounds == rounds
    rate = stated["tpr"]
    error = np.sqrt(0.7 * 0.3 / (2 * n * 0.3))
    assert rate.by_verdict == pytest.approx((critical(0.05 / 7) + 0.842) * error * 2**0.5, rel=0.01)
    assert rate.by_verdict < own * 5.16
    named = power.detectable(found, drifts, [limit("tpr<0.5"), limit("lower(tpr)<0.5")], FIRST)
    assert named[2].by_warning > rate.by_warning * 0.99  # one line more is watched, from either end
    short = power.detectable(measured([np.array([half, half]) // 80] * 3), drifts, [], FIRST)
    assert all(isnan(one.by_warning) for one in short)  # 69 errors are more than 1
    few = power.detectable(measured([[half, half]] * 2), drifts, [], FIRST)
    assert all(isnan(one.by_warning) and one.by_verdict > 0 for one in few if not one.measure.is_difference)


def test_a_drift_of_the_stated_size_is_mostly_said():
    rng = np.random.default_rng(3)
    people, base = 2000, 1000

    def rounds(tpr: Sequence[float]) -> Measured:
        hits = rng.binomial(base, np.array(tpr)[:, None] * np.ones(2))
        alarms = rng.binomial(people - base, 0.1, size=hits.shape)
        table = [[people - base - alarms, alarms], [base - hits, hits]]
        return measured(np.moveaxis(np.array(table), (0, 1), (2, 3)))

    first = rounds([0.7, 0.7])
    drift = power.detectable(first, verdicts.headline(first), [], FIRST)[2].by_verdict
    said = sum(verdicts.headline(rounds([0.7, 0.7 - drift]))[2].verdict == "fell" for _ in range(60))
    assert 38 <= said <= 57  # of 60, at 80 %: fewer or more come once in 500 times


WRONG = {
    "lowr(tpr)<0.5": r"there is no lowr\(\); did you mean lower\(\)\?",
    "mean(tpr)<0.5": r"there are lower\(\) and upper\(\)",
    "lower(tpr<0.5": "write a measure",
    "tpr<nan": "write a measure",
    "tpr<inf": "write a measure",
    "tpr<0.5 or more": "write a measure",
    "tprr<0.5": "did you mean .*tpr",
    "four_fifth": "write a measure",
    "four_fifths<0.9": "has its own limit",
    "upper(tpr[Femal])<0.5": "did you mean 'Female'",
    "lower(count)<5": r"count has no interval; limit its value, without lower\(\)",
    "lower(tpr_difference[Male])<5": "leave out",
}


@pytest.mark.parametrize("expression", WRONG)
def test_wrong_limits_are_explained(expression):
    with pytest.raises(InputError, match=WRONG[expression]) as caught:
        audit(bank(), **BANK, fail_on=expression)
    assert str(caught.value).startswith(f"fail_on {expression!r}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["tpr<0.5", "lower(tpr[a] [b])>=0.25", "upper(equalized_odds_difference)<=0.123456789"]
)
def test_limits_are_written_as_they_are_read(text):
    assert str(limit(text)) == text
    assert limit(str(limit(text))) == limit(text)


def test_a_limit_is_a_line_whatever_end_is_compared():
    found = measured([[[[9, 1], [2, 8]], [[8, 2], [4, 6]]]] * 3)
    lines = [limit(one) for one in ("equalized_odds_difference>0.1", "upper(equalized_odds_difference)>0.1")]
    assert verdicts.watched(found, lines) == [lines[0], *verdicts.WATCHED[:2]]
    assert isinstance(lines[0], Limit)
