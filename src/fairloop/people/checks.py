"""Checks of the results of the methods of a kind. They run a user's code, and an error is one line with the method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from fairloop.errors import FairloopError, InputError, said
from fairloop.people.interface import Array, Kind, Names, People, Published, State, Streams
from fairloop.people.rules import LinearRule

_TRIED_ON = 20  # people in a trial of a kind


class Checked(Kind):
    """A kind with checks of its results in every round."""

    def __init__(self, kind: Kind) -> None:
        self._kind, self.names = kind, kind.names

    def start(self, n: int, rng: np.random.Generator) -> State:
        return start(self._kind, n, rng)

    def arrive(self, state: State, n: int, published: Published | None, rngs: Streams) -> People:
        return arrive(self._kind, state, n, published, rngs)

    def outcome(self, people: People, rng: np.random.Generator) -> Array:
        return outcomes(self._kind, people, rng)

    def measures(
        self, state: State, people: People, accepted: Array, outcome: Array, published: Published | None
    ) -> Mapping[str, float | Array]:
        return measures(self._kind, state, people, accepted, outcome, published)

    def respond(self, state: State, people: People, accepted: Array, outcome: Array, rngs: Streams) -> State:
        return respond(self._kind, state, people, accepted, outcome, rngs)

    def replace(self, state: State, gone: Array, rngs: Streams) -> State:
        return _mapping(self._kind, "replace", _asked(self._kind, "replace", state, gone, rngs))


def guarded(kind: Kind) -> Kind:
    """The kind with checks of its results. fairloop's own kinds, which its tests check, stay unchanged to save time."""
    return kind if type(kind).__module__.startswith("fairloop.people.") else Checked(kind)


def check_names(kind: Kind) -> None:
    """Raise InputError unless `names` has distinct names of features, groups and labels, and a valid beneficial
    label.
    """
    names = getattr(kind, "names", None)
    if not isinstance(names, Names):
        raise _wrong(kind, "names", f"is a {type(names).__name__}; give fairloop.people.interface.Names")
    for field, least in (("features", 1), ("groups", 1), ("labels", 2)):
        given = tuple(getattr(names, field))
        if len(given) < least or len(set(given)) < len(given) or not all(isinstance(one, str) for one in given):
            raise _wrong(kind, "names", f"has {field}={given!r}; give at least {least}, each name once")
    if names.beneficial not in range(len(names.labels)):
        raise _wrong(kind, "names", f"has beneficial={names.beneficial!r} of {len(names.labels)} labels; count from 0")


def check_methods(kind: Kind) -> None:
    """Raise InputError if a method of `kind` fails in a round of a few people, or returns an invalid result."""
    state, rngs = start(kind, _TRIED_ON, Streams.of(0).arrivals), Streams.of(0)
    people = arrive(kind, state, _TRIED_ON, None, rngs)
    outcome = outcomes(kind, people, rngs.outcomes)
    total = people.features.sum(axis=1)
    rule = LinearRule(np.ones(people.features.shape[1]), float(np.median(total)))
    accepted = rule.accepts(people.features, people.groups)
    measures(kind, state, people, accepted, outcome, rule)
    respond(kind, state, people, accepted, outcome, rngs)


def start(kind: Kind, n: int, rng: np.random.Generator) -> State:
    """`kind.start`."""
    return _mapping(kind, "start", _asked(kind, "start", n, rng))


def arrive(kind: Kind, state: State, n: int, published: Published | None, rngs: Streams) -> People:
    """`kind.arrive`: n people with finite features and known groups."""
    people = _asked(kind, "arrive", state, n, published, rngs)
    if not isinstance(people, People):
        raise _wrong(kind, "arrive", f"returns a {type(people).__name__}; return fairloop.people.interface.People")
    _check(kind, "arrive", "features", people.features, "fiub", (n, len(kind.names.features)))
    _check(kind, "arrive", "groups", people.groups, "iu", (n,))
    if n and not (people.groups.min() >= 0 and people.groups.max() < len(kind.names.groups)):
        raise _wrong(kind, "arrive", f"returns groups that are not from 0 to {len(kind.names.groups) - 1}")
    if people.identity is not None:
        _check(kind, "arrive", "identity", people.identity, "iu", (n,))
        if not (np.diff(people.identity) > 0).all() and len(np.unique(people.identity)) < n:
            raise _wrong(kind, "arrive", "returns one identity for several people; give each person their own")
    return people


def outcomes(kind: Kind, people: People, rng: np.random.Generator) -> Array:
    """`kind.outcome`: (n,) finite numbers."""
    found = _asked(kind, "outcome", _kept(people), rng)
    _check(kind, "outcome", "outcomes", found, "fiub", (len(people),))
    return np.asarray(found)


def measures(
    kind: Kind, state: State, people: People, accepted: Array, outcome: Array, published: Published | None
) -> Mapping[str, float | Array]:
    """`kind.measures`: a number, or one for each group, each; NaN where undefined."""
    given = _kept(people), _read_only(accepted), _read_only(outcome)
    found = _mapping(kind, "measures", _asked(kind, "measures", state, *given, published))
    for name, value in found.items():
        size, number = len(kind.names.groups), np.asarray(value)
        if number.dtype.kind not in "fiub" or number.shape not in ((), (size,)):
            form = f"{number.dtype} of the shape {number.shape}"
            raise _wrong(kind, "measures", f"returns {name!r} as {form}; return a number, or {size} for the groups")
    return found


def respond(kind: Kind, state: State, people: People, accepted: Array, outcome: Array, rngs: Streams) -> State:
    """`kind.respond`."""
    given = _kept(people), _read_only(accepted), _read_only(outcome)
    return _mapping(kind, "respond", _asked(kind, "respond", state, *given, rngs))


def _asked(kind: Kind, method: str, *given: Any) -> Any:
    try:
        return getattr(kind, method)(*given)
    except FairloopError:
        raise
    except Exception as error:  # a user's code
        raise _wrong(kind, method, f"fails: {said(error)}; mend it, or its arguments") from error


def _check(kind: Kind, method: str, name: str, found: Any, types: str, shape: tuple[int, ...]) -> None:
    if np.shape(found) != shape:
        raise _wrong(kind, method, f"returns {name} of the shape {np.shape(found)}; return {shape}")
    if not isinstance(found, np.ndarray) or found.dtype.kind not in types:
        numbers = "integers" if types == "iu" else "numbers"
        form = found.dtype if isinstance(found, np.ndarray) else f"a {type(found).__name__}"
        raise _wrong(kind, method, f"returns {name} as {form}; return an array of {numbers}")
    if found.dtype.kind == "f" and not np.isfinite(found).all():
        raise _wrong(kind, method, f"returns {name} that are not finite; mend it, or its arguments")


def _mapping(kind: Kind, method: str, found: Any) -> Mapping[str, Any]:
    if not isinstance(found, Mapping):
        raise _wrong(kind, method, f"returns a {type(found).__name__}; return a mapping of names")
    return found


def _kept(people: People) -> People:
    """The people in read-only arrays, because they become the records of the round."""
    hidden = {name: _read_only(fact) for name, fact in people.potential.items()}
    return replace(people, features=_read_only(people.features), groups=_read_only(people.groups), potential=hidden)


def _read_only(array: Array) -> Array:
    view = np.asarray(array).view()
    view.flags.writeable = False
    return view


def _wrong(kind: Kind, method: str, words: str) -> InputError:
    return InputError(f"people.kind: {type(kind).__name__}.{method} {words}")
