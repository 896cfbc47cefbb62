"""The laws of StarSampler in training frameworks: their own loops, in one and in two processes."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import textwrap
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from in_frameworks import BATCH, GROUPS, LABELS, Epochs, sampler

HERE = Path(__file__).parent

pytestmark = pytest.mark.slow


def trained(framework: str, world_size: int, where: Path) -> list[dict[str, Any]]:
    """What each rank's loops got, scenario by scenario."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    alike = {
        "WORLD_SIZE": world_size, "LOCAL_WORLD_SIZE": world_size, "GROUP_RANK": 0, "TORCHELASTIC_RUN_ID": "test",
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "GLOO_SOCKET_IFNAME": "lo", "CUDA_VISIBLE_DEVICES": "",
    }  # fmt: skip
    running = [
        subprocess.Popen(
            [sys.executable, str(HERE / "in_frameworks.py"), framework, str(where / "out")],
            env=os.environ | {name: str(value) for name, value in {**alike, "RANK": r, "LOCAL_RANK": r}.items()},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for r in range(world_size)
    ]  # fmt: skip
    try:
        said = [process.communicate(timeout=400)[0] for process in running]
    finally:
        for process in running:
            process.kill()
    assert [process.returncode for process in running] == [0] * world_size, "\n".join(said)
    return [json.loads((where / f"out-{rank}.json").read_text()) for rank in range(world_size)]


def strata(batch: list[int]) -> Counter[tuple[int, str]]:
    return Counter((int(LABELS[i]), str(GROUPS[i])) for i in batch)


def check_epochs(by_rank: list[Epochs]) -> None:
    """Quotas on every rank, nobody on two, and no epoch like another."""
    for epoch in zip(*by_rank, strict=True):
        for step in zip(*epoch, strict=True):
            for batch in step:
                assert set(strata(batch).values()) == {BATCH // 4}
            assert len({i for batch in step for i in batch}) == BATCH * len(by_rank)
    for epochs in by_rank:
        assert len({json.dumps(epoch[:3]) for epoch in epochs}) == len(epochs)


def own(rank: int, world_size: int) -> Epochs:
    """What the sampler alone gives that rank."""
    star = sampler(rank=rank, world_size=world_size)
    return [list(star) for _ in range(4)]


EXPECTED = {
    "whole": lambda e: e[:3],
    "limited": lambda e: [epoch[:3] for epoch in e[:3]],
    "in the middle": lambda e: [e[1][5:], e[2]],
    "left and resumed": lambda e: [e[0][:3], e[1][:5], e[1][5:]],
    "skipped first": lambda e: [e[1][5:], e[2]],
    "at the end": lambda e: [e[2], e[3]],
    "cut after the end": lambda e: [e[2][:3], e[3]],
    "dispatched": lambda e: e[:2],
}
"""What a loop gets of a rank's epochs. In the middle: it goes on in the second, after five; at the end: after it."""


def test_the_page_about_frameworks_runs(tmp_path):
    page = HERE.parent / "docs" / "star-in-frameworks.md"
    code = "\n".join(re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL))
    (tmp_path / "page.py").write_text(f"if __name__ == '__main__':\n{textwrap.indent(code, '    ')}", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "page.py"], cwd=tmp_path, capture_output=True, text=True, timeout=400, check=False,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stdout.splitlines() if line.startswith(("Light", "accel", "Trainer", "torchd"))]
    assert said == ["Lightning: 1", "accelerate: True 1", "Trainer: 2.0", "torchdata: True"]
    for package in ("lightning", "transformers", "accelerate", "torchdata"):
        assert version(package) in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("world_size", [1, 2])
@pytest.mark.parametrize("framework", ["lightning", "transformers", "accelerate", "torchdata"])
def test_a_framework_gives_each_rank_its_batches_epoch_by_epoch(framework, world_size, tmp_path):
    found = trained(framework, world_size, tmp_path)
    check_epochs([scenarios["whole"] for scenarios in found])
    for rank, scenarios in enumerate(found):
        epochs = own(rank, world_size)
        for name, came in scenarios.items():
            kind = name.partition(",")[0]
            if kind == "warned":  # a plain loader with workers, resumed at an epoch's end, has fetched too early
                assert ["epoch 2 was set, but the loader had begun epoch 0 before" in warning for warning in came] == [
                    True
                ]
            elif kind == "refused":
                assert ("sharded_by: " in came) if world_size > 1 else came is None
            else:
                assert came == EXPECTED[kind](epochs), name
        assert {"whole", "limited", "in the middle", "at the end"} <= {name.partition(",")[0] for name in scenarios}
