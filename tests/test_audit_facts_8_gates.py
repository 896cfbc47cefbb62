"""Section 8 of the audit's facts: ratios, exact comparisons, the four-fifths rule, gates on intervals."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from scipy.stats.contingency import relative_risk

from fairloop.metrics import adverse_impact as ai
from fairloop.metrics.group_rates import Rate
from fairloop.metrics.intervals import critical, of_difference, wilson
from fairloop.metrics.proportions import pooled_z, ratio, sign_of_difference, sign_of_ratio

Z = critical(0.05)
TABLES = ((14, 50, 40, 100), (2, 10, 4, 10), (300, 1000, 400, 1000), (12, 40, 48, 80))


def mover(x: int, n: int, y: int, m: int) -> list[float]:
    found = ratio(wilson(x / n, n, Z), wilson(y / m, m, Z))
    return [float(one) for one in (found.value, found.low, found.high)]


@pytest.mark.parametrize(
    ("table", "expected", "z", "katz", "fisher"),
    [
        (TABLES[0], (0.7, 0.4177, 1.1264), -1.4434, (0.4224, 1.1601), 0.20631),
        (TABLES[1], (0.5, 0.1298, 1.7987), -0.9759, None, 0.62848),
        (TABLES[2], (0.75, 0.6642, 0.8465), -4.6881, None, None),
        (TABLES[3], (0.5, 0.2952, 0.7953), -3.0984, (0.3014, 0.8294), 0.00341),
    ],
)
def test_ratios(table, expected, z, katz, fisher):
    x, n, y, m = table
    assert mover(*table) == pytest.approx(expected, abs=5e-5)
    assert pooled_z(*table) == pytest.approx(z, abs=5e-5)
    if katz:
        assert relative_risk(x, n, y, m).confidence_interval(0.95) == pytest.approx(katz, abs=5e-5)
    found = ai.impact([y, x], [m, n])
    assert found.highest == 0
    assert [float(one[1]) for one in (found.ratio.value, found.ratio.low, found.ratio.high)] == pytest.approx(
        expected, abs=5e-5
    )
    assert found.z[1] == pytest.approx(z, abs=5e-5)
    if fisher:
        assert found.fisher[1] == pytest.approx(fisher, abs=5e-6)


counts = st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts, counts)
def test_limits_of_a_ratio_lie_around_it(one, other):
    value, low, high = mover(*one, *other)
    if other[0] == 0:
        assert np.isnan(value)
        assert high == np.inf
    else:
        assert 0 <= low <= value + 1e-9
        assert value - 1e-9 <= high < np.inf
    if one[0] and other[0]:  # the reciprocal has the reciprocal limits
        assert mover(*other, *one)[1:] == pytest.approx([1 / high, 1 / low], rel=1e-6)


@given(counts, counts)
def test_the_limit_of_a_ratio_solves_its_equation(one, other):
    # The difference p - r q has the limit 0 at the limit r of the ratio, by Zou and Donner's method.
    assume(one[0] and other[0])
    _, low, high = mover(*one, *other)
    p, q = (wilson(x / n, n, Z) for x, n in (one, other))
    for r, mine, others in ((low, p.low, q.high), (high, p.high, q.low)):
        gap = abs(p.value - r * q.value) - np.hypot(p.value - mine, r * (others - q.value))
        assert gap == pytest.approx(0, abs=1e-6)


def test_the_interval_of_a_ratio_covers():
    rng = np.random.default_rng(0)
    x, y = rng.binomial(60, 0.3, 4000), rng.binomial(90, 0.45, 4000)
    found = ratio(wilson(x / 60, 60, Z), wilson(y / 90, 90, Z))
    assert ((found.low <= 2 / 3) & (found.high >= 2 / 3)).mean() == pytest.approx(0.95, abs=0.015)


@given(counts, counts, st.sampled_from([0.8, 1.0, 0.1, 1.25, "0.8"]))
def test_signs_are_those_of_fractions(one, other, limit):
    gap = Fraction(*one) - Fraction(*other) - Fraction(str(limit))
    assert sign_of_difference(*one, *other, limit) == np.sign(float(gap))
    found = sign_of_ratio(*one, *other, limit)
    if other[0]:
        assert found == np.sign(float(Fraction(*one) / Fraction(*other) - Fraction(str(limit))))
    else:
        assert np.isnan(found)


def test_exact_ties_are_not_what_floats_say():
    assert (8 / 25) / (2 / 5) < 0.8
    assert sign_of_ratio(8, 25, 2, 5, 0.8) == 0
    ratios, differences = [], []
    for n, m in product(range(1, 31), repeat=2):
        for x, y in product(range(n + 1), range(1, m + 1)):
            if 5 * x * m == 4 * y * n and x:
                ratios.append(x / n / (y / m) < 0.8)
                assert sign_of_ratio(x, n, y, m, 0.8) == 0
            if 10 * (x * m - y * n) == n * m:
                differences.append(x / n - y / m > 0.1)
                assert sign_of_difference(x, n, y, m, 0.1) == 0
    # Facts: 655 of 2,004 and 111 of 495, in tables whose sizes they do not say.
    assert np.mean(ratios) == pytest.approx(655 / 2004, abs=0.08)
    assert np.mean(differences) == pytest.approx(111 / 495, abs=0.15)


def test_the_four_fifths_rule_is_strict_and_goes_by_the_highest_rate():
    found = ai.impact([400, 8, 8, 0], [1000, 25, 26, 0])
    assert found.highest == 0
    assert found.below.tolist() == [False, False, True, False]
    assert np.isnan(found.ratio.value[3])
    larger = ai.impact([300, 9], [1000, 10])  # the smaller group has the highest rate
    assert (larger.highest, larger.below.tolist()) == (1, [True, False])
    assert np.isnan(larger.z[1])
    nothing = ai.impact([0, 0], [5, 0])
    assert (nothing.highest, nothing.below.tolist()) == (-1, [False, False])
    assert np.isnan(nothing.ratio.value).all()


def test_scoring_rates_count_scores_strictly_above_the_median():
    above, people = ai.scoring_counts([1, 2, 2, 2, 3, 5], np.array([0, 0, 0, 1, 1, 1]), 2)
    assert (above.tolist(), people.tolist()) == ([0, 2], [3, 3])
    above, _ = ai.scoring_counts([0.1, 0.2, 0.3, 0.4], np.array([0, 1, 0, 1]), 3)
    assert above.tolist() == [1, 1, 0]
    assert ai.small_categories([97, 2, 1]).tolist() == [False, False, True]


intervals = st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted)


@given(intervals, st.sampled_from([">", ">=", "<", "<="]), st.floats(0, 1))
def test_upper_gates_pass_only_if_lower_ones_do(limits, sign, limit):
    lower, upper = (ai.verdict(*limits, side, sign, limit) for side in ("lower", "upper"))
    assert (upper, lower) != ("PASS", "FAIL")
    mirrored = ai.verdict(-limits[1], -limits[0], "lower", sign.translate({60: 62, 62: 60}), -limit)
    assert lower == mirrored


@pytest.mark.parametrize(
    ("low", "high", "side", "sign", "expected"),
    [
        (0.11, 0.2, "lower", ">", "FAIL"), (0.1, 0.2, "lower", ">", "PASS"), (0.1, 0.2, "lower", ">=", "FAIL"),
        (2 / 5 - 3 / 10, 1, "lower", ">", "PASS"), (0, 0.1, "upper", ">", "PASS"), (0, 0.11, "upper", ">", "FAIL"),
        (0.05, 0.09, "lower", "<", "FAIL"), (0.05, 0.2, "lower", "<", "PASS"), (0.05, 0.2, "upper", "<", "FAIL"),
        (np.nan, np.nan, "upper", ">", "UNDEFINED"), (0.0, np.nan, "upper", ">", "UNDEFINED"),
    ],
)  # fmt: skip
def test_verdicts(low, high, side, sign, expected):
    assert ai.verdict(low, high, side, sign, 0.1) == expected


def test_several_gates():
    assert (ai.gate_alpha(0.05, 5), ai.gate_alpha(0.05, 0)) == (0.01, 0.05)


@pytest.mark.parametrize(
    ("groups", "n", "gap", "low", "high"),
    [(2, 200, 0.1, 0.025, 0.016), (2, 1000, 0.1, 0.023, 0.023), (10, 200, 0.1, 0.005, 0.0), (10, 200, 0.0, 0.037, 0.0)],
)
def test_ends_of_the_largest_difference_are_wrong_rarely(groups, n, gap, low, high):
    rng = np.random.default_rng(groups + n)
    rates = np.linspace(0.3, 0.3 + gap, groups)
    wrong = []
    for _ in range(1000):
        hits = rng.binomial(n, rates)
        found = of_difference([Rate(0.3, hits / n, np.full(groups + 1, n))], 0.05)
        wrong.append((found.low > gap, found.high < gap))
    assert np.mean(wrong, axis=0) == pytest.approx([low, high], abs=0.018)


def test_pearsons_test_is_the_square_of_the_pooled_one():
    for x, n, y, m in TABLES:
        expected = stats.chi2_contingency([[x, n - x], [y, m - y]], correction=False).statistic
        assert pooled_z(x, n, y, m) ** 2 == pytest.approx(expected)
