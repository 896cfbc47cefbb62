"""Specs of people: each is refused in one line, or its rounds run."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from fairloop import simulate
from fairloop.errors import InputError
from fairloop.loop.people.population import source_of
from fairloop.people import KINDS
from fairloop.people.deciders import RULES
from fairloop.spec.run import from_mapping
from fairloop.store.memory import MemoryModels
from test_people_loop import TwoGroups


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"people": {"delay": 1}}, "people.delay: is for setting=people"),
        ({"setting": "people", "synthetic_share": 0.5}, "synthetic_share: setting=people has no generator"),
        (
            {"setting": "people", "people": {"kind": "lendin"}},
            "people.kind=lendin: is not one of lending.*did you mean lending",
        ),
        ({"setting": "people", "people": {"first": "treshold"}}, "did you mean threshold"),
        ({"setting": "people", "people": {"history": 0}}, "A_L decides first"),
        ({"setting": "people", "people": {"rule": "own"}, "star": {"target": "classifier"}}, "people.rule: decides"),
        ({"setting": "people", "data": {"name": "colored-svhn"}}, "not from pictures"),
        ({"setting": "people", "policy": {"classifier": {"kept": True}}}, "takes only the kind"),
        ({"setting": "people", "schedule": {2: {"people.arrivals": 3}}}, "people.arrivals: cannot change"),
        ({"setting": "people", "keep": "last"}, "use keep=all"),
        (
            {"setting": "people", "people": {"retention": [[1, 1], [0, 1]]}},
            "people.retention: people of kind=selective",
        ),
        ({"setting": "people", "people": {"kind": "strategic", "newcomers": 0.1}}, "people.newcomers: .*come again"),
        ({"setting": "people", "people": {"kind": "lending", "retention": [[1, 1]]}}, "one for each of 2 groups: A, B"),
        ({"setting": "people", "schedule": {1: {"people.newcomers": 0.1}}}, "schedule.1: people.newcomers: people"),
        ({"setting": "people", "people": {"kind": "performative", "arguments": {"family": "location"}}}, "not labels"),
        (
            {
                "setting": "people",
                "people": {"kind": "performative", "arguments": {"family": "coin"}},
                "data": {"name": "adult"},
            },
            "family=coin: makes its people itself",
        ),
        ({"setting": "people", "people": {"kind": "adoption"}, "data": {"name": "adult"}}, "kind=adoption: makes its"),
        ({"setting": "people", "people": {"kind": "adoption", "arguments": {"rate": 2}}}, "arguments.rate: 2 is not"),
        ({"setting": "people", "people": {"kind": "adoption", "arguments": {"rat": 1}}}, "adoption refuses them"),
        (
            {"setting": "people", "people": {"rule": "max-profit"}},
            "people.rule=max-profit: SelectiveLabels has no such",
        ),
    ],
)
def test_a_spec_that_cannot_be_is_refused_in_one_line(fields, says):
    with pytest.raises(InputError, match=says) as caught:
        from_mapping(fields)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("people", [{"retention": [[1, 1], [0, 1]]}, {"newcomers": 0.5}])
def test_people_of_your_own_kind_who_are_new_in_every_round_cannot_leave(people):
    run = from_mapping({"setting": "people", "people": {"kind": f"{TwoGroups.__module__}:TwoGroups", **people}})
    with pytest.raises(InputError, match="are new in every round"):
        source_of(run)


NUMBER = st.sampled_from([0.3, 0.5, 1.0, 0.0, 4.0, -1.0, 1e9, "much"])
PAIR = st.lists(NUMBER, min_size=2, max_size=2) | st.lists(st.just(0.4), max_size=3)
ARGUMENTS = {
    "lending": {"changes": PAIR, "policy": st.sampled_from([None, "max-profit", "equal-opportunity", "own"]),
                "bounds": st.sampled_from([None, [300, 850], [850, 300]]), "profit": PAIR},
    "selective-labels": {"thresholds": st.none() | PAIR},
    "strategic": {"kappa": NUMBER | PAIR, "cost": st.sampled_from(["squared", "distance", "absolute", "cubic"]),
                  "effect": st.sampled_from(["manipulation", "improvement"]), "gain": NUMBER,
                  "movable": st.sampled_from([None, ["x0"], ["x1", "x9"]]),
                  "rule": st.sampled_from([None, [[1, 0], 0.5], [[1], 0]])},
    "performative": {"family": st.sampled_from(["credit", "location", "coin"]), "epsilon": NUMBER, "mean": NUMBER,
                     "ridge": NUMBER, "movable": st.sampled_from([None, ["x0"]])},
    "allocation": {"start": st.sampled_from([[10, 10], [1, 2.5], [0, 1], [3]]), "decay": NUMBER, "reported": NUMBER,
                   "rates": st.just([0.6, 0.4]) | PAIR, "find": st.sampled_from(["bernoulli", "poisson"]),
                   "correction": st.sampled_from(["none", "complement", "smallest"])},
    "adoption": {"start": NUMBER | PAIR, "rate": NUMBER, "model": st.sampled_from(["linear", "decisions"]),
                 "delay": st.booleans(), "anchor": NUMBER, "groups": st.sampled_from([None, ["A", "B"], ["A"]])},
}  # fmt: skip
RULE = st.sampled_from(
    [
        "everybody",
        "nobody",
        *RULES[:-1],
        {"kind": "threshold", "at": 0.5},
        {"kind": "threshold", "feature": "x0", "at": 0},
    ]
)
FIELDS = {
    "first": RULE | st.just("annotator"), "rule": st.none() | RULE, "newcomers": st.sampled_from([0, 0.5]),
    "retention": st.sampled_from([[], [[0.5, 1]], [[0.5, 1], [0, 1]]]), "delay": st.integers(0, 2),
    "revealed": st.sampled_from(["all", "accepted"]), "exploration": st.sampled_from([0, 0.5, 1]),
    "verified": st.sampled_from([0, 0.5, 1]), "history": st.sampled_from([None, 0, 7]),
    "weights": st.sampled_from(["propensity", "none"]), "arrivals": st.sampled_from([1, 12]),
}  # fmt: skip
LINEAR = {"model": "mlp", "arguments": {"hidden": []}, "epochs": 1, "batch": 64}


@st.composite
def specs(draw):
    kind = draw(st.sampled_from([*KINDS]))
    some = {name: draw(values) for name, values in FIELDS.items() if draw(st.booleans())}
    arguments = {name: draw(values) for name, values in ARGUMENTS[kind].items() if draw(st.integers(0, 3)) == 0}
    return {"setting": "people", "generations": 2, "classifier": LINEAR, "annotator": LINEAR, "precision": "fp32",
            "people": {"arrivals": 12, **some, "kind": kind, "arguments": arguments}}  # fmt: skip


@pytest.mark.slow
@given(specs())
@limits(max_examples=60)
def test_a_spec_of_people_is_refused_in_one_line_or_its_rounds_run(fields):
    refusal = ""
    try:
        run = from_mapping(fields)
    except InputError as error:
        refusal = str(error)
    if refusal:
        assert refusal.startswith("people.")
        assert "\n" not in refusal
        return
    assert [len(told.log.person) for told in simulate(run)] == [run.people.arrivals] * 2


LOGISTIC = {"model": "sklearn.linear_model:LogisticRegression"}


@pytest.mark.parametrize("kind", ["strategic", "performative"])
def test_logistic_regression_decides_also_where_the_annotator_is_one(kind):
    """The first try of a classifier that is of its annotator's kind is that of the annotator, fitted."""
    run = from_mapping({"setting": "people", "generations": 2, "classifier": LOGISTIC, "annotator": LOGISTIC,
                        "people": {"kind": kind, "arrivals": 60}})  # fmt: skip
    assert [told.classifier.taught for told in simulate(run)] == [True, True]


def test_a_classifier_whose_labels_are_all_the_same_decides_on():
    """Nobody can change such a decision, so people stay where they are."""
    law = {"kind": "normal", "rates": [1 - 1e-9, 1 - 1e-9]}
    run = from_mapping({"setting": "people", "generations": 2, "classifier": LOGISTIC, "annotator": LOGISTIC,
                        "people": {"kind": "strategic", "arrivals": 30, "arguments": {"law": law}}})  # fmt: skip
    with pytest.warns(UserWarning, match="saw the label 'yes' only"):
        found = list(simulate(run))
    assert all(told.log.accepted.all() for told in found)
    assert found[1].value("moved_share", "A", role="people", split="true") == 0


def test_weights_that_a_classifier_cannot_be_told_are_refused_by_their_own_field():
    neighbours = {"model": "sklearn.neighbors:KNeighborsClassifier"}
    fields = {"setting": "people", "classifier": neighbours, "annotator": LOGISTIC,
              "people": {"arrivals": 60, "revealed": "accepted", "exploration": 0.2}}  # fmt: skip
    with pytest.raises(
        InputError, match=r"people\.weights: the fit of KNeighborsClassifier .* use people\.weights=none"
    ):
        list(simulate(from_mapping(fields)))
    assert len(list(simulate(from_mapping(fields, ["people.weights=none", "generations=2"])))) == 2


@pytest.mark.parametrize("people", [{"delay": 2}, {"revealed": "accepted", "first": "nobody"}])
def test_a_run_in_which_no_label_becomes_known_says_so_and_nothing_of_empty_batches(people):
    fields = {"setting": "people", "generations": 2, "classifier": LOGISTIC, "annotator": LOGISTIC,
              "people": {"arrivals": 40, "first": "everybody", **people}, "star": {"target": "classifier"}}  # fmt: skip
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        list(simulate(from_mapping(fields)))
    words = [str(one.message) for one in told]
    assert len([one for one in words if one.startswith("people: no label has become known in 2 rounds")]) == 1
    assert not any("batch of 1" in one for one in words)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(simulate(from_mapping(fields, ["people.delay=1", "people.first=everybody"])))


RESUMED = {
    "adoption": {"arguments": {"model": "decisions", "delay": True}},
    "allocation": {"arguments": {"correction": "smallest", "decay": 0.1}},
    "lending": {"arguments": {"policy": None}, "retention": [[0.5, 1], [0.2, 0.9]], "newcomers": 0.1},
    "performative": {"retention": [[0.5, 1], [0.2, 0.9]]},
    "selective-labels": {"verified": 0.2},
    "strategic": {"arguments": {"same": True, "effect": "improvement"}, "retention": [[0, 1], [0, 1]]},
}


@pytest.mark.parametrize("kind", RESUMED)
def test_each_kind_resumes_to_the_same_rows_and_logs(kind):
    assert set(RESUMED) == set(KINDS)
    run = from_mapping({"setting": "people", "generations": 4, "classifier": LOGISTIC, "annotator": LOGISTIC,
                        "policy": {"classifier": {"kind": "accumulate"}}, "people": {
                            "kind": kind, "arrivals": 60, "revealed": "accepted", "exploration": 0.3, "delay": 1,
                            "first": "everybody", **RESUMED[kind]}})  # fmt: skip
    models = MemoryModels()
    whole, resumed = list(simulate(run, models)), list(simulate(run, models, start=2))
    for one, other in zip(whole[2:], resumed, strict=True):
        np.testing.assert_equal([*map(tuple, one.rows)], [*map(tuple, other.rows)])
        for name in ("person", "group", "label", "prediction", "accepted", "score", "propensity", "observed_at"):
            np.testing.assert_array_equal(getattr(one.log, name), getattr(other.log, name))
