"""What the cells of a table may say, and how labels and groups are named by what people write."""

from __future__ import annotations

import datetime
import decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import files
from fairloop import data
from fairloop.data import columns
from fairloop.data.population import Population
from fairloop.errors import InputError
from fairloop.spec.run import from_mapping

N = 120


def frame(**changed: object) -> pd.DataFrame:
    plain = {
        "size": [i / 7 for i in range(N)],
        "who": ["fm"[i % 2] for i in range(N)],
        "y": [i // 2 % 2 for i in range(N)],
    }
    return pd.DataFrame({**plain, **changed})


def loaded(table: Path, **fields: object) -> Population:
    said = {"name": "table", "table": table, "label": "y", "groups": ["who"], **fields}
    return data.load(from_mapping({"data": said}).data, 0)


def written(root: Path, table: pd.DataFrame, form: str = "parquet") -> Path:
    path = root / f"t.{form}"
    table.to_parquet(path) if form == "parquet" else table.to_csv(path, index=False)
    return path


def refused(path: Path, match: str, **fields: object) -> None:
    with pytest.raises(InputError, match=match) as caught:
        loaded(path, **fields)
    assert "\n" not in str(caught.value)


# Features.


@pytest.mark.parametrize("cell", ["inf", "-inf", "Infinity", "1e400", "nan", "NaN"])
@pytest.mark.parametrize("row", [0, 77])
def test_a_number_that_is_none_is_refused_wherever_it_is(tmp_path, cell, row):
    sizes = [str(i) for i in range(N)]
    sizes[row] = cell
    refused(written(tmp_path, frame(size=sizes), "csv"), rf"column 'size' h.* row {row}\b.*data\.leave_out")


@settings(max_examples=50)
@given(st.lists(st.one_of(st.integers(-(2**64), 2**64), st.floats(allow_nan=False)), min_size=2, max_size=30))
def test_samples_of_numbers_lie_between_the_numbers_or_the_column_is_refused(values):
    table = pd.DataFrame({"x": pd.Series([float(value) for value in values])})
    everybody = np.ones(len(table), bool)
    if table["x"].abs().max() > 1e300:
        with pytest.raises(InputError, match="no sample can have"):
            columns.learned(table, everybody)
        return
    learned = columns.learned(table, everybody)
    decoded = columns.decode(np.linspace(0, 1, 9, dtype=np.float32)[:, None], learned)["x"]
    assert min(table["x"]) <= min(decoded)
    assert max(decoded) <= max(table["x"])


NESTED = {
    "lists": [[i, 1] for i in range(N)],
    "mappings": [{"a": i} for i in range(N)],
    "bytes": [bytes([i % 2]) for i in range(N)],
}


@pytest.mark.parametrize("what", NESTED)
@pytest.mark.parametrize(("column", "field"), [("size", "data"), ("who", "data.groups"), ("y", "data.label")])
def test_a_cell_holds_one_value(tmp_path, what, column, field):
    path = written(tmp_path, frame(**{column: NESTED[what]}))
    refused(path, rf"^{field}: column '{column}' holds .*{what}.*row 0.*one number or text", beneficial=1)


@pytest.mark.parametrize("first", [datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1), datetime.timedelta(1)])
def test_dates_are_no_numbers(tmp_path, first):
    days = [first + datetime.timedelta(i) for i in range(N)]
    refused(written(tmp_path, frame(size=days)), r"column 'size' holds dates or times.*data\.leave_out")


def test_a_table_has_rows_features_and_a_part_for_each_column(tmp_path):
    path = written(tmp_path, frame())
    refused(path, r"data\.leave_out: leaves no feature of .*", leave_out=["size", "who"])
    refused(path, r"data\.groups: 'y' is the label, too", groups=["y"])
    refused(path, r"data\.groups: 'who' is named twice", groups=["who", "who"])
    refused(path, r"data\.split: 'y' is the label, too", split="y")
    refused(written(tmp_path, frame().iloc[:0], "csv"), "has no rows")
    (tmp_path / "t.csv").write_text("")
    refused(tmp_path / "t.csv", "is empty; it needs a header")
    with pytest.raises(InputError, match="'Male' is the label, too"):
        data.load(from_mapping({"data": {"name": "celeba", "root": tmp_path, "label": "Male"}}).data, 0)


@pytest.mark.parametrize("header", ["size,who,y,who", "size,who,y, who", "size,who,y,y "])
def test_a_repeated_header_is_refused(tmp_path, header):
    rows = [f"{i},{'fm'[i % 2]},{i // 2 % 2},{i % 3}" for i in range(N)]
    (tmp_path / "t.csv").write_text("\n".join([header, *rows]))
    refused(tmp_path / "t.csv", r"has 2 columns '(who|y)'")
    cells = [pa.array(frame()[name]) for name in ("size", "who", "y", "y")]
    pq.write_table(pa.Table.from_arrays(cells, header.split(",")), tmp_path / "t.parquet")
    refused(tmp_path / "t.parquet", r"has 2 columns '(who|y)'|Multiple matches for .*who")


def test_one_value_true_and_false_decimals_and_large_numbers_are_read(tmp_path):
    table = frame(
        one=7,
        truth=[i % 3 == 0 for i in range(N)],
        money=[decimal.Decimal(i) / 4 for i in range(N)],
        large=[2**53 + i for i in range(N)],
        huge=[float(10**19 + i * 10**16) for i in range(N)],
        y=[i % 4 > 1 for i in range(N)],
    )
    population = loaded(written(tmp_path, table))
    assert (population.label_names, population.beneficial) == (("False", "True"), 1)
    decoded = columns.decode(population.train.inputs[:], population.columns)
    assert set(decoded["one"]) == {7}
    assert set(decoded["truth"]) == {"False", "True"}
    assert 0 <= min(decoded["money"]) <= max(decoded["money"]) <= N / 4
    assert 2**53 <= min(decoded["large"]) <= max(decoded["large"]) <= 2**53 + N
    assert 1e19 <= min(decoded["huge"]) <= max(decoded["huge"]) <= 1.2e19


def test_a_column_without_a_value_is_refused(tmp_path):
    refused(written(tmp_path, frame(size=None), "csv"), f"column 'size' has no value in {N} rows")
    refused(written(tmp_path, frame(who=None), "csv"), rf"data\.groups: column 'who' has no value in {N} rows")


# Data that were right stay as they were.

FINGERPRINTS = {
    "adult": "9cc0f440030f5b2c98672ab3f0272c461ba735169df7d38367d39d1734bc2cbc",
    "compas": "8e29983562ea311c09ea2e937b2bd598719517722c1a1d24cf92bce815b472ee",
    "german": "58da3077a5962e90f3d7edaabb227c29906adaaa3dc3a875cfcce5275174bd02",
    "table": "f7aeb7c6e46e4dbbbdeed8e410ffc76b94fad4d843d2c412c2bc26389a9a6fef",
}
"""As 0.1.0 had them."""


@pytest.mark.parametrize("name", ["adult", "compas", "german"])
def test_shipped_tables_keep_their_fingerprints(tmp_path, name):
    getattr(files, name)(tmp_path)
    groups = {"adult": ["sex", "race"], "compas": ["race", "sex"], "german": ["sex", "age"]}[name]
    population = data.load(from_mapping({"data": {"name": name, "root": tmp_path, "groups": groups}}).data, 0)
    assert population.fingerprint == FINGERPRINTS[name]


def test_a_table_that_was_right_keeps_its_fingerprint(tmp_path):
    rows = [f"{i / 7},{'fm'[i % 2]},{i // 2 % 2},{i * 7 % 5 - 2}" for i in range(120)]
    (tmp_path / "t.csv").write_text("\n".join(["size,who,y,-", *rows]))
    assert loaded(tmp_path / "t.csv", groups=["who", "-"]).fingerprint == FINGERPRINTS["table"]


@pytest.mark.parametrize("missing", ["NA", "n/a", "null", "<NA>"])
def test_what_software_writes_for_a_missing_number_is_missing(tmp_path, missing):
    ages = [missing if i == 3 else str(i % 40) for i in range(N)]
    refused(written(tmp_path, frame(age=ages)), "'age' has no value in 1 rows .the first is row 3")
    assert "NA" in loaded(written(tmp_path, frame(code=["NA", "b"] * (N // 2)))).columns[-1].values  # a name of its own


def test_one_text_among_very_many_numbers_is_named(tmp_path):
    sizes = ["-" if i == 3 else str(i / 7) for i in range(400)]
    table = pd.concat([frame()] * 4, ignore_index=True).iloc[:400].assign(size=sizes)
    refused(written(tmp_path, table, "csv"), "'size' holds numbers, and '-' in row 3")


def test_names_of_columns_that_are_no_text_are_read_as_text(tmp_path):
    table = frame()
    levels = table.set_axis(pd.MultiIndex.from_product([["a"], table.columns]), axis=1)
    found = loaded(written(tmp_path, levels), label="a, y", groups=["a, who"])
    assert [column.name for column in found.columns] == ["a, size", "a, who"]
    found = loaded(written(tmp_path, table.set_axis([0, 1, 2], axis=1)), label=2, groups=[1])
    assert [column.name for column in found.columns] == ["0", "1"]


def test_a_key_that_comes_twice_in_an_object_is_refused(tmp_path):
    lines = [f'{{"size": {i}, "who": "{"fm"[i % 2]}", "y": {i // 2 % 2}}}' for i in range(N)]
    path = tmp_path / "t.jsonl"
    path.write_text("\n".join(lines))
    assert loaded(path).group_names == ("f", "m")
    path.write_text("\n".join([*lines, '{"size": 1, "size": 2, "who": "f", "y": 0}']))
    refused(path, "2 columns 'size'")


def test_a_feature_without_a_name_is_refused_unless_it_is_left_out(tmp_path):
    path = tmp_path / "t.csv"
    frame().to_csv(path)
    refused(path, "has a column without a name")
    assert [column.name for column in loaded(path, leave_out=[""]).columns] == ["size", "who"]


def test_nobody_is_told_which_label_is_good(tmp_path):
    path = written(tmp_path, frame(y=[1 + i // 2 % 2 for i in range(N)]))
    with pytest.raises(InputError) as caught:
        loaded(path)
    assert not any(f"beneficial={label}" in str(caught.value) for label in (1, 2))


def test_a_message_lists_few_of_many_columns(tmp_path):
    path = written(tmp_path, frame(**{f"c{i}": range(N) for i in range(40)}))
    refused(path, "c16 and 23 more", label="absent")
