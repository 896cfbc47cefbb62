"""Runs and models elsewhere: on fsspec's file system in memory."""

from __future__ import annotations

import uuid
from contextlib import contextmanager

import pytest

from conftest import tiny
from fairloop.errors import InputError
from fairloop.running.progress import LineView
from fairloop.running.run import run
from fairloop.store.directory import RunDirectory
from fairloop.store.models import DirectoryModels
from fairloop.store.remote import CopiedModels, CopiedRun, Folder, LeasedModels
from fairloop.store.status import STATUS, Status
from fairloop.sweep import ray_cluster
from fairloop.sweep.ray_cluster import Desk, News, Place

QUIET = LineView(lambda line: None)


@pytest.fixture
def address() -> str:
    return f"memory://{uuid.uuid4()}"


def elsewhere(address, scratch, spec):
    """One worker's go at a run whose results are kept at `address`."""
    directory = CopiedRun(scratch / "runs" / spec.identity, Folder(f"{address}/runs/{spec.identity}"))
    directory.fetch()
    run(spec, directory, QUIET, scratch / "models", lambda store: CopiedModels(store, Folder(f"{address}/models")))
    return directory


def table(directory: RunDirectory) -> list[str]:
    return [repr(row) for row in directory.records().to_pylist()]


@pytest.mark.slow
def test_a_run_kept_elsewhere_is_the_same_and_comes_back_whole(tmp_path, address):
    spec = tiny("generations=2")
    alone = RunDirectory(tmp_path / "alone")
    run(spec, alone, QUIET)
    elsewhere(address, tmp_path / "worker", spec)
    Folder(address).fetch(tmp_path / "back", Folder(address).names())
    back = RunDirectory(tmp_path / "back" / "runs" / spec.identity)
    assert table(back) == table(alone)
    assert back.gallery(1).images.shape == alone.gallery(1).images.shape
    assert DirectoryModels(back.root / back.provenance().models).root.resolve() == (tmp_path / "back/models").resolve()
    assert (
        Folder(address).fetch(tmp_path / "back", [n for n in Folder(address).names() if n.startswith("models/")]) == 0
    )


@pytest.mark.slow
def test_how_far_a_run_is_comes_back_too_and_a_lost_worker_keeps_its_first_time(tmp_path, address):
    spec = tiny("generations=2")
    elsewhere(address, tmp_path / "lost", spec.model_copy(update={"generations": 1}))
    folder = Folder(f"{address}/runs/{spec.identity}")
    folder.fetch(tmp_path / "back", folder.names())
    first = Status.read(tmp_path / "back")
    assert (first.state, first.done, first.generations) == ("finished", 1, 1)
    elsewhere(address, tmp_path / "next", spec)
    folder.fetch(tmp_path / "back", folder.names())  # descriptions are fetched anew
    second = Status.read(tmp_path / "back")
    assert (second.state, second.done, second.since) == ("finished", 2, first.since)


def test_a_status_that_cannot_be_copied_ends_no_run(tmp_path, address, monkeypatch):
    put = Folder.put

    def refuse(self, path, name, **options):
        if name == STATUS:
            raise RuntimeError("no")
        put(self, path, name, **options)

    monkeypatch.setattr(Folder, "put", refuse)
    assert elsewhere(address, tmp_path / "worker", tiny("generations=1")).committed() == 1


@pytest.mark.slow
def test_a_lost_worker_goes_on_from_the_last_whole_generation(tmp_path, address):
    whole = tiny("generations=3")
    alone = RunDirectory(tmp_path / "alone")
    run(whole, alone, QUIET)
    elsewhere(address, tmp_path / "lost", whole.model_copy(update={"generations": 2}))
    second = elsewhere(address, tmp_path / "next", whole)
    assert table(second) == table(alone)
    sessions = second.provenance().sessions
    assert [session.generations for session in sessions] == [(0, 1), (2,)]
    assert sessions[1].trained == ("generator 2", "classifier 2")  # all others were found


def test_what_was_uploaded_is_never_replaced(tmp_path, address):
    folder = Folder(address)
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("first")
    second.write_text("second")
    folder.put(first, "a/b")
    folder.put(second, "a/b")
    folder.get("a/b", tmp_path / "got")
    assert (tmp_path / "got").read_text() == "first"
    assert folder.names() == ["a/b"]


def test_nothing_lands_outside_the_folder_that_was_named(tmp_path, address):
    with pytest.raises(InputError, match="outside"):
        Folder(address).fetch(tmp_path / "here", ["../there"])


def test_an_address_that_nobody_understands_is_explained():
    with pytest.raises(InputError, match="nosuch://x"):
        Folder("nosuch://x/y")


def test_places_below_an_address_and_below_a_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Place.below("s3://b/x/", None) == Place("s3://b/x/runs", "s3://b/x/models", "s3://b/x/logs")
    assert Place.below("out", "store") == Place(
        str(tmp_path / "out/runs"), str(tmp_path / "store"), str(tmp_path / "out/logs")
    )
    with pytest.raises(InputError, match="--store s3://b"):
        Place.below("out", "s3://b")
    assert Place.below("s3://b", None).remote
    assert not Place.below("out", None).remote


def test_a_desk_lends_to_one_run_at_a_time_and_takes_back_from_the_lost():
    desk = Desk()
    assert desk.take("recipe", "a")
    assert desk.take("recipe", "a")
    assert not desk.take("recipe", "b")
    assert desk.lent("recipe", "b")
    assert not desk.lent("recipe", "a")
    desk.forget("a")
    assert desk.take("recipe", "b")
    desk.give_back("recipe", "a")  # a worker that was thought lost, and has nothing to give back any more
    assert desk.lent("recipe", "a")
    desk.give_back("recipe", "b")
    assert not desk.lent("recipe", "a")


def test_who_gives_no_sign_of_life_loses_what_it_was_lent(monkeypatch):
    now = 1000.0
    monkeypatch.setattr(ray_cluster.time, "monotonic", lambda: now)
    desk = Desk()
    assert desk.take("recipe", "lost")
    now += 50
    assert not desk.take("recipe", "next")
    desk.beat("lost")
    now += 50
    assert not desk.take("recipe", "next")
    now += 11
    assert desk.take("recipe", "next")


def test_what_a_cluster_could_never_give_is_refused():
    with pytest.raises(InputError, match="--gpus-per-run"):
        ray_cluster._check_room({"CPU": 4.0}, 1, 0.5)
    with pytest.raises(InputError, match="threads=8"):
        ray_cluster._check_room({"CPU": 4.0}, 8, 0.0)
    ray_cluster._check_room({"CPU": 4.0, "GPU": 1.0}, 1, 0.25)


def test_an_upload_that_broke_off_is_not_seen(tmp_path, address, monkeypatch):
    folder = Folder(address)
    (tmp_path / "model").write_text("whole")

    def break_off(*paths):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(folder._files, "mv", break_off)
        with pytest.raises(KeyboardInterrupt):
            folder.put(tmp_path / "model", "model")
    assert not folder.has("model")
    assert folder.names() == []
    folder.put(tmp_path / "model", "model")
    assert folder.names() == ["model"]


def test_a_desk_tells_each_piece_of_news_once():
    desk = Desk()
    desk.say("a", News("first", 0))
    desk.say("a", News("second", 1))
    assert desk.news() == {"a": News("second", 1)}
    assert desk.news() == {}


def test_models_are_made_only_under_their_lease(tmp_path):
    leased: list[str] = []

    @contextmanager
    def lease(recipe):
        leased.append(recipe.title)
        yield

    spec = tiny("generations=1")
    out = RunDirectory(tmp_path / "run")
    run(spec, out, QUIET, tmp_path / "models", lambda store: LeasedModels(store, lease, lambda recipe: False))
    trained = out.provenance().sessions[0].trained
    assert sorted(leased) == sorted(trained) == ["classifier 0", "generator 0", "group annotator", "label annotator"]
