"""Rounds of `lending` beside a bare NumPy loop of the same maths: `python -m benchmarks.people`.

Both draw the same numbers, so they must end with the same scores, bit for bit. The limit is 1.5 times the bare loop.
Seconds are those of the processor, so other work of the machine does not count.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from fairloop.people.interface import Streams
from fairloop.people.lending import Lending
from fairloop.people.rounds import play

LIMIT = 1.5
REPEATS = 3


def kind_rounds(rounds: int, people: int) -> np.ndarray:
    """Final scores, by the kind: arrivals, policy, outcomes, measures and responses of every round."""
    kind = Lending()
    rule, state = kind.rule(), kind.start(people, np.random.default_rng(0))
    for number in range(rounds):
        state = play(kind, state, people, rule, Streams.of(0, number)).state
    return state["scores"]


def bare_rounds(rounds: int, people: int) -> np.ndarray:
    """Final scores, by a loop over arrays: the same draws, decisions, changes, and means by group."""
    kind = Lending()
    law, tau = kind.law, kind.rule().probabilities
    start = kind.start(people, np.random.default_rng(0))
    scores, groups = start["scores"], start["groups"]
    size, last = len(law.groups), len(law.scores) - 1
    counts = np.bincount(groups, minlength=size)
    for number in range(rounds):
        rngs = Streams.of(0, number)
        place = np.clip(np.ceil((scores - law.scores[0]) / law.step - 0.5), 0, last).astype(np.int64)
        repays = law.repays[groups, place]
        accepted = rngs.boundary.random(people) < tau[groups, place]
        rngs.exploration.random(people)
        repaid = rngs.outcomes.random(people) < repays
        moved = np.clip(scores + np.where(repaid, 75.0, -150.0), 300.0, 850.0)
        after = np.where(accepted, moved, scores)
        up, down = np.clip(scores + 75.0, 300.0, 850.0) - scores, np.clip(scores - 150.0, 300.0, 850.0) - scores
        expected = np.where(accepted, repays * up + (1 - repays) * down, 0.0)
        for column in (scores, after - scores, expected):
            np.bincount(groups, column, minlength=size) / counts
        np.where(accepted, np.where(repaid, 1.0, -4.0), 0.0).mean()
        scores = after
    return scores


def main() -> None:
    """Best of some alternating repeats of each, and their ratio; fails above the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--people", type=int, default=10_000)
    options = parser.parse_args()
    seconds: dict[str, list[float]] = {"kind": [], "bare": []}
    ends = {}
    for _ in range(REPEATS):
        for name, run in (("bare", bare_rounds), ("kind", kind_rounds)):
            began = time.process_time()
            ends[name] = run(options.rounds, options.people)
            seconds[name].append(time.process_time() - began)
    if not np.array_equal(ends["kind"], ends["bare"]):
        raise SystemExit("the two loops end with different scores")
    best = {name: min(times) for name, times in seconds.items()}
    ratio = best["kind"] / best["bare"]
    told = ", ".join(f"{name} {value:.2f} s" for name, value in best.items())
    print(f"{options.rounds} rounds of {options.people} people: {told}, ratio {ratio:.2f}")
    if ratio > LIMIT:
        raise SystemExit(f"the ratio is above {LIMIT}")


if __name__ == "__main__":
    main()
