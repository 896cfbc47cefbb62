"""Whatever a file holds, its reader reads it or refuses it by name; and no file costs more than is stated."""

from __future__ import annotations

import contextlib
import gzip
import shutil
import struct
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import files
from fairloop import data
from fairloop.auditing.log.reading import Columns, tally
from fairloop.curation import ideal_table
from fairloop.curation.table import curate
from fairloop.data import cache, colored_svhn, digits
from fairloop.errors import InputError
from fairloop.report.table import export, gathered
from fairloop.spec.run import from_file, from_mapping
from fairloop.store.directory import RunDirectory

STORED = Path(__file__).with_name("stored") / "0.1.0"


class Reader(NamedTuple):
    """make: writes sound files into a folder. read: reads them; raises InputError alone."""

    make: Callable[[Path], object]
    read: Callable[[Path], object]


def idx(root: Path) -> None:
    for name, content in (("images-idx3", (9, 28, 28)), ("labels-idx1", (9,))):
        header = struct.pack(f">{1 + len(content)}I", 0x0800 + len(content), *content)
        (root / f"train-{name}-ubyte.gz").write_bytes(gzip.compress(header + bytes(int(np.prod(content)))))


def digits_parquet(root: Path) -> None:
    picture = {"bytes": files.encoded(np.zeros((28, 28), np.uint8)), "path": None}
    pq.write_table(pa.table({"image": [picture] * 5, "label": [0, 1, 2, 3, 4]}), root / "train-0.parquet")


def population(name: str, **fields: object) -> Callable[[Path], object]:
    def load(root: Path) -> object:
        place = {} if "table" in fields else {"root": str(root)}
        said = {key: str(root / value) if key == "table" else value for key, value in fields.items()}
        kept = {"cache": str(root / "cache"), "size": 8} if name in ("celeba", "fairface", "pictures") else {}
        found = data.load(from_mapping({"data": {"name": name, **place, **said, **kept}}).data, 0)
        shutil.rmtree(root / "cache", ignore_errors=True)
        return found

    return load


def people(root: Path, name: str) -> None:
    columns = {"round": [0, 1], "label": [0, 0, 1, 1], "guess": [1, 0], "g": ["a", "b"]}
    frame = pd.DataFrame({key: (values * 40)[:40] for key, values in columns.items()})
    frame.to_csv(root / name, index=False) if name.endswith(".csv") else frame.to_parquet(root / name)


def pictures(root: Path) -> None:
    for form in ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"):
        (root / f"picture.{form.lower()}").write_bytes(files.encoded(files.faces(1, (9, 7))[0], form))


def run_directory(root: Path) -> None:
    shutil.copytree(STORED / "run", root, dirs_exist_ok=True)


def read_run(root: Path) -> None:
    directory = RunDirectory(root)
    directory.spec(), directory.provenance(), gathered([root])
    for i in range(directory.committed()):
        directory.gallery(i)


def exported(root: Path) -> None:
    shutil.copy(STORED / "table.parquet", root)
    export([RunDirectory(STORED / "run")], root / "whole.csv")
    lines = (root / "whole.csv").read_text().splitlines(keepends=True)
    (root / "table.csv").write_text("".join(lines[:60]))
    (root / "whole.csv").unlink()


def curated(name: str) -> Callable[[Path], object]:
    return lambda root: curate(root / name, root / f"out{Path(name).suffix}", "label", ["g"], overwrite=True)


LOG = Columns("round", "label", ("g",), prediction="guess")
COLUMNS = {"table": "people.csv", "label": "shape", "beneficial": "circle", "groups": ["sex", "place"], "split": "part"}
LABELLED = {"label": "label", "groups": ["g"]}
READERS = {
    "idx": Reader(idx, lambda root: digits.from_directory(root, "train")),
    "digits-parquet": Reader(digits_parquet, lambda root: digits.from_directory(root, "train")),
    "svhn": Reader(lambda root: files.svhn_mat(root, 6), lambda root: colored_svhn._read(root / "test_32x32.mat")),
    "celeba": Reader(lambda root: files.celeba(root, 16), population("celeba")),
    "fairface": Reader(lambda root: files.fairface(root, 56, 28), population("fairface")),
    "pictures": Reader(lambda root: files.own_pictures(root, 36), population("pictures", image="file", **COLUMNS)),
    "pictures-parquet": Reader(
        lambda root: files.own_pictures(root, 36, "people.parquet"),
        population("pictures", image="picture", **{**COLUMNS, "table": "people.parquet"}),
    ),
    "adult": Reader(lambda root: files.adult(root, 60, packed=True), population("adult")),
    "compas": Reader(files.compas, population("compas")),
    "german": Reader(files.german, population("german")),
    "table-csv": Reader(
        lambda root: people(root, "p.csv"), population("table", table="p.csv", label="label", groups=["g"])
    ),
    "table-parquet": Reader(
        lambda root: people(root, "p.parquet"), population("table", table="p.parquet", label="label", groups=["g"])
    ),
    "log-csv": Reader(lambda root: people(root, "p.csv"), lambda root: tally(root / "p.csv", LOG)),
    "log-parquet": Reader(lambda root: people(root, "p.parquet"), lambda root: tally(root / "p.parquet", LOG)),
    "curate-csv": Reader(lambda root: people(root, "p.csv"), curated("p.csv")),
    "curate-parquet": Reader(lambda root: people(root, "p.parquet"), curated("p.parquet")),
    "exported": Reader(exported, lambda root: [gathered([root / f"table.{form}"]) for form in ("csv", "parquet")]),
    "run": Reader(run_directory, read_run),
    "spec": Reader(
        lambda root: shutil.copy(STORED / "run" / "spec.yaml", root), lambda root: from_file(root / "spec.yaml")
    ),
    "ideal": Reader(
        lambda root: (root / "i.csv").write_text("label,group,share\n0,a,.5\n1,a,.25\n1,b,.25\n"),
        lambda root: ideal(root / "i.csv"),
    ),
    "picture": Reader(pictures, lambda root: [cache._decoded(0, path, 8, "RGB") for path in sorted(root.iterdir())]),
}


QUICK = ["idx", "log-csv", "curate-csv", "exported", "run", "spec", "ideal", "picture", "german"]


def ideal(path: Path) -> object:
    try:
        return ideal_table.from_file(path)
    except ValueError as error:  # a spec makes an InputError of it
        raise InputError(str(error)) from error


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> dict[str, Path]:
    """Each reader's files, which it reads as they are."""
    found = {}
    for name, reader in READERS.items():
        found[name] = tmp_path_factory.mktemp(name)
        reader.make(found[name])
        reader.read(found[name])
    return found


def changed(draw: Callable[[st.SearchStrategy], object], content: bytes) -> bytes:
    """Bits flipped, the end cut off, bytes put in, or something else in its place."""
    how = draw(st.sampled_from(["flip", "flip", "flip", "cut", "insert", "other"]))
    place = draw(st.integers(0, max(0, len(content) - 1)))
    if how == "cut" or not content:
        return content[:place]
    if how == "insert":
        return content[:place] + draw(st.binary(min_size=1, max_size=20)) + content[place:]
    if how == "other":
        return draw(
            st.one_of(st.binary(max_size=200), st.text(max_size=80).map(lambda text: text.encode("utf-8", "replace")))
        )
    flipped = bytearray(content)
    for _ in range(draw(st.integers(1, 8))):
        at = draw(
            st.one_of(st.integers(0, len(flipped) - 1), st.integers(max(0, len(flipped) - 300), len(flipped) - 1))
        )
        flipped[at] = draw(st.integers(0, 255))
    return bytes(flipped)


def is_read_or_refused(sound: dict[str, Path], name: str, data: st.DataObject) -> None:
    paths = [path for path in sorted(sound[name].rglob("*")) if path.is_file() and not path.stem.startswith("out")]
    path = data.draw(st.sampled_from(paths))
    before = path.read_bytes()
    path.write_bytes(changed(data.draw, before))
    try:
        with warnings.catch_warnings(), contextlib.suppress(InputError):
            warnings.simplefilter("ignore")
            READERS[name].read(sound[name])
    finally:
        path.write_bytes(before)
        shutil.rmtree(sound[name] / "cache", ignore_errors=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
@settings(max_examples=100)
@given(data=st.data())
def test_any_file_is_read_or_refused(sound, name, data):
    is_read_or_refused(sound, name, data)


@pytest.mark.slow
@settings(max_examples=60)
@given(name=st.sampled_from(QUICK), data=st.data())
def test_a_few_files_are_read_or_refused(sound, name, data):
    is_read_or_refused(sound, name, data)


@pytest.mark.parametrize("name", ["log-parquet", "curate-parquet", "exported"])
def test_parquet_whose_text_is_none_is_refused(sound, name):
    path = next(path for path in sorted(sound[name].rglob("*.parquet")) if not path.stem.startswith("out"))
    before, table = path.read_bytes(), pq.read_table(path)
    bytes_as_text = pa.array([b"\x80"] * len(table), pa.binary()).view(pa.string())
    for column in table.column_names:
        if str(table.schema.field(column).type) in ("string", "large_string"):
            table = table.set_column(table.column_names.index(column), column, bytes_as_text)
    pq.write_table(table, path)
    try:
        with pytest.raises(InputError):
            READERS[name].read(sound[name])
    finally:
        path.write_bytes(before)
