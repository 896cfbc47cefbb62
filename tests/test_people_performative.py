"""Performative prediction (Perdomo et al., 2020): rates, stable points and optima against closed forms and search."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from fairloop import presets, simulate
from fairloop.errors import InputError
from fairloop.loop.people.population import source_of, start_of
from fairloop.people.families import Coin, Credit, Location, gradient_descent, logistic, minimisation
from fairloop.people.interface import Streams
from fairloop.people.performative import Performative
from fairloop.people.rounds import play
from fairloop.people.rules import GroupBelief, LinearRule
from fairloop.spec.run import from_mapping

X = np.array([(-1, 0.5), (0, 1), (1, -0.5), (2, 1), (-0.5, -1), (0.5, 0)])
Y = np.array([1.0, 0, 1, 0, 1, 0])
RIDGED = Location.of(2, 0.6, 1, ridge=0.5)


def factors(path, stable):
    """(rounds,) distance to the stable point over the distance one round before, with its sign, in one dimension."""
    away = path[:, 0] - stable[0]
    return away[1:] / away[:-1]


def six(strength):
    return Credit(X, Y, -np.array(strength), np.full(2, 0.5))


# Location families.


def test_a_location_family_contracts_at_its_factor():
    known = Location.of(10, 0.9, 0.1)
    path = minimisation(known, [0.0], 20)
    assert known.stable() == pytest.approx([100])
    assert abs(path[-1, 0] - 100) == pytest.approx(12.15767, abs=6e-6)
    assert factors(path, known.stable()) == pytest.approx(np.full(20, 0.9), abs=1e-9)
    assert known.optimum() == pytest.approx(known.stable())
    assert Location.of(10, 0.9, 0.1, factor=2).risk(np.array([100.0])) == pytest.approx(0.01)


def test_at_and_beyond_the_bound_there_is_no_way_to_a_stable_point():
    assert np.isnan(Location.of(1, 1.0).stable()).all()
    path = minimisation(Location.of(1, 1.1), [0.0], 50)
    assert factors(path, Location.of(1, 1.1).stable()) == pytest.approx(np.full(50, 1.1), abs=1e-9)


def tells_stable_from_optimal(known, stable, optimal, factor, risks):
    assert known.stable() == pytest.approx([stable], abs=6e-7)
    assert known.optimum() == pytest.approx([optimal], abs=6e-7)
    assert [known.risk(known.stable()), known.risk(known.optimum())] == pytest.approx(risks, abs=6e-7)
    assert factors(minimisation(known, [0.1], 8), known.stable()) == pytest.approx(np.full(8, factor), abs=1e-9)
    found = minimize(known.risk, [0.0], tol=1e-12)
    assert found.x == pytest.approx(known.optimum(), abs=1e-5)
    assert np.abs(known.minimiser(known.stable()) - known.stable()).max() < 1e-10


def test_with_a_ridge_and_for_the_coin_stable_and_optimal_points_differ():
    tells_stable_from_optimal(RIDGED, 2.222222, 1.212121, 0.4, (2.351852, 2.015152))
    tells_stable_from_optimal(Coin(0.2, 0.2), 0.25, 0.333333, 0.2, (0.1875, 0.183333))


@given(st.floats(-2, 2), st.floats(-0.9, 0.9), st.floats(0, 2))
def test_the_optimum_is_no_worse_than_the_stable_point(mean, slope, ridge):
    known = Location.of(mean, slope, ridge=ridge)
    assert known.risk(known.optimum()) <= known.risk(known.stable()) + 1e-9
    gap = np.abs(known.gradient(known.stable())).max()
    assert gap < 1e-7 * (1 + np.abs(known.stable()).max())


@pytest.mark.parametrize(
    ("slope", "step", "factor", "loss"),
    [(0.9, 0.5, 0.95, 1), (1.1, 0.5, 1.05, 1), (-1.5, 0.5, -0.25, 1), (-1.5, 0.9, -1.25, 1), (0.9, 0.25, 0.95, 2)],
)
def test_gradient_descent_has_its_factor(slope, step, factor, loss):
    known = Location.of(1, slope, factor=loss)
    assert factors(gradient_descent(known, [0.1], step, 12), known.stable()) == pytest.approx(np.full(12, factor))


def test_gradient_descent_converges_where_minimisation_diverges():
    known = Location.of(1, -1.5)
    assert gradient_descent(known, [0.0], 0.5, 60)[-1] == pytest.approx([1 / 2.5])
    assert factors(minimisation(known, [0.0], 10), known.stable()) == pytest.approx(np.full(10, -1.5))


def test_the_spectral_radius_decides_not_the_norm():
    known = Location(np.ones(2), np.array([[0.5, 1.2], [0, 0.4]]))
    path = minimisation(known, np.zeros(2), 300)
    assert np.linalg.norm(known.slope, 2) == pytest.approx(1.352080, abs=6e-7)
    assert path[-1] == pytest.approx([6, 1.666667], abs=1e-6)
    away = np.linalg.norm(path - known.stable(), axis=1)[:4]
    assert away == pytest.approx([6.227181, 5.044249, 3.310757, 1.972886], abs=6e-7)


def test_no_response_is_plain_risk_minimisation():
    known, credit = Location.of(3, 0.0), six((0, 0))
    for one, start in ((known, [9.0]), (credit, [9.0, 9.0])):
        path = minimisation(one, start, 2)
        assert path[1] == pytest.approx(path[2], abs=1e-12)
        assert one.stable() == pytest.approx(one.optimum(), abs=1e-7)


# The credit simulator.


@pytest.mark.parametrize(
    ("strength", "path", "limit"),
    [
        (
            (2, 0),
            [(-0.30268100, -0.36323038), (-0.23494447, -0.36055374), (-0.25224077, -0.36052821)],
            (-0.24874960, -0.36050884),
        ),
        (
            (2, 2),
            [(-0.30268100, -0.36323038), (-0.20265206, -0.24277558), (-0.23798581, -0.28890289)],
            (-0.22852055, -0.27614595),
        ),
    ],
)
def test_six_people_follow_their_path(strength, path, limit):
    known = six(strength)
    found = minimisation(known, np.zeros(2), 3)
    assert found[1:] == pytest.approx(np.array(path), abs=6e-9)
    assert known.stable() == pytest.approx(limit, abs=6e-9)
    assert np.abs(known.minimiser(known.stable()) - known.stable()).max() < 1e-10


def test_an_intercept_without_a_penalty_absorbs_every_response():
    features, ridge = np.hstack([X, np.ones((6, 1))]), np.array([0.5, 0.5, 0])
    for strength in (2.0, 100.0):
        known = Credit(features, Y, -np.array([strength, 0, 0]), ridge)
        path = minimisation(known, np.zeros(3), 4)
        assert path[1] == pytest.approx([-0.31788101, -0.37167505, 0.16484275], abs=6e-9)
        absorbed = path[1] + [0, 0, strength * path[1, 0] ** 2]
        assert path[2:] == pytest.approx(np.tile(absorbed, (3, 1)), abs=1e-7)
    assert minimisation(Credit(features, Y, -np.array([2.0, 0, 0]), ridge), np.zeros(3), 2)[2, 2] == pytest.approx(
        0.36693942, abs=6e-9
    )


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 99), st.floats(1e-3, 2), st.floats(-0.8, 0.8))
def test_the_logistic_risk_and_its_minimiser_against_general_search(seed, ridge, strength):
    rng = np.random.default_rng(seed)
    features, labels = rng.normal(size=(50, 3)), (rng.random(50) < 0.5).astype(float)
    found = logistic(features, labels, np.full(3, ridge))
    still = Credit(features, labels, np.zeros(3), np.full(3, ridge))
    assert np.abs(still.gradient(found)).max() < 1e-9
    assert still.risk(found) <= minimize(still.risk, np.zeros(3)).fun + 1e-9
    moving = Credit(features, labels, np.full(3, strength), np.full(3, ridge))
    theta, small = rng.normal(size=3), 1e-6
    slopes = [(moving.risk(theta + small * e) - moving.risk(theta - small * e)) / (2 * small) for e in np.eye(3)]
    assert moving._slope_of_risk(theta) == pytest.approx(slopes, abs=1e-5)


def test_the_optimum_of_credit_is_one_of_the_risk():
    known = six((2, 0))
    search = minimize(known.risk, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-13})
    assert known.optimum() == pytest.approx(search.x, abs=1e-5)
    assert known.risk(known.optimum()) < known.risk(known.stable()) - 1e-6


# The kind.


def retrained(kind, rounds, n, seed=0, start=0.0):
    """(rounds + 1,) weights of a model that is refitted to the mean of what it sees, from round to round."""
    state, path = kind.start(n, Streams.of(seed).arrivals), [start]
    for number in range(rounds):
        rule = LinearRule(np.array([path[-1]]), 0.0)
        played = play(kind, state, n, rule, Streams.of(seed, number))
        state, x = played.state, played.people.features[:, 0]
        path.append(float(x @ (played.outcome - (0.5 if kind.family == "coin" else 0)) / (x @ x)))
    return np.array(path)


def has_the_sampling_distribution(kind, stable, factor, rounds=12, n=100, count=60):
    """Weights after some rounds, over many seeds: the mean of the law, and its standard deviation."""
    ends = np.array([retrained(kind, rounds, n, seed)[-1] for seed in range(count)])
    left = factor**rounds
    spread = np.sqrt(kind.spread**2 / n * (1 - factor ** (2 * rounds)) / (1 - factor**2))
    assert abs(ends.mean() - stable * (1 - left)) < 4 * spread / np.sqrt(count)
    assert ends.std() == pytest.approx(spread, rel=4 / np.sqrt(2 * count))


def starts_from_the_base(kind, n=60, rounds=10):
    """Under one published model for ten rounds, people stand where one response takes them."""
    state, rule = kind.start(n, np.random.default_rng(0)), LinearRule(np.array([1.0, -2.0]), 0.0)
    base = state["features"]
    for number in range(rounds):
        played = play(kind, state, n, rule, Streams.of(0, number))
        state = played.state
    moves = np.array([kind.epsilon, 0.0]) * rule.weights
    assert np.allclose(played.people.features, base + moves, atol=1e-12)
    assert np.array_equal(played.people.features[:, 1], base[:, 1])
    assert np.array_equal(played.outcome, state["labels"])
    assert (played.people.features @ rule.weights > base @ rule.weights).all()


def measures_both_distances(kind, stable, optimal):
    """Distances of a published weight of 1."""
    state = kind.start(10, np.random.default_rng(0))
    found = play(kind, state, 10, LinearRule(np.ones(1), 0.0), Streams.of(0)).measures
    assert found["distance_to_stable"] == pytest.approx(abs(1 - stable), abs=1e-6)
    assert found["distance_to_optimal"] == pytest.approx(abs(1 - optimal), abs=1e-6)


CREDIT = {"epsilon": 0.5, "movable": ["x0"]}
COIN = {"family": "coin", "mean": 0.2, "epsilon": 0.2}
LOCATION = {"family": "location", "mean": 1.0, "epsilon": 0.8, "spread": 1.0}


def test_the_kind_follows_its_laws():
    has_the_sampling_distribution(Performative(**LOCATION), 5.0, 0.8)
    starts_from_the_base(Performative(**CREDIT))
    measures_both_distances(Performative(**COIN), 0.25, 1 / 3)
    assert retrained(Performative(**COIN), 6, 50_000)[-1] == pytest.approx(0.25, abs=0.01)


class Twice(Performative):
    """The response is applied twice: the published slip of a simulator."""

    def _theta(self, published):
        return 2 * super()._theta(published)


class FromTheLast(Performative):
    """The response starts where the last round ended."""

    def respond(self, state, people, accepted, outcome, rngs):
        return {**state, "features": people.features}


class OptimalForStable(Performative):
    def start(self, n, rng):
        state = super().start(n, rng)
        return {**state, "optimal": state["stable"]}


def test_each_broken_step_fails_the_law():
    with pytest.raises(AssertionError):
        has_the_sampling_distribution(Twice(**{**LOCATION, "epsilon": 0.4}), 1 / 0.6, 0.4, 4, count=20)
    for broken in (Twice, FromTheLast):
        with pytest.raises(AssertionError):
            starts_from_the_base(broken(**CREDIT))
    with pytest.raises(AssertionError):
        measures_both_distances(OptimalForStable(**COIN), 0.25, 1 / 3)
    stable = RIDGED.stable()
    swapped = type("Swapped", (Location,), {"optimum": lambda known: stable})
    with pytest.raises(AssertionError):
        tells_stable_from_optimal(
            swapped(RIDGED.mean, RIDGED.slope, 1, 0.5), 2.222222, 1.212121, 0.4, (2.351852, 2.015152)
        )


def test_the_kind_knows_the_points_of_its_people():
    kind = Performative(ridge=0.5, **CREDIT)
    state = kind.start(400, np.random.default_rng(1))
    known = Credit(state["features"], state["labels"].astype(float), kind.strength, np.full(2, 0.5))
    assert np.abs(known.minimiser(state["stable"]) - state["stable"]).max() < 1e-10
    assert np.abs(known._slope_of_risk(state["optimal"])).max() < 1e-7


def minimiser_with_intercept(features, labels, ridge):
    """(d + 1,) weights and intercept, by general search: an oracle that shares no code with the kind."""
    inputs = np.hstack([features, np.ones((len(features), 1))])

    def loss(theta):
        odds = inputs @ theta
        return (
            np.mean(np.log1p(np.exp(-np.abs(odds))) + np.maximum(odds, 0) - labels * odds) + ridge * theta @ theta / 2
        )

    return minimize(loss, np.zeros(inputs.shape[1]), method="BFGS", options={"gtol": 1e-8}).x


def test_the_run_of_the_preset_goes_to_its_stable_point_by_its_factor():
    """Oracle: repeated minimisation by general search, of the base people of the run."""
    run = from_mapping(presets.fields("performative"), ["generations=4", "people.arrivals=300"])
    kind = source_of(run).kind
    state = start_of(kind, 300, run.seed)
    path = [np.zeros(3)]
    for _ in range(12):
        path.append(minimiser_with_intercept(state["features"] + 2.0 * path[-1][:2], state["labels"], 0.01))
    assert state["stable"] == pytest.approx(path[-1][:2], abs=1e-4)
    wanted = [np.linalg.norm(one[:2] - path[-1][:2]) for one in path[:4]]
    found = [one.value("distance_to_stable", role="people", split="true") for one in simulate(run)]
    assert np.isnan(found[0])  # nothing is published
    assert found[1:] == pytest.approx(wanted[1:], abs=2e-3)
    assert found[1] > 5 * found[3] > 0


def test_newcomers_bring_their_own_labels_and_points():
    kind = Performative(**CREDIT)
    state = kind.start(300, np.random.default_rng(1))
    after = kind.replace(state, np.arange(100), Streams.of(0))
    assert np.array_equal(after["labels"][100:], state["labels"][100:])
    known = Credit(after["features"], after["labels"].astype(float), kind.strength, np.full(2, kind.ridge))
    assert after["stable"] == pytest.approx(known.stable())
    assert np.abs(after["stable"] - state["stable"]).max() > 1e-6


def test_models_that_are_not_linear_are_refused_and_none_moves_nobody():
    kind = Performative(**CREDIT)
    state = kind.start(30, np.random.default_rng(0))
    with pytest.raises(InputError, match="performative needs a linear model"):
        kind.arrive(state, 30, GroupBelief.of((0.5, 0.5), 1), Streams.of(0))
    played = play(kind, state, 30, None, Streams.of(0))
    assert np.array_equal(played.people.features, state["features"])
    assert np.isnan(played.measures["distance_to_stable"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"family": "dice"}, "family: 'dice' is not one of credit, location, coin"),
        ({"family": "coin", "mean": 0.3, "epsilon": 0.3}, r"probabilities beyond \[0, 1\]"),
        ({"family": "location", "movable": ["x0"]}, "takes no law, movable or intercept"),
        ({"family": "coin", "mean": 0.1, "epsilon": 0.1, "intercept": True}, "takes no law, movable or intercept"),
        ({"intercept": "yes"}, "intercept: 'yes' is neither true nor false"),
        ({"epsilon": float("nan")}, "epsilon: nan is not finite"),
        ({"ridge": -1}, "ridge: -1 is not at least 0"),
    ],
)
def test_wrong_arguments_are_refused(arguments, words):
    with pytest.raises(InputError, match=words):
        Performative(**arguments)
