from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import fairloop
from conftest import TINY
from fairloop.errors import InputError
from fairloop.report.table import tidy
from fairloop.store.directory import find_runs
from fairloop.sweep.grid import Sweep, parse_grid, parse_seeds
from fairloop.sweep.local import default_workers


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5)), min_size=1, max_size=5))
def test_seeds_are_numbers_and_ranges(ranges):
    text = ",".join(f"{first}-{first + more}" if more else str(first) for first, more in ranges)
    expected = [seed for first, more in ranges for seed in range(first, first + more + 1)]
    assert parse_seeds(text) == list(dict.fromkeys(expected))


@pytest.mark.parametrize("text", ["", "a", "3-1", "1,,2", "-1", "1-2-3"])
def test_wrong_seeds_are_explained(text):
    with pytest.raises(InputError, match="--seeds"):
        parse_seeds(text)


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
    return tidy(find_runs([out])).to_pandas()


@pytest.fixture(scope="module")
def swept(tmp_path_factory, spec) -> Path:
    out = tmp_path_factory.mktemp("swept") / "two"
    done = subprocess.run(
        command(spec, out, "--workers", "2"), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return out


def test_a_sweep_equals_its_runs_made_alone(swept, spec):
    settings = {"seqgen-seqclass", "control"}
    table = whole_table(swept)
    assert set(table["setting"]) == settings
    for run in find_runs([swept]):
        alone = [tuple(map(repr, row)) for generation in fairloop.simulate(run.spec()) for row in generation.rows]
        kept = [tuple(map(repr, row.values())) for row in run.records().to_pylist()]
        assert [row[6:] for row in kept] == [row[6:] for row in alone]


def test_a_run_of_a_sweep_finds_its_models(swept):
    run = find_runs([swept])[0]
    assert fairloop.load(run.root).samples(1, 3).images.shape == (3, 3, 28, 28)


def test_a_sweep_trains_what_runs_share_once(swept):
    names = sorted(path.name.rsplit("-", 1)[0] for path in (swept / "models").glob("*.safetensors"))
    assert names == ["classifier-0", "classifier-1", "classifier-1", "generator-0", "generator-1",
                     "group-annotator", "label-annotator"]  # fmt: skip


@pytest.mark.slow
def test_a_sweep_that_was_killed_goes_on_to_the_same_table(swept, spec, tmp_path):
    out = tmp_path / "killed"
    process = subprocess.Popen(command(spec, out, "--workers", "1"), start_new_session=True)
    deadline = time.monotonic() + 100
    while not list(out.glob("runs/*/records/generation-0000.parquet")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) in (0, 130)
    assert subprocess.run(command(spec, out), timeout=120, check=False).returncode == 0
    pd.testing.assert_frame_equal(whole_table(out), whole_table(swept), check_exact=True)


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
    assert len(list(out.glob("runs/*/records/generation-0000.parquet"))) == 1
