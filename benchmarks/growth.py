"""Time and memory as functions of generations, runs, strata and rows, as one log-log figure.

    .venv/bin/python benchmarks/growth.py [--small] [--kinds KIND ...] [--out benchmarks/results]

Each point is one command: the processor seconds of all its processes, and the peak memory of the largest (on Linux).
Growth is at most linear where the slope between points, in logarithms, is at most one. `growth.json` holds points and
slopes, `growth.png` the figure.

generations: a run on a table of 2,000 people with a bootstrap generator and a linear classifier. runs: a sweep of such
runs of two generations, one worker. strata: curation of 200,000 people to a uniform ideal. rows of a log: an audit of a
parquet file. rows of results: the export of a run.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

POINTS = {
    "generations": [1, 3, 10, 30, 100, 200],
    "runs": [1, 3, 10, 30, 100, 300, 1000],
    "strata": [4, 30, 100, 1_000, 10_000],
    "rows of a log": [100_000, 1_000_000, 10_000_000],
    "rows of results": [100_000, 1_000_000, 10_000_000],
}
LAST_OF_SMALL = {
    "generations": 30,
    "runs": 30,
    "strata": 1_000,
    "rows of a log": 1_000_000,
    "rows of results": 1_000_000,
}
SEED = 0
_PR_SET_CHILD_SUBREAPER = 36


def people(path: Path, n: int, groups: int = 2) -> None:
    """A table of `n` people, and of decisions about them, in four rounds."""
    rng = np.random.default_rng(SEED)
    age, label = rng.integers(18, 80, n), rng.integers(0, 2, n)
    group = pa.DictionaryArray.from_arrays(rng.integers(0, groups, n), [f"g{i}" for i in range(groups)])
    columns = {"age": age, "income": age * 100 + rng.integers(0, 5000, n), "label": label, "group": group}
    columns |= {"round": np.sort(rng.integers(0, 4, n)), "predicted": np.where(rng.random(n) < 0.8, label, 1 - label)}
    pq.write_table(pa.table(columns), path)


def spec_of(folder: Path, generations: int) -> Path:
    """A small run on a table."""
    people(folder / "people.parquet", 2_000)
    spec = folder / "spec.yaml"
    spec.write_text(
        yaml.safe_dump({
            "data": {"name": "table", "table": str(folder / "people.parquet"), "label": "label", "groups": ["group"],
                     "beneficial": "1", "leave_out": ["round", "predicted"]},
            "generations": generations,
            "generator": {"model": "bootstrap"},
            "classifier": {"model": "sklearn.linear_model:LogisticRegression"},
            "annotator": {"model": "sklearn.linear_model:LogisticRegression"},
            "keep": "none",
        })
    )  # fmt: skip
    return spec


def generations(folder: Path, n: int) -> list[str]:
    return ["run", str(spec_of(folder, n)), "--out", str(folder / "out"), "--quiet"]


def runs(folder: Path, n: int) -> list[str]:
    command = ["sweep", str(spec_of(folder, 2)), "--seeds", f"0-{n - 1}", "--workers", "1", "--quiet"]
    return [*command, "--out", str(folder / "out")]


def strata(folder: Path, n: int) -> list[str]:
    people(folder / "people.parquet", 200_000, n // 2)
    command = ["curate", str(folder / "people.parquet"), "--label", "label", "--group", "group", "--skip-empty"]
    return [*command, "--out", str(folder / "curated.parquet")]


def log(folder: Path, n: int) -> list[str]:
    people(folder / "log.parquet", n)
    command = ["audit", str(folder / "log.parquet"), "--round", "round", "--label", "label", "--group", "group"]
    return [*command, "--prediction", "predicted", "--out", str(folder / "audit")]


def results(folder: Path, n: int) -> list[str]:
    """A run of 100,000 rows, as often as needed, to be exported as one table."""
    spec = spec_of(folder, 1)
    from fairloop.running.progress import LineView
    from fairloop.running.run import run
    from fairloop.spec.run import from_file
    from fairloop.store.directory import RunDirectory

    directory = RunDirectory(folder / "first")
    run(from_file(spec), directory, LineView(lambda _: None))
    rows = directory.records().num_rows
    record = next((folder / "first" / "records").glob("*.parquet"))
    table = pq.read_table(record)
    pq.write_table(pa.concat_tables([table] * -(-n // rows)), record)
    return ["export", str(folder / "first"), "--out", str(folder / "table.parquet")]


KINDS: dict[str, Callable[[Path, int], list[str]]] = {
    "generations": generations, "runs": runs, "strata": strata, "rows of a log": log, "rows of results": results,
}  # fmt: skip


def measured(command: list[str]) -> tuple[float, float]:
    """Processor seconds of `fairloop` with these arguments and of all its processes; peak MiB of the largest."""
    process_of_command = os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, "-m", "fairloop", *command])
    used = []
    with suppress(ChildProcessError):  # there is no other
        while True:
            process, status, found = os.wait4(-1, 0)
            used.append(found)
            if process == process_of_command and status:
                raise SystemExit(f"fairloop {' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    return sum(one.ru_utime + one.ru_stime for one in used), max(one.ru_maxrss for one in used) / 1024


def adopt_orphans() -> None:
    """Become the parent of processes that outlive theirs, as the fork server of a sweep."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def main() -> None:
    """Measure, write and draw."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--small", action="store_true", help="leave out the largest points")
    options.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    options.add_argument(
        "--kinds", nargs="*", default=list(KINDS), choices=list(KINDS), help="others stay as they were"
    )
    asked = options.parse_args()
    adopt_orphans()
    found: dict[str, list[dict[str, float]]] = {}
    for kind in asked.kinds:
        found[kind] = []
        for n in POINTS[kind]:
            if asked.small and n > LAST_OF_SMALL[kind]:
                continue
            with TemporaryDirectory() as folder:
                seconds, mebibytes = measured(KINDS[kind](Path(folder), n))
            found[kind].append({"n": n, "seconds": round(seconds, 2), "mebibytes": round(mebibytes, 1)})
            print(kind, found[kind][-1], flush=True)
    slopes = {kind: {what: slope(points, what) for what in ("seconds", "mebibytes")} for kind, points in found.items()}
    kept = asked.out / "growth.json"
    before = json.loads(kept.read_text()) if kept.exists() else {"points": {}, "last slopes": {}}
    found, slopes = before["points"] | found, before["last slopes"] | slopes
    kept.write_text(json.dumps({"points": found, "last slopes": slopes}, indent=2) + "\n")
    draw(found, asked.out / "growth.png")
    print(json.dumps(slopes, indent=2))


def slope(points: list[dict[str, float]], what: str) -> float | None:
    """The slope between the last two points, in logarithms; None with one point."""
    if len(points) < 2:
        return None
    before, last = points[-2:]
    return round(float(np.log(last[what] / before[what]) / np.log(last["n"] / before["n"])), 2)


def draw(found: dict[str, list[dict[str, float]]], path: Path) -> None:
    """Seconds and memory side by side, with a line of slope one."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for axis, what, title in zip(
        axes, ("seconds", "mebibytes"), ("processor seconds", "peak memory, MiB"), strict=True
    ):
        for kind, points in found.items():
            axis.loglog([p["n"] for p in points], [p[what] for p in points], marker="o", ms=3, label=kind)
        low, high = axis.get_ylim()
        scale = np.array([1e4, 1e7])
        axis.loglog(scale, high / 1e7 * scale, color="grey", ls=":", label="linear growth")
        axis.set_ylim(low, high)
        axis.set(xlabel="number of generations, runs, strata, rows", title=title)
    axes[0].legend(fontsize=7)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
