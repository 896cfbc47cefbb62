"""Reference values of the kinds of people that no other test holds: closed forms, and short simulations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import gammaln
from scipy.stats import betabinom

from fairloop.people.families import Location
from fairloop.people.outcome_curve import Changes, OutcomeCurve
from fairloop.people.scores import uniform
from fairloop.people.urns import Urn, runs

# lending: uniform scores on [.3, 1], p(x) = x, changes 1 and -1.5


def test_the_curve_of_the_second_group_of_u1_has_its_marks():
    curve = OutcomeCurve.of(uniform((0.3,), (1.0,), (1.0,), ("B",), 7000), 0, Changes(1.0, -1.5, None))
    usual = float(curve.at(0.357143))
    assert curve.best == pytest.approx(0.571429, abs=2e-4)
    assert curve.falls_to(usual) == pytest.approx(0.785714, abs=5e-4)
    assert np.isnan(curve.falls_to(0.0))


# selective labels: score U(0, 1), P(y | s) = s, accept s >= .8, explore .05 of the others, 1,000 people


def _estimates(count: int) -> np.ndarray:
    """(3, count): Horvitz-Thompson, Hajek, and the weighted TPR of the rule."""
    rng = np.random.default_rng(0)
    score = rng.random((count, 1000))
    label, rule = rng.random(score.shape) < score, score >= 0.8
    stands_for = np.where(rule, 1.0, (rng.random(score.shape) < 0.05) / 0.05)
    hits = (stands_for * label).sum(axis=1)
    return np.array([hits / 1000, hits / stands_for.sum(axis=1), (stands_for * label * rule).sum(axis=1) / hits])


def test_weighted_estimates_of_a_thousand_people_are_as_the_reference_simulation():
    found = _estimates(1000)
    mean, sd = found.mean(axis=1), found.std(axis=1)
    known = np.array([[0.50043, 0.00125], [0.50219, 0.00100], [0.36797, 0.00099]])
    assert np.all(np.abs(mean - known[:, 0]) < 4 * np.hypot(known[:, 1], sd / np.sqrt(1000)))
    assert sd == pytest.approx([0.0790, 0.0632, 0.0627], rel=0.1)
    e, n = 0.05, 1000  # linearised: sum of y (d - R)^2 (1 - p) / p over the rejected, by T^2
    design = n * (1 - e) / e * (0.8**2 / 2) * 0.36**2 / (n / 2) ** 2
    assert np.sqrt(design + 0.36 * 0.64 / (n / 2)) == pytest.approx(0.0601, abs=1e-4)  # and that of the people


def test_the_linearised_variance_of_the_worked_example():
    label, chance = np.array([1, 1, 0, 1, 0]), np.array([1, 1, 0.25, 0.25, 0.25])
    variance = ((label - label.mean()) ** 2 * (1 - chance) / chance).sum() / 25
    assert variance == pytest.approx(0.1056, abs=1e-9)


# performative: n people a round


def test_the_distance_of_a_learner_from_samples_has_its_spread():
    rng, family, theta = np.random.default_rng(0), Location.of(1.0, 0.8), np.zeros((1, 4000))
    for _ in range(60):
        theta = family.minimiser(theta) + rng.standard_normal(theta.shape) / 10  # the mean of 100 numbers
    law = np.sqrt((1 - 0.8**120) / (1 - 0.8**2)) / 10
    assert law == pytest.approx(0.166667, abs=1e-6)
    assert theta.std() == pytest.approx(law, rel=4 / np.sqrt(8000))
    assert abs(0.16538 - law) < 4 * law / np.sqrt(8000)
    assert theta.mean() == pytest.approx(5.0, abs=4 * law / np.sqrt(4000))


# allocation


def _share_variance(start: tuple[float, float], draws: int) -> float:
    total, first = sum(start), start[0] / sum(start)
    return first * (1 - first) * (1 - total / (total + 1) * (total + draws + 1) / (total + draws))


@pytest.mark.parametrize(
    ("start", "law", "simulated", "error"),
    [((1, 1), 0.083250, 0.08271, 0.00074), ((2, 1), 0.055472, 0.05456, 0.00065), ((5, 5), 0.022614, 0.02238, 0.00028)],
)
def test_the_variance_of_a_polya_urn_after_2000_draws(start, law, simulated, error):
    exact = betabinom(2000, *start).var() / (2000 + sum(start)) ** 2
    assert _share_variance(start, 2000) == pytest.approx(exact, rel=1e-9)
    assert exact == pytest.approx(law, abs=1e-6)
    assert abs(simulated - law) < 4 * error
    counts = runs(Urn(np.ones(2)), np.array(start), 1, 60, 4000, np.random.default_rng(1))[:, 0] - start[0]
    expected = 4000 * betabinom(60, *start).pmf(np.arange(61))
    assert ((np.bincount(counts.astype(int), minlength=61) - expected) ** 2 / expected).sum() < 60 + 6 * np.sqrt(120)


@pytest.mark.parametrize(("patrols", "limit"), [(1, 0.022727), (10, 0.015712), (100, 0.003567)])
def test_many_patrols_a_round_have_less_variance_than_polyas_urn(patrols, limit):
    steps = np.arange(1, 400_000)
    assert 0.25 * (1 - np.prod(1 - patrols / (10 + patrols * steps) ** 2)) == pytest.approx(limit, abs=2e-6)


def test_ten_patrols_a_round_after_300_rounds():
    steps = np.arange(1, 301)
    law = 0.25 * (1 - np.prod(1 - 10 / (10 + 10 * steps) ** 2))
    assert law == pytest.approx(0.015635, abs=2e-6)
    assert abs(0.01554 - law) < 4 * 0.00014
    counts = runs(Urn(np.ones(2)), np.array([5, 5]), 10, 300, 1000, np.random.default_rng(0))
    assert (counts[:, 0] / counts.sum(axis=1)).var() == pytest.approx(law, rel=4 * np.sqrt(2 / 1000))


def _mean_path(urn: Urn, start: tuple[float, ...], draws: int, step: int = 10) -> np.ndarray:
    """Shares after `draws`, when each round adds the mean of what it finds and keeps."""
    counts = np.array(start, float)
    for _ in range(draws // step):
        shares = counts / counts.sum()
        counts = counts + step * shares * urn.rates * urn.keep(counts)
    return counts / counts.sum()


@pytest.mark.parametrize(
    ("correction", "draws", "share", "error"),
    [("complement", 1000, 0.59191, 0.00066), ("complement", 5000, 0.59786, 0.00031),
     ("complement", 20_000, 0.59955, 0.00016), ("smallest", 1000, 0.59644, 0.00050),
     ("smallest", 5000, 0.59891, 0.00024), ("smallest", 20_000, 0.59988, 0.00012)],
)  # fmt: skip
def test_a_corrected_urn_nears_the_true_share_at_its_pace(correction, draws, share, error):
    urn = Urn(np.array([0.6, 0.4]), "bernoulli", correction)
    assert _mean_path(urn, (10, 10), draws)[0] == pytest.approx(share, abs=4 * error)


class Complement(Urn):
    """The rule for two regions, wrongly used for more."""

    def keep(self, counts):
        return 1 - counts / counts.sum(axis=-1, keepdims=True)


def test_three_regions_after_20000_draws_by_the_right_and_by_the_wrong_rule():
    rates, start = np.array([0.8, 0.6, 0.4]), (10, 10, 10)
    right = _mean_path(Urn(rates, "bernoulli", "smallest"), start, 20_000)
    assert right == pytest.approx([0.44398, 0.33351, 0.22252], abs=1e-3)
    wrong = _mean_path(Complement(rates), start, 20_000)
    assert wrong == pytest.approx([0.51964, 0.35477, 0.12559], abs=5e-3)
    limit = 1 - 2 / (rates * (1 / rates).sum())
    assert limit == pytest.approx([0.538462, 0.384615, 0.076923], abs=1e-6)


def test_kept_incidents_of_many_patrols_a_round_have_the_true_share():
    urn = Urn(np.array([0.6, 0.4]), "bernoulli", "complement")
    counts = runs(urn, np.array([10, 10]), 20, 100, 300, np.random.default_rng(0)) - 10
    assert counts[:, 0].sum() / counts.sum() == pytest.approx(0.6, abs=4 * np.sqrt(0.24 / counts.sum()))
    assert abs(0.6008 - 0.6) < 4 * 0.0026


def test_a_runaway_urn_has_its_speed():
    r, urn, rng = 0.4 / 0.6, Urn(np.array([0.6, 0.4])), np.random.default_rng(0)
    law = 10 * np.exp(gammaln(10 - r) - gammaln(10))
    assert law == pytest.approx(2.28269, abs=1e-5)
    counts, drawn = np.full((1000, 2), 10.0), 0
    for draws, share, error in ((200, 0.66432, 0.00135), (1000, 0.77244, 0.00113)):
        for _ in range(draws - drawn):
            first = rng.random(1000) < counts[:, 0] / counts.sum(axis=1)
            sent = np.column_stack([first, ~first]).astype(np.int64)
            counts = urn.after(counts, sent, urn.found(sent, rng), rng)
        drawn = draws
        shares, ratios = counts[:, 0] / counts.sum(axis=1), counts[:, 1] / counts[:, 0] ** r
        assert abs(shares.mean() - share) < 4 * np.hypot(error, shares.std() / np.sqrt(1000))
        assert abs(ratios.mean() - law) < 4 * ratios.std() / np.sqrt(1000) + 0.02


def test_the_true_share_of_oaklands_second_region():
    assert Urn(np.array([3.68511, 2.35592]), "poisson", "smallest").limit()[0] == pytest.approx(0.61001, abs=5e-6)


# adoption: arithmetic on the published blocks


@pytest.mark.parametrize(
    ("blocks", "mean"),
    [((0.0084, 0.0284, 0.0624, 0.0928, 0.0852, 0.1156), 0.0655),
     ((0.0007, 0.0383, 0.0319, 0.0427, 0.0691, 0.0483), 0.0385),
     ((-0.0028, 0.0196, 0.0168, 0.0276, 0.0344, 0.0536), 0.0249),
     ((-0.0112, 0.0212, -0.0032, 0.0120, 0.0184, 0.0136), 0.0085),
     ((-0.0031, 0.0161, 0.0049, 0.0165, 0.0173, 0.0029), 0.0091)],
)  # fmt: skip
def test_the_induced_change_is_the_mean_of_its_blocks(blocks, mean):
    assert np.mean(blocks) == pytest.approx(mean, abs=5.1e-5)


def test_a_rate_of_164_a_block_is_0036_a_trial_and_the_model_amplifies_fivefold():
    assert pytest.approx(0.0036, abs=5e-5) == 1 - (1 - 0.164) ** (1 / 50)
    assert pytest.approx(4.98, abs=0.01) == (196 / 300 - 0.5) / (0.5308 - 0.5)
