"""Runs of a sweep on Ray: of an actor in this process, with the desk beside it, and of actors on a cluster."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from multiprocessing import Pipe
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

import fairloop
from conftest import TINY
from fairloop.spec.run import from_mapping, read_fields
from fairloop.store.directory import RunDirectory, find_runs
from fairloop.sweep import ray_cluster, workers
from fairloop.sweep.job import WRONG_INPUT
from fairloop.sweep.ray_cluster import Common, Desk, LostError, Runner, _Runners
from fairloop.sweep.ray_run import Asking, Place


class Near:
    """An actor of Ray's that is in this process."""

    def __init__(self, actor):
        self._actor = actor

    def __getattr__(self, name):
        return SimpleNamespace(remote=getattr(self._actor, name))


@pytest.fixture
def runner(tmp_path, monkeypatch):
    """An actor that works in `tmp_path`, with a desk of its own. Its fork server imports nothing beforehand."""
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(get=lambda answer: answer))
    monkeypatch.setattr(workers, "PRELOADED", ())
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "logs").mkdir()
    desk, place = Desk(), Place.below(str(tmp_path), None)

    def work(told, run, wanted=None):
        return Runner().work(told, run, Common(place, Near(desk), wanted or version("fairloop")))

    return SimpleNamespace(desk=desk, work=work)


def stand_in(folder: Path, monkeypatch, *lines: str) -> None:
    """Let `lines` take the place of every run: of the function that a forked process calls."""
    code = "\n    ".join(("def carry_out(told, place, pipe, words):", *lines))
    (folder / f"{folder.name}.py").write_text(f"import os, signal, sys, time\n{code}\n")
    monkeypatch.setattr(ray_cluster, "carry_out", __import__(folder.name).carry_out)


def test_a_run_asks_the_desk_and_gives_its_code_and_its_last_line(runner, tmp_path, monkeypatch):
    stand_in(tmp_path, monkeypatch, "pipe.send(('lent', ('recipe', 'other')))", "print('first', pipe.recv())",
             "pipe.send(('take', ('recipe', told)))", "print('last', pipe.recv())", "sys.exit(7)")  # fmt: skip
    assert runner.desk.take("of an earlier try", "a")
    assert runner.work("a", "a") == (7, "last True")
    assert (tmp_path / "logs/a.log").read_text() == "first False\nlast True\n"
    assert not runner.desk.lent("of an earlier try", "b")
    assert runner.work("b", "b") == (7, "last False")
    assert "first True" in (tmp_path / "logs/b.log").read_text()


def test_a_run_whose_process_was_killed_is_lost_and_not_failed(runner, tmp_path, monkeypatch):
    stand_in(tmp_path, monkeypatch, "os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(LostError, match="its process was killed by signal 9"):
        runner.work("a", "a")


def test_another_version_on_a_worker_is_wrong_input(runner):
    code, line = runner.work("words", "a", "0.0.1")
    assert code == WRONG_INPUT
    assert "the sweep has 0.0.1" in line


def test_a_run_whose_actor_has_gone_is_interrupted():
    ours, theirs = Pipe()
    desk = Asking(theirs)
    ours.send(True)
    assert desk.ask("take", "recipe", "a")
    ours.close()
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            desk.ask("give_back", "recipe", "a")


@pytest.mark.parametrize("workers", [None, 2])
def test_actors_are_as_many_as_runs_that_wait_and_end_when_none_waits(workers):
    made, killed = [], []

    class Kind:
        def __getattr__(self, name):
            return lambda *of, **options: self

        def remote(self):
            made.append(SimpleNamespace(__ray_ready__=SimpleNamespace(remote=lambda: len(made))))
            return made[-1]

    ray = SimpleNamespace(remote=lambda kind: Kind(), kill=killed.append, get=lambda answer: answer)
    runners = _Runners(ray, Common(Place("runs", "models", "logs"), None, "1"), 1, 0.0, workers or sys.maxsize)
    made.clear()
    runners.fit(3)
    assert len(made) == (workers or 3)
    runners.fit(3)
    assert len(made) == (workers or 3)
    assert runners._begun(1)
    assert runners.free
    runners.fit(100)
    assert len(made) == (workers or 1 + ray_cluster._MOST_STARTING)
    runners.fit(1)
    assert len(killed) == len(made) - 1
    assert made[0] not in killed  # the actor that is warm stays
    runners.fit(0)
    assert len(killed) == len(made)


# On a cluster.


def sweep(spec: Path, out: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "fairloop", "sweep", str(spec), "--ray", "local", "--out", str(out), *more]


def until(find, process: subprocess.Popen[bytes]):
    """What `find` returns as soon as that is something, while `process` runs."""
    while not (found := find()):
        assert process.poll() is None
        time.sleep(0.01)
    return found


def alone(spec) -> list[tuple[str, ...]]:
    return [tuple(map(repr, row))[6:] for generation in fairloop.simulate(spec) for row in generation.rows]


def forked_by(log: Path) -> list[int]:
    return [int(number) for number in re.findall(r"forked by (\d+)", log.read_text())]


def parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_runs_share_a_warm_actor_and_go_on_after_a_kill_of_the_run_and_one_of_the_actor(tmp_path, monkeypatch):
    pytest.importorskip("ray")
    (tmp_path / "telling.py").write_text(
        "import os, sys\nprint('forked by', os.getppid(), file=sys.stderr)\nfrom fairloop.models.cnn import SimpleCNN\n"
    )
    spec, out = tmp_path / "spec.yaml", tmp_path / "out"
    spec.write_text(
        yaml.safe_dump({**TINY, "generations": 2, "classifier": {**TINY["classifier"], "model": "telling:SimpleCNN"}})
    )
    process = subprocess.Popen(sweep(spec, out, "--seeds", "0-1", "--workers", "1"), cwd=tmp_path)
    first, second = (out / "runs" / from_mapping(read_fields(spec), [f"seed={n}"]).identity for n in range(2))
    begun = [run / "records/generation-0000.parquet" for run in (first, second)]
    until(begun[0].is_file, process)
    os.kill(RunDirectory(first).status().process, signal.SIGKILL)
    until(begun[1].is_file, process)
    server = forked_by(out / "logs" / f"{second.name}.log")[-1]
    os.kill(parent(server), signal.SIGKILL)
    assert process.wait(300) == 0
    monkeypatch.syspath_prepend(tmp_path)
    for run in find_runs([out]):
        assert [tuple(map(repr, row.values()))[6:] for row in run.records().to_pylist()] == alone(run.spec())
    logs = [out / "logs" / f"{run.name}.log" for run in (first, second)]
    servers = list(map(forked_by, logs))
    assert servers[0] == [servers[0][0]] * 2  # the run was killed: its actor lives on, and forks another process
    assert servers[1][0] == servers[0][0] != servers[1][1]  # the actor was killed: a new one
    assert all("goes on at generation" in log.read_text() for log in logs)
    assert "interrupted" in logs[1].read_text()  # the process of the actor that was killed ended by itself
