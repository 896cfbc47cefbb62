"""Measure everything against its baselines, print it, and write it down.

make bench, or python -m benchmarks.speed [--rounds 8] [--only steps ...] [--root MNIST_DIR] [--out DIR]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.speed import footprint, host, page
from benchmarks.speed.alone import alone
from benchmarks.speed.measuring import Finding

SECTIONS = ("peaks", "steps", "text", "star", "host", "footprint", "gpu")


def main() -> None:
    options = argparse.ArgumentParser(prog="benchmarks.speed", description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=8, help="how often contenders take turns")
    options.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS, help="sections to measure")
    options.add_argument("--root", type=Path, help="directory with MNIST; default: the shipped digits, repeated")
    options.add_argument("--out", type=Path, default=Path(__file__).parent.parent / "results", help="where results go")
    given = options.parse_args()
    began, findings = time.monotonic(), []
    for name in given.only:
        for finding in sections(given.root, given.rounds)[name]():
            findings.append(finding)
            print(page.line(finding), flush=True)
        run = {"data": "MNIST" if given.root else "shipped digits, repeated", "rounds": given.rounds}
        keep(given.out, run | {"minutes": round((time.monotonic() - began) / 60, 1)}, findings)
    print(f"{given.out}: speed.json, speed.md")


def keep(out: Path, run: dict[str, Any], findings: list[Finding]) -> None:
    """Write what was found so far."""
    from benchmarks.speed.machine import description

    about = description() | run
    out.mkdir(parents=True, exist_ok=True)
    record = {"machine": about, "findings": [finding.record() for finding in findings]}
    (out / "speed.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    (out / "speed.md").write_text(page.markdown(about, findings), encoding="utf-8")


def sections(root: Path | None, rounds: int) -> dict[str, Callable[[], Iterator[Finding]]]:
    """Each section by its name."""
    return {
        "peaks": peaks,
        "steps": lambda: alone("steps", root, rounds),
        "text": lambda: alone("text", None, rounds),
        "star": lambda: alone("star", None, rounds),
        "host": lambda: host.measure(root, rounds),
        "footprint": lambda: footprint.measure(root, rounds),
        "gpu": lambda: _gpu(rounds),
    }


def peaks() -> Iterator[Finding]:
    """Of one thread and of all, before anything else. Where no instruction multiplies bf16, its peak says nothing."""
    import torch

    from benchmarks.speed.machine import bf16_in_hardware, peak

    cores = torch.get_num_threads()
    dtypes = {"fp32": torch.float32} | ({"bf16": torch.bfloat16} if bf16_in_hardware() else {})
    for threads in dict.fromkeys((1, cores)):
        torch.set_num_threads(threads)
        for name, dtype in dtypes.items():
            title = f"GEMM, {name}, {threads} thread{'s' if threads > 1 else ''}"
            yield Finding("peaks", title, "GFLOP/s", [peak(dtype) for _ in range(3)])
    torch.set_num_threads(cores)


def _gpu(rounds: int) -> Iterator[Finding]:
    from benchmarks.speed import gpu

    return gpu.measure(rounds)


if __name__ == "__main__":
    main()
