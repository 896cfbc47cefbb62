"""Passes over people's own data, and the epochs that they are."""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader, TensorDataset

from fairloop import StarSampler
from test_sampler import GROUPS, LABELS

# Passes and epochs


whole_epoch = functools.cache(lambda epoch: [*_of_epoch(epoch)])


def _of_epoch(epoch: int) -> StarSampler:
    sampler = StarSampler(LABELS, GROUPS, batch_size=200)
    sampler.set_epoch(epoch)
    return sampler


def numbers() -> TensorDataset:
    return TensorDataset(torch.arange(1000))


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
