"""Directories: one experiment in each, one kind in each, and nothing half old and half new."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import yaml

from conftest import TINY, tiny
from fairloop._util import directories as kinds
from fairloop._util.directories import claim, kind_of
from fairloop.errors import InputError
from fairloop.running.progress import LineView
from fairloop.running.run import run
from fairloop.spec.run import from_file, from_mapping
from fairloop.store.directory import RunDirectory
from fairloop.store.provenance import Provenance
from fairloop.store.remote import Folder, claim_address, claim_for
from fairloop.sweep import local
from fairloop.sweep.job import jobs_in
from fairloop.sweep.status import SweepStatus
from fairloop.sweep.view import SweepLines
from test_run import here

FILES = {
    "a run": {"spec.yaml": kinds.RUN_HEADER + "\n", "records/generation-0000.parquet": ""},
    "a sweep": {"runs/x/spec.yaml": kinds.RUN_HEADER + "\n", "models/a.safetensors": "", "table.csv": ""},
    "samples": {"samples.csv": '"file","label","group"\n', "000000.png": ""},
    "an audit": {"verdict.txt": "", "drift.csv": "", "report.html": ""},
    "figures": {f"accuracy{ending}": "" for ending in (".png", ".svg", ".pdf", ".csv")},
    "examples of a data set": {"label-0-group-1-a-b.png": ""},
    "decoded pictures": {"celeba-64px-0/images.npy": "", "celeba-64px-0/about.json": "{}"},
    "models": {"generator-0-abc.safetensors": ""},
    "other files": {"mine.txt": ""},
}
COMMANDS = {
    "a run": ["run", "SPEC", "--out", "OUT"],
    "a sweep": ["sweep", "SPEC", "--out", "OUT"],
    "samples": ["samples", "RUN", "--generation", "0", "--n", "3", "--out", "OUT"],
    "an audit": ["audit", "LOG", "--round", "r", "--label", "l", "--prediction", "p", "--group", "g", "--out", "OUT"],
    "figures": ["report", "RUN", "--figures", "OUT"],
    "examples of a data set": ["data", "inspect", "SPEC", "--out", "OUT"],
    "decoded pictures": ["data", "prepare", "SPEC", "--out", "OUT"],
}
ALONE = ("a run", "samples", "examples of a data set")
"""Kinds that share a directory with nothing else."""


def made(root: Path, kind: str) -> Path:
    for name, content in FILES[kind].items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


def content(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def spec(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("spec") / "tiny.yaml"
    path.write_text(yaml.safe_dump({**TINY, "generations": 1}))
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory, spec) -> Path:
    out = tmp_path_factory.mktemp("finished") / "run"
    run(from_file(spec), RunDirectory(out), LineView(lambda line: None))
    return out


# Kinds.


@pytest.mark.parametrize("content", ['{"mine": 1}', "notes", "[1]", "3"])
def test_a_sweep_does_not_replace_a_status_that_is_not_its_own(tmp_path, content):
    (tmp_path / "status.json").write_text(content)
    with pytest.raises(InputError, match=r"--out: .* holds another program's status\.json; move it, or choose"):
        jobs_in(tmp_path, [tiny()])
    assert (tmp_path / "status.json").read_text() == content


@pytest.mark.parametrize("left", ["", "\0\0\0", None])
def test_the_status_of_a_sweep_that_ended_before_its_first_run_is_replaced(tmp_path, left):
    SweepStatus(runs=()).write(tmp_path)
    if left is not None:
        (tmp_path / "status.json").write_text(left)
    assert [job.state for job in jobs_in(tmp_path, [tiny()])] == ["waiting"]


def test_a_run_whose_spec_lost_its_first_line_is_not_called_other_files(tmp_path):
    made(tmp_path, "a run")
    (tmp_path / "spec.yaml").write_text("")
    with pytest.raises(InputError, match=r"spec\.yaml: lacks its first line; restore it, or move .* elsewhere"):
        RunDirectory(tmp_path).check(tiny())


@pytest.mark.parametrize("kind", FILES)
def test_each_kind_is_told_from_all_others(tmp_path, kind):
    assert kind_of(made(tmp_path / "x", kind)) == (None if kind == "other files" else kind)


def test_nothing_an_empty_directory_and_a_file_are_of_no_kind(tmp_path):
    (tmp_path / "file").write_text("")
    assert [kind_of(path) for path in (tmp_path, tmp_path / "none", tmp_path / "file")] == [None, None, None]


def entries_read(monkeypatch, below: Path, work) -> int:
    """The number of directory entries below a place that `work` reads."""
    scandir, listdir, seen = os.scandir, os.listdir, []

    def note(place=".", *_):
        seen.extend([place] * Path(place).is_relative_to(below))
        return True

    @contextmanager
    def scanned(*place):
        with scandir(*place) as entries:
            yield (entry for entry in entries if note(*place))

    monkeypatch.setattr(os, "scandir", scanned)
    monkeypatch.setattr(os, "listdir", lambda *place: [name for name in listdir(*place) if note(*place)])
    work()
    monkeypatch.undo()
    return len(seen)


def test_a_run_reads_no_more_of_a_sweep_of_many_runs(tmp_path, spec, monkeypatch):
    """Otherwise the time of a sweep grows with the square of its runs."""
    read = []
    for others in (3, 100):
        sweep = tmp_path / str(others)
        for n in range(others):
            made(sweep / "runs" / f"run-{n}", "a run")
            made(sweep / "models", "models").joinpath(f"generator-{n}.safetensors").touch()
            (sweep / "models" / f".generator-{n}.lock").touch()
        here = RunDirectory(sweep / "runs" / "new")
        claim(sweep / "models", "models", "--store")
        run_one = partial(run, from_file(spec), here, LineView(lambda line: None), sweep / "models")
        read.append(entries_read(monkeypatch, sweep, run_one))
    assert read[0] == read[1]


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("wanted", COMMANDS)
def test_a_command_refuses_a_directory_of_another_kind_and_leaves_it_alone(
    tmp_path, spec, finished, capsys, kind, wanted
):
    if kind == wanted or (kind == "other files" and wanted not in ALONE):
        return  # is welcome
    out = made(tmp_path / "out", kind)
    (tmp_path / "log.csv").write_text("r,l,p,g\n" + "1,0,0,a\n1,1,1,b\n1,0,1,a\n1,1,0,b\n" * 5)
    before = content(out)
    names = {"OUT": out, "SPEC": spec, "RUN": finished, "LOG": tmp_path / "log.csv"}
    assert here(*(names.get(word, word) for word in COMMANDS[wanted])) == 2
    complaint = capsys.readouterr().err
    assert complaint.count("\n") == 1
    assert str(out) in complaint
    assert kind in complaint
    assert content(out) == before


@pytest.mark.parametrize("command", ["run", "sweep"])
@pytest.mark.parametrize("kind", ["a run", "a sweep", "samples"])
def test_models_are_not_stored_among_files_of_another_kind(tmp_path, capsys, spec, command, kind):
    store = made(tmp_path / "there", kind)
    before = content(store)
    assert here(command, spec, "--out", tmp_path / "out", "--store", store) == 2
    assert f"--store: {store} holds {kind}, not models" in capsys.readouterr().err
    assert content(store) == before
    assert not (tmp_path / "out").exists()


def test_no_run_lies_below_another(tmp_path, spec, finished, capsys):
    for command in ("run", "sweep"):
        assert here(command, spec, "--out", finished / "below" / "it") == 2
        assert f"lies in {finished}, which holds a run" in capsys.readouterr().err
    claim(finished / "figures", "figures")  # which hide nothing
    assert not (finished / "below").exists()


BELOW = [
    ("a sweep", "runs", "a sweep"), ("a sweep", "runs", "a run"), ("a sweep", "logs", "samples"),
    ("a sweep", "models", "an audit"), ("a run", "new", "samples"), ("a run", "records/new", "samples"),
    ("a run", "records/new", "figures"), ("a run", "new", "decoded pictures"), ("a run", "new/deep", "a sweep"),
    ("a run", "new", "examples of a data set"), ("samples", "new", "samples"), ("samples", "new/deep", "figures"),
    ("examples of a data set", "new", "a run"),
]  # fmt: skip


@pytest.mark.parametrize(("outer", "place", "kind"), BELOW)
def test_nothing_is_written_where_another_kind_would_overlook_or_delete_it(
    tmp_path, spec, finished, capsys, outer, place, kind
):
    out = made(tmp_path / "out", outer) / place
    (tmp_path / "log.csv").write_text("r,l,p,g\n" + "1,0,0,a\n1,1,1,b\n1,0,1,a\n1,1,0,b\n" * 5)
    before = content(tmp_path / "out")
    names = {"OUT": out, "SPEC": spec, "RUN": finished, "LOG": tmp_path / "log.csv"}
    assert here(*(names.get(word, word) for word in COMMANDS[kind])) == 2
    complaint = capsys.readouterr().err
    assert complaint.count("\n") == 1
    assert str(out) in complaint
    assert content(tmp_path / "out") == before


@pytest.mark.parametrize(
    ("outer", "place", "kind"),
    [
        ("a sweep", "runs/mine", "a run"), ("a sweep", "figures", "figures"), ("a sweep", "samples", "samples"),
        ("a sweep", "runs/more", "a sweep"), ("a sweep", "models", "models"), ("a run", "models", "models"),
        ("a run", "figures", "figures"), ("a run", "audit", "an audit"), ("figures", "new", "samples"),
        ("other files", "new", "a run"),
    ],
)  # fmt: skip
def test_a_directory_may_lie_where_it_does_no_harm(tmp_path, outer, place, kind):
    claim(made(tmp_path / "out", outer) / place, kind)


def test_a_directory_that_is_there_goes_on_wherever_it_lies(tmp_path):
    """As earlier versions let it."""
    claim(made(made(tmp_path / "out", "a run") / "samples", "samples"), "samples")


def test_no_table_replaces_a_file_of_a_run(finished, capsys):
    before = content(finished)
    record = next((finished / "records").glob("*.parquet"))
    assert here("export", finished, "--out", record) == 2
    assert here("samples", finished, "--generation", 0, "--out", record) == 2
    assert here("curate", record, "--label", "a", "--group", "b", "--out", record, "--overwrite") == 2
    assert capsys.readouterr().err.count("\n") == 3
    assert content(finished) == before


def test_what_is_fetched_joins_no_other_kind_and_no_other_run(tmp_path, spec, finished, capsys):
    assert here("fetch", f"file://{finished}", "--out", tmp_path / "back") == 0
    assert here("fetch", f"file://{finished}", "--out", tmp_path / "back") == 0
    other = tmp_path / "other"
    shutil.copytree(finished, other)
    RunDirectory(other).describe(tiny("seed=5"), Provenance())
    before = content(other)
    capsys.readouterr()
    assert here("fetch", f"file://{finished}", "--out", other) == 2
    assert "seed=5" in capsys.readouterr().err
    assert content(other) == before
    with pytest.raises(InputError, match="holds a run, not a sweep"):
        claim_for(Folder(f"file://{tmp_path}"), ["runs/x/spec.yaml"], finished)
    with pytest.raises(InputError, match="holds a run, not a sweep"):
        claim_address(f"file://{finished}")


# Two at once.


def test_of_two_experiments_that_start_in_one_new_directory_one_wins(tmp_path, spec, monkeypatch):
    """The other one's check came before there was anything; it gets the lock when the first is done."""
    out, locked = tmp_path / "out", RunDirectory.locked
    first = from_file(spec)

    def slow(directory):
        monkeypatch.setattr(RunDirectory, "locked", locked)
        run(first, RunDirectory(out), LineView(lambda line: None))
        before.update(content(out))
        return locked(directory)

    before: dict[str, bytes] = {}
    monkeypatch.setattr(RunDirectory, "locked", slow)
    other = from_mapping(first.model_dump(mode="json"), ["annotator.batch=32"])  # of the same data
    with pytest.raises(InputError, match=r"annotator\.batch=64, not 32"):
        run(other, RunDirectory(out), LineView(lambda line: None))
    assert content(out) == before
    assert RunDirectory(out).spec() == first


RACE = """
import sys, time
from pathlib import Path
from fairloop.cli import main
from fairloop.store.directory import RunDirectory
out, me = Path(sys.argv[1]), sys.argv[2]
locked = RunDirectory.locked
def together(directory):
    (out.parent / f"ready-{me}").touch()
    while len(list(out.parent.glob("ready-*"))) < 2:
        time.sleep(0.01)
    return locked(directory)
RunDirectory.locked = together
sys.argv = ["fairloop", "run", sys.argv[3], "--set", f"classifier.batch={me}", "--out", str(out)]
main()
"""


@pytest.mark.slow
def test_two_processes_that_passed_the_check_together_do_not_share_a_directory(tmp_path, spec):
    out = tmp_path / "out"
    started = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, str(out), batch, str(spec)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
        )
        for batch in ("32", "16")
    ]  # fmt: skip
    ended = [(*process.communicate(timeout=120), process.returncode) for process in started]
    assert sorted(code for *_, code in ended) == [0, 2], ended
    winner = next(batch for batch, (*_, code) in zip((32, 16), ended, strict=True) if code == 0)
    (complaint,) = (said for _, said, code in ended if code == 2)
    assert complaint.count("\n") == 1
    assert str(out) in complaint
    directory = RunDirectory(out)
    assert (directory.spec().classifier.batch, directory.committed()) == (winner, 1)
    assert len(directory.provenance().sessions) == 1
    assert len(list(directory.models.glob("*.safetensors"))) == 4


def test_a_second_sweep_in_a_directory_leaves_the_runs_and_words_of_the_first_alone(tmp_path):
    specs = [tiny("generations=1")]
    jobs, locks = jobs_in(tmp_path, specs), {}
    assert local._ours(jobs[0], tmp_path, locks)
    log = Path(jobs[0].log)
    log.write_text("generation 0\n")
    again = jobs_in(tmp_path, specs)
    with pytest.raises(InputError, match="another sweep"):
        local.run_all(again, tmp_path, tmp_path / "models", 1, SweepLines())
    assert again[0].code == 2
    assert log.read_text() == "generation 0\n"
    locks[specs[0].identity].release()
    assert local._ours(again[0], tmp_path, {})
