"""Loops of people's own objects: the laws of the loop, and what is said of objects that do not fit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from conftest import tiny
from fairloop import OwnLoop, simulate, table_of
from fairloop.loop.own.features import Codec
from fairloop.report.table import SCHEMA
from fairloop.seeding import ModelRole, Role
from fairloop.spec.setting import SETTINGS
from fairloop.training.streams import Streams


class Bootstrap:
    """Copies of the people that it is shown."""

    def fit(self, people):
        self.people = people

    def sample(self, n: int, rng: np.random.Generator):
        chosen = rng.integers(len(self.people), size=n)
        return self.people.iloc[chosen] if isinstance(self.people, pd.DataFrame) else self.people[chosen]


class Aging(Bootstrap):
    """Copies that are a year older."""

    def sample(self, n: int, rng: np.random.Generator):
        people = super().sample(n, rng)
        return people.assign(age=people["age"] + 1)


class Rule:
    """Knows who is good: whoever earns more than 0."""

    def predict(self, people):
        return np.where(np.asarray(people["income"]) > 0, "good", "bad")


class OnIncome:
    """A tree on incomes alone."""

    def __init__(self) -> None:
        self.tree = DecisionTreeClassifier(max_depth=2, random_state=0)

    def fit(self, people, labels):
        self.tree.fit(people[["income"]], labels)

    def predict(self, people):
        return self.tree.predict(people[["income"]])


class Contrary:
    """Learns which label goes with a high income, and says the other one."""

    def fit(self, people, labels):
        high = np.asarray(labels)[np.asarray(people["income"]) > 0]
        self.high = {"good": "bad", "bad": "good"}[high[0]]

    def predict(self, people):
        low = {"good": "bad", "bad": "good"}[self.high]
        return np.where(np.asarray(people["income"]) > 0, self.high, low)


def frame(n: int, seed: int) -> tuple[pd.DataFrame, np.ndarray, list[str]]:
    rng = np.random.default_rng(seed)
    people = pd.DataFrame(
        {"income": rng.normal(size=n), "age": rng.integers(20, 60, n), "sex": rng.choice(["F", "M"], n, p=[0.3, 0.7]),
         "race": rng.choice(["A", "B"], n)}
    )  # fmt: skip
    return people, Rule().predict(people), ["sex", "race"]


def arrays(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    group = rng.random(n) < 0.3
    features = rng.normal(size=(n, 3)) + 0.5 * group[:, None]
    return features, (features[:, 0] + rng.normal(size=n) > 0).astype(int), np.where(group, "minor", "major")


def framed(**changes) -> OwnLoop:
    chosen = {"generator": Bootstrap(), "classifier": Rule(), "beneficial": "good", "generations": 4, "samples": 500}
    return OwnLoop(frame(400, 0), frame(300, 1), **{**chosen, **changes})


def numbers(**changes) -> OwnLoop:
    chosen = {"generator": Bootstrap(), "classifier": LogisticRegression(), "generations": 3, "samples": 500}
    return OwnLoop(arrays(400, 0), arrays(300, 1), **{**chosen, **changes})


def rows(loop: OwnLoop) -> list[tuple]:
    return [tuple(map(repr, row)) for generation in simulate(loop) for row in generation.rows]


def test_a_bootstrap_and_a_perfect_labeller_never_drift_beyond_sampling():
    # Groups are columns, so that nobody guesses them.
    loop = framed(classifier=OnIncome(), label_annotator=Rule(), generations=6, samples=4000)
    people, labels, _ = frame(400, 0)
    share = ((people["sex"] == "F") & (people["race"] == "A")).mean()
    good = (labels == "good").mean()
    for i, generation in enumerate(simulate(loop)):
        assert generation.value("accuracy") >= 0.98
        reach = 5 * (0.25 * i / 400 + 0.25 / 4000) ** 0.5  # of i resamplings of 400, and of the measurement
        found = generation.value("group_share", "F & A", role="generator", split="generated")
        assert abs(found - share) <= reach
        found = generation.value("label_share", role="generator", split="generated", label="good")
        assert abs(found - good) <= reach


@pytest.mark.parametrize("setting", SETTINGS)
def test_settings_decide_who_samples_from_whom_and_who_labels(setting):
    loop = framed(generator=Aging(), classifier=Contrary(), label_annotator=Rule(), setting=setting)
    rules, age = SETTINGS[setting], frame(400, 0)[0]["age"].mean()
    for i, generation in enumerate(simulate(loop)):
        taught_right = rules.labels == "annotator" or i % 2 == 0
        assert generation.value("accuracy") == (0 if taught_right else 1)
        older = 1 + (i if rules.generators == "sequential" else 0)
        made = generation.generator.module.sample(2000, Streams(0, 0, ModelRole.GENERATOR).at(Role.EXPORT))[:, 1].mean()
        assert made == pytest.approx(age + older, abs=4)
        assert len(generation.generator.module.own.people) == 400


def test_settings_keep_or_replace_the_generator():
    def generators(setting: str) -> set[int]:
        return {id(generation.generator.module) for generation in list(simulate(framed(setting=setting)))}

    assert {name: len(generators(name)) for name in SETTINGS} == {
        "seqgen-seqclass": 4, "seqgen-nonseqclass": 4, "seqclass": 1, "control": 1,
    }  # fmt: skip


class Watched(LogisticRegression):
    """Remembers what it learned from."""

    def fit(self, people, labels):
        self.seen_ = people, labels
        return super().fit(people, labels)


def test_star_fills_its_quotas():
    rule = RuleOfGroup()
    loop = numbers(classifier=Watched(), group_annotator=rule, star={"target": "both", "budget": 100})
    for i, generation in enumerate(simulate(loop)):
        for trained in (generation.classifier, *([generation.generator] if i else [])):
            candidates, redrawn = trained.log["candidates"][0, 0], int(trained.log["redrawn"])
            assert candidates.sum() == 400 + 100
            assert redrawn == 400 - candidates.clamp(max=100).sum()
        people, labels = generation.classifier.module.own.seen_
        seen = pd.crosstab(labels, rule.predict(people)).reindex(index=[0, 1], columns=["major", "minor"], fill_value=0)
        quotas = generation.classifier.log["candidates"][0, 0].clamp(max=100).reshape(2, 2)
        assert (seen.to_numpy() >= quotas.numpy()).all()
        assert len(labels) == 400
        recorded = {row.metric for row in generation.rows if row.role == "classifier"}
        assert {"star_redrawn", "star_candidates"} <= recorded


class RuleOfGroup:
    def predict(self, people):
        return np.where(people[:, 1] > 0.8, "minor", "major")


def test_star_on_the_classifier_leaves_generators_alone():
    plain, star = list(simulate(numbers())), list(simulate(numbers(star="classifier")))
    for one, other in zip(plain, star, strict=True):
        assert np.array_equal(one.generator.module.own.people, other.generator.module.own.people)
    assert plain[0].value("accuracy") != star[0].value("accuracy")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("generator", "classifier"),
    [
        (Bootstrap(), RandomForestClassifier(5, max_depth=3)),
        (KernelDensity(bandwidth=0.3), make_pipeline(RandomForestClassifier(5, max_depth=3))),
        (GaussianMixture(2), DecisionTreeClassifier(splitter="random", max_depth=3)),
    ],
    ids=["rng", "random_state of sample", "random_state of the object"],
)
def test_the_same_seed_gives_the_same_numbers_whatever_others_drew(generator, classifier):
    loop = numbers(generator=generator, classifier=classifier, generations=2)
    first = rows(loop)
    before = np.random.get_state()[1].tolist()
    assert rows(loop) == first  # the same object can be followed twice
    assert np.random.get_state()[1].tolist() == before
    np.random.seed(5)
    assert rows(numbers(generator=generator, classifier=classifier, generations=2)) == first
    assert rows(numbers(generator=generator, classifier=classifier, generations=2, seed=1)) != first
    assert not hasattr(classifier, "classes_")  # the given objects are never fitted
    assert next(simulate(loop, start=1)).index == 1


def test_values_are_those_of_the_object():
    features, labels, groups = arrays(300, 1)
    generation = list(simulate(numbers()))[-1]
    predicted = generation.classifier.module.own.predict(features)
    assert generation.value("accuracy") == pytest.approx((predicted == labels).mean())
    rates = [predicted[groups == name].mean() for name in ("major", "minor")]
    assert generation.value("demographic_parity", "difference") == pytest.approx(abs(rates[0] - rates[1]))
    confidence = generation.value("group_confidence", "major", role="generator", split="generated")
    assert 0.5 <= confidence < 1  # it comes from predict_proba


def test_the_table_has_the_columns_of_an_export():
    loop = numbers(star="classifier", seed=3)
    table = table_of(loop, simulate(loop))
    assert list(table.columns) == ["run", "dataset", "setting", "star", "seed", *SCHEMA.names]
    assert table["run"].unique().tolist() == ["own.seqgen-seqclass.classifier.seed-3"]
    assert not table.duplicated(["generation", "role", "split", "label", "group", "metric", "epoch"]).any()
    spec = tiny("generations=1")
    assert table_of(spec, simulate(spec))["run"].unique().tolist() == [spec.identity]


class Curious(Bootstrap):
    """Wants to know labels and groups."""

    def fit(self, people, y, groups):
        super().fit(people)
        self.known = y, groups


@pytest.mark.parametrize("star", ["none", "generator"])
def test_a_generator_that_asks_gets_labels_and_groups(star):
    first, second = list(simulate(framed(generator=Curious(), label_annotator=Rule(), generations=2, star=star)))
    assert star == "none" or second.generator.log["redrawn"].item() > 0
    for generation in (first, second):
        own = generation.generator.module.own
        assert own.known[0].tolist() == Rule().predict(own.people).tolist()
        assert own.known[1].tolist() == (own.people["sex"] + " & " + own.people["race"]).tolist()


def test_the_synthetic_share_mixes_in_real_people():
    second = list(simulate(framed(generator=Aging(), synthetic_share=0.25, generations=2)))[1]
    real = frame(400, 0)[0]
    incomes = dict(zip(real["income"], real["age"], strict=True))
    seen = second.generator.module.own.people
    older = seen["age"].to_numpy() - np.array([incomes[income] for income in seen["income"]])
    assert sorted(np.bincount(older).tolist()) == [100, 300]


def test_one_label_only_is_learned_as_such_with_a_warning():
    class Always(Rule):
        def predict(self, people):
            return ["good"] * len(people)

    loop = framed(classifier=OnIncome(), label_annotator=Always(), generations=2)
    with pytest.warns(UserWarning, match="'good' only"):
        last = list(simulate(loop))[-1]
    assert last.value("selection_rate") == 1
    assert last.value("fnr") == 0


@given(st.data())
def test_frames_come_back_as_they_went(data):
    n = data.draw(st.integers(1, 8))

    def column(values: st.SearchStrategy) -> list:
        return data.draw(st.lists(values, min_size=n, max_size=n))

    people = pd.DataFrame(
        {
            "float": column(st.floats(allow_nan=True, allow_infinity=False)),
            "whole": np.array(column(st.integers(-(2**53), 2**53)), np.int64),
            "bool": column(st.booleans()),
            "text": column(st.sampled_from(["a", "b", "c"])),
            "category": pd.Categorical(column(st.sampled_from(["x", "y"])), categories=["y", "x", "z"]),
            "nullable": pd.array(column(st.sampled_from([1, 2, None])), "Int64"),
        }
    )
    codec = Codec([people])
    pd.testing.assert_frame_equal(codec.decode(codec.encode(people, "test")), people)
    whole = people[["whole"]].to_numpy()
    assert np.array_equal(Codec([whole]).decode(Codec([whole]).encode(whole, "test")), whole)
