"""Whether a run takes longer in a sweep that already has many runs.

    .venv/bin/python -m benchmarks.crowded_sweep [--runs 40] [--others 1000] [--times 3] [--out benchmarks/results]

The same runs are carried out, alternately, in a new sweep and in a sweep with copies of `others` finished runs, their
models and their logs. The figures are processor seconds of all processes of a sweep, start included. The runs are
those of `benchmarks.growth`. `crowded_sweep.json` holds every repetition.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.growth import adopt_orphans, measured, spec_of


def crowded(sweep: Path, spec: Path, others: int) -> None:
    """Carry out one run in `sweep`, and copy its directory, models and logs under `others` new names."""
    seconds(sweep, spec, 0, 1)
    made = {folder: list((sweep / folder).iterdir()) for folder in ("runs", "models", "logs")}
    for n in range(others):
        for folder, files in made.items():
            for file in files:
                copy = shutil.copytree if file.is_dir() else shutil.copy
                copy(file, sweep / folder / file.name.replace("-", f"-{n}x", 1))


def seconds(sweep: Path, spec: Path, first: int, runs: int) -> float:
    """Processor seconds of so many runs in `sweep`, with seeds from `first` on."""
    seeds = f"{first}-{first + runs - 1}"
    return measured(["sweep", str(spec), "--seeds", seeds, "--workers", "1", "--quiet", "--out", str(sweep)])[0]


def main() -> None:
    """Measure, print and write."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--runs", type=int, default=40)
    options.add_argument("--others", type=int, default=1_000)
    options.add_argument("--times", type=int, default=3)
    options.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    asked = options.parse_args()
    adopt_orphans()
    found: dict[str, list[float]] = {"new": [], "crowded": []}
    with TemporaryDirectory() as folder:
        spec = spec_of(Path(folder), 2)
        crowded(Path(folder) / "crowded", spec, asked.others)
        for turn in range(asked.times):
            first = 10_000 + turn * asked.runs
            found["new"].append(seconds(Path(folder) / f"new-{turn}", spec, first, asked.runs))
            found["crowded"].append(seconds(Path(folder) / "crowded", spec, first, asked.runs))
    found = {name: [round(one, 2) for one in times] for name, times in found.items()}
    ratio = round(median(found["crowded"]) / median(found["new"]), 3)
    told = {"runs": asked.runs, "others": asked.others, "processor seconds": found, "ratio of medians": ratio}
    (asked.out / "crowded_sweep.json").write_text(json.dumps(told, indent=2) + "\n")
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
