"""Frames of other libraries: one table, whatever they come in; values as a person would write them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

import datasets
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from fairloop import StarSampler
from fairloop.curation.values import pick
from fairloop.errors import InputError
from fairloop.tables import frames
from fairloop.tables.values import name, spelt, written

COLUMNS = {"round": [2, 1, 1], "share": [0.5, 1.0, None], "who": ["b", "a", None], "kept": [True, False, True]}
TEXT = {
    "round": ["2", "1", "1"],
    "share": ["0.5", "1", None],
    "who": ["b", "a", None],
    "kept": ["True", "False", "True"],
}
CONTAINERS = {
    "dictionary": lambda: COLUMNS,
    "rows": lambda: pa.table(COLUMNS).to_pylist(),
    "pandas": lambda: pd.DataFrame(COLUMNS),
    "pandas of Arrow": lambda: pd.DataFrame(COLUMNS).convert_dtypes(dtype_backend="pyarrow"),
    "polars": lambda: pl.DataFrame(COLUMNS),
    "Arrow": lambda: pa.table(COLUMNS),
    "batch": lambda: pa.RecordBatch.from_pydict(COLUMNS),
    "reader": lambda: pa.table(COLUMNS).to_reader(),
    "Hugging Face": lambda: datasets.Dataset.from_dict(COLUMNS),
    "stream": lambda: Streamed(),  # noqa: PLW0108  # it is defined below
}  # fmt: skip


class Streamed:
    """Any other library's frame."""

    def __arrow_c_stream__(self, schema: object = None) -> object:
        return pa.table(COLUMNS).__arrow_c_stream__(schema)


def said(table: pa.Table) -> dict[str, list[str | None]]:
    return {column: frames.texts(table[column]) for column in table.column_names}


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_container_says_the_same(container):
    assert said(frames.table(CONTAINERS[container]())) == TEXT
    assert said(frames.table(CONTAINERS[container](), ["who", "round"])) == {"who": TEXT["who"], "round": TEXT["round"]}


TYPED = {
    "interval": (pd.arrays.IntervalArray.from_tuples([(24.5, 35), None]), ["(24.5, 35]", None]),
    "left": (pd.arrays.IntervalArray.from_tuples([(1, 2), (2, 3)], closed="left"), ["[1, 2)", "[2, 3)"]),
    "month": (pd.PeriodIndex(["2023-10", None], freq="M"), ["2023-10", None]),
    "quarter": (pd.PeriodIndex(["2023-10", "2024-01"], freq="Q"), ["2023Q4", "2024Q1"]),
    "ordered": (pd.Categorical(["low", "high"], ["low", "mid", "high"], ordered=True), ["low", "high"]),
    "day": (pd.to_datetime(["2023-01-31", None]), ["2023-01-31", None]),
    "moment": (pd.to_datetime(["2023-01-31 12:00", None], utc=True), ["2023-01-31 12:00:00+00:00", None]),
    "float32": (np.array([0.1, 2], np.float32), ["0.1", "2"]),
    "float16": (np.array([0.1, 2], np.float16), ["0.1", "2"]),
    "whole": (pd.array([1, None], dtype="Int64"), ["1", None]),
}  # fmt: skip


@pytest.mark.parametrize("kind", TYPED)
def test_types_say_the_same_from_a_frame_from_parquet_and_from_csv(tmp_path, kind):
    values, expected = TYPED[kind]
    frame = pd.DataFrame({"x": values})
    frame.to_parquet(tmp_path / "x.parquet")
    frame.to_csv(tmp_path / "x.csv", index=False)
    assert said(frames.table(frame)) == {"x": expected}
    assert said(frames.understood(pq.read_table(tmp_path / "x.parquet"))) == {"x": expected}
    assert [written(v) for v in pd.read_csv(tmp_path / "x.csv", dtype=str, skip_blank_lines=False)["x"]] == expected


def test_parquet_of_pandas_is_understood_before_pandas_is_imported(tmp_path):
    import subprocess
    import sys

    pd.DataFrame({kind: TYPED[kind][0] for kind in ("interval", "month")}).to_parquet(tmp_path / "x.parquet")
    program = (
        "import sys; import pyarrow.parquet as pq; from fairloop.tables import frames\n"
        "table = frames.understood(pq.read_table(sys.argv[1]))\n"
        "print([frames.texts(table[name]) for name in table.column_names])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "x.parquet"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[['(24.5, 35]', None], ['2023-10', None]]\n"


def test_the_order_of_categories_stays(tmp_path):
    frame = pd.DataFrame(
        {"x": TYPED["ordered"][0], "age": pd.cut([30, 50], [25, 35, 100]), "free": pd.Categorical(list("ba"))}
    )
    frame[["x"]].to_parquet(tmp_path / "x.parquet")
    read = frames.understood(pq.read_table(tmp_path / "x.parquet"))
    enum = frames.table(pl.DataFrame({"x": pl.Series(["low"], dtype=pl.Enum(["low", "mid", "high"]))}))
    for table in (frames.table(frame), read, enum):
        assert frames.order(table["x"]) == ["low", "mid", "high"]
    assert frames.order(frames.table(frame)["age"]) == ["(25, 35]", "(35, 100]"]
    assert frames.order(frames.table(frame)["free"]) is None


def test_class_labels_have_their_names_and_rows_their_order(tmp_path):
    rows = datasets.Dataset.from_dict({"x": [0, 1, -1], "y": ["a", "b", "c"]})
    rows = rows.cast_column("x", datasets.ClassLabel(names=["no", "yes"])).select([2, 1, 0])
    rows.to_parquet(tmp_path / "x.parquet")
    for table in (frames.table(rows), frames.understood(pq.read_table(tmp_path / "x.parquet"))):
        assert said(table) == {"x": [None, "yes", "no"], "y": ["c", "b", "a"]}


def test_names_of_columns_are_text(tmp_path):
    frame = pd.DataFrame([[1, 2, 3]], columns=pd.Index([1, ("who", "sex"), "a"], dtype=object))
    assert frames.names(frame) == ["1", "who, sex", "a"]
    levels = pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("who", "sex"), ("who", "age")]))
    levels.to_parquet(tmp_path / "x.parquet")
    assert [name(column) for column in pq.read_schema(tmp_path / "x.parquet").names] == frames.names(levels)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1.0", "1"), ("1.10", "1.10"), ("01", "01"), ("-0.0", "0"), (" a ", "a"), ("TRUE", "True"), ("1e5", "1e5"),
     ("2023-01-31T00:00:00.000", "2023-01-31"), ("2023-01-31T10:00Z", "2023-01-31 10:00:00+00:00"),
     ("(25.0, 35.0]", "(25, 35]"), ("(25,35]", "(25,35]"), ("v1.0", "v1.0"), ("1.0.0", "1.0.0")],
)  # fmt: skip
def test_spelling(text, expected):
    assert spelt(text) == expected == spelt(expected)


@pytest.mark.parametrize(
    ("thing", "words"),
    [(5, "of type int, not a frame"), ([], "not a frame"), ([1], "not a frame"), (pd.Series([1]), "not a frame"),
     (pl.Series([1]), "not a frame"), (pl.LazyFrame(COLUMNS), r"\.collect\(\)"), (np.zeros((2, 2)), "numpy.ndarray"),
     (datasets.DatasetDict({"train": datasets.Dataset.from_dict(COLUMNS)}), "one of its splits"),
     ({"a": [1], "b": [1, 2]}, "1 and of 2 values"), ({"a": 5}, "cannot be read"), ({1: [0], "1": [0]}, "2 columns")],
)  # fmt: skip
def test_what_is_no_frame_is_refused_in_a_line(thing, words):
    with pytest.raises(InputError, match=words) as caught:
        frames.table(thing)
    assert "\n" not in str(caught.value)


ENDS = pd.IntervalIndex.from_breaks([0, 10.5, 50])
ALIKE = {
    "32 bits": np.array([0.1, 0.7], np.float32),
    "16 bits": np.array([0.1, 0.7], np.float16),
    "large": np.array([1e17, 2.0]),
    "zero below zero": np.array([-0.0, 1.0]),
    "decimals": [Decimal("1.00"), Decimal("2.50")],
    "midnight": pd.Series(pd.to_datetime(["2023-01-01", "2022-05-05"])),
    "times": [datetime(2023, 1, 1, 3, 4), datetime(2022, 5, 5)],
    "with a zone": pd.Series(pd.to_datetime(["2023-01-01", "2022-05-05"]).tz_localize("Europe/Berlin")),
    "hours": pd.Series(pd.period_range("2023-09-01", periods=2, freq="h")),
    "intervals": pd.Series(ENDS),
    "categories of intervals": pd.Series(pd.Categorical(ENDS)),
    "intervals in Arrow": pa.chunked_array(pa.array(ENDS)),
    "categories of intervals in Arrow": pa.array(pd.Categorical(ENDS)),
    "periods in Arrow": pa.array(pd.period_range("2023-09", periods=2, freq="M")),
    "UUIDs": [UUID(int=1), UUID(int=2)],
    "a column of NumPy": np.array([[1], [0]]),
    "a column of torch": torch.tensor([[1], [0]]),
    "a list of tensors": [torch.tensor(1), torch.tensor(0)],
    "Hugging Face": datasets.Dataset.from_dict({"x": np.array([0.1, 0.7], np.float32)})["x"],
}  # fmt: skip


@pytest.mark.parametrize("kind", ALIKE)
def test_the_sampler_calls_values_as_the_audit_does(kind):
    column = ALIKE[kind]
    sampler = StarSampler(column, [0, 1], batch_size=2, ideal="population")
    assert sorted(said(frames.table({"x": column}))["x"]) == sorted(sampler.names.labels)


def test_the_sampler_reads_frames_as_the_audit_does():
    periods, shares = pd.period_range("2023-09", periods=2, freq="M"), np.array([0.1, 0.7], np.float32)
    table = pa.table({"x": pa.array(periods), "y": pa.array(ENDS), "z": shares})
    for frame, column in ((table, "x"), (table, "y"), (table.to_reader(), "x"), (table, "z"),
                          (datasets.Dataset.from_dict({"z": shares}), "z")):  # fmt: skip
        expected = said(frames.table(table, [column]))[column]
        sampler = StarSampler(pick(frame, column, "label"), [0, 1], batch_size=2, ideal="population")
        assert list(sampler.names.labels) == expected
    again = StarSampler.from_frame(table.to_reader(), label="x", groups="y", batch_size=2, ideal="population")
    assert again.names.columns == ("x", "y")
    by_number = pd.DataFrame({0: [0, 1], 1: [0, 1], ("a", "b"): [1, 0]})
    assert StarSampler.from_frame(by_number, label=0, groups=1, batch_size=2, ideal="population").names.columns == (
        "0",
        "1",
    )
    tuples = StarSampler.from_frame(by_number, label=0, groups=[("a", "b")], batch_size=2, ideal="population")
    assert tuples.names.columns == ("0", "a, b")


@pytest.mark.parametrize("column", [np.zeros((2, 2)), np.array(1), "ab", b"ab"])
def test_what_is_no_column_is_refused(column):
    with pytest.raises(InputError, match="a column"):
        frames.table({"x": column})
