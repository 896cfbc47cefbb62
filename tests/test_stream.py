"""The laws of STAR on streams."""

from __future__ import annotations

import copy
import pickle
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader, IterableDataset

from fairloop import InputError, StarStream

Sample = tuple[int, int, str]
"""Number, label, group."""

pytestmark = pytest.mark.filterwarnings("ignore:star.* strata get no place")


def stratum(sample: Sample) -> tuple[int, str]:
    return sample[1], sample[2]


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[Sample], StarStream]:
    labels, groups = draw(st.integers(1, 3)), [f"g{s}" for s in range(draw(st.integers(1, 4)))]
    cell = st.tuples(st.integers(0, labels - 1), st.sampled_from(groups))
    samples = [(i, *named) for i, named in enumerate(draw(st.lists(cell, max_size=150)))]
    weights = draw(
        st.lists(st.integers(0, 5), min_size=labels * len(groups), max_size=labels * len(groups)).filter(any)
    )
    stream = StarStream(
        samples,
        stratum,
        labels=range(labels),
        groups=groups,
        batch_size=draw(st.integers(1, 24)),
        ideal=(np.array(weights) / sum(weights)).reshape(labels, -1),
        budget=draw(st.none() | st.integers(0, 16)),
        buffer=draw(st.none() | st.integers(1, 40)),
        rounding=draw(st.sampled_from(["floor", "stochastic"])),
    )
    return samples, stream


@given(streams())
def test_quotas_are_met_from_what_was_read(case):
    samples, stream = case
    window = stream.batch_size + stream.budget
    wanted = stream.ideal.reshape(-1) * stream.batch_size
    cells = stream.names.cells()
    batches = list(stream.batches())
    assert len(batches) == -(-len(samples) // window)
    for number, batch in enumerate(batches, start=1):
        read = samples[: number * window]
        seen = np.array([any(cell == (str(label), group) for _, label, group in read) for cell in cells])
        drawn = np.bincount([cells.index((str(label), group)) for _, label, group in batch], minlength=len(cells))
        assert len(batch) == stream.batch_size
        assert set(batch) <= set(read)
        assert (drawn[seen] >= np.floor(wanted - 1e-6)[seen]).all()
        if stream.rounding == "stochastic" and seen[wanted > 0].all():
            assert (drawn <= np.ceil(wanted + 1e-6)).all()


@given(streams())
def test_the_report_counts_what_came(case):
    samples, stream = case
    came = Counter(sample for batch in stream.batches() for sample in batch)
    tally = stream.report()
    assert tally.candidates.sum() == len(samples)
    assert tally.drawn.sum() == came.total()
    assert tally.redrawn.sum() == came.total() - len(came) == sum(tally.by_batch)
    assert tally.discarded.sum() == len(samples) - len(came)


@given(streams())
def test_a_sample_comes_again_only_if_its_stratum_is_short(case):
    samples, stream = case
    tally_before = np.zeros(stream.ideal.shape, np.int64)
    came: set[Sample] = set()
    window = stream.batch_size + stream.budget
    for number, batch in enumerate(stream.batches(), start=1):
        tally = stream.report()
        short = (tally.redrawn > tally_before).reshape(-1)
        tally_before = tally.redrawn
        came.update(batch)
        for cell, is_short in zip(stream.names.cells(), short, strict=True):
            read = {s for s in samples[: number * window] if (str(s[1]), s[2]) == cell}
            if is_short and len(read) <= stream.buffer:
                assert read <= came  # all of them have come


def test_passes_are_alike_and_epochs_differ_in_order():
    samples = [(i, i % 2, "ab"[i % 3 == 0]) for i in range(500)]
    stream = StarStream(samples, stratum, labels=[0, 1], groups=["a", "b"], batch_size=40)
    first = list(stream.batches())
    assert list(stream.batches()) == first
    assert [sample for batch in first for sample in batch] == list(stream)
    stream.set_epoch(1)
    other = list(stream.batches())
    assert other != first
    assert [sorted(batch) for batch in other] == [sorted(batch) for batch in first]


def test_strata_that_never_came_leave_their_places_to_others():
    samples = [(i, i % 2, "a") for i in range(100)]
    stream = StarStream(samples, stratum, labels=[0, 1], groups=["a", "b"], batch_size=20, budget=0)
    assert {len(batch) for batch in stream.batches()} == {20}
    assert stream.report().filled == 5 * 10


def test_waiting_samples_serve_later_batches():
    # Windows hold only one label each; without a queue every batch would need repetitions.
    samples = [(i, i // 8 % 2, "a") for i in range(96)]
    stream = StarStream(samples, stratum, labels=[0, 1], groups=["a"], batch_size=8, budget=0)
    batches = list(stream.batches())
    assert all(Counter(label for _, label, _ in batch) == {0: 4, 1: 4} for batch in batches[1:])
    assert stream.report().by_batch[2:] == (0,) * 10


class Sharded(IterableDataset):
    """Sees to its shares itself."""

    def __iter__(self):
        worker = torch.utils.data.get_worker_info()
        return iter([(i, i // 2 % 2, "ab"[i % 3 == 0]) for i in range(400)][worker.id :: worker.num_workers])


def plain_stream() -> list[Sample]:
    return [(i, i // 2 % 2, "ab"[i % 3 == 0]) for i in range(400)]


@pytest.mark.parametrize("samples", [plain_stream(), Sharded()])
def test_workers_share_the_stream_and_batches_of_a_loader_are_curated(samples):
    stream = StarStream(samples, stratum, labels=[0, 1], groups=["a", "b"], batch_size=16, budget=16)
    came: set[int] = set()
    for numbers, labels, groups in DataLoader(stream, batch_size=16, num_workers=2):
        assert set(Counter(zip(labels.tolist(), groups, strict=True)).values()) == {4}
        assert not came & set(numbers.tolist())  # enough for nobody to come twice
        came.update(numbers.tolist())
    assert len(came) == 2 * 7 * 16


@pytest.mark.slow
@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_an_epoch_reaches_workers_that_stay(start):
    stream = StarStream(plain_stream(), stratum, labels=[0, 1], groups=["a", "b"], batch_size=16)
    loader = DataLoader(
        stream, batch_size=16, num_workers=1, persistent_workers=True, multiprocessing_context=start
    )  # fmt: skip
    for epoch in (0, 2, 1):
        stream.set_epoch(epoch)
        alone = StarStream(plain_stream(), stratum, labels=[0, 1], groups=["a", "b"], batch_size=16)
        alone.set_epoch(epoch)
        assert [batch[0].tolist() for batch in loader] == [[sample[0] for sample in batch] for batch in alone.batches()]


def test_a_copy_has_an_epoch_of_its_own():
    stream = StarStream(plain_stream(), stratum, labels=[0, 1], groups=["a", "b"], batch_size=16)
    stream.set_epoch(2)
    for other in (copy.deepcopy(stream), pickle.loads(pickle.dumps(stream))):
        other.set_epoch(5)
        assert (stream.epoch, other.epoch) == (2, 5)
        assert other._epoch.is_shared()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"labels": []}, "labels: .. is empty"),
        ({"groups": ["a", "a"]}, "groups: .'a', 'a'. is empty or names one twice"),
        ({"groups": ["a", ("b", "c")]}, "have different numbers of attributes"),
        ({"ideal": "population"}, "ideal=population: follows the population, which is not known"),
        ({"population": [1, 2]}, "population: needs a number"),
        ({"population": [[0, 0], [0, 0]]}, "population: needs a number"),
        ({"buffer": 0}, "buffer: 0"),
        ({"batch_size": 0}, "batch_size: 0"),
        ({"rounding": "up"}, "rounding: 'up'"),
    ],
)
def test_a_wrong_argument_is_explained(change, problem):
    given = {"labels": [0, 1], "groups": ["a", "b"], "batch_size": 8, **change}
    with pytest.raises(InputError, match=problem):
        StarStream([], stratum, **given)


@pytest.mark.parametrize("named", [(0, "c"), (0, ["a"]), None])
def test_a_sample_of_an_unknown_stratum_is_named(named):
    stream = StarStream([1], lambda sample: named, labels=[0, 1], groups=["a", "b"], batch_size=8)
    with pytest.raises(InputError, match="stratum: gives"):
        list(stream)


def test_a_known_population_serves_ideals_that_follow_it():
    stream = StarStream(
        [(i, 0, "a") for i in range(9)], stratum, labels=[0, 1], groups=["a"], batch_size=8,
        ideal={"kind": "uniform", "strength": 0.5}, population=[[3], [1]],
    )  # fmt: skip
    np.testing.assert_allclose(stream.ideal, [[0.625], [0.375]])
