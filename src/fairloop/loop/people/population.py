"""The people of a run in rounds: their kind, and people with known labels from before the first round."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fairloop import data
from fairloop.data import DataSpec, Population, Split
from fairloop.errors import InputError
from fairloop.people import KINDS, build_kind, checks
from fairloop.people.interface import Array, Codes, Kind, Names, Streams
from fairloop.people.pool import Pool
from fairloop.spec.people import NO_LABELS, arguments_of, check_fit, draws_from
from fairloop.spec.run import RunSpec

if TYPE_CHECKING:
    from fairloop.loop.people.rounds import Round

_HISTORY, _START = -1, -2  # rounds before the first, with their own streams


class People(NamedTuple):
    """The people of a run: their kind, and the population of people with known labels from before the first round.

    past: earlier rounds from before the run, if any. Its models learn from them as from its own rounds.
    """

    kind: Kind
    population: Population
    past: tuple[Round, ...] = ()


def source_of(spec: RunSpec, files: DataSpec | None = None) -> People:
    """The people that `spec` describes. files: its data with paths that are valid in this process.

    Raises InputError for a kind or arguments that do not fit, and for data that cannot be read.
    """
    people, seed = spec.people, spec.seed
    if not draws_from(spec.data):
        kind = build_kind(people.kind, arguments_of(people))
        return People(kind, _before(spec, kind))
    real = data.load(files or spec.data, seed)
    if len(real.shape) != 1:
        raise InputError(f"data.name={spec.data.name}: has samples of shape {real.shape}; setting=people needs rows")
    kind = build_kind(people.kind, arguments_of(people), Pool.of(real))
    before = _before(spec, kind)
    digest = hashlib.sha256(f"{real.fingerprint} {before.fingerprint}".encode()).hexdigest()
    return People(kind, replace(before, columns=real.columns, minoritized=real.minoritized, fingerprint=digest))


def start_of(kind: Kind, arrivals: int, seed: int) -> dict[str, np.ndarray]:
    """The state of the population before round 0."""
    return dict(checks.start(kind, arrivals, Streams.of(seed, _START).arrivals))


def labels_of(outcome: Array, names: Names) -> Codes:
    """(n,) codes of labels; larger counts become the last code.

    Raises InputError for outcomes that are not labels, such as the targets of a regression.
    """
    codes = np.asarray(outcome)
    if not np.issubdtype(codes.dtype, np.integer) and not (codes == np.rint(codes)).all():
        raise InputError(NO_LABELS)
    if codes.size and codes.min() < 0:
        raise InputError(f"people.kind: an outcome is {codes.min():g}; give codes of labels, from 0 on")
    return np.clip(codes.astype(np.int64), 0, len(names.labels) - 1)


def _before(run: RunSpec, kind: Kind) -> Population:
    """People from before round 0. They respond to no decision. Without history, they only define groups and labels.

    Raises InputError if the spec does not fit these people.
    """
    spec, seed = run.people, run.seed
    if spec.kind not in KINDS:
        checks.check_methods(kind)
    n = spec.known_before or spec.arrivals
    state = checks.start(kind, n, Streams.of(seed, _HISTORY).response)
    people = checks.arrive(kind, state, n, None, Streams.of(seed, _HISTORY))
    for span in run.spans.values():
        check_fit(span.people, kind, people.identity is not None)
    labels = labels_of(checks.outcomes(kind, people, Streams.of(seed, _HISTORY).outcomes), kind.names)
    names = kind.names
    return Population(
        name=spec.kind,
        label_names=names.labels,
        group_names=names.groups,
        minoritized=getattr(kind, "minoritized", ()),
        train=Split(people.features.astype(np.float32), labels, people.groups.astype(np.int64)),
        tests={},
        beneficial=names.beneficial,
    )
