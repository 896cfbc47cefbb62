"""How long an audit of a million rows takes, alone and beside fairlearn's MetricFrame.

    python benchmarks/audit.py

A log of ten rounds with 50 groups (5 regions x 10 age bands), as CSV and as parquet. fairlearn measures a part of it,
the same measures by the same groups for each round; rates are compared per row, in the same process.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import fairlearn.metrics as fl
import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score

from fairloop import Audit, audit

ROWS, ROUNDS, PART = 1_000_000, 10, 100_000
ORACLES = {
    "accuracy": accuracy_score,
    "selection_rate": fl.selection_rate,
    "tpr": fl.true_positive_rate,
    "tnr": fl.true_negative_rate,
    "fpr": fl.false_positive_rate,
    "fnr": fl.false_negative_rate,
}
OPTIONS = [
    *("--round", "round", "--label", "label", "--prediction", "predicted"),
    *("--group", "region", "--group", "age"),
]
AGGREGATES = {"difference": "difference", "ratio": "ratio", "group_min": "min", "group_max": "max"}


def log(rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    region, band = rng.integers(5, size=rows), rng.integers(10, size=rows)
    label = rng.random(rows) < 0.3 + 0.02 * band
    score = (0.3 + 0.3 * label + 0.01 * region + rng.normal(0, 0.2, rows)).clip(0, 1).round(4)
    return pd.DataFrame(
        {
            "round": rng.integers(ROUNDS, size=rows),
            "label": label.astype(int),
            "score": score,
            "predicted": (score >= 0.5).astype(int),
            "region": np.array([f"region {i}" for i in range(5)])[region],
            "age": np.array([f"{10 * i} to {10 * i + 9}" for i in range(10)])[band],
        }
    )


def ours(source: Path | pd.DataFrame, score: str | None = None) -> Audit:
    found = audit(source, round="round", label="label", prediction="predicted", score=score, groups=["region", "age"])
    _ = found.table, found.verdict
    return found


def fairlearns(people: pd.DataFrame) -> dict[tuple[int, str, str], float]:
    values = {}
    for generation, part in people.groupby("round"):
        frame = fl.MetricFrame(
            metrics=ORACLES,
            y_true=part["label"],
            y_pred=part["predicted"],
            sensitive_features=part[["region", "age"]],
        )
        for metric in ORACLES:
            values[generation, "overall", metric] = frame.overall[metric]
            for groups, value in frame.by_group[metric].items():
                values[generation, " & ".join(groups), metric] = value
            for method, name in AGGREGATES.items():
                values[generation, name, metric] = getattr(frame, method)()[metric]
    return values


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def processor() -> float:
    """Seconds that processors have spent on ended commands, which others on the machine do not lengthen much."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def audit_whole(people: pd.DataFrame) -> None:
    with tempfile.TemporaryDirectory() as place:
        files = Path(place) / "log.csv", Path(place) / "log.parquet"
        people.to_csv(files[0], index=False)
        people.to_parquet(files[1])
        for file in files:
            options = *OPTIONS, "--out", f"{place}/out", "--overwrite"
            command = [sys.executable, "-m", "fairloop", "audit", str(file), *options]
            before = processor()
            whole = seconds(lambda c=command: subprocess.run(c, check=True, capture_output=True))
            call = min(seconds(lambda f=file: ours(f)) for _ in range(3))
            print(
                f"{ROWS:,} rows, 50 groups, {file.suffix}: command {whole:.1f} s "
                f"(of processors {processor() - before:.1f} s), call in Python {call:.1f} s"
            )
        start = time.process_time()
        ours(files[1], score="score")
        used = time.process_time() - start
        print(f"{ROWS:,} rows, 50 groups, with 10,001 scores: call in Python {used:.1f} s of processors")


def beside_fairlearn(part: pd.DataFrame) -> None:
    expected: dict[tuple[int, str, str], float] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = seconds(lambda: expected.update(fairlearns(part)))
    mine = min(seconds(lambda: ours(part)) for _ in range(3))
    found = ours(part).table.set_index(["generation", "group", "metric"])["value"]
    farthest = max(abs(found[key] - value) for key, value in expected.items())
    print(
        f"{PART:,} rows of it, from a frame: {mine:.2f} s, fairlearn {theirs:.2f} s, {theirs / mine:.0f} times as long"
    )
    print(f"{len(expected):,} values of both, farthest apart: {farthest:.1g}")


def main() -> None:
    people = log(ROWS)
    audit_whole(people)
    beside_fairlearn(people.iloc[:PART])


if __name__ == "__main__":
    main()
