"""The laws of StarSampler: quotas, rounds, ranks, resumption."""

from __future__ import annotations

import datetime
import functools
import hashlib
import itertools
import json
import re
import runpy
from collections import Counter, deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import datasets
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader, TensorDataset

from fairloop import InputError, StarSampler
from fairloop.curation import frameworks
from fairloop.curation import ideal as ideals

pytestmark = pytest.mark.filterwarnings("ignore:star.* strata get no place")


@st.composite
def data_sets(draw: st.DrawFn) -> tuple[list[int], list[str]]:
    """Labels and groups of up to 250 people; every label occurs with every group."""
    labels, groups = draw(st.integers(1, 4)), draw(st.integers(1, 6))
    sizes = draw(st.lists(st.integers(1, 10), min_size=labels * groups, max_size=labels * groups))
    cells = [(k, f"group {s}") for k in range(labels) for s in range(groups)]
    people = [cell for cell, size in zip(cells, sizes, strict=True) for _ in range(size)]
    order = np.random.default_rng(draw(st.integers(0, 2**32))).permutation(len(people))
    return [people[i][0] for i in order], [people[i][1] for i in order]


@st.composite
def arguments(draw: st.DrawFn) -> dict[str, object]:
    kinds = ["uniform", "population", "groups-within-labels", "labels-within-groups", "floor(0.01)"]
    return {
        "ideal": {"kind": draw(st.sampled_from(kinds)), "strength": draw(st.floats(0, 1))},
        "batch_size": draw(st.integers(1, 48)),
        "budget": draw(st.none() | st.integers(0, 32)),
        "rounding": draw(st.sampled_from(["floor", "stochastic"])),
        "seed": draw(st.integers(0, 2**40)),
    }


def ranks(labels, groups, world_size, **rest) -> list[StarSampler]:
    return [StarSampler(labels, groups, **rest, rank=rank, world_size=world_size) for rank in range(world_size)]


def strata_of(sampler, labels, groups, batch) -> np.ndarray:
    """How many of each stratum are in the batch, counted the slow way."""
    cells = sampler.names.cells()
    return np.bincount([cells.index((str(labels[i]), groups[i])) for i in batch], minlength=len(cells))


@given(data_sets(), arguments(), st.integers(1, 5))
def test_the_union_of_the_ranks_meets_the_quotas(people, given, world_size):
    samplers = ranks(*people, world_size, **given)
    n = given["batch_size"] * world_size
    wanted = samplers[0].ideal.reshape(-1) * n
    steps = list(zip(*samplers, strict=True))
    assert len(steps) == len(samplers[0]) > 0
    for step in steps:
        assert {len(batch) for batch in step} == {given["batch_size"]}
        by_rank = np.array([strata_of(samplers[0], *people, batch) for batch in step])
        union = by_rank.sum(axis=0)
        assert union.sum() == n
        assert (union >= np.floor(wanted - 1e-6)).all()
        if given["rounding"] == "stochastic":
            assert (union <= np.ceil(wanted + 1e-6)).all()
        # every rank has its part of every stratum
        assert (by_rank >= union // world_size).all()
        assert (by_rank <= -(-union // world_size)).all()


@given(data_sets(), arguments(), st.integers(1, 4))
def test_the_union_of_the_ranks_is_what_one_process_draws(people, given, world_size):
    given["budget"] = 8 if given["budget"] is None else given["budget"]
    whole = {name: given[name] * world_size for name in ("batch_size", "budget")}
    one = [sorted(batch) for batch in StarSampler(*people, **{**given, **whole})]
    many = [sorted(itertools.chain(*step)) for step in zip(*ranks(*people, world_size, **given), strict=True)]
    assert one == many


@given(data_sets(), arguments())
def test_nobody_comes_again_before_the_others_of_the_stratum_have_come_as_often(people, given):
    sampler = StarSampler(*people, **given)
    stratum = list(zip(*people, strict=True))
    members = {cell: [i for i, other in enumerate(stratum) if other == cell] for cell in set(stratum)}
    came: Counter[int] = Counter()
    for number, batch in enumerate(sampler):
        redrawn = sum(came[i] > 0 for i in set(batch)) + len(batch) - len(set(batch))
        assert sampler.report().by_batch[number] == redrawn
        came.update(batch)
        within = Counter(batch)
        for people_there in members.values():
            times = [came[i] for i in people_there]
            assert max(times) - min(times) <= 1
            places = sum(within[i] for i in people_there)
            assert max(within[i] for i in people_there) <= -(-places // len(people_there))


@given(data_sets(), arguments())
def test_the_report_counts_what_came(people, given):
    sampler = StarSampler(*people, **given)
    drawn = list(itertools.chain(*sampler))
    tally = sampler.report()
    np.testing.assert_array_equal(tally.candidates.ravel(), strata_of(sampler, *people, range(len(people[0]))))
    np.testing.assert_array_equal(tally.drawn.ravel(), strata_of(sampler, *people, drawn))
    np.testing.assert_array_equal((tally.drawn - tally.redrawn).ravel(), strata_of(sampler, *people, set(drawn)))
    assert tally.discarded.sum() == len(people[0]) - len(set(drawn))
    assert sum(tally.by_batch) == tally.redrawn.sum()
    assert len(tally.by_batch) == len(sampler)
    if given["rounding"] == "stochastic":
        assert tally.filled == 0
    left = given["batch_size"] - np.floor(sampler.ideal * given["batch_size"] + 1e-9).sum()
    assert tally.filled in (0, left * len(sampler))


@given(data_sets(), arguments(), st.data())
def test_resumed_equals_uninterrupted(people, given, data):
    sampler = StarSampler(*people, **given)
    epochs = [list(sampler) for _ in range(4)]
    epoch, done = data.draw(st.integers(0, 1)), data.draw(st.integers(0, len(sampler)))
    before = StarSampler(*people, **given)
    before.set_epoch(epoch)
    iterator = iter(before)
    assert [next(iterator) for _ in range(done)] == epochs[epoch][:done]
    after = StarSampler(*people, **given)
    after.load_state_dict(before.state_dict())
    rest = epochs[epoch][done:] or epochs[epoch + 1]
    after.set_epoch(after.epoch)  # as loops do that set it each time
    assert list(after) == rest
    sampler.set_epoch(after.epoch)
    list(sampler)
    assert after.report().by_batch == sampler.report().by_batch
    assert list(after) == epochs[after.epoch]


@given(st.lists(st.sampled_from(["batch", "whole", "next", "same", "save"]), max_size=8))
def test_a_state_says_what_comes_next(deeds):
    sampler = StarSampler(LABELS, GROUPS, batch_size=200)
    for deed in deeds:
        if deed == "batch":
            next(iter(sampler))
        elif deed == "whole":
            list(sampler)
        elif deed in ("next", "same"):
            sampler.set_epoch(sampler.epoch + (deed == "next"))
        else:
            state = sampler.state_dict()
            sampler = StarSampler(LABELS, GROUPS, batch_size=200)
            sampler.load_state_dict(state)
            assert sampler.state_dict() == state
            if state["batches"] == 0:
                fresh = StarSampler(LABELS, GROUPS, batch_size=200)
                fresh.set_epoch(state["epoch"])
                assert next(iter(sampler)) == next(iter(fresh))
    if deeds[-1:] in (["whole"], ["next"]):
        assert sampler.state_dict()["batches"] == 0
    if deeds[-1:] == ["whole"]:
        assert sampler.state_dict()["epoch"] == sampler.epoch + 1


LABELS = np.arange(1000) % 2
GROUPS = np.array(["red", "green", "green", "green"])[np.random.default_rng(0).integers(0, 4, 1000)]


def test_every_epoch_has_an_order_of_its_own_and_each_is_reproducible():
    sampler = StarSampler(LABELS, GROUPS, batch_size=64)
    first, second = list(sampler), list(sampler)
    assert sorted(itertools.chain(*first)) != sorted(itertools.chain(*second))  # others were discarded
    sampler.set_epoch(0)
    assert list(sampler) == first
    assert list(sampler) == second
    assert list(StarSampler(LABELS, GROUPS, batch_size=64)) == first
    assert list(StarSampler(LABELS, GROUPS, batch_size=64, seed=1)) != first


def test_batches_are_those_of_the_first_release():
    assert next(iter(StarSampler(LABELS, GROUPS, batch_size=8))) == [656, 682, 50, 497, 741, 281, 308, 677]
    cases = {
        ("f6bc41d5b93b03c4", "8e6450056a47a078", "6d197777879a4c5f"): {"batch_size": 64},
        ("d33cb916f14b0ed3", "6eaa0f792c6f1765", "10c7e970b8b51e06"): {
            "batch_size": 64, "budget": 0, "seed": 7, "ideal": "population",
        },
        ("a141a508d5ce82c5", "2fdd9278266b8cb2", "abdb7697d9dd20d8"): {
            "batch_size": 30, "rounding": "floor", "ideal": "groups-within-labels", "seed": 3,
        },
        ("fe42940c2007d75e", "cc3f23f091a4808c", "efd5ae788b430063"): {"batch_size": 32, "rank": 1, "world_size": 2},
    }  # fmt: skip
    for digests, chosen in cases.items():
        sampler = StarSampler(LABELS, GROUPS, **chosen)
        for epoch, digest in zip((0, 1, 5), digests, strict=True):
            sampler.set_epoch(epoch)
            assert hashlib.sha256(json.dumps(list(sampler)).encode()).hexdigest()[:16] == digest


# Passes and epochs


whole_epoch = functools.cache(lambda epoch: [*_of_epoch(epoch)])


def _of_epoch(epoch: int) -> StarSampler:
    sampler = StarSampler(LABELS, GROUPS, batch_size=200)
    sampler.set_epoch(epoch)
    return sampler


@dataclass
class Pass:
    """told: an epoch that is set before; `resume` loads the state in which the loop left the last pass; None: nothing.

    taken, ahead: batches that the loop takes, and that its loader fetches further. unused: iterators made for nothing.
    """

    told: int | str | None
    taken: int
    ahead: int
    unused: int


@given(
    st.lists(
        st.builds(
            Pass,
            st.none() | st.just("resume") | st.integers(0, 9),
            st.integers(1, 6),
            st.integers(0, 6),
            st.integers(0, 2),
        ),
        max_size=8,
    )
)
@pytest.mark.filterwarnings("ignore:star. epoch")  # goes back before a state
def test_a_new_pass_is_a_new_epoch_unless_one_was_set_or_a_state_loaded(passes):
    sampler, following, left = StarSampler(LABELS, GROUPS, batch_size=200), 0, (0, 0)
    for now in passes:
        epoch, first = following, 0
        if now.told == "resume":
            state = sampler.state_dict(batches=left[1])
            sampler = StarSampler(LABELS, GROUPS, batch_size=200)
            sampler.load_state_dict(state)
            epoch, first = left if left[1] < len(sampler) else (left[0] + 1, 0)
        elif now.told is not None:
            sampler.set_epoch(now.told)
            epoch = now.told
        for _ in range(now.unused):
            iter(sampler)
        if now.unused or now.told is not None:
            assert sampler.state_dict()["epoch"] == epoch
        came = list(itertools.islice(sampler, now.taken + now.ahead))
        assert came == whole_epoch(epoch)[first:][: now.taken + now.ahead]
        following, left = epoch + 1, (epoch, min(first + now.taken, len(sampler)))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loop_that_breaks_goes_on_with_the_next_epoch(workers):
    loader = DataLoader(
        numbers(), batch_sampler=StarSampler(LABELS, GROUPS, batch_size=200), num_workers=workers,
        persistent_workers=workers > 0,
    )  # fmt: skip
    for epoch in range(4):
        assert next(iter(loader))[0].tolist() == whole_epoch(epoch)[0]


def test_an_epoch_that_is_set_when_the_loader_has_begun_it_is_that_pass():
    sampler = StarSampler(LABELS, GROUPS, batch_size=200)
    ahead = iter(sampler)
    next(ahead)
    sampler.set_epoch(0)  # as Lightning does when it has made its first iterator
    next(ahead)
    assert sampler.state_dict()["batches"] == 2
    assert next(iter(sampler)) == whole_epoch(1)[0]


def test_an_epoch_that_is_set_too_late_is_warned_of():
    sampler = StarSampler(LABELS, GROUPS, batch_size=200)
    ahead = iter(sampler)
    next(ahead)
    sampler.set_epoch(3)
    with pytest.warns(
        UserWarning, match="epoch 3 was set, but the loader had begun epoch 0 before, and goes on with it"
    ):
        assert next(ahead) == whole_epoch(0)[1]
    assert next(iter(sampler)) == whole_epoch(3)[0]


def test_an_epoch_before_that_of_the_state_is_warned_of():
    sampler = StarSampler(LABELS, GROUPS, batch_size=200)
    sampler.load_state_dict({**sampler.state_dict(), "epoch": 2, "batches": 1})
    with pytest.warns(UserWarning, match="epoch 0 was set, but the state that was loaded is of epoch 2"):
        sampler.set_epoch(0)
    assert next(iter(sampler)) == whole_epoch(0)[0]


def test_frameworks_find_what_sets_the_epoch():
    sampler = StarSampler(LABELS, GROUPS, batch_size=200)
    DataLoader(numbers(), batch_sampler=sampler).batch_sampler.sampler.set_epoch(4)
    assert next(iter(sampler)) == whole_epoch(4)[0]


def test_with_places_for_all_everybody_comes_once():
    labels, groups = np.repeat([0, 1], 512), np.tile([0, 1], 512)
    sampler = StarSampler(labels, groups, batch_size=64, budget=0)
    assert len(sampler) == 16
    assert sorted(itertools.chain(*sampler)) == list(range(1024))
    assert sampler.report().redrawn.sum() == sampler.report().discarded.sum() == 0


def test_the_budget_sets_the_length_of_an_epoch():
    assert len(StarSampler(LABELS, GROUPS, batch_size=64)) == -(-1000 // 80)
    assert len(StarSampler(LABELS, GROUPS, batch_size=64, budget=0)) == -(-1000 // 64)
    assert len(StarSampler(LABELS, GROUPS, batch_size=64, budget=936)) == 1
    assert len(StarSampler(LABELS, GROUPS, batch_size=8, budget=2, rank=1, world_size=4)) == 25


def test_tiny_strata_get_their_share_on_average():
    people = np.arange(3000)
    labels, groups = people // 100 % 10, people % 100
    sampler = StarSampler(labels, groups, batch_size=64, budget=0)
    drawn = sum(np.bincount(labels[b] * 100 + groups[b], minlength=1000) for _ in range(40) for b in sampler)
    batches = 40 * len(sampler)
    error = 5 * (0.064 * 0.936 / batches) ** 0.5
    assert drawn / batches == pytest.approx(np.full(1000, 0.064), abs=error)


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
        ([b"\xff", b"a"] * 20, "it holds bytes that are no UTF-8 text"),
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
        (np.zeros((5, 2)), "frame: ndarray is no table with named columns"),
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


def test_the_ideal_may_be_any_that_there_is(tmp_path):
    census = tmp_path / "census.csv"
    census.write_text("group,share\nred,0.5\ngreen,0.5\n")
    for ideal in ("labels-within-groups", [[0.1, 0.2], [0.3, 0.4]], str(census), {"kind": "uniform", "strength": 0.5}):
        sampler = StarSampler(LABELS, GROUPS, batch_size=50, ideal=ideal)
        counts = sampler.report().candidates
        np.testing.assert_array_equal(sampler.ideal, ideals.shares(ideal, sampler.names, counts))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"batch_size": 0}, "batch_size: 0 is no whole number from 1 on"),
        ({"batch_size": 2.5}, "batch_size: 2.5"),
        ({"batch_size": True}, "batch_size: True"),
        ({"budget": -1}, "budget: -1"),
        ({"seed": "x"}, "seed: 'x'"),
        ({"rounding": "up"}, "rounding: 'up' is none of floor, stochastic"),
        ({"rank": 1}, "rank, world_size: give both"),
        ({"rank": 2, "world_size": 2}, "rank: 2 is not below"),
        ({"sharded_by": "lightning"}, "sharded_by: 'lightning' is none of sampler, accelerate"),
        ({"ideal": "unform"}, "ideal=unform: is not one of uniform.*; did you mean uniform"),
        ({"ideal": [[1.0]]}, "ideal: has shape 1 x 1, but the data have 2 labels x 2 groups"),
        ({"labels": [0, 1]}, "group: has 1,000 values, but label has 2"),
        ({"labels": []}, "label: has not a single value"),
        ({"labels": [None, *LABELS[1:].tolist()]}, "label: 1 of 1,000 people have no value .the first is number 0"),
        ({"labels": [0.5, float("nan")] * 500}, "label: 500 of 1,000 people have no value"),
        ({"labels": ["a", 1] * 500}, "label: is no column"),
        ({"labels": np.zeros((1000, 2))}, "label: is no column"),
        ({"labels": 3}, "label: is no column"),
        ({"labels": np.arange(1000).astype(str), "groups": [np.arange(1000)]}, "make 1,000 labels x 1,000 groups"),
        ({"groups": []}, "groups: there is none"),
        (
            {"labels": (GROUPS == "red").astype(int)},
            "wants 25.00% from label=0, group=red .and 1 more strata.*skip_empty=True",
        ),
    ],
)
def test_a_wrong_argument_is_explained(change, problem):
    given = {"labels": LABELS, "groups": [GROUPS], "batch_size": 64, **change}
    with pytest.raises(InputError, match=problem) as caught:
        StarSampler(given.pop("labels"), *given.pop("groups"), **given)
    assert "\n" not in str(caught.value)


def test_strata_that_flooring_starves_are_warned_of():
    with pytest.warns(
        UserWarning, match="4 of 4 strata get no place in a batch of 3; enlarge the batch or set rounding="
    ):
        StarSampler(LABELS, GROUPS, batch_size=3, rounding="floor")


@pytest.mark.filterwarnings("error")
def test_strata_of_one_place_between_two_ranks_are_not_starved():
    StarSampler(LABELS, GROUPS, batch_size=3, rounding="floor", rank=0, world_size=2)


@pytest.mark.parametrize(
    ("change", "field"),
    [({"batch_size": 32, "budget": 16}, "batch_size"), ({"seed": 1}, "seed"), ({"ideal": "population"}, "ideal")],
)
def test_a_state_of_another_sampler_is_refused(change, field):
    state = StarSampler(LABELS, GROUPS, batch_size=64).state_dict()
    other = StarSampler(LABELS, GROUPS, **{"batch_size": 64, **change})
    with pytest.raises(InputError, match=field):
        other.load_state_dict(state)


def test_what_is_no_state_is_refused():
    with pytest.raises(InputError, match="is none that"):
        StarSampler(LABELS, GROUPS, batch_size=64).load_state_dict({"epoch": 3})


# In a DataLoader


def numbers() -> TensorDataset:
    return TensorDataset(torch.arange(1000))


def test_workers_change_nothing():
    loaders = [
        DataLoader(numbers(), batch_sampler=StarSampler(LABELS, GROUPS, batch_size=64), num_workers=n) for n in (0, 2)
    ]
    for _ in range(2):
        alone, helped = ([batch.tolist() for (batch,) in loader] for loader in loaders)
        assert alone == helped


def test_a_loader_with_workers_resumes_where_the_loop_was():
    whole = [
        batch.tolist() for (batch,) in DataLoader(numbers(), batch_sampler=StarSampler(LABELS, GROUPS, batch_size=64))
    ]
    sampler = StarSampler(LABELS, GROUPS, batch_size=64)
    for step, _ in enumerate(DataLoader(numbers(), batch_sampler=sampler, num_workers=2, prefetch_factor=8), start=1):
        if step == 3:
            break
    assert sampler.state_dict()["epoch"] == 1  # fetched ahead
    state = sampler.state_dict(batches=step)
    again = StarSampler(LABELS, GROUPS, batch_size=64)
    again.load_state_dict(state)
    rest = [batch.tolist() for (batch,) in DataLoader(numbers(), batch_sampler=again, num_workers=2)]
    assert rest == whole[3:]


def curate_as_rank(rank: int, world_size: int, address: str) -> None:
    sampler = StarSampler(LABELS, GROUPS, batch_size=32)
    loader = DataLoader(numbers(), batch_sampler=sampler)
    assert (sampler.rank, sampler.world_size) == (0, 1)
    torch.distributed.init_process_group(
        "gloo", init_method=address, rank=rank, world_size=world_size, timeout=datetime.timedelta(seconds=60)
    )
    assert (sampler.rank, sampler.world_size) == (rank, world_size)
    assert len(sampler) == len(StarSampler(LABELS, GROUPS, batch_size=32, rank=rank, world_size=world_size))
    for (mine,) in loader:
        everybody = [torch.zeros_like(mine) for _ in range(world_size)]
        torch.distributed.all_gather(everybody, mine)
        union = torch.cat(everybody).numpy()
        assert len(set(union.tolist())) == 64
        assert set(Counter(zip(LABELS[union], GROUPS[union], strict=True)).values()) == {16}
    torch.distributed.destroy_process_group()


def test_processes_of_torch_distributed_share_a_batch(tmp_path):
    address = f"file://{tmp_path / 'meeting'}"
    torch.multiprocessing.start_processes(curate_as_rank, args=(2, address), nprocs=2, start_method="fork")


@given(data_sets(), arguments(), st.integers(1, 4), st.integers(0, 3))
def test_what_accelerate_divides_is_what_each_rank_draws(people, given, world_size, done):
    """Accelerate gives process r of w the batches r, r + w, r + 2 w, ...; here without it."""
    together = StarSampler(*people, **given, rank=0, world_size=world_size, sharded_by="accelerate")
    apart = ranks(*people, world_size, **given)
    assert len(together) == world_size * len(apart[0])
    done = min(done, len(apart[0]) - 1)
    together.load_state_dict(apart[0].state_dict(batches=done))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frameworks, "sharder", lambda: frameworks.Sharder(world_size, splits=False))
        batches = list(together)
    for rank, own in enumerate(apart):
        assert batches[rank::world_size] == list(own)[done:]
    assert together.state_dict()["epoch"] == 1


@pytest.mark.parametrize(
    ("sharder", "sharded_by", "problem"),
    [
        (
            frameworks.Sharder(2, splits=False),
            "sampler",
            "accelerate would divide them again; give .*sharded_by='accelerate'",
        ),
        (
            frameworks.Sharder(2, splits=True),
            "accelerate",
            "there are 2 processes, but accelerate splits each batch; have",
        ),
        (
            frameworks.Sharder(4, splits=False),
            "accelerate",
            "there are 2 processes, but accelerate divides batches among 4",
        ),
        (None, "accelerate", "there are 2 processes, but accelerate does not divide batches"),
    ],
)
def test_batches_are_divided_once(monkeypatch, sharder, sharded_by, problem):
    monkeypatch.setattr(frameworks, "sharder", lambda: sharder)
    sampler = StarSampler(LABELS, GROUPS, batch_size=8, rank=0, world_size=2, sharded_by=sharded_by)
    with pytest.raises(InputError, match=problem):
        next(iter(sampler))


def test_accelerate_is_found_where_it_divides_batches():
    """The real one, that `make test` has too; two processes are in test_frameworks.py."""
    from accelerate.data_loader import BatchSamplerShard

    plain = StarSampler(LABELS, GROUPS, batch_size=8, rank=1, world_size=2)
    with pytest.raises(InputError, match="accelerate would divide them again"):
        next(iter(DataLoader(numbers(), batch_sampler=BatchSamplerShard(plain, 2, 1))))
    right = StarSampler(LABELS, GROUPS, batch_size=8, rank=0, world_size=2, sharded_by="accelerate")
    assert list(BatchSamplerShard(right, 2, 1)) == list(plain)
    alone = StarSampler(LABELS, GROUPS, batch_size=8, rank=0, world_size=1)
    assert list(BatchSamplerShard(alone, 2, 1)) == list(StarSampler(LABELS, GROUPS, batch_size=8))[1::2]


def test_a_state_of_another_number_of_processes_is_refused_when_the_pass_begins():
    state = StarSampler(LABELS, GROUPS, batch_size=8, rank=0, world_size=2).state_dict()
    alone = StarSampler(LABELS, GROUPS, batch_size=8)
    alone.load_state_dict(state)  # torch.distributed may still come
    with pytest.raises(InputError, match="state: belongs to a sampler with world_size=2, but this has 1"):
        next(iter(alone))


def test_the_page_about_it_runs(capsys):
    page = (Path(__file__).parents[1] / "docs" / "star-in-your-loop.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(block, names)
    assert len(names["rest"]) == len(names["sampler"]) - 5
    assert "people discarded" in capsys.readouterr().out


def test_the_example_learns_less_of_the_colour(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["star_sampler.py", "--epochs", "2", "--train", "2000"])
    with torch.random.fork_rng():
        runpy.run_path(str(Path(__file__).parents[1] / "examples" / "star_sampler.py"), run_name="__main__")
    plain, star, last = capsys.readouterr().out.splitlines()
    unfair = [float(line.rpartition(" ")[2]) for line in (plain, star)]
    assert plain.startswith("as they come: accuracy")
    assert star.startswith("with STAR: accuracy")
    assert unfair[1] < unfair[0] / 2
    assert last.startswith("its last epoch: 1,664 places in 13 batches; ")
