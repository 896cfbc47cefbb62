"""Rounds of `lending` beside bare NumPy loops of the same maths: `python -m benchmarks.people`.

Three loops: the kind beside a loop of its dynamics; the whole loop, `setting: people` as `fairloop run` makes it,
beside the same dynamics with the same measures of all people and of people with known labels, and the same log in a
file of each round; and the whole loop beside the dynamics alone. All draw the same numbers, so they must end with the
same scores, measures and logs, bit for bit. The limit is 1.5 times the bare loop of the same work. Seconds are those
of the processor, so other work of the machine does not count; the loops alternate. Files lie in memory where the system
has a place for that: a run makes sure that its files outlive a loss of power, and the bare loop does not.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.testing import assert_array_equal
from pandas.testing import assert_frame_equal

from fairloop.loop.people.population import start_of
from fairloop.people.interface import Streams
from fairloop.people.lending import Lending
from fairloop.people.rounds import play
from fairloop.presets import preset
from fairloop.running.progress import LineView
from fairloop.running.run import run
from fairloop.store.directory import RunDirectory

LIMIT = 1.5
REPEATS = 5
MEMORY = Path("/dev/shm")
SHARES = ("accuracy", "selection_rate", "tpr", "tnr", "fpr", "fnr", "ppv")


def kind_rounds(rounds: int, people: int) -> np.ndarray:
    """Final scores, by the kind: arrivals, policy, outcomes, measures and responses of every round."""
    kind = Lending()
    rule, state = kind.rule(), start_of(kind, people, 0)
    for number in range(rounds):
        state = play(kind, state, people, rule, Streams.of(0, number)).state
    return state["scores"]


def bare_rounds(rounds: int, people: int, folder: Path | None = None) -> np.ndarray:
    """Final scores, by a loop over arrays: the same draws, decisions, changes, and means by group.

    folder: gets the log of each round in a file, and the measures of all rounds in one.
    """
    kind = Lending()
    law, tau = kind.law, kind.rule().probabilities
    start = start_of(kind, people, 0)
    scores, groups = start["scores"], start["groups"]
    size, last = len(law.groups), len(law.scores) - 1
    counts, found = np.bincount(groups, minlength=size), []
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
        expected = np.where(accepted, down + repays * (up - down), 0.0)
        means = [np.bincount(groups, column, minlength=size) / counts for column in (scores, after - scores, expected)]
        profit = np.where(accepted, np.where(repaid, 1.0, -4.0), 0.0).mean()
        if folder is not None:
            found += of_people(number, groups, law.groups, means, profit)
            found += of_decisions(number, groups, repaid, accepted, law.groups)
            keep_log(folder / f"round-{number:04d}.parquet", number, groups, scores, repaid, accepted, law.groups)
        scores = after
    if folder is not None:
        names = ("round", "split", "group", "metric", "value", "standard_error")
        pq.write_table(
            pa.table(dict(zip(names, map(list, zip(*found, strict=True)), strict=True))), folder / "measures"
        )
    return scores


def of_people(number: int, groups: np.ndarray, names: tuple[str, ...], means: list, profit: float) -> Iterator[tuple]:
    """Rows of the population: shares of groups, and the measures of `lending`."""
    share = np.bincount(groups, minlength=len(names)) / len(groups)
    errors = np.sqrt(share * (1 - share) / len(groups))
    for group, value, error in zip(names, share.tolist(), errors.tolist(), strict=True):
        yield number, "people", group, "group_share", value, error
    for metric, values in zip(("mean_score", "score_change", "expected_score_change"), means, strict=True):
        for group, value in zip(names, values.tolist(), strict=True):
            yield number, "true", group, metric, value, np.nan
    yield number, "true", "overall", "profit", float(profit), np.nan


def of_decisions(
    number: int, groups: np.ndarray, labels: np.ndarray, accepted: np.ndarray, names: tuple[str, ...]
) -> Iterator[tuple]:
    """Rows of the decisions on all people, and on people with known labels: here, the same ones."""
    table = np.bincount(4 * groups + 2 * labels + accepted, minlength=4 * len(names)).reshape(-1, 4)
    tn, fp, fn, tp = np.vstack([table.sum(axis=0), table]).T.astype(np.float64)
    n, positives, negatives, selected = tn + fp + fn + tp, tp + fn, tn + fp, tp + fp
    above = np.array([tp + tn, selected, tp, tn, fp, fn, tp])
    below = np.array([n, n, positives, negatives, negatives, positives, selected])
    with np.errstate(divide="ignore", invalid="ignore"):
        share = above / below
        errors = np.sqrt(share * (1 - share) / below)
        right = tp + tn
        entropy = (right * fp + right * fn + 4 * fp * fn) / (2 * (right + 2 * fp) ** 2)
        low, high = np.vstack([share, n])[:, 1:].min(axis=1), np.vstack([share, n])[:, 1:].max(axis=1)
        apart = dict(zip((*SHARES, "count"), np.array([high - low, low / high, low, high]).T.tolist(), strict=True))
    unknown, everybody = np.full(len(n), np.nan), ("overall", *names)
    shown = [
        *zip(SHARES, share, errors, strict=True),
        ("count", n, unknown),
        ("generalized_entropy_index", entropy, unknown),
    ]
    worst = {"demographic_parity": ("selection_rate",), "equalized_odds": ("tpr", "fpr"), "predictive_parity": ("ppv",)}
    for split in ("true", "observed"):
        for metric, values, error in shown:
            for group, value, one in zip(everybody, values.tolist(), error.tolist(), strict=True):
                yield number, split, group, metric, value, one
            for part, value in zip(("difference", "ratio", "min", "max"), apart.get(metric, ()), strict=False):
                yield number, split, part, metric, value, np.nan
        for metric, of in worst.items():
            yield number, split, "difference", metric, float(np.max([apart[one][0] for one in of])), np.nan
            yield number, split, "ratio", metric, float(np.min([apart[one][1] for one in of])), np.nan


def keep_log(
    path: Path, number: int, groups: np.ndarray, scores: np.ndarray, labels: np.ndarray, accepted: np.ndarray,
    names: tuple[str, ...],
) -> None:  # fmt: skip
    """The log of a round as a file."""
    n, words = len(groups), ["default", "repaid"]
    now = np.full(n, number, np.int32)
    whole = {
        "round": now, "person": np.arange(n), "group": named(groups, names), "prediction": named(accepted, words),
        "score": scores, "accepted": accepted, "label": named(labels, words), "propensity": np.ones(n),
        "observed_at": now,
    }  # fmt: skip
    pq.write_table(pa.table(whole), path)


def named(codes: np.ndarray, names: Sequence[str]) -> pa.DictionaryArray:
    """Names by their codes."""
    return pa.DictionaryArray.from_arrays(codes.astype(np.int64), pa.array(names))


def whole_rounds(rounds: int, people: int, folder: Path) -> None:
    """The run `folder`, as `fairloop run lending` makes it."""
    spec = preset("lending", generations=rounds, people={"arrivals": people})
    run(spec, RunDirectory(folder), LineView(lambda words: None))


def check_same(ours: Path, bare: Path) -> None:
    """Raise AssertionError unless a run has the measures and the log of the bare loop, bit for bit."""
    directory, names = RunDirectory(ours), ["generation", "split", "group", "metric", "value", "standard_error"]
    of_run = directory.records().to_pandas().query("split in ('people', 'true', 'observed')")[names]
    of_bare = pq.read_table(bare / "measures").to_pandas().set_axis(names, axis=1)
    files = pa.concat_tables([pq.read_table(path) for path in sorted(bare.glob("round-*.parquet"))]).to_pandas()
    for one, other in ((of_run, of_bare), (directory.decisions().to_pandas(), files)):
        words = {name: str for name in one if one[name].dtype == "category"}
        key = [name for name in ("generation", "round", "split", "metric", "person", "group") if name in one]
        found = [table.astype(words).sort_values(key).reset_index(drop=True) for table in (one, other)]
        assert_frame_equal(*found, check_exact=True, check_dtype=False)


def main() -> None:
    """Medians of the ratios of alternating repeats; fails above the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--scratch", type=Path, default=MEMORY if MEMORY.is_dir() else None, help="a folder for files")
    options = parser.parse_args()
    size = options.rounds, options.people
    with TemporaryDirectory(dir=options.scratch) as scratch:
        times = _times(size, options.repeats, Path(scratch))
    told = ", ".join(f"{name} {1000 * median(found) / options.rounds:.2f}" for name, found in times.items())
    print(
        f"{options.rounds} rounds of {options.people} people; milliseconds a round, median of {options.repeats}: {told}"
    )
    above = False
    for one, other, limit in (("kind", "bare", LIMIT), ("whole", "bare, all", LIMIT), ("whole", "bare", None)):
        ratios = [a / b for a, b in zip(times[one], times[other], strict=True)]
        above |= limit is not None and median(ratios) > limit
        print(f"{one} / {other}: {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    if above:
        raise SystemExit(f"a loop takes more than {LIMIT} times the bare loop of the same work")


def _times(size: tuple[int, int], repeats: int, scratch: Path) -> dict[str, list[float]]:
    """Seconds of the processor of each loop, by repeat, after a short turn that compares what they leave."""
    _turn((3, size[1]), scratch / "first")
    assert_array_equal(bare_rounds(3, size[1]), kind_rounds(3, size[1]))
    check_same(scratch / "first" / "run", scratch / "first" / "bare")
    turns = [_turn(size, scratch / str(number)) for number in range(repeats)]
    return {name: [turn[name] for turn in turns] for name in turns[0]}


def _turn(size: tuple[int, int], folder: Path) -> dict[str, float]:
    """Seconds of the processor of each loop, one after the other."""
    (folder / "bare").mkdir(parents=True)
    loops: dict[str, Callable[[], object]] = {
        "bare": lambda: bare_rounds(*size),
        "kind": lambda: kind_rounds(*size),
        "bare, all": lambda: bare_rounds(*size, folder / "bare"),
        "whole": lambda: whole_rounds(*size, folder / "run"),
    }
    seconds = {}
    for name, loop in loops.items():
        began = time.process_time()
        loop()
        seconds[name] = time.process_time() - began
    return seconds


if __name__ == "__main__":
    main()
