"""Allocation (Ensign et al., 2018): urns against exact distributions, Polya's law and published figures."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaln

from fairloop.errors import InputError
from fairloop.people.allocation import Allocation
from fairloop.people.interface import People, Streams
from fairloop.people.rounds import play
from fairloop.people.urns import Urn, runs

OAKLAND = np.array([3.68511, 2.816466])
TWO, THREE = np.array([0.6, 0.4]), np.array([0.8, 0.6, 0.4])


def rng(seed=0):
    return np.random.default_rng(seed)


def shares(counts):
    return counts / counts.sum(axis=1, keepdims=True)


# Corrected: kept incidents fall into regions by their rates, whatever the shares and the past.


def keeps_incidents_by_their_rates(urn, start, patrols, rounds, count=400):
    """Kept incidents of each region are Binomial(all kept, rate / sum of rates): mean and variance of their z."""
    counts = runs(urn, start, patrols, rounds, count, rng(1))
    kept = counts - np.asarray(start)
    p, n = urn.rates / urn.rates.sum(), kept.sum(axis=1, keepdims=True)
    z = (kept - n * p) / np.sqrt(n * p * (1 - p))
    assert np.abs(z.mean(axis=0)).max() < 4.5 / np.sqrt(count)
    assert np.abs(z.var(axis=0) - 1).max() < 4.5 * np.sqrt(2 / count)


@pytest.mark.parametrize(
    ("rates", "correction", "start", "patrols", "rounds"),
    [
        (TWO, "complement", (10, 10), 1, 300),
        (TWO, "smallest", (30, 5), 1, 300),
        (TWO, "complement", (5, 50), 20, 30),
        (THREE, "smallest", (10, 10, 10), 1, 300),
        (THREE, "smallest", (50, 5, 5), 40, 20),
    ],
)
def test_a_correction_keeps_incidents_by_their_rates(rates, correction, start, patrols, rounds):
    keeps_incidents_by_their_rates(Urn(rates, correction=correction), start, patrols, rounds)


def test_the_kind_keeps_incidents_by_their_rates():
    kind = Allocation((30, 5), correction="smallest")
    ends = []
    for seed in range(60):
        state = kind.start(0, rng())
        for number in range(6):
            state = play(kind, state, 80, None, Streams.of(seed, number)).state
        ends.append(state["counts"] - kind.initial)
    kept = np.array(ends)
    n = kept.sum()
    assert kept[:, 0].sum() / n == pytest.approx(0.6, abs=4.5 * np.sqrt(0.24 / n))


class ComplementOfThree(Urn):
    """Keeps an incident with probability 1 - share, which is right for two regions alone."""

    def keep(self, counts):
        return 1 - counts / counts.sum(axis=-1, keepdims=True)


def test_broken_corrections_fail_the_law():
    with pytest.raises(AssertionError):
        keeps_incidents_by_their_rates(Urn(TWO), (30, 5), 1, 300)
    with pytest.raises(AssertionError):
        keeps_incidents_by_their_rates(ComplementOfThree(THREE, correction="smallest"), (10, 10, 10), 1, 300)


@pytest.mark.parametrize(("correction", "wanted"), [("complement", 1.0), ("smallest", 0.6)])
def test_the_corrected_share_has_its_variance(correction, wanted):
    draws = 800
    found = shares(runs(Urn(TWO, correction=correction), (1, 1), 1, draws, 600, rng(2)))[:, 0]
    assert draws * found.var() == pytest.approx(wanted, rel=0.25)


# Runaway, exactly: the distribution of counts after n draws, by dynamic programming.


def distribution(start, rates, draws):
    """(draws + 1, draws + 1) P(finds in A, finds in B), for one patrol a round and Bernoulli finds."""
    mass = np.zeros((draws + 1, draws + 1))
    mass[0, 0] = 1
    a, b = np.arange(draws + 1)[:, None] + start[0], np.arange(draws + 1)[None] + start[1]
    x = a / (a + b)
    for _ in range(draws):
        in_a, in_b = mass * x * rates[0], mass * (1 - x) * rates[1]
        mass = mass - in_a - in_b
        mass[1:] += in_a[:-1]
        mass[:, 1:] += in_b[:, :-1]
    return mass, a, b


def test_without_a_correction_the_share_runs_away_as_the_exact_law_says():
    mass, a, b = distribution((10, 10), TWO, 200)
    exact = (mass * a / (a + b)).sum()
    assert exact == pytest.approx(0.66432, abs=4 * 0.00135)
    ratio = 2 / 3
    assert 10 * np.exp(gammaln(10 - ratio) - gammaln(10)) == pytest.approx(2.28269, abs=6e-6)
    assert (mass * b / a**ratio).sum() == pytest.approx(2.268, abs=0.01)
    found = shares(runs(Urn(TWO), (10, 10), 1, 200, 1500, rng()))[:, 0]
    assert found.mean() == pytest.approx(exact, abs=4 * found.std() / np.sqrt(1500))


def test_mean_shares_after_a_thousand_draws():
    table = {"none": (0.77244, 0.00113), "complement": (0.59191, 0.00066), "smallest": (0.59644, 0.00050)}
    for correction, (wanted, known) in table.items():
        found = shares(runs(Urn(TWO, correction=correction), (10, 10), 1, 1000, 100, rng(3)))[:, 0]
        assert found.mean() == pytest.approx(wanted, abs=4 * np.hypot(known, found.std() / np.sqrt(100)))


# Equal rates: Polya's urn, and the smaller variance of many patrols a round.


def polya_variance(start, patrols, rounds):
    """Of the share after these rounds, where each patrol finds one incident."""
    total, x = sum(start), start[0] / sum(start)
    left = np.prod([1 - patrols / (total + patrols * t) ** 2 for t in range(1, rounds + 1)])
    return x * (1 - x) * (1 - left)


def test_the_variances_of_urns_have_their_closed_values():
    for start, wanted in (((1, 1), 0.083250), ((2, 1), 0.055472), ((5, 5), 0.022614)):
        total, x, n = sum(start), start[0] / sum(start), 2000
        closed = x * (1 - x) * (1 - total / (total + 1) * (total + n + 1) / (total + n))
        assert closed == pytest.approx(wanted, abs=6e-7)
        assert polya_variance(start, 1, n) == pytest.approx(closed)
    long = [polya_variance((5, 5), m, 200_000 // m) for m in (1, 10, 100)]
    assert long == pytest.approx([0.022727, 0.015712, 0.003567], abs=2e-6)
    assert polya_variance((5, 5), 10, 300) == pytest.approx(0.015635, abs=6e-7)


@pytest.mark.parametrize(("start", "patrols", "rounds"), [((1, 1), 1, 200), ((2, 1), 1, 200), ((5, 5), 10, 60)])
def test_equal_rates_keep_the_mean_and_have_the_variance_of_the_law(start, patrols, rounds):
    count = 2000
    found = shares(runs(Urn(np.ones(2)), start, patrols, rounds, count, rng(4)))[:, 0]
    exact = polya_variance(start, patrols, rounds)
    assert found.mean() == pytest.approx(start[0] / sum(start), abs=4 * np.sqrt(exact / count))
    assert found.var() == pytest.approx(exact, rel=4.5 * np.sqrt(2 / count))


@given(st.integers(1, 40), st.floats(0.1, 1), st.integers(0, 9))
@settings(max_examples=10, deadline=None)
def test_equal_rates_are_a_martingale_for_any_number_of_patrols(patrols, rate, seed):
    found = shares(runs(Urn(np.array([rate, rate])), (3, 6), patrols, 8, 800, rng(seed)))[:, 0]
    assert abs(found.mean() - 1 / 3) < 4.5 * found.std() / np.sqrt(800)


def sends_all_patrols_by_the_shares_at_the_start(kind, n=200, count=150):
    """The variance of a round's share of patrols is that of independent draws."""
    state = kind.start(n, rng())
    sent = [kind.arrive(state, n, None, Streams.of(0, number)).groups.mean() for number in range(count)]
    assert np.var(sent) == pytest.approx(0.25 / n, rel=5 * np.sqrt(2 / count))


class OneByOne(Allocation):
    """Each patrol of a round sees what the patrols before it have found."""

    def arrive(self, state, n, published, rngs):
        counts, regions = state["counts"].copy(), []
        for _ in range(n):
            regions.append(int(rngs.arrivals.random() * counts.sum() >= counts[0]))
            counts[regions[-1]] += 1
        groups = np.array(regions)
        return People(np.eye(2)[groups], groups, {"rate": self.urn.rates[groups]})


def test_the_shares_at_the_start_of_a_round_send_all_its_patrols():
    sends_all_patrols_by_the_shares_at_the_start(Allocation((5, 5), (1, 1)))
    with pytest.raises(AssertionError):
        sends_all_patrols_by_the_shares_at_the_start(OneByOne((5, 5), (1, 1)))


# Limits.


@pytest.mark.parametrize(
    ("reported", "wanted"),
    [(0, 1), (0.1, 0.775890), (0.2, 0.682591), (0.3, 0.638738), (0.4, 0.614287), (0.5, 0.598897)],
)
def test_reports_move_the_limit_to_a_root_of_the_published_equation(reported, wanted):
    found = Urn(OAKLAND, "poisson", reported=reported).limit()
    (a, d), b, c = OAKLAND, reported * OAKLAND[1], reported * OAKLAND[0]
    roots = np.roots([c + d - a - b, a - 2 * c - d, c])
    assert found[0] == pytest.approx(wanted, abs=6e-7)
    assert np.abs(roots - found[0]).min() < 1e-9
    assert found.sum() == pytest.approx(1)


def test_reports_give_the_drift_of_the_equation():
    """One round of many patrols from fixed counts: the mean growth of each region."""
    urn, sent = Urn(OAKLAND, "poisson", reported=0.3), np.array([70_000, 30_000])
    grown = urn.after(np.zeros(2) + 1, sent, urn.found(sent, rng()), rng(1)) - 1
    mixed = np.array([[OAKLAND[0], 0.3 * OAKLAND[1]], [0.3 * OAKLAND[0], OAKLAND[1]]])
    assert grown == pytest.approx(sent @ mixed, rel=0.01)


def test_one_minus_the_share_leads_three_regions_elsewhere():
    """The limit of the formula balances the drift, and is not the truth; the right correction balances it there."""
    limit = 1 - 2 / (THREE * (1 / THREE).sum())
    assert limit == pytest.approx([0.538462, 0.384615, 0.076923], abs=6e-7)
    kept = limit * THREE * ComplementOfThree(THREE, correction="smallest").keep(limit)
    assert kept / kept.sum() == pytest.approx(limit)
    right = THREE / THREE.sum() * THREE * Urn(THREE, correction="smallest").keep(THREE / THREE.sum())
    assert right / right.sum() == pytest.approx(THREE / THREE.sum())


def test_limits_of_corrected_and_of_balanced_urns():
    assert Urn(OAKLAND, "poisson", "smallest").limit()[0] == pytest.approx(0.566803, abs=6e-7)
    assert Urn(THREE, correction="smallest").limit() == pytest.approx(THREE / 1.8)
    assert np.isnan(Urn(np.ones(2)).limit()).all()


@pytest.mark.parametrize(
    ("rates", "start", "correction", "wanted", "known"),
    [
        (OAKLAND, (609, 379), "none", 0.93325, 0.00126),
        (OAKLAND, (609, 379), "smallest", 0.56790, 0.00107),
        (np.array([3.68511, 2.35592]), (609, 7), "none", 0.99437, 0.00017),
        (np.array([3.68511, 2.35592]), (609, 7), "smallest", 0.61223, 0.00114),
    ],
)
def test_the_figures_of_oakland(rates, start, correction, wanted, known):
    urn = Urn(rates, "poisson", correction, decay=0.01)
    found = shares(runs(urn, start, 1, 1000, 150, rng(5)))[:, 0]
    assert found.mean() == pytest.approx(wanted, abs=4 * np.hypot(known, found.std() / np.sqrt(150)))


# Invariants.


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(1, 30), min_size=2, max_size=4),
    st.sampled_from(["none", "smallest"]),
    st.floats(0.01, 1),
    st.integers(0, 99),
)
def test_counts_never_fall_and_regions_without_patrols_gain_nothing(start, correction, rate, seed):
    kind = Allocation(start, [rate] * len(start), correction=correction)
    state = kind.start(1, rng())
    played = play(kind, state, 3, None, Streams.of(seed))
    grown = played.state["counts"] - state["counts"]
    assert (grown >= 0).all()
    assert not grown[np.bincount(played.people.groups, minlength=len(start)) == 0].any()
    assert grown.sum() <= played.outcome.sum()


def test_patrols_that_stay_at_home_find_nothing():
    kind = Allocation((10, 10), (1, 1))
    state = kind.start(1, rng())
    people = kind.arrive(state, 50, None, Streams.of(0))
    stay = np.zeros(50, dtype=bool)
    after = kind.respond(state, people, stay, kind.outcome(people, rng()), Streams.of(0))
    assert np.array_equal(after["counts"], state["counts"])


def test_names_of_regions_do_not_matter():
    first, second = (
        shares(runs(Urn(rates), start, 5, 40, 1500, rng(6)))[:, place]
        for rates, start, place in ((TWO, (8, 4), 0), (TWO[::-1], (4, 8), 1))
    )
    assert first.mean() == pytest.approx(second.mean(), abs=4 * np.hypot(first.std(), second.std()) / np.sqrt(1500))


def test_forgotten_incidents_leave_one_in_each_region():
    counts = runs(Urn(np.array([0.0, 0.0]), decay=0.5), (40, 3), 1, 30, 20, rng())
    assert (counts == 1).all()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"start": (0, 5)}, "start: 0 leaves a region without patrols for ever"),
        ({"start": (6.09, 3.79), "decay": 0.01}, "decay needs whole counts"),
        ({"rates": (1.5, 0.4)}, "rates: 1.5 is not from 0 to 1"),
        ({"rates": (0.5, 0.4, 0.3)}, "rates: has the shape"),
        ({"start": (1, 1, 1), "rates": (0.5, 0.4, 0.3), "correction": "complement"}, "only for two regions"),
        ({"reported": 2}, "reported: 2 is not from 0 to 1"),
        ({"rates": (0, 0)}, "rates: are all 0"),
        ({"start": (3,), "rates": (0.5,)}, "has a single region"),
    ],
)
def test_wrong_arguments_are_refused(arguments, words):
    with pytest.raises(InputError, match=words):
        Allocation(**arguments)
