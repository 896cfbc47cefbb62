"""The planner of a reproduction against a second clock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairloop.reproducing import planning
from fairloop.reproducing.planning import CURVES, Costs, Curve, Plan, Run
from fairloop.sweep.estimate import Piece

LENGTH = 6


@st.composite
def priced(draw: st.DrawFn) -> Costs:
    """Costs of five curves as they are: which models are shared is known, what each takes is not."""
    chance = draw(st.randoms(use_true_random=False))
    seconds: dict[str, float] = defaultdict(lambda: chance.uniform(0.1, 20))

    def names(curve: Curve, i: int) -> list[str]:
        late = curve.star == "generator" and i > 0  # C_0 is the plain loop's
        generators = ["A_L", "A_S", "G0"] if i == 0 else [f"G{i} {late}"] if curve.setting != "seqclass" else []
        star = curve.star if late or curve.star == "classifier" else ""
        return [*generators, f"C{i} {star} {curve.setting if i else ''}"]

    def generation(curve: Curve, i: int) -> list[Piece]:
        return [*(Piece(name, i, seconds[name]) for name in names(curve, i)), Piece(None, i, seconds["measuring"])]

    return {curve: [piece for i in range(LENGTH) for piece in generation(curve, i)] for curve in CURVES}


curves = st.sets(st.sampled_from(CURVES), min_size=1).map(lambda chosen: [c for c in CURVES if c in chosen])
budgets = st.floats(1, 2_000)


class Clock:
    """Workers that go through the pieces of their runs second by second: an oracle that knows no heap."""

    def __init__(self, plan: Plan, costs: Costs, workers: int) -> None:
        waiting = [(run, [p for p in costs[run.curve] if p.generation < run.generations]) for run in plan.runs]
        ready: dict[tuple[int, str], float] = {}
        times = [0.0] * workers
        going: list[tuple[Run, list[Piece]] | None] = [None] * workers
        self.trained: dict[tuple[int, str], float] = {}
        while True:
            going = [one if one and one[1] else None for one in going]
            idle = [w for w in range(workers) if going[w] is None]
            busy = [w for w in range(workers) if going[w] is not None]
            if not waiting and not busy:
                break
            starts = [w for w in idle if waiting and times[w] <= min([times[b] for b in busy], default=float("inf"))]
            if starts:
                worker = min(starts, key=lambda w: times[w])
                going[worker] = waiting.pop(0)
                continue
            worker = min(busy, key=lambda w: times[w])
            run, pieces = going[worker]
            piece = pieces.pop(0)
            if piece.name is None:
                times[worker] += piece.seconds
            elif (key := (run.seed, piece.name)) in ready:
                times[worker] = max(times[worker], ready[key])
            else:
                times[worker] += piece.seconds
                ready[key], self.trained[key] = times[worker], piece.seconds
        self.now = max(times)


def plan_of(chosen: Sequence[Curve], seeds: int, costs: Costs, budget: float, workers: int) -> Plan:
    return planning.planned(list(planning.wishes(chosen, range(seeds), LENGTH)), costs, budget, workers)


@given(curves, st.integers(1, 4), priced(), budgets, st.integers(1, 3))
def test_a_plan_is_done_within_its_budget_by_a_clock_of_its_own(chosen, seeds, costs, budget, workers):
    plan = plan_of(chosen, seeds, costs, budget, workers)
    clock = Clock(plan, costs, workers)
    assert plan.seconds == pytest.approx(clock.now)
    assert plan.seconds <= budget


@given(curves, st.integers(1, 4), priced(), budgets, budgets, st.integers(1, 3))
def test_a_larger_budget_never_plans_less(chosen, seeds, costs, one, other, workers):
    few, many = (plan_of(chosen, seeds, costs, budget, workers) for budget in sorted([one, other]))
    longer = {(run.curve, run.seed): run.generations for run in many.runs}
    assert all(longer.get((run.curve, run.seed), 0) >= run.generations for run in few.runs)
    assert len(many.left_out) <= len(few.left_out)


@given(curves, st.integers(1, 4), priced(), budgets, st.integers(1, 3))
def test_the_table_has_every_seed_of_every_curve_once_and_sums_to_the_work(chosen, seeds, costs, budget, workers):
    plan = plan_of(chosen, seeds, costs, budget, workers)
    rows = planning.rows(plan, chosen, range(seeds), costs, LENGTH)
    assert sorted((row.curve, seed) for row in rows for seed in row.seeds) == sorted(
        (curve, seed) for curve in chosen for seed in range(seeds)
    )
    assert all(row.generations + row.missing == LENGTH and row.generations >= 0 for row in rows)
    planned = {(run.curve, run.seed, run.generations) for run in plan.runs}
    assert {(row.curve, s, row.generations) for row in rows for s in row.seeds if row.generations} == planned
    clock = Clock(plan, costs, workers)
    alone = sum(p.seconds for r in plan.runs for p in costs[r.curve] if p.name is None and p.generation < r.generations)
    assert sum(row.seconds for row in rows) == pytest.approx(sum(clock.trained.values()) + alone)
    assert bool(plan.left_out) == any(row.missing for row in rows)


@given(curves, st.integers(1, 5), st.integers(1, 40))
def test_wishes_end_with_everything_and_never_shrink(chosen, seeds, length):
    longest: dict[tuple[Curve, int], int] = {}
    for wish in planning.wishes(chosen, range(seeds), length):
        assert 1 <= wish.generations <= length
        longest[wish.curve, wish.seed] = max(wish.generations, longest.get((wish.curve, wish.seed), 0))
    assert longest == {(curve, seed): length for curve in chosen for seed in range(seeds)}


def test_the_order_of_wishes_is_whole_cheap_curves_then_more_seeds_then_longer():
    found = list(planning.wishes(CURVES, range(4), 40))
    assert found[:2] == [Run(CURVES[0], 0, 40), Run(CURVES[1], 0, 40)]
    assert [run.generations for run in found[:11]] == [40] * 6 + [20] * 4 + [12]
    assert Run(CURVES[0], 3, 40) in found[11:]
    assert found.index(Run(CURVES[0], 3, 40)) < found.index(Run(CURVES[2], 3, 20)) < found.index(Run(CURVES[2], 0, 40))
