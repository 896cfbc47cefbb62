"""Fields that change between generations: one meaning in every notation, checked first, holding from then on."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from conftest import tiny
from fairloop import OwnLoop, data
from fairloop.data import Population, Split
from fairloop.errors import InputError
from fairloop.loop.generations import Generation, simulate
from fairloop.loop.trainer import ModelTrainer
from fairloop.models.cnn import LeNet5, SimpleCNN
from fairloop.models.numerics import Numerics
from fairloop.running.heartbeat import Heartbeat
from fairloop.running.progress import LineView
from fairloop.running.run import run
from fairloop.spec.files import with_files_read
from fairloop.spec.run import RunSpec, from_mapping
from fairloop.spec.sections import ResponseSpec
from fairloop.store.directory import RunDirectory
from fairloop.store.memory import MemoryModels
from fairloop.training.plan import Plan, plan

Changes = dict[int, dict[str, Any]]
GENERATIONS = 4
PEOPLE = 12


def few() -> Population:
    """Two labels, two groups, twelve people of three features."""
    split = Split(np.zeros((PEOPLE, 3), np.float32), np.arange(PEOPLE) % 2, np.arange(PEOPLE) // 2 % 2, mirror=False)
    return Population("few", ("no", "yes"), ("a", "b"), ("b",), split, {"test": split})


def planned(spec: RunSpec) -> Plan:
    return plan(spec, few(), Numerics())


def spec_of(schedule: Mapping[Any, Any], **fields: Any) -> RunSpec:
    base: dict[str, Any] = {"generations": GENERATIONS, "policy": {"classifier": {"real_share": 0.25}}}
    return from_mapping({**base, **fields, "schedule": schedule})


# random schedules, as {generation: {path: value}}, in three notations

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "generator.model": st.sampled_from(["conv-vae", "dcvae"]),
    "generator.arguments": st.sampled_from([{}, {"latent": 3}, {"latent": 4, "widths": [4, 8]}]),
    "generator.batch": st.sampled_from([4, 8]),
    "classifier.model": st.sampled_from(["simple-cnn", "lenet-5"]),
    "classifier.learning_rate": st.sampled_from([0.1, 0.2]),
    "classifier.frozen_norm_after": st.sampled_from([None, 2]),
    "star.target": st.sampled_from(["none", "classifier", "generator", "both"]),
    "star.ideal": st.sampled_from(["uniform", "population", {"kind": "uniform", "strength": 0.5}]),
    "star.budget": st.sampled_from([None, 3]),
    "policy.generator.kind": st.sampled_from(["replace", "accumulate", "window(2)"]),
    "policy.generator.kept": st.booleans(),
    "policy.classifier.kind": st.sampled_from(["replace", "accumulate", "accumulate-subsample"]),
    "policy.classifier.kept": st.booleans(),
    "policy.classifier.samples": st.sampled_from([None, 7]),
    "policy.classifier.weights": st.sampled_from(["equal", "size"]),
    "policy.classifier.real_share": st.sampled_from([None, 0.25, 1]),
    "labels.choice": st.sampled_from(["argmax", "sample"]),
    "labels.human_share": st.sampled_from([0, 0.5]),
    "labels.error": st.sampled_from([[], [0.1], [0.1, 0.2]]),
    "response.retention": st.sampled_from([[], [[1, 0.5], [0.2, 1]], [[1, 1], [0, 0]]]),
    "response.arrivals": st.sampled_from([0, 0.5]),
    "temperature": st.sampled_from([1, 0.5]),
    "warm_start": st.sampled_from(["none", "classifier", "generator"]),
}
changes = st.dictionaries(
    st.sampled_from(sorted(VALUES)), st.integers(), min_size=1, max_size=6
).flatmap(lambda found: st.fixed_dictionaries({path: VALUES[path] for path in found}))  # fmt: skip
schedules = st.dictionaries(st.integers(0, GENERATIONS), changes, max_size=3)


def nested(changes: Mapping[str, Any]) -> dict[str, Any]:
    """As whole sections."""
    made: dict[str, Any] = {}
    for path, value in changes.items():
        *parents, leaf = path.split(".")
        place = made
        for parent in parents:
            place = place.setdefault(parent, {})
        place[leaf] = value
    return made


def repeated(schedule: Changes) -> Changes:
    """Every generation says again all that was said before it."""
    said: dict[str, Any] = {}
    found = {}
    for i in range(GENERATIONS + 1):
        said |= schedule.get(i, {})
        found[i] = dict(said)
    return {i: told for i, told in found.items() if told}


def written_out(spec: RunSpec, schedule: Changes, generation: int) -> RunSpec:
    """An oracle: the fields of the base, overlaid one path after the other by a fold of our own."""
    fields = spec.model_dump(mode="json")
    fields["schedule"], fields["policy"]["classifier"]["real_share"] = {}, 0.25
    for i in range(generation + 1):
        for path, value in schedule.get(i, {}).items():
            head, *rest = path.split(".")
            if not rest:
                fields[head] = value
            elif len(rest) == 1:
                fields[head] = {**fields[head], rest[0]: copy.deepcopy(value)}
            else:
                inner = {**fields[head][rest[0]], rest[1]: copy.deepcopy(value)}
                fields[head] = {**fields[head], rest[0]: inner}
    response = ResponseSpec.model_validate(fields.pop("response"))  # alone it may lack real people, or need none
    return from_mapping(fields).model_copy(update={"response": response})


def possible(schedule: Mapping[Any, Any]) -> RunSpec:
    try:
        return spec_of(schedule)
    except InputError:  # warm starts of other models; nobody real for a response
        assume(False)
        raise


@settings(max_examples=25)
@given(schedules)
def test_every_notation_gives_the_specs_and_recipes_that_are_written_out(schedule):
    spec = possible(schedule)
    ways = [
        spec,
        spec_of({str(i): nested(changes) for i, changes in repeated(schedule).items()}),
        from_mapping(json.loads(spec.model_dump_json())),
    ]
    for generation in range(GENERATIONS + 1):
        expected = written_out(spec_of({}), schedule, generation)
        for way in ways:
            assert way.at(generation).model_copy(update={"schedule": {}}) == expected
    first, *others = map(planned, ways)
    assert all(other == first for other in others)
    for generation, recipe in enumerate(first.classifiers):
        now = written_out(spec_of({}), schedule, generation)
        assert recipe.training == now.classifier
        assert first.generators[generation].training == now.generator


def test_a_section_changes_only_what_it_names_and_arguments_as_a_whole():
    arguments = {"latent": 4, "widths": [4, 8]}
    spec = spec_of(
        {1: {"generator": {"batch": 64}}, 2: {"generator": {"arguments": {"latent": 3}}},
         3: {"generator.arguments.latent": 5}},
        generator={"arguments": arguments, "learning_rate": 0.5},
    )  # fmt: skip
    found = [spec.at(i).generator for i in range(GENERATIONS)]
    assert [now.batch for now in found] == [256, 64, 64, 64]
    assert [now.learning_rate for now in found] == [0.5] * GENERATIONS
    assert [now.arguments for now in found] == [arguments, arguments, {"latent": 3}, {"latent": 5}]
    assert spec.at(2).generator.arguments == {"latent": 3}  # what was asked before changes nothing


def test_an_ideal_in_a_file_is_read_once(tmp_path):
    file = tmp_path / "ideal.csv"
    file.write_text("label,group,share\nno,a,.25\nno,b,.25\nyes,a,.25\nyes,b,.25\n")
    rows = [{"label": label, "group": group, "share": 0.25} for label in ("no", "yes") for group in ("a", "b")]
    mixture = {"kind": str(file), "strength": 0.5}
    changes = ({"star.ideal": str(file)}, {"star": {"ideal": str(file)}}, {"star.ideal": mixture})
    specs = [spec_of({1: {"star.target": "classifier", **change}}) for change in changes]
    specs.append(spec_of({1: {"star.target": "classifier", "star.ideal.kind": str(file)}}, star={"ideal": mixture}))
    read = [with_files_read(spec) for spec in specs]
    file.unlink()
    assert [spec.at(1).star.ideal for spec in read[:2]] == [rows] * 2
    assert [spec.at(1).star.ideal for spec in read[2:]] == [{"kind": rows, "strength": 0.5}] * 2
    assert all(from_mapping(json.loads(spec.model_dump_json())) == spec for spec in read)
    assert not any(spec.names_files for spec in read)


# what cannot be


OTHER = "generator: {model: stand_ins:Latentless, arguments: {}}"
WRONG = {
    "{1: {labels.error: [.1, .2, .3]}}": "schedule.1: labels.error=[0.1, 0.2, 0.3]: give one number",
    "{9: {labels: {error: [.1, .2, .3]}}}": "schedule.9: labels.error",  # also where the run does not come yet
    "{2: {response: {retention: [[1, 1]]}}}": "schedule.2: response.retention=[[1.0, 1.0]]: needs a row for each",
    "{2: {response.retention: [[1, 1], [1]]}}": "schedule.2: response.retention",
    "{2: {star: {target: both, ideal: [[.5, .5]]}}}": "schedule.2: star.ideal",
    "{2: {star.ideal: no_such.csv}}": "schedule.2: star.ideal=no_such.csv: file 'no_such.csv' cannot be read",
    "{1: {policy.classifier.kind: 'no_such:Thing'}}": "schedule.1: kind: 'no_such:Thing'",
    "{1: {curation: {target: classifier, steps: [{kind: best-of, why: 0}]}}}": "schedule.1: curation.steps",
    "{7: {curation: {target: both, steps: [{kind: reweigh}]}}}": "schedule.7: curation.target: reweigh weighs",
    "{1: {classifier.model: no-such}}": "schedule.1: classifier.model: 'no-such' is not one of",
    "{1: {generator: {arguments: {nope: 1}}}}": "schedule.1: generator.arguments: 'conv-vae'",
    "{1: {generator.first_epochs: 3}}": "schedule.1.generator.first_epochs: cannot change",
    "{1: {generator: {first_epochs: 3}}}": "schedule.1.generator.first_epochs: cannot change",
    "{1: {policy: {people: 100}}}": "schedule.1.policy.people: cannot change",
    "{1: {policy.people: 100}}": "schedule.1.policy.people: cannot change",
    "{1: {generator.batch: 1, generator: {batch: 2}}}": "schedule.1.generator.batch: is named twice",
    "{1: {generator.arguments.latent: 1, generator: {arguments: {}}}}": "generator.arguments: is named twice",
    "{1: {star.target.x: 1}}": "schedule.1.star.target.x: 'target' holds one value",
    "{1: {star: 5}}": "schedule.1: star=5",
    "{1: {star: {goal: 5}}}": "schedule.1: star.goal: there is no such field",
    "{1: {warm_start: both}, 2: {classifier: {model: lenet-5}}}": "schedule.2.classifier.model: warm_start=both",
    "{1: {generator.arguments: {latent: 3}, warm_start: generator}}": "schedule.1.generator.arguments: warm_start",
    f"{{1: {{{OTHER}, temperature: 0.5}}}}": "schedule.1: temperature=0.5: 'stand_ins:Latentless' has no latents",
    f"{{1: {{{OTHER}}}, 2: {{generator: {{model: conv-vae}}, temperature: 0.5}}}}": "temperature=0.5",  # G_2 sees G_1's
}


@pytest.mark.parametrize("schedule", WRONG)
def test_what_a_schedule_names_is_checked_before_anything_is_trained(schedule):
    with pytest.raises(InputError) as caught:
        ModelTrainer(
            tiny(f"schedule={schedule}", "policy.classifier.real_share=0.5"), MemoryModels(), population=real()
        )
    assert WRONG[schedule] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_setting_that_keeps_its_generator_keeps_its_model():
    for notation in ("generator.model: dcvae", "generator: {model: dcvae}"):
        with pytest.raises(InputError, match=r"schedule\.1\.generator\.model: the setting keeps its generator"):
            tiny("setting=seqclass", f"schedule={{1: {{{notation}}}}}")
    assert tiny("setting=seqclass", "schedule={0: {generator.model: dcvae}}").at(3).generator.model == "dcvae"


def test_own_objects_refuse_what_they_do_not_have():
    for changes, words in (
        ({"temperature": 0.5}, "no latents"),
        ({"generator.epochs": 3}, "has no effect on your own objects"),
        ({"classifier": {"batch": 3}}, "has no effect on your own objects"),
        ({"warm_start": "both"}, "each generator .Copies. is fitted by one call"),
    ):
        with pytest.raises(InputError, match=rf"schedule\.1: .*{words}"):
            own_loop(schedule={1: changes})
    with pytest.raises(InputError, match=r"schedule\.1: labels.error"):
        own_loop(schedule={1: {"labels.error": [0.1, 0.2, 0.3]}})


@pytest.mark.slow
def test_the_status_of_a_run_tells_the_epochs_that_hold(tmp_path, monkeypatch):
    told = {}
    monkeypatch.setattr(Heartbeat, "trains", lambda self, model, epoch, epochs: told.update({model: epochs}))
    spec = tiny("schedule={2: {classifier.epochs: 3}, 0: {generator.first_epochs: 2}}")
    run(spec, RunDirectory(tmp_path / "run"), LineView(lambda line: None))
    assert [told[model] for model in ("generator 0", "classifier 1", "classifier 2")] == [2, 1, 3]


# networks


@cache
def real() -> Population:
    return data.load(tiny().data, 0)


def test_the_network_that_is_built_is_the_one_that_its_recipe_names():
    """Notation, and whether it is loaded or fitted, make no difference."""
    arguments = {"widths": [4, 8], "latent": 3}
    small = ["data.train=64", "data.test=40", "measure.samples=20", "annotator.epochs=1"]
    models, tables = MemoryModels(), []
    for changes in (
        {"generator": {"arguments": arguments}, "classifier": {"model": "lenet-5"}},
        {"generator.arguments": arguments, "classifier.model": "lenet-5"},
    ):
        spec = tiny(*small, f"schedule={json.dumps({1: changes, 2: {'warm_start': 'both'}})}")
        generations = list(simulate(spec, models if not tables else MemoryModels()))
        tables.append([tuple(map(repr, row)) for one in generations for row in one.rows])
        assert [type(one.classifier.module) for one in generations] == [SimpleCNN, LeNet5, LeNet5]
        for one in generations:
            drawn = one.generator.module.encode(torch.zeros(1, *real().shape))
            assert drawn.shape[1] == one.generator.recipe.training.arguments["latent"]
        assert [one.generator.recipe.training.arguments["latent"] for one in generations] == [4, 3, 3]
    assert tables[0] == tables[1]
    again = list(simulate(spec, models, start=2))
    assert [tuple(map(repr, row)) for row in again[0].rows] == [
        tuple(map(repr, row)) for row in generations[2].rows
    ]  # fmt: skip


# loops of objects that fit at once


class Copies:
    """People that it has seen."""

    def fit(self, x: NDArray[np.float64]) -> None:
        self.x = x

    def sample(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        return self.x[rng.integers(len(self.x), size=n)] + rng.normal(size=(n, self.x.shape[1])) / 10


class Nearest:
    """The label whose mean is nearest."""

    def fit(self, x: NDArray[np.float64], y: NDArray[np.int64]) -> None:
        self.means = {label: x[y == label].mean(axis=0) for label in np.unique(y)}

    def predict(self, x: NDArray[np.float64]) -> list[Any]:
        means = np.stack(list(self.means.values()))
        nearest = ((x[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
        return np.array(list(self.means))[nearest].tolist()


def own_loop(**regime: Any) -> OwnLoop:
    rng = np.random.default_rng(0)
    y, groups = rng.integers(2, size=60), rng.integers(2, size=60)
    people = np.stack([y, groups, y - groups], axis=1) + rng.normal(size=(60, 3)) / 2, y, groups
    regime = {"policy": {"classifier": {"real_share": 0.25}}, **regime}
    return OwnLoop(
        people, people, generator=Copies(), classifier=Nearest(), generations=GENERATIONS, samples=40, **regime
    )


def table(generations: Iterable[Generation]) -> list[list[tuple[str, ...]]]:
    return [[tuple(map(repr, row)) for row in generation.rows] for generation in generations]


RESPONSE = {"response": {"retention": [[1, 0.5], [0.2, 1]], "arrivals": 0.1}}
REGIMES: list[dict[str, Any]] = [
    {"star.target": "both"},
    {"labels.choice": "sample", "labels.human_share": 0.3},
    {"labels.error": [0.1, 0.4]},
    {"policy.classifier.kind": "accumulate", "policy.classifier.kept": True},
    {"policy.generator.kind": "window(2)", "policy.generator.kept": True},
    {"policy.generator.real_share": 0.5},
    {"curation.target": "both", "curation.steps": [{"kind": "best-of", "k": 2}]},
    {"synthetic_share": 0.5},
    {"response.retention": RESPONSE["response"]["retention"], "response.arrivals": 0.1},
]
regimes = st.lists(st.sampled_from(REGIMES), min_size=1, max_size=3).map(
    lambda found: {path: value for part in found for path, value in part.items()}
)


@settings(max_examples=4)
@given(st.dictionaries(st.integers(1, GENERATIONS - 1), regimes, min_size=1, max_size=2))
def test_a_run_is_the_same_in_every_notation_and_before_its_first_change(schedule):
    try:
        plain = own_loop(schedule=schedule)
    except InputError:  # real_share with synthetic_share
        assume(False)
    found = table(simulate(plain))
    assert table(simulate(own_loop(schedule={i: nested(told) for i, told in repeated(schedule).items()}))) == found
    first = min(schedule)
    assert table(simulate(own_loop()))[:first] == found[:first]


def test_a_change_from_the_beginning_is_the_spec():
    for changes in ({"labels.choice": "sample", "star.target": "both"}, RESPONSE | {"labels": {"error": [0.1, 0.4]}}):
        assert table(simulate(own_loop(schedule={0: changes}))) == table(simulate(own_loop(**nested(changes))))


@pytest.mark.parametrize("kind", ["replace", "accumulate"])
def test_rows_about_people_begin_with_the_response(kind):
    loop = own_loop(policy={"classifier": {"kind": kind, "real_share": 0.5}}, schedule={2: RESPONSE})
    found = [[row.value for row in one.rows if row.split == "people"] for one in simulate(loop)]
    assert [len(shares) for shares in found] == [0, 0, 2, 2]
    assert found[2] != found[3]
