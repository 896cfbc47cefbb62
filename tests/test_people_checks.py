"""A kind of your own that returns what it should not: one line before anything trains, and no number."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fairloop.errors import InputError
from fairloop.loop.people.population import labels_of, source_of
from fairloop.people import build_kind
from fairloop.people.checks import Checked, guarded
from fairloop.people.families import Credit
from fairloop.people.interface import Kind, Names, People, Streams
from fairloop.people.rounds import play
from fairloop.people.rules import LinearRule
from fairloop.spec.run import RunSpec


class Sound(Kind):
    """Two features; the first one gives P(label 1)."""

    names = Names(("x", "y"), ("A", "B"))
    broken = ""

    def arrive(self, state, n, published, rngs):
        features = rngs.arrivals.random((n, 2))
        people = People(features, rngs.arrivals.integers(2, size=n), {"probability": features[:, 0]})
        return ARRIVALS.get(self.broken, lambda one: one)(people)

    def outcome(self, people, rng):
        return OUTCOMES.get(self.broken, lambda one: one)(people.labels(rng))

    def measures(self, state, people, accepted, outcome, published):
        return {"m": MEASURES.get(self.broken, 0.5)}

    def respond(self, state, people, accepted, outcome, rngs):
        if self.broken in CHANGED:
            CHANGED[self.broken](people, accepted, outcome)[:] = 0
        return None if self.broken == "respond returns a NoneType" else state


def _with(people, **arrays):
    return replace(people, **arrays)


def _spoilt(people):
    people.features[0, 0] = np.nan
    return people


ARRIVALS = {
    "arrive returns a NoneType": lambda one: None,
    "returns features of the shape (20, 1)": lambda one: _with(one, features=one.features[:, :1]),
    "returns features of the shape (10, 2)": lambda one: People(one.features[::2], one.groups[::2]),
    "returns features that are not finite": _spoilt,
    "returns features as <U": lambda one: _with(one, features=one.features.astype(str)),
    "returns groups of the shape": lambda one: _with(one, groups=one.groups[1:]),
    "returns groups as float64": lambda one: _with(one, groups=one.groups * 1.0),
    "groups that are not from 0 to 1": lambda one: _with(one, groups=one.groups - 1),
    "returns one identity for several": lambda one: _with(one, identity=np.zeros(len(one), np.int64)),
    "outcome fails: KeyError: 'probability'": lambda one: _with(one, potential={}),
    "probability of label 1 is not from": lambda one: _with(one, potential={"probability": one.features[:, 0] + 2}),
    "probability of label 1 is not": lambda one: _with(one, potential={"probability": one.features[:, 0] * np.nan}),
}
OUTCOMES = {
    "returns outcomes of the shape (20, 1)": lambda one: one[:, None],
    "returns outcomes of the shape (19,)": lambda one: one[1:],
    "returns outcomes that are not finite": lambda one: one * np.nan,
    "returns outcomes as <U": lambda one: one.astype(str),
}
MEASURES = {"returns 'm' as float64 of the shape (5,)": np.zeros(5), "returns 'm' as <U": "high"}
CHANGED = {
    "respond fails: assignment destination is read-only": lambda people, accepted, outcome: outcome,
    "fails: assignment destination is read-only": lambda people, accepted, outcome: accepted,
    "respond fails: assignment destination": lambda people, accepted, outcome: people.features,
}
FAULTS = (*ARRIVALS, *OUTCOMES, *MEASURES, *CHANGED, "respond returns a NoneType")


class Faulty(Sound):
    def __init__(self, broken):
        self.broken = broken


def spec(broken):
    kind = {"kind": f"{__name__}:Faulty", "arguments": {"broken": broken}, "arrivals": 20, "rule": "everybody"}
    return RunSpec.model_validate({"name": "own", "setting": "people", "generations": 2, "people": kind})


@pytest.mark.parametrize("broken", FAULTS)
def test_a_fault_of_a_kind_is_one_line_before_anything_trains(broken):
    with pytest.raises(InputError) as error:
        source_of(spec(broken))
    assert broken in str(error.value)
    assert "\n" not in str(error.value)


def test_a_sound_kind_plays_on_and_what_it_is_given_stays_writable():
    assert len(source_of(spec("")).population.train) == 20
    rule, rngs = LinearRule(np.ones(2), 1.0), Streams.of(0)
    played = play(Checked(Sound()), {}, 20, rule, rngs)
    assert played.measures == {"m": 0.5}
    assert all(one.flags.writeable for one in (played.people.features, played.accepted, played.outcome))


def test_faults_of_later_rounds_are_found_in_their_round():
    class Leaving(Sound):
        def arrive(self, state, n, published, rngs):
            return super().arrive(state, n - len(state), published, rngs)

        def respond(self, state, people, accepted, outcome, rngs):
            return {"rounds": np.ones(1)}

    first = play(Checked(Leaving()), {}, 20, None, Streams.of(0))
    with pytest.raises(InputError, match=r"Leaving.arrive returns features of the shape \(19, 2\); return \(20, 2\)"):
        play(Checked(Leaving()), first.state, 20, None, Streams.of(0, 1))


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (None, "is a NoneType"),
        (Names(("x", "y"), ("A", "A")), r"has groups=\('A', 'A'\)"),
        (Names(("x", "y"), ("A", "B"), ("one",)), "has labels="),
        (Names(("x", "y"), ("A", "B"), ("no", "yes"), 2), "has beneficial=2 of 2 labels"),
    ],
)
def test_names_that_name_nothing_are_refused(monkeypatch, names, words):
    monkeypatch.setattr(Sound, "names", names)
    with pytest.raises(InputError, match=f"Sound.names {words}"):
        build_kind(f"{__name__}:Sound")


def test_no_label_is_negative():
    with pytest.raises(InputError, match="an outcome is -1"):
        labels_of(np.array([0, -1, 1]), Sound.names)


def test_a_minimum_that_no_step_improves_is_given_up_at_once(monkeypatch):
    solved, solve = [], np.linalg.lstsq
    monkeypatch.setattr(np.linalg, "lstsq", lambda *given, **how: solved.append(1) or solve(*given, **how))
    rng = np.random.default_rng(0)
    labels = (rng.random(50) < 0.5) * 1.0
    far = Credit(rng.standard_normal((50, 2)), labels, np.full(2, 1e9), np.full(2, 0.01))
    assert np.isnan(far.stable(rounds=5)).all()
    assert len(solved) < 5 * 100 / 2


def test_own_kinds_are_guarded_and_fairloops_cost_nothing_more():
    lending = build_kind("lending")
    assert guarded(lending) is lending
    assert isinstance(guarded(Sound()), Checked)
