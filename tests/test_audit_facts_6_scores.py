"""Section 6 of the audit's facts, scores: AUC, Brier score, distances and histograms, against other implementations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import brier_score_loss, roc_auc_score

from audit_data import LABELS, SCORES, WEIGHTS, A, B
from fairloop.errors import InputError
from fairloop.metrics import distances
from fairloop.metrics.histograms import Histogram
from fairloop.metrics.scores import Auc, auc, auc_difference, brier, midranks, selected

rows = st.lists(
    st.tuples(st.integers(0, 5), st.booleans(), st.sampled_from([0.5, 1, 3])), min_size=4, max_size=30
).filter(lambda people: len({label for _, label, _ in people}) == 2)


def columns(people: list[tuple[int, bool, float]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    scores, labels, weights = (np.array(column, np.float64) for column in zip(*people, strict=True))
    return scores / 5, labels, weights


def test_the_data():
    for group, value, error, low, high, weighted in (
        (A, 0.655692, 0.050383, 0.551504, 0.746788, 0.670503),
        (B, 0.716530, 0.057728, 0.591524, 0.815231, 0.747870),
    ):
        found = auc(SCORES[group], LABELS[group])
        within = found.interval(0.05)
        got = [found.value, found.error, float(within.low), float(within.high)]
        assert got == pytest.approx([value, error, low, high], abs=1e-6)
        assert found.value == pytest.approx(roc_auc_score(LABELS[group], SCORES[group]), abs=1e-15)
        assert auc(SCORES[group], LABELS[group], WEIGHTS[group]).value == pytest.approx(weighted, abs=1e-6)
    gap = auc_difference(auc(SCORES[A], LABELS[A]), auc(SCORES[B], LABELS[B]))
    assert gap == pytest.approx((-0.060839, 0.076622, -0.794009), abs=1e-6)
    assert [brier(SCORES[g], LABELS[g]) for g in (A, B)] == pytest.approx([0.256696, 0.2268], abs=1e-6)


@settings(max_examples=30)
@given(rows)
def test_auc_and_brier_are_scikit_learns(people):
    scores, labels, weights = columns(people)
    for weight in (None, weights):
        assert auc(scores, labels, weight).value == pytest.approx(roc_auc_score(labels, scores, sample_weight=weight))
        expected = brier_score_loss(labels, scores, sample_weight=weight)
        assert brier(scores, labels, weight) == pytest.approx(expected)


@given(rows)
def test_the_standard_error_is_delongs(people):
    scores, labels, _ = columns(people)
    above = np.sign(scores[labels == 1][:, None] - scores[labels == 0]) / 2 + 0.5
    if min(above.shape) > 1:
        variance = sum(above.mean(axis=axis).var(ddof=1) / above.shape[1 - axis] for axis in (0, 1))
        assert auc(scores, labels).error == pytest.approx(np.sqrt(variance), abs=1e-12)
    else:
        assert np.isnan(auc(scores, labels).error)


@given(rows, st.sampled_from([0.01, 7.0]))
def test_neither_the_unit_of_weights_nor_a_rising_change_of_scores_changes_an_auc(people, unit):
    scores, labels, weights = columns(people)
    one = auc(scores, labels, weights)
    assert auc(np.exp(3 * scores) - 10, labels, unit * weights) == pytest.approx(one, nan_ok=True)
    assert auc(-scores, labels, weights).value == pytest.approx(1 - one.value)
    assert auc(scores, labels, np.ones(len(labels))) == auc(scores, labels) or np.isnan(auc(scores, labels).error)


def test_unlabelled_people_are_left_out():
    labels = np.where(np.arange(200) % 3 == 0, np.nan, LABELS)
    known = ~np.isnan(labels)
    assert auc(SCORES, labels) == auc(SCORES[known], LABELS[known])
    assert brier(SCORES, labels) == pytest.approx(brier(SCORES[known], LABELS[known]))
    assert np.isnan(auc(SCORES, np.full(200, np.nan)).value)
    assert np.isnan(brier(SCORES, np.full(200, np.nan)))
    assert auc(SCORES[A], LABELS[A]).few is False
    assert auc([0.1, 0.4, 0.6, 0.9], np.array([0, 1, 0, 1.0])).few


def test_separated_labels_have_no_interval():
    found = auc([0.1, 0.2, 0.8, 0.9], np.array([0, 0, 1, 1.0]))
    assert (found.value, found.error) == (1, 0)
    assert np.isnan([found.interval(0.05).low, found.interval(0.05).high]).all()


def test_scores_that_are_no_probabilities_are_refused():
    with pytest.raises(InputError, match="2 is not a probability"):
        brier([2.0], np.array([1.0]))
    with pytest.raises(InputError, match="nan is not a finite number"):
        auc([np.nan, 1], np.array([1.0, 0]))


@given(st.lists(st.integers(0, 5), min_size=1, max_size=20))
def test_midranks_are_scipys(values):
    np.testing.assert_array_equal(midranks(values), stats.rankdata(values))


@pytest.mark.parametrize(
    ("m", "n", "true", "wald", "logit"), [(10, 30, 0.86, 0.880, 0.952), (30, 100, 0.96, 0.866, 0.939)]
)
def test_intervals_on_the_logit_scale_cover(m, n, true, wald, logit):
    rng = np.random.default_rng(m)
    labels = np.repeat([1.0, 0.0], [m, n])
    shift = stats.norm.ppf(true) * np.sqrt(2)
    found = [auc(rng.normal(labels * shift), labels) for _ in range(1000)]
    within = [one.interval(0.05) for one in found]
    assert np.mean([one.low <= true <= one.high for one in within]) == pytest.approx(logit, abs=0.025)
    assert np.mean([abs(one.value - true) <= 1.96 * one.error for one in found]) == pytest.approx(wald, abs=0.03)


def test_thresholds_have_the_type_of_the_scores():
    thresholds = np.arange(1, 100) / 100
    for kind, below in ((np.float32, 50), (np.float16, 48)):
        assert (thresholds.astype(kind).astype(np.float64) < thresholds).sum() == below
        assert all(selected(np.array([one], kind), one)[0] for one in thresholds)
    assert not selected(np.array([0.7], np.float32).astype(np.float64), 0.7)[0]
    assert selected(np.array([0.7, 0.69]), 0.7).tolist() == [True, False]
    assert selected(np.array([0, 1]), 0.5).tolist() == [False, True]


def test_distances_of_the_data():
    plain, weighted = (distances.between(SCORES[A], SCORES[B], *w) for w in ((), (WEIGHTS[A], WEIGHTS[B])))
    assert plain == pytest.approx((0.075, 0.036333), abs=1e-6)
    assert weighted == pytest.approx((0.076667, 0.036733), abs=1e-6)
    one, other = [0, 0, 0.5, 0.5, 1], [0, 0.5, 0.5, 1, 1, 1]
    assert distances.between(one, other).ks == pytest.approx(0.3)
    small = distances.between(one, other, np.array([1, 2, 1, 1, 1.0]), np.array([1, 1, 1, 1, 1, 3.0]))
    assert small == pytest.approx((0.458333, 0.416667), abs=1e-6)


@given(*(st.lists(st.tuples(st.integers(0, 6), st.integers(1, 3)), min_size=1, max_size=12) for _ in range(2)))
def test_distances_are_scipys(one, other):
    (values, weights), (others, other_weights) = (
        np.array(list(zip(*group, strict=True)), float) for group in (one, other)
    )
    found = distances.between(values, others, weights, other_weights)
    assert found.wasserstein == pytest.approx(stats.wasserstein_distance(values, others, weights, other_weights))
    copies = [np.repeat(*pair) for pair in ((values, weights.astype(int)), (others, other_weights.astype(int)))]
    assert found.ks == pytest.approx(stats.ks_2samp(*copies, method="auto").statistic)


def test_what_equal_distributions_are_apart():
    # Facts, simulated: mean KS .116/.037/.012, 95 % .180/.059/.018, mean W1 .044/.0137/.0043 (n = 100/1,000/10,000).
    rng = np.random.default_rng(0)
    found = np.array([distances.between(*rng.random((2, 100))) for _ in range(2000)])
    assert found.mean(axis=0) == pytest.approx([0.116, 0.044], abs=0.003)
    assert np.quantile(found[:, 0], 0.95) == pytest.approx(0.18, abs=0.011)
    for n, ks, top, wasserstein in (
        (100, 0.116, 0.18, 0.044),
        (1000, 0.037, 0.059, 0.0137),
        (10_000, 0.012, 0.018, 0.0043),
    ):
        even = (np.arange(n) + 0.5) / n
        noise = distances.expected_noise(even, even)
        assert noise.ks == pytest.approx(ks, rel=0.05)
        assert noise.wasserstein == pytest.approx(wasserstein, rel=0.05)
        # At n = 10,000 the 95 % quantile is .0191, not .018: P(D >= k / n) = 2 exp(-k^2 / n) + ..., k = 191 or 192.
        assert noise.ks_top == pytest.approx(0.0191 if n == 10_000 else top, rel=0.05)
    exact = 2 * sum((-1) ** (j + 1) * np.exp(-(j**2) * np.array([181.0, 192.0]) ** 2 / 10_000) for j in (1, 2, 3))
    assert exact == pytest.approx([0.0755, 0.0501], abs=5e-4)


@given(st.integers(5, 60), st.integers(5, 60))
def test_noise_does_not_depend_on_which_group_is_first(n, m):
    one, other = np.arange(n) / n, np.arange(m) / m
    assert distances.expected_noise(one, other) == pytest.approx(distances.expected_noise(other, one))
    weights = np.full(n, 3.0)
    assert distances.expected_noise(one, other, weights).ks == pytest.approx(distances.expected_noise(one, other).ks)


@given(rows, st.integers(2, 40))
def test_a_histogram_is_off_by_at_most_its_bound(people, bins):
    scores, labels, weights = columns(people)
    found = Histogram.of(scores, labels, weights, bins)
    coarse, exact = found.auc(), auc(scores, labels, weights)
    assert abs(coarse.value - exact.value) <= coarse.doubt + 1e-12
    assert found.brier() == pytest.approx(brier(scores, labels, weights))
    one, other = (Histogram.of(scores[labels == y], labels[labels == y], bins=bins) for y in (0, 1))
    distance, bound = one.distance(other)
    true = distances.between(scores[labels == 0], scores[labels == 1])
    assert abs(distance.ks - true.ks) <= bound.ks + 1e-12
    assert abs(distance.wasserstein - true.wasserstein) <= bound.wasserstein + 1e-12


@settings(max_examples=30)
@given(rows, rows)
def test_histograms_add_up(people, others):
    one, other, both = (Histogram.of(*columns(some), 16) for some in (people, others, people + others))
    for part, whole in zip((one + other).table, both.table, strict=True):
        np.testing.assert_allclose(part, whole)
    assert (one + other).brier() == pytest.approx(both.brier())
    with pytest.raises(InputError, match="16 and 8 bins"):
        one + Histogram.of(*columns(people), 8)


def test_a_histogram_of_many_people_is_nearly_exact():
    rng = np.random.default_rng(0)
    scores = rng.random(200_000)
    labels = (rng.random(200_000) < scores).astype(float)
    found, exact = Histogram.of(scores, labels).auc(), auc(scores, labels)
    assert found.doubt == pytest.approx(5e-6, rel=0.2)
    assert abs(found.value - exact.value) < 1e-7
    assert found.error == pytest.approx(exact.error, rel=1e-4)


def test_an_interval_is_wider_by_the_doubt():
    plain, doubtful = (Auc(0.7, 0.05, 50, 50, doubt).interval(0.05) for doubt in (0.0, 0.01))
    assert plain.high - plain.low == pytest.approx(doubtful.high - doubtful.low - 0.02)
