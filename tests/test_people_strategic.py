"""Strategic response (Hardt et al., 2016): best responses and burdens against closed forms, search and quadrature."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.stats import norm

from fairloop.errors import InputError
from fairloop.people.base import Normal
from fairloop.people.best_response import to_linear, to_score
from fairloop.people.costs import Cost
from fairloop.people.interface import Streams
from fairloop.people.rounds import play
from fairloop.people.rules import GroupThresholds, LinearRule
from fairloop.people.strategic import Strategic

ONE = Normal(negative=((1.0,),), positive=((1.0,),), rates=(0.5,), shares=(1.0,), groups=("all",))
"""X ~ N(1, 1) under both labels, so that every person is one of label 1 in the table below."""

TABLE = [  # cost, kappa, tau, D, burden, its derivative by tau, share moving, mean move, accepted after
    ("distance", 1, 1.0, 1, 0.398942, 0.5, 0.341345, 0.156972, 0.841345),
    ("distance", 1, 1.5, 1, 0.697797, 0.691462, 0.382925, 0.191462, 0.691462),
    ("distance", 2, 1.0, 0.5, 0.797885, 1.0, 0.191462, 0.046877, 0.691462),
    ("distance", 2, 1.5, 0.5, 1.395593, 1.382925, 0.191462, 0.048854, 0.5),
    ("squared", 1, 1.0, 1.414214, 0.25, 0.398942, 0.421350, 0.252180, 0.921350),
    ("squared", 1, 1.5, 1.414214, 0.520180, 0.697797, 0.511160, 0.344969, 0.819698),
    ("squared", 2, 1.0, 1, 0.5, 0.797885, 0.341345, 0.156972, 0.841345),
]
W, X, TAU = np.array([3.0, 4.0]), np.array([[1.0, 0.5]]), 7.0
"""A gap of 2, at a distance of .4."""


def grid(mean=1.0, points=200_001):
    """Equal masses of N(mean, 1), and one feature of each."""
    return mean + norm.ppf((np.arange(points) + 0.5) / points)[:, None]


def has_the_closed_shift(cost, kappa, tau, d, burden, slope, moving, move, after):
    """Every number of a row of the table, over 200,001 equal masses of N(1, 1)."""
    kind, rule = Strategic(ONE, cost, kappa), LinearRule(np.ones(1), tau)
    base, groups = grid(), np.zeros(200_001, dtype=np.int64)
    features, moved = kind.response(base, groups, rule)
    assert kind.cost.reach(np.array(kind.gain / kappa), np.ones(1)) == pytest.approx(d, abs=5e-7)
    assert moved.mean() == pytest.approx(moving, abs=2e-5)
    assert (features - base).mean() == pytest.approx(move, abs=2e-5)
    assert rule.accepts(features, groups).mean() == pytest.approx(after, abs=2e-5)
    assert np.array_equal(rule.accepts(features, groups), base[:, 0] >= tau - d - 1e-9)
    up, here = (kind.burden(base, groups, np.ones(len(base)), LinearRule(np.ones(1), tau + h))[0] for h in (1e-4, 0))
    assert here == pytest.approx(burden, abs=2e-4)
    assert (up - here) / 1e-4 == pytest.approx(slope, abs=2e-4)


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_one_feature_has_the_closed_shift(row):
    has_the_closed_shift(*row)


def test_the_closed_burdens_equal_quadrature():
    for tau in (1.0, 1.5):
        z = tau - 1
        linear, _ = quad(lambda x, tau=tau: (tau - x) * norm.pdf(x, 1), -9, tau)
        square, _ = quad(lambda x, tau=tau: (tau - x) ** 2 / 2 * norm.pdf(x, 1), -9, tau)
        assert linear == pytest.approx(z * norm.cdf(z) + norm.pdf(z))
        assert square == pytest.approx(((z**2 + 1) * norm.cdf(z) + z * norm.pdf(z)) / 2)
        assert [row[4] for row in TABLE if row[1] == 1 and row[2] == tau] == pytest.approx([linear, square], abs=1e-6)


@pytest.mark.parametrize(
    ("cost", "wanted", "paid"),
    [
        (Cost("squared", 2), (1.24, 0.82), 0.08),
        (Cost("distance", 2), (1.24, 0.82), 0.4),
        (Cost("quadratic", 2, ((1.0, 0.0), (0.0, 4.0))), (1.461538, 0.653846), 0.153846),
        (Cost("absolute", 2, (1.0, 2.0)), (1.666667, 0.5), 0.666667),
        (Cost("squared", 2, movable=(True, False)), (1.666667, 0.5), 0.222222),
        (Cost("absolute", 2), (1.0, 1.0), 0.5),
    ],
    ids=lambda value: value.kind if isinstance(value, Cost) else None,
)
def test_the_vector_example(cost, wanted, paid):
    for budget in (paid * 1.001, paid * 0.999):
        for features, moved in (
            to_linear(X, W, TAU, cost, np.array([budget])),
            to_score(X, np.zeros(1, int), LinearRule(W, TAU), cost, np.array([budget])),
        ):
            assert moved[0] == (budget > paid)
            assert features[0] == pytest.approx(wanted if moved[0] else X[0], abs=2e-6)
    assert cost.least(np.array([2.0]), W)[0] == pytest.approx(paid, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.floats(-3, 3), min_size=2, max_size=2).filter(lambda w: np.linalg.norm(w) > 0.2),
    st.floats(0.3, 3),
    st.floats(0.3, 3),
    st.floats(-0.25, 0.25),
)
def test_no_other_change_is_cheaper(weights, k1, k2, off):
    w = np.array(weights)
    scale = np.array([[k1, off], [off, k2]])
    for cost in (Cost("squared", 2), Cost("quadratic", 2, scale.tolist())):
        constraint = {"type": "eq", "fun": lambda d: d @ w - 1}
        best = minimize(lambda d, cost=cost: cost.of(d[None])[0], w / (w @ w), constraints=constraint, tol=1e-12)
        assert cost.least(np.array([1.0]), w)[0] == pytest.approx(best.fun, rel=1e-4)
    angles = np.linspace(0, 2 * np.pi, 20_001)
    ways = np.column_stack([np.cos(angles), np.sin(angles)])
    rise = ways @ w
    open_ways = ways[rise > 1e-3] / rise[rise > 1e-3, None]
    for cost in (Cost("distance", 2), Cost("absolute", 2, (k1, k2))):
        assert cost.least(np.array([1.0]), w)[0] == pytest.approx(cost.of(open_ways).min(), rel=1e-3)


costs = st.sampled_from([Cost("squared", 2), Cost("distance", 2), Cost("quadratic", 2, ((2.0, 0.5), (0.5, 1.0)))])
finite = st.floats(-50, 50)


@settings(max_examples=60, deadline=None)
@given(costs, st.tuples(finite, finite), finite, st.floats(1e-3, 10), st.integers(0, 99), st.floats(0.01, 100))
def test_responses_obey_their_laws(cost, weights, tau, budget, seed, factor):
    base, w = np.random.default_rng(seed).normal(0, 3, (60, 2)), np.array(weights)
    budgets = np.full(60, budget)
    features, moved = to_linear(base, w, tau, cost, budgets)
    before, after = base @ w >= tau, features @ w >= tau
    assert not moved[before].any()
    assert after[moved].all()
    assert np.array_equal(features[~moved], base[~moved])
    assert (cost.of(features - base)[moved] <= budget * (1 + 1e-6) + 1e-9).all()
    assert (cost.least(tau - base @ w, w)[~moved & ~before] >= budget * (1 - 1e-6)).all()
    scaled = to_linear(base, factor * w, factor * tau, cost, budgets)
    near = np.abs(tau - base @ w - cost.reach(np.array(budget), w)) < 1e-7 * (1 + abs(tau))
    assert np.array_equal(scaled.moved[~near], moved[~near])
    same = ~near & moved
    assert scaled.features[same] == pytest.approx(features[same], abs=1e-6)
    twice = to_linear(np.repeat(base, 2, axis=0), w, tau, cost, np.repeat(budgets, 2))
    assert np.array_equal(twice.features[::2], twice.features[1::2])


def test_prices_decide_which_people_move():
    rule, base, groups = LinearRule(np.ones(1), 2.0), grid(points=999), np.zeros(999, dtype=np.int64)
    rejected = base[:, 0] < 2
    assert not Strategic(ONE, kappa=1e12).response(base, groups, rule).moved.any()
    assert np.array_equal(Strategic(ONE, kappa=1e-11).response(base, groups, rule).moved, rejected)


def test_a_tie_moves_and_a_model_without_open_weights_moves_nobody():
    base, groups = np.zeros((1, 1)), np.zeros(1, dtype=np.int64)
    assert Strategic(ONE, "distance").response(base, groups, LinearRule(np.ones(1), 1.0)).moved[0]
    assert not to_linear(X, W, TAU, Cost("squared", 2, movable=(False, False)), np.array([1e9])).moved.any()


def test_a_learner_that_knows_the_shift_gets_the_people_that_it_wants():
    kind, base, groups = Strategic(ONE), grid(points=9999), np.zeros(9999, dtype=np.int64)
    rule = LinearRule(np.ones(1), 1.5 + np.sqrt(2))
    accepted = rule.accepts(kind.response(base, groups, rule).features, groups)
    assert np.array_equal(accepted, base[:, 0] >= 1.5)


def test_burden_rises_with_the_threshold_and_with_the_price():
    base, groups, labels = grid(points=2001), np.zeros(2001, dtype=np.int64), np.ones(2001)
    for cost in ("squared", "distance"):
        at = [Strategic(ONE, cost).burden(base, groups, labels, LinearRule(np.ones(1), t))[0] for t in (-9, 0, 1, 2, 3)]
        assert at[0] == pytest.approx(0, abs=1e-6)
        assert (np.diff(at) > 0).all()
        double = Strategic(ONE, cost, 2.0).burden(base, groups, labels, LinearRule(np.ones(1), 2.0))[0]
        assert double == pytest.approx(2 * at[3])


def test_a_rule_that_nobody_can_meet_has_no_burden():
    kind = Strategic()
    for rule in (LinearRule(np.zeros(2), 1.0), LinearRule(np.ones(2), np.inf)):
        played = play(kind, {}, 100, rule, Streams.of(0))
        assert np.isnan(played.measures["social_burden"]).all()
        assert not played.people.potential["moved"].any()


def test_the_group_that_pays_more_bears_more():
    law = {"kind": "normal", "negative": ((-1.0,), (-1.0,)), "positive": ((1.0,), (1.0,))}
    kind = Strategic(law, kappa=(1.0, 3.0), rule=([1.0], 1.5))
    found = play(kind, {}, 40_000, kind.rule(), Streams.of(0)).measures
    a, b = found["social_burden"]
    assert b == pytest.approx(3 * a, rel=0.1)
    assert a == pytest.approx(0.520180, rel=0.05)
    assert found["moved_share"][0] > found["moved_share"][1]


def test_manipulation_keeps_outcomes_and_improvement_changes_them():
    rule = ([1.0, 0.0], 1.0)
    plain, better = (Strategic(effect=one, rule=rule) for one in ("manipulation", "improvement"))
    rounds = [play(kind, {}, 30_000, kind.rule(), Streams.of(2)) for kind in (plain, better)]
    unmoved = play(plain, {}, 30_000, None, Streams.of(2))
    assert np.array_equal(rounds[0].outcome, unmoved.outcome)
    assert np.array_equal(rounds[0].people.features, rounds[1].people.features)
    moved = rounds[1].people.potential["moved"]
    assert rounds[1].outcome[moved].mean() == pytest.approx(1 / (1 + np.exp(-2 * 1.0)), abs=0.02)  # P(1 | x = 1)
    assert rounds[0].outcome[moved].mean() < 0.65
    assert np.array_equal(rounds[1].outcome[~moved], rounds[0].outcome[~moved])


def test_a_table_shows_no_improvement(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("x,g,y\n1,a,1\n2,b,0\n3,a,1\n")
    law = {"kind": "table", "path": str(path), "features": ["x"], "group": "g", "label": "y"}
    with pytest.raises(InputError, match="a table shows no outcome of changed features"):
        Strategic(law, effect="improvement")
    kind = Strategic(law, rule=([1.0], 0.5))
    played = play(kind, {}, 50, kind.rule(), Streams.of(0))
    assert set(played.people.potential["base"][:, 0]) <= set(kind.base.features[:, 0])


class Curved:
    """Accepts points within a circle around the origin; its score is not linear."""

    def accepts(self, features, groups):
        return (self.score(features, groups) >= -1).astype(float)

    def linear(self):
        return None

    def score(self, features, groups):
        return -(features**2).sum(axis=1)

    def gradient(self, features, groups):
        return -2 * features


def test_a_differentiable_score_moves_people_to_its_boundary():
    base = np.random.default_rng(3).normal(0, 2, (400, 2))
    features, moved = to_score(base, np.zeros(400, int), Curved(), Cost("distance", 2), np.full(400, 1.0))
    away = np.linalg.norm(base, axis=1)
    assert np.array_equal(moved, (away > 1) & (away <= 2))
    assert np.linalg.norm(features[moved], axis=1) == pytest.approx(np.ones(moved.sum()), abs=1e-9)
    assert features[moved] / np.linalg.norm(features[moved], axis=1)[:, None] == pytest.approx(
        (base / away[:, None])[moved]
    )


@given(costs, st.integers(0, 30))
@settings(max_examples=8, deadline=None)
def test_the_walk_up_a_linear_score_is_the_closed_form(cost, seed):
    rng = np.random.default_rng(seed)
    base, w, tau = rng.normal(size=(40, 2)), rng.normal(size=2), rng.normal()
    exact = to_linear(base, w, tau, cost, np.full(40, 0.5))
    walked = to_score(base, np.zeros(40, int), LinearRule(w, tau), cost, np.full(40, 0.5))
    near = np.abs(tau - base @ w - cost.reach(np.array(0.5), w)) < 1e-9
    assert np.array_equal(walked.moved[~near], exact.moved[~near])
    assert walked.features[~near] == pytest.approx(exact.features[~near], abs=1e-7)


def test_a_model_without_a_gradient_is_refused():
    class Steps(GroupThresholds):
        def gradient(self, features, groups):
            return None

    with pytest.raises(InputError, match="needs a model that is linear or has a gradient"):
        Strategic().arrive({}, 20, Steps((9.0, 9.0)), Streams.of(0))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"cost": "gains"}, "cost: 'gains' is not one of squared, distance, quadratic, absolute"),
        ({"cost": "quadratic", "scale": [[1, 0], [0, 0]]}, "scale: is not positive definite"),
        ({"cost": "absolute", "scale": [1, 0]}, "scale: 0 is not above 0"),
        ({"scale": [1, 2]}, "the cost 'squared' takes no scale"),
        ({"kappa": 0}, "kappa: 0 is not above 0"),
        ({"kappa": [1, 2, 3]}, "neither one number nor one for each of 2 groups"),
        ({"gain": -1}, "gain: -1 is not above 0"),
        ({"movable": ["x7"]}, "movable: 'x7' is not one of x0, x1"),
        ({"effect": "luck"}, "effect: 'luck' is not one of"),
        ({"rule": [[1, 2, 3], 0]}, "rule.weights: has the shape"),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(arguments, words):
    with pytest.raises(InputError, match=words) as error:
        Strategic(**arguments)
    assert "\n" not in str(error.value)


def twice_the_gain(monkeypatch):
    real = Strategic.response

    def broken(kind, base, groups, published):
        double = Strategic(ONE, kind.cost.kind, kind.kappa.tolist(), gain=2)
        return real(double, base, groups, published)

    monkeypatch.setattr(Strategic, "response", broken)


def norm_for_its_square(monkeypatch):
    """The change gap w / norm(w) in place of gap w / norm(w)^2."""
    real = Cost.steepest
    monkeypatch.setattr(Cost, "steepest", lambda cost, w: real(cost, w) * cost.strength(w)[..., None])


def test_each_broken_step_fails_the_law(monkeypatch):
    with monkeypatch.context() as patched:
        twice_the_gain(patched)
        for row in TABLE:
            with pytest.raises(AssertionError):
                has_the_closed_shift(*row)
    norm_for_its_square(monkeypatch)
    with pytest.raises(AssertionError):
        test_the_vector_example(Cost("squared", 2), (1.24, 0.82), 0.08)


def test_people_respond_once_and_from_their_base():
    kind = Strategic(rule=([1.0, 0.0], 1.0))
    people = kind.arrive({}, 500, kind.rule(), Streams.of(0))
    again = kind.response(people.potential["base"], people.groups, kind.rule())
    assert np.array_equal(again.features, people.features)
    bare = kind.arrive({}, 500, None, Streams.of(0))
    assert np.array_equal(bare.features, people.potential["base"])
    assert replace(people, features=bare.features).identity is None


def test_the_same_people_respond_from_their_base_in_every_round_and_newcomers_take_places():
    kind, rule, rng = (
        Strategic(kappa=[1.0, 2.0], same=True),
        LinearRule(np.array([1.0, 0.5]), 0.5),
        np.random.default_rng(0),
    )
    state = kind.start(60, rng)
    first, second = (play(kind, state, 60, rule, Streams.of(0, number)).people for number in (0, 1))
    assert first.potential["moved"].any()
    for found in (first, second):
        np.testing.assert_array_equal(found.identity, np.arange(60))
        np.testing.assert_array_equal(found.potential["base"], state["features"])
        np.testing.assert_array_equal(found.features, first.features)
    gone = np.array([3, 41])
    after = kind.replace(state, gone, Streams.of(0, 2))
    changed = (after["features"] != state["features"]).any(axis=1)
    np.testing.assert_array_equal(np.flatnonzero(changed), gone)
    assert Strategic.comes_again({"same": True})
    assert not Strategic.comes_again({})
    assert play(Strategic(), {}, 5, rule, Streams.of(0, 0)).people.identity is None
    with pytest.raises(InputError, match=r"arguments\.same"):
        Strategic(same="yes")
