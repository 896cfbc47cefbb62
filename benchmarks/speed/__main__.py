"""Measure everything against its baselines, print it, and write it down.

make bench, or python -m benchmarks.speed [--rounds 8] [--only steps ...] [--root MNIST_DIR] [--out DIR]
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.speed import footprint, host, page
from benchmarks.speed.measuring import Finding

SECTIONS = ("peaks", "steps", "star", "host", "footprint", "gpu")


def main() -> None:
    options = argparse.ArgumentParser(prog="benchmarks.speed", description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=8, help="how often contenders take turns")
    options.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS, help="sections to measure")
    options.add_argument("--root", type=Path, help="directory with MNIST; default: the shipped digits, repeated")
    options.add_argument("--out", type=Path, default=Path(__file__).parent.parent / "results", help="where results go")
    given = options.parse_args()
    began = datetime.now(UTC)
    findings = []
    for name in given.only:
        for finding in sections(given.root, given.rounds)[name]():
            findings.append(finding)
            print(page.line(finding), flush=True)
    from benchmarks.speed.machine import description

    about = description() | {"data": "MNIST" if given.root else "shipped digits, repeated", "rounds": given.rounds}
    about["minutes"] = round((datetime.now(UTC) - began).total_seconds() / 60, 1)
    record = {"machine": about, "findings": [finding.record() for finding in findings]}
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "speed.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    (given.out / "speed.md").write_text(page.markdown(about, findings), encoding="utf-8")
    print(f"{given.out}: speed.json, speed.md ({about['minutes']} minutes)")


def sections(root: Path | None, rounds: int) -> dict[str, Callable[[], Iterator[Finding]]]:
    """Each section by its name; on one thread and one core what is measured in this process."""
    return {
        "peaks": peaks,
        "steps": lambda: alone(lambda: _steps(root, rounds)),
        "star": lambda: alone(lambda: _star(rounds)),
        "host": lambda: host.measure(root, rounds),
        "footprint": lambda: footprint.measure(root, rounds),
        "gpu": lambda: _gpu(rounds),
    }


def peaks() -> Iterator[Finding]:
    """Of one thread and of all, before anything else."""
    import torch

    from benchmarks.speed.machine import peak

    cores = torch.get_num_threads()
    for threads in dict.fromkeys((1, cores)):
        torch.set_num_threads(threads)
        for name, dtype in {"fp32": torch.float32, "bf16": torch.bfloat16}.items():
            title = f"GEMM, {name}, {threads} thread{'s' if threads > 1 else ''}"
            yield Finding("peaks", title, "GFLOP/s", [peak(dtype) for _ in range(3)])
    torch.set_num_threads(cores)


def alone(section: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """As a run of a sweep is: on one core and one thread, with the allocator's thresholds set."""
    import torch

    from fairloop.fast.process import keep_freed_memory

    keep_freed_memory()
    threads, cores = torch.get_num_threads(), os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    torch.set_num_threads(1)
    if cores:
        os.sched_setaffinity(0, {max(cores)})
    try:
        yield from section()
    finally:
        if cores:
            os.sched_setaffinity(0, cores)
        torch.set_num_threads(threads)


def _steps(root: Path | None, rounds: int) -> Iterator[Finding]:
    from benchmarks.speed import steps
    from benchmarks.speed.people import population

    return steps.measure(population(root), rounds)


def _star(rounds: int) -> Iterator[Finding]:
    from benchmarks.speed import star
    from benchmarks.speed.people import population

    return star.measure(population(), rounds)


def _gpu(rounds: int) -> Iterator[Finding]:
    from benchmarks.speed import gpu

    return gpu.measure(rounds)


if __name__ == "__main__":
    main()
