"""How runs and sweeps stand, told by what they write, and shown in any width."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from conftest import tiny
from fairloop.running import heartbeat
from fairloop.running.heartbeat import Heartbeat
from fairloop.running.progress import LineView
from fairloop.running.run import run
from fairloop.store import status as statuses
from fairloop.store.directory import RunDirectory
from fairloop.store.provenance import Provenance
from fairloop.store.status import STATUS, Status
from fairloop.store.tidy_rows import Row
from fairloop.sweep import watch as module
from fairloop.sweep.status import SweepStatus
from fairloop.sweep.status_reader import Scene, Sight, look
from fairloop.sweep.view import table
from fairloop.sweep.watch import watch
from test_store import GALLERY

QUIET = LineView(lambda line: None)
LONG_AGO = datetime(2020, 1, 2, tzinfo=UTC)


def run_with(root: Path, generations: int, *overrides: str, **status: object) -> RunDirectory:
    """A run with so many of its three generations recorded, each in ten seconds. status: fields of its status file."""
    directory = RunDirectory(root)
    session = {"seconds": 10.0 * generations, "generations": [*range(generations)]}
    directory.describe(tiny(*overrides), Provenance(models="models", sessions=[session]))
    for i in range(generations):
        rows = [
            Row(i, None, "classifier", "test", None, "overall", "accuracy", 0.9 - 0.1 * i, 0.0),
            Row(i, None, "classifier", "test", None, "difference", "equalized_odds", 0.2 + 0.1 * i, 0.0),
        ]
        directory.commit(i, [*rows, rows[0]._replace(split="valid", value=-1.0)], GALLERY)
    if status:
        directory.tell(Status(done=generations, generations=3, **status))
    return directory


def seen(path: Path) -> Sight:
    (sight,) = look([path]).runs
    return sight


def gone() -> int:
    """The number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


# One run.


@pytest.mark.slow
def test_a_run_tells_how_far_it_is_while_it_trains_and_at_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(heartbeat, "_SECONDS_BETWEEN_LOOKS", 0.001)
    told: list[Status] = []
    monkeypatch.setattr(RunDirectory, "tell", lambda self, status: (told.append(status), status.write(self.root)))
    directory = RunDirectory(tmp_path / "run")
    run(tiny("generator.epochs=3"), directory, QUIET)
    assert {status.generations for status in told} == {3}
    assert [status.done for status in told] == sorted(status.done for status in told)
    assert {(status.process, status.machine) for status in told} == {(os.getpid(), os.uname().nodename)}
    trained = {(status.doing, status.epoch, status.epochs) for status in told}
    assert trained <= {("", 0, 0)} | {
        (model, epoch, epochs)
        for model, epochs in [("label annotator", 2), ("group annotator", 2), ("generator 0", 2)]
        + [(f"generator {i}", 3) for i in (1, 2)] + [(f"classifier {i}", 1) for i in range(3)]
        for epoch in range(epochs + 1)
    }  # fmt: skip
    assert len(trained) > 3
    end = directory.status()
    assert (end.state, end.done, end.doing, end.remaining) == ("finished", 3, "", 0.0)
    assert end.pace > 0


class Stopped(LineView):
    """Ends a run by `error` after its first generation."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(lambda line: None)
        self.error = error

    def generation(self, generation):
        raise self.error


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "state", "message"),
    [(KeyboardInterrupt(), "interrupted", ""), (ValueError("it\ndiverged"), "failed", "it diverged")],
)
def test_a_run_tells_why_it_ended_and_keeps_the_time_of_its_first_session(tmp_path, error, state, message):
    directory = RunDirectory(tmp_path / "run")
    with pytest.raises(type(error)):
        run(tiny(), directory, Stopped(error))
    cut = directory.status()
    assert (cut.state, cut.message, cut.done) == (state, message, 1)
    assert seen(tmp_path).state == state
    cut.model_copy(update={"since": LONG_AGO}).write(directory.root)
    run(tiny(), directory, QUIET)
    end = directory.status()
    assert (end.state, end.message, end.since) == ("finished", "", LONG_AGO)
    assert end.updated > cut.updated


def test_the_first_session_of_a_run_without_a_status_is_in_its_provenance(tmp_path):
    directory = RunDirectory(tmp_path)
    started = LONG_AGO.isoformat(), "2021-01-01T00:00:00+00:00"
    directory.describe(tiny(), Provenance(sessions=[{"started": one} for one in started]))
    with Heartbeat(directory, tiny()):
        assert directory.status().since == LONG_AGO


@pytest.mark.slow
def test_a_status_changes_no_bit_of_a_run_and_a_disk_that_takes_none_ends_none(tmp_path, monkeypatch):
    rows = []
    for name, write in (("with", Status.write), ("without", lambda status, root: None), ("full", None)):
        with monkeypatch.context() as patch:
            if write is None:
                patch.setattr(statuses, "write_text", lambda *of, **options: (_ for _ in ()).throw(OSError(28, "full")))
            else:
                patch.setattr(Status, "write", write)
            run(tiny("generations=1", "star.target=classifier"), RunDirectory(tmp_path / name), QUIET)
        rows.append([repr(row) for row in RunDirectory(tmp_path / name).records().to_pylist()])
        assert (tmp_path / name / STATUS).exists() == (name == "with")
        assert not list((tmp_path / name).glob("*.tmp"))
    assert rows[0] == rows[1] == rows[2]


@pytest.mark.slow
def test_a_run_writes_at_most_once_a_second_and_costs_next_to_nothing(tmp_path):
    """A thousand epochs a second, for two seconds and more."""
    directory, writes = RunDirectory(tmp_path), []
    directory.tell = lambda status: (writes.append(time.monotonic()), status.write(tmp_path))
    with Heartbeat(directory, tiny()) as pulse:
        began = cpu = 0.0
        began, cpu, count = time.monotonic(), time.thread_time(), 0
        while time.monotonic() - began < 2.2:
            for _ in range(100):
                pulse.trains("generator 3", count % 100, 100)
                count += 1
            time.sleep(0.05)
        spent = (time.thread_time() - cpu) / count
    assert len(writes) <= 5  # the first, one a second, the last
    assert spent < 0.001  # seconds an epoch, on a machine however busy; measured: 10 microseconds


def test_a_silent_or_dead_process_is_told_as_such(tmp_path, monkeypatch):
    running = {"state": "running", "doing": "generator 1", "epoch": 1, "epochs": 3, "pace": 10.0, "remaining": 20.0}
    directory = run_with(tmp_path, 1, **running)
    sight = seen(tmp_path)
    assert (sight.state, sight.doing, sight.epoch, sight.epochs, sight.note) == ("running", "generator 1", 1, 3, "")
    assert sight.remaining == pytest.approx(20, abs=5)
    written = directory.status()
    now = written.updated + timedelta(seconds=statuses.SILENT_AFTER + 300)
    with monkeypatch.context() as patch:
        patch.setattr(statuses, "_now", lambda: now)
        sight = seen(tmp_path)
        assert (sight.state, sight.remaining) == ("silent", 0.0)
        assert "no sign of life for 6 min, from process" in sight.note
    written.model_copy(update={"process": gone()}).write(tmp_path)
    sight = seen(tmp_path)
    assert (sight.state, sight.remaining) == ("interrupted", None)
    assert "is gone" in sight.note
    written.model_copy(update={"process": gone(), "machine": "another-machine"}).write(tmp_path)
    assert seen(tmp_path).state == "running"  # nobody can know


def test_a_run_that_waits_for_the_model_of_another_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(heartbeat, "_SECONDS_BETWEEN_LOOKS", 0.001)
    from filelock import FileLock

    from fairloop.loop.trainer import ModelTrainer
    from fairloop.store.memory import MemoryModels

    spec, directory = tiny("generations=1"), RunDirectory(tmp_path / "run")
    recipe = ModelTrainer(spec, MemoryModels()).plan.generators[0]
    (tmp_path / "models").mkdir()
    lock = FileLock(tmp_path / "models" / f".{recipe.filename}.lock")
    with lock:
        thread = threading.Thread(target=run, args=(spec, directory, QUIET, tmp_path / "models"))
        thread.start()
        deadline = time.monotonic() + 60
        while (status := directory.status()) is None or status.state != "waiting":
            assert time.monotonic() < deadline
            time.sleep(0.01)
        sight = seen(tmp_path)
    thread.join()
    assert (sight.state, sight.doing) == ("waiting", "generator 0")
    assert "for generator 0, which another run trains" in table(Scene([sight]), 120).plain
    assert seen(tmp_path).state == "finished"


def test_a_run_of_0_1_0_shows_what_it_can(tmp_path):
    run_with(tmp_path / "a", 3)
    run_with(tmp_path / "b", 1, "seed=1")
    (tmp_path / "b" / "owner.lock").write_text("process 1 on another-machine")
    finished, unknown = look([tmp_path]).runs
    assert (finished.name, finished.state, finished.took) == ("seqgen-seqclass, seed 0", "finished", 30.0)
    assert (finished.accuracy, finished.unfairness) == pytest.approx((0.7, 0.4))
    assert (unknown.state, unknown.done, unknown.generations) == ("unknown", 1, 3)
    assert unknown.accuracy == pytest.approx(0.9)


@given(st.binary(max_size=300) | st.sampled_from([b"{}", b"[]", b'{"process": -1}', b'{"done": NaN}', b"{" * 10_000]))
def test_no_status_file_is_an_error_however_damaged(tmp_path_factory, content):
    root = tmp_path_factory.mktemp("x", numbered=True)
    (root / STATUS).write_bytes(content)
    assert Status.read(root) is None
    assert SweepStatus.read(root) is None


def test_a_status_with_an_absurd_time_counts_as_none(tmp_path):
    for seed in (1, 2):
        run_with(tmp_path / str(seed), 1, f"seed={seed}")
        (tmp_path / str(seed) / STATUS).write_text('{"done": 1, "generations": 3, "pace": 1e308, "remaining": 1e308}')
    scene = look([tmp_path])
    assert [sight.state for sight in scene.runs] == ["unknown", "unknown"]
    assert scene.remaining is None  # and not infinite


def test_a_damaged_run_does_not_hide_the_others(tmp_path):
    run_with(tmp_path / "a", 1)
    broken = run_with(tmp_path / "b", 1, "seed=1")
    next((broken.root / "records").iterdir()).write_bytes(b"PAR1")
    fine, damaged = look([tmp_path]).runs
    assert fine.accuracy == pytest.approx(0.9)
    assert (damaged.state, "is damaged" in damaged.note) == ("failed", True)


def test_looking_changes_nothing(tmp_path):
    run_with(tmp_path, 1, state="interrupted")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    text = io.StringIO()
    watch([tmp_path], Console(file=text), once=False)  # no terminal: once
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    assert "seqgen-seqclass, seed 0" in text.getvalue()
    assert "1 interrupted" in text.getvalue()


def test_a_terminal_is_left_with_ctrl_c(tmp_path, monkeypatch):
    run_with(tmp_path, 1)
    looks = []

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(module.time, "sleep", sleep)
    watch([tmp_path], Console(file=io.StringIO(), force_terminal=True), once=False)
    assert len(looks) == 2
