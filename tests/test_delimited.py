"""CSV files of any make: the audit, curate and data.table read them alike, or refuse them alike."""

from __future__ import annotations

import csv
import gzip
import io
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairloop import audit
from fairloop.curation.table import curate
from fairloop.data.picture_files import read_table
from fairloop.data.tabular import OwnTableSpec, own
from fairloop.errors import InputError
from fairloop.tables import decimals, delimited

HEAD = ["round", "label", "prediction", "age, group"]
ROWS = [
    ["0", "1", "1", "60, or more"],
    ["0", "0", "1", "fém"],
    ["0", "1", "0", "fém"],
    ["0", "0", "0", "60, or more"],
] * 3


def by_audit(path: Path) -> Counter[tuple[str, str]]:
    found = audit(path, round="round", label="label", prediction="prediction", groups="age, group").measured.rounds
    people = found.members[0]
    return Counter({(str(k), name): int(people[s, k]) for s, name in enumerate(found.groups) for k in (0, 1)})


def by_curate(path: Path) -> Counter[tuple[str, str]]:
    ending = path.name.partition(".")[2]
    tally = curate(path, path.with_name(f"out.{ending}"), "label", ["age, group"], budget=0, overwrite=True).tally
    counts = tally.candidates
    return Counter({
        (label, group): int(counts[k, s])
        for k, label in enumerate(tally.names.labels) for s, (group,) in enumerate(tally.names.groups)
    })  # fmt: skip


def by_table(path: Path) -> Counter[tuple[str, str]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = read_table(path)
    for name in ("label", "age, group"):
        if name not in frame:
            raise InputError(f"{path} has no column '{name}'")
    return Counter(zip(frame["label"], frame["age, group"], strict=True))


READERS = {"audit": by_audit, "curate": by_curate, "data.table": by_table}


def written(separator: str = ",", end: str = "\n", quoting: int = csv.QUOTE_MINIMAL) -> str:
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=separator, lineterminator=end, quoting=quoting).writerows([HEAD, *ROWS])
    return file.getvalue()


FILES = {
    "plain.csv": written().encode(),
    "semicolon.csv": written(";").encode(),
    "tab.tsv": written("\t").encode(),
    "bar.csv": written("|").encode(),
    "capitals.CSV": written(";").encode(),
    "packed.csv.gz": gzip.compress(written().encode()),
    "PACKED.TSV.GZ": gzip.compress(written("\t").encode()),
    "mark.csv": written(quoting=csv.QUOTE_ALL).encode("utf-8-sig"),
    "utf16.csv": written(";").encode("utf-16"),
    "big.csv": ("\ufeff" + written(";")).encode("utf-16-be"),
    "latin.csv": written(";").encode("latin-1"),
    "windows.csv": written(";", "\r\n", csv.QUOTE_ALL).encode(),
    "spaces.csv": written().replace(",", ", ").replace(",  ", ", ").encode(),
    "tabs around.csv": written(";", quoting=csv.QUOTE_NONE).replace(";", " ;\t").encode(),
    "blank lines.csv": ("\n" + written() + "\n\n").encode(),
}  # fmt: skip
REFUSED = {
    "empty.csv": (b"", "is empty"),
    "blank.csv": (b"\n\n", "is empty"),
    "ragged.csv": (written().encode() + b"0,1,1\n", "row 13 has 3 cells, but the header has 4"),
    "long.csv": (written().encode() + b"0,1,1,a,b\n", "row 13 has 5 cells, but the header has 4"),
    "quote.csv": (written().encode() + b'0,1,1,"x" y\n', "cannot be read as CSV"),
    "open.csv": (written().encode() + b'0,1,1,"x\n', "cannot be read as CSV"),
    "twice.csv": (written().replace("round", "label").encode(), "label"),
    "no mark.csv": (written().encode("utf-16-le"), "UTF-16"),
    "damaged.csv.gz": (gzip.compress(written().encode() * 9)[:-20], "cannot be read"),
    "half.csv": (("\ufeff" + written()).encode("utf-16-le")[:-1], "UTF-16"),
}  # fmt: skip


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", FILES)
def test_every_reader_reads_every_file_alike(tmp_path, reader, name):
    (tmp_path / name).write_bytes(FILES[name])
    assert READERS[reader](tmp_path / name) == Counter((row[1], row[3]) for row in ROWS)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", REFUSED)
def test_every_reader_refuses_alike(tmp_path, reader, name):
    content, words = REFUSED[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        READERS[reader](tmp_path / name)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize("name", ["utf16.csv", "big.csv", "mark.csv", "latin.csv", "packed.csv.gz"])
def test_curated_rows_keep_their_encoding_to_the_letter(tmp_path, name):
    (tmp_path / name).write_bytes(FILES[name])
    out = tmp_path / f"out.{name.partition('.')[2]}"
    curate(tmp_path / name, out, "label", ["age, group"], "population", budget=0)
    unpack = gzip.decompress if name.endswith(".gz") else bytes
    assert unpack(out.read_bytes()) == unpack(FILES[name])


def test_latin_1_is_said(tmp_path):
    (tmp_path / "latin.csv").write_bytes(FILES["latin.csv"])
    assert "read as Latin-1" in curate(tmp_path / "latin.csv", tmp_path / "out.csv", "label", ["age, group"]).said
    with pytest.warns(UserWarning, match="read as Latin-1"):
        read_table(tmp_path / "latin.csv")


cells = st.text(st.sampled_from(list('ab ,;"\n\r\té')), max_size=6)


@settings(max_examples=60)
@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=12), st.integers(20, 200))
def test_both_parsers_read_the_same(tmp_path_factory, rows, block):
    path = tmp_path_factory.mktemp("csv") / "log.csv"
    lines = "\n".join(f"{i},{one},{other}" for i, (one, other) in enumerate(rows))
    path.write_text(f"n,one,other\n{lines}\n", newline="")

    def outcome(fast: bool) -> object:
        try:
            found = delimited.surveyed(path)
            batches = found.batches([0, 1], block) if fast else found._slow([0, 1], 0)
            return [[cell.strip(" \t\xa0") for cell in row.values()] for batch in batches for row in batch.to_pylist()]
        except InputError as error:
            return str(error)

    assert outcome(fast=True) == outcome(fast=False)


def test_decimal_commas_are_decimals_unless_they_may_be_thousands(tmp_path):
    assert decimals.numbers(["0,5", "1", None, "2,25"], "x") == ["0.5", "1", None, "2.25"]
    assert decimals.numbers(["1,5", "a"], "x") == ["1,5", "a"]
    assert decimals.numbers(["1,2", "1,234"], "x") == ["1.2", "1.234"]
    for wrong, words in ((["1,234", "12,500"], "thousands"), (["0,5", "0.5"], "with a point")):
        with pytest.raises(InputError, match=words):
            decimals.numbers(wrong, "column 'x'")
    head, rows = "label;group;income;hours", [f"{i % 2};{'ab'[i % 3 > 0]};{i},5;{i}" for i in range(60)]
    (tmp_path / "comma.csv").write_text("\n".join([head, *rows]))
    (tmp_path / "point.csv").write_text("\n".join([head, *rows]).replace(",", "."))
    made = [
        own(OwnTableSpec(table=tmp_path / f"{name}.csv", label="label", groups=("group",), beneficial="1"), 0)
        for name in ("comma", "point")
    ]
    np.testing.assert_array_equal(made[0].train.inputs[:], made[1].train.inputs[:])


def test_scores_with_commas_are_numbers_or_refused(tmp_path):
    head = "round;label;score;group\n"
    (tmp_path / "log.csv").write_text(head + "0;1;0,7;a\n0;0;0,25;a\n0;0;1;b\n")
    options = {"round": "round", "label": "label", "groups": "group", "score": "score"}
    found = audit(tmp_path / "log.csv", **options, threshold=0.7).measured.rates[0]
    assert found["selection_rate"].overall == pytest.approx(2 / 3)
    for scores, words in ((("1,234", "5,678"), "thousands"), (("0,5", "0.7"), "with a point")):
        (tmp_path / "log.csv").write_text(head + "".join(f"0;1;{score};a\n" for score in scores))
        with pytest.raises(InputError, match=words):
            audit(tmp_path / "log.csv", **options, threshold=0.5)
