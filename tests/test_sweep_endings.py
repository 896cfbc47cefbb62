"""How runs and sweeps end where a model, a signal or the system cuts them short; and how a sweep's processes begin."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from multiprocessing import forkserver
from threading import Event, main_thread
from types import SimpleNamespace

import numpy as np
import pytest

from conftest import tiny
from fairloop import cli
from fairloop._util.process import as_a_new_process, interrupts_blocked
from fairloop.errors import FairloopError
from fairloop.running import run as running
from fairloop.running.progress import LineView
from fairloop.store.directory import RunDirectory
from fairloop.store.status import Status
from fairloop.sweep import threads, workers
from fairloop.sweep.job import Job
from fairloop.sweep.workers import Task, Worker


@pytest.mark.parametrize(
    ("code", "done", "together", "state", "said"),
    [(0, 3, False, "done", "last line"), (0, 1, False, "failed", "ended with exit code 0 after 1 of 3 generations"),
     (0, 1, True, "failed", "exit code 0"), (7, 1, False, "failed", "exit code 7"), (1, 3, True, "done", "last line"),
     (-9, 1, True, "failed", "was killed by signal 9"), (-9, 3, True, "done", "last line"),
     (-9, 3, False, "failed", "was killed by signal 9 (Killed) after 3 of 3"),
     (1, 1, False, "failed", "last line"), (2, 0, False, "failed", "last line"),
     (130, 1, False, "failed", "last line"),
     (255, 1, False, "failed", "was stopped, because the server that forks processes was killed, after 1 of 3")],
)  # fmt: skip
def test_a_run_is_done_only_when_all_its_generations_are_recorded(code, done, together, state, said):
    job = Job(tiny(), "case", "running", "last line", done)
    job.end_with_process(code, together=together)
    assert (job.state, job.state == "done") == (state, job.code == 0)
    assert said in job.line


@pytest.mark.parametrize("code", [None, 0, 3])
def test_a_model_that_ends_the_program_fails_its_run(tmp_path, monkeypatch, code):
    def ends(*args, **kwargs):
        raise SystemExit(code)
        yield

    monkeypatch.setattr(running, "generations", ends)
    directory = RunDirectory(tmp_path / "out")
    with pytest.raises(FairloopError, match=r"ended the program \(sys.exit\("):
        running.run(tiny(), directory, LineView(lambda line: None))
    assert directory.status().state == "failed"
    assert "ended the program" in directory.status().message


def test_runs_in_one_program_that_is_stopped_are_interrupted_and_not_running(tmp_path, monkeypatch):
    goes_on, going = Status(done=0, generations=2, doing="generator 1", epoch=1, epochs=2), Event()
    places = {name: tmp_path / name for name in ("running", "waiting", "finished", "silent")}

    def run(place, directory, models):
        if place.out.name != "silent":
            place.out.mkdir()
            directory.tell(goes_on.model_copy(update={"state": place.out.name}))
        if place.out.name == "running":
            signal.pthread_kill(main_thread().ident, signal.SIGINT)
            going.wait(10)
            directory.tell(goes_on)  # as a heartbeat does in the last moment
            going.clear()
        return 0

    def leave(code):
        going.set()
        while going.is_set():
            time.sleep(0.001)
        raise SystemExit(code)

    monkeypatch.setattr(threads, "_run", run)
    monkeypatch.setattr(threads.os, "_exit", leave)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
    monkeypatch.setattr(threads.signal, "signal", lambda *of: None)
    try:
        with pytest.raises(SystemExit, match="130"):
            threads.main(["models", *(part for out in reversed(places.values()) for part in ("spec", str(out), "log"))])
    finally:
        monkeypatch.undo()
        signal.signal(signal.SIGINT, before)
    told = {name: Status.read(out) for name, out in places.items() if name != "silent"}
    assert {name: status.state for name, status in told.items()} == {
        "running": "interrupted", "waiting": "interrupted", "finished": "finished"
    }  # fmt: skip
    assert (told["running"].doing, told["running"].epoch) == ("", 0)
    assert not places["silent"].exists()


@pytest.mark.skipif(sys.platform != "linux", reason="no fork server elsewhere")
def test_a_process_that_lost_its_fork_server_is_stopped_and_the_next_one_has_another(tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "PRELOADED", ())
    orphan = Worker(Task(time.sleep, (60,), tmp_path / "log", None))
    server = forkserver._forkserver._forkserver_pid
    os.kill(server, signal.SIGKILL)
    Worker.wait([orphan], 30)
    assert orphan.code == workers.ORPHANED
    with pytest.raises(ProcessLookupError):
        os.kill(orphan._process.pid, 0)
    next_one = Worker(Task(print, ("said",), tmp_path / "log", None))
    Worker.wait([next_one], 30)
    assert next_one.code == 0
    assert (tmp_path / "log").read_text() == "said\n"
    assert forkserver._forkserver._forkserver_pid != server


def test_a_second_interrupt_kills_processes_that_do_not_end():
    killed = []

    def join(seconds=None):
        if seconds is not None:
            raise KeyboardInterrupt

    def worker(name):
        process = SimpleNamespace(terminate=lambda: None, join=join, kill=lambda: killed.append(name))
        return SimpleNamespace(_process=process)

    with pytest.raises(KeyboardInterrupt):
        Worker.stop([worker("one"), worker("two")])
    assert killed == ["one", "two"]


def test_a_fork_has_its_own_random_numbers_finds_modules_beside_it_and_takes_interrupts(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = np.random.get_state()
    drawn = set()
    with interrupts_blocked():
        for _ in range(3):
            np.random.set_state(before)
            as_a_new_process(tmp_path)
            drawn.add(np.random.rand())
        assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    assert len(drawn) == 3
    assert sys.path.count(str(tmp_path)) == 1


SWEEP = """
import signal
import sys
from pathlib import Path
from fairloop.sweep import workers
workers.PRELOADED = ("{preloaded}",)
sys.path.remove("")
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
try:
    started = [workers.Worker(workers.Task("says", [], Path(name), None)) for name in ("1.log", "2.log")]
    while any(worker.code is None for worker in started):
        workers.Worker.wait(started, 10)
except KeyboardInterrupt:
    sys.exit(130)
"""


def sweep(folder, preloaded, **environment):
    (folder / "says.py").write_text("import numpy\nprint(numpy.random.rand())\n")
    return subprocess.Popen(
        [sys.executable, "-c", SWEEP.format(preloaded=preloaded)], cwd=folder, start_new_session=True,
        stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
    )  # fmt: skip


@pytest.mark.parametrize("longer", [0, 120])
def test_processes_start_beside_their_modules_wherever_temporary_files_are(tmp_path, longer):
    """A long TMPDIR has no room for the name of a socket."""
    place = tmp_path / ("t" * longer)
    place.mkdir(exist_ok=True)
    with sweep(tmp_path, "numpy.random", TMPDIR=str(place)) as process:
        assert process.communicate(timeout=60)[1] == ""
    first, second = ((tmp_path / name).read_text() for name in ("1.log", "2.log"))
    assert float(first) != float(second)


@pytest.mark.skipif(sys.platform != "linux", reason="no fork server elsewhere")
def test_an_interrupt_while_the_fork_server_imports_ends_all_without_a_traceback(tmp_path):
    (tmp_path / "slow.py").write_text("import time, pathlib\npathlib.Path('began').touch()\ntime.sleep(0.4)\n")
    with sweep(tmp_path, "slow", PYTHONPATH=os.pathsep.join([str(tmp_path), *sys.path])) as process:
        while not (tmp_path / "began").exists():
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(0.1)  # until the sweep waits for its first process
        os.killpg(process.pid, signal.SIGINT)
        assert process.communicate(timeout=60)[1] == ""  # at its end, the fork server has gone, too
        assert process.returncode == 130
    assert not list(tmp_path.glob("*.log"))


def test_a_current_directory_that_is_gone_is_named(tmp_path, monkeypatch, capsys):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    monkeypatch.setattr(sys, "argv", ["fairloop", "run", "demo", "--out", "out"])
    with pytest.raises(SystemExit, match="2"):
        cli.main()
    said = capsys.readouterr().err
    assert said.startswith("fairloop: the current directory: ")
    assert said.count("\n") == 1
