"""What watch shows of a sweep, and how it fits into a terminal."""

from __future__ import annotations

import io
import json
import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

import fairloop
from conftest import TINY, tiny
from fairloop.spec.run import RunSpec
from fairloop.store.directory import RunDirectory
from fairloop.sweep import local, ray_cluster
from fairloop.sweep.job import Job, jobs_at, jobs_in
from fairloop.sweep.status import SweepPulse, SweepStatus
from fairloop.sweep.status_reader import Scene, Sight, State, look
from fairloop.sweep.view import SweepLines, SweepTable, table
from test_run import here
from test_watch import LONG_AGO, gone, run_with

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


@pytest.mark.slow
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


def test_a_look_at_a_sweep_does_not_hash_its_specs_anew(monkeypatch):
    """A sweep of 1,000 runs spent a quarter of its time on the names of finished ones: more runs, slower runs."""
    jobs = [Job(tiny(f"seed={seed}"), "case", "done", "its last line", 3) for seed in range(3)]
    hashed = []
    by_hash = RunSpec.identity.fget
    monkeypatch.setattr(RunSpec, "identity", property(lambda spec: hashed.append(spec.seed) or by_hash(spec)))
    view = SweepLines(lambda line: None)
    for _ in range(5):
        view.show(jobs)
    assert hashed == [0, 1, 2]
