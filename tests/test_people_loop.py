"""Rounds of people in the loop: laws of streams, of delay, of what is observed, and of what is kept."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from fairloop import presets, simulate
from fairloop.data import Population, Split
from fairloop.errors import InputError
from fairloop.loop.people.learning import known
from fairloop.loop.people.population import source_of
from fairloop.loop.people.rounds import Rounds
from fairloop.loop.trainer import ModelTrainer
from fairloop.models.numerics import Numerics
from fairloop.people.deciders import OF_LENDERS
from fairloop.people.interface import Kind, Names, People
from fairloop.people.policies import POLICIES
from fairloop.people.rules import LinearRule
from fairloop.sources.origin import REAL
from fairloop.spec.run import SettingName, from_mapping
from fairloop.spec.setting import EVERY_SETTING, SETTINGS
from fairloop.store.memory import MemoryModels
from fairloop.store.tidy_rows import RoundLog
from fairloop.training.plan import plan

LINEAR = {"model": "mlp", "arguments": {"hidden": []}, "epochs": 2, "batch": 64, "optimizer": "adam",
          "learning_rate": 0.05}  # fmt: skip
LOGISTIC = {"model": "sklearn.linear_model:LogisticRegression"}


class TwoGroups(Kind):
    """A feature in [0, 1] that is P(label 1), in two groups. Acceptances raise later people."""

    names = Names(("x",), ("a", "b"))

    def __init__(self, step: float = 0.0) -> None:
        self.step = step

    def start(self, n, rng):
        return {"raised": np.zeros(1)}

    def arrive(self, state, n, published, rngs):
        base, groups = rngs.arrivals.random(n), rngs.arrivals.integers(2, size=n)
        features = np.clip(base + state["raised"], 0, 1)[:, None]
        return People(features, groups, {"probability": features[:, 0]})

    def outcome(self, people, rng):
        return (rng.random(len(people)) < people.potential["probability"]).astype(np.int64)

    def respond(self, state, people, accepted, outcome, rngs):
        return {"raised": state["raised"] + self.step * accepted.mean()}

    def measures(self, state, people, accepted, outcome, published):
        return {"raised": float(state["raised"][0]), "accepted_in": np.bincount(people.groups, accepted, minlength=2)}

    def rule(self):
        return LinearRule(np.ones(1), 0.7)


def spec(*overrides: str, classifier=LINEAR, **people):
    fields = {"kind": f"{__name__}:TwoGroups", "arrivals": 200, **people}
    return from_mapping(
        {"setting": "people", "generations": 4, "people": fields, "classifier": classifier, "annotator": classifier,
         "precision": "fp32"},
        overrides,
    )  # fmt: skip


def played(run):
    return list(simulate(run))


def logs(run) -> list[RoundLog]:
    return [generation.log for generation in played(run)]


# --- which recipes, and of whom they learn ---


def parts(run) -> list[list[int]]:
    trainer = ModelTrainer(run, MemoryModels())
    return [[part.generation for part in recipe.parts] for recipe in trainer.plan.classifiers]


@given(
    kind=st.sampled_from(["replace", "accumulate", "window(2)", "window(3)"]),
    delay=st.integers(0, 5),
    history=st.sampled_from([0, 50]),
)
@limits(max_examples=25)
def test_a_classifier_learns_from_the_rounds_of_its_policy_whose_labels_are_known(kind, delay, history):
    found = parts(spec(f"policy.classifier.kind={kind}", delay=delay, history=history, first="everybody"))
    for t, rounds in enumerate(found):
        latest = max(t - delay, REAL)  # the last round with known labels; REAL: there is none yet
        length = {"replace": 1, "window(2)": 2, "window(3)": 3, "accumulate": 10}[kind]
        wanted = [g for g in range(max(REAL, latest - length + 1), latest + 1) if g != REAL or history]
        assert rounds == wanted


def test_a_recipe_names_the_models_and_the_people_before_it_and_leaves_out_defaults():
    first, second = (ModelTrainer(spec(delay=delay), MemoryModels()).plan for delay in (0, 1))
    assert first.label_annotator.fingerprint == second.label_annotator.fingerprint
    assert [parent.name for recipe in first.classifiers for parent in recipe.parents] == [
        f"decider {t}" for t in range(REAL, 3)
    ]
    described = first.classifiers[1].described()
    assert described["people"] == {"kind": f"{__name__}:TwoGroups", "arrivals": 200}
    assert len({recipe.fingerprint for plan in (first, second) for recipe in plan}) == 9
    assert not first.generators


def prints(run) -> list[str]:
    """The recipes of a run on people with a fixed fingerprint."""
    codes = np.arange(40) % 2
    few = Population("few", ("no", "yes"), ("a", "b"), (), Split(np.zeros((40, 1), np.float32), codes, codes), {},
                     fingerprint="few")  # fmt: skip
    return [recipe.fingerprint[:16] for recipe in plan(run, few, Numerics())]


PEOPLE = {"setting": "people", "generations": 2, "precision": "fp32"}
PINNED = {
    "default": ({}, "65e96740d56a7d38 16f7fab80a668456 511d004856423140"),
    "selective labels": (
        {"people": {"revealed": "accepted", "exploration": 0.05, "delay": 1, "first": "everybody", "history": 0},
         "policy": {"classifier": {"kind": "accumulate"}}, "star": {"target": "classifier"}},
        "ea05ca7e7c1e6a73 c5a9e6783de1d2e2",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PINNED)
def test_recipes_of_rounds_keep_their_fingerprints(name):
    fields, pinned = PINNED[name]
    assert prints(from_mapping(PEOPLE | fields)) == pinned.split()


def test_runs_share_the_models_before_they_differ():
    plain, changed = prints(spec()), prints(spec("schedule={2: {people.exploration: 0.5}}"))
    assert plain[:3] == changed[:3]  # A_L, C_0, C_1
    assert not set(plain[3:]) & set(changed[3:])


# --- laws of the loop ---


@given(share=st.floats(0.05, 1), seed=st.integers(0, 100))
@limits(max_examples=5)
def test_exploration_changes_neither_who_comes_nor_their_outcomes(share, seed):
    off, on = (Rounds(TwoGroups(), [spec(exploration=e, revealed="accepted").people] * 3, seed) for e in (0.0, share))
    for _ in range(3):
        one, other = (rounds.play(LinearRule(np.ones(1), 0.6)) for rounds in (off, on))
        np.testing.assert_array_equal(one.people.features, other.people.features)
        np.testing.assert_array_equal(one.outcome, other.outcome)
        np.testing.assert_array_equal(one.decided, other.decided)
        assert (other.accepted >= one.accepted).all()
        np.testing.assert_array_equal(one.propensity, one.accepted)
        np.testing.assert_allclose(other.propensity, np.where(other.decided, 1, share))


@pytest.mark.parametrize("delay", [0, 1, 2])
def test_a_classifier_does_not_depend_on_labels_that_come_later(delay, monkeypatch):
    """Oracle: other outcomes of the last rounds change a classifier only once their labels are known."""
    plain = played(spec(delay=delay, history=100, classifier=LOGISTIC))
    of_kind, calls = TwoGroups.outcome, iter(range(100))

    def flipped(self, people, rng):
        outcome = of_kind(self, people, rng)
        return 1 - outcome if next(calls) == 3 else outcome  # 0: a trial; 1: people from before round 0

    monkeypatch.setattr(TwoGroups, "outcome", flipped)
    other = played(spec(delay=delay, history=100, classifier=LOGISTIC))
    differ = [
        not np.allclose(a.classifier.module.own.coef_, b.classifier.module.own.coef_)
        for a, b in zip(plain, other, strict=True)
    ]
    assert differ.index(True) == 1 + delay  # round 1 was flipped


def test_true_and_observed_differ_in_labels_alone():
    run = spec(revealed="accepted", exploration=0.2, rule="own")
    for generation, log in zip(played(run), logs(run), strict=True):
        true, observed = ({r.group + r.metric: r.value for r in generation.rows if r.split == s and r.role ==
                           "classifier"} for s in ("true", "observed"))  # fmt: skip
        assert true["overallcount"] == 200
        assert observed["overallcount"] == (log.label != RoundLog.UNKNOWN).sum() == log.accepted.sum()
        same = {"overallselection_rate", "differencedemographic_parity", "aselection_rate"}
        assert all(true[name] == observed[name] for name in same)
        # of the decision's true positives all are seen, of its false negatives the explored alone
        assert observed["overalltpr"] > true["overalltpr"]
        assert observed["overallppv"] == true["overallppv"]


def test_the_log_tells_what_the_decision_maker_knew():
    run = spec(revealed="accepted", exploration=0.3, delay=1, first={"kind": "threshold", "feature": "x", "at": 0.5})
    for t, log in enumerate(logs(run)):
        seen = log.label != RoundLog.UNKNOWN
        np.testing.assert_array_equal(seen, log.accepted)
        assert (log.observed_at[seen] == t + 1).all()
        assert (log.observed_at[~seen] == RoundLog.UNKNOWN).all()
        np.testing.assert_allclose(log.propensity, np.where(log.prediction == 1, 1, 0.3))
        assert log.accepted[log.prediction == 1].all()


def test_before_a_classifier_has_learned_the_first_rule_decides():
    found = played(spec(first="nobody", history=0, delay=2, exploration=0.5, revealed="accepted"))
    assert [generation.classifier.taught for generation in found] == [False, False, True, True]
    assert [generation.log.prediction.any() for generation in found] == [False, False, False, True]


def test_a_rule_for_all_rounds_needs_no_classifier():
    found = played(spec(rule="own"))
    assert all(generation.classifier is None for generation in found)
    assert all(generation.value("selection_rate", split="true") == pytest.approx(0.3, abs=0.1) for generation in found)


def test_people_respond_to_decisions_and_their_measures_are_kept():
    found = played(spec(rule="own", arguments={"step": 0.1}))
    raised = [generation.value("raised", role="people", split="true") for generation in found]
    accepted = [generation.log.accepted.mean() for generation in found]
    np.testing.assert_allclose(raised, np.concatenate([[0], 0.1 * np.cumsum(accepted)])[:-1])
    assert (
        found[0].value("accepted_in", "b", role="people", split="true")
        == found[0].log.accepted[found[0].log.group == 1].sum()
    )


def test_weights_make_the_known_stand_for_all():
    run = spec(revealed="accepted", exploration=0.1, first="own", history=0, arrivals=5000, classifier=LOGISTIC)
    rounds = Rounds(TwoGroups(), [run.people], 0)
    everybody = rounds.play(LinearRule(np.ones(1), 0.7)).people.features[:, 0]
    weighted, plain = (known(rounds, [0], None, Numerics(), weighs) for weighs in (True, False))
    inputs, weights = weighted.batch.inputs[:, 0].double().numpy(), weighted.batch.weights.double().numpy()
    assert weights.mean() == pytest.approx(1)
    assert set(np.round(weights / weights.min(), 3)) == {1, 10}
    error = np.sqrt((weights**2 * (inputs - everybody.mean()) ** 2).sum()) / weights.sum()
    assert abs(np.average(inputs, weights=weights) - everybody.mean()) < 4 * error < 0.1
    assert plain.batch.weights is None
    assert inputs.mean() > everybody.mean() + 0.2


def test_an_estimator_is_fitted_with_the_weights():
    """Oracle: scikit-learn, on the log and the people of the round."""
    run = spec("generations=1", revealed="accepted", exploration=0.1, first="own", history=0, classifier=LOGISTIC)
    (found,) = played(run)
    people = Rounds(source_of(run).kind, [run.people], run.seed).play(LinearRule(np.ones(1), 0.7))
    weights = 1 / people.propensity[people.seen]
    oracle = LogisticRegression().fit(
        people.people.features[people.seen], people.outcome[people.seen], weights / weights.mean()
    )
    np.testing.assert_allclose(found.classifier.module.own.coef_, oracle.coef_, rtol=1e-3)


# --- lock-in, the law of selective labels ---


@pytest.mark.parametrize("seed", range(3))
def test_lock_in_without_exploration(seed):
    """The preset: in group B the score says nothing, 70 % have the good label, and the first rule accepts nobody."""
    by_exploration = {}
    for exploration in (0, 0.05):
        run = from_mapping(
            presets.fields("selective-labels"),
            [f"seed={seed}", "generations=4", "people.arrivals=1000", f"people.exploration={exploration}",
             "classifier.model=sklearn.linear_model:LogisticRegression", "classifier.arguments={}"],
        )  # fmt: skip
        found = played(run)
        by_exploration[exploration] = [one.value("selection_rate", "B", split="true") for one in found]
        assert all(one.value("selection_rate", "A", split="true") > 0.4 for one in found)
    assert by_exploration[0] == [0, 0, 0, 0]
    assert by_exploration[0.05][0] == 0
    assert min(by_exploration[0.05][1:]) > 0.5


# --- networks, curations, resuming ---


@pytest.mark.parametrize(
    "overrides",
    [
        ["star.target=classifier"],
        ["star.target=classifier", "star.batch=50"],
        ["curation.target=classifier", "curation.steps=[{kind: reweigh}]"],
        ["curation.target=classifier", "curation.steps=[{kind: oversample}]", "star.target=classifier"],
        ["warm_start=classifier"],
    ],
)
def test_curated_batches_come_from_known_people(overrides):
    found = played(spec(*overrides, revealed="accepted", exploration=0.2))
    assert all(generation.classifier.taught for generation in found)
    if "star.target=classifier" in overrides:
        quotas = [row for row in found[2].rows if row.metric == "star_quota"]
        assert len(quotas) == 4
        assert {row.value for row in quotas} == {12.0 if "star.batch=50" in overrides else 16.0}


@pytest.mark.parametrize("classifier", [LINEAR, LOGISTIC], ids=["network", "estimator"])
def test_a_run_that_resumes_gives_the_same_rows_and_logs(classifier):
    run, models = spec(revealed="accepted", exploration=0.1, delay=1, arguments={"step": 0.05},
                       classifier=classifier), MemoryModels()  # fmt: skip
    whole = list(simulate(run, models))
    resumed = list(simulate(run, models, start=2))
    anew = list(simulate(run, start=2))
    for one, *others in zip(whole[2:], resumed, anew, strict=True):
        for other in others:
            np.testing.assert_equal([*map(tuple, one.rows)], [*map(tuple, other.rows)])
            for name in ("label", "prediction", "score", "propensity", "observed_at"):
                np.testing.assert_array_equal(getattr(one.log, name), getattr(other.log, name))


def test_a_schedule_changes_exploration_from_its_round_on():
    run = from_mapping(yaml.safe_load(spec(rule="own").to_yaml()), ["schedule={2: {people.exploration: 1.0}}"])
    shares = [log.accepted.mean() for log in logs(run)]
    assert max(shares[:2]) < 1
    assert shares[2:] == [1, 1]


# --- retention ---


def test_retention_replaces_people_who_leave():
    class Same(TwoGroups):
        def start(self, n, rng):
            return {"x": rng.random(n), "new": np.zeros(n)}

        def arrive(self, state, n, published, rngs):
            facts = {"probability": state["x"], "new": state["new"]}
            return People(state["x"][:, None], np.arange(n) % 2, facts, np.arange(n))

        def respond(self, state, people, accepted, outcome, rngs):
            return state

        def measures(self, state, people, accepted, outcome, published):
            return {}

        def replace(self, state, gone, rngs):
            new = state["new"].copy()
            new[gone] = 1
            return {**state, "new": new}

    leaves = spec(retention=[[1, 1], [0, 1]]).people  # rejected people of group b leave
    rounds = Rounds(Same(), [leaves, leaves], 0)
    first, second = rounds.play(LinearRule(np.ones(1), 0.5)), rounds.play(LinearRule(np.ones(1), 0.5))
    gone = (first.people.groups == 1) & ~first.accepted
    np.testing.assert_array_equal(second.people.potential["new"] == 1, gone)


# --- specs ---


def test_the_settings_of_generators_stay_four_beside_that_of_people():
    assert [*EVERY_SETTING] == [*SETTINGS, "people"]
    assert len(SETTINGS) == 4
    assert {get_args(SettingName)} == {tuple(EVERY_SETTING)}


def test_the_policies_of_lenders_are_rules():
    assert tuple(POLICIES) == OF_LENDERS


@pytest.mark.parametrize("people", [{"first": "max-profit"}, {"rule": "own"}, {"kind": f"{__name__}:Nothing"},
                                    {"first": {"kind": "threshold", "feature": "y", "at": 0}}])  # fmt: skip
def test_a_kind_or_rule_that_does_not_fit_ends_before_training(people):
    with pytest.raises(InputError, match="people"):
        played(from_mapping({"setting": "people", "people": {"kind": "selective-labels", **people}}))


def test_a_classifier_to_which_people_cannot_respond_ends_before_training(monkeypatch):
    monkeypatch.setattr(ModelTrainer, "fit_roots", lambda trainer: pytest.fail("training has begun"))
    deep = {"model": "mlp", "arguments": {"hidden": [4]}}
    with pytest.raises(InputError, match="performative needs a linear model"):
        played(from_mapping({"setting": "people", "people": {"kind": "performative"}, "classifier": deep}))


def test_retention_has_one_place_whatever_its_name():
    old = {"response": {"retention": [[1, 1], [0.5, 1]], "arrivals": 0.1}}
    new = {"people": {"retention": [[1, 1], [0.5, 1]], "newcomers": 0.1}}
    loop = {"policy": {"classifier": {"real_share": 0.5}}}
    assert from_mapping(old | loop) == from_mapping(new | loop)
    same, again = {"setting": "people", "people": {"kind": "lending"}}, {"kind": "lending", **new["people"]}
    assert from_mapping(same | old) == from_mapping(same | {"people": again})
    for fields in (old | loop, same | {"people": again}):
        run = from_mapping(fields)
        assert from_mapping(yaml.safe_load(run.to_yaml())) == run
    with pytest.raises(InputError, match=r"is the same field as response\.retention"):
        from_mapping(old | new | loop)


def test_people_of_a_seed_are_the_same_every_time():
    first, second = (source_of(spec()).population for _ in range(2))
    assert first.fingerprint == second.fingerprint
    assert source_of(spec("seed=1")).population.fingerprint != first.fingerprint
