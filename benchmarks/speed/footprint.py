"""Memory and start-up time, each in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.speed.measuring import Finding, alternating, seconds

MEMORY, START = "memory", "start-up"
PEAK_GIB, RUN_GENERATIONS = 1.2, 2
CELEBA = (162_770, 3, 128, 128)
IMPORT_SECONDS, HELP_SECONDS, FIRST_STEP_SECONDS = 1.0, 0.5, 1.0
RUN = [sys.executable, "-m", "fairloop", "run", "colored-mnist"]
SHORT = [
    *("--set", "data={name: 'benchmarks.speed.people:population'}", "--set", "star.target=both"),
    *(part for model in ("generator", "classifier", "annotator") for part in ("--set", f"{model}.epochs=1")),
]
ONE_STEP = """
import time
from pathlib import Path
began = time.time()
from fairloop._util.process import keep_freed_memory
keep_freed_memory()
from fairloop import preset
from fairloop.store.memory import MemoryModels
from fairloop.loop.trainer import ModelTrainer
shape = {"batch": 256, "epochs": 1}
spec = preset("colored-mnist", data={"source": "embedded", "train": 256, "valid": 100}, generator=shape)
ModelTrainer(spec, MemoryModels()).first_generator()
"""
FIRST_STEP = """
import os, sys, time
import torch
began = time.process_time()
from fairloop import cli
from fairloop.training import fitting

def first_step(*_):
    print(time.process_time() - began, file=sys.stderr, flush=True)
    os._exit(0)

fitting._passed_over = first_step
sys.argv = ["fairloop", "run", "demo", "--out", sys.argv[1]]
cli.main()
"""
MAPPED = """
import sys
from pathlib import Path
import numpy as np, torch
from fairloop.data import Split
from fairloop.models.numerics import Numerics
from fairloop.sources.source import RealData

def anonymous():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 2**20 for line in lines if line.startswith("RssAnon"))

images = np.load(sys.argv[1], mmap_mode="r")
names = np.zeros(len(images), np.int64)
before = anonymous()
most = before
people = RealData(Split(images, names, names, mirror=True), Numerics())
for number, batch in enumerate(people.epoch(64, torch.Generator())):
    most = max(most, anonymous())
    if number == 200:
        break
print(most - before)
"""


def measure(root: Path | None, rounds: int) -> Iterator[Finding]:
    """Peak memory of a run at full size, what serving CelebA takes, and how soon commands begin."""
    with tempfile.TemporaryDirectory() as place:
        where = ["--set", f"data.root={root.resolve()}"] if root else []
        command = [*RUN, *SHORT, *where, "--generations", str(RUN_GENERATIONS), "--out", f"{place}/run"]
        peak = _peak_gib(command)
        yield Finding(MEMORY, "peak RSS of a colored-mnist process", "GiB", [peak], PEAK_GIB, at_most=True)
        if sys.platform.startswith("linux"):
            yield from _mapped(Path(place) / "images.npy")
    yield from _start(max(1, rounds // 2))


def _mapped(path: Path) -> Iterator[Finding]:
    """A sparse file of CelebA's size at 128 pixels: whole only in its header."""
    import numpy as np

    images = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=CELEBA)
    size = images.nbytes / 2**30
    del images
    grown = float(subprocess.check_output([sys.executable, "-c", MAPPED, str(path)], text=True))
    yield Finding(
        MEMORY, f"held while CelebA's {size:.1f} GiB are served in batches", "GiB", [grown], 0.25, at_most=True
    )


def _start(rounds: int) -> Iterator[Finding]:
    commands = {
        "python alone": [sys.executable, "-c", "pass"],
        "import torch": [sys.executable, "-c", "import torch"],
        "import fairloop": [sys.executable, "-c", "import fairloop"],
        "fairloop --help": [sys.executable, "-m", "fairloop", "--help"],
        "to the end of the first step of colored-mnist": [sys.executable, "-c", ONE_STEP],
    }
    contenders = {name: (lambda command=command: seconds(lambda: _done(command))) for name, command in commands.items()}
    measured = list(alternating(contenders, rounds))
    targets = {"import fairloop": IMPORT_SECONDS, "fairloop --help": HELP_SECONDS}
    for name in commands:
        taken = [one[name] for one in measured]
        yield Finding(START, name, "s", taken, targets.get(name), at_most=True)
    steps = [_first_step() for _ in range(rounds + 1)][1:]  # the first one may write bytecode
    name = "from `import torch` to the first step of demo, processor"
    yield Finding(START, name, "s", steps, FIRST_STEP_SECONDS, at_most=True)


def _first_step() -> float:
    """Seconds of the processor from `import torch` to the first training step of `fairloop run demo`."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, "-c", FIRST_STEP, f"{place}/run"]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return float(done.stderr.splitlines()[-1])


def _done(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _peak_gib(command: list[str]) -> float:
    """Of the command's own process."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return used.ru_maxrss / (2**30 if sys.platform == "darwin" else 2**20)
