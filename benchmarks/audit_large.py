"""An audit of a large log: processor time and memory, beside the same group-by in polars.

    python -m benchmarks.audit_large                      # 1, 10 and 100 million rows
    python -m benchmarks.audit_large --rows 1000000 10000000
    python -m benchmarks.audit_large --rows 1000000 --before DIRECTORY_WITH_ANOTHER_SRC --whole

The log is written once for each size, in parts, as parquet: ten rounds, 50 groups (5 regions x 10 age bands), labels
and predictions of 0 and 1. polars counts the same cells (round, region, age band, label, prediction) from the same file
with its streaming engine; the counts are compared. Each reader is a process of its own, so its largest memory is its
own, too, and less what its imports take. Processor time is that of all threads: others on the machine lengthen it
little. --before reads the log with another version of fairloop as well, in turns. --whole measures the command with
all its output, too, and both with scores in place of predictions.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROUNDS, PART = 10, 1_000_000

MEASURED = """
import json, resource, sys, time
def used():
    now = resource.getrusage(resource.RUSAGE_SELF)
    return now.ru_utime + now.ru_stime
{prepare}
before, held, start = used(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
{work}
print(json.dumps({{"processor": used() - before, "wall": time.perf_counter() - start, "counts": counts,
    "memory": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held) / 1024}}))
"""

AUDIT, OF_SCORES = (
    ("from pathlib import Path\nfrom fairloop import audit\nimport fairloop.auditing\nimport pyarrow.parquet, pandas",
     f"found = audit(Path(sys.argv[1]), round='round', label='label', {predicted}, groups=['region', 'age'])\n"
     "counts = sorted(found.measured.rounds.counts.ravel().tolist())")
    for predicted in ("prediction='predicted'", "score='score'")
)  # fmt: skip
COMMANDS = {
    "command": ["--prediction", "predicted"],
    "command with scores": ["--score", "score"],
}
POLARS = (
    "import polars as pl",
    "cells = pl.scan_parquet(sys.argv[1]).group_by(['round', 'region', 'age', 'label', 'predicted'])"
    ".agg(pl.len()).collect(engine='streaming')\ncounts = sorted(cells['len'].to_list())",
)


def write(path: Path, rows: int) -> None:
    """A log of so many rows, a part at a time."""
    regions = pa.array([f"region {i}" for i in range(5)])
    ages = pa.array([f"{10 * i} to {10 * i + 9}" for i in range(10)])
    writer = None
    for part in range(-(-rows // PART)):
        rng, n = np.random.default_rng([rows, part]), min(PART, rows - part * PART)
        region, band = rng.integers(5, size=n, dtype=np.int32), rng.integers(10, size=n, dtype=np.int32)
        label = rng.random(n) < 0.3 + 0.02 * band
        score = (0.3 + 0.3 * label + 0.01 * region + rng.normal(0, 0.2, n)).clip(0, 1).round(4)
        table = pa.table(
            {"round": pa.array(rng.integers(ROUNDS, size=n, dtype=np.int8)), "label": pa.array(label.astype(np.int8)),
             "predicted": pa.array((score >= 0.5).astype(np.int8)), "score": score,
             "region": pa.DictionaryArray.from_arrays(region, regions).cast(pa.string()),
             "age": pa.DictionaryArray.from_arrays(band, ages).cast(pa.string())}
        )  # fmt: skip
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def measured(code: tuple[str, str], path: Path, source: str | None = None) -> dict:
    """Processor seconds, wall seconds, MiB beyond imports, and counts, of a process of its own."""
    environment = os.environ | ({"PYTHONPATH": source} if source else {})
    script = MEASURED.format(prepare=code[0], work=code[1])
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], check=True, capture_output=True, text=True, env=environment
    )
    return json.loads(done.stdout)


def commanded(options: list[str], path: Path, source: str | None) -> dict:
    """The same of the whole command; memory with imports."""
    environment = os.environ | ({"PYTHONPATH": source} if source else {})
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "fairloop", "audit", str(path), "--round", "round", "--label", "label",
                   "--group", "region", "--group", "age", *options, "--out", f"{out}/audit"]  # fmt: skip
        start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, capture_output=True, env=environment)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"processor": used, "wall": time.perf_counter() - start, "memory": after.ru_maxrss / 1024, "counts": []}


def compare(path: Path, rows: int, before: str | None, times: int, whole: bool) -> None:
    measures = {"call": lambda source: measured(AUDIT, path, source)}
    if whole:
        measures["call with scores"] = lambda source: measured(OF_SCORES, path, source)
        for name, options in COMMANDS.items():
            measures[name] = lambda source, options=options: commanded(options, path, source)
    print(f"{rows:,} rows, {path.stat().st_size / 1e6:.0f} MB")
    for name, measure in measures.items():
        readers = {"fairloop": lambda measure=measure: measure(None)}
        if name == "call":
            readers["polars"] = lambda: measured(POLARS, path)
        if before is not None:
            readers["before"] = lambda measure=measure: measure(before)
        _told(name, readers, times)


def _told(name: str, readers: dict[str, Callable[[], dict]], times: int) -> None:
    """Read in turns; the least processor time of each counts."""
    runs: dict[str, list[dict]] = {reader: [] for reader in readers}
    for _ in range(times):
        for reader, read in readers.items():
            runs[reader].append(read())
    least = {reader: min(run["processor"] for run in found) for reader, found in runs.items()}
    told = [
        f"{reader} {least[reader]:.2f} s of processors, {min(run['wall'] for run in found):.1f} s, "
        f"{max(run['memory'] for run in found):.0f} MiB"
        for reader, found in runs.items()
    ]
    print(f"  {name}: {'; '.join(told)}", flush=True)
    for reader in [*readers][1:]:
        same = [n for n in runs[reader][0]["counts"] if n] == [n for n in runs["fairloop"][0]["counts"] if n]
        ratio = least["fairloop"] / least[reader]
        print(f"    {ratio:.2f} times {reader}{'' if same else '; counts DIFFER'}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000, 100_000_000])
    parser.add_argument("--before", help="a directory with another version's package `fairloop`")
    parser.add_argument("--times", type=int, default=3, help="runs of each; the least processor time counts")
    parser.add_argument("--whole", action="store_true", help="the command, and scores, too")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        for rows in asked.rows:
            path = Path(place) / f"{rows}.parquet"
            write(path, rows)
            compare(path, rows, asked.before, asked.times, asked.whole)
            path.unlink()


if __name__ == "__main__":
    main()
