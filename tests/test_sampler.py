"""The laws of StarSampler: quotas, rounds, ranks, resumption."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairloop import InputError, StarSampler
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
        ({"batch_size": 0}, "batch_size: 0 is not a whole number of 1 or more"),
        ({"batch_size": 2.5}, "batch_size: 2.5"),
        ({"batch_size": True}, "batch_size: True"),
        ({"budget": -1}, "budget: -1"),
        ({"seed": "x"}, "seed: 'x'"),
        ({"rounding": "up"}, "rounding: 'up' is not one of floor, stochastic"),
        ({"rank": 1}, "rank, world_size: give both"),
        ({"rank": 2, "world_size": 2}, "rank: 2 is not below"),
        ({"sharded_by": "lightning"}, "sharded_by: 'lightning' is not one of sampler, accelerate"),
        ({"ideal": "unform"}, "ideal=unform: is not one of uniform.*; did you mean uniform"),
        ({"ideal": [[1.0]]}, "ideal: has shape 1 x 1, but the data have 2 labels x 2 groups"),
        ({"labels": [0, 1]}, "group: has 1,000 values, but label has 2"),
        ({"labels": []}, "label: has no values"),
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
