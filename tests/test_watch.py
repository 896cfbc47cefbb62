from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from filelock import FileLock
from rich.console import Console, ConsoleDimensions

from conftest import tiny
from fairloop.store.directory import RunDirectory
from fairloop.store.models import DirectoryModels
from fairloop.store.rows import Row
from fairloop.sweep import watch as module
from fairloop.sweep.watch import look, watch
from test_run import here
from test_store import GALLERY, fit, recipe


def run_with(root: Path, generations: int, *overrides: str) -> RunDirectory:
    """A run with so many of its three generations recorded, each in ten seconds."""
    directory = RunDirectory(root)
    session = {"seconds": 10.0 * generations, "generations": [*range(generations)]}
    directory.describe(tiny(*overrides), {"models": "models", "sessions": [session]})
    for i in range(generations):
        rows = [
            Row(i, None, "classifier", "test", None, "overall", "accuracy", 0.9 - 0.1 * i, 0.0),
            Row(i, None, "classifier", "test", None, "difference", "equalized_odds", 0.2 + 0.1 * i, 0.0),
        ]
        directory.commit(i, [*rows, rows[0]._replace(split="valid", value=-1.0)], GALLERY)
    return directory


def test_runs_are_told_apart_by_how_they_stand(tmp_path):
    run_with(tmp_path / "a", 3)
    run_with(tmp_path / "b", 1, "seed=1")
    killed = run_with(tmp_path / "c", 0, "seed=2")
    (killed.root / "owner.lock").write_text(f"process {os.getpid()} on {os.uname().nodename}")  # and no lock
    finished, interrupted, never = look([tmp_path])
    assert (finished.name, finished.state, finished.time) == ("seqgen-seqclass, seed 0", "finished", "took 30 s")
    assert (finished.accuracy, finished.unfairness) == pytest.approx((0.7, 0.4))
    assert (interrupted.state, interrupted.done, interrupted.generations) == ("interrupted", 1, 3)
    assert interrupted.accuracy == pytest.approx(0.9)
    assert never.state == "interrupted"
    assert never.accuracy != never.accuracy


def test_a_failed_run_of_a_sweep_says_why(tmp_path):
    run_with(tmp_path / "runs" / "x", 1)
    for words, state in (
        ("fairloop: it diverged\n", "failed"),
        ("fairloop: interrupted; run the same command again to go on\n", "interrupted"),
        ("fairloop: warning: this is slow\n", "interrupted"),
        ("generation 0: accuracy 0.9\n", "interrupted"),
    ):
        (tmp_path / "logs").mkdir(exist_ok=True)
        (tmp_path / "logs" / "x.log").write_text("generation 0: ...\n" + words)
        (sight,) = look([tmp_path])
        assert (sight.state, "diverged" in sight.now) == (state, state == "failed")


@pytest.mark.parametrize("tells", [True, False])
def test_a_run_that_is_worked_on_shows_what_it_trains(tmp_path, monkeypatch, tells):
    if tells and module._locks() is None:
        pytest.skip("this system does not tell who holds locks")
    if not tells:
        monkeypatch.setattr(module, "_locks", lambda: None)
    directory = run_with(tmp_path, 2, "generator.epochs=3")
    models = DirectoryModels(directory.models, seconds_between_saves=0)
    with pytest.raises(KeyboardInterrupt):
        models.model(recipe(), fit([], stop_after=2))  # generator 2; two of its three epochs are saved
    with directory.locked(), FileLock(directory.models / f".{recipe().filename}.lock"):
        (sight,) = look([tmp_path])
    assert (sight.state, sight.now, sight.time) == (
        "running", "generator 2, epoch 2/3 saved", "about 10 s left",
    )  # fmt: skip
    assert look([tmp_path])[0].state == "interrupted"


def test_a_lock_that_others_hold_is_not_the_runs(tmp_path):
    directory = run_with(tmp_path, 1)
    directory.models.mkdir()
    (directory.models / f".{recipe().filename}.lock").touch()
    with directory.locked():
        assert look([tmp_path])[0].now == ""


def test_a_run_on_another_machine_is_believed(tmp_path):
    directory = run_with(tmp_path, 1)
    (directory.root / "owner.lock").write_text("process 1 on another-machine")
    assert look([tmp_path])[0].state == "running"


def test_a_damaged_run_does_not_hide_the_others(tmp_path):
    run_with(tmp_path / "a", 1)
    broken = run_with(tmp_path / "b", 1, "seed=1")
    next((broken.root / "records").iterdir()).write_bytes(b"PAR1")
    fine, damaged = look([tmp_path])
    assert fine.accuracy == pytest.approx(0.9)
    assert (damaged.state, "is damaged" in damaged.now) == ("failed", True)


def test_looking_changes_nothing(tmp_path):
    run_with(tmp_path, 1)
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


def test_finished_runs_make_room_on_a_small_terminal(tmp_path):
    for seed in range(4):
        run_with(tmp_path / str(seed), 3 if seed < 3 else 1, f"seed={seed}")
    text = io.StringIO()
    Console(file=text, width=100).print(module._table(look([tmp_path]), ConsoleDimensions(100, 8)))
    assert "seed 3" in text.getvalue()
    assert "seed 2" not in text.getvalue()
    assert "1 interrupted, 3 finished (2 shown)" in text.getvalue()


def test_the_command_ends_well_or_says_what_is_wrong(tmp_path, capsys):
    run_with(tmp_path / "run", 3)
    assert here("watch", tmp_path / "run", "--once") == 0
    assert "finished" in capsys.readouterr().out
    assert here("watch", tmp_path / "nothing") == 2
    assert "holds no run" in capsys.readouterr().err
