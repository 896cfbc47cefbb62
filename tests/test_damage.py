"""Nothing is wrong: a file of a run that is damaged, cut short or another's is named and refused, or does no harm."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fairloop
from disturbed import SPEC, Runs
from fairloop.errors import InputError
from fairloop.loop.trainer import ModelTrainer
from fairloop.report.table import gathered
from fairloop.spec.run import from_mapping
from fairloop.store.directory import RunDirectory
from fairloop.store.models import DirectoryModels
from test_run import here

STORED = Path(__file__).with_name("stored") / "0.1.0"


class Everything:
    """All that can be read of a run: by file, what it says."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.plan = ModelTrainer(from_mapping(SPEC | {"keep": "all"}), DirectoryModels(root / "models")).plan
        self.before = {path: path.read_bytes() for path in sorted(root.rglob("*")) if self._counts(path)}
        self.said = {path: self.read(path) for path in self.before}

    @staticmethod
    def _counts(path: Path) -> bool:
        return path.is_file() and path.suffix != ".lock"

    def read(self, path: Path) -> Any:
        directory = RunDirectory(self.root)
        if path.parent.name == "records":
            return directory.records().to_pandas().to_csv()
        if path.parent.name == "galleries":
            gallery = directory.gallery(int(path.stem[-4:]))
            return [array.tobytes() + str((array.shape, array.dtype)).encode() for array in vars(gallery).values()]
        if path.parent.name == "models":
            recipe = next(recipe for recipe in self.plan if recipe.filename == path.stem)
            return list(DirectoryModels(self.root / "models").damages(recipe))
        return directory.spec() if path.name == "spec.yaml" else directory.provenance()

    def is_refused_or_harmless(self, path: Path, content: bytes) -> None:
        path.write_bytes(content)
        try:
            found = self.read(path)
        except InputError as error:
            assert str(path if path.name != "spec.yaml" else self.root) in str(error)  # noqa: PT017
        else:
            assert found in (self.said[path], [path])  # [path]: a damaged model
        finally:
            path.write_bytes(self.before[path])


@pytest.fixture(scope="module")
def everything(runs: Runs) -> Everything:
    assert runs.run("kept", "--set", "keep=all").code == 0
    return Everything(runs.folder / "kept")


@pytest.mark.slow
@settings(max_examples=300)
@given(data=st.data())
def test_a_flipped_bit_anywhere_is_refused_or_harmless(everything, data):
    path = data.draw(st.sampled_from(sorted(everything.before)))
    content = bytearray(everything.before[path])
    # Half of the flips near an end, where headers and footers are: most of a large file is alike.
    places = st.one_of(st.integers(0, len(content) - 1), st.integers(1, min(2_000, len(content))).map(lambda n: -n))
    content[data.draw(places)] ^= 1 << data.draw(st.integers(0, 7))
    everything.is_refused_or_harmless(path, bytes(content))


@pytest.mark.slow
def test_a_flipped_bit_in_a_gallerys_list_of_arrays_is_refused_or_harmless(everything):
    path = next(path for path in everything.before if path.parent.name == "galleries")
    content = everything.before[path]
    for place in range(len(content) - 400, len(content)):  # zip's own checksums are of what is before
        for bit in range(8):
            everything.is_refused_or_harmless(path, flipped(content, place, bit))


@pytest.mark.slow
def test_a_flipped_bit_in_a_gallery_without_a_seal_is_refused_or_harmless(tmp_path):
    run = shutil.copytree(STORED / "run", tmp_path / "run")
    path = run / "galleries" / "generation-0000.npz"
    content, said = path.read_bytes(), vars(RunDirectory(run).gallery(0))
    for place in range(100, 300):  # where the deflated pictures begin
        for bit in range(8):
            path.write_bytes(flipped(content, place, bit))
            try:
                found = vars(RunDirectory(run).gallery(0))
            except InputError:
                continue
            assert all(np.array_equal(found[name], said[name]) for name in said)


@pytest.mark.slow
def test_a_spec_cut_short_anywhere_is_refused(everything):
    path = next(path for path in everything.before if path.name == "spec.yaml")
    content = everything.before[path]
    for end in [line + 1 for line, byte in enumerate(content[:-1]) if byte == ord("\n")]:  # whole lines are still YAML
        path.write_bytes(content[:end])
        with pytest.raises(InputError):
            everything.read(path)
    path.write_bytes(content)


def flipped(content: bytes, place: int, bit: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :]


@pytest.mark.slow
@settings(max_examples=60)
@given(data=st.data())
def test_a_file_cut_short_or_with_another_ones_content_is_refused(everything, data):
    path = data.draw(st.sampled_from(sorted(everything.before)))
    content = everything.before[path]
    if data.draw(st.booleans()):
        everything.is_refused_or_harmless(path, content[: data.draw(st.integers(0, len(content) - 1))])
    else:
        everything.is_refused_or_harmless(
            path, everything.before[data.draw(st.sampled_from(sorted(everything.before)))]
        )


@pytest.mark.slow
def test_another_runs_files_are_refused(everything, runs):
    assert runs.run("other", "--set", "keep=all", "--seed", "1").code == 0
    other = runs.folder / "other"
    for path in (*other.glob("records/*"), *other.glob("galleries/*")):
        everything.is_refused_or_harmless(everything.root / path.relative_to(other), path.read_bytes())
    path = next(everything.root.glob("records/*"))
    shutil.copy(next(other.glob("records/*")), path)
    with pytest.raises(InputError, match=rf"{path.name}.*another run"):
        RunDirectory(everything.root).records()
    path.write_bytes(everything.before[path])


def spoil(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 16
    path.write_bytes(content)


KINDS: dict[str, tuple[str, bool]] = {
    "spec": ("spec.yaml", True),
    "provenance": ("provenance.json", True),
    "records": ("records/*.parquet", True),
    "gallery": ("galleries/generation-0001.npz", False),
    "generator": ("models/generator-1-*.safetensors", True),
    "annotator": ("models/label-annotator-*.safetensors", True),
}
"""Files of a run of two generations that has a third before it, and whether it needs them for that."""


@pytest.mark.slow
@pytest.mark.parametrize("kind", [pytest.param(kind, marks=pytest.mark.slow) if i % 2 else kind
                                  for i, kind in enumerate(KINDS)])  # fmt: skip
def test_a_damaged_run_goes_on_where_the_user_says_so(runs, kind):
    pattern, needed = KINDS[kind]
    assert runs.run("spoilt", "--generations", "2").code == 0
    root = runs.folder / "spoilt"
    damaged = next(root.glob(pattern))
    spoil(damaged)
    if needed:
        before = {path: path.read_bytes() for path in root.glob("*/*") if path.suffix != ".lock"}
        refused = runs.run("spoilt")
        assert refused.code == 2, refused
        assert refused.said.count("\n") == 1
        assert "--repair" in refused.said
        assert (damaged.name in refused.said) or kind == "spec"
        assert {path: path.read_bytes() for path in before} == before
    repaired = runs.run("spoilt", "--repair")
    assert repaired.code == 0, repaired.said
    assert f"{damaged.name} was damaged; it has been renamed" in repaired.said
    assert damaged.with_name(damaged.name + ".damaged").is_file()
    assert runs.table_of("spoilt") == runs.table
    assert RunDirectory(root).gallery(1).images.any()
    shutil.rmtree(root)


@pytest.mark.slow
def test_generations_before_a_damaged_one_are_not_made_again(runs, tmp_path):
    directory = RunDirectory(tmp_path / "run")
    shutil.copytree(runs.folder / "whole", directory.root)
    spoil(directory.files_of(2)[0])
    assert [path.name for path in directory.mend(directory.spec())] == ["generation-0002.npz.damaged"]
    assert directory.committed() == 2
    assert set(directory.records()["generation"].to_pylist()) == {0, 1}


@pytest.mark.slow
def test_another_process_is_refused_with_the_first_ones_id(runs, tmp_path):
    held = (
        "import sys, pathlib; from fairloop.store.directory import RunDirectory\n"
        "with RunDirectory(pathlib.Path(sys.argv[1])).locked(): print('held', flush=True); sys.stdin.read()"
    )
    first = subprocess.Popen([sys.executable, "-c", held, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert first.stdout.readline() == b"held\n"
    with pytest.raises(InputError, match=rf"in use by process {first.pid} on "), RunDirectory(tmp_path).locked():
        pass
    first.send_signal(signal.SIGKILL)  # no lock outlives its process
    first.wait()
    with RunDirectory(tmp_path).locked():
        pass
    first.stdin.close(), first.stdout.close()


@pytest.fixture
def stored(tmp_path) -> Path:
    return Path(shutil.copytree(STORED / "run", tmp_path / "run"))


def test_a_run_of_0_1_0_opens_and_says_the_same(stored, tmp_path):
    mine = fairloop.load(stored)
    theirs = gathered([STORED / "table.parquet"])
    same = [name for name in theirs.columns if name != "run"]  # a run's name also tells of fields that came later
    pd.testing.assert_frame_equal(mine.table()[same], theirs[same], check_exact=True)
    assert mine.spec.name == "stored by 0.1.0"
    assert mine.directory.gallery(2).images.shape == (4, 3, 28, 28)
    assert np.isfinite(mine.directory.provenance().sessions[0].seconds)
    assert here("report", stored, "--out", tmp_path / "report.html") == 0


def test_a_run_of_0_1_0_is_complete_for_the_same_command(stored, capsys):
    before = {path: path.read_bytes() for path in stored.rglob("*.parquet")}
    assert here("run", stored / "spec.yaml", "--out", stored) == 0
    assert "all 3 generations are recorded already" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in stored.rglob("*.parquet")} == before
    assert "seal" in (stored / "provenance.json").read_text()


def test_a_run_of_other_maths_does_not_grow_and_loses_nothing(stored, capsys):
    before = {path: path.read_bytes() for path in stored.rglob("*.parquet")}
    assert here("run", stored / "spec.yaml", "--out", stored, "--generations", 4) == 2
    assert "makes other models of the same recipes" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in stored.rglob("*.parquet")} == before


@pytest.fixture
def with_models(tmp_path) -> Path:
    """A run of 0.1.0 with its models, whose generator has one activation more than today's."""
    return Path(shutil.copytree(STORED / "with-models", tmp_path / "with-models"))


@pytest.mark.parametrize(
    "ask",
    [
        lambda run: run.generator(0),
        lambda run: run.classifier(0),
        lambda run: run.annotators,
        lambda run: run.samples(0, 2),
    ],
)
def test_models_of_other_maths_are_never_built_anew(with_models, ask):
    run = fairloop.load(with_models)
    before = {path: path.read_bytes() for path in (with_models / "models").iterdir()}
    with pytest.raises(InputError, match=r"maths 3, not \d+"):
        ask(run)
    assert len(run.table()) > 0
    assert run.directory.gallery(0).images.shape == (2, 3, 28, 28)
    assert {path: path.read_bytes() for path in (with_models / "models").iterdir()} == before


def test_a_finished_run_of_other_maths_does_not_grow_after_it_was_asked_for_again(with_models, capsys):
    spec = with_models / "spec.yaml"
    assert here("run", spec, "--out", with_models) == 0  # complete: nothing is trained, and a session is noted
    assert here("run", spec, "--out", with_models, "--generations", 2) == 2
    assert "maths 3" in capsys.readouterr().err


def test_samples_of_other_maths_are_refused_with_one_line(with_models, tmp_path, capsys):
    assert here("samples", with_models, "--generation", 0, "--out", tmp_path / "samples") == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "samples").exists()


def test_tables_of_several_versions_of_the_maths_say_so(with_models, tmp_path, capsys):
    spec = with_models / "spec.yaml"
    assert here("run", spec, "--out", tmp_path / "new", "--seed", 1) == 0
    assert here("export", with_models, tmp_path / "new", "--out", tmp_path / "table.csv") == 0
    assert "other models of the same spec (maths 3:" in capsys.readouterr().err
