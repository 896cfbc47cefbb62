from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from conftest import tiny
from fairloop._util.files import BLANK, SEAL, is_sealed, replacing, sealed
from fairloop.errors import InputError
from fairloop.models.numerics import Numerics
from fairloop.seeding import ModelRole
from fairloop.spec.models import GeneratorSpec
from fairloop.store.directory import RunDirectory
from fairloop.store.interface import Fit
from fairloop.store.memory import MemoryModels
from fairloop.store.models import DirectoryModels
from fairloop.store.provenance import Provenance
from fairloop.store.tidy_rows import Gallery, Row
from fairloop.training.batches import Schedule
from fairloop.training.fitting import Checkpoint, State
from fairloop.training.recipe import Recipe


def recipe(seed: int = 0) -> Recipe:
    return Recipe(ModelRole.GENERATOR, seed, 2, GeneratorSpec(epochs=3), Numerics(), Schedule(1, 2, 2))


def fit(calls: list[int], stop_after: int = 3) -> Fit[nn.Linear]:
    """Adds one to a weight in each epoch, and notes which epochs it trained."""

    def epochs_from(state: State | None) -> Iterator[Checkpoint[nn.Linear]]:
        model = nn.Linear(1, 1, bias=False)
        nn.init.zeros_(model.weight)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        done, log = 0, {"loss": torch.zeros(0, dtype=torch.float64)}
        if state is not None:
            model.load_state_dict(state.weights)
            done, log = state.epochs, state.log
        if done == 3:
            yield Checkpoint(model, optimizer, log, 3, 3)
        for epoch in range(done, 3):
            if epoch == stop_after:
                raise KeyboardInterrupt
            calls.append(epoch)
            with torch.no_grad():
                model.weight += 1
            log = {"loss": torch.cat([log["loss"], torch.tensor([float(epoch)], dtype=torch.float64)])}
            yield Checkpoint(model, optimizer, log, epoch + 1, 3)

    return epochs_from


@pytest.fixture(params=["memory", "directory"])
def models(request, tmp_path) -> MemoryModels | DirectoryModels:
    return MemoryModels() if request.param == "memory" else DirectoryModels(tmp_path / "models")


def test_a_recipe_is_fitted_once_and_found_again(models):
    calls: list[int] = []
    assert not models.has(recipe())
    for _ in range(2):
        trained = models.model(recipe(), fit(calls))
        assert trained.module.weight.item() == 3
        assert trained.log["loss"].tolist() == [0, 1, 2]
    assert calls == [0, 1, 2]
    assert models.has(recipe())
    assert not models.has(recipe(seed=1))


def test_an_interrupted_fit_goes_on_at_its_last_saved_epoch(tmp_path):
    models, calls = DirectoryModels(tmp_path, seconds_between_saves=0), []
    with pytest.raises(KeyboardInterrupt):
        models.model(recipe(), fit(calls, stop_after=2))
    assert not models.has(recipe())
    assert models.model(recipe(), fit(calls)).module.weight.item() == 3
    assert calls == [0, 1, 2]
    assert [path.suffix for path in tmp_path.iterdir() if not path.name.startswith(".")] == [".safetensors"]


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def test_a_damaged_model_is_named_and_refused(tmp_path):
    models = DirectoryModels(tmp_path)
    models.model(recipe(), fit([]))
    path = models.path(recipe())
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        flip(path, at)
        with pytest.raises(InputError, match=path.name):
            models.model(recipe(), fit([]))
        path.write_bytes(whole)
    for length in (0, 4, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=path.name):
            models.model(recipe(), fit([]))
    other = recipe(seed=1)
    models.path(other).write_bytes(whole)
    with pytest.raises(InputError, match="another recipe"):
        models.model(other, fit([]))


@given(before=st.binary(), after=st.binary(), data=st.data())
def test_sealed_content_is_known_or_refused(before, after, data):
    content = sealed(before + (SEAL + BLANK).encode() + after)
    assert is_sealed(content)
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    flipped = bytearray(content)
    flipped[bit // 8] ^= 1 << bit % 8
    assert not is_sealed(bytes(flipped))


def test_a_failed_write_leaves_what_was_there(tmp_path):
    path = tmp_path / "file"
    path.write_text("before")

    def fail() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def _fit_slowly(root: Path, barrier: Barrier, counts: Queue) -> None:
    calls: list[int] = []
    barrier.wait()
    DirectoryModels(root).model(recipe(), fit(calls))
    counts.put(len(calls))


def test_a_recipe_is_busy_while_it_is_fitted(tmp_path):
    models, seen = DirectoryModels(tmp_path), []

    def watched(state: State | None) -> Iterator[Checkpoint[nn.Linear]]:
        for checkpoint in fit([])(state):
            seen.append(DirectoryModels(tmp_path).busy(recipe()))
            yield checkpoint

    assert not models.busy(recipe())
    models.model(recipe(), watched)
    assert seen == [True] * 3
    assert not models.busy(recipe())


@pytest.mark.slow
def test_two_processes_never_fit_the_same_model(tmp_path):
    context = multiprocessing.get_context("spawn")
    barrier, counts = context.Barrier(2), context.Queue()
    processes = [context.Process(target=_fit_slowly, args=(tmp_path, barrier, counts)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert sorted([counts.get(timeout=5), counts.get(timeout=5)]) == [0, 3]


ROWS = [
    Row(0, None, ModelRole.CLASSIFIER, "test", None, "overall", "accuracy", 0.5, float("nan")),
    Row(0, 3, ModelRole.GENERATOR, None, "<5", "green", "loss", float("nan"), 0.1),
]
GALLERY = Gallery(np.zeros((2, 3, 4, 4), np.uint8), np.zeros(2, int), np.ones(2, int), np.ones((3, 2), np.float32))


def committed(root: Path) -> RunDirectory:
    directory = RunDirectory(root)
    directory.describe(tiny(), Provenance(run="x"))
    directory.commit(0, ROWS, GALLERY)
    return directory


def test_records_come_back_as_they_went_in(tmp_path):
    directory = committed(tmp_path)
    assert directory.committed() == 1
    records = directory.records().to_pylist()
    assert [repr(tuple(record.values())) for record in records] == [repr(tuple(map(_plain, row))) for row in ROWS]
    assert np.array_equal(directory.gallery(0).images, GALLERY.images)
    assert directory.spec() == tiny()


@pytest.mark.parametrize("done", [(3,), (1, 3), (2, 3, 3)])
def test_packed_records_are_the_same_records(tmp_path, done):
    directory = RunDirectory(tmp_path)
    directory.describe(tiny(), Provenance(run="x"))
    expected = []
    for generation in range(3):
        rows = [row._replace(generation=generation) for row in ROWS]
        expected += [repr(tuple(map(_plain, row))) for row in rows]
        directory.commit(generation, rows, GALLERY)
        for _ in range(done.count(generation + 1)):
            directory.pack()
        assert directory.committed() == generation + 1
    assert [repr(tuple(record.values())) for record in directory.records().to_pylist()] == expected
    assert [path.name for path in (tmp_path / "records").iterdir()] == ["generations-0000-0002.parquet"]


def test_pieces_that_a_pack_left_behind_do_no_harm(tmp_path):
    directory = committed(tmp_path)
    piece = tmp_path / "records" / "generation-0000.parquet"
    content = piece.read_bytes()
    directory.pack()
    piece.write_bytes(content)  # as if the process had been killed before it could delete it
    assert directory.committed() == 1
    assert directory.records().num_rows == len(ROWS)


def _plain(value: object) -> object:
    return str(value) if isinstance(value, ModelRole) else value


def test_a_generation_after_a_gap_does_not_count(tmp_path):
    directory = committed(tmp_path)
    directory.commit(2, ROWS, GALLERY)
    assert directory.committed() == 1


@pytest.mark.parametrize("length", [0, 10, 400])
def test_a_truncated_record_is_named(tmp_path, length):
    directory = committed(tmp_path)
    path = tmp_path / "records" / "generation-0000.parquet"
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(InputError, match=path.name):
        directory.records()


def test_a_directory_of_another_run_is_refused(tmp_path):
    directory = committed(tmp_path / "run")
    directory.check(tiny("generations=9"))
    for change in ("seed=1", "data.label_noise=0.2", "star.target=both"):
        with pytest.raises(InputError, match=change.split("=")[0]):
            directory.check(tiny(change))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    with pytest.raises(InputError, match="other files"):
        RunDirectory(tmp_path / "mine").check(tiny())
    with pytest.raises(InputError, match="is a file"):
        RunDirectory(tmp_path / "mine" / "thesis.tex").check(tiny())


def test_a_directory_has_one_writer(tmp_path):
    with RunDirectory(tmp_path).locked(), pytest.raises(InputError, match="process"), RunDirectory(tmp_path).locked():
        pass
    with RunDirectory(tmp_path).locked():
        pass


SESSION = {
    "run": "x", "maths": 4, "started": "2026-01-01T00:00:00+00:00", "seconds": 60.0, "generations": [0, 1],
    "trained": ["generator 0"], "packages": {"fairloop": "0.2.0", "torch": "2"}, "commit": None, "python": "3.11",
    "machine": "Linux", "numerics": {"precision": "fp32", "device": "cpu", "threads": 1}, "data": "abc",
}  # fmt: skip


@pytest.mark.parametrize(
    "written",
    [{}, {"run": "x"}, {"run": "x", "models": "../models", "sessions": [SESSION, SESSION]},
     {"run": "x", "sessions": [{"started": "2026", "of a later version": [1]}, {"run": "x", "data": ""}]}],
    ids=["nothing", "mended", "whole", "other versions"],
)  # fmt: skip
def test_a_provenance_is_written_again_as_it_was(tmp_path, written):
    """Of runs of every version: fields stay in their places, none is added and none is lost."""
    directory = RunDirectory(tmp_path)
    directory.describe(tiny(), Provenance.model_validate(written))
    bare = json.dumps({"seal": SEAL + BLANK, **written}, indent=2) + "\n"
    path = tmp_path / "provenance.json"
    assert path.read_bytes() == sealed(bare.encode())
    directory.describe(tiny(), directory.provenance())
    assert path.read_bytes() == sealed(bare.encode())
    assert Provenance().maths == set()
    assert Provenance(sessions=[{"generations": [0]}, {"maths": 4}]).maths == {2}
