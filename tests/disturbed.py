"""Runs that are disturbed: a small spec, and a server that forks a process for each."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from fairloop.report.table import export
from fairloop.store.directory import RunDirectory

SPEC = {
    "generations": 3,
    "data": {"train": 128, "valid": 40, "test": 40},
    "generator": {"arguments": {"widths": [4, 8], "latent": 4}, "batch": 64, "epochs": 2},
    "classifier": {"batch": 64, "epochs": 2, "optimizer": "adam", "learning_rate": 0.001},
    "annotator": {"batch": 64, "epochs": 2, "momentum": 0.5},
    "measure": {"samples": 50, "gallery": 4, "latents": 8},
    "star": {"target": "both"},
    "precision": "fp32",
    "keep": "last",
}


class Ended(NamedTuple):
    code: int
    said: str


class Runs:
    """Runs of one spec, through a server that forks."""

    def __init__(self, folder: Path, spec: Mapping[str, Any] = SPEC) -> None:
        self.folder = folder
        self.spec = folder / "spec.yaml"
        self.spec.write_text(yaml.safe_dump(dict(spec)))
        self._server = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("forkserver.py"), "run", self.spec, "--out", folder / "warm"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1", "OMP_THREAD_LIMIT": "1"},  # forks of pools of threads hang
        )
        assert self.run("whole").code == 0
        began = time.monotonic()
        assert self.run("again").code == 0
        self.seconds = time.monotonic() - began
        self.table = self.table_of("whole")

    def run(self, name: str, *arguments: str, **wish: Any) -> Ended:
        """The same command each time. Comes back when it has ended."""
        argv = ["run", str(self.spec), "--out", str(self.folder / name), *arguments]
        stderr = self.folder / f"{name}.txt"
        wish |= {"argv": argv, "stderr": str(stderr), "below": str(self.folder / name)}
        self._server.stdin.write(json.dumps(wish) + "\n")
        self._server.stdin.flush()
        return Ended(int(self._server.stdout.readline()), stderr.read_text())

    def table_of(self, name: str) -> bytes:
        """What `fairloop export` writes, to the byte."""
        out = self.folder / f"{name}.csv"
        export([RunDirectory(self.folder / name)], out)
        return out.read_bytes()

    def goes_on(self, name: str, *arguments: str) -> None:
        """The same command again ends well and gives the same bits, and trains nothing that was recorded."""
        directory = RunDirectory(self.folder / name)
        done = directory.committed()
        ended = self.run(name, *arguments)
        assert ended.code == 0, ended.said
        assert self.table_of(name) == self.table
        trained = directory.provenance().sessions[-1].trained
        assert all(int(found[1]) >= done for title in trained if (found := re.search(r"(\d+)$", title))), trained
        left = [path for path in directory.root.rglob("*") if path.suffix in (".tmp", ".partial")]
        assert not left
        shutil.rmtree(directory.root)

    def close(self) -> None:
        self._server.stdin.close()
        self._server.wait()
