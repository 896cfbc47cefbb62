"""Selective labels: what exploration buys, against enumeration, closed forms and simulation."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from fairloop.errors import InputError
from fairloop.metrics.exploration import hajek, horvitz_thompson
from fairloop.metrics.propensity import rates, unreachable
from fairloop.people import decisions
from fairloop.people.decisions import explore
from fairloop.people.interface import Streams
from fairloop.people.rounds import play
from fairloop.people.rules import GroupBelief, GroupThresholds
from fairloop.people.selective_labels import SelectiveLabels

SCORES = SelectiveLabels({"kind": "uniform"}, thresholds=[0.8])


def seen(labels, known):
    return np.where(known, labels, np.nan)


def enumerated(estimate):
    """Mean and variance of an estimate over the 8 outcomes of the worked example."""
    labels, propensity = np.array([1.0, 1, 0, 1, 0]), np.array([1, 1, 0.25, 0.25, 0.25])
    values, chances = [], []
    for known in product([True, False], repeat=3):
        values.append(estimate(seen(labels, np.array([True, True, *known])), propensity))
        chances.append(np.prod([0.25 if one else 0.75 for one in known]))
    mean = np.dot(values, chances)
    return mean, np.dot(chances, (np.array(values) - mean) ** 2)


def test_the_worked_example_by_enumeration():
    assert enumerated(lambda y, p: horvitz_thompson(y, p).value) == pytest.approx((0.6, 0.12), abs=1e-12)
    assert enumerated(lambda y, p: hajek(y, p).value) == pytest.approx((0.728571, 0.101429), abs=1e-6)
    assert enumerated(lambda y, p: np.nanmean(y))[0] == pytest.approx(0.853125)
    assert enumerated(lambda y, p: horvitz_thompson(y, p).variance)[0] == pytest.approx(0.12)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.floats(0.05, 1)), min_size=1, max_size=5))
def test_horvitz_thompson_and_its_variance_are_unbiased(rows):
    labels, propensity = np.array([float(y) for y, _ in rows]), np.array([p for _, p in rows])
    mean = spread = 0.0
    for known in product([True, False], repeat=len(rows)):
        chance = np.prod(np.where(known, propensity, 1 - propensity))
        found = horvitz_thompson(seen(labels, np.array(known)), propensity)
        mean, spread = mean + chance * found.value, spread + chance * found.variance
    assert mean == pytest.approx(labels.mean())
    assert spread == pytest.approx((labels**2 * (1 - propensity) / propensity).sum() / len(rows) ** 2, abs=1e-9)


def test_labels_that_are_all_the_same_and_labels_that_are_all_seen_are_exact():
    labels, propensity = np.array([1.0, 1, np.nan]), np.array([1, 0.2, 0.2])
    assert hajek(labels, propensity).value == 1
    assert horvitz_thompson(np.array([1.0, 0, 1]), np.ones(3)) == pytest.approx((2 / 3, 0))
    assert np.isnan(hajek(np.array([np.nan]), np.array([0.5])).value)


def test_without_exploration_there_is_no_estimate():
    labels, propensity = np.array([1.0, np.nan]), np.array([1, 0.0])
    for estimate in (horvitz_thompson, hajek):
        with pytest.raises(InputError, match="row 1 has 0, so there is no estimate"):
            estimate(labels, propensity)
    assert unreachable(propensity, np.array([True, False]), np.zeros(2, int), 1).tolist() == [[True, False]]


def is_unbiased_with_the_closed_error(tau, e, plain, sds, designs, runs=400, n=1000, estimate=horvitz_thompson):
    """Estimates of `runs` rounds of n people with scores U(0, 1), P(label 1) = score, accepted from tau on.

    plain: the means of labels of accepted people, and of all seen labels. sds: of both estimates, and, in designs, over
    the exploration alone. Returns whether each interval covers the round's own mean, (runs, 2).
    """
    kind, rule = SelectiveLabels({"kind": "uniform"}), GroupThresholds((tau,))
    played = play(kind, {}, n * runs, rule, Streams.of(0), e)
    labels, chances = seen(played.outcome.astype(float), played.accepted), played.propensity
    parts = list(zip(labels.reshape(runs, n), chances.reshape(runs, n), strict=True))
    found = np.array([(estimate(*part), hajek(*part)) for part in parts])
    values = found[..., 0]
    errors = 4 * values.std(axis=0) / np.sqrt(runs)
    assert abs(values[:, 0].mean() - 0.5) < errors[0]
    assert abs(values[:, 1].mean() - 0.5) < errors[1] + 0.004
    assert values.std(axis=0) == pytest.approx(sds, rel=4 / np.sqrt(2 * runs))
    assert np.sqrt(found[..., 1].mean(axis=0)) == pytest.approx(designs, rel=0.04)
    assert [labels[played.decided].mean(), np.nanmean(labels)] == pytest.approx(plain, abs=0.005)
    assert (1 / chances)[played.accepted].sum() / (n * runs) == pytest.approx(1, abs=0.01)
    tpr = rates(played.decided, labels, chances, played.people.groups, 1)["tpr"].share
    assert abs(tpr.value[0] - (1 - tau**2)) < 4 * np.sqrt(tpr.variance[0])
    truth = played.outcome.reshape(runs, n).mean(axis=1)
    return np.abs(values - truth[:, None]) <= 1.96 * np.sqrt(found[..., 1])


@pytest.mark.parametrize(
    ("tau", "e", "plain", "sds", "designs"),
    [
        (0.8, 0.05, (0.9, 0.816667), (0.079561, 0.063640), (0.077974, 0.061644)),
        (0.8, 0.2, (0.9, 0.677778), (0.039115, 0.032404), (0.035777, 0.028284)),
        (0.5, 0.1, (0.75, 0.704545), (0.037081, 0.037081), (0.033541, 0.033541)),
    ],
)
def test_estimates_have_the_closed_errors_and_their_intervals_cover(tau, e, plain, sds, designs):
    covered = is_unbiased_with_the_closed_error(tau, e, plain, sds, designs)
    assert covered.mean(axis=0) == pytest.approx([0.945, 0.945], abs=0.035)


def test_the_error_goes_as_the_root_of_odds_against_exploration():
    """Exactly, from the design variance: 2.179 from e .05 to .2, not 2."""
    scores = np.random.default_rng(0).random(200_000) * 0.8
    variance = {e: (scores * (1 - e) / e).sum() for e in (0.05, 0.2)}
    assert np.sqrt(variance[0.05] / variance[0.2]) == pytest.approx(2.179, abs=5e-4)
    table = {(0.8, 0.05): 0.077974, (0.8, 0.2): 0.035777, (0.5, 0.1): 0.033541}
    for (tau, e), wanted in table.items():  # N = 1000; E[y^2; s < tau] = tau^2 / 2
        assert np.sqrt(tau**2 / 2 * (1 - e) / e / 1000) == pytest.approx(wanted, abs=6e-7)


def broken_share(real):
    """Exploration whose propensity is that of accepted people, too."""

    def broken(accepted, share, rng, draw="independent"):
        found = real(accepted, share, rng, draw)
        return found._replace(propensity=np.full(len(accepted), share))

    return broken


def test_each_broken_step_fails_the_law(monkeypatch):
    law = (0.8, 0.2, (0.9, 0.677778), (0.039115, 0.032404), (0.035777, 0.028284))

    def weighed_by_the_chance(labels, propensity):
        return horvitz_thompson(labels, 1 / propensity)

    with pytest.raises(AssertionError):
        is_unbiased_with_the_closed_error(*law, estimate=weighed_by_the_chance)
    monkeypatch.setattr("fairloop.people.rounds.explore", broken_share(explore))
    with pytest.raises(AssertionError):
        is_unbiased_with_the_closed_error(*law)


# A belief about a group that nobody of it can correct.


def accepted_after_one_round(e, runs=4000, play=play):
    """Share of runs in which a group with true rate .7 and prior .3 is accepted after 100 people."""
    kind = SelectiveLabels({"kind": "uniform", "low": (0.7,), "high": (0.7,)})
    accepted = 0
    for number in range(runs):
        belief = GroupBelief.of((0.3,), 10)
        played = play(kind, {}, 100, belief, Streams.of(7, number), e)
        belief = belief.updated(played.people.groups[played.accepted], played.outcome[played.accepted])
        accepted += int(belief.rates[0] >= 0.5)
    return accepted / runs


def exactly(e):
    """The same by enumeration of labels and of positive ones."""
    labels = np.arange(101)
    enough = np.ceil(0.5 * (10 + labels) - 3 - 1e-12)
    return float((binom.pmf(labels, 100, e) * binom.sf(enough - 1, labels, 0.7)).sum())


def test_a_rejected_group_stays_misjudged_without_exploration():
    assert [exactly(e) for e in (0.01, 0.05, 0.2)] == pytest.approx([0.004294, 0.240938, 0.847760], abs=6e-7)
    assert accepted_after_one_round(0, runs=50) == 0
    runs = 500
    wanted = exactly(0.05)
    assert accepted_after_one_round(0.05, runs) == pytest.approx(wanted, abs=4 * np.sqrt(wanted * (1 - wanted) / runs))


def test_exploration_of_everybody_would_break_the_lock():
    """The lock-in law fails where the labels of rejected people are seen."""

    def leaky(*arguments):
        played = play(*arguments)
        return type(played)(**{**vars(played), "accepted": np.ones_like(played.accepted)})

    assert accepted_after_one_round(0, runs=20, play=leaky) == 1


def test_the_belief_is_locked_for_ever():
    law = {"kind": "uniform", "low": (0.7, 0.7), "high": (0.7, 0.7), "shares": (0.5, 0.5), "groups": ("A", "B")}
    kind, belief = SelectiveLabels(law), GroupBelief.of((0.9, 0.3), 10)
    for number in range(30):
        played = play(kind, {}, 200, belief, Streams.of(1, number))
        belief = belief.updated(played.people.groups[played.accepted], played.outcome[played.accepted])
    assert belief.rates[0] == pytest.approx(0.7, abs=0.03)
    assert belief.rates[1] == 0.3


# Exploration itself.


@given(
    st.lists(st.booleans(), max_size=40), st.floats(0, 1), st.sampled_from(["independent", "exact"]), st.integers(0, 99)
)
def test_exploration_accepts_only_more_and_records_the_chance(accepted, share, draw, seed):
    accepted = np.array(accepted, dtype=bool)
    found = explore(accepted, share, np.random.default_rng(seed), draw)
    assert (found.accepted | ~accepted).all()
    assert (found.propensity[accepted] == 1).all()
    if draw == "independent":
        assert (found.propensity[~accepted] == share).all()
    else:
        rejected = (~accepted).sum()
        assert (found.accepted & ~accepted).sum() == round(share * rejected)
        assert found.propensity[~accepted] == pytest.approx(round(share * rejected) / max(rejected, 1))


def test_exploration_changes_neither_people_nor_outcomes():
    rounds = [play(SCORES, {}, 300, SCORES.rule(), Streams.of(4, 2), e) for e in (0, 0.3, 1)]
    for other in rounds[1:]:
        assert np.array_equal(rounds[0].people.features, other.people.features)
        assert np.array_equal(rounds[0].outcome, other.outcome)
        assert np.array_equal(rounds[0].decided, other.decided)
    assert rounds[2].accepted.all()


def test_an_exploration_that_is_no_probability_is_refused():
    with pytest.raises(InputError, match=r"people.exploration: 1.5 is not a probability"):
        decisions.explore(np.ones(2, bool), 1.5, np.random.default_rng(0))


def test_exactly_drawn_labels_have_the_variance_of_a_sample_without_replacement():
    labels = np.random.default_rng(1).random(60) < 0.4
    totals = []
    for seed in range(1500):
        found = explore(np.zeros(60, bool), 0.25, np.random.default_rng(seed), "exact")
        totals.append(horvitz_thompson(seen(labels.astype(float), found.accepted), found.propensity).value)
    m, f = 15, 0.25
    assert np.var(totals) == pytest.approx((1 - f) * labels.var(ddof=1) / m, rel=0.15)
