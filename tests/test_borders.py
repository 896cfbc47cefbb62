"""What files from elsewhere can do: reach no other file, steer no terminal or spreadsheet, fill no memory."""

from __future__ import annotations

import csv
import gzip
import io
import shutil
import struct
import zipfile
import zlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

import files
from fairloop import data
from fairloop._util import escape, limits
from fairloop._util.limits import parsed
from fairloop.data import cache, digits
from fairloop.data import picture_files as listing
from fairloop.errors import InputError
from fairloop.report.table import export, gathered
from fairloop.report.text import show
from fairloop.spec.run import from_mapping
from fairloop.store import directory as store
from fairloop.store.directory import RunDirectory
from fairloop.store.records import SCHEMA
from test_run import here

STORED = Path(__file__).with_name("stored") / "0.1.0" / "run"
HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202egnp.exe\x9b31m\r\b"


# Paths.


@pytest.mark.parametrize("name", ["../secret.png", "/etc/hostname", "pictures/../../x.png", "link.png", "linked/x.png"])
def test_a_table_of_pictures_reaches_nothing_outside_its_root(tmp_path, name):
    root = tmp_path / "root"
    root.mkdir()
    files.own_pictures(root, 36)
    (tmp_path / "secret.png").write_bytes(files.encoded(files.faces(1)[0]))
    shutil.copy(tmp_path / "secret.png", tmp_path / "x.png")
    (root / "link.png").symlink_to(tmp_path / "secret.png")
    (root / "linked").symlink_to(tmp_path)
    frame = pd.read_csv(root / "people.csv")
    frame.loc[3, "file"] = name
    frame.to_csv(root / "people.csv", index=False)
    spec = {"name": "pictures", "table": str(root / "people.csv"), "image": "file", "label": "shape", "groups": ["sex"]}
    with pytest.raises(InputError, match="outside"):
        data.load(from_mapping({"data": {**spec, "size": 8, "cache": str(tmp_path / "cache")}}).data, 0)


def test_celebas_table_reaches_nothing_outside_its_pictures(tmp_path):
    files.celeba(tmp_path / "celeba", 16)
    for name in ("list_attr_celeba.txt", "list_eval_partition.txt"):
        path = tmp_path / "celeba" / name
        path.write_text(path.read_text().replace("000003.jpg", "../../secret.jpg"))
    (tmp_path / "secret.jpg").write_bytes(files.encoded(files.faces(1)[0], "JPEG"))
    spec = {"name": "celeba", "root": str(tmp_path / "celeba"), "size": 8, "cache": str(tmp_path / "cache")}
    with pytest.raises(InputError, match="outside"):
        data.load(from_mapping({"data": spec}).data, 0)


# Costs.


def zeros(n: int) -> bytes:
    """A gzip file of n zero bytes, a thousandth as long."""
    content = io.BytesIO()
    with gzip.GzipFile(fileobj=content, mode="wb", compresslevel=9) as packed:
        for _ in range(n >> 20):
            packed.write(bytes(1 << 20))
    return content.getvalue()


def peak() -> int:
    """Bytes of memory that this process has had at most."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) << 10


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's account of memory")
def test_a_packed_file_is_read_as_far_as_its_header_says(tmp_path):
    header = struct.pack(">4I", 0x0803, 9, 28, 28)
    bomb = gzip.compress(header) + zeros(256 << 20)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(bomb)
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(struct.pack(">2I", 0x0801, 9) + bytes(9)))
    before = peak()
    with pytest.raises(InputError, match=r"images-idx3-ubyte.gz .*more than 7056 bytes"):
        digits.from_directory(tmp_path, "train")
    assert peak() - before < 60 << 20
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(struct.pack(">4I", 0x0803, 2**31, 28, 28)))
    with pytest.raises(InputError, match="announces"):
        digits.from_directory(tmp_path, "train")


def test_a_packed_table_is_read_up_to_a_stated_size(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MOST_BYTES", 1 << 20)
    path = tmp_path / "people.csv.gz"
    path.write_bytes(gzip.compress(b"label,group\n" + b"0,a\n" * 10_000))
    assert len(listing.read_table(path)) == 10_000
    path.write_bytes(gzip.compress(b"label,group\n" + b"0,a\n" * 1_000_000))
    with pytest.raises(InputError, match="unpacks to more than"):
        listing.read_table(path)


def test_a_parquet_file_may_not_repeat_one_value_a_billion_times(tmp_path):
    path = tmp_path / "table.parquet"
    with pq.ParquetWriter(path, pa.schema([("run", pa.string())])) as writer:
        part = pa.table({"run": pa.DictionaryArray.from_arrays(np.zeros(2_000_000, np.int8), ["x"]).cast(pa.string())})
        for _ in range(3):
            writer.write_table(part)
    assert path.stat().st_size < 100_000
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "MOST_CELLS", 5_000_000)
        for read in (listing.read_table, lambda path: gathered([path]), limits.check_parquet):
            with pytest.raises(InputError, match="6,000,000 rows"):
                read(path)


def png(width: int, height: int) -> bytes:
    """A picture that says it is that large, in a few bytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(bytes(1000))), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("side", [8_000, 12_000, 60_000])
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_picture_of_too_many_pixels_is_not_decoded(side):
    with pytest.raises(InputError, match=r"cannot be decoded .*pixels"):
        cache._decoded(0, png(side, side), 8, "RGB")
    with pytest.raises(InputError, match="row 0"):
        digits._decode([{"image": {"bytes": png(side, side)}, "label": 1}])


def test_only_kinds_of_pictures_that_are_decoded_here_are_opened():
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"  # others would run it
    with pytest.raises(InputError, match="cannot be decoded"):
        cache._decoded(0, postscript, 8, "RGB")


def test_a_gallery_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    root = Path(shutil.copytree(STORED, tmp_path / "run"))
    path = root / "galleries" / "generation-0000.npz"
    np.savez_compressed(path, images=np.zeros(32 << 20, np.uint8))
    assert path.stat().st_size < 100_000
    monkeypatch.setattr(store, "MOST_OF_A_GALLERY", 16 << 20)
    with pytest.raises(InputError, match=r"generation-0000.npz.*GB of memory"):
        RunDirectory(root).gallery(0)


def test_an_archive_is_never_unpacked_into_files(tmp_path):
    root = Path(shutil.copytree(STORED, tmp_path / "run"))
    content = (root / "galleries" / "generation-0000.npz").read_bytes()
    with zipfile.ZipFile(io.BytesIO(content), "a") as archive:
        archive.writestr("../../out.npy", b"out")
        (root / "galleries" / "generation-0000.npz").write_bytes(archive.fp.getvalue())
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match="is damaged"):
        RunDirectory(root).gallery(0)
    assert sorted(tmp_path.rglob("*")) == before


LAUGHS = [f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in pairwise("abcdefghi")]


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 100_000, "? " * 50_000, "&a [*a]", "9" * 5_000, "2001-99-99",
                                  "!!int ''", "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(LAUGHS)])  # fmt: skip
def test_yaml_that_explodes_is_no_yaml(text):
    with pytest.raises(ValueError, match=r"."):
        parsed(text)


# Names.


@given(st.text())
def test_no_text_steers_a_terminal_and_ordinary_text_stays(text):
    shown = escape.for_terminal(text)
    assert not any((ord(letter) < 32 and letter not in "\t\n") or 127 <= ord(letter) < 160 for letter in shown)
    shown.encode()  # no half of a character is left
    assert escape.for_terminal(shown) == shown
    if text.isprintable():
        assert shown == text


def test_names_from_files_steer_no_terminal(tmp_path, capsys):
    console = Console(file=io.StringIO(), force_terminal=True, width=200)
    for style in ("terminal", "markdown", "latex"):
        show([HOSTILE, "value"], [[HOSTILE, "1"]], style, console)
    printed = console.file.getvalue()
    assert "\x1b]" not in printed
    assert "\x1b[2J" not in printed
    assert not {"\x07", "\x9b", "\u202e", "\b"} & set(printed)
    frame = pd.DataFrame({"label": [0, 1] * 20, "g": ["a", f"b{HOSTILE}"] * 20})
    frame["label"] = [0, 0, 1, 1] * 10
    frame.to_parquet(tmp_path / "p.parquet")
    fields = [f"data.table={tmp_path / 'p.parquet'}", "data.label=label", "data.groups=[g]"]
    assert here("data", "inspect", "table", *(part for field in fields for part in ("--set", field))) == 0
    assert here("run", f"no{HOSTILE}", "--out", tmp_path / "out") == 2
    said = "".join(capsys.readouterr())
    assert "x1b" in said
    assert not {"\x1b", "\x07", "\x9b", "\u202e", "\b"} & set(said)


@given(st.text())
def test_no_cell_is_a_formula_and_every_cell_comes_back(text):
    cell = escape.for_csv(text)
    assert escape.from_csv(cell) == text
    if cell[:1] in ("=", "+", "-", "@", "\t", "\r"):
        float(cell)  # a number is none


@pytest.mark.parametrize("number", ["-1", "+3.5", "-1e-9", "-inf", "-.5", "0", "1.5"])
def test_numbers_stay_numbers(number):
    assert escape.for_csv(number) == number


@pytest.mark.parametrize("formula", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "-1-1"])
def test_formulas_are_text(formula):
    assert escape.for_csv(formula) == f"'{formula}"


def test_an_exported_table_holds_no_formula_and_reads_back_the_same(tmp_path):
    root = Path(shutil.copytree(STORED, tmp_path / "run"))
    directory = RunDirectory(root)
    table = directory.records().to_pandas().astype({"group": str, "label": object})
    table["group"] = table["group"].replace({"red": "=HYPERLINK(1)", "green": "-1"})
    rows = pa.Table.from_pandas(table, preserve_index=False).cast(SCHEMA)
    pq.write_table(rows, next(root.glob("records/*")))
    export([directory], tmp_path / "table.csv")
    with (tmp_path / "table.csv").open(newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert "'=HYPERLINK(1)" in cells
    assert not [cell for cell in cells if cell[:1] in "=+-@\t\r" and cell and not _is_number(cell)]
    export([directory], tmp_path / "table.parquet")
    pd.testing.assert_frame_equal(gathered([tmp_path / "table.csv"]), gathered([tmp_path / "table.parquet"]))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
