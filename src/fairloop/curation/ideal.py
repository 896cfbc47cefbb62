"""Fairness ideals: the share of a curated batch that each stratum should have.

In specs, on the command line and in Python an ideal is one of

    uniform                   the same share for every stratum
    population                as in the data
    groups-within-labels      labels as in the data; within each label, equal groups
    labels-within-groups      groups as in the data; within each group, equal labels
    floor(0.05)               as in the data, but no stratum below that share
    census.csv                a file of shares by name (.csv, .yaml, .json)
    [[.1, .2], [.3, .4]]      a row for each label, with a share for each group
    [{label: hired, group: red, share: .1}, ...]  the same by name, as in a file
    {kind: uniform, strength: 0.5}                a mixture: half of one of these, half as in the data

"The data" are the curated data or, in a run, the real training data.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairloop._util.lookup import meant
from fairloop.curation import ideal_table
from fairloop.curation.columns import Names
from fairloop.data.population import Population
from fairloop.errors import InputError

Counts = NDArray[np.int64]
"""(K, S): people in each stratum."""
Shares = NDArray[np.float64]
"""(K, S): shares that sum to 1."""
Kind = str | list[list[float]] | list[ideal_table.Row]
Ideal = Kind | dict[str, Any]
"""An ideal as `plain` writes it: plain data that round-trips through YAML and JSON."""

_FLOOR = re.compile(r"floor\((.*)\)")


def uniform(counts: Counts) -> Shares:
    """The same share for every stratum."""
    return np.full(counts.shape, 1 / counts.size)


def population(counts: Counts) -> Shares:
    """The shares of strata in the population."""
    shares: Shares = counts / counts.sum()
    return shares


def groups_within_labels(counts: Counts) -> Shares:
    """The frequencies of labels in the population; within each label, the same share for every group."""
    labels = population(counts).sum(axis=1, keepdims=True)
    return np.repeat(labels / counts.shape[1], counts.shape[1], axis=1)


def labels_within_groups(counts: Counts) -> Shares:
    """The frequencies of groups in the population; within each group, the same share for every label."""
    return groups_within_labels(counts.T).T


def at_least(counts: Counts, least: float) -> Shares:
    """The population's shares, but no stratum gets less than the given share. Larger shares keep their proportions.

    Raises ValueError if `least` is too large for all strata to have it.
    """
    if least * counts.size > 1 + ideal_table.TOLERANCE:
        raise ValueError(f"{counts.size} strata cannot all have a share of {least:g}; at most {1 / counts.size:.6g}")
    shares = population(counts)
    raised = np.zeros(shares.shape, bool)
    while not raised.all():
        scaled = shares * (1 - least * raised.sum()) / shares[~raised].sum()
        sinking = ~raised & (scaled < least)  # raising some shares may push others below
        if not sinking.any():
            return np.where(raised, least, scaled)
        raised |= sinking
    return uniform(counts)


RELATIVE = {
    "population": population,
    "groups-within-labels": groups_within_labels,
    "labels-within-groups": labels_within_groups,
}
"""Ideals that depend only on the population."""

_NAMES = ("uniform", *RELATIVE, "floor")
WAYS = f"uniform, {', '.join(RELATIVE)}, floor(SHARE), a table of shares, or a .csv, .yaml or .json file of them"


def plain(ideal: object) -> Ideal:
    """The plain form of an ideal in any of these notations. A file stays a path and is not opened.

    Raises ValueError, with the reason, for a value that is not an ideal.
    """
    if isinstance(ideal, Mapping):
        return _plain_mixture(ideal)
    if isinstance(ideal, str):
        return _plain_text(ideal.strip())
    content = ideal.tolist() if isinstance(ideal, np.ndarray) else ideal
    if not isinstance(content, Sequence):
        raise ValueError(f"is not one of {WAYS}")
    if content and all(isinstance(row, Mapping) for row in content):
        return ideal_table.rows(content)
    return _plain_table(content)


def read(ideal: object) -> Ideal:
    """The plain form of an ideal, with the rows of a file in place of its path.

    Raises ValueError for a value that is not an ideal, and for a file that cannot be read or holds no ideal.
    """
    found = plain(ideal)
    if isinstance(found, dict):
        return {**found, "kind": _with_rows(found["kind"])}
    return _with_rows(found)


def names_file(ideal: Ideal) -> bool:
    """Whether an ideal in its plain form names a file."""
    kind = ideal["kind"] if isinstance(ideal, dict) else ideal
    return isinstance(kind, str) and Path(kind).suffix in ideal_table.SUFFIXES


def shares(ideal: object, names: Names, counts: Counts | None, where: str = "star.ideal") -> Shares:
    """(K, S) shares that sum to 1.

    ideal: in any notation that `read` accepts. names: of the K labels and S groups.
    counts: (K, S) people in each stratum; None if unknown.
    where: the name of the ideal in errors.

    Raises InputError for a value that is not an ideal, does not fit the strata, or needs an unknown population.
    """
    try:
        found = read(ideal)
        if not isinstance(found, dict):
            return _wanted(found, names, counts)
        strength = found["strength"]
        wanted = _wanted(found["kind"], names, counts)
        return wanted if strength == 1 else strength * wanted + (1 - strength) * population(_known(counts))
    except ValueError as error:
        raise InputError(f"{where}={ideal}: {error}" if isinstance(ideal, str) else f"{where}: {error}") from None


def shares_for(ideal: object, population: Population) -> Shares:
    """`shares` for the strata of a population, counted in its training data."""
    names = Names(population.label_names, tuple((group,) for group in population.group_names))
    return shares(ideal, names, population.train.strata(*names.shape))


def _wanted(ideal: Kind, names: Names, counts: Counts | None) -> Shares:
    if ideal == "uniform":
        return uniform(np.empty(names.shape, np.int64))
    if isinstance(ideal, str):
        least = _FLOOR.fullmatch(ideal)
        return at_least(_known(counts), float(least[1])) if least else RELATIVE[ideal](_known(counts))
    if isinstance(ideal[0], dict):
        return ideal_table.shares(ideal, names, counts)
    table: Shares = np.array(ideal, dtype=np.float64)
    if table.shape != names.shape:
        raise ValueError(
            f"has shape {table.shape[0]} x {table.shape[1]}, but the data have {names.shape[0]} labels x "
            f"{names.shape[1]} groups"
        )
    table /= table.sum()
    return table


def _known(counts: Counts | None) -> Counts:
    if counts is None:
        raise ValueError("follows the population, which is not known here; give its counts, or another ideal")
    return counts


def _with_rows(kind: Kind) -> Kind:
    return ideal_table.from_file(Path(kind)) if isinstance(kind, str) and names_file(kind) else kind


def _plain_mixture(ideal: Mapping[Any, Any]) -> Ideal:
    if unknown := set(ideal) - {"kind", "strength"}:
        raise ValueError(f"has no field '{sorted(map(str, unknown))[0]}'; a mixture has kind and strength")
    kind, strength = plain(ideal.get("kind", "uniform")), ideal.get("strength", 1.0)
    if isinstance(kind, dict):
        raise ValueError("is a mixture of a mixture; give one kind and one strength")
    if not isinstance(strength, int | float) or isinstance(strength, bool) or not 0 <= strength <= 1:
        raise ValueError(f"has strength {strength!r}, which is not a number in [0, 1]")
    return {"kind": kind, "strength": float(strength)}


def _plain_text(text: str) -> Ideal:
    if text == "uniform" or text in RELATIVE:
        return text
    if least := _FLOOR.fullmatch(text):
        try:
            if 0 <= float(least[1]) <= 1:
                return text
        except ValueError:
            pass
        raise ValueError("needs a share in [0, 1] as its floor, such as floor(0.05)")
    if names_file(text):
        return text
    raise ValueError(f"is not one of {WAYS}{meant(text.partition('(')[0], _NAMES)}")


def _plain_table(rows: Sequence[Any]) -> Ideal:
    """A row of shares for each label, as numbers."""
    try:
        table = [[float(share) for share in row] for row in rows]
    except (TypeError, ValueError):
        raise ValueError("needs one row for each label, with one share for each group") from None
    found = [share for row in table for share in row]
    if not found or len({len(row) for row in table}) != 1:
        raise ValueError("needs one row for each label, with one share for each group")
    if any(not 0 <= share <= 1 for share in found):
        raise ValueError("has a share outside [0, 1]")
    if not math.isclose(sum(found), 1, abs_tol=ideal_table.TOLERANCE):
        raise ValueError(f"sums to {sum(found):g}, not to 1")
    return table
