from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st

import fairloop
from conftest import TINY, tiny
from fairloop import presets
from fairloop.cli import sweeping
from fairloop.errors import InputError
from fairloop.report import compare
from fairloop.report.table import plain, tidy
from fairloop.store.directory import RunDirectory, find_runs
from fairloop.store.provenance import Provenance
from fairloop.store.tidy_rows import Row
from fairloop.sweep import threads as together
from fairloop.sweep.estimate import estimate
from fairloop.sweep.grid import Sweep, parse_grid, parse_seeds, sweep_spec
from fairloop.sweep.job import jobs_at
from fairloop.sweep.local import _cores, default_workers
from fairloop.sweep.status_reader import look
from fairloop.sweep.workers import Task, Worker
from test_run import here
from test_store import GALLERY


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5)), min_size=1, max_size=5))
def test_seeds_are_numbers_and_ranges(ranges):
    text = ",".join(f"{first}-{first + more}" if more else str(first) for first, more in ranges)
    expected = [seed for first, more in ranges for seed in range(first, first + more + 1)]
    assert parse_seeds(text) == list(dict.fromkeys(expected))


@pytest.mark.parametrize("text", ["", "a", "1,,2", "-1", "1-2-3"])
def test_wrong_seeds_are_explained(text):
    with pytest.raises(InputError, match=f"--seeds {text}: write numbers and ranges"):
        parse_seeds(text)


def test_a_range_of_seeds_that_ends_before_it_begins_is_turned_around():
    with pytest.raises(InputError, match="--seeds 0,3-1: 3-1 ends before it begins; write 1-3"):
        parse_seeds("0,3-1")


def test_a_grid_is_every_combination_and_lists_are_values():
    grid = parse_grid(["data.green_given_label=[.3,.7],[.5,.5]", "setting=seqclass,control"])
    specs = Sweep(TINY, [0, 1], grid=grid).specs()
    assert len({spec.identity for spec in specs}) == len(specs) == 8
    assert [spec.seed for spec in specs] == [0, 1] * 4
    assert {spec.data.green_given_label for spec in specs} == {(0.3, 0.7), (0.5, 0.5)}


def test_star_on_a_fixed_generator_is_left_out():
    grid = parse_grid(["setting=seqgen-seqclass,seqclass", "star.target=none,classifier,generator,both"])
    found = {(spec.setting, spec.star.target) for spec in Sweep(TINY, grid=grid).specs()}
    assert len(found) == 6
    assert ("seqclass", "generator") not in found
    with pytest.raises(InputError, match="no run is left"):
        Sweep(TINY, grid=parse_grid(["setting=control", "star.target=both"])).specs()


@pytest.mark.parametrize(
    ("name", "runs"),
    [("paper-colored-mnist", 6), ("ablation-synthetic-share", 5), ("ablation-group-imbalance", 6),
     ("ablation-label-imbalance", 9), ("ablation-budget", 12)],
)  # fmt: skip
def test_sweep_presets_are_what_they_say(name, runs):
    whole = presets.sweep(name)
    specs = Sweep(presets.fields(whole.base), [0], whole.cases, whole.grid).specs()
    assert len(specs) == runs
    assert any(spec.identity == presets.preset("colored-mnist", **_own(spec)).identity for spec in specs)


def _own(spec):
    """What the published experiment has, with this run's setting and target."""
    return {"setting": spec.setting, "star": {"target": spec.star.target}}


def test_every_sweep_preset_is_tested_above_or_a_study():
    assert len([name for name in presets.sweeps() if not name.startswith("study-")]) == 5


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [({}, "base"), ({"base": "demo", "grd": {}}, "grd"), ({"base": "demo", "cases": []}, "cases"),
     ({"base": "demo", "grid": {"setting": []}}, "grid.setting"), (3, "the whole")],
)  # fmt: skip
def test_wrong_sweep_files_are_explained(fields, wrong):
    with pytest.raises(InputError, match=f"mine.yaml: {wrong}"):
        sweep_spec(fields, "mine.yaml")


def test_jobs_are_named_by_what_tells_them_apart():
    specs = Sweep(TINY, [0], grid=parse_grid(["data.threshold=3,5", "star.target=none,classifier"])).specs()
    assert [job.name for job in jobs_at(specs)] == [
        "seqgen-seqclass, data.threshold=3, seed 0",
        "seqgen-seqclass + STAR on classifier, data.threshold=3, seed 0",
        "seqgen-seqclass, data.threshold=5, seed 0",
        "seqgen-seqclass + STAR on classifier, data.threshold=5, seed 0",
    ]


def test_a_run_has_one_name_in_sweeps_and_in_reports(tmp_path):
    """Its case, as reports have it, and its seed."""
    grid = parse_grid(["star.budget=64,128", "star.target=none,classifier", "data.green_given_label=[.3,.7],[.5,.5]"])
    specs = Sweep({**TINY, "star": {"target": "none"}}, [0, 10], grid=grid).specs()
    for spec in specs:
        directory = RunDirectory(tmp_path / "runs" / spec.identity)
        directory.describe(spec, Provenance(run=spec.identity))
        row = Row(0, None, "classifier", "test", None, "overall", "accuracy", 0.5, 0.0)
        directory.commit(0, [row], GALLERY)
    table = plain(tidy(find_runs([tmp_path]))).to_pandas().assign(case=compare.cases)
    reported = {run: f"{case}, seed {seed}" for run, case, seed in table[["run", "case", "seed"]].values}
    assert {job.spec.identity: job.name for job in jobs_at(specs)} == reported
    assert {sight.run: sight.name for sight in look([tmp_path]).runs} == reported
    assert len(set(reported.values())) == len(specs)


@pytest.mark.slow
def test_an_estimate_counts_what_would_be_trained():
    cases = presets.sweep("paper-colored-mnist").cases
    guess = estimate(Sweep(TINY, [0, 1], cases).specs())
    # Of six runs of 3 generations, per seed: chains without and with gen-STAR share G_0; C_0 is shared where A_L labels
    # and the curation is alike (gen-STAR begins at generation 1), C_1 and C_2 are everyone's own.
    assert guess.models == {"label_annotator": 2, "group_annotator": 2, "generator": 10, "classifier": 28}
    assert guess.alone == {"label_annotator": 12, "group_annotator": 12, "generator": 28, "classifier": 36}
    assert all(seconds > 0 for seconds in guess.steps.values())
    assert 0 < guess.longest < guess.work
    assert guess.seconds(1) == guess.work
    assert guess.seconds(10**6) == guess.longest
    assert guess.bytes > 10_000


def test_workers_fit_the_machine():
    assert 1 <= default_workers(1) <= (os.cpu_count() or 1)
    assert default_workers(10_000) == 1


@pytest.fixture(scope="module")
def spec(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("sweep") / "tiny.yaml"
    path.write_text(yaml.safe_dump({**TINY, "generations": 2}))
    return path


def command(spec: Path, out: Path, *more: str) -> list[str]:
    grid = ["--seeds", "0", "--grid", "setting=seqgen-seqclass,control"]
    return [sys.executable, "-m", "fairloop", "sweep", str(spec), *grid, "--out", str(out), *more]


def whole_table(out: Path) -> pd.DataFrame:
    return plain(tidy(find_runs([out]))).to_pandas()


@pytest.fixture(scope="module")
def swept(tmp_path_factory, spec) -> Path:
    out = tmp_path_factory.mktemp("swept") / "two"
    done = subprocess.run(
        command(spec, out, "--workers", "2"), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return out


@pytest.mark.slow
def test_a_sweep_equals_its_runs_made_alone(swept, spec):
    settings = {"seqgen-seqclass", "control"}
    table = whole_table(swept)
    assert set(table["setting"]) == settings
    for run in find_runs([swept]):
        alone = [tuple(map(repr, row)) for generation in fairloop.simulate(run.spec()) for row in generation.rows]
        kept = [tuple(map(repr, row.values())) for row in run.records().to_pylist()]
        assert [row[6:] for row in kept] == [row[6:] for row in alone]


@pytest.mark.slow
def test_a_run_of_a_sweep_finds_its_models(swept):
    run = find_runs([swept])[0]
    assert fairloop.load(run.root).samples(1, 3).inputs.shape == (3, 3, 28, 28)


@pytest.mark.slow
def test_a_sweep_trains_what_runs_share_once(swept):
    names = sorted(path.name.rsplit("-", 1)[0] for path in (swept / "models").glob("*.safetensors"))
    assert names == ["classifier-0", "classifier-1", "classifier-1", "generator-0", "generator-1",
                     "group-annotator", "label-annotator"]  # fmt: skip


@pytest.mark.slow
def test_a_store_serves_other_output_directories(swept, spec, tmp_path):
    more = ["--store", str(swept / "models"), "--workers", "2"]
    done = subprocess.run(
        command(spec, tmp_path / "again", *more), capture_output=True, text=True, timeout=120, check=False
    )
    assert "trained 0 models, against 11 in separate runs" in done.stdout, done.stderr
    pd.testing.assert_frame_equal(whole_table(tmp_path / "again"), whole_table(swept), check_exact=True)


def test_a_sweep_file_says_what_varies_and_options_override_it(spec, tmp_path):
    mine = tmp_path / "mine.yaml"
    cases = [{"setting": "seqclass"}, {"setting": "control"}]
    mine.write_text(
        yaml.safe_dump({"base": str(spec), "seeds": "3-4", "cases": cases, "grid": {"data.threshold": [4, 6]}})
    )
    assert len(sweeping._sweep(str(mine), None, None, [], []).specs()) == 8
    changed = sweeping._sweep(str(mine), "demo", "1", ["data.threshold=5"], ["data.label_noise=0.2"]).specs()
    assert [(run.name, run.setting, run.seed, run.data.label_noise) for run in changed] == [
        ("demo", "seqclass", 1, 0.2),
        ("demo", "control", 1, 0.2),
    ]


@pytest.mark.slow
def test_a_sweep_that_was_killed_goes_on_to_the_same_table(swept, spec, tmp_path):
    out = tmp_path / "killed"
    process = subprocess.Popen(command(spec, out, "--workers", "1"), start_new_session=True)
    deadline = time.monotonic() + 100
    while not list(out.glob("runs/*/records/generation-0000.parquet")) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) in (0, 130)
    assert subprocess.run(command(spec, out), timeout=120, check=False).returncode == 0
    pd.testing.assert_frame_equal(whole_table(out), whole_table(swept), check_exact=True)


@pytest.mark.slow
def test_runs_in_one_program_have_the_bits_that_they_have_alone(tmp_path, monkeypatch):
    specs = [tiny("generations=2", f"seed={seed}", "star.target=both") for seed in range(3)]
    specs.append(tiny("generations=2", "seed=0", "setting=control"))  # which shares models with the first
    specs.append(tiny("generations=1", "seed=0", "generator.learning_rate=1e30"))  # which fails
    arguments = [str(tmp_path / "models")]
    for number, spec in enumerate(specs):
        (tmp_path / f"{number}.yaml").write_text(spec.to_yaml())
        arguments += [str(tmp_path / f"{number}.yaml"), str(tmp_path / str(number)), str(tmp_path / f"{number}.log")]
    monkeypatch.setattr(together.signal, "signal", lambda *of: None)
    with pytest.raises(SystemExit, match="1"):
        together.main(arguments)
    assert "learning_rate" in (tmp_path / "4.log").read_text()
    for number, spec in enumerate(specs[:4]):
        alone = [tuple(map(repr, row)) for generation in fairloop.simulate(spec) for row in generation.rows]
        kept = [tuple(map(repr, row.values())) for row in RunDirectory(tmp_path / str(number)).records().to_pylist()]
        assert [row[6:] for row in kept] == [row[6:] for row in alone]


@pytest.mark.slow
def test_a_sweep_of_replicas_equals_one_of_processes(swept, spec, tmp_path):
    out = tmp_path / "together"
    done = subprocess.run(
        command(spec, out, "--replicas", "2"), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    pd.testing.assert_frame_equal(whole_table(out), whole_table(swept), check_exact=True)


def test_replicas_never_share_a_gpu(monkeypatch, spec, tmp_path, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    out = tmp_path / "out"
    arguments = ["sweep", str(spec), "--seeds", "0-1", "--replicas", "2", "--out", str(out)]
    assert here(*arguments, "--set", "device=cuda") == 2
    assert "--replicas: runs on a GPU need a process each; use --workers" in capsys.readouterr().err
    assert not list(out.rglob("run.lock"))


@pytest.mark.slow
def test_a_failing_run_is_reported_and_the_others_go_on(spec, tmp_path):
    out = tmp_path / "failing"
    arguments = ["--seeds", "0", "--grid", "generator.learning_rate=0.001,1e30", "--set", "generations=1"]
    more = ["--out", str(out), "--workers", "2"]
    done = subprocess.run(
        [sys.executable, "-m", "fairloop", "sweep", str(spec), *arguments, *more],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "1 of 2 runs failed" in done.stderr
    assert "learning_rate" in done.stderr
    assert [run.committed() for run in find_runs([out])] == [1, 0] or [run.committed() for run in find_runs([out])] == [
        0,
        1,
    ]


PAIRS = [sys.executable, "-m", "fairloop", "sweep", "paper-colored-mnist", "--seeds", "0", "--base"]


@pytest.fixture(scope="module")
def one_by_one(tmp_path_factory, spec) -> Path:
    """The six published pairs, one worker."""
    out = tmp_path_factory.mktemp("pairs") / "one"
    done = subprocess.run(
        [*PAIRS, str(spec), "--workers", "1", "--out", str(out)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # Two generator chains, which share G_0, where runs alone would train four, and G_0 twice more.
    assert "3 generators instead of 10" in done.stdout
    return out


@pytest.mark.slow
def test_two_workers_give_the_same_bits_as_one_also_after_one_was_killed(one_by_one, spec, tmp_path):
    out = tmp_path / "two"
    again = [*PAIRS, str(spec), "--workers", "2", "--out", str(out)]
    process = subprocess.Popen(again, stderr=subprocess.PIPE, text=True)
    victim = _wait_for(lambda: _training(out) if list(out.glob("runs/*/records/*")) else [], process)
    os.kill(victim[0], signal.SIGKILL)
    _, complaint = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "1 of 6 runs failed" in complaint
    assert subprocess.run(again, timeout=300, check=False).returncode == 0
    pd.testing.assert_frame_equal(whole_table(out), whole_table(one_by_one), check_exact=True)


@pytest.mark.slow
def test_ray_gives_the_same_bits_also_after_a_worker_was_killed(one_by_one, spec, tmp_path):
    pytest.importorskip("ray")
    out = tmp_path / "ray"
    process = subprocess.Popen([*PAIRS, str(spec), "--ray", "local", "--workers", "2", "--out", f"file://{out}"])
    victim = _wait_for(lambda: _training(out) if list(out.glob("runs/*/records/*")) else [], process)
    os.kill(victim[0], signal.SIGKILL)
    assert process.wait(400) == 0
    fetch = [sys.executable, "-m", "fairloop", "fetch", f"file://{out}", "--out", str(tmp_path / "back")]
    assert subprocess.run(fetch, timeout=60, check=False).returncode == 0
    pd.testing.assert_frame_equal(whole_table(tmp_path / "back"), whole_table(one_by_one), check_exact=True)


def _wait_for(find, process):
    """What `find` returns as soon as that is something, while `process` runs."""
    while not (found := find()):
        assert process.poll() is None
        time.sleep(0.02)
    return found


def _training(out: Path) -> list[int]:
    """The processes of runs that go on."""
    told = [json.loads(path.read_text()) for path in out.glob("runs/*/status.json")]
    return [one["process"] for one in told if one["state"] == "running"]


def test_a_worker_works_where_the_sweep_does_and_gives_its_code_and_words(tmp_path, monkeypatch):
    codes, words = [], []
    for folder in (tmp_path / "without", tmp_path / "with"):
        folder.mkdir()
        if folder.name == "with":
            (folder / "people.csv").write_text("age,sex,outcome\n" + "1,f,no\n2,m,yes\n" * 20)
        monkeypatch.chdir(folder)
        said = ["data.table=people.csv", "data.label=outcome", "data.groups=[sex]", "data.beneficial=yes"]
        task = ["data", "inspect", "table", *(part for one in said for part in ("--set", one))]
        worker = Worker(Task("fairloop", task, tmp_path / f"{folder.name}.log", {min(_cores())}))
        while worker.code is None:
            Worker.wait([worker], 60)
        codes.append(worker.code)
        words.append((tmp_path / f"{folder.name}.log").read_text())
    assert codes == [2, 0], words
    assert "there is no file 'people.csv'" in words[0]
    assert words[1].startswith("table: 28 train, 6 valid")
