"""What enters the next generation's data: the laws of policies, labels, curations and people who leave."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from conftest import tiny
from fairloop.data import Population, Split
from fairloop.errors import InputError
from fairloop.loop.generations import Generation, simulate
from fairloop.loop.trainer import ModelTrainer
from fairloop.models.interface import Classifier
from fairloop.models.numerics import Numerics
from fairloop.sources.batch import UNNAMED
from fairloop.sources.labelling import Labelling
from fairloop.sources.mixture import Kept, Pool
from fairloop.sources.origin import ANNOTATOR, NOBODY, REAL, TRUTH, Origin
from fairloop.sources.source import RealData, Source
from fairloop.spec.policies import Part, ingredients, policy
from fairloop.spec.run import from_mapping
from fairloop.store.interface import Trained
from fairloop.store.memory import MemoryModels
from fairloop.testing.streams import stream
from fairloop.training.mixture import Mixture, RealPeople
from stand_ins import Counted, Sure

BOTH = ("policy.generator.kind={0}", "policy.classifier.kind={0}")


def run(*overrides: str, models: MemoryModels | None = None, start: int = 0) -> list[Generation]:
    return list(simulate(tiny(*overrides), models, start=start))


def both(kind: str) -> list[str]:
    return [field.format(kind) for field in BOTH]


def table(generations: list[Generation]) -> list[tuple[str, ...]]:
    return [tuple(map(repr, row)) for generation in generations for row in generation.rows]


def recipes(*overrides: str) -> list[str]:
    return [recipe.fingerprint for recipe in ModelTrainer(tiny(*overrides), MemoryModels()).plan]


# policies


@given(
    st.sampled_from(["replace", "accumulate", "accumulate-subsample", "window(1)", "window(3)", "window(99)"]),
    st.integers(0, 12), st.integers(1, 500), st.integers(1, 500), st.booleans(),
    st.none() | st.floats(0, 1),
)  # fmt: skip
def test_shares_are_of_generations_that_were_there_and_sum_to_one(text, latest, people, samples, by_size, real_share):
    mix = ingredients(policy(text), latest, people=people, samples=samples, by_size=by_size, real_share=real_share)
    found = [part.generation for part in mix.parts]
    assert found == sorted(set(found))
    assert REAL <= found[0] <= found[-1] <= latest
    assert sum(part.share for part in mix.parts) == pytest.approx(1)
    assert all(part.share > 0 for part in mix.parts)
    if real_share is not None:
        assert sum(part.share for part in mix.parts if part.generation == REAL) == pytest.approx(real_share)
    elif by_size and mix.real:
        made = len(mix.parts) - 1
        assert mix.parts[0].share == pytest.approx(people / (people + made * samples))


def test_what_an_epoch_passes_over_grows_with_accumulation_alone():
    sizes = {
        kind: [
            ingredients(policy(kind), i, people=10, samples=4, by_size=False, real_share=None).size for i in range(4)
        ]
        for kind in ("replace", "accumulate", "accumulate-subsample", "window(2)")
    }
    assert sizes == {
        "replace": [4] * 4,
        "accumulate": [14, 18, 22, 26],
        "accumulate-subsample": [4] * 4,
        "window(2)": [14, 8, 8, 8],
    }


def test_a_window_of_one_replaces_and_an_endless_one_accumulates():
    assert recipes(*both("window(1)")) == recipes()
    assert recipes(*both("window(9)")) == recipes(*both("accumulate"))
    assert len({tuple(recipes(*both(kind))) for kind in ("replace", "accumulate", "accumulate-subsample")}) == 3


def test_policies_of_classifiers_leave_the_chain_of_generators_as_it_is():
    plain = ModelTrainer(tiny(), MemoryModels()).plan
    other = ModelTrainer(tiny("policy.classifier.kind=accumulate"), MemoryModels()).plan
    assert other.generators == plain.generators
    assert all(ours != theirs for ours, theirs in zip(other.classifiers, plain.classifiers, strict=True))


class Odd:
    """The generations with odd numbers; before there are any, real people."""

    grows = False

    def generations(self, latest: int) -> list[int]:
        return list(range(1, latest + 1, 2)) or [REAL]


class Foreseeing(Odd):
    def generations(self, latest: int) -> list[int]:
        return [latest + 1]


def test_anybodys_policy_is_used_and_checked():
    last = run("policy.classifier.kind=test_regimes:Odd")[2].classifier
    assert last.recipe.mixture == Mixture(parts=(Part(1, 1.0),))
    assert {parent.name for parent in last.recipe.parents} == {"generator 1", "labeller 1"}
    assert last.log["origins"][0][1 - REAL, 0 - NOBODY] == last.log["origins"].sum()
    with pytest.raises(InputError, match="Foreseeing chose generations"):
        run("policy.classifier.kind=test_regimes:Foreseeing")


@pytest.mark.slow
def test_every_sample_knows_its_origin_and_shares_are_recorded():
    last = run(*both("accumulate"), "policy.classifier.real_share=0.25")[2]
    counts = last.classifier.log["origins"][0]
    shares = counts / counts.sum()
    assert shares[REAL - REAL, TRUTH - NOBODY] == pytest.approx(0.25, abs=0.01)
    for generation, labeller in ((0, ANNOTATOR), (1, 0), (2, 1)):
        assert shares[generation - REAL, labeller - NOBODY] == pytest.approx(0.25, abs=0.01)
    rows = {(row.label, row.group): row.value for row in last.rows
            if row.metric == "origin_share" and row.role == "classifier"}  # fmt: skip
    assert rows.keys() == {("true label", "real people"), ("label_annotator", "generation 0"),
                           ("classifier 0", "generation 1"), ("classifier 1", "generation 2")}  # fmt: skip
    assert sum(rows.values()) == pytest.approx(1)
    images_alone = [row for row in last.rows if row.metric == "origin_share" and row.role == "generator"]
    assert {(row.label, row.group) for row in images_alone} == {
        ("true label", "real people"), (None, "generation 0"), (None, "generation 1")}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    "overrides",
    [
        both("accumulate"),
        [*both("window(2)"), "policy.classifier.kept=true"],
        ["policy.classifier.real_share=0.5", "response.retention=[[1, .5], [.2, 1]]"],
        ["warm_start=both"],
        ["schedule={1: {star.target: classifier}, 2: {policy.generator.real_share: 0.5}}"],
    ],
    ids=["accumulate", "kept", "response", "warm start", "schedule"],
)
def test_a_run_goes_on_from_any_generation(overrides):
    models = MemoryModels()
    whole = run(*overrides, models=models)
    for start in (1, 2):
        assert table(run(*overrides, models=models, start=start)) == table(whole[start:])


def test_real_people_can_be_few_and_others_in_every_generation():
    fields = ["policy.people=100", "policy.classifier.real_share=1"]
    for real, expected in (("fixed", [(0, 100)] * 3), ("fresh", [(0, 100), (100, 200), (200, 300)])):
        plan = ModelTrainer(tiny(*fields, f"policy.real={real}"), MemoryModels()).plan
        assert [recipe.mixture.people.span for recipe in plan.classifiers] == expected
        assert plan.generators[0].mixture == Mixture(people=RealPeople(span=(0, 100)))
        assert plan.classifiers[0].schedule.steps == 2  # of 64, for 100 people


def test_kept_samples_are_made_once_and_each_comes_before_any_comes_again():
    kept = Kept(Source(Counted(), Numerics()), 50, (1,), lambda: stream(0), Numerics())
    first = kept.draw(50, stream(1)).inputs[:, 0]
    assert first.tolist() != sorted(first.tolist())
    assert sorted(first.tolist()) == list(range(50))
    again = kept.draw(120, stream(2)).inputs[:, 0]
    assert np.bincount(again.int().numpy(), minlength=50).tolist().count(2) == 30


def test_pools_keep_shares_of_parts_and_shuffle():
    parts = tuple(Source(Counted(), Numerics(), origin=Origin(g, NOBODY)) for g in (0, 1, 2))
    pool = Pool(parts, np.array([0.5, 0.3, 0.2]))
    batch = pool.draw(100, stream(0))
    assert torch.bincount(batch.origins[:, 0]).tolist() == [50, 30, 20]
    assert batch.origins[:50, 0].unique().tolist() == [0, 1, 2]
    drawn = sum(torch.bincount(pool.draw(1, stream(i)).origins[:, 0], minlength=3) for i in range(600))
    assert (drawn / 600 - torch.tensor([0.5, 0.3, 0.2])).abs().max() < 0.09  # four standard errors


# labels


def labelled(labelling: Labelling, labeller: Classifier, code: int, images: Tensor, groups: Tensor | None = None):
    groups = torch.zeros(len(images), dtype=torch.long) if groups is None else groups
    return labelling.label(labeller, code, images, groups, stream(0))


def test_people_err_as_often_as_said_in_each_group_and_classifiers_do_not():
    images, groups = torch.arange(30_000).float()[:, None] % 3, torch.arange(30_000) % 2
    truth, annotator = images[:, 0].long(), Sure(3)
    labelling = Labelling(annotator=annotator, error=(0.1, 0.3))
    labels, who = labelled(labelling, annotator, ANNOTATOR, images, groups)
    wrong = labels != truth
    assert (who == ANNOTATOR).all()
    for group, rate in ((0, 0.1), (1, 0.3)):
        assert wrong[groups == group].float().mean().item() == pytest.approx(rate, abs=0.02)
    assert torch.bincount((labels - truth)[wrong] % 3, minlength=3)[1:].float().std() < 300  # either other label
    by_classifier, _ = labelled(labelling, Sure(3), 4, images, groups)
    assert torch.equal(by_classifier, truth)


def test_a_share_of_samples_is_labelled_by_people():
    images = torch.zeros(10_000, 1)
    labels, who = labelled(Labelling(annotator=Sure(), share=0.3), Sure(shift=1), 5, images)
    assert torch.equal(who == ANNOTATOR, labels == 0)
    assert set(who.tolist()) == {ANNOTATOR, 5}
    assert (who == ANNOTATOR).float().mean().item() == pytest.approx(0.3, abs=0.02)


def test_labels_can_be_drawn_by_their_probabilities():
    images = torch.ones(10_000, 1)
    assert labelled(Labelling(), Sure(chance=0.8), 0, images)[0].float().mean() == 1
    drawn, _ = labelled(Labelling("sample"), Sure(chance=0.8), 0, images)
    assert drawn.float().mean().item() == pytest.approx(0.8, abs=0.02)


def test_without_a_labeller_nobody_is_named():
    labels, who = Labelling().label(None, NOBODY, torch.zeros(3, 1), torch.zeros(3), stream(0))
    assert labels.tolist() == [UNNAMED] * 3
    assert who.tolist() == [NOBODY] * 3


@pytest.mark.slow
def test_people_label_in_the_loop():
    all_by_people = run("labels.human_share=1")
    assert [g.classifier.recipe.mixture.rules.labels.human_share for g in all_by_people] == [1.0] * 3
    control = run("setting=seqgen-nonseqclass")
    for ours, theirs in zip(all_by_people, control, strict=True):
        assert ours.value("accuracy") == theirs.value("accuracy")
    counts = all_by_people[2].classifier.log["origins"][0]
    assert counts[2 - REAL, ANNOTATOR - NOBODY] == counts.sum()


# people who leave


def presence(retention: list[list[float]], arrivals: float, decisions: NDArray[np.int64], generations: int):
    from fairloop.loop.history import History
    from fairloop.loop.inputs import Inputs
    from fairloop.spec.setting import SETTINGS

    n = len(decisions)
    split = Split(decisions[:, None].astype(np.float32), np.zeros(n, np.int64), np.arange(n) % 2)
    people = Population("test", ("no", "yes"), ("a", "b"), ("b",), split, {"test": split})
    supplies = Inputs(people, Numerics())

    decider = Trained(tiny_recipe(), Sure(), {})
    history = History(SETTINGS["control"], None, {}, dict.fromkeys(range(generations), decider))
    response = from_mapping({"response": {"retention": retention, "arrivals": arrivals},
                             "policy": {"classifier": {"real_share": 0.5}}}).response  # fmt: skip
    return supplies.groups_present(RealPeople(responses=((1, response),)), generations, history)


def tiny_recipe():
    return ModelTrainer(tiny(), MemoryModels()).plan.classifiers[0]


def test_groups_shrink_as_their_people_are_turned_away():
    everybody = np.array([0, 0, 1, 1])  # groups a, b, a, b: half of each is accepted
    assert presence([[1, 1], [1, 1]], 0, everybody, 5).tolist() == [0.5, 0.5]
    assert presence([[1, 1], [0.5, 0.5]], 0, everybody, 1) == pytest.approx([2 / 3, 1 / 3])
    assert presence([[1, 1], [0.5, 0.5]], 0, everybody, 2) == pytest.approx([4 / 5, 1 / 5])
    assert presence([[1, 1], [0, 0]], 0, everybody, 1).tolist() == [1, 0]
    assert presence([[1, 1], [0, 0]], 0.2, everybody, 1) == pytest.approx([0.9, 0.1])
    assert presence([[0, 0], [0, 0]], 0, everybody, 3).tolist() == [0.5, 0.5]  # all have left: all are new


def test_who_is_there_is_recorded_and_learned_from():
    fields = ["policy.classifier.real_share=1", "response.retention=[[1, 1], [0, 0]]"]
    generations = run(*fields)
    shares = [generation.value("group_share", "red", split="people") for generation in generations]
    assert shares[0] > 0.3
    assert shares[1:] == [0, 0]
    parents = {parent.name for parent in generations[2].classifier.recipe.parents}
    assert {f"decider {j}" for j in (0, 1)} <= parents


def test_people_are_drawn_by_their_weights():
    split = Split(np.arange(4, dtype=np.float32)[:, None], np.zeros(4, np.int64), np.zeros(4, np.int64))
    real = RealData(split, Numerics(), weights=np.array([0.0, 0.5, 0.25, 0.25]))
    counts = np.bincount(real.draw(8000, stream(0)).inputs[:, 0].int().numpy(), minlength=4)
    assert counts[0] == 0
    assert counts[1:] / 8000 == pytest.approx([0.5, 0.25, 0.25], abs=0.03)


# warm starts, schedules, temperature


@pytest.mark.slow
def test_a_warm_start_begins_where_the_predecessor_ended():
    still = ["generator.learning_rate=1e-30", "classifier.learning_rate=1e-30", "generator.weight_decay=0"]
    warm, cold = run("warm_start=both", *still), run(*still)
    for part in ("generator", "classifier"):
        for generations, alike in ((warm, True), (cold, False)):
            first, second = (getattr(generations[i], part).module.state_dict() for i in (1, 2))
            assert all(torch.equal(first[name], second[name]) for name in first) == alike


def test_a_schedule_from_the_beginning_is_the_spec_and_a_later_one_leaves_the_beginning():
    assert recipes("schedule={0: {star.target: classifier}}") == recipes("star.target=classifier")
    plain, later = (
        ModelTrainer(tiny(*o), MemoryModels()).plan for o in ([], ["schedule={2: {star.target: classifier}}"])
    )
    assert later.classifiers[:2] == plain.classifiers[:2]
    assert later.classifiers[2].curation is not None
    assert tiny("schedule={1: {classifier.epochs: 3}, 2: {labels.human_share: 0.5}}").at(2).classifier.epochs == 3


@pytest.mark.slow
def test_a_low_temperature_brings_samples_together():
    spread = []
    for temperature in (0.0001, 1.0, 2.0):
        first = run("generations=1", f"temperature={temperature}")[0]
        source = Source(first.generator.module.eval(), Numerics(), temperature=temperature)
        spread.append(source.draw(64, stream(0)).inputs.std(dim=0).mean().item())
    assert spread[0] < 1e-3 < spread[1] < spread[2]
    plain = Source(first.generator.module, Numerics()).draw(8, stream(0)).inputs
    assert torch.equal(first.generator.module.sample_at(1.0, 8, stream(0)), plain)


WRONG = {
    "policy.generator.kind=forget": "'forget' is not one of replace",
    "policy.generator.kind=window": "missing a required argument: 'k'",
    "policy.generator.kind=window(0)": "at least 1 generation",
    "policy.generator.kind=)": "is no policy",
    "policy.generator.kind=no_such:Thing": "cannot be imported",
    "policy.generator.real_share=1.5": "policy.generator.real_share=1.5",
    "policy.real=fresh": "say by policy.people",
    "policy.people=321": "the training set has 320",
    "labels.error=[.1, .2, .3]": "one for each of 2 groups",
    "labels.error=two": "labels.error=two",
    "curation.target=both": "give both target and steps",
    "curation={target: both, steps: [{k: 4}]}": "needs a kind",
    "curation={target: both, steps: [{kind: best-of, k: 0}]}": "not a whole number of 1 or more",
    "curation={target: both, steps: [{kind: best-of, why: 0}]}": "unexpected keyword argument 'why'",
    "curation={target: both, steps: [{kind: nice}]}": "'nice' is not one of verifier",
    "curation={target: both, steps: [{kind: reweigh}]}": "use curation.target=classifier",
    "curation={target: both, steps: [{kind: verifier, keep: 0}]}": "keep=0: is not a number above 0 to 1",
    "response.retention=[[1, 1], [1, 1]]": "no real people enter the data",
    "temperature=0": "temperature=0: input should be greater than 0",
    "schedule={1: {data.train: 3}}": "schedule.1.data.train: cannot change",
    "schedule={1: {star.goal: x}}": "there is no such field",
    "schedule={1: {temperature: -1}}": "schedule.1: temperature=-1: input",
    "schedule={-1: {temperature: 2}}": "counted from 0 on",
}


@pytest.mark.parametrize("override", WRONG)
def test_wrong_regimes_are_explained_before_anything_is_trained(override):
    with pytest.raises(InputError) as caught:
        ModelTrainer(tiny(override), MemoryModels())
    assert WRONG[override] in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["setting=control", "policy.generator.kind=accumulate"], "keeps its generator"),
        (["setting=seqclass", "warm_start=both"], "keeps its generator"),
        (["synthetic_share=0.5", "policy.generator.real_share=0.5"], "give one of them"),
        (["keep=last", "policy.classifier.kind=accumulate"], "keep=all"),
        (["policy.people=200", "policy.real=fresh"], "need 600 real people"),
        (["response.retention=[[1, 1]]", "policy.classifier.real_share=1"], "a row for each of 2 groups"),
        (["response.retention=[[1,1],[1,1]]", "policy.classifier.real_share=1", "policy.real=fresh",
          "policy.people=50"], "policy.real=fixed"),
        (["temperature=2", "generator.model=stand_ins:Latentless", "generator.arguments={}"], "no latents"),
    ],
)  # fmt: skip
def test_choices_that_contradict_each_other_are_explained(overrides, words):
    with pytest.raises(InputError, match=words):
        ModelTrainer(tiny(*overrides), MemoryModels())
