"""Section 6 of the audit's facts, scores: whether they mean what they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from audit_data import LABELS, SCORES, A, B
from fairloop.metrics import calibration as cal
from fairloop.metrics.scores import brier

people = st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.sampled_from([0.5, 1, 3])), min_size=1, max_size=40)


def by_linspace(scores: np.ndarray, labels: np.ndarray) -> float:
    """The calibration error with the edges of `linspace`."""
    place = np.digitize(scores, np.linspace(0, 1, 11)[1:-1])
    parts = [(place == one) for one in np.unique(place)]
    return float(sum(part.mean() * abs(scores[part].mean() - labels[part].mean()) for part in parts))


def test_the_data():
    found = [cal.reliability(SCORES[g], LABELS[g]) for g in (A, B)]
    assert [cal.calibration_error(one) for one in found] == pytest.approx([0.140583, 0.112750], abs=1e-6)
    assert [by_linspace(SCORES[g], LABELS[g]) for g in (A, B)] == pytest.approx([0.149417, 0.111000], abs=1e-6)
    assert [cal.squared_calibration_error(one) for one in found] == pytest.approx([0.030798, 0.015483], abs=1e-6)
    assert [cal.mitigated_squared_error(one) for one in found] == pytest.approx([0.010113, -0.016901], abs=1e-6)
    for one, expected, left_out in zip(
        found, ((0.030798, 0.021992, 0.248889), (0.015483, 0.035873, 0.248594)), (0.0010, 0.0014), strict=True
    ):
        parts = cal.brier_parts(one)
        assert parts[:3] == pytest.approx(expected, abs=1e-6)
        assert abs(parts.within - parts.covariance) == pytest.approx(left_out, abs=1e-4)


def test_every_edge_belongs_to_the_bin_above():
    assert cal.bin_of(np.arange(11) / 10).tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9]
    for kind in (np.float16, np.float32):
        assert cal.bin_of((np.arange(11) / 10).astype(kind)).tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9]
    assert cal.bin_of(np.nextafter(np.arange(1, 11) / 10, 0)).tolist() == list(range(10))
    assert np.linspace(0, 1, 11)[3] > 0.3
    observed, _ = calibration_curve([0, 1], [0.25, 0.3], n_bins=10)
    assert len(observed) == 1  # scikit-learn puts both into one bin


@given(people)
def test_the_parts_give_the_brier_score(rows):
    scores, labels, weights = (np.array(column, float) for column in zip(*rows, strict=True))
    for weight in (None, weights):
        found = cal.reliability(scores, labels, weight)
        parts = cal.brier_parts(found)
        total = parts.reliability - parts.resolution + parts.uncertainty + parts.within - parts.covariance
        assert total == pytest.approx(brier(scores, labels, weight), abs=1e-12)
        assert 0 <= cal.calibration_error(found) <= 1
        assert found.share.sum() == pytest.approx(1)


@given(people, st.sampled_from([0.01, 7.0]))
def test_the_unit_of_weights_changes_nothing(rows, unit):
    scores, labels, weights = (np.array(column, float) for column in zip(*rows, strict=True))
    one, other = (cal.reliability(scores, labels, scale * weights) for scale in (1, unit))
    for part, another in zip(one, other, strict=True):
        np.testing.assert_allclose(part, another, atol=1e-12)
    plain = cal.reliability(scores, labels)
    assert plain.people.sum() == pytest.approx(len(rows))


def test_bins_are_scikit_learns_away_from_edges():
    rng = np.random.default_rng(0)
    scores = rng.random(500)
    labels = (rng.random(500) < scores).astype(float)
    found = cal.reliability(scores, labels)
    observed, mean = calibration_curve(labels, scores, n_bins=10)
    np.testing.assert_allclose(found.observed, observed)
    np.testing.assert_allclose(found.score, mean)
    within = found.interval(0.05)
    assert (within.low <= found.observed).all()


def test_unlabelled_people_and_empty_bins():
    nobody = cal.reliability([0.5], np.array([np.nan]))
    assert np.isnan([cal.calibration_error(nobody), cal.mitigated_squared_error(nobody)]).all()
    assert np.isnan(cal.brier_parts(nobody)).all()
    single = cal.reliability([0.25, 0.75], np.array([0.0, 1]))
    assert np.isnan(single.score[0])
    assert cal.mitigated_squared_error(single) == 0  # bins of one person tell nothing
    assert cal.calibration_error(single) == pytest.approx(0.25)


def calibrated(rng: np.random.Generator, n: int, bins: int = 10) -> cal.Reliability:
    scores = rng.beta(2, 2, n)
    return cal.reliability(scores, (rng.random(n) < scores).astype(float), bins=bins)


@pytest.mark.parametrize(
    ("n", "bins", "expected"),
    [(100, 10, 0.101), (300, 10, 0.060), (1000, 10, 0.033), (3000, 10, 0.019), (10_000, 10, 0.0105),
     (100_000, 10, 0.0032), (100, 15, 0.123), (300, 15, 0.072), (1000, 15, 0.040), (3000, 15, 0.023),
     (10_000, 15, 0.013), (100_000, 15, 0.004)],
)  # fmt: skip
def test_what_calibrated_scores_have_for_a_calibration_error(n, bins, expected):
    rng = np.random.default_rng(0)
    found = [calibrated(rng, n, bins) for _ in range(min(200, 2_000_000 // n))]
    assert np.mean([cal.calibration_error(one) for one in found]) == pytest.approx(expected, rel=0.1)
    assert np.mean([cal.expected_if_calibrated(one) for one in found]) == pytest.approx(expected, rel=0.1)


def test_the_mitigated_error_of_calibrated_scores_is_0_on_average():
    rng = np.random.default_rng(1)
    for n in (1000, 3000):
        found = np.array([cal.mitigated_squared_error(calibrated(rng, n)) for _ in range(400)])
        assert abs(found.mean()) < 4 * found.std() / 20 < 0.0003
        assert found.mean() < np.mean([cal.squared_calibration_error(calibrated(rng, n)) for _ in range(100)]) / 5
