"""Data that are not there: where they are to be had, and the download."""

from __future__ import annotations

import functools
import hashlib
import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import tiny
from fairloop.data import publishers
from fairloop.data.fetching import SUMS, fetch
from fairloop.data.publishers import PUBLISHERS, PublishedFile, Publisher
from fairloop.errors import FairloopError, InputError
from fairloop.store.directory import RunDirectory
from fairloop.store.provenance import Provenance
from test_run import here

# data that are not there


@pytest.mark.parametrize("name", PUBLISHERS)
def test_missing_data_say_where_they_are(name, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert here("run", name, "--root", tmp_path / "empty", "--out", tmp_path / "out") == 2
    said = capsys.readouterr().err
    publisher = PUBLISHERS[name]
    assert publisher.page in said
    assert publisher.terms in said
    assert (f"fairloop data fetch {name}" in said) == bool(publisher.files)
    assert said.count("\n") == 1


def test_the_shorthand_root_is_data_root(tmp_path, capsys):
    for arguments in (("run", "adult"), ("sweep", "adult", "--dry-run")):
        assert here(*arguments, "--root", tmp_path / "absent", "--out", tmp_path / "out") == 2
        assert f"data.root: '{tmp_path / 'absent'}' has no adult.data" in "".join(capsys.readouterr())


@pytest.fixture
def server(tmp_path) -> Iterator[tuple[str, Path]]:
    """A place on the web: its address and its folder."""
    folder = tmp_path / "web"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:  # the library's name
            if not self.path.endswith("cut.csv"):
                return super().do_GET()
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            self.wfile.write(b"age,sex\n1,f\n")
            return None

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{web.server_port}/", folder
        web.shutdown()


@pytest.fixture
def published(server, monkeypatch) -> Path:
    """German credit as its publisher offers it, and COMPAS, whose checksum fairloop does not know."""
    address, folder = server
    (folder / "german.data").write_bytes(b"A11 6\n")
    (folder / "scores.csv").write_bytes(b"age,sex\n1,f\n")
    digest = hashlib.sha256(b"A11 6\n").hexdigest()
    some = {
        "german": Publisher(address, "CC BY 4.0", (PublishedFile("german.data", address, digest),)),
        "compas": Publisher(address, "none", (PublishedFile("scores.csv", address),)),
        "adult": Publisher(address, "none", (PublishedFile("cut.csv", address),)),
    }
    monkeypatch.setattr(publishers, "PUBLISHERS", some)
    monkeypatch.setattr("fairloop.data.fetching.PUBLISHERS", some)
    return folder


def test_files_are_fetched_once_and_checked(published, tmp_path, capsys):
    out = tmp_path / "german"
    assert here("data", "fetch", "german", "--out", out) == 0
    assert (out / "german.data").read_bytes() == b"A11 6\n"
    assert "CC BY 4.0" in capsys.readouterr().out
    (published / "german.data").unlink()
    assert list(fetch("german", out)) == [f"{out / 'german.data'}: is there already"]
    (out / "german.data").write_bytes(b"changed")
    with pytest.raises(InputError, match=r"german\.data: has the SHA-256 .*, not .*; move it away"):
        list(fetch("german", out))


def test_a_download_that_is_not_what_it_should_be_leaves_nothing(published, tmp_path):
    (published / "german.data").write_bytes(b"something else")
    with pytest.raises(FairloopError, match=r"has the SHA-256 .*; nothing is kept"):
        list(fetch("german", tmp_path / "out"))
    (published / "german.data").unlink()
    with pytest.raises(FairloopError, match=r"german\.data: cannot be downloaded .*404"):
        list(fetch("german", tmp_path / "out"))
    with pytest.raises(FairloopError, match=r"cut\.csv: ended after 12 of 1,000,000 bytes"):
        list(fetch("adult", tmp_path / "out"))
    assert not list((tmp_path / "out").iterdir())


def test_an_unknown_checksum_is_recorded_at_the_first_download(published, tmp_path):
    out = tmp_path / "out"
    (said,) = fetch("compas", out)
    assert "is recorded in SHA256SUMS" in said
    digest = hashlib.sha256((published / "scores.csv").read_bytes()).hexdigest()
    assert (out / SUMS).read_text() == f"{digest}  scores.csv\n"
    (out / "scores.csv").unlink()
    (published / "scores.csv").write_bytes(b"replaced by its publisher")
    with pytest.raises(FairloopError, match="nothing is kept"):
        list(fetch("compas", out))


def test_a_mirror_on_this_machine_will_do(published, tmp_path):
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    (published / "german.data").rename(mirror / "german.data")
    (said,) = fetch("german", tmp_path / "out", mirror.as_uri())
    assert said.endswith(f"from {mirror.as_uri()}/german.data")


@pytest.mark.parametrize("kind", ["run", "file"])
def test_no_data_are_fetched_into_a_run_or_over_a_file(published, tmp_path, kind):
    out = tmp_path / "out"
    if kind == "file":
        out.touch()
    else:
        RunDirectory(out).describe(tiny(), Provenance())
    with pytest.raises(InputError, match="--out"):
        list(fetch("german", out))


@pytest.mark.real
def test_the_known_checksums_are_those_of_the_publishers_files():
    for folder in (Path(os.environ["FAIRLOOP_TABULAR"]), Path(os.environ["FAIRLOOP_TABULAR"]).parent / "mnist"):
        for file in (file for publisher in PUBLISHERS.values() for file in publisher.files if file.sha256):
            from fairloop._util.limits import opened

            path = next((path for path in (folder / file.name, folder / f"{file.name}.gz") if path.is_file()), None)
            if path is not None:
                with opened(path) as content:
                    assert hashlib.sha256(content.read()).hexdigest() == file.sha256
