"""All or nothing, and what a worker elsewhere is told."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import pytest

import fairloop
import test_places
from conftest import tiny
from fairloop._util.files import replacing_folder
from fairloop.cli import inspect
from fairloop.data import DATASETS
from fairloop.errors import InputError
from fairloop.running.progress import LineView
from fairloop.running.run import run
from fairloop.spec.files import with_files_read
from fairloop.spec.run import from_mapping
from fairloop.store.directory import RunDirectory
from fairloop.store.provenance import Provenance
from fairloop.sweep import ray_run
from test_run import here

content, spec, finished = test_places.content, test_places.spec, test_places.finished  # the last two are fixtures

# All or nothing.


def test_samples_of_one_call_alone_are_in_a_folder(finished, tmp_path, capsys):
    out = tmp_path / "samples"
    assert here("samples", finished, "--generation", 0, "--n", 5, "--out", out) == 0
    assert here("samples", finished, "--generation", 0, "--n", 2, "--out", out) == 0
    assert sorted(path.name for path in out.iterdir()) == ["000000.png", "000001.png", "samples.csv"]
    assert [path.name for path in tmp_path.iterdir()] == ["samples"]
    before = content(out)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pyarrow.csv.write_csv", lambda *of: (_ for _ in ()).throw(OSError(28, "No space left", "x")))
        assert here("samples", finished, "--generation", 0, "--n", 3, "--out", out) == 1
    assert content(out) == before
    (out / "notes.txt").write_text("mine")
    capsys.readouterr()
    assert here("samples", finished, "--generation", 0, "--n", 2, "--out", out) == 2
    assert "holds other files and no samples" in capsys.readouterr().err
    assert content(out) == {**before, "notes.txt": b"mine"}


@pytest.mark.parametrize("generation", [-1, 1, 9, 10**9])
def test_samples_of_a_generation_that_is_not_there_are_refused_with_those_that_are(
    finished, tmp_path, capsys, generation
):
    assert here("samples", finished, f"--generation={generation}", "--out", tmp_path / "out") == 2
    complaint = capsys.readouterr().err
    assert complaint.count("\n") == 1
    assert f"generation={generation}: {finished} holds generations 0 to 0" in complaint
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="n=0"):
        fairloop.load(finished).samples(0, 0)


def test_samples_of_a_run_without_a_generation_say_so(tmp_path):
    directory = RunDirectory(tmp_path / "begun")
    directory.describe(tiny(), Provenance())
    with pytest.raises(InputError, match="holds no generation yet"):
        fairloop.load(directory.root).samples(0, 3)


def test_a_folder_is_replaced_as_a_whole_or_not_at_all(tmp_path):
    folder = tmp_path / "folder"
    for name in ("a", "b"):
        with replacing_folder(folder) as new:
            (new / name).write_text(name)
        assert content(folder) == {name: name.encode()}
    with pytest.raises(ZeroDivisionError), replacing_folder(folder) as new:
        (new / str(1 // 0)).touch()
    rename = Path.rename

    def busy(self, to):
        if self.name == "new":
            raise OSError("busy")
        return rename(self, to)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "rename", busy)
        with pytest.raises(OSError, match="busy"), replacing_folder(folder) as new:
            (new / "d").write_text("d")
    assert content(folder) == {"b": b"b"}
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_examples_of_one_data_set_alone_are_in_a_folder(tmp_path):
    people = fairloop.data.load(tiny().data, 0)
    few = fairloop.data.load(tiny("data.green_given_label=[1,0]", "data.label_noise=0").data, 0)
    inspect.write_examples(people, tmp_path / "out")
    written = inspect.write_examples(few, tmp_path / "out")
    assert sorted(written) == sorted((tmp_path / "out").iterdir())
    assert len(written) == 2


# What a worker elsewhere is told.


def paths(spec) -> dict[str, Path]:
    """Every field of the data's spec that holds a path."""
    return {name: value for name, value in spec if isinstance(value, Path)}


DATA = {
    name: {
        field: f"here/{field}" for field, info in dataset.spec.model_fields.items() if "Path" in str(info.annotation)
    }
    for name, dataset in DATASETS.items()
}
NEEDED = {
    "pictures": {"label": "l", "groups": ["g"]},
    "table": {"label": "l", "groups": ["g"]},
    "text": {"label": "l", "groups": ["g"]},
    "module:name": {"name": "mine:load"},
}


@pytest.mark.parametrize("name", DATASETS)
@pytest.mark.parametrize("root", [True, False])
def test_every_path_of_a_spec_is_whole_before_it_leaves_and_names_the_same_file(tmp_path, monkeypatch, name, root):
    fields = {"name": name, **DATA[name], **NEEDED.get(name, {})}
    assert ("root" in fields) != (name == "biographies")  # which are made, not read
    if not root:
        fields.pop("root", None)
    spec = from_mapping({"data": fields})
    monkeypatch.chdir(tmp_path)
    told = pickle.loads(pickle.dumps(ray_run.sent(spec)))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setattr(sys, "path", [*sys.path])
    there, files = ray_run.received(told)
    assert (there, there.identity, there.to_yaml()) == (spec, spec.identity, spec.to_yaml())
    assert type(files) is type(spec.data)
    for field, path in paths(spec.data).items():
        if name in ("table", "text") and field == "table" and root:  # which starts from data.root
            assert files.root / files.table == tmp_path / "here/root" / "here/table"
        else:
            assert getattr(files, field) == tmp_path / path
    assert files.model_copy(update=paths(spec.data)) == spec.data


def test_a_worker_in_another_directory_finds_table_ideal_and_modules_and_keeps_the_runs_name(tmp_path, monkeypatch):
    """Without Ray: what a worker does, beside the run in the directory where the sweep was started."""
    home, worker = tmp_path / "home", tmp_path / "worker"
    home.mkdir()
    worker.mkdir()
    monkeypatch.chdir(home)
    monkeypatch.setattr(sys, "path", [*sys.path])
    rows = [f"{'yes' if i % 2 else 'no'},{'fm'[i % 3 == 0]},{i % 7}" for i in range(80)]
    (home / "people.csv").write_text("\n".join(["hired,sex,years", *rows]))
    (home / "ideal.csv").write_text("label,group,share\nyes,f,.25\nyes,m,.25\nno,f,.25\nno,m,.25\n")
    (home / "my_places.py").write_text("from fairloop.models.tabular import MLP as Mine\n")
    spec = with_files_read(from_mapping(
        {"data": {"name": "table", "table": "people.csv", "label": "hired", "groups": ["sex"], "beneficial": "yes"},
         "generations": 1,
         "generator": {"model": "tabular-vae", "epochs": 1, "batch": 32}, "star": {"ideal": "ideal.csv"},
         "classifier": {"model": "my_places:Mine", "epochs": 1, "batch": 32},
         "annotator": {"model": "mlp", "epochs": 1, "batch": 32},
         "measure": {"samples": 20, "gallery": 0, "latents": 0}}
    ))  # fmt: skip
    told = ray_run.sent(spec)
    monkeypatch.chdir(worker)
    there, files = ray_run.received(told)
    run(there, RunDirectory(Path("out")), LineView(lambda line: None), files=files)
    directory = RunDirectory(worker / "out")
    assert directory.spec().identity == spec.identity
    monkeypatch.chdir(home)
    run(spec, RunDirectory(worker / "out"), LineView(lambda line: None))  # the same run, which is whole: nothing is new
    assert [session.trained == () for session in directory.provenance().sessions] == [False, True]
