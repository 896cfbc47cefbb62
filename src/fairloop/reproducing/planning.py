"""A plan for a time budget: an ordered list of requested runs, and its longest prefix that fits the budget."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import NamedTuple

from fairloop.sweep.estimate import Piece


class Curve(NamedTuple):
    """A published curve."""

    setting: str
    star: str


class Run(NamedTuple):
    """A run of a curve: its seed, and the number of its generations."""

    curve: Curve
    seed: int
    generations: int


class _Stage(NamedTuple):
    """Curves of one stage of the order: the share of their length, and the number of seeds before other stages."""

    curves: tuple[Curve, ...]
    share: float
    seeds: int


_STAGES = (
    _Stage((Curve("seqclass", "none"), Curve("seqclass", "classifier")), 1.0, 3),
    _Stage((Curve("seqgen-seqclass", "none"), Curve("seqgen-seqclass", "classifier")), 0.5, 2),
    _Stage((Curve("seqgen-seqclass", "generator"),), 0.3, 1),
)
"""The cheapest curves come first, and completely, because their generator is trained once."""

CURVES = tuple(curve for stage in _STAGES for curve in stage.curves)
"""The published curves of ColoredMNIST."""

RESERVE = 0.1
"""The share of a budget that a plan leaves free, because the few timed steps run alone on the machine."""

Costs = Mapping[Curve, Sequence[Piece]]
"""The pieces of a whole run of each curve. Curves of one seed share models with one name."""


def wishes(curves: Sequence[Curve], seeds: Sequence[int], length: int) -> Iterator[Run]:
    """Runs in the order of their value: cheap curves and the middle of others, more seeds, then the ends.

    length: generations of a whole run. A later run of the same curve and seed extends the earlier run.
    """
    stages = [stage for stage in _STAGES if set(stage.curves) & set(curves)]
    for first in (True, False):
        for stage in stages:
            for seed in seeds[: stage.seeds] if first else seeds:
                yield from (Run(c, seed, max(1, round(stage.share * length))) for c in stage.curves if c in curves)
    for seed in seeds:
        yield from (Run(curve, seed, length) for curve in CURVES if curve in curves)


@dataclass(frozen=True)
class Plan:
    """The runs that fit, in the order of their start.

    seconds: expected until the end of all runs. left_out: requested runs that do not fit, or fit only in part.
    """

    runs: tuple[Run, ...]
    seconds: float
    left_out: tuple[Run, ...]


def planned(wished: Sequence[Run], costs: Costs, budget: float, workers: int) -> Plan:
    """The longest prefix of `wished` that `workers` complete within `budget` seconds.

    Runs are added one by one. The first run that does not fit gets the generations that fit. So a larger budget never
    plans less.
    """
    chosen: dict[_Key, int] = {}
    for place, wish in enumerate(wished):
        key, have = (wish.curve, wish.seed), chosen.get((wish.curve, wish.seed), 0)
        grown = [chosen | {key: generations} for generations in range(have + 1, wish.generations + 1)]
        if not grown:
            continue
        if _seconds(grown[-1], costs, workers) > budget:
            for more in takewhile(lambda more: _seconds(more, costs, workers) <= budget, grown):
                chosen = more
            return Plan(_in_order(chosen), _seconds(chosen, costs, workers), tuple(wished[place:]))
        chosen = grown[-1]
    return Plan(_in_order(chosen), _seconds(chosen, costs, workers), ())


_Key = tuple[Curve, int]


def _in_order(chosen: Mapping[_Key, int]) -> tuple[Run, ...]:
    """Runs sorted by curve, so that concurrent workers have different seeds and need different models."""
    runs = (Run(curve, seed, generations) for (curve, seed), generations in chosen.items())
    return tuple(sorted(runs, key=lambda run: (CURVES.index(run.curve), run.seed)))


def _seconds(chosen: Mapping[_Key, int], costs: Costs, workers: int) -> float:
    return seconds_of(_in_order(chosen), costs, workers)


def seconds_of(runs: Sequence[Run], costs: Costs, workers: int) -> float:
    """Expected seconds until the end of all `runs`, which `workers` take in this order."""
    return makespan([work_of(run, costs) for run in runs], workers)


Work = list[tuple[tuple[int, str] | None, float]]
"""The pieces of a run: the seed and the name of a model (None: work of the run alone), and its seconds."""


def work_of(run: Run, costs: Costs) -> Work:
    """The pieces of `run`, in order."""
    return [
        (None if piece.name is None else (run.seed, piece.name), piece.seconds)
        for piece in costs[run.curve]
        if piece.generation < run.generations
    ]


def makespan(runs: Sequence[Work], workers: int) -> float:
    """Seconds until the end of all `runs`. A free worker takes the next run, and waits for models of other workers."""
    waiting, under_way = iter(runs), [iter(Work()) for _ in range(workers)]
    ready: dict[tuple[int, str], float] = {}
    events, now = [(0.0, worker) for worker in range(workers)], 0.0
    while events:
        now, worker = heapq.heappop(events)
        piece = next(under_way[worker], None)
        if piece is None:
            run = next(waiting, None)
            if run is None:
                continue
            under_way[worker] = iter(run)
            until = now
        else:
            name, seconds = piece
            until = now + seconds if name is None else max(now, ready.setdefault(name, now + seconds))
        heapq.heappush(events, (until, worker))
    return now


class Row(NamedTuple):
    """A row of the plan's table: seeds of one curve with equally many generations.

    seconds: work on one core that no earlier row contains. missing: generations of each seed that do not fit.
    """

    curve: Curve
    seeds: tuple[int, ...]
    generations: int
    seconds: float
    missing: int


def rows(plan: Plan, curves: Sequence[Curve], seeds: Sequence[int], costs: Costs, length: int) -> list[Row]:
    """The plan as a table, with each of `seeds` of each of `curves` once. length: of a whole run."""
    planned_of = {(run.curve, run.seed): run.generations for run in plan.runs}
    counted: set[tuple[int, str]] = set()
    found = []
    for curve in (curve for curve in CURVES if curve in curves):
        lengths = {seed: planned_of.get((curve, seed), 0) for seed in seeds}
        for generations in sorted(set(lengths.values()), reverse=True):
            mine = tuple(seed for seed in seeds if lengths[seed] == generations)
            seconds = 0.0
            for seed in mine:
                for name, of_piece in work_of(Run(curve, seed, generations), costs):
                    seconds += 0.0 if name in counted else of_piece
                    counted |= {name} if name is not None else set()
            found.append(Row(curve, mine, generations, seconds, length - generations))
    return found
