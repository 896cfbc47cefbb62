"""Recipes name models on disk: those of a spec that was right before keep their names, whatever builds them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from fairloop import presets
from fairloop.data import Population, Split
from fairloop.models.numerics import Numerics
from fairloop.seeding import ModelRole
from fairloop.spec.models import ClassifierSpec
from fairloop.spec.people import PeopleSpec
from fairloop.spec.policies import Part
from fairloop.spec.sections import LabelsSpec, ResponseSpec
from fairloop.training.batches import Schedule
from fairloop.training.mixture import Mixture, RealPeople, SampleRules, first_use, latest
from fairloop.training.plan import Plan, plan
from fairloop.training.recipe import CurationRules, Influence, Parent, Recipe, StarRule

PEOPLE = 1000
KEPT = {"kind": "accumulate", "kept": True, "real_share": 0.25}
HALVING = {"retention": [[1, 1], [0.5, 1]]}
SCHEDULE = {
    1: {"temperature": 0.5, "labels.human_share": 0.5},
    2: {"labels": {"error": [0.1, 0.2]}, "generator.batch": 64, "response": HALVING},
    3: {"temperature": 1, "star.target": "both", "response.retention": [[1, 1], [1, 0.25]]},
}


def population() -> Population:
    """A thousand people of one feature, in strata of different sizes. They have a fingerprint, so nothing is hashed."""
    codes = np.arange(PEOPLE) % 10
    split = Split(np.zeros((PEOPLE, 1), np.float32), codes // 4 % 2, codes % 2)
    return Population("few", ("no", "yes"), ("a", "b"), ("b",), split, {"test": split}, fingerprint="few")


def on_both(**policy: Any) -> dict[str, Any]:
    """The same data policy for generators and classifiers."""
    return {"policy": {"generator": policy, "classifier": policy}}


def curated(*steps: dict[str, Any], target: str = "both", **fields: Any) -> dict[str, Any]:
    return {"curation": {"target": target, "steps": list(steps)}, **fields}


BOTH = {"target": "both"}
SPECS: dict[str, dict[str, Any]] = {
    "paper": {},
    "paper, STAR on classifiers": {"star": {"target": "classifier"}},
    "paper, STAR on generators": {"star": {"target": "generator"}},
    "paper, STAR on both": {"star": BOTH, "seed": 24},
    "paper, annotator labels": {"setting": "seqgen-nonseqclass", "star": BOTH},
    "paper, fixed generator": {"setting": "seqclass", "star": {"target": "classifier"}},
    "paper, control": {"setting": "control"},
    "SVHN": {"preset": "colored-svhn", "star": BOTH},
    "CelebA": {"preset": "celeba", "star": BOTH},
    "FairFace": {"preset": "fairface", "star": {"target": "classifier"}},
    "demo": {"preset": "demo", "star": BOTH},
    "Adult": {"preset": "adult", "star": BOTH, "setting": "seqgen-nonseqclass"},
    "other ideal": {
        "star": {**BOTH, "ideal": {"kind": "population", "strength": 0.5}, "rounding": "stochastic", "batch": 100}
    },
    "real people in generators' batches": {"synthetic_share": 0.75, "star": {"target": "generator"}},
    "real people in every batch": {"synthetic_share": 0, "policy": {"people": 100, "real": "fixed"}},
    "accumulate": on_both(kind="accumulate"),
    "accumulate, kept": on_both(**KEPT),
    "accumulate-subsample by size": on_both(kind="accumulate-subsample", weights="size", samples=300),
    "window, kept for classifiers": {"policy": {"classifier": {"kind": "window(2)", "kept": True}}},
    "fixed people": {"policy": {"people": 100, "classifier": {"real_share": 0.5}}},
    "fresh people": {"policy": {"people": 100, "real": "fresh", "classifier": {"real_share": 1}}},
    "response": {"policy": {"classifier": {"real_share": 0.5}}, "response": {**HALVING, "arrivals": 0.25}},
    "response beside generators": {"synthetic_share": 0.5, "response": HALVING},
    "labels": {"labels": {"choice": "sample", "human_share": 0.5, "error": [0.1, 0.2]}},
    "labels, curated generators": curated({"kind": "best-of", "k": 2}, labels={"error": 0.1}),
    "temperature": {"temperature": 0.5},
    "chain and STAR": curated({"kind": "verifier", "keep": 0.25}, {"kind": "oversample"}, star=BOTH),
    "balance": curated({"kind": "reweigh"}, {"kind": "group-balanced"}, target="classifier"),
    "verification, accumulated": curated({"kind": "verifier"}, policy={"classifier": {"kind": "accumulate"}}),
    "warm start": {"warm_start": "both"},
    "schedule": {"schedule": SCHEDULE, "policy": {"classifier": {"real_share": 0.25}}},
    "schedule, kept": {"schedule": SCHEDULE, **on_both(**KEPT)},
    "schedule, policies": {
        "schedule": {
            2: {"policy": {"generator": KEPT}, "warm_start": "classifier"},
            3: {"policy.generator.real_share": None, "synthetic_share": 0.5},
        }
    },
}

GOLDEN = {
    "paper": "956a806c7382d46a c21b80eb82061bd0 6ce7f5b7a784f642",
    "paper, STAR on classifiers": "29b88a4e8276f757 c21b80eb82061bd0 dc587f80e33390d3",
    "paper, STAR on generators": "0d7f79a835e89523 4d727c5e8e5857b5 a3cd1b187ae26257",
    "paper, STAR on both": "8f9b405f9bc3ea05 1f8dbe9167cc8cae 3095fef0b286f4c2",
    "paper, annotator labels": "d1ccf8cfb613d1a9 daa48ca1cf41f675 d54b8ea044951dd0",
    "paper, fixed generator": "c4f22be934ff2ca9 93e34e00d279e49e 707f3e16bfda1049",
    "paper, control": "de2854f431acb639 93e34e00d279e49e f223371afe4363e4",
    "SVHN": "1841927ec7cecada 0b6ac739ab9959ad 5d35433ad19bf153",
    "CelebA": "23f71eebf3ab5bc2 b10a27dccf0154db 8583560ccf8ea583",
    "FairFace": "bd7de55c12bbdad2 33f6c4a6a5396dc1 d8a9d3d7f8794f90",
    "demo": "f21113a24a817e47 fb171007cce6feb9 563c7eacd2109596",
    "Adult": "c0caa6b282eaf2de 59e1f687f245d6d2 cf445b1191333c31",
    "other ideal": "a2f2b75007cf0e8c f8740bb8adcbc2bd 994f0470fab58b4c",
    "real people in generators' batches": "0c0c1a982f520fed fa21415d5f23aeb9 8380fc692c6df9f5",
    "real people in every batch": "7a874020aefed411 4d5cc9838affeebb 7572a61f71c0bbdf",
    "accumulate": "7b968e179e3d4142 493b3a456a396dc5 76c8dd3afd5e7aab",
    "accumulate, kept": "607b303ec46a7760 a07caf4bf17fe2a6 235a7faf0f220454",
    "accumulate-subsample by size": "aa437415bc2b1950 ff15d9530ad602e1 2175fbd4689a7344",
    "window, kept for classifiers": "af662c952eba9751 c21b80eb82061bd0 564488a410b13886",
    "fixed people": "ade40ee7131f06cb 0342e39c437bc3f0 12c571504f0c5a2b",
    "fresh people": "b2ca7d5233b0dbaf 0342e39c437bc3f0 f70a4f996d0c9881",
    "response": "86bdfb184c0db846 c21b80eb82061bd0 80f40a9b86e96e46",
    "response beside generators": "5249f192d9251100 31de5aa77b210bfc 3a89eb461fd86c4e",
    "labels": "7c28fb4a8105565f c21b80eb82061bd0 03361f71f2156f20",
    "labels, curated generators": "de743f6875aaebb6 8488b00623f4e7ad 064e02d1d1c34f5a",
    "temperature": "cf81b949af81eeac 90819d8562c3c5d3 7911ff10d3b666ff",
    "chain and STAR": "1d50c31a074b4f3c 9c86698d5a7a0dfa 0e3809e0b932869e",
    "balance": "f5f5688b16ee1536 c21b80eb82061bd0 e1e8de957a3d310f",
    "verification, accumulated": "f368510e455fb07e 41154edc8b0b6e31 9349f7fb282bf32a",
    "warm start": "dcc5b15db735c1e1 a89cce5d84a1522a a454e791e687bca3",
    "schedule": "cfc6135f629e9ab1 a4456828566ff732 69d4ac4b22bf3fe3",
    "schedule, kept": "9e43328abd70cabf 49793c829046f83e eaf721c974f8b73e",
    "schedule, policies": "2ffc0c059173937b 097199f1904e12f5 d05ca8c336d34114",
}
"""As they were when recipes were plain dictionaries. `python tests/test_recipes.py` prints those of now."""

WRITTEN_OUT = {"schedule, kept": ModelRole.CLASSIFIER, "chain and STAR": ModelRole.GENERATOR}
STORED = Path(__file__).parent / "stored" / "recipes.json"


def planned(name: str) -> Plan:
    """The recipes of four generations of a preset, the paper's if none is named, with other fields."""
    asked = {"preset": "colored-mnist", "generations": 4, **SPECS[name]}
    return plan(presets.preset(asked.pop("preset"), **asked), population(), Numerics())


def told(made: Plan) -> list[str]:
    """A hash of all recipes in their order; then the last generator and the last classifier by themselves."""
    prints = [recipe.fingerprint for recipe in made]
    whole = hashlib.sha256(" ".join(prints).encode()).hexdigest()
    return [found[:16] for found in (whole, made.generators[-1].fingerprint, made.classifiers[-1].fingerprint)]


@pytest.mark.parametrize("name", SPECS)
def test_recipes_keep_their_fingerprints(name):
    assert told(planned(name)) == GOLDEN[name].split()


@pytest.mark.parametrize("name", WRITTEN_OUT)
def test_recipes_are_written_as_models_on_disk_hold_them(name):
    made = planned(name)
    models = made.generators if WRITTEN_OUT[name] is ModelRole.GENERATOR else made.classifiers
    assert json.loads(json.dumps(models[-1].described())) == json.loads(STORED.read_text())[name]


FULL = Recipe(
    ModelRole.CLASSIFIER, 0, 2, ClassifierSpec(), Numerics(), Schedule(3, 8, 7), "few",
    CurationRules(({"kind": "verifier"},), StarRule(((0.5, 0.25), (0.25, 0.125)), 3, "floor")), 0.5,
    (Parent(Influence.GENERATOR, "a", 0), Parent(Influence.GROUPER, "b", 1)), 4,
    Mixture((Part(0, 0.5), Part(1, 0.25)), SampleRules(5, 0.5, LabelsSpec(choice="sample")), ((0, SampleRules(7)),),
            RealPeople((2, 5), ((1, ResponseSpec(arrivals=0.5)), (3, ResponseSpec())))),
    PeopleSpec(kind="lending", arguments={"bounds": None}, arrivals=10, history=5, retention=[[1, 0.5]], newcomers=0.25,
               revealed="accepted", exploration=0.5, delay=1, weights="none", first="nobody", rule="own"),
)  # fmt: skip
"""A recipe in which no part is at its default."""


def changed(value: Any) -> Iterator[Any]:
    """`value` with one leaf changed, for each leaf; tuples of records also without the last one."""
    if is_dataclass(value):
        for field in fields(value):
            yield from (replace(value, **{field.name: other}) for other in changed(getattr(value, field.name)))
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from (value.model_copy(update={name: other}) for other in changed(getattr(value, name)))
    elif isinstance(value, tuple):
        rebuilt = value._make if hasattr(value, "_make") else tuple
        yield from (
            rebuilt([*value[:i], other, *value[i + 1 :]]) for i in range(len(value)) for other in changed(value[i])
        )
        if rebuilt is tuple and not isinstance(value[0], int | float):
            yield value[:-1]
    elif isinstance(value, dict):
        yield {**value, "another": 1}
        yield from ({**value, name: other} for name, old in value.items() for other in changed(old))
    elif isinstance(value, str):
        yield f"{value}, or another"
    elif isinstance(value, bool):
        yield not value
    else:
        yield value + 1 if isinstance(value, int | float) else 1 if value is None else [*value, 0.5]


@pytest.mark.filterwarnings("ignore:Pydantic serializer")
def test_every_leaf_of_a_recipe_changes_its_fingerprint():
    found = [FULL, *changed(FULL)]
    prints = {recipe.fingerprint for recipe in found}
    assert len(found) > 60
    assert len(prints) == len(found)


@given(st.sampled_from(["generator", "classifier"]), st.integers(0, 100))
def test_the_first_model_that_learns_from_a_generation_finds_it_the_latest(learner, generation):
    assert latest(learner, first_use(learner, generation)) == generation


if __name__ == "__main__":
    for name in SPECS:
        print(f'    "{name}": "{" ".join(told(planned(name)))}",')
