"""Objects, choices and people that a loop of your own objects refuses, and how it weighs."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from fairloop import OwnLoop, simulate
from fairloop.errors import InputError
from fairloop.loop.generations import Generation
from fairloop.models.estimators.contract import summed_up
from fairloop.store.memory import MemoryModels
from test_own import Bootstrap, Rule, frame, framed


def follow(**changes) -> list[Generation]:
    return list(simulate(framed(generations=1, **changes)))


class Bad(Bootstrap):
    def __init__(self, change) -> None:
        self.change = change

    def sample(self, n: int, rng: np.random.Generator):
        return self.change(super().sample(n, rng))


class Says:
    def __init__(self, *said: str) -> None:
        self.said = said

    def predict(self, people):
        return [self.said[i % len(self.said)] for i in range(len(people))]


WRONG = {
    "rows": ({"generator": Bad(lambda people: people.iloc[1:])}, "in place of"),
    "columns": ({"generator": Bad(lambda people: people.drop(columns="age"))}, "no column 'age'"),
    "values": ({"generator": Bad(lambda people: people.assign(sex="X"))}, "'X' in column 'sex'"),
    "holes": ({"generator": Bad(lambda people: people.assign(age=np.nan))}, "no value in column 'age'"),
    "label": ({"label_annotator": Says("good", "ugly")}, "'ugly'"),
    "setting": ({"setting": "forward"}, "setting"),
    "star": ({"setting": "control", "star": "generator"}, "star.target"),
    "ideal": ({"star": {"target": "classifier", "ideal": [[1.0]]}}, "2 labels x 4 groups"),
    "batch": ({"star": {"target": "both", "batch": 20}}, "star.batch=20: your own objects see all people"),
    "later": ({"schedule": {1: {"star.batch": 20}}}, "schedule.1: star.batch=20"),
    "size": ({"size": 0}, "at least one person"),
    "policy": ({"policy": {"generator": {"kind": "forget"}}}, "'forget'"),
    "weights": ({"curation": {"target": "classifier", "steps": [{"kind": "reweigh"}]}}, "no parameter sample_weight"),
    "beneficial": ({"beneficial": "best"}, "'best'"),
    "unsaid": ({"beneficial": None}, "name the one"),
    "minoritized": ({"minoritized": ["F"]}, "'F'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_objects_and_choices_that_do_not_fit_are_explained(case):
    changes, words = WRONG[case]
    with pytest.raises(InputError, match=words):
        follow(**changes)


def test_people_that_do_not_fit_are_explained():
    def with_(train, test=None) -> OwnLoop:
        return OwnLoop(train, test or frame(20, 0), generator=Bootstrap(), classifier=Rule(), beneficial="good")

    people, labels, groups = frame(20, 0)
    for train, words in (
        ((people, labels), "features, labels, groups"),
        ((people, labels[1:], groups), "labels of 19"),
        ((people, labels, "gender"), "'gender'"),
        ((people, [None, *labels[1:]], groups), "without a label"),
        ((people.to_numpy(object), labels, people["sex"]), "frame"),
    ):
        with pytest.raises(InputError, match=words):
            with_(train)
    with pytest.raises(InputError, match="no column 'income'"):
        with_((people, labels, groups), (people.drop(columns="income"), labels, groups))
    with pytest.raises(InputError, match="stores no models"):
        simulate(framed(), MemoryModels())


def test_groups_that_no_real_person_is_in_are_explained():
    people, _, _ = frame(400, 0)
    people = people[~((people["sex"] == "F") & (people["race"] == "B"))]
    train = people, Rule().predict(people), ("sex", "race")
    loop = OwnLoop(
        train, train, generator=Bad(lambda made: made.assign(race="B")), classifier=Rule(), beneficial="good"
    )
    with pytest.raises(InputError, match="'F & B'"):
        list(simulate(loop))


def test_groups_may_be_guessed_from_features_that_hold_them_not():
    people, labels, _ = frame(400, 0)
    encoder = make_column_transformer((OneHotEncoder(), ["race"]), remainder="drop")
    loop = OwnLoop(
        (people, labels, people[["sex"]]), (people, labels, people[["sex"]]), generator=Bootstrap(), classifier=Rule(),
        group_annotator=make_pipeline(encoder, DecisionTreeClassifier()), beneficial="good", generations=1, samples=200,
    )  # fmt: skip
    (generation,) = simulate(loop)
    accuracy = generation.value("accuracy", role="group_annotator")
    assert 0.5 < accuracy < 1  # sex cannot be told from race


def test_own_classifiers_are_weighed_where_they_can_be():
    groups = np.array(["a"] * 70 + ["b"] * 30)  # of a, most have label 1; of b, nobody has
    labels = np.r_[np.ones(50), np.zeros(50)].astype(int)
    people = (groups == "b").astype(float)[:, None], labels, groups
    for steps, expected in (([], 0.0), ([{"kind": "group-balanced"}], 1.0)):
        loop = OwnLoop(
            people, people, generator=Bootstrap(), classifier=DummyClassifier(), label_annotator=ByGroup(),
            group_annotator=LogisticRegression(), generations=1, samples=10, size=2000,
            curation={"target": "classifier" if steps else "none", "steps": steps},
        )  # fmt: skip
        assert next(iter(simulate(loop))).value("accuracy", "b") == expected


class ByGroup:
    """Gives 3 of 4 people of group a the label 1, nobody else."""

    def predict(self, people):
        return ((people[:, 0] == 0) & (np.arange(len(people)) % 4 > 0)).astype(int)


class Remembers(Bootstrap):
    """Knows how many people each copy was fitted to."""

    seen: ClassVar[list[int]] = []

    def fit(self, people) -> None:
        self.seen.append(len(people))
        super().fit(people)


def test_the_first_generator_learns_from_the_people_that_policy_allows():
    Remembers.seen.clear()
    loop = framed(generator=Remembers(), generations=1, policy={"people": 10}, label_annotator=Rule())
    list(simulate(loop))
    assert Remembers.seen == [10]


def test_strata_that_get_no_place_are_told_by_the_size_of_each_models_batch():
    """Also where a schedule or real people leave fewer places than `size` has."""
    for changes in ({"schedule": {1: {"policy.classifier.samples": 3}}, "star": "classifier"},
                    {"synthetic_share": 0.01, "star": "generator"}):  # fmt: skip
        with pytest.warns(UserWarning, match="star.rounding"):
            framed(label_annotator=Rule(), generations=2, **changes)


def test_why_codes_fail_is_told_too():
    frame, names, codes = InputError("fit fails"), _because("fit fails: names", "names"), _because("x", "ranks")
    error = summed_up([frame, codes, names, codes], ["a frame"], 2)
    assert str(error) == (
        "fit fails: names; a frame fails by: fit fails (codes 0, 1, ... in place of labels fail, too: ranks)"
    )


def _because(message: str, cause: str) -> InputError:
    error = InputError(message)
    error.__cause__ = ValueError(cause)
    return error
