"""What a sweep would take: the arithmetic against an oracle that counts by hand, and how little is trained for it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.optim.optimizer import register_optimizer_step_post_hook

from conftest import tiny
from fairloop.errors import InputError
from fairloop.spec.run import RunSpec
from fairloop.sweep import estimate as estimates
from fairloop.sweep.estimate import Cost, estimate

PEOPLE = 320
STEPS = 4 * 3  # of a model that is timed
MEASURING = 0.5


def seconds(model: str, batch: int) -> float:
    """What a step takes in the oracle's world."""
    return {"label_annotator": 1.0, "group_annotator": 2.0, "generator": 3.0, "classifier": 5.0}[model] * batch / 64


@pytest.fixture
def known() -> Iterator[None]:
    """Steps that take as long as `seconds` says, instead of measured ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(estimates, "_try", lambda *of: MEASURING)
        patch.setattr(
            estimates._Timed, "cost", lambda self, recipe: Cost(seconds(recipe.role, recipe.schedule.batch), 7)
        )
        yield


def oracle(spec: RunSpec) -> tuple[float, float]:
    """Work and longest chain of a run of the loop, generation by generation, from the spec of each."""

    def cost(model: str, training, batch: int, generator_batch: int, epochs: int | None = None) -> float:
        return seconds(model, batch) * math.ceil(PEOPLE / generator_batch) * (epochs or training.epochs)

    annotators = [
        cost(f"{kind}_annotator", spec.annotator, spec.annotator.batch, spec.annotator.batch)
        for kind in ("label", "group")
    ]
    work, chain = sum(annotators), 0.0
    for i in range(spec.generations):
        now = spec.at(i)
        batch = now.generator.batch
        first = now.generator.first_epochs if i == 0 else None
        generator = cost("generator", now.generator, batch, batch, first)
        classifier = cost("classifier", now.classifier, now.classifier.batch, batch)
        work += generator + classifier
        # Generators learn from generators, classifiers from the generator and the classifier before: the longest way to
        # C_i is through whichever of its parents is ready last.
        ready = (max(annotators), 0.0) if i == 0 else chain
        made = generator + (ready[1] if i else 0.0)
        chain = (max(made, ready[0]) + classifier, made)
    return work + MEASURING * spec.generations, chain[0] + MEASURING * spec.generations


changes = st.dictionaries(
    st.sampled_from(["generator.epochs", "generator.batch", "classifier.epochs", "classifier.batch", "temperature"]),
    st.sampled_from([1, 2, 32, 64, 96]),
)


@pytest.mark.slow
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(schedule=st.dictionaries(st.integers(0, 4), changes, max_size=3))
def test_an_estimate_counts_the_steps_of_every_generations_own_spec(known, schedule):
    spec = RunSpec.model_validate(tiny("generations=4").model_dump() | {"schedule": schedule})
    guess = estimate([spec])
    assert (guess.work, guess.longest) == pytest.approx(oracle(spec))
    assert guess.bytes == 7 * 10


SCHEDULE = "schedule={1: {generator.epochs: 30}, 2: {generator.batch: 32, classifier.epochs: 40, classifier.batch: 16}}"


def test_a_schedule_makes_a_run_cost_what_a_hand_counts(known):
    guess = estimate([tiny(SCHEDULE)])
    annotators = (1 + 2) * 5 * 2
    generators = 3 * 5 * 2 + 3 * 5 * 30 + 1.5 * 10 * 30
    classifiers = 5 * 5 * 1 + 5 * 5 * 1 + 1.25 * 10 * 40
    assert guess.work == annotators + generators + classifiers + 3 * MEASURING
    assert guess.steps["generator"] == (3 + 3 + 1.5) / 3


@pytest.fixture
def steps() -> Iterator[Counter[str]]:
    """Counts every step of every optimizer."""
    found: Counter[str] = Counter()
    handle = register_optimizer_step_post_hook(lambda *of: found.update(["step"]))
    yield found
    handle.remove()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overrides", "models"),
    [
        ([SCHEDULE], 4 + 6 + 6),  # A_L and A_S, and of each other kind one or two for each span
        (
            ["generations=9", "annotator.batch=1", "classifier.learning_rate=1e30", "policy.classifier.samples=5000",
             "policy.generator.kind=accumulate", "schedule={0: {generator.epochs: 50}}"],
            6,
        ),
    ],
)  # fmt: skip
def test_a_few_steps_of_each_kind_are_trained_whatever_the_run_would(steps, overrides, models):
    guess = estimate([tiny(*overrides)])
    assert 0 < steps["step"] <= models * STEPS
    assert guess.work > 0


@pytest.mark.parametrize(
    "overrides",
    [
        [SCHEDULE],
        ["star.target=both", "schedule={2: {star.ideal: population, star.budget: 9}}"],
        ["policy.generator.kind=accumulate", "policy.classifier.kept=true", "schedule={1: {temperature: 2.0}}"],
        ["synthetic_share=0.5", "labels.human_share=0.1", "policy.people=50", "policy.real=fresh", "warm_start=both"],
    ],
)
def test_what_is_timed_is_of_the_kind_that_it_stands_for(overrides):
    spec = tiny(*overrides)
    (whole, population), *_ = estimates._plans([spec])
    for recipes in estimates._spans(spec, whole):
        short = estimates._short(spec, recipes[-1].generation, population)
        stands = {(recipe.role, recipe.generation): recipe for recipe in estimates._plans([short])[0][0]}
        for recipe in recipes:
            timed = stands[recipe.role, min(recipe.generation, 1)]
            assert estimates._kind(timed) == estimates._kind(recipe), recipe.title


def test_models_of_another_size_take_their_own_disk(known):
    small, large = tiny("generations=1"), tiny("generations=1", "generator.arguments.widths=[32, 64]")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(estimates._Timed, "cost", lambda self, recipe: Cost(1.0, _size(recipe)))
        assert estimate([small, large]).bytes == estimate([large, small]).bytes == 10 + 1000 + 4 * 1


def _size(recipe) -> int:
    return {4: 10, 32: 1000}[recipe.training.arguments["widths"][0]] if recipe.role == "generator" else 1


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("{1: {classifier.model: nope}}", r"schedule\.1: classifier\.model: 'nope' is not one of"),
        ("{9: {generator: {arguments: {nope: 1}}}}", r"schedule\.9: generator\.arguments"),  # where no run comes
    ],
)
def test_what_the_runs_would_refuse_is_refused_in_their_words_before_anything_is_timed(schedule, words, monkeypatch):
    monkeypatch.setattr(estimates, "_try", None)
    with pytest.raises(InputError, match=words):
        estimate([tiny(), tiny(f"schedule={schedule}"), tiny(f"schedule={schedule}", "seed=1")])
