"""Many small runs as one sweep, beside their training alone, and beside a process of `fairloop run` for each.

    .venv/bin/python benchmarks/small_runs.py --root DIR [--runs 100] [--alone 10] [--workers 2] [--ray auto]

Training alone: runs one after another in processes that have imported everything, one process for each worker,
at the same time, each on a core of its own, as in the sweep. The sweep's quotient is what it adds to training.
With --ray, the sweep is also made on that cluster of Ray; a cluster that is up already leaves Ray's own start out.
Seconds are those of the clock, so the machine must do nothing else.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

LIMIT = 1.15
SPEC = {
    "data": {"name": "adult"},
    "generations": 2,
    "generator": {"epochs": 2},
    "classifier": {"epochs": 2},
    "annotator": {"epochs": 2},
}
ALONE = """
import json, os, sys, time
from pathlib import Path
os.sched_setaffinity(0, {int(sys.argv[1])})
from fairloop.running.progress import LineView
from fairloop.running.run import run
from fairloop.spec.run import from_file
from fairloop.store.directory import RunDirectory
import pandas
seconds = []
for seed in map(int, sys.argv[4].split(",")):
    spec = from_file(Path(sys.argv[2])).model_copy(update={"seed": seed})
    begun = time.monotonic()
    run(spec, RunDirectory(Path(sys.argv[3]) / str(seed)), LineView(lambda line: None))
    seconds.append(time.monotonic() - begun)
print(json.dumps(seconds[1:]))  # the first one imports what the others have
"""


def main() -> None:
    """Print the quotients."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--root", type=Path, required=True, help="the directory of Adult's files")
    options.add_argument("--runs", type=int, default=100)
    options.add_argument("--alone", type=int, default=10, help="runs for each of the other two")
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--ray", help="auto, an address, or local: the same sweep on Ray, too")
    asked = options.parse_args()
    with TemporaryDirectory() as folder:
        place = Path(folder)
        spec = place / "spec.yaml"
        spec.write_text(yaml.safe_dump({**SPEC, "data": {"name": "adult", "root": str(asked.root.resolve())}}))
        training = alone(spec, place / "alone", asked.alone, asked.workers)
        cold = one_by_one(spec, place / "cold", asked.alone, asked.workers)
        sweep = swept(spec, place / "sweep", asked.runs, asked.workers)
        told = {"training": training, "fairloop run": cold / training, "sweep": sweep / training}
        if asked.ray:
            on_ray = swept(spec, place / "ray", asked.runs, asked.workers, "--ray", asked.ray)
            told["sweep on Ray"] = on_ray / training
    print(json.dumps({"seconds a run and core": round(training, 3), **told}, indent=2))
    print(f"sweep / training alone: {sweep / training:.3f} (at most {LIMIT})")


def alone(spec: Path, out: Path, runs: int, workers: int) -> float:
    """Seconds of training for a run, in processes that are warm."""
    seeds = [str(seed) for seed in range(runs + 1)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", ALONE, str(core), str(spec), str(out / str(core)), ",".join(seeds)],
            stdout=subprocess.PIPE,
        )
        for core in range(workers)
    ]
    seconds = [second for process in processes for second in json.loads(process.communicate()[0])]
    return sum(seconds) / len(seconds)


def one_by_one(spec: Path, out: Path, runs: int, workers: int) -> float:
    """Seconds on its core of a run with a new process for each, `workers` at a time."""
    begun = time.monotonic()
    for first in range(0, runs, workers):
        processes = []
        for core in range(workers):
            seed = str(first + core)
            command = ["taskset", "-c", str(core), sys.executable, "-m", "fairloop", "run", str(spec), "--quiet"]
            processes.append(subprocess.Popen([*command, "--seed", seed, "--out", str(out / seed)]))
        for process in processes:
            process.wait()
    return (time.monotonic() - begun) * workers / (-(-runs // workers) * workers)


def swept(spec: Path, out: Path, runs: int, workers: int, *more: str) -> float:
    """Seconds on its core of a run of one sweep."""
    command = [sys.executable, "-m", "fairloop", "sweep", str(spec), "--seeds", f"0-{runs - 1}", "--quiet"]
    begun = time.monotonic()
    subprocess.run([*command, "--workers", str(workers), "--out", str(out), *more], check=True)
    return (time.monotonic() - begun) * workers / runs


if __name__ == "__main__":
    main()
