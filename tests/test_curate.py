"""Curating a table: which rows come, and that nothing else changes."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairloop.curation.finite_star import Tally
from fairloop.curation.table import curate
from fairloop.errors import InputError


def people(n: int = 400) -> pa.Table:
    """Every kind of column that people have, and a row's number."""
    rng = np.random.default_rng(0)
    group = pa.array(np.array(["north", "south", "südlich"])[rng.choice(3, n, p=[0.8, 0.15, 0.05])])
    return pa.table(
        {
            "row": pa.array(np.arange(n), pa.uint32()),
            "label": pa.array(rng.integers(0, 2, n), pa.int8()),
            "group": pa.chunked_array([group[: n // 3].dictionary_encode(), group[n // 3 :].dictionary_encode()]),
            "sex": pa.array(np.array(["f", "m"])[rng.integers(0, 2, n)], pa.large_string()),
            "day": [date(2020, 1, 1 + i % 28) if i % 3 else None for i in range(n)],
            "list": [[i, None] for i in range(n)],
            "score": pa.array(rng.random(n), pa.float32()),
            "when": pa.array(np.arange(n), pa.timestamp("ns", "UTC")),
            "raw": pa.array([bytes([i % 256]) for i in range(n)]),
        }
    ).replace_schema_metadata({"made by": "hand"})


@pytest.fixture
def table(tmp_path: Path) -> Path:
    pq.write_table(people(), tmp_path / "in.parquet", row_group_size=150)
    return tmp_path / "in.parquet"


def test_parquet_keeps_columns_types_and_rows(table, tmp_path):
    out = tmp_path / "deep" / "out.parquet"
    tally = curate(table, out, "label", ["group", "sex"], size=600).tally
    before, after = pq.read_table(table), pq.read_table(out)
    assert after.schema.equals(before.schema, check_metadata=True)
    rows = after["row"].to_numpy()
    assert after.equals(before.take(rows))
    assert (np.diff(rows.astype(int)) >= 0).all()  # in the table's order
    cells = Counter(zip(*(after[name].to_pylist() for name in ("label", "group", "sex")), strict=True))
    assert set(cells.values()) == {50}
    assert tally.redrawn.sum() == 600 - len(set(rows))
    assert tally.discarded.sum() == 400 - len(set(rows))


def test_pandas_reads_its_own_tables_back(tmp_path):
    frame = pd.DataFrame({"y": [0, 1] * 30, "g": pd.Categorical(["a", "b", "c"] * 20)})
    frame.to_parquet(tmp_path / "in.parquet")
    curate(tmp_path / "in.parquet", tmp_path / "out.parquet", "y", ["g"], size=12)
    back = pd.read_parquet(tmp_path / "out.parquet")
    assert back.dtypes.equals(frame.dtypes)
    assert back.index.tolist() == list(range(12))


text = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), max_size=6)
ends = st.sampled_from(["\n", "\r\n"])


def as_csv(rows: list[list[str]], end: str) -> str:
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator=end).writerows(rows)
    return file.getvalue()


@given(st.lists(text, min_size=8, max_size=40), ends, st.booleans())
def test_csv_rows_stay_as_they_are_to_the_letter(tmp_path_factory, cells, end, closed):
    directory = tmp_path_factory.mktemp("csv")
    source, out = directory / "in.csv", directory / "out.csv"
    rows = [[f"{i % 2}", "ab"[i // 2 % 2], cell, f"00{i}.50"] for i, cell in enumerate(cells)]
    content = as_csv([["y", "g", "free, text", "number"], *rows], end)
    source.write_text(content if closed else content.removesuffix(end), encoding="utf-8", newline="")
    tally = curate(source, out, "y", ["g"], budget=0).tally
    with out.open(encoding="utf-8", newline="") as file:
        header, *found = csv.reader(file)
    assert header == ["y", "g", "free, text", "number"]
    numbers = [int(row[3][2:].split(".")[0]) for row in found]
    assert found == [rows[i] for i in numbers]
    assert len(found) == len(cells)
    assert len(set(numbers)) == len(cells) - tally.redrawn.sum()
    written = out.read_bytes().decode()
    assert written == as_csv([header, *found], end)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_bytes_of_other_encodings_and_odd_quotes_survive(tmp_path, encoding):
    content = 'y,"größe",note\r\n"1",é,"a ""b"", c"\r\n1,ü, 1.50 \r\n0,é,\r\n\r\n0,ü,"x\r\ny"'
    (tmp_path / "in.csv").write_bytes(content.encode(encoding))
    curate(tmp_path / "in.csv", tmp_path / "out.csv", "y", ["größe"], size=4)
    assert (tmp_path / "out.csv").read_bytes() == (content.replace("\r\n\r\n", "\r\n") + "\r\n").encode(encoding)


def test_the_seed_decides(table, tmp_path):
    outs = [tmp_path / f"{i}.parquet" for i in range(3)]
    for out, seed in zip(outs, (0, 0, 1), strict=True):
        curate(table, out, "label", ["group"], "population", seed=seed)
    same, again, other = (pq.read_table(out)["row"].to_pylist() for out in outs)
    assert same == again != other


def test_zeros_are_one_value_and_bytes_are_text(tmp_path):
    frame = pa.table(
        {
            "y": pa.array([-0.0, 1.0, 0.0, 1.0] * 10, pa.float32()),
            "g": pa.array([b"a", b"a", b"b", b"b"] * 10),
            "view": pa.array(["x", "x", "y", "y"] * 10, pa.string_view()),
        }
    )
    pq.write_table(frame, tmp_path / "in.parquet")
    for group in ("g", "view"):
        curate(tmp_path / "in.parquet", tmp_path / f"{group}.parquet", "y", [group], size=12)
        rows = pq.read_table(tmp_path / f"{group}.parquet")
        assert set(Counter(zip(rows["y"].to_pylist(), rows[group].to_pylist(), strict=True)).values()) == {3}
        assert tally_of(tmp_path / "in.parquet", group).names.labels == ("0", "1")
    assert tally_of(tmp_path / "in.parquet", "g").names.groups == (("a",), ("b",))


def tally_of(path: Path, group: str) -> Tally:
    return curate(path, path.with_name("again.parquet"), "y", [group], size=12, overwrite=True).tally


def test_the_size(table, tmp_path):
    def rows(**given: int) -> int:
        curate(table, tmp_path / "out.parquet", "label", ["sex"], overwrite=True, **given)
        return pq.read_metadata(tmp_path / "out.parquet").num_rows

    assert rows() == 320  # a budget of 80, a quarter of that
    assert rows(budget=0) == 400
    assert rows(size=7) == 7
    assert rows(size=1000) == 1000


def test_up_to_the_largest_size_nobody_comes_twice(table, tmp_path):
    done = curate(table, tmp_path / "a.parquet", "label", ["group", "sex"])
    assert done.tally.redrawn.any()
    for more in (0, 12):
        tally = curate(table, tmp_path / f"b{more}.parquet", "label", ["group", "sex"], size=done.largest + more).tally
        assert tally.redrawn.any() == (more > 0)


def test_a_census_decides(table, tmp_path):
    census = tmp_path / "census.csv"
    census.write_text("sex,share\nf,0.9\nm,0.1\n")
    curate(table, tmp_path / "out.parquet", "label", ["sex"], str(census), size=1000)
    sexes = Counter(pq.read_table(tmp_path / "out.parquet")["sex"].to_pylist())
    assert sexes["f"] == pytest.approx(900, abs=2)  # two strata, each rounded
    assert sexes.total() == 1000


# On the command line


def command(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fairloop", "curate", *map(str, arguments)],
        cwd=cwd, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_the_command_says_what_it_took(table, tmp_path):
    done = command(table, "--label", "label", "--group", "sex", "--out", "out.parquet", "--size", 500, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    counts = Counter(zip(*(people()[name].to_pylist() for name in ("label", "sex")), strict=True))
    for (label, sex), before in counts.items():
        (line,) = [line for line in done.stdout.splitlines() if f"│ {label}     │ {sex}" in line]
        assert line.replace("│", "").split() == [
            str(label), sex, str(before), "25.00%", "125", str(max(125 - before, 0)), str(max(before - 125, 0))
        ]  # fmt: skip
    assert "out.parquet: 500 rows, of 400 in" in done.stdout
    assert f"--size {4 * min(counts.values())} or less has none" in done.stdout
    again = command(table, "--label", "label", "--group", "sex", "--out", "out.parquet", cwd=tmp_path)
    assert again.returncode == 2
    assert again.stderr == "fairloop: --out: out.parquet exists; choose another path, or say --overwrite\n"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"label": "lable"}, "has no column 'lable'; it has row, label, group"),
        ({"groups": ["sex", "sex"]}, "'sex' is named twice"),
        ({"groups": ["label"]}, "'label' is named twice"),
        ({"groups": ["day"]}, "day: 134 of 400 people have no value"),
        ({"groups": ["list"]}, "list: is not a column of numbers or text"),
        ({"ideal": "unform"}, "--ideal=unform: is not one of uniform"),
        ({"ideal": [[1.0]]}, "--ideal: has shape 1 x 1, but the data have 2 labels x 2 groups"),
        ({"size": 0}, "--size: 0 is not a whole number of 1 or more"),
        ({"size": 3, "budget": 3}, "--size, --budget: give one of both"),
        ({"budget": 400}, "--budget: 400 leaves no row of 400"),
        ({"seed": -1}, "--seed: -1"),
        ({"out": "in.parquet", "overwrite": True}, "is the table itself"),
        ({"out": "out.csv"}, "does not end in .parquet"),
        ({"source": "in.xlsx"}, "ends neither in"),
        ({"source": "none.parquet"}, "there is no such file"),
        ({"source": "bad.parquet"}, "cannot be read as parquet"),
        ({"source": "bad.csv", "out": "out.csv"}, "row 2 has 1 cells, but the header has 3"),
        ({"source": "quote.csv", "out": "out.csv"}, "cannot be read as CSV"),
        ({"source": "empty.csv", "out": "out.csv"}, "is empty; it needs a header"),
        ({"source": "header.csv", "out": "out.csv"}, "label: has no values"),
        ({"source": "gap.csv", "out": "out.csv"}, "sex: 1 of 2 people have no value .the first is number 1"),
    ],
)
def test_what_cannot_be_is_explained_and_nothing_is_written(table, tmp_path, change, problem):
    files = {
        "bad.parquet": "nothing", "in.xlsx": "", "empty.csv": "", "header.csv": "label,sex,group",
        "bad.csv": "label,sex,group\n1,f,a\n2\n", "quote.csv": 'label,sex,group\n1,"f" ,a\n',
        "gap.csv": "label,sex,group\n1,f,a\n1,,a\n",
    }  # fmt: skip
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    given = {"source": "in.parquet", "out": "out.parquet", "label": "label", "groups": ["sex"], **change}
    with pytest.raises(InputError, match=problem) as caught:
        curate(tmp_path / given.pop("source"), tmp_path / given.pop("out"), **given)
    assert "\n" not in str(caught.value)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
