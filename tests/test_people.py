"""Real people in batches, and what a run tells of its people, groups, quotas and samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from conftest import tiny
from fairloop.curation.interface import NoCuration
from fairloop.curation.star import Star
from fairloop.data import Population, Split
from fairloop.loop.generations import Generation, simulate
from fairloop.loop.history import History
from fairloop.loop.inputs import Inputs
from fairloop.loop.trainer import ModelTrainer
from fairloop.models.interface import Generator
from fairloop.models.numerics import Numerics
from fairloop.running.run import View, run
from fairloop.seeding import ModelRole, Role
from fairloop.sources.origin import NOBODY, REAL, TRUTH, Origin
from fairloop.sources.source import RealData, Source
from fairloop.spec.run import RunSpec
from fairloop.spec.setting import SETTINGS
from fairloop.store.directory import RunDirectory
from fairloop.store.interface import Trained
from fairloop.store.memory import MemoryModels
from fairloop.testing.streams import stream
from fairloop.training.batches import Schedule, mixed
from fairloop.training.mixture import Mixture, Regime
from fairloop.training.recipe import Recipe
from fairloop.training.streams import Streams
from stand_ins import Counted, Sure

FAST = ("generations=2", "measure.samples=10", "measure.latents=0", "data.train=128", "annotator.epochs=1")


def people(n: int) -> RealData:
    """N of them, by the numbers -1 to -n; what `Counted` makes has numbers from 0 on."""
    numbers = -1 - np.arange(n, dtype=np.float32)[:, None]
    return RealData(Split(numbers, np.zeros(n, np.int64), np.zeros(n, np.int64)), Numerics())


# full batches


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 100), st.integers(0, 2**31))
def test_every_mixed_batch_is_full_and_has_its_share_however_few_people_there_are(n, batch, percent, seed):
    source = Source(Counted(), Numerics(), origin=Origin(0, NOBODY))
    feed = mixed(source, NoCuration(), people(n), percent / 100, Schedule(3, batch, batch),
                 Streams(seed, 1, ModelRole.GENERATOR))  # fmt: skip
    made = percent * batch // 100
    for drawn, curation in feed(0):
        numbers = drawn.inputs[:, 0]
        assert len(numbers) == batch
        assert int((numbers >= 0).sum()) == made
        times = Counter(numbers[numbers < 0].tolist())
        assert max(times.values(), default=0) <= -(-(batch - made) // n)  # nobody much more often than the others
        assert made == batch or len(times) == min(n, batch - made)
        told = {Origin(REAL, TRUTH): batch - made, Origin(0, NOBODY): made}
        cells = {(place[0] + REAL, place[1] + NOBODY): int(curation.origins[tuple(place)])
                 for place in curation.origins.nonzero().tolist()}  # fmt: skip
        assert cells == {tuple(origin): count for origin, count in told.items() if count}


def as_before(n: int, batch: int, rng: torch.Generator) -> Iterator[list[int]]:
    """How people were drawn where there were enough of them, in version 0.1.0."""
    while True:
        for index in torch.split(torch.randperm(n, generator=rng), batch):
            if len(index) == batch:
                yield (-1 - index).tolist()


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 2**31))
def test_where_there_are_enough_people_they_come_as_they_did(more, batch, seed):
    n = batch + more - 1
    found, before = people(n).endless(batch, stream(seed)), as_before(n, batch, stream(seed))
    for _ in range(4):
        assert next(found).inputs[:, 0].tolist() == next(before)


def test_people_come_in_this_order():
    drawn = people(5).endless(2, stream(0))
    order = [[-5, -1], [-2, -4], [-4, -5]]  # as in version 0.1.0
    assert [next(drawn).inputs[:, 0].int().tolist() for _ in range(3)] == order


def rows(generation: Generation, metric: str, role: str = "classifier") -> dict[tuple[str | None, str], float]:
    return {(row.label, row.group): row.value for row in generation.rows if (row.metric, row.role) == (metric, role)}


@pytest.mark.parametrize("share", [0.0, 0.5])
@pytest.mark.parametrize("regime", [(), ("temperature=0.9",)], ids=["as published", "other"])
def test_origins_are_shares_of_all_that_a_generator_learned_from(share, regime):
    *_, last = simulate(tiny(*FAST, f"synthetic_share={share}", "generator.first_epochs=1", *regime))
    found = rows(last, "origin_share", "generator")
    assert sum(found.values()) == pytest.approx(1)
    assert found["true label", "real people"] == 1 - share
    assert found.get((None, "generation 0"), 0) == share


# who is there


def present(groups: list[int], decisions: list[int], first: int, last: int, retention, arrivals, generations) -> list:
    """How much each person is there, one after the other."""
    before = [1 / (last - first)] * (last - first)
    now = before
    for _ in range(generations):
        left = [share * retention[groups[i]][decisions[i]] for i, share in zip(range(first, last), now, strict=True)]
        left = left if sum(left) else before
        now = [(1 - arrivals) * mine / sum(left) + arrivals * new for mine, new in zip(left, before, strict=True)]
    return now


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=2, max_size=12),
    st.lists(st.lists(st.sampled_from([0.0, 0.3, 1.0]), min_size=2, max_size=2), min_size=2, max_size=2),
    st.sampled_from([0.0, 0.25]), st.integers(0, 3), st.data(),
)  # fmt: skip
def test_rows_of_people_describe_those_who_can_be_drawn(folk, retention, arrivals, generation, data):
    groups, decisions = (list(part) for part in zip(*folk, strict=True))
    n = data.draw(st.integers(1, len(folk)))
    split = Split(np.array(decisions, np.float32)[:, None], np.zeros(len(folk), np.int64), np.array(groups))
    supplies = Inputs(Population("test", ("no", "yes"), ("a", "b"), ("b",), split, {"test": split}), Numerics())
    spec = tiny("policy.classifier.real_share=1", f"policy.people={n}", f"response.retention={retention}",
                f"response.arrivals={arrivals}", "generations=4")  # fmt: skip
    there = Regime(spec, len(folk)).people(generation)
    recipe = Recipe(ModelRole.CLASSIFIER, 0, generation, spec.classifier, Numerics(), Schedule(1, 1, 1),
                    mixture=Mixture(people=there))  # fmt: skip
    history = History(SETTINGS["control"], None, {}, dict.fromkeys(range(generation), Trained(recipe, Sure(), {})))
    weights = present(groups, decisions, 0, n, retention, arrivals, generation)
    shares = [sum(w for w, group in zip(weights, groups[:n], strict=True) if group == g) for g in (0, 1)]
    assert supplies.groups_present(there, generation, history).tolist() == pytest.approx(shares)
    drawn = supplies.people(recipe, history).draw(4000, stream(0))
    assert (drawn.groups == 1).double().mean().item() == pytest.approx(shares[1], abs=0.05)


@pytest.mark.parametrize("real", ["fixed", "fresh"])
def test_few_people_are_told_of_and_fresh_ones_are_those_whose_turn_it_is(real):
    spec = tiny(*FAST, "policy.people=50", f"policy.real={real}", "policy.classifier.real_share=0.5")
    groups = ModelTrainer(spec, MemoryModels()).population.train.groups
    for i, generation in enumerate(simulate(spec)):
        first = 50 * i if real == "fresh" else 0
        expected = (groups[first : first + 50] == 1).mean()
        assert generation.value("group_share", "red", split="people") == pytest.approx(expected)


# groups


def test_a_run_says_which_groups_its_population_calls_minoritized():
    first, second = simulate(tiny(*FAST))
    assert rows(first, "minoritized", "group_annotator") == {(None, "green"): 0, (None, "red"): 1}
    assert rows(second, "minoritized", "group_annotator") == {}


# quotas


@given(
    st.lists(st.integers(1, 100), min_size=4, max_size=4), st.integers(1, 200),
    st.sampled_from(["floor", "stochastic"]), st.integers(0, 2**31),
)  # fmt: skip
def test_the_quotas_that_are_stored_are_those_that_star_uses(weights, n, rounding, seed):
    curator = Star(np.reshape(weights, (2, 2)) / sum(weights), 0, rounding)
    stored, used = curator.expected(n), curator.quotas(n, stream(seed)).numpy()
    if rounding == "floor":
        assert stored.tolist() == used.tolist() == [w * n // sum(weights) for w in weights]
    else:
        assert np.abs(stored - used).max() < 1 + 1e-6
        assert stored.sum() == pytest.approx(n)


def test_a_run_stores_its_quotas_and_batches_as_they_are_in_each_generation():
    spec = tiny(
        *FAST, "star.target=both", "star.ideal=[[.29,.21],[.25,.25]]", "star.batch=100",
        "generator.batch=100", "synthetic_share=0.57",
        "schedule={1: {star.batch: 60, star.rounding: stochastic}}",
    )  # fmt: skip
    first, second = simulate(spec)
    cells = [(label, group) for label in ("<5", ">=5") for group in ("green", "red")]
    assert rows(first, "star_batch") == {(None, "overall"): 100}
    assert rows(first, "star_quota") == dict(zip(cells, [29, 21, 25, 25], strict=True))
    assert rows(first, "star_quota", "generator") == {}  # G_0 learned from real people
    assert rows(second, "star_batch") == {(None, "overall"): 60}
    assert list(rows(second, "star_quota").values()) == pytest.approx([17.4, 12.6, 15, 15])
    assert rows(second, "star_batch", "generator") == {(None, "overall"): 57}
    assert list(rows(second, "star_quota", "generator").values()) == pytest.approx([16.53, 11.97, 14.25, 14.25])
    assert second.generator.recipe.curation.star.rounding == "stochastic"


# temperature


class Recording(Generator):
    """Remembers at which temperatures it was asked for samples."""

    asked: list[float] = []  # noqa: RUF012  of all instances

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.mean = torch.nn.Parameter(torch.full(shape, 0.5))

    def loss(self, images: Tensor, rng: torch.Generator) -> Tensor:
        return ((images - self.mean) ** 2).sum()

    def encode(self, images: Tensor) -> Tensor:
        return images.flatten(1)[:, :2]

    def reconstruct(self, images: Tensor) -> Tensor:
        return images

    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        return self.sample_at(1.0, n, rng)

    @torch.no_grad()
    def sample_at(self, temperature: float, n: int, rng: torch.Generator) -> Tensor:
        self.asked.append(temperature)
        noise = torch.randn((n, *self.mean.shape), generator=rng)
        return (self.mean + 0.1 * temperature * noise).clamp(0, 1)


RECORDING = (*FAST, "measure.latents=8", "generator.model=test_people:Recording", "generator.arguments={}")


class Unseen(View):
    """Shows nothing."""

    def __exit__(self, *_: object) -> None: ...

    def start(self, spec: RunSpec, population: Population, done: int) -> None: ...

    def watch(self, recipe, checkpoints):
        return checkpoints

    def generation(self, generation: Generation) -> None: ...


def test_everything_that_samples_a_generator_does_so_at_the_temperature(tmp_path):
    from fairloop.results import load

    Recording.asked.clear()
    run(tiny(*RECORDING, "temperature=0.5", "star.target=both"), RunDirectory(tmp_path), Unseen())
    load(tmp_path).samples(1, 20)
    assert set(Recording.asked) == {0.5}


def test_galleries_follow_a_scheduled_temperature():
    simulation = simulate(tiny(*RECORDING, "setting=seqclass", "schedule={1: {temperature: 2.0}}"))
    for temperature in (1.0, 2.0):
        Recording.asked.clear()
        next(simulation)
        assert set(Recording.asked) == {temperature}


def test_galleries_of_the_default_temperature_are_as_they_were():
    generation = next(simulate(tiny(*FAST)))
    source = Source(generation.generator.module, Numerics())
    shown = source.draw(8, Streams(0, 0, ModelRole.GENERATOR).at(Role.GALLERY))
    assert np.array_equal(generation.gallery.images, (shown.inputs * 255).round().byte().numpy())
