"""Columns of any library: StarSampler takes labels and groups from lists, arrays, frames and data sets."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any
from uuid import UUID

import datasets
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch

from fairloop import InputError, StarSampler
from test_sampler import GROUPS, LABELS


@pytest.mark.parametrize("kind", [list, tuple, np.array, torch.tensor, pd.Series, pa.array, pd.Categorical])
def test_columns_of_any_kind_are_the_same_people(kind):
    groups = np.random.default_rng(1).integers(3, 6, 1000).tolist()
    batches = list(StarSampler(kind(LABELS.tolist()), kind(groups), batch_size=64))
    assert batches == list(StarSampler(LABELS, [str(group) for group in groups], batch_size=64))


TWO = [0, 1] * 20
AB = ["a", "b"] * 20


class Capsule:
    """A table of a library that nobody knows, which exports Arrow."""

    def __init__(self, table: pa.Table) -> None:
        self.__arrow_c_stream__ = table.__arrow_c_stream__


def of_hugging_face(values: list[Any], form: str | None = None) -> Any:
    return datasets.Dataset.from_dict({"x": values}).with_format(form)["x"]


@pytest.mark.parametrize(
    ("column", "first", "second"),
    [
        (np.array(TWO)[:, None], "0", "1"),
        (torch.tensor(TWO)[:, None], "0", "1"),
        (torch.tensor(TWO, dtype=torch.bfloat16), "0", "1"),
        (torch.tensor(TWO, dtype=torch.float16), "0", "1"),
        (torch.tensor([0.0, 1.0] * 20, requires_grad=True), "0", "1"),
        (np.array(TWO, np.float16), "0", "1"),
        ([torch.tensor(value) for value in TWO], "0", "1"),
        ([np.array(value) for value in TWO], "0", "1"),
        (deque(TWO), "0", "1"),
        (pd.DataFrame({"label": TWO}), "0", "1"),
        (pd.arrays.SparseArray(TWO), "0", "1"),
        (of_hugging_face(AB), "a", "b"),
        (of_hugging_face(TWO, "torch"), "0", "1"),
        (of_hugging_face(TWO, "numpy"), "0", "1"),
        (pl.Series(AB), "a", "b"),
        (pl.Series(AB, dtype=pl.Categorical), "a", "b"),
        (pl.Series(AB, dtype=pl.Enum(["b", "a"])), "a", "b"),
        (pl.Series([value == "b" for value in AB]), "False", "True"),
        (pl.DataFrame({"label": AB}), "a", "b"),
        (pa.array(AB, pa.string_view()), "a", "b"),
        (pa.array(AB).dictionary_encode(), "a", "b"),
        (pa.chunked_array([pa.array(["b"]).dictionary_encode(), pa.array(AB[2:]).dictionary_encode()]), "b", "a"),
        (pa.table({"label": AB}), "a", "b"),
        (pa.record_batch({"label": AB}), "a", "b"),
        ({"label": AB}, "a", "b"),
        ([b"a", "é".encode()] * 20, "a", "é"),
        (np.array(AB, "S1"), "a", "b"),
        (np.array([-0.0, 1.0, 0.0, 1.0] * 10, np.float32), "0", "1"),
        ([0.0, 1, -0.0, 1] * 10, "0", "1"),
        (pd.Series(pd.PeriodIndex(["2020-01", "2019-12"] * 20, freq="M")), "2020-01", "2019-12"),
        (pd.cut(pd.Series([5, 50] * 20), [0, 10, 100]), "(0, 10]", "(10, 100]"),
        (pa.array([bytes(16), bytes(15) + b"1"] * 20, pa.uuid()), str(UUID(int=0)), str(UUID(int=ord("1")))),
    ],
)
def test_a_column_of_any_library_is_the_same_people(column, first, second):
    groups = ["x", "x", "y", "y"] * 10
    if isinstance(column, pa.ChunkedArray):
        groups = groups[:39]
    people = StarSampler(column, groups, batch_size=8)
    same = StarSampler(([first, second] * 20)[: len(groups)], groups, batch_size=8)
    assert people.names == same.names
    assert list(people) == list(same)


def test_intervals_keep_their_order():
    years = pd.cut(pd.Series(np.arange(120)), [-1, 5, 18, 65, 120])
    for column in (years, pd.IntervalIndex(years)):
        sampler = StarSampler(column, np.arange(120) % 2, batch_size=8)
        assert sampler.names.labels == ("(-1, 5]", "(5, 18]", "(18, 65]", "(65, 120]")


@pytest.mark.parametrize(
    ("column", "problem"),
    [
        (pd.DataFrame({"a": TWO, "b": TWO}), "it is a table of 2 columns; choose one, or use from_frame"),
        (pa.table({"a": TWO, "b": TWO}), "it is a table of 2 columns"),
        (pl.DataFrame({"a": TWO, "b": TWO}), "it is a table of 2 columns"),
        (torch.zeros(40, 2), "only handle 1-dimensional"),
        ("01" * 20, "it is a str; give a list"),
        (b"01" * 20, "it is a bytes"),
        (set(range(40)), "it is a set"),
        ([b"\xff", b"a"] * 20, "it holds bytes that are not UTF-8 text"),
        ([[value] for value in TWO], "no column"),
        ([True, 1] * 20, "no column"),
        (np.array(TWO) * 1j, "no column"),
        (torch.tensor(1), "no column"),
        (pl.Series([[value] for value in TWO]), "no column"),
        (pl.Series([None, 1] * 20), "20 of 40 people have no value"),
        (pd.cut(pd.Series([5, 500] * 20), [0, 10, 100]), "20 of 40 people have no value"),
        (pd.Series(pd.PeriodIndex(["2020-01", None] * 20, freq="M")), "20 of 40 people have no value"),
    ],
)
def test_what_is_no_column_is_explained_in_one_line(column, problem):
    with pytest.raises(InputError, match=f"label: .*{problem}") as caught:
        StarSampler(column, TWO, batch_size=8)
    assert "\n" not in str(caught.value)


FRAME = {"income": [0, 0, 1, 1, 0] * 24, "sex": ["f", "m", "m"] * 40, "race": ["a", "b"] * 60}
FRAMES = {
    "mapping": dict, "pandas": pd.DataFrame, "polars": pl.DataFrame, "arrow": pa.table,
    "hugging face": datasets.Dataset.from_dict, "capsule": lambda columns: Capsule(pa.table(columns)),
}  # fmt: skip


@pytest.mark.parametrize("kind", FRAMES)
def test_a_frame_gives_its_columns_by_name(kind):
    frame = FRAMES[kind](FRAME)
    sampler = StarSampler.from_frame(frame, label="income", groups=["sex", "race"], batch_size=16, seed=3)
    plain = StarSampler(FRAME["income"], FRAME["sex"], FRAME["race"], batch_size=16, seed=3)
    assert sampler.names.columns == ("income", "sex", "race")
    assert list(sampler) == list(plain)
    assert StarSampler.from_frame(frame, label="income", groups="sex", batch_size=16).names.columns == ("income", "sex")
    for wrong, problem in (
        ({"label": "incom", "groups": ["sex"]}, "label: the frame has no column 'incom'; did you mean 'income'"),
        ({"label": "income", "groups": ["x"]}, "groups: the frame has no column 'x'; it has income, sex, race"),
        ({"label": "income", "groups": ["sex", "income"]}, "name a column twice"),
        ({"label": "income", "groups": []}, "groups: there is none"),
    ):
        with pytest.raises(InputError, match=problem):
            StarSampler.from_frame(frame, **wrong, batch_size=16)


def test_what_is_no_frame_is_explained():
    for frame, problem in (
        (np.zeros((5, 2)), "frame: ndarray is not a table with named columns"),
        (pl.DataFrame(FRAME).lazy(), "frame: a LazyFrame holds no values yet; collect it first"),
        (
            pd.DataFrame([[1, 2, 3]] * 4, columns=["income", "sex", "sex"]),
            "groups: the frame has 2 columns called 'sex'",
        ),
    ):
        with pytest.raises(InputError, match=problem):
            StarSampler.from_frame(frame, label="income", groups=["sex"], batch_size=2)


def test_a_frame_of_groups_gives_them_all():
    frame = pd.DataFrame(FRAME)
    sampler = StarSampler(frame["income"], frame[["sex", "race"]], batch_size=16, seed=3)
    assert sampler.names.columns == ("income", "sex", "race")
    assert list(sampler) == list(StarSampler(frame["income"], frame["sex"], frame["race"], batch_size=16, seed=3))


def test_several_group_columns_multiply():
    sex = np.where(np.arange(1000) % 3, "f", "m")
    sampler = StarSampler(LABELS, GROUPS, sex, batch_size=80)
    assert sampler.names.columns == ("label", "group_1", "group_2")
    assert sampler.names.groups == (("green", "f"), ("green", "m"), ("red", "f"), ("red", "m"))
    for batch in sampler:
        assert set(Counter(zip(LABELS[batch], GROUPS[batch], sex[batch], strict=True)).values()) == {10}
    frame = pd.DataFrame({"income": LABELS, "colour": GROUPS, "sex": sex})
    named = StarSampler(frame["income"], frame["colour"], frame["sex"], batch_size=80)
    assert named.names.columns == ("income", "colour", "sex")
    sampler.set_epoch(0)
    assert list(named) == list(sampler)


def test_only_combinations_that_occur_are_groups():
    a, b = np.array([0, 0, 1, 1] * 10), np.array(["x", "y", "x", "x"] * 10)
    sampler = StarSampler(np.arange(40) // 20, a, b, batch_size=12)
    assert sampler.names.groups == (("0", "x"), ("0", "y"), ("1", "x"))


def test_empty_strata_are_skipped_where_one_says_so():
    labels, groups = np.array([0, 0, 0, 1] * 10), np.array(["a", "b", "c", "a"] * 10)
    sampler = StarSampler(labels, groups, batch_size=12, skip_empty=True)
    np.testing.assert_allclose(sampler.ideal, [[0.25, 0.25, 0.25], [0.25, 0, 0]])
    assert sampler.report().candidates.tolist() == [[10, 10, 10], [10, 0, 0]]
    with pytest.raises(InputError, match=r"wants 100\.00% from label=1, group=b"):
        StarSampler(labels, groups, batch_size=12, skip_empty=True, ideal=[[0, 0, 0], [0, 1, 0]])
