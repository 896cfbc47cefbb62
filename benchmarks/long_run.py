"""Whether a long run keeps its memory and its open files: a tiny model, looked at after each generation.

python benchmarks/long_run.py [GENERATIONS]
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from fairloop._util.process import keep_freed_memory
from fairloop.loop.generations import Generation
from fairloop.running.progress import LineView
from fairloop.running.run import run
from fairloop.spec.run import from_mapping
from fairloop.store.directory import RunDirectory

SPEC = {
    "data": {"train": 128, "valid": 40, "test": 40},
    "generator": {"arguments": {"widths": [4, 8], "latent": 4}, "batch": 64, "epochs": 1},
    "classifier": {"batch": 64, "epochs": 1, "optimizer": "adam", "learning_rate": 0.001},
    "annotator": {"batch": 64, "epochs": 1, "optimizer": "adam", "learning_rate": 0.001},
    "measure": {"samples": 64, "gallery": 4, "latents": 8},
    "star": {"target": "both"},
    "precision": "fp32",
    "keep": "last",
}


class Watched(LineView):
    """Notes memory (MB, resident) and open files after each generation."""

    def __init__(self) -> None:
        super().__init__(lambda line: None)
        self.seen: list[tuple[float, int]] = []

    def generation(self, generation: Generation) -> None:
        """Linux says both in /proc."""
        status = Path("/proc/self/status").read_text(encoding="ascii")
        resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        self.seen.append((int(resident.split()[1]) / 1024, len(os.listdir("/proc/self/fd"))))  # noqa: PTH208


def seen_in(generations: int) -> list[tuple[float, int]]:
    """Memory and open files after each of the generations of a run."""
    keep_freed_memory()
    with tempfile.TemporaryDirectory() as folder, Watched() as view:
        run(from_mapping({**SPEC, "generations": generations}), RunDirectory(Path(folder) / "run"), view)
        return view.seen


if __name__ == "__main__":
    seen = seen_in(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
    print("generation  MB  open files")
    for i in sorted({0, 1, *range(9, len(seen), 10), len(seen) - 1}):
        print(f"{i:10}  {seen[i][0]:.0f}  {seen[i][1]}")
