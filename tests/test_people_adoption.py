"""Adoption: labellers who drift towards a model, against the linear recursion and its fixed points."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from fairloop.errors import InputError
from fairloop.people.adoption import Adoption
from fairloop.people.interface import Streams
from fairloop.people.rounds import play
from fairloop.people.rules import GroupBelief


def path(kind, rounds, n=8, seed=0):
    """(rounds + 1, S) rates of labellers."""
    state, found = kind.start(n, np.random.default_rng(0)), []
    for number in range(rounds):
        found.append(state["rates"])
        state = play(kind, state, n, None, Streams.of(seed, number)).state
    return np.array([*found, state["rates"]])


def follows_the_recursion(made):
    """Values after some rounds, of labellers of one group."""
    assert path(made(start=0.5, rate=0.2, offset=0.65, factor=0.0), 5)[-1] == pytest.approx([0.600848], abs=6e-7)
    assert path(made(start=0.5, rate=0.25, offset=0.06, factor=0.8), 10)[-1] == pytest.approx([0.419747], abs=6e-7)
    amplified = made(start=0.52, rate=0.2, offset=-0.25, factor=1.5)
    assert path(amplified, 5)[-1] == pytest.approx([0.532210], abs=6e-7)


def test_the_linear_recursion_has_its_values():
    follows_the_recursion(Adoption)
    delayed = path(Adoption(0.5, 0.25, offset=0.06, factor=0.8, delay=True), 11)[:, 0]
    assert delayed[1] == delayed[0]
    assert delayed[11] == pytest.approx(0.430113, abs=6e-7)  # ten steps after the first two, which are equal


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 1), st.floats(0.02, 0.9), st.floats(0.05, 0.9), st.floats(0, 1))
def test_distances_to_the_fixed_point_are_a_line_in_logs(start, rate, gold, quality):
    """A share of gold labels with the rate `quality` among the model's: offset = gold * quality, factor = 1 - gold."""
    kind = Adoption(start, rate, offset=gold * quality, factor=1 - gold)
    assert kind.fixed_point() == pytest.approx([quality])
    away = path(kind, 6)[:, 0] - quality
    assert away == pytest.approx(away[0] * (1 - rate * gold) ** np.arange(7), abs=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.05, 0.95), st.floats(0.05, 0.9), st.floats(0.1, 0.9), st.floats(0.05, 0.5))
def test_a_delay_has_the_same_fixed_point_and_its_own_roots(start, rate, factor, offset):
    kind = Adoption(start, rate, offset=min(offset, 1 - factor), factor=factor, delay=True)
    rates, centre = path(kind, 8)[:, 0], kind.fixed_point()[0]
    roots = np.roots([1, -(1 - rate), -rate * factor])
    weights = np.linalg.solve(np.vander(roots, 2, increasing=True).T, np.repeat(start - centre, 2))
    assert rates == pytest.approx(centre + (roots[:, None] ** np.arange(9)).T @ weights, abs=1e-9)


def test_an_anchor_moves_the_fixed_point():
    kind = Adoption(0.55, 0.2, offset=0.5 * (1 - 1.3), factor=1.3, anchor=0.1)
    assert kind.fixed_point() == pytest.approx([0.625])
    away = path(kind, 20)[:, 0] - 0.625
    assert away[1:] / away[:-1] == pytest.approx(np.full(20, 0.96))


def test_faithful_copies_and_labellers_who_do_not_listen_stay():
    assert (path(Adoption(0.37, 0.8), 9) == pytest.approx(0.37)) is True
    assert np.isnan(Adoption(0.37, 0.8).fixed_point()).all()
    assert (path(Adoption(0.37, 0.0, offset=0.9, factor=0.0), 9) == 0.37).all()


def test_amplification_runs_to_a_bound_and_says_so():
    kind, clipped = Adoption(0.6, 0.5, offset=-0.5, factor=2.0), []
    state = kind.start(1, np.random.default_rng(0))
    for number in range(12):
        played = play(kind, state, 4, None, Streams.of(0, number))
        clipped.append(played.measures["clipped"][0])
        state = played.state
    assert state["rates"][0] == 1
    assert (clipped[0], clipped[-1]) == (0, 1)


class OneRoundAhead(Adoption):
    """Labellers follow the model of the round that they are about to label."""

    def model_rates(self, state, people, accepted):
        ahead = super().model_rates(state, people, accepted)
        moved = state["rates"] + self.rate * (ahead - state["rates"])
        return self.offset + self.factor * moved


class ForEachLabel(Adoption):
    """The drift of a round is applied once for each label."""

    def respond(self, state, people, accepted, outcome, rngs):
        for _ in range(len(people)):
            state = super().respond(state, people, accepted, outcome, rngs)
        return state


@pytest.mark.parametrize("broken", [OneRoundAhead, ForEachLabel])
def test_each_broken_step_fails_the_law(broken):
    with pytest.raises(AssertionError):
        follows_the_recursion(broken)


def test_groups_do_not_influence_each_other():
    both = path(Adoption((0.2, 0.7), (0.1, 0.4), offset=(0.3, 0.1), factor=(0.5, 0.9)), 6)
    for group, arguments in enumerate(((0.2, 0.1, 0.3, 0.5), (0.7, 0.4, 0.1, 0.9))):
        start, rate, offset, factor = arguments
        assert both[:, group] == pytest.approx(path(Adoption(start, rate, offset=offset, factor=factor), 6)[:, 0])


def test_labels_are_drawn_at_the_rate_of_the_group():
    kind, n = Adoption((0.2, 0.7), shares=(0.3, 0.7)), 40_000
    state = kind.start(n, np.random.default_rng(0))
    people = kind.arrive(state, n, None, Streams.of(0))
    labels = kind.outcome(people, Streams.of(0).outcomes)
    for group, rate in enumerate((0.2, 0.7)):
        members = people.groups == group
        assert labels[members].mean() == pytest.approx(rate, abs=4 * np.sqrt(0.25 / members.sum()))
    assert people.groups.mean() == pytest.approx(0.7, abs=0.01)


def test_decisions_of_a_model_are_followed_by_group():
    kind = Adoption((0.5, 0.5, 0.5), 0.25, model="decisions", shares=(0.5, 0.5, 0.0))
    state = kind.start(400, np.random.default_rng(0))
    after = play(kind, state, 400, GroupBelief.of((0.9, 0.1, 0.9), 1), Streams.of(0)).state
    assert after["rates"] == pytest.approx([0.625, 0.375, 0.5])
    assert np.isnan(after["previous"][2])


def test_the_default_rate_is_the_fit_to_the_published_experiment():
    """h_k = m + (1 - a)^k (h_0 - m) by least squares over six blocks of 50 judgements."""
    table = {  # partner's rate, baseline, induced changes by block, fitted rate
        "AI": (0.6533, 0.4988, (0.0084, 0.0284, 0.0624, 0.0928, 0.0852, 0.1156), 0.164),
        "AI, said to be human": (0.6533, 0.5045, (0.0007, 0.0383, 0.0319, 0.0427, 0.0691, 0.0483), 0.086),
        "human, said to be AI": (0.55, 0.4924, (-0.0028, 0.0196, 0.0168, 0.0276, 0.0344, 0.0536), 0.171),
        "human": (0.55, 0.5060, (-0.0112, 0.0212, -0.0032, 0.0120, 0.0184, 0.0136), 0.069),
    }
    for partner, baseline, changes, wanted in table.values():
        pull, blocks = partner - baseline, np.arange(1, 7)

        def error(rate, pull=pull, blocks=blocks, changes=changes):
            return ((pull * (1 - (1 - rate) ** blocks) - changes) ** 2).sum()

        assert minimize_scalar(error, bounds=(0, 1), method="bounded").x == pytest.approx(wanted, abs=1e-3)
    assert Adoption().rate == pytest.approx(0.164)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"start": 1.2}, "start: 1.2 is not from 0 to 1"),
        ({"rate": (0.1, 0.2, 0.3)}, "rate: .* is neither one number nor one for each of 2 groups"),
        ({"model": "oracle"}, "model: 'oracle' is not one of linear, decisions"),
        ({"shares": (0.5, 0.6)}, "add up to 1.1"),
        ({"groups": ("A", "A")}, "not a list of different names"),
    ],
)
def test_wrong_arguments_are_refused(arguments, words):
    with pytest.raises(InputError, match=words):
        Adoption(**arguments)
