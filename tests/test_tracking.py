from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

from conftest import TINY, tiny
from fairloop import data
from fairloop.errors import InputError
from fairloop.running import tracking
from fairloop.running.progress import LineView
from fairloop.running.tracking import Tracked, scalars
from fairloop.store.directory import RunDirectory
from fairloop.store.provenance import Provenance
from fairloop.store.tidy_rows import Row
from fairloop.sweep import local
from fairloop.sweep.job import jobs_in
from test_run import here
from test_store import GALLERY

POPULATION = data.load(tiny().data, 0)


def test_scalars_have_readable_names():
    rows = pd.DataFrame(
        [
            Row(1, None, "classifier", "test_balanced", None, "red", "tpr", 0.5, 0.1),
            Row(1, None, "classifier", "test_balanced", None, "ratio", "tpr", float("nan"), 0.1),
            Row(1, None, "generator", "generated", ">=5", "overall", "label_share", 0.25, 0.1),
            Row(1, None, "generator", "generated", "<5", "a/b (c)", "stratum_share", 0.75, 0.1),
            *(Row(1, epoch, "generator", None, None, "overall", "loss", 10.0 - epoch, 0.1) for epoch in range(3)),
        ]
    )
    assert scalars(rows) == {
        "classifier test balanced/tpr/red": 0.5,
        "generator generated/label_share/at least 5": 0.25,
        "generator generated/stratum_share/below 5 and a_b _c_": 0.75,
        "generator training/loss/overall": 8.0,
    }


def logged(root: Path) -> dict[str, list[tuple[int, float]]]:
    """What the event files of a run hold: the steps and values of each scalar."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(root / "tracking" / "tensorboard"), size_guidance={"scalars": 0, "tensors": 0})
    events.Reload()
    assert "spec/text_summary" in events.Tags()["tensors"]
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


@pytest.mark.slow
def test_tensorboard_gets_each_generation_once(tmp_path):
    out, spec = tmp_path / "out", tmp_path / "tiny.yaml"
    spec.write_text(yaml.safe_dump(TINY))
    assert here("run", spec, "--out", out, "--generations", 1) == 0  # without a tracker: it is logged later
    assert not (out / "tracking").exists()
    assert here("run", spec, "--out", out, "--generations", 2, "--track", "tensorboard") == 0
    for _ in range(2):
        assert here("run", spec, "--out", out, "--generations", 3, "--track", "tensorboard") == 0
    records = RunDirectory(out).records().to_pandas()
    found = logged(out)
    for metric, group in (("accuracy", "overall"), ("tpr", "red"), ("equalized_odds", "difference")):
        rows = records[
            (records["role"] == "classifier") & (records["split"] == "test") & (records["metric"] == metric)
            & (records["group"] == group)
        ].sort_values("generation")  # fmt: skip
        expected = [(i, pytest.approx(value)) for i, value in zip(rows["generation"], rows["value"], strict=True)]
        assert found[f"classifier test/{metric}/{group}"] == [
            (i, value) for i, value in expected if value.expected == value.expected
        ]
    assert [step for step, _ in found["generator training/loss/overall"]] == [0, 1, 2]


class Fake:
    """A tracker that fails or dies when it is told to."""

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.trouble: BaseException | None = None

    def log(self, values: dict[str, float], step: int) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.steps.append(step)

    def finish(self) -> None: ...


def recorded(root: Path, generations: int) -> RunDirectory:
    directory = RunDirectory(root)
    directory.describe(tiny(), Provenance())
    for i in range(directory.committed(), generations):
        directory.commit(i, [Row(i, None, "classifier", "test", None, "overall", "accuracy", 0.5, 0.1)], GALLERY)
    return directory


def session(directory: RunDirectory, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a run does that has recorded all it can."""
    monkeypatch.setattr(tracking, "_open", lambda *arguments: fake)
    with Tracked(LineView(lambda line: None), "tensorboard", directory) as view:
        view.start(tiny(), POPULATION, directory.committed())


def test_a_tracker_that_fails_is_asked_again(tmp_path, monkeypatch):
    directory, fake = recorded(tmp_path, 2), Fake()
    fake.trouble = RuntimeError("no route")
    with pytest.warns(UserWarning, match="generation 0 is not logged yet"):
        session(directory, fake, monkeypatch)
    fake.trouble = None
    session(recorded(tmp_path, 3), fake, monkeypatch)
    assert fake.steps == [0, 1, 2]


def test_a_process_that_dies_while_it_logs_never_logs_twice(tmp_path, monkeypatch):
    directory, fake = recorded(tmp_path, 1), Fake()
    fake.trouble = KeyboardInterrupt()  # no telling whether the tracker has it
    with pytest.raises(KeyboardInterrupt):
        session(directory, fake, monkeypatch)
    fake.trouble = None
    session(recorded(tmp_path, 2), fake, monkeypatch)
    assert fake.steps == [1]


def test_a_run_that_is_logged_whole_begins_no_session(tmp_path, monkeypatch):
    directory = recorded(tmp_path, 3)
    session(directory, Fake(), monkeypatch)
    monkeypatch.setattr(tracking, "_open", None)
    with Tracked(LineView(lambda line: None), "tensorboard", directory) as view:
        view.start(tiny(), POPULATION, 3)


def test_a_tracker_that_cannot_begin_is_wrong_input(tmp_path, monkeypatch):
    def broken(*arguments: object) -> None:
        raise RuntimeError("not\nlogged in")

    monkeypatch.setattr(tracking, "_open", broken)
    view = Tracked(LineView(lambda line: None), "tensorboard", recorded(tmp_path, 1))
    with pytest.raises(InputError, match="cannot begin \\(not logged in\\)"):
        view.start(tiny(), POPULATION, 1)


@pytest.mark.parametrize("command", ["run", "sweep"])
@pytest.mark.parametrize(
    ("missing", "remedy"), [("wandb", "pip install wandb"), ("accelerate", "pip install 'fairloop[tracking]'")]
)
def test_a_missing_package_is_named_before_anything_starts(tmp_path, capsys, monkeypatch, command, missing, remedy):
    monkeypatch.setattr(tracking, "find_spec", lambda name: None if name == missing else object())
    assert here(command, "demo", "--out", tmp_path / "out", "--track", "wandb") == 2
    complaint = capsys.readouterr().err
    assert complaint.count("\n") == 1
    assert remedy in complaint
    assert not (tmp_path / "out").exists()


def test_a_sweep_hands_the_tracker_to_its_runs(tmp_path, capsys):
    (job,) = jobs_in(tmp_path, [tiny()])
    assert local._ours(job, tmp_path, {})
    task = local._task([job], tmp_path, tmp_path / "models", "mlflow")
    assert task.what == "fairloop"
    assert task.arguments[-2:] == ["--track", "mlflow"]
    assert here("sweep", "demo", "--out", tmp_path, "--ray", "local", "--track", "tensorboard") == 2
    assert "--ray" in capsys.readouterr().err


def test_damaged_notes_are_named(tmp_path, monkeypatch):
    directory = recorded(tmp_path, 1)
    session(directory, Fake(), monkeypatch)
    notes = tmp_path / "tracking" / "tensorboard.json"
    assert json.loads(notes.read_text())["logged"] == 1
    notes.write_text("{")
    with pytest.raises(InputError, match=r"tensorboard\.json: is damaged"):
        session(directory, Fake(), monkeypatch)
