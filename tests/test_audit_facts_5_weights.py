"""Section 5 of the audit's facts: people who have weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_data import GROUPS, LABELS, SELECTED, WEIGHTS
from fairloop.errors import InputError
from fairloop.metrics.intervals import critical, wilson
from fairloop.metrics.shares import parts, person_interval, weighted_share
from fairloop.metrics.weighted import Sums, share

PARTS = parts(SELECTED, LABELS)
people = st.lists(
    st.tuples(st.booleans(), st.booleans(), st.sampled_from([0, 0.3, 1, 2.5, 7])), min_size=1, max_size=40
)


@pytest.mark.parametrize(
    ("name", "group", "value", "error", "kish", "linear", "low", "high"),
    [
        ("selection_rate", 0, 0.516667, 0.049950, 100.000, 100.089, 0.419933, 0.612167),
        ("tpr", 0, 0.700730, 0.065626, 46.343, 48.692, 0.557739, 0.812991),
        ("fpr", 0, 0.361963, 0.065423, 53.675, 53.958, 0.246645, 0.495720),
        ("ppv", 0, 0.619355, 0.067817, 51.008, 51.260, 0.482228, 0.739763),
        ("selection_rate", 1, 0.5, 0.061237, None, None, None, None),
        ("tpr", 1, 0.705263, 0.081052, 30.593, 31.641, 0.528372, 0.836356),
        ("fpr", 1, 0.314286, 0.075257, None, None, None, None),
        ("ppv", 1, 0.67, 0.078899, 33.333, 35.518, 0.500262, 0.804604),
        ("accuracy", 0, 0.666667, None, None, None, None, None),
        ("accuracy", 1, 0.695, None, None, None, None, None),
    ],
)
def test_weighted_shares_of_the_data(name, group, value, error, kish, linear, low, high):
    found = weighted_share(*PARTS[name], GROUPS, 2, WEIGHTS)
    within = person_interval(found, 0.05)
    results = (found.value, np.sqrt(found.variance), within.low, within.high)
    for expected, got in zip((value, error, low, high), results, strict=True):
        assert expected is None or got[group] == pytest.approx(expected, abs=1e-6)
    for expected, got in ((kish, found.kish), (linear, found.linear)):
        assert expected is None or got[group] == pytest.approx(expected, abs=1e-3)


def test_shares_of_the_data_without_weights():
    expected = {
        "selection_rate": (0.508333, 0.5), "tpr": (0.660714, 0.675676), "fpr": (0.375, 0.348837),
        "ppv": (0.606557, 0.625), "for": (0.322034, 0.3), "accuracy": (0.641667, 0.6625),
    }  # fmt: skip
    for name, values in expected.items():
        found = weighted_share(*PARTS[name], GROUPS, 2)
        assert found.value == pytest.approx(values, abs=1e-6)
        np.testing.assert_allclose(found.kish, found.rows)
        np.testing.assert_allclose(found.linear, found.rows)


@given(people, st.sampled_from([1e-3, 1, 3, 1e6]))
def test_the_unit_of_weights_changes_nothing(rows, unit):
    hits, groups, weights = (np.array(column) for column in zip(*rows, strict=True))
    of = np.ones(len(rows), bool)
    one, other = (weighted_share(hits, of, groups.astype(int), 2, scale * weights) for scale in (1, unit))
    for part, another in zip(one, other, strict=True):
        np.testing.assert_allclose(part, another, rtol=1e-9, atol=1e-12)


@given(people)
def test_shares_by_row_are_those_of_sums_by_cell(rows):
    hits, groups, weights = (np.array(column) for column in zip(*rows, strict=True))
    codes, of = groups.astype(int), np.ones(len(rows), bool)
    found = weighted_share(hits, of, codes, 2, weights)
    sums = [
        Sums(*(np.bincount(codes[part], weights[part] ** power, minlength=2) for power in (1, 2)))
        for part in (hits, of)
    ]
    expected = share(sums[0], sums[1], np.bincount(codes, minlength=2))
    np.testing.assert_allclose(found.value, expected.by_group)
    np.testing.assert_allclose(np.sqrt(found.variance), expected.errors[1:], atol=1e-9)
    np.testing.assert_allclose(np.fmin(found.kish, found.linear), expected.effective[1:])


def test_whole_weights_give_the_value_of_repeated_rows():
    repeated = WEIGHTS.astype(int)
    for name, (hits, members) in PARTS.items():
        found = weighted_share(hits, members, GROUPS, 2, WEIGHTS)
        copies = weighted_share(*(np.repeat(one, repeated) for one in (hits, members, GROUPS)), 2)
        np.testing.assert_allclose(found.value, copies.value, err_msg=name)


def test_rows_of_no_weight_count_nowhere():
    weights = np.where(SELECTED, WEIGHTS, 0)
    found = weighted_share(*PARTS["tpr"], GROUPS, 2, weights)
    assert found.value.tolist() == [1, 1]
    assert found.rows.tolist() == [37, 25]
    empty = weighted_share(*PARTS["for"], GROUPS, 2, weights)
    assert np.isnan(empty.value).all()
    assert np.isnan(person_interval(empty, 0.05).low).all()
    with pytest.raises(InputError, match="nan is not a finite number"):
        weighted_share(*PARTS["for"], GROUPS, 2, np.full(200, np.nan))


@pytest.mark.parametrize(
    ("kind", "n", "p", "expected"),
    # Facts: coverage of Wilson's interval with n = sum of weights, rows, Kish's, linearised, the smaller of both.
    [
        ("1 and 5", 100, 0.05, (0.727, 0.880, 0.957, 0.843, 0.968)),
        ("1 and 5", 400, 0.3, (0.734, 0.859, 0.950, 0.948, 0.951)),
        ("lognormal", 100, 0.05, (0.713, 0.855, 0.949, 0.858, 0.971)),
        ("lognormal", 30, 0.3, (0.683, 0.800, 0.962, 0.895, 0.963)),
        ("by outcome", 100, 0.3, (0.891, 0.994, 0.998, 0.948, 0.998)),
    ],
)
def test_coverage(kind, n, p, expected):
    rng = np.random.default_rng(n)
    logs = 2000
    hits, groups = rng.random(n * logs) < p, np.repeat(np.arange(logs), n)
    weights = {
        "1 and 5": rng.choice([1.0, 5.0], n * logs, p=[0.8, 0.2]),
        "lognormal": rng.lognormal(size=n * logs),
        "by outcome": np.where(hits, 1.0, 4.0),
    }[kind]
    true = p / (p + 4 * (1 - p)) if kind == "by outcome" else p
    found = weighted_share(hits, np.ones(n * logs, bool), groups, logs, weights)
    sums = np.bincount(groups, weights)
    covers = []
    for members in (sums, found.rows, found.kish, np.where(np.isnan(found.linear), found.kish, found.linear)):
        within = wilson(found.value, members, critical(0.05))
        covers.append(((within.low <= true) & (true <= within.high)).mean())
    within = person_interval(found, 0.05)
    covers.append(((within.low <= true) & (true <= within.high)).mean())
    # The first depends on the unit of weights; it is only shown to be far off.
    assert covers[1:] == pytest.approx(expected[1:], abs=0.03)
    assert covers[0] == pytest.approx(expected[0], abs=0.04)
    assert covers[-1] > 0.93
