"""Whole runs, through the command line, as a user starts them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pandas as pd
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import yaml

import fairloop
from conftest import TINY
from fairloop.cli import main
from fairloop.spec.run import field_table


def here(*arguments: object) -> int:
    """The command line in this process, which saves importing torch anew. Returns the exit code."""
    before = signal.getsignal(signal.SIGTERM), warnings.showwarning
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["fairloop", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
    signal.signal(signal.SIGTERM, before[0])
    warnings.showwarning = before[1]
    return end.value.code


def cli(*arguments: object, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fairloop", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)


@pytest.fixture(scope="module")
def spec(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("spec") / "tiny.yaml"
    path.write_text(yaml.safe_dump(TINY))
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory, spec) -> Path:
    out = tmp_path_factory.mktemp("runs") / "finished"
    done = cli("run", spec, "--out", out, "--set", "star.target=classifier")
    assert done.returncode == 0, done.stderr
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == [
        "run", "run", "run", "generation 0", "generation 1", "generation 2",
    ]  # fmt: skip
    return out


def test_a_run_directory_can_be_read(finished):
    assert yaml.safe_load((finished / "spec.yaml").read_text())["star"]["target"] == "classifier"
    provenance = json.loads((finished / "provenance.json").read_text())
    assert list(provenance) == ["seal", "run", "models", "sessions"]
    session = provenance["sessions"][0]
    assert list(session) == [
        "run", "maths", "started", "seconds", "generations", "trained", "packages", "commit", "python", "machine",
        "numerics", "data",
    ]  # fmt: skip
    assert session["generations"] == [0, 1, 2]
    assert session["packages"]["torch"]
    assert session["numerics"] == {"precision": "fp32", "device": "cpu", "threads": 1}
    assert [path.name for path in (finished / "records").iterdir()] == ["generations-0000-0002.parquet"]
    kinds = sorted(path.name.rsplit("-", 1)[0] for path in (finished / "models").glob("*.safetensors"))
    assert kinds == [*(f"classifier-{i}" for i in range(3)), *(f"generator-{i}" for i in range(3)),
                     "group-annotator", "label-annotator"]  # fmt: skip


def test_export_gives_the_contracts_columns(finished, tmp_path):
    assert here("export", finished, "--out", tmp_path / "t.parquet") == 0
    assert here("export", finished, "--out", tmp_path / "t.csv") == 0
    table = pq.read_table(tmp_path / "t.parquet")
    assert table.column_names == [
        "run", "dataset", "setting", "star", "seed", "generation", "epoch", "role", "split", "label", "group",
        "metric", "value", "standard_error",
    ]  # fmt: skip
    assert pyarrow.csv.read_csv(tmp_path / "t.csv").num_rows == table.num_rows
    frame = table.to_pandas()
    assert set(frame["role"]) == {"classifier", "label_annotator", "group_annotator", "generator"}
    assert set(frame["split"].dropna()) == {"valid", "test", "test_balanced", "generated"}


def test_the_same_command_again_changes_nothing(finished, spec, capsys):
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*.parquet")}
    assert here("run", spec, "--out", finished, "--set", "star.target=classifier") == 0
    assert "all 3 generations are recorded" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in finished.rglob("*.parquet")} == before


def records(out: Path) -> pd.DataFrame:
    return fairloop.load(out).table()


@pytest.mark.slow
@pytest.mark.parametrize("keep", ["all", "last", "none"])
def test_a_longer_run_equals_one_made_at_once(finished, spec, tmp_path, capsys, keep):
    out = tmp_path / "grown"
    common = ("run", spec, "--out", out, "--set", "star.target=classifier", "--set", f"keep={keep}")
    assert here(*common, "--generations", 2) == 0
    left = sorted(path.name.rsplit("-", 1)[0] for path in (out / "models").glob("*.safetensors"))
    assert (
        left
        == {
            "all": ["classifier-0", "classifier-1", "generator-0", "generator-1", "group-annotator", "label-annotator"],
            "last": [
                "classifier-0",
                "classifier-1",
                "generator-0",
                "generator-1",
                "group-annotator",
                "label-annotator",
            ],
            "none": [],
        }[keep]
    )
    assert here(*common) == 0
    pd.testing.assert_frame_equal(records(out), records(finished), check_exact=True)
    capsys.readouterr()
    assert here(*common, "--generations", 1) == 2
    assert "only grow" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_run_resumes_to_the_same_bits(finished, spec, tmp_path, sign):
    out = tmp_path / "cut"
    command = [sys.executable, "-m", "fairloop", "run", str(spec), "--out", str(out), "--set", "star.target=classifier"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 100
    while not (out / "records" / "generation-0000.parquet").exists():
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(sign)
    _, complaint = process.communicate(timeout=60)
    if process.returncode != 0:  # it may have been done already
        assert process.returncode == (-sign if sign == signal.SIGKILL else 130), complaint
        assert "Traceback" not in complaint
        assert sign == signal.SIGKILL or "run the same command again" in complaint
    assert cli(*command[3:]).returncode == 0
    pd.testing.assert_frame_equal(records(out), records(finished), check_exact=True)


def test_python_gets_everything_back(finished):
    run = fairloop.load(finished)
    assert run.spec.star.target == "classifier"
    batch = run.samples(1, 20)
    assert batch.inputs.shape == (20, 3, 28, 28)
    assert set(batch.labels.tolist()) <= {0, 1}
    assert run.classifier(2)(batch.inputs).shape == (20, 2)
    assert run.generator(2).encode(batch.inputs).shape == (20, 4)
    with pytest.raises(fairloop.InputError, match="generation"):
        run.generator(3)


def test_samples_are_exported(finished, tmp_path):
    from PIL import Image

    assert here("samples", finished, "--generation", 1, "--n", 12, "--out", tmp_path / "s.parquet") == 0
    table = pq.read_table(tmp_path / "s.parquet")
    assert table.column_names == ["image", "label", "group"]
    assert set(table["group"].to_pylist()) <= {"green", "red"}
    assert here("samples", finished, "--generation", 1, "--n", 12, "--out", tmp_path / "s") == 0
    listing = pyarrow.csv.read_csv(tmp_path / "s" / "samples.csv").to_pylist()
    assert len(listing) == 12
    with Image.open(tmp_path / "s" / listing[0]["file"]) as picture:
        assert picture.size == (28, 28)


def test_two_writers_at_once_are_refused(spec, tmp_path, capsys):
    from fairloop.store.directory import RunDirectory

    with RunDirectory(tmp_path / "busy").locked():
        assert here("run", spec, "--out", tmp_path / "busy") == 2
    assert str(os.getpid()) in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "no-such-preset", "--out", "OUT"], ["no-such-preset", "demo"]),
        (["run", "demo", "--set", "data.labelnoise=0.1", "--out", "OUT"], ["data.labelnoise", "data.label_noise"]),
        (["run", "demo", "--set", "data.green_given_label=[.3,1.7]", "--out", "OUT"], ["1.7"]),
        (["run", "demo", "--set", "star.ideal=[[1,1],[1,1]]", "--out", "OUT"], ["star.ideal", "sums to 4"]),
        (["run", "demo", "--set", "star.budget=-5", "--out", "OUT"], ["star.budget", "-5"]),
        (["run", "demo", "--set", "data.root=/no/such/place", "--out", "OUT"], ["data.root", "/no/such/place"]),
        (["run", "demo", "--set", "device=cuda", "--out", "OUT"], ["device"]),
        (["run", "demo", "--set", "classifier.model=resnet", "--out", "OUT"], ["classifier.model", "simple-cnn"]),
        (["run", "demo", "--set", "annotator.model=resnet", "--out", "OUT"], ["annotator.model", "simple-cnn"]),
        (["run", "demo", "--set", "generator.arguments.widths=[]", "--out", "OUT"], ["generator.arguments"]),
        (["run", "demo", "--set", "generator.model=:X", "--out", "OUT"], ["generator.model"]),
        (["run", "demo", "--set", "generator.learning_rate=.inf", "--out", "OUT"], ["generator.learning_rate"]),
        (["run", "demo", "--set", "data.train=20000", "--out", "OUT"], ["data.train", "20000", "10000"]),
        (["run", "demo", "--out", "/dev/null/sub"], ["/dev/null"]),
        (["run", "demo", "--seed", "x", "--out", "OUT"], ["--seed"]),
        (["run", "demo"], ["--out"]),
        (["rum", "demo"], ["rum"]),
        (["export", "OUT", "--out", "table.csv"], ["no run"]),
        (["samples", "OUT", "--generation", "0", "--out", "s"], ["no run"]),
        (["sweep", "demo", "--seeds", "3-1", "--out", "OUT"], ["--seeds", "write 1-3"]),
        (["sweep", "demo", "--grid", "setting", "--out", "OUT"], ["--grid"]),
        (["sweep", "demo", "--grid", "setting=foo", "--out", "OUT"], ["setting", "foo"]),
        (["sweep", "demo", "--grid", "setting=[a,b],[c]", "--out", "OUT"], ["setting"]),
        (["sweep", "demo", "--grid", "seed=3,4", "--out", "OUT"], ["--seeds"]),
        (["sweep", "demo", "--grid", "generations=3,4", "--out", "OUT"], ["generations"]),
    ],
)
def test_wrong_input_is_one_line_and_starts_nothing(tmp_path, capsys, arguments, words):
    out = tmp_path / "out"
    code = here(*[out if argument == "OUT" else argument for argument in arguments])
    printed, complaint = capsys.readouterr()
    assert code == 2
    assert complaint.count("\n") == 1
    assert complaint.startswith("fairloop: ")
    assert all(word in complaint for word in words), complaint
    assert printed in ("", "demo: loading torch ...\n", "demo: loading torch ...\ndemo: reading data ...\n")
    assert not out.exists()


def test_help_names_every_field_and_needs_no_torch(capsys):
    assert here("run", "--help") == 0
    shown = capsys.readouterr().out
    for path, _, _ in field_table():
        assert path in shown
    code = "import sys; sys.argv = ['fairloop', '--help']\ntry:\n    from fairloop.cli import main; main()\n"
    code += "except SystemExit:\n    print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


@pytest.mark.slow
def test_import_is_lazy_and_public_names_exist():
    code = "import sys, fairloop; print('torch' in sys.modules, all(hasattr(fairloop, n) for n in fairloop.__all__))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_other_data_cannot_join_a_run(spec, tmp_path, capsys):
    out = tmp_path / "out"
    assert here("run", spec, "--out", out, "--generations", 1) == 0
    provenance = json.loads((out / "provenance.json").read_text())
    del provenance["seal"]  # as in files of 0.1.0
    for key, value in (
        ("data", "0" * 64),
        ("maths", 0),
        ("numerics", {"precision": "bf16", "device": "cpu", "threads": 1}),
    ):
        changed = {**provenance["sessions"][0], key: value}
        (out / "provenance.json").write_text(json.dumps({**provenance, "sessions": [changed]}))
        capsys.readouterr()
        assert here("run", spec, "--out", out) == 2
        assert "was begun" in capsys.readouterr().err


def test_a_file_of_the_users_own_is_no_run(spec, tmp_path, capsys):
    mine = tmp_path / "spec.yaml"
    mine.write_text(spec.read_text())
    assert here("run", mine, "--out", tmp_path) == 2
    assert "other files" in capsys.readouterr().err
    assert mine.read_text() == spec.read_text()
    assert here("export", tmp_path, "--out", tmp_path / "table.csv") == 2


def test_a_finished_run_that_kept_nothing_is_left_in_peace(spec, tmp_path):
    from fairloop.loop.trainer import ModelTrainer

    out = tmp_path / "out"
    assert here("run", spec, "--out", out, "--generations", 1, "--set", "keep=none") == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ModelTrainer, "annotators", None)  # anything that is trained would fail
        assert here("run", spec, "--out", out, "--generations", 1, "--set", "keep=none") == 0


def test_a_run_opens_on_a_machine_with_other_numerics(finished):
    from fairloop.models import numerics

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numerics, "_fast_bf16", lambda device: True)
        assert fairloop.load(finished).samples(2, 3).inputs.shape == (3, 3, 28, 28)
