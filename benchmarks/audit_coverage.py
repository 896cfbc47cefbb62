"""How often the intervals of an audit cover, and how often its verdicts find a drift, in simulated logs.

    python -m benchmarks.audit_coverage                 # 1,000 logs a cell, few cells, about a minute
    python -m benchmarks.audit_coverage --logs 20000 --all
    python -m benchmarks.audit_coverage --only weights power

Logs of selective labels have 30 % selected, of whom 80 % are positive; of the rejected, 30 %; a share e of the rejected
is explored. Intervals have the level 95 %; the standard error of a share is printed first.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from fairloop.metrics import propensity, trend
from fairloop.metrics.group_rates import Rate, divide
from fairloop.metrics.groups_against_rest import against_rest
from fairloop.metrics.intervals import Estimate, critical, of_difference, of_rate, wilson
from fairloop.metrics.scores import auc
from fairloop.metrics.shares import person_interval, weighted_share
from fairloop.report.text import markdown

Floats = NDArray[np.float64]

Z = critical(0.05)
RATE, PPV, Q = 0.3, 0.8, 0.3
TRUE = {"tpr": RATE * PPV / (RATE * PPV + (1 - RATE) * Q), "accuracy": RATE * PPV + (1 - RATE) * (1 - Q)}
TRUE["fpr"] = RATE * (1 - PPV) / (RATE * (1 - PPV) + (1 - RATE) * (1 - Q))

EXPLORED = ((500, 0.05), (1000, 0.05), (2000, 0.05), (2000, 0.25))
MORE_EXPLORED = ((500, 0.01), (500, 0.02), (1000, 0.02), (5000, 0.02), (10_000, 0.02), (20_000, 0.05))
WEIGHTED = (("1 and 5", 100, 0.05), ("1 and 5", 400, 0.3), ("lognormal", 100, 0.05))
MORE_WEIGHTED = (("lognormal", 30, 0.3), ("by outcome", 100, 0.3))
SCORED = ((10, 30, 0.86), (30, 100, 0.96))
MORE_SCORED = ((10, 30, 0.96), (30, 100, 0.86), (100, 300, 0.96))
GROUPED = ((5, 200, 0.3), (20, 50, 0.1))
MORE_GROUPED = ((5, 50, 0.1), (20, 200, 0.3), (50, 100, 0.05))
DRIFTING = ((6, 4000, 0.05), (6, 4000, 0.1))
MORE_DRIFTING = tuple((r, n, d) for r in (4, 6, 12) for n in (1000, 4000) for d in (0.05, 0.1, 0.15, 0.2, 0.3))

ROWS_AT_ONCE = 2_000_000


def cover(found: Estimate, true: float) -> float:
    """The share of intervals that hold `true`; one that is undefined does not."""
    return float(((found.low <= true) & (true <= found.high)).mean())


def explored(rng: np.random.Generator, logs: int, n: int, e: float) -> propensity.Explored:
    chosen = rng.binomial(n, RATE, logs)
    positive = rng.binomial(chosen, PPV)
    seen = rng.binomial(n - chosen, e)
    counts = (positive, chosen - positive, n - chosen, seen, rng.binomial(seen, Q))
    return propensity.Explored(*(np.asarray(one, np.float64) for one in counts))


def by_weights(counts: propensity.Explored, e: float, n: int) -> dict[str, list[Floats]]:
    """Value, linearised and Kish's number of rows, and explored rows, of each rate in each log."""
    found: dict[str, list[list[Floats]]] = {name: [] for name in TRUE}
    step = max(1, ROWS_AT_ONCE // n)
    for start in range(0, len(counts.positive), step):
        a, b, rejected, m, k = (one[start : start + step].astype(int) for one in counts)
        kinds = ((True, 1.0, a), (True, 0.0, b), (False, 1.0, k), (False, 0.0, m - k), (False, np.nan, rejected - m))
        selected, labels = (np.concatenate([np.full(one[2].sum(), one[i]) for one in kinds]) for i in (0, 1))
        logs = np.concatenate([np.repeat(np.arange(len(a)), one[2]) for one in kinds])
        rates = propensity.rates(selected, labels, np.where(selected, 1.0, e), logs, len(a))
        for name, parts in found.items():
            share = rates[name].share
            parts.append([share.value, share.linear, share.kish, rates[name].explored.astype(np.float64)])
    return {name: [np.concatenate(one) for one in zip(*parts, strict=True)] for name, parts in found.items()}


def selective(logs: int, every: bool) -> Iterator[list[str]]:
    yield [
        "n",
        "e",
        "rate",
        "weights",
        "three parts",
        "Kish",
        "width",
        "width, three parts",
        "printed and wrong, k >= 5",
    ]
    for n, e in EXPLORED + (MORE_EXPLORED if every else ()):
        counts = explored(np.random.default_rng(n), logs, n, e)
        parts = propensity.three_parts(counts)
        for name, (value, linear, kish, k) in by_weights(counts, e, n).items():
            one, other = wilson(value, linear, Z), wilson(value, kish, Z)
            line = [f"{n}", f"{e}", name, f"{cover(one, TRUE[name]):.3f}"]
            three = parts.get(name)
            line += [f"{cover(three, TRUE[name]):.3f}" if three else "", f"{cover(other, TRUE[name]):.3f}"]
            line += [f"{np.nanmedian(one.high - one.low):.3f}"]
            line += [f"{np.median(three.high - three.low):.3f}" if three else ""]
            wrong = (k >= propensity.FEWEST) & ~((one.low <= TRUE[name]) & (TRUE[name] <= one.high))
            yield [*line, f"{wrong.mean():.3f}"]


def weights(logs: int, every: bool) -> Iterator[list[str]]:
    yield ["weights", "n", "p", "sum", "rows", "Kish", "linearised", "smaller of both"]
    for kind, n, p in WEIGHTED + (MORE_WEIGHTED if every else ()):
        rng = np.random.default_rng(n)
        hits, codes = rng.random(n * logs) < p, np.repeat(np.arange(logs), n)
        weight = {
            "1 and 5": rng.choice([1.0, 5.0], n * logs, p=[0.8, 0.2]),
            "lognormal": rng.lognormal(size=n * logs),
            "by outcome": np.where(hits, 1.0, 4.0),
        }[kind]
        true = p / (p + 4 * (1 - p)) if kind == "by outcome" else p
        found = weighted_share(hits, np.ones(n * logs, bool), codes, logs, weight)
        linear = np.where(np.isnan(found.linear), found.kish, found.linear)
        members = (np.bincount(codes, weight), found.rows, found.kish, linear)
        intervals = [*(wilson(found.value, one, Z) for one in members), person_interval(found, 0.05)]
        yield [kind, f"{n}", f"{p}", *(f"{cover(one, true):.3f}" for one in intervals)]


def scores(logs: int, every: bool) -> Iterator[list[str]]:
    yield ["positive", "negative", "AUC", "logit", "Wald"]
    for m, n, true in SCORED + (MORE_SCORED if every else ()):
        rng, labels = np.random.default_rng(m), np.repeat([1.0, 0.0], [m, n])
        found = [auc(rng.normal(labels * stats.norm.ppf(true) * 2**0.5), labels) for _ in range(logs)]
        logit = np.mean([cover(one.interval(0.05), true) for one in found])
        wald = np.mean([abs(one.value - true) <= Z * one.error for one in found])
        yield [f"{m}", f"{n}", f"{true}", f"{logit:.3f}", f"{wald:.3f}"]


def groups(logs: int, every: bool) -> Iterator[list[str]]:
    yield ["groups", "n", "p", "all differences covered", "any p <= .05 by Holm"]
    for size, n, p in GROUPED + (MORE_GROUPED if every else ()):
        rng = np.random.default_rng(size)
        found = [against_rest(rng.binomial(n, p, size), np.full(size, n), fewest=0) for _ in range(logs)]
        covered = np.mean([((one.difference.low <= 0) & (one.difference.high >= 0)).all() for one in found])
        yield [
            f"{size}",
            f"{n}",
            f"{p}",
            f"{covered:.3f}",
            f"{np.mean([(one.adjusted <= 0.05).any() for one in found]):.3f}",
        ]


def rate(hits: NDArray[np.int64], members: NDArray[np.int64]) -> Rate:
    return Rate(float(hits.sum() / members.sum()), divide(hits, members), np.append(members.sum(), members))


def power(logs: int, every: bool) -> Iterator[list[str]]:
    """TPR .7 in one group, .68 falling by d in the other; FPR .2 in both; 30 % positive; a limit of .1."""
    yield ["rounds", "n per group", "d", "trend warns", "verdict grew", "loss of the group said"]
    for rounds, n, d in MORE_DRIFTING if every else DRIFTING:
        rng = np.random.default_rng([rounds, n])
        told = np.mean([_told(rng, rounds, n, d) for _ in range(max(1, logs // 5))], axis=0)
        yield [f"{rounds}", f"{n}", f"{d}", *(f"{one:.2f}" for one in told)]


def _told(rng: np.random.Generator, rounds: int, n: int, d: float) -> tuple[bool, bool, bool]:
    positive = rng.binomial(n, 0.3, (rounds, 2))
    falling = 0.68 - d * np.arange(rounds) / (rounds - 1)
    hits = rng.binomial(positive, np.stack([np.full(rounds, 0.7), falling], axis=1))
    wrong = rng.binomial(n - positive, 0.2)
    tpr, fpr = ([rate(*pair) for pair in zip(*one, strict=True)] for one in ((hits, positive), (wrong, n - positive)))
    each = [of_difference(pair, 0.05) for pair in zip(tpr, fpr, strict=True)]
    values, errors = (
        np.array([one.value for one in each]),
        np.array([one.high - one.low for one in each]) / (2 * float(Z)),
    )
    line = trend.fit(np.arange(rounds, dtype=np.float64), values, errors, 0.05 / 3)
    warned = line is not None and line.certain and line.slope > 0 and line.crosses(0.1)[0] <= 2 * rounds - 1
    first, last = (of_difference((tpr[i], fpr[i]), 0.05 / 7) for i in (0, -1))
    lost = of_rate(tpr[-1], 0.05 / 6).less(of_rate(tpr[0], 0.05 / 6))
    return bool(warned), bool(last.less(first).low > 0), bool(lost.high[2] < 0)


TABLES = {"selective": selective, "weights": weights, "scores": scores, "groups": groups, "power": power}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--logs", type=int, default=1000, help="logs a cell; a fifth of them for power")
    parser.add_argument("--all", action="store_true", help="all cells")
    parser.add_argument("--only", nargs="+", choices=TABLES, default=[*TABLES])
    asked = parser.parse_args()
    print(f"{asked.logs} logs a cell; a share of .95 has a standard error of {(0.05 * 0.95 / asked.logs) ** 0.5:.4f}")
    for name in asked.only:
        header, *lines = TABLES[name](asked.logs, asked.all)
        print(f"\n{name}\n\n{markdown(header, lines)}", flush=True)
