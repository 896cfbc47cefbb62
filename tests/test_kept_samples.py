"""Samples that are kept from earlier generations, and the recipes that tell them apart."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from fairloop.errors import InputError
from fairloop.loop.generations import simulate
from fairloop.loop.history import Annotators, History
from fairloop.loop.inputs import Inputs
from fairloop.models.interface import Generator
from fairloop.models.numerics import Numerics
from fairloop.seeding import ModelRole
from fairloop.sources.labelling import Labelling
from fairloop.sources.mixture import Kept
from fairloop.sources.source import Source
from fairloop.spec.run import RunSpec
from fairloop.store.interface import Trained
from fairloop.testing.streams import stream
from fairloop.training.recipe import Recipe
from stand_ins import Sure
from test_schedule import (
    GENERATIONS,
    PEOPLE,
    Changes,
    changes,
    few,
    own_loop,
    planned,
    schedules,
    spec_of,
    written_out,
)

# kept samples


class Noise(Generator):
    """Latents as they come."""

    def loss(self, images: Tensor, rng: torch.Generator) -> Tensor:
        raise NotImplementedError

    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        return self.sample_at(1, n, rng)

    def sample_at(self, temperature: float, n: int, rng: torch.Generator) -> Tensor:
        return temperature * torch.rand(n, 3, generator=rng)


def learned_from(schedule: Changes, role: ModelRole, generation: int, **chosen: Any) -> dict[int, set[str]]:
    """The samples of each generation, with their labels, that a model learns from whose policy is to accumulate."""
    policy = {"kind": "accumulate", "samples": 20, "real_share": 0, **chosen}
    spec = spec_of(schedule, policy={"classifier": policy, "generator": policy}, setting="seqgen-nonseqclass")
    made = planned(spec)
    annotator = Trained(made.label_annotator, Sure(chance=0.6), {})
    history = History(spec.rules, Annotators(annotator, annotator))
    history.generators = {i: Trained(recipe, Noise(), {}) for i, recipe in enumerate(made.generators)}
    history.classifiers = {i: Trained(recipe, Sure(chance=0.6), {}) for i, recipe in enumerate(made.classifiers)}
    recipe = (made.generators if role is ModelRole.GENERATOR else made.classifiers)[generation]
    supply = Inputs(few(), Numerics()).of(recipe, history, labels=role is ModelRole.CLASSIFIER)
    batch = supply.draw(400, stream(0))
    found: dict[int, set[str]] = {}
    for (maker, _), image, label in zip(
        batch.origins.tolist(), batch.inputs.tolist(), batch.labels.tolist(), strict=True
    ):
        found.setdefault(maker, set()).add(f"{image} {label}")
    return found


CHANGES = [
    {"temperature": 0.5},
    {"labels": {"choice": "sample"}},
    {"labels.error": 0.4},
    {"policy": {"classifier": {"samples": 10}, "generator": {"samples": 10}}},
    {"star.target": "both"},
]


@pytest.mark.parametrize("role", [ModelRole.CLASSIFIER, ModelRole.GENERATOR])
@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_kept_samples_stay_as_they_were_made(change, role):
    """Those that models first learned from before the change are not made again; later ones follow it."""
    before = learned_from({}, role, 3, kept=True)
    after = learned_from({2: change}, role, 3, kept=True)
    first_changed = 2 if role is ModelRole.CLASSIFIER else 1
    assert after.keys() == before.keys()
    without_labels = [{sample.rpartition(" ")[0] for sample in after[0]} for after in (before, after)]
    assert without_labels[0] == without_labels[1]
    if change != {"star.target": "both"}:  # curation of generators asks for labels
        assert [after[g] for g in range(first_changed)] == [before[g] for g in range(first_changed)]
    if "temperature" in change:
        assert all(after[g] != before[g] for g in range(first_changed, max(before) + 1))
    assert all(
        len(samples) == (10 if "policy" in change and g >= first_changed else 20) for g, samples in after.items()
    )


def test_samples_that_are_not_kept_are_made_by_the_rules_of_their_learner():
    small = learned_from({3: {"temperature": 1e-3}}, ModelRole.CLASSIFIER, 3)
    assert all(max(json.loads(sample.rpartition(" ")[0])) < 1e-3 for samples in small.values() for sample in samples)


@pytest.mark.parametrize("choice", ["argmax", "sample"])
def test_pictures_that_are_kept_do_not_depend_on_how_they_are_labelled(choice):
    found = [
        Kept(Source(Noise(), Numerics(), Sure(chance=0.6), labelling=Labelling(way)), 3000, (3,), lambda: stream(0),
             Numerics(), lambda: stream(1)).draw(3000, stream(2)).inputs
        for way in ("argmax", choice)
    ]  # fmt: skip
    assert torch.equal(*found)


@pytest.mark.parametrize(
    ("kind", "left"), [("replace", [0, 0, 0, 0]), ("window(2)", [1, 2, 2, 0]), ("accumulate", [1, 3, 5, 0])]
)
def test_kept_samples_are_freed_once_no_model_can_reach_them(kind, left, monkeypatch):
    policy = {"kind": kind, "kept": True, "real_share": 0}
    loop = own_loop(policy={"classifier": policy, "generator": policy})
    release, found = loop.inputs.release, []

    def counted(later: Iterable[Recipe]) -> None:
        release(later)
        found.append(len(loop.inputs._kept))

    monkeypatch.setattr(loop.inputs, "release", counted)
    assert len(list(simulate(loop))) == GENERATIONS
    assert found == left


# recipes


class Story:
    """An oracle: all that each model is a function of, by (learner, generation), from the specs as they hold."""

    def __init__(self, held: list[RunSpec]) -> None:
        self.held = held
        self.known: dict[tuple[str, int], Any] = {}
        for i, now in enumerate(held):
            first = hashed(now.generator.model_dump(mode="json"))
            self.known["generator", i] = first if i == 0 else self.learned("generator", i)
            self.known["classifier", i] = self.learned("classifier", i)

    def presence(self, i: int) -> tuple[Any, ...]:
        held, known = self.held, self.known
        steps = [(str(held[j].response.retention), held[j].response.arrivals,
                  known["classifier", j - 1] if held[j].response.on else None) for j in range(1, i + 1)]  # fmt: skip
        while steps and steps[0][0] == "[]":
            steps = steps[1:]
        return tuple(steps)

    def learned(self, learner: str, i: int) -> Any:
        held, known = self.held, self.known
        now, later = held[i], int(learner == "generator")
        chosen, latest = getattr(now.policy, learner), i - later
        back = {"replace": 1, "window(2)": 2}.get(chosen.kind, i + 2)
        makers = [g for g in range(-1, latest + 1) if g > latest - back]
        sorted_out = now.star.target in (learner, "both")
        size = {g: (getattr((held[g + later] if chosen.kept else now).policy, learner).samples or PEOPLE) if g >= 0
                else PEOPLE for g in makers}  # fmt: skip
        share = chosen.real_share if chosen.kind != "replace" or chosen.real_share else 0
        weights = {g: size[g] if chosen.weights == "size" else 1 for g in makers if g >= 0 or share is None}
        real = 0 if share is None else share
        parts = []
        for g, weight in weights.items():
            rules = held[g + later] if chosen.kept and g >= 0 else now
            labels = rules.labels.model_dump_json() if not later or sorted_out else None
            by = "A_L" if now.setting == "seqgen-nonseqclass" or g + later == 0 else ("classifier", g + later - 1)
            named = known.get(by, by) if labels else None
            makes = ("people", self.presence(i)) if g < 0 else (
                known["generator", g], named, labels, rules.temperature, size[g] if chosen.kept else None)  # fmt: skip
            if (part := round((1 - real) * weight / sum(weights.values()), 9)) > 0:
                parts.append((g, part, makes))
        if real:
            parts.append((-1, round(real, 9), ("people", self.presence(i))))
        total = size[latest] if chosen.kind == "replace" else sum(size.values())
        total = (chosen.samples or PEOPLE) if chosen.kind in ("replace", "accumulate-subsample") else total
        training = getattr(now, learner).model_dump(mode="json", exclude={"first_epochs"})
        star = (str(now.star.ideal), now.star.budget) if sorted_out else None
        start = known[learner, i - 1] if now.warm_start in (learner, "both") and i else None
        return hashed((training, parts, star, start, now.generator.batch, total))


def hashed(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


KEPT = {"kind": "accumulate", "kept": True, "real_share": 0.25}


@settings(max_examples=25)
@given(schedules, st.integers(0, GENERATIONS - 2), changes, st.sampled_from(["seqgen-seqclass", "seqgen-nonseqclass"]))
def test_models_that_differ_never_share_a_recipe(schedule, generation, change, setting):
    """Two specs that differ in a few fields in one generation: where their models differ, so do the recipes."""
    held = written_out(spec_of({}, policy={"classifier": KEPT}), schedule, generation + 1).flat()
    back = {path: held[path] for path in change if path in held}
    other = {
        **schedule,
        generation: {**schedule.get(generation, {}), **change},
        generation + 1: {**back, **schedule.get(generation + 1, {})},
    }
    specs = []
    for one in (schedule, other):
        try:
            specs.append(spec_of(one, setting=setting, policy={"classifier": KEPT}))
        except InputError:
            assume(False)
    found: dict[str, Any] = {}
    for spec in specs:
        made, told = planned(spec), Story([spec.at(i) for i in range(GENERATIONS)]).known
        for learner, recipes in (("generator", made.generators), ("classifier", made.classifiers)):
            for i, recipe in enumerate(recipes):
                assert found.setdefault(recipe.fingerprint, told[learner, i]) == told[learner, i]


FINGERPRINTS = {
    "temperature": [{"temperature": 0.5}, {"temperature": 1}],
    "labels": [{"labels.choice": "sample"}, {"labels.choice": "argmax"}],
    "errors": [{"labels": {"error": 0.2}}, {"labels": {"error": []}}],
    "samples": [{"policy.classifier.samples": 5}, {"policy.classifier.samples": None}],
}


@pytest.mark.parametrize("name", FINGERPRINTS)
def test_recipes_tell_the_rules_that_held_when_kept_samples_were_made(name):
    """A change for one generation alone is remembered by kept samples, and by no others."""
    there, back = FINGERPRINTS[name]
    for kept in (True, False):
        policy = {"classifier": {"kind": "accumulate", "kept": kept, "real_share": 0}}
        fields = {"policy": policy, "setting": "seqgen-nonseqclass"}
        plain, changed = planned(spec_of({}, **fields)), planned(spec_of({1: there, 2: back}, **fields))
        if name == "temperature":  # which G_1 learns from, too
            assert bool(changed.classifiers[3].mixture.earlier) == kept
        else:
            assert (changed.classifiers[3] != plain.classifiers[3]) == kept
        assert changed.classifiers[0] == plain.classifiers[0]
        assert not plain.classifiers[3].mixture.earlier
