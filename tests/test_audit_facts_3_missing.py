"""Section 3 of the audit's facts, tests of missing labels: against other implementations, and their level."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from audit_data import GROUPS, OF_EXPLORED, OF_SELECTED, SCORES, SELECTED
from fairloop.auditing.measures.missing import missing as how_labels_are_missing
from fairloop.metrics import missing
from fairloop.metrics.missing import (
    by_decision,
    by_group,
    by_score,
    by_score_bins,
    depends,
    given_stratum,
    holm,
    pearson,
)

KNOWN = ~np.isnan(OF_EXPLORED)
COUNTS = missing.label_counts(KNOWN, SELECTED, GROUPS, 2)


def test_the_data():
    assert COUNTS.tolist() == [[[50, 9], [0, 61]], [[35, 5], [0, 40]]]
    assert by_decision(COUNTS).statistic == pytest.approx(149.317303, abs=1e-6)
    assert by_group(COUNTS) == pytest.approx((0.085251, 0.770303), abs=1e-6)
    assert not missing.known_for_selected_only(COUNTS)
    assert missing.known_for_selected_only(missing.label_counts(~np.isnan(OF_SELECTED), SELECTED, GROUPS, 2))
    assert by_score(KNOWN, SCORES).p < 1e-9
    assert by_score_bins(KNOWN, SCORES).p < 1e-9


@given(st.lists(st.lists(st.integers(0, 30), min_size=3, max_size=3), min_size=2, max_size=4))
def test_pearson_is_scipys(table):
    counts = np.array(table)
    kept = counts[counts.any(axis=1)][:, counts.any(axis=0)]
    found = pearson(counts)
    if min(kept.shape) < 2:
        assert np.isnan(found).all()
    else:
        expected = stats.chi2_contingency(kept, correction=False)
        assert found == pytest.approx((expected.statistic, expected.pvalue), rel=1e-9, abs=1e-12)


@given(st.lists(st.integers(0, 30), min_size=4, max_size=4))
def test_one_group_makes_the_test_given_the_group_pearsons_but_for_a_factor(table):
    counts = np.array(table).reshape(1, 2, 2)
    found, plain = by_decision(counts), pearson(counts[0])
    n = counts.sum()
    assert found.statistic == pytest.approx(plain.statistic * (n - 1) / n if n else np.nan, nan_ok=True)


def test_the_test_given_the_group_adds_evidence_up():
    one = np.array([[[30, 10], [12, 30]]])
    n, m = 82, 40
    expected = 2 * (30 - 42 * m / n) / np.sqrt(2 * (42 * 40 * m * (n - m)) / (n**2 * (n - 1)))
    assert by_decision(np.concatenate([one, one])).statistic == pytest.approx(expected**2)
    opposite = np.concatenate([one, one[:, ::-1]])
    assert by_decision(opposite).statistic == pytest.approx(0)
    assert by_decision(np.concatenate([one, np.zeros((1, 2, 2), int)])) == by_decision(one)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=40))
def test_ranks_are_compared_as_scipy_does(rows):
    known, scores = (np.array(column) for column in zip(*rows, strict=True))
    found = by_score(known, scores)
    if known.all() or not known.any() or len(set(scores)) == 1:
        assert np.isnan(found.p)
    else:
        expected = stats.mannwhitneyu(scores[known], scores[~known], method="asymptotic", use_continuity=False)
        assert found.p == pytest.approx(expected.pvalue)


@given(st.lists(st.lists(st.integers(0, 12), min_size=4, max_size=4), min_size=2, max_size=5))
def test_of_two_columns_the_test_given_the_stratum_is_cochrans_mantels_and_haenszels(strata):
    tables = np.array(strata).reshape(-1, 2, 2)
    found, expected = given_stratum(tables), by_decision(tables)
    assert found == pytest.approx(expected, nan_ok=True, abs=1e-9)


@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(2, 5))
def test_the_test_given_the_stratum_counts_known_rows_against_those_expected(seed, strata, columns):
    """Against a solution without the last column, which the others tell, one stratum and one pair at a time."""
    tables = np.random.default_rng(seed).integers(1, 9, (strata, columns, 2))
    excess, covariance = np.zeros(columns - 1), np.zeros((columns - 1, columns - 1))
    for table in tables.astype(float):
        n, m, of = table.sum(), table[:, 1].sum(), table.sum(axis=1)
        excess += (table[:, 1] - of * m / n)[:-1]
        for i in range(columns - 1):
            for j in range(columns - 1):
                covariance[i, j] += m * (n - m) / (n**2 * (n - 1)) * of[i] * ((i == j) * n - of[j])
    statistic = excess @ np.linalg.solve(covariance, excess)
    assert given_stratum(tables) == pytest.approx((statistic, stats.chi2.sf(statistic, columns - 1)), rel=1e-6)
    order = np.random.default_rng(seed).permutation(columns)
    assert given_stratum(tables[::-1, order]).p == pytest.approx(given_stratum(tables).p, rel=1e-6)
    assert missing.gap_given_stratum(tables[:1]) == pytest.approx(missing.gap(tables[0, :, 1], tables[0].sum(axis=1)))
    assert given_stratum(tables[:1]) == pearson(tables[0])


def small_rounds(rng: np.random.Generator, rounds: int, known: tuple[float, float]) -> SimpleNamespace:
    """Rounds of about 24 people in two groups; `known`: the chance of a label for rejected and selected people."""
    rate = rng.uniform(0.6, 1.2, rounds)[:, None, None] * np.array(known)
    people = rng.poisson([[8.0, 4.0], [7.0, 5.0]], (rounds, 2, 2)) + 1  # by group, decision
    labelled = rng.binomial(people, rate)
    n = np.zeros((rounds, 2, 3, 2), int)
    n[:, :, 0], n[:, :, 2] = labelled, people - labelled
    return SimpleNamespace(cells={"n": n}, immature=np.zeros(rounds, bool), groups=("a", "b"), scores=None)


def test_small_rounds_hide_what_they_show_together():
    rng = np.random.default_rng(0)
    alone, together = [], []
    for _ in range(40):
        found = how_labels_are_missing(small_rounds(rng, 24, (0.45, 0.7)))
        alone.append(found.depends.any())
        together.append(found.throughout[0])
        assert not together[-1] or (found.by_decision == found.partly).all()
    assert np.mean(alone) < 0.3
    assert np.mean(together) > 0.95


@pytest.mark.slow
def test_all_tests_together_keep_their_level_in_small_rounds():
    """Labels missing at random, at a rate of its own in each round: any finding in at most 5 % of logs."""
    rng = np.random.default_rng(1)
    found = [how_labels_are_missing(small_rounds(rng, 12, (0.6, 0.6))) for _ in range(120)]
    assert np.mean([one.throughout.any() or one.depends.any() for one in found]) < 0.11  # 1 in 500 at 5 %
    raw = [given_stratum(small_rounds_tables(rng)).p <= 0.05 for _ in range(800)]
    assert np.mean(raw) == pytest.approx(0.05, abs=0.023)  # three standard errors


def small_rounds_tables(rng: np.random.Generator) -> np.ndarray:
    """(24, 2, 2) of rounds in two groups."""
    n = small_rounds(rng, 12, (0.6, 0.6)).cells["n"]
    return np.stack([n[:, :, 2], n[:, :, 0]], axis=3).reshape(24, 2, 2)


def test_a_round_that_shows_it_alone_does_not_speak_for_the_others():
    rng = np.random.default_rng(2)
    log = small_rounds(rng, 12, (0.6, 0.6))
    log.cells["n"][3, :, 0], log.cells["n"][3, :, 2] = [[0, 40], [0, 40]], [[90, 0], [80, 0]]
    found = how_labels_are_missing(log)
    assert np.flatnonzero(found.by_decision).tolist() == [3]
    assert not found.throughout.any()


def test_bins_of_scores_have_equal_counts_and_find_any_dependence():
    scores = np.random.default_rng(0).permutation(1000) / 999
    known = np.abs(scores - 0.5) < 0.25
    assert by_score_bins(known, scores).p < 1e-9
    assert by_score(known, scores).p > 0.05
    assert by_score_bins(known, scores) == pearson(
        [np.bincount(known[part], minlength=2) for part in np.argsort(scores).reshape(10, 100)]
    )
    assert np.isnan(by_score_bins(known, np.zeros(1000)).p)


@given(st.lists(st.floats(0, 1) | st.just(float("nan")), max_size=12), st.floats(0.001, 0.5))
def test_holm_rejects_step_by_step(p, alpha):
    adjusted = holm(p)
    order = sorted((value, i) for i, value in enumerate(p) if not np.isnan(value))
    rejecting = True
    for place, (value, i) in enumerate(order):
        scaled = value * (len(order) - place)
        rejecting = rejecting and scaled <= alpha
        assert (adjusted[i] <= alpha) == rejecting
    assert np.isnan(adjusted).tolist() == np.isnan(p).tolist()


def test_holm_keeps_the_shape_of_a_family():
    assert holm([[0.01, np.nan], [0.04, 0.03]])[0, 0] == pytest.approx(0.03)


def test_a_warning_takes_evidence_and_a_gap():
    assert depends([0.05, 0.0501, 0.0, np.nan], [0.01, 0.5, 0.0099, 0.5]).tolist() == [True, False, False, False]
    assert depends([0.0], [0.95 - 0.94]).tolist() == [True]  # .0100000000000000009 or a little less
    assert missing.gap([61, 9, 0], [61, 59, 0]) == pytest.approx(50 / 59)
    assert missing.gap([0], [0]) == 0


def test_what_could_have_been_missed_is_half_of_newcombes_interval():
    # Newcombe (1998), table II, method 10: 56/70 less 48/80.
    assert missing.could_be_missed([56, 48], [70, 80]) == pytest.approx((0.3339 - 0.0524) / 2, abs=1e-4)


def logs(rng: np.random.Generator, n: int, groups: int, varied: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows whose labels are missing at random within each group; `varied`: groups differ in both rates."""
    codes = rng.integers(groups, size=n)
    selection, labelled = (np.linspace(0.1, 0.9, groups) if varied else np.full(groups, rate) for rate in (0.3, 0.8))
    return rng.random(n) < labelled[codes], rng.random(n) < selection[codes], codes


@pytest.mark.parametrize(("n", "groups"), [(200, 4), (1000, 4), (3000, 20)])
def test_only_the_test_given_the_group_keeps_its_level(n, groups):
    # Facts: pooled rejects 32 % (n = 200, 4 groups) to 100 %, given the group .053, .047, .050.
    rng = np.random.default_rng(n)
    found = [missing.label_counts(*logs(rng, n, groups, True), groups) for _ in range(600)]
    given_group = np.mean([by_decision(counts).p <= 0.05 for counts in found])
    pooled = np.mean([pearson(counts.sum(axis=0)).p <= 0.05 for counts in found])
    assert given_group == pytest.approx(0.05, abs=0.025)
    assert pooled > 0.3


def test_tests_of_group_and_score_keep_their_level():
    rng = np.random.default_rng(0)
    rejected = []
    for _ in range(500):
        known, selected, codes = logs(rng, 250, 50, False)
        scores = rng.integers(100, size=250)
        counts = missing.label_counts(known, selected, codes, 50)
        rejected.append([by_group(counts).p, by_score(known, scores).p, by_score_bins(known, scores).p])
    assert np.mean(np.array(rejected) <= 0.05, axis=0) == pytest.approx([0.05] * 3, abs=0.025)


def test_pearson_keeps_its_level_where_corrected_tests_are_shy():
    # Facts for n = 50, half of the labels missing: .052, .023, .025.
    rng = np.random.default_rng(0)
    drawn = (rng.random((2000, 50)) < 0.3) * 2 + (rng.random((2000, 50)) < 0.5)
    tables, often = np.unique([np.bincount(one, minlength=4) for one in drawn], axis=0, return_counts=True)
    a, b, c, d = tables.T.astype(float)
    margins = (a + b) * (c + d) * (a + c) * (b + d)
    yates = 50 * (np.abs(a * d - b * c) - 25).clip(0) ** 2 / margins
    p = [[pearson(table.reshape(2, 2)).p, stats.fisher_exact(table.reshape(2, 2)).pvalue] for table in tables]
    levels = np.column_stack([np.array(p), stats.chi2.sf(yates, 1)]) <= 0.05
    assert np.average(levels, axis=0, weights=often) == pytest.approx([0.052, 0.025, 0.023], abs=0.012)


def test_many_rounds_need_holm():
    # Facts: some p <= .05 in 59, 83, 99 % of logs of 6, 12, 36 rounds with three tests; with Holm .052, .046, .047.
    p = np.random.default_rng(0).random((2000, 36 * 3))
    for rounds, expected in ((6, 0.59), (12, 0.83), (36, 0.99)):
        assert (p[:, : 3 * rounds] <= 0.05).any(axis=1).mean() == pytest.approx(expected, abs=0.03)
        family = np.mean([(holm(one) <= 0.05).any() for one in p[:, : 3 * rounds]])
        assert family == pytest.approx(0.05, abs=0.015)


def test_power_to_find_label_rates_of_90_and_80_percent():
    # Facts at .05 / 36, 30 % selected: .00 (n = 100), .10 (300), .77 (1,000), 1.00 (3,000).
    rng = np.random.default_rng(1)
    for n, expected in ((100, 0.0), (300, 0.10), (1000, 0.77), (3000, 1.0)):
        found = []
        for _ in range(400):
            selected = rng.random(n) < 0.3
            known = rng.random(n) < np.where(selected, 0.9, 0.8)
            found.append(by_decision(missing.label_counts(known, selected, np.zeros(n, int), 1)).p <= 0.05 / 36)
        assert np.mean(found) == pytest.approx(expected, abs=0.07)
