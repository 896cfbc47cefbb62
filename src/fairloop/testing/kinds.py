"""Checks of kinds of people: the properties that the loop needs for every response."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from io import BytesIO
from typing import Any

import numpy as np

from fairloop.people import build_kind
from fairloop.people.interface import Array, Kind, People, Published, State, Streams
from fairloop.people.rounds import Round, play
from fairloop.people.rules import LinearRule
from fairloop.testing.streams import no_global_randomness


@dataclass(frozen=True)
class KindCase:
    """A kind of people to check.

    kind: a name that fairloop knows, `module:Name`, or an object. arguments: of the kind. n: people of a round, at
    least 20. rounds: number of consecutive rounds.

    >>> case = KindCase("selective-labels", n=50, rounds=2)
    >>> [len(played.people) for state, played in case.play()]
    [50, 50]
    """

    kind: str | Kind
    arguments: Mapping[str, Any] = field(default_factory=dict)
    n: int = 200
    rounds: int = 3

    def build(self) -> Kind:
        """The kind."""
        return build_kind(self.kind, self.arguments) if isinstance(self.kind, str) else self.kind

    def rule(self, kind: Kind, seed: int = 0) -> Published:
        """A linear rule from `seed`, which accepts half of the first people of the kind."""
        weights = np.random.default_rng(seed).normal(0, 0.5, len(kind.names.features))
        people = kind.arrive(kind.start(self.n, Streams.of(0).arrivals), self.n, None, Streams.of(0))
        return LinearRule(weights, float(np.median(people.features @ weights)))

    def play(self, seed: int = 0, rule_seed: int = 0) -> list[tuple[State, Round]]:
        """Every round, with the state before it."""
        kind = self.build()
        state, found, rule = kind.start(self.n, Streams.of(seed).arrivals), [], self.rule(kind, rule_seed)
        for number in range(self.rounds):
            played = play(kind, state, self.n, rule, Streams.of(seed, number), 0.1)
            found.append((state, played))
            state = played.state
        return found


def brings_people_as_named(case: KindCase) -> None:
    """Rows, features, groups and hidden facts have the sizes and types of the interface."""
    names = case.build().names
    for state, played in case.play():
        _check_state(state)
        people, n = played.people, case.n
        assert people.features.shape == (n, len(names.features)), (
            f"features have the shape {people.features.shape}, not ({n}, {len(names.features)}) as `names` says"
        )
        assert people.features.dtype == np.float64, f"features are {people.features.dtype}, not float64"
        assert np.isfinite(people.features).all(), "a feature is not finite"
        assert people.groups.shape == (n,), f"groups have the shape {people.groups.shape}, not ({n},)"
        assert people.groups.dtype == np.int64, f"groups are {people.groups.dtype}, not int64"
        last = len(names.groups) - 1
        assert ((people.groups >= 0) & (people.groups <= last)).all(), f"a group is not from 0 to {last}"
        for name, fact in people.potential.items():
            assert len(fact) == n, f"potential {name!r} has {len(fact)} rows, not {n}"
        assert played.outcome.shape == (n,), f"outcomes have the shape {played.outcome.shape}, not ({n},)"
        assert np.isfinite(played.outcome).all(), "an outcome is not finite"
        _check_identity(people)


def measures_numbers(case: KindCase) -> None:
    """A measure is one number, or one for each group."""
    size = len(case.build().names.groups)
    for _, played in case.play():
        for name, value in played.measures.items():
            assert np.shape(value) in ((), (size,)), (
                f"measure {name!r} has the shape {np.shape(value)}, not () or ({size},)"
            )
            assert np.asarray(value).dtype.kind in "fiub", f"measure {name!r} holds {np.asarray(value).dtype}"


def follows_its_streams(case: KindCase) -> None:
    """The same streams give the same rounds, other streams others, and global random numbers stay as they are."""
    with no_global_randomness("a round"):
        first, second = case.play(), case.play()
    for (_, one), (_, other) in zip(first, second, strict=True):
        assert _same(_arrays(one), _arrays(other)), "the same streams give another round"
    others = case.play(seed=1)
    varied = any(not _same(_arrays(one), _arrays(other)) for (_, one), (_, other) in zip(first, others, strict=True))
    assert varied, "rounds do not depend on the streams"


def changes_no_array_that_it_is_given(case: KindCase) -> None:
    """No method changes states, people and decisions; their arrays are read-only during the call."""
    kind, n = case.build(), case.n
    rngs, rule = Streams.of(0), case.rule(kind)
    state = kind.start(n, rngs.arrivals)
    people = kind.arrive(_frozen(state), n, rule, rngs)
    _frozen({"features": people.features, "groups": people.groups, **people.potential})
    outcome = _read_only(kind.outcome(people, rngs.outcomes))
    accepted = _read_only(rule.accepts(people.features, people.groups))
    kind.measures(state, people, accepted, outcome, rule)
    after = _frozen(kind.respond(state, people, accepted, outcome, rngs))
    kind.arrive(after, n, rule, rngs)


def brings_the_same_people_under_every_model(case: KindCase) -> None:
    """The people who come depend on neither the published model nor exploration."""
    kind, n = case.build(), case.n
    state = kind.start(n, Streams.of(0).arrivals)
    first, *others = (
        kind.arrive(state, n, model, Streams.of(0)) for model in (None, case.rule(kind, 0), case.rule(kind, 1))
    )
    for other in others:
        assert np.array_equal(first.groups, other.groups), "another model brings people of other groups"
        if "base" in first.potential:
            same = np.array_equal(first.potential["base"], other.potential["base"])
            assert same, "another model brings people with other base features"
    rule = case.rule(kind)
    plain, explored = (play(kind, state, n, rule, Streams.of(0), share) for share in (0.0, 0.5))
    assert np.array_equal(plain.people.features, explored.people.features), "exploration changes the people"
    assert np.array_equal(plain.outcome, explored.outcome), "exploration changes outcomes"


def goes_on_from_a_kept_state(case: KindCase) -> None:
    """A state that was written to a file and read again gives the same next round."""
    kind, (_, played) = case.build(), case.play()[0]
    file = BytesIO()
    np.savez(file, allow_pickle=False, **dict(played.state))
    file.seek(0)
    with np.load(file) as kept:
        read = {name: kept[name] for name in kept}
    rule = case.rule(kind)
    first, second = (play(kind, one, case.n, rule, Streams.of(0, 1)) for one in (played.state, read))
    assert _same(_arrays(first), _arrays(second)), "a state that was kept and read gives another round"


def brings_a_rule_that_decides(case: KindCase) -> None:
    """The kind's own rule, if there is one, gives one probability for each person."""
    kind = case.build()
    rule = kind.rule()
    if rule is None:
        return
    people = kind.arrive(kind.start(case.n, Streams.of(0).arrivals), case.n, None, Streams.of(0))
    chances = np.asarray(rule.accepts(people.features, people.groups), dtype=np.float64)
    assert chances.shape == (case.n,), f"its rule gives the shape {chances.shape}, not ({case.n},)"
    assert ((chances >= 0) & (chances <= 1)).all(), "its rule gives a number that is not a probability"


def lets_people_leave(case: KindCase) -> None:
    """After some people have left, the next round has equally many people, and the others are unchanged."""
    kind, (_, played) = case.build(), case.play()[0]
    if played.people.identity is None:
        return
    gone = played.people.identity[: case.n // 4]
    after = kind.replace(_frozen(played.state), gone, Streams.of(5))
    stay = np.setdiff1d(np.arange(case.n), np.arange(case.n // 4))
    first, second = (kind.arrive(one, case.n, None, Streams.of(0, 1)) for one in (played.state, after))
    assert np.array_equal(first.features[stay], second.features[stay]), "people who stay change when others leave"
    assert not np.array_equal(first.features, second.features), "nobody has taken the places of people who left"


KIND_CHECKS: tuple[Callable[[KindCase], None], ...] = (
    brings_people_as_named,
    measures_numbers,
    follows_its_streams,
    changes_no_array_that_it_is_given,
    brings_the_same_people_under_every_model,
    goes_on_from_a_kept_state,
    brings_a_rule_that_decides,
    lets_people_leave,
)


def _check_state(state: State) -> None:
    for name, value in state.items():
        assert isinstance(name, str), f"the state has a key {name!r}; names are text"
        assert isinstance(value, np.ndarray), f"state {name!r} is a {type(value).__name__}, not an array"
        assert value.dtype.kind in "fiub", f"state {name!r} holds {value.dtype}, which no run keeps"


def _check_identity(people: People) -> None:
    if people.identity is not None:
        distinct = len(np.unique(people.identity)) == len(people) == len(people.identity)
        assert distinct, "identities are not one for each person"


def _arrays(played: Round) -> dict[str, Array]:
    facts = {f"potential {name}": value for name, value in played.people.potential.items()}
    state = {f"state {name}": value for name, value in played.state.items()}
    plain = {
        one.name: getattr(played, one.name) for one in fields(played) if one.name not in ("people", "measures", "state")
    }
    return {"features": played.people.features, "groups": played.people.groups, **facts, **state, **plain}


def _same(first: Mapping[str, Array], second: Mapping[str, Array]) -> bool:
    return first.keys() == second.keys() and all(
        np.array_equal(value, second[name], equal_nan=value.dtype.kind == "f") for name, value in first.items()
    )


def _frozen(state: State) -> State:
    for value in state.values():
        _read_only(value)
    return state


def _read_only(array: Array) -> Array:
    array.setflags(write=False)
    return array
