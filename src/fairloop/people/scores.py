"""Laws of scores by group on a grid: distributions of scores, and the probability of repayment at each score."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import ndtr

from fairloop.errors import InputError
from fairloop.people import arguments as checked
from fairloop.people.interface import Array, Codes, Floats

_BINS = (2.1, 4.2, 5.4, 6.5, 7.9, 9.6, 12.0, 13.8, 17.0, 15.8, 5.7)  # percent of people in 300-350, ..., 800-850
_COLUMNS = ("Score", "Non- Hispanic white", "Black", "Hispanic", "Asian")  # the blank is in the files


@dataclass(frozen=True, eq=False)
class ScoreLaw:
    """Scores of S groups on a grid of m points.

    scores: (m,) increasing. pmf: (S, m) probabilities of each group. repays: (S, m) P(repaid | score, group).
    shares: (S,) of the groups among all. groups: S names.
    """

    scores: Floats
    pmf: Floats
    repays: Floats
    shares: Floats
    groups: tuple[str, ...]

    def __post_init__(self) -> None:
        shape = (len(self.groups), len(self.scores))
        if not (np.diff(self.scores) > 0).all():
            raise InputError("people.arguments.law: scores do not increase; sort them and give each once")
        for name, low in (("pmf", 0.0), ("repays", 0.0)):
            checked.numbers(getattr(self, name), f"law.{name}", low, 1.0, shape)
        if np.abs(self.pmf.sum(axis=1) - 1).max() > 1e-6:
            raise InputError(
                f"people.arguments.law: probabilities of scores add up to {self.pmf.sum(axis=1)}, not to 1"
            )
        checked.shares(self.shares, "shares", len(self.groups))

    @cached_property
    def borders(self) -> Floats:
        """(m - 1,) middles between neighbours on the grid."""
        return np.asarray((self.scores[1:] + self.scores[:-1]) / 2)

    @cached_property
    def step(self) -> float | None:
        """The distance between neighbours on an even grid, which needs no search for positions; None for other
        grids.
        """
        steps = np.diff(self.scores)
        return float(steps.mean()) if np.ptp(steps) <= 1e-9 * steps.mean() else None

    def nearest(self, scores: Array) -> Codes:
        """(n,) positions of the nearest grid points to scores; of two, the lower."""
        if self.step is None:
            return np.searchsorted(self.borders, scores, side="left")
        places = np.ceil((scores - self.scores[0]) / self.step - 0.5)
        return np.asarray(np.clip(places, 0, len(self.scores) - 1), dtype=np.int64)

    def at(self, table: Floats, scores: Array, groups: Array) -> Floats:
        """(n,) values of an (S, m) table at the nearest points of the grid."""
        return np.asarray(table.ravel().take(groups * len(self.scores) + self.nearest(scores)))

    def repayment(self, scores: Array, groups: Array) -> Floats:
        """(n,) P(repaid) at the nearest point of the grid."""
        return self.at(self.repays, scores, groups)

    def draw(self, n: int, rng: np.random.Generator) -> tuple[Floats, Codes]:
        """Scores and groups of n people, independent of each other."""
        groups = np.searchsorted(np.cumsum(self.shares)[:-1], rng.random(n), side="right")
        return self.draw_scores(groups, rng), groups

    def draw_scores(self, groups: Array, rng: np.random.Generator) -> Floats:
        """(n,) scores of people with these groups, by the generalised inverse of each distribution."""
        uniform, places = rng.random(len(groups)), np.zeros(len(groups), dtype=np.int64)
        for group, pmf in enumerate(self.pmf):
            members = groups == group
            places[members] = np.searchsorted(np.cumsum(pmf)[:-1], uniform[members], side="right")
        return np.asarray(self.scores[places])


def normal(
    means: Sequence[float],
    spreads: Sequence[float],
    centre: Sequence[float] | float,
    slope: Sequence[float] | float,
    shares: Sequence[float],
    groups: Sequence[str],
    bounds: tuple[float, float],
    points: int = 1101,
) -> ScoreLaw:
    """Normal scores, P(repaid | x) = Phi((x - centre) / slope), on an even grid between `bounds`.

    The mass of each point is that of the normal law in its cell; both tails belong to the ends.
    """
    names = checked.words(groups, "groups")
    mean = checked.numbers(means, "law.means", shape=(len(names),))
    spread = checked.numbers(spreads, "law.spreads", 1e-9, shape=(len(names),))
    middle = checked.each(centre, "law.centre", len(names))
    width = checked.each(slope, "law.slope", len(names), 1e-9)
    scores = _grid(bounds, points)
    borders = np.concatenate([[-np.inf], (scores[1:] + scores[:-1]) / 2, [np.inf]])
    pmf = np.diff(ndtr((borders - mean[:, None]) / spread[:, None]), axis=1)
    repays = ndtr((scores - middle[:, None]) / width[:, None])
    return ScoreLaw(scores, pmf, repays, checked.shares(shares, "shares", len(names)), names)


def uniform(
    low: Sequence[float], high: Sequence[float], shares: Sequence[float], groups: Sequence[str], points: int = 2000
) -> ScoreLaw:
    """Scores that are uniform between `low` and `high` of each group, both in [0, 1]; a score is P(repaid).

    points: cells of equal width between 0 and 1; a score is the middle of its cell, and a cell that a group covers in
    part has that part of the mass.
    """
    names = checked.words(groups, "groups")
    least, most = (checked.numbers(one, "law", 0, 1, (len(names),))[:, None] for one in (low, high))
    if (least >= most).any():
        raise InputError("people.arguments.law: low is not below high; give low < high in every group")
    edges = np.linspace(0, 1, points + 1)
    covered = np.minimum(edges[1:], most) - np.maximum(edges[:-1], least)
    pmf = np.clip(covered, 0, None) / (most - least)
    scores = (edges[1:] + edges[:-1]) / 2
    repays = np.repeat(scores[None], len(names), axis=0)
    return ScoreLaw(scores, pmf, repays, checked.shares(shares, "shares", len(names)), names)


def fico(path: str | Path, groups: Sequence[str] = ("Black", "Non- Hispanic white")) -> ScoreLaw:
    """The TransRisk scores of the Federal Reserve Board's report of August 2007, from your copy of the three tables.

    path: a directory with `transrisk_cdf_by_race_ssa.csv`, `transrisk_performance_by_race_ssa.csv` and `totals.csv`.
    groups: columns of these files, the disadvantaged first; mind the blank in `Non- Hispanic white`. Percentiles become
    scores from 300 to 850 by the shares of all people in bins of 50.
    """
    root, names = Path(path), checked.words(groups, "law.groups")
    cdf = _table(root / "transrisk_cdf_by_race_ssa.csv", names)
    bad = _table(root / "transrisk_performance_by_race_ssa.csv", names)
    totals = checked.columns(root / "totals.csv", names, "law.path")
    if not np.array_equal(cdf[0], bad[0]):
        raise InputError(f"{root}: both tables need the same percentiles in Score, in the same order")
    counts = checked.parsed([totals[one][0] for one in names], f"{root / 'totals.csv'}", 1)
    shares = np.cumsum((0.0, *_BINS))
    scores = np.interp(cdf[0], shares, np.linspace(300, 850, len(shares)))
    pmf = np.diff(cdf[1:], axis=1, prepend=0) / 100
    return ScoreLaw(scores, pmf, 1 - bad[1:] / 100, counts / counts.sum(), names)


def _table(path: Path, groups: tuple[str, ...]) -> Floats:
    """(1 + S, m): percentiles of scores, and a column of percentages for each group."""
    wanted = ("Score", *groups)
    cells = checked.columns(path, wanted, "law.path")
    return np.array([checked.parsed(cells[one], f"{path}, {one!r}", 0, 100) for one in wanted])


def _grid(bounds: tuple[float, float], points: int) -> Floats:
    low, high = checked.numbers(bounds, "bounds", shape=(2,))
    if not low < high:
        raise InputError(f"people.arguments.bounds: {low:g} is not below {high:g}; give the lower score first")
    if not 2 <= points <= 1_000_000:
        raise InputError(f"people.arguments.law.points: {points} is not from 2 to 1000000")
    return np.linspace(low, high, points)


LAWS: Mapping[str, Callable[..., ScoreLaw]] = {"normal": normal, "uniform": uniform, "fico": fico}
"""The laws of scores that `people.arguments.law.kind` can name."""


def law_of(law: Mapping[str, Any] | ScoreLaw) -> ScoreLaw:
    """The law that `kind` names, with the other arguments; an object stays unchanged."""
    found: ScoreLaw = checked.law(law, LAWS)
    return found
