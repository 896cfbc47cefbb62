"""The laws of STAR, for any number of labels and groups."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from fairloop.curation import ideal as ideals
from fairloop.curation.interface import NoCuration
from fairloop.curation.star import Star, filled, first_of_each
from fairloop.models.numerics import Numerics
from fairloop.sources.batch import UNNAMED, Batch, Strata, counted
from fairloop.sources.labelling import BY_LABELLER, Labelling
from fairloop.sources.source import Source
from stand_ins import Counted, Sure


def uniform(labels: int, groups: int) -> NDArray[np.float64]:
    return ideals.uniform(np.zeros((labels, groups), np.int64))


class Urn:
    """A source whose samples are numbered in the order in which they are drawn; strata come with given chances."""

    def __init__(self, strata: Strata, chances: Tensor) -> None:
        self.strata, self.chances, self.drawn = strata, chances, []

    def draw(self, n: int, rng: torch.Generator) -> Batch:
        stratum = torch.multinomial(self.chances, n, replacement=True, generator=rng)
        first = sum(len(batch.labels) for batch in self.drawn)
        images = torch.arange(first, first + n).float()[:, None]
        batch = Batch(images, stratum // self.strata.groups, stratum % self.strata.groups)
        self.drawn.append(batch)
        return batch


@st.composite
def cases(draw: st.DrawFn) -> tuple[Star, Urn, int, torch.Generator]:
    labels, groups = draw(st.integers(1, 5)), draw(st.integers(1, 14))
    weights = draw(st.lists(st.integers(0, 9), min_size=labels * groups, max_size=labels * groups).filter(any))
    ideal = np.array(weights, float).reshape(labels, groups) / sum(weights)
    star = Star(ideal, draw(st.integers(0, 64)), draw(st.sampled_from(["floor", "stochastic"])))
    chances = torch.tensor(draw(st.lists(st.floats(0.01, 1), min_size=ideal.size, max_size=ideal.size)))
    rng = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    return star, Urn(Strata(labels, groups), chances), draw(st.integers(1, 128)), rng


@given(cases())
def test_a_batch_holds_what_the_quotas_allow_and_is_filled_up(case):
    star, urn, n, rng = case
    state = rng.get_state()
    batch, curation = star.draw(urn, n, rng)

    candidates = urn.drawn[0]
    stratum = urn.strata.index(candidates)
    counts = torch.bincount(stratum, minlength=len(urn.strata))
    assert len(candidates.labels) == n + star.budget
    assert torch.equal(curation.candidates, counts)

    replay = torch.Generator()
    replay.set_state(state)
    Urn(urn.strata, urn.chances).draw(n + star.budget, replay)
    quotas = star.quotas(n, replay)
    taken = torch.minimum(quotas, counts)
    missing = n - int(taken.sum())
    assert curation.redrawn == missing
    assert len(batch.labels) == n

    numbers = batch.inputs[:, 0].long()
    chosen = set(numbers[numbers < n + star.budget].tolist())
    first = {i for k in range(len(urn.strata)) for i in (stratum == k).nonzero()[: taken[k], 0].tolist()}
    assert chosen == first  # the first of each stratum, as far as its quota goes
    assert sorted(numbers[numbers >= n + star.budget].tolist()) == list(
        range(n + star.budget, n + star.budget + missing)
    )
    for number, label, group in zip(numbers, batch.labels, batch.groups, strict=True):
        source = urn.drawn[0] if number < n + star.budget else urn.drawn[1]
        at = number if number < n + star.budget else number - n - star.budget
        assert (source.labels[at], source.groups[at]) == (label, group)


@given(st.integers(1, 6), st.integers(1, 14), st.integers(1, 20))
def test_counts_equal_the_quotas_when_candidates_suffice(labels, groups, each):
    strata = Strata(labels, groups)
    n = each * len(strata)
    star = Star(uniform(labels, groups), budget=0)
    stratum = torch.arange(n) % len(strata)

    class Even:
        def draw(self, size: int, rng: torch.Generator) -> Batch:
            return Batch(torch.zeros(size, 1), stratum // groups, stratum % groups)

    batch, curation = star.draw(Even(), n, torch.Generator())
    assert curation.redrawn == 0
    assert torch.bincount(strata.index(batch), minlength=len(strata)).tolist() == [each] * len(strata)


@given(cases())
def test_quotas_fit_the_batch(case):
    star, _, n, rng = case
    quotas = star.quotas(n, rng)
    wanted = star.ideal.reshape(-1) * n
    assert (quotas.numpy() >= np.floor(wanted - 1e-6)).all()
    assert (quotas.numpy() <= np.ceil(wanted + 1e-6)).all()
    assert quotas.sum() <= n
    if star.rounding == "stochastic":
        assert quotas.sum() == n


def test_stochastic_rounding_keeps_the_expected_shares_of_tiny_strata():
    star = Star(uniform(10, 100), budget=0, rounding="stochastic")
    rng = torch.Generator().manual_seed(0)
    total = sum(star.quotas(64, rng) for _ in range(2000))
    assert (total / 2000).numpy() == pytest.approx(np.full(1000, 0.064), abs=5 * (0.064 / 2000) ** 0.5)


def test_quotas_are_not_lost_to_floating_point():
    ideal = np.array([[0.29, 0.71]])
    assert Star(ideal, 0).quotas(100, torch.Generator()).tolist() == [29, 71]


def test_a_stratum_that_starves_is_warned_of():
    with pytest.warns(UserWarning, match="28 of 28 strata"):
        Star(uniform(2, 14), 0).warn_if_starved(16)


@given(st.lists(st.integers(0, 5), max_size=60), st.lists(st.integers(0, 9), min_size=6, max_size=6))
def test_first_of_each_equals_a_plain_loop(strata, quotas):
    stratum, quota = torch.tensor(strata, dtype=torch.long), torch.tensor(quotas)
    left, expected = quotas.copy(), set()
    for i, k in enumerate(strata):
        if left[k]:
            left[k] -= 1
            expected.add(i)
    counts = counted(stratum, 6)
    assert torch.equal(counts, torch.bincount(stratum, minlength=6))
    position, taken = first_of_each(stratum, counts, quota)
    assert sorted(position.tolist()) == list(range(len(strata)))
    assert set(position[taken].tolist()) == expected


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.lists(st.integers(0, 9), min_size=4, max_size=4))
def test_more_fresh_samples_than_are_missing_change_nothing(strata, quotas):
    stratum = torch.tensor(strata)
    position, taken = first_of_each(stratum, counted(stratum, 4), torch.tensor(quotas))
    n = len(strata)
    missing = n - int(taken.sum())
    exact = filled(position, taken, missing, n)
    assert torch.equal(exact, filled(position, taken, n, n))
    assert torch.equal(exact, torch.cat([position[taken], torch.arange(n, n + missing)]))


def test_no_curation_hands_batches_on():
    urn = Urn(Strata(2, 2), torch.ones(4))
    batch, curation = NoCuration().draw(urn, 10, torch.Generator().manual_seed(0))
    assert batch is urn.drawn[0]
    assert curation is None


def test_stochastic_quotas_are_the_bits_that_recipes_stand_for():
    ideal = np.arange(1, 15, dtype=float).reshape(2, 7) / 105
    star = Star(ideal, 0, "stochastic")
    rng = torch.Generator().manual_seed(7)
    assert star.quotas(50, rng).tolist() == [1, 0, 2, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7]


class Asked(Sure):
    """Counts whom it was asked about."""

    asked = 0

    def forward(self, images: Tensor) -> Tensor:
        self.asked += len(images)
        return super().forward(images)


def test_redrawn_samples_are_named_only_as_far_as_the_model_learns_names():
    star = Star(uniform(2, 3), budget=10)

    def drawn(labelling: Labelling = BY_LABELLER, *, groups_only_sort: bool) -> tuple[Batch, int, int]:
        grouper = Asked(3)
        source = Source(Counted(), Numerics(), Sure(), grouper, labelling, groups_only_sort=groups_only_sort)
        batch, told = star.draw(source, 100, torch.Generator().manual_seed(0))
        return batch, int(told.redrawn), grouper.asked

    whole, redrawn, asked = drawn(groups_only_sort=False)
    assert asked == 110 + redrawn > 110
    spared, _, asked = drawn(groups_only_sort=True)
    assert asked == 110
    assert torch.equal(spared.inputs, whole.inputs)
    assert torch.equal(spared.labels, whole.labels)
    unnamed = spared.groups == UNNAMED
    assert unnamed.sum() == redrawn
    assert torch.equal(spared.groups[~unnamed], whole.groups[~unnamed])
    errors = Labelling(annotator=Sure(), error=(0.0, 0.1, 0.2))
    assert drawn(errors, groups_only_sort=True)[2] == 110 + redrawn  # people err by group
