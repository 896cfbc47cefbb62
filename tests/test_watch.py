"""How runs and sweeps stand, told by what they write, and shown in any width."""

from __future__ import annotations

import io
import json
import math
import os
import re
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

import fairloop
from conftest import TINY, tiny
from fairloop.running import heartbeat
from fairloop.running.heartbeat import Heartbeat
from fairloop.running.progress import LineView
from fairloop.running.run import run
from fairloop.store import status as statuses
from fairloop.store.directory import RunDirectory
from fairloop.store.status import STATUS, Status
from fairloop.store.tidy_rows import Row
from fairloop.sweep import local, ray_cluster
from fairloop.sweep import watch as module
from fairloop.sweep.job import jobs_at, jobs_in
from fairloop.sweep.status import SweepPulse, SweepStatus
from fairloop.sweep.status_reader import Scene, Sight, State, look
from fairloop.sweep.view import SweepLines, SweepTable, table
from fairloop.sweep.watch import watch
from test_run import here
from test_store import GALLERY

QUIET = LineView(lambda line: None)
LONG_AGO = datetime(2020, 1, 2, tzinfo=UTC)


def run_with(root: Path, generations: int, *overrides: str, **status: object) -> RunDirectory:
    """A run with so many of its three generations recorded, each in ten seconds. status: fields of its status file."""
    directory = RunDirectory(root)
    session = {"seconds": 10.0 * generations, "generations": [*range(generations)]}
    directory.describe(tiny(*overrides), {"models": "models", "sessions": [session]})
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
    directory.describe(
        tiny(), {"sessions": [{"started": LONG_AGO.isoformat()}, {"started": "2021-01-01T00:00:00+00:00"}]}
    )
    with Heartbeat(directory, tiny()):
        assert directory.status().since == LONG_AGO


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


# A sweep.


def swept(out: Path, *, workers: int = 2) -> SweepPulse:
    """A sweep of four runs: one is done, one goes on, one has failed before it began, one waits."""
    specs = [tiny(f"seed={seed}") for seed in range(4)]
    run_with(out / "runs" / specs[0].identity, 3, "seed=0", state="finished", pace=10.0)
    run_with(out / "runs" / specs[1].identity, 1, "seed=1", state="running", pace=20.0, remaining=40.0)
    jobs = jobs_in(out, specs)
    jobs[1].state, jobs[1].done = "running", 1
    jobs[2].line = "data.root: is not there"
    jobs[2].end(2)
    return SweepPulse(out, jobs, workers)


def test_a_sweep_shows_its_waiting_and_failed_runs_and_its_time_left(tmp_path):
    with swept(tmp_path) as pulse:
        scene = look([tmp_path])
        assert [(sight.name, sight.state) for sight in scene.runs] == [
            ("seqgen-seqclass, seed 0", "finished"), ("seqgen-seqclass, seed 1", "running"),
            ("seqgen-seqclass, seed 2", "failed"), ("seqgen-seqclass, seed 3", "waiting"),
        ]  # fmt: skip
        assert scene.runs[2].note == "data.root: is not there"
        # 40 s of the run that goes on, three generations of 15 s (the mean) of the one that waits, two at a time
        assert scene.workers == 2
        assert scene.remaining == pytest.approx(45, abs=3)
        pulse._jobs[3].state = "running"
        pulse._next = 0.0
        pulse.beat()
        begun = look([tmp_path]).runs[3]
        assert (begun.state, begun.doing) == ("running", "reading data")
    status = SweepStatus.read(tmp_path)
    assert status.state == "failed"
    assert look([tmp_path]).runs[3].state == "interrupted"  # the sweep has ended without it
    status.model_copy(update={"since": LONG_AGO}).write(tmp_path)
    with swept(tmp_path):
        assert SweepStatus.read(tmp_path).since == LONG_AGO


def test_a_sweep_on_one_worker_takes_the_sum(tmp_path):
    with swept(tmp_path, workers=1):
        assert look([tmp_path]).remaining == pytest.approx(40 + 3 * 15, abs=3)


def test_a_sweep_that_has_begun_no_run_can_be_watched(tmp_path):
    with SweepPulse(tmp_path, jobs_at([tiny()])):
        assert [sight.state for sight in look([tmp_path]).runs] == ["waiting"]
    with pytest.raises(fairloop.FairloopError, match="holds no run"):
        look([tmp_path / "nothing"])


def test_a_killed_run_of_a_sweep_is_no_waiting_one(tmp_path):
    """Its status still says that it runs, but its process is gone, and its sweep knows that it has failed."""
    pulse = swept(tmp_path)
    root = tmp_path / "runs" / pulse._jobs[1].spec.identity
    RunDirectory(root).status().model_copy(update={"process": gone()}).write(root)
    pulse._jobs[1].end(-9)
    with pulse:
        assert (look([tmp_path]).runs[1].state, look([tmp_path]).runs[1].note) == ("failed", "its process was killed")


def test_a_sweep_of_processes_leaves_statuses_that_agree(tmp_path):
    specs = [tiny("generations=1", f"seed={seed}") for seed in range(2)]
    jobs = jobs_in(tmp_path, specs)
    local.run_all(jobs, tmp_path, tmp_path / "models", 1, SweepLines(lambda line: None))
    status = SweepStatus.read(tmp_path)
    assert (status.state, status.workers) == ("finished", 1)
    assert [(entry.run, entry.state, entry.done) for entry in status.runs] == [
        (spec.identity, "done", 1) for spec in specs
    ]
    assert [(sight.run, sight.state) for sight in look([tmp_path]).runs] == [
        (spec.identity, "finished") for spec in specs
    ]


def test_the_table_of_a_sweep_is_that_of_watch(tmp_path):
    text = io.StringIO()
    with swept(tmp_path) as pulse, SweepTable(Console(file=text, force_terminal=True, width=80), tmp_path) as view:
        view.show(pulse._jobs)
    assert "1 failed, 1 running, 1 waiting, 1 finished; about" in text.getvalue()


def test_large_sweeps_write_rarely(tmp_path, monkeypatch):
    """At most one per cent of the time, however long a write takes."""
    pulse, writes = swept(tmp_path), []
    clock = [0.0]
    monkeypatch.setattr("fairloop.sweep.status.time.monotonic", lambda: clock[0])
    monkeypatch.setattr(pulse, "_write", lambda state: (writes.append(clock[0]), clock.__setitem__(0, clock[0] + 0.5)))
    for _ in range(1000):
        pulse.beat()
        clock[0] += 0.2
    assert 0.5 * len(writes) / clock[0] < 0.015


@pytest.mark.slow
def test_a_sweep_on_a_cluster_with_a_shared_directory_writes_the_same(tmp_path):
    pytest.importorskip("ray")
    specs = [tiny("generations=1", f"seed={seed}") for seed in range(2)]
    place = ray_cluster.Place.below(str(tmp_path), None)
    ray_cluster.run_all(jobs_in(tmp_path, specs), place, "local", SweepLines(lambda line: None), workers=1)
    assert SweepStatus.read(tmp_path).state == "finished"
    assert [sight.state for sight in look([tmp_path]).runs] == ["finished", "finished"]


# What is shown.

WORDS = st.text("abc ,=+", min_size=1, max_size=50).map(str.strip).filter(bool)
SIGHTS = st.builds(
    Sight,
    run=st.just("x"),
    case=st.sampled_from(["seqclass", "seqgen-seqclass + STAR on classifier, data.threshold=3, budget 64"]),
    seed=st.integers(0, 999),
    state=st.sampled_from(State.__args__),
    done=st.integers(0, 199),
    generations=st.integers(1, 199),
    doing=st.sampled_from(["", "generator 123", "label annotator"]),
    epoch=st.integers(0, 999),
    epochs=st.integers(0, 999),
    accuracy=st.floats(0, 1) | st.just(math.nan),
    unfairness=st.floats(0, 1),
    remaining=st.none() | st.floats(0, 1e6),
    took=st.none() | st.floats(0, 1e6),
    note=st.just("") | WORDS,
)


@given(st.lists(SIGHTS, max_size=8), st.integers(60, 220))
def test_no_line_is_wider_than_the_terminal_and_no_number_is_cut(sights, width):
    text = table(Scene(sights, 2), width).plain
    assert max(map(len, text.splitlines()), default=0) <= width
    for sight in sights:
        assert f"{sight.done}/{sight.generations}" in text.split()
        assert math.isnan(sight.accuracy) or f"{sight.accuracy:.3f}" in text.split()
        assert re.search(rf"\bseed {sight.seed}\b", text)
        assert sight.case in " ".join(text.split())


@given(st.lists(SIGHTS, min_size=1, max_size=30), st.integers(8, 40))
def test_a_table_fits_its_terminal_and_shows_the_urgent(sights, height):
    scene = Scene(sights, 2)
    text = table(scene, 80, height).plain
    assert len(text.splitlines()) <= height
    if any(sight.state == "failed" for sight in sights):
        assert re.search(r"^ .* failed ", text, re.MULTILINE) or re.search(r"seed \d+ +failed ", text)


def test_finished_runs_make_room_on_a_small_terminal(tmp_path):
    for seed in range(6):
        run_with(tmp_path / str(seed), 3 if seed < 5 else 1, f"seed={seed}")
    text = table(look([tmp_path]), 100, 6).plain
    assert "seed 5" in text
    assert "seed 4" not in text
    assert "1 unknown, 5 finished" in text
    assert "of 6 shown)" in text


def test_the_command_ends_well_or_says_what_is_wrong(tmp_path, capsys):
    run_with(tmp_path / "run", 3)
    assert here("watch", tmp_path / "run", "--once") == 0
    assert "finished" in capsys.readouterr().out
    assert here("watch", tmp_path / "nothing") == 2
    assert "holds no run" in capsys.readouterr().err


def test_a_status_is_json_for_scripts(tmp_path, capsys):
    with swept(tmp_path):
        assert here("watch", tmp_path, "--json") == 0
    printed, complaint = capsys.readouterr()
    assert complaint.count("seqgen-seqclass") >= 1  # the table, for a person
    told = json.loads(printed)
    assert [run["state"] for run in told["runs"]] == ["finished", "running", "failed", "waiting"]
    assert (told["runs"][3]["accuracy"], told["runs"][1]["remaining"] > 30) == (None, True)
    assert told["remaining"] > 0
    assert TINY["generations"] == told["runs"][0]["generations"]
