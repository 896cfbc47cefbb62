"""Mitigations of fairlearn in specs: the same predictions as fairlearn's own in a plain script, and their messages."""

# ruff: noqa: N803, N806  (X is what scikit-learn calls features)
from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from fairlearn.postprocessing import ThresholdOptimizer
from fairlearn.postprocessing._threshold_operation import ThresholdOperation
from fairlearn.preprocessing import CorrelationRemover
from fairlearn.reductions import DemographicParity, EqualizedOdds, ExponentiatedGradient, GridSearch
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.utils import Bunch

import fairloop
from fairloop import simulate
from fairloop.errors import InputError
from fairloop.loop.trainer import ModelTrainer
from fairloop.models.estimators import mitigations
from fairloop.spec.run import RunSpec
from fairloop.store.memory import MemoryModels
from fairloop.testing import EstimatorCase
from test_estimators import of, people, rows
from test_estimators_kept import finished

GRADIENT, GRID = "fairlearn-exponentiated-gradient", "fairlearn-grid-search"
THRESHOLDS, REMOVER = "fairlearn-threshold-optimizer", "fairlearn-correlation-remover"
SEED, DRAW = 7, 11
TREES = "sklearn.ensemble:HistGradientBoostingClassifier"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    people(480).to_csv(path, index=False)
    return path


def mitigated(table: Path, model: str, arguments: str = "{}", *more: str) -> RunSpec:
    return of(table, f"classifier.model={model}", f"classifier.arguments={arguments}", *more)


def batch(seed: int = 0, n: int = 300) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Features, labels and groups; each of two groups has another share of good labels."""
    rng = np.random.default_rng(seed)
    groups = rng.choice(["f", "m"], n)
    X = rng.normal(size=(n, 3)) + (groups == "m")[:, None] * [0.8, 0.0, 0.3]
    return X, np.where(X @ [1, 1, 0] + rng.normal(0, 0.7, n) > 0.5, "yes", "no"), groups


def by_gradient(X: Any, y: Any, groups: Any) -> Any:
    plain = ExponentiatedGradient(
        LogisticRegression(C=0.5, random_state=SEED), EqualizedOdds(difference_bound=0.02), eps=0.02, max_iter=4
    )
    return plain.fit(X, y == "yes", sensitive_features=groups).predict(X, random_state=DRAW)


def by_grid(X: Any, y: Any, groups: Any) -> Any:
    plain = GridSearch(LogisticRegression(random_state=SEED), DemographicParity(), grid_size=7)
    return plain.fit(X, (y == "yes").astype(int), sensitive_features=groups).predict(X)


def by_thresholds(X: Any, y: Any, groups: Any) -> Any:
    plain = ThresholdOptimizer(
        estimator=LogisticRegression(random_state=SEED), constraints="equalized_odds", predict_method="auto"
    ).fit(X, y == "yes", sensitive_features=groups)
    return plain.predict(X, sensitive_features=groups, random_state=DRAW)


def by_remover(X: Any, y: Any, groups: Any) -> Any:
    frame = pd.DataFrame(X, columns=["a", "b", "c"]).assign(f=groups == "f", m=groups == "m").astype(float)
    remover = CorrelationRemover(sensitive_feature_ids=["f", "m"], alpha=0.7)
    features = remover.fit_transform(frame)
    return LogisticRegression(random_state=SEED).fit(features, y == "yes").predict(features)


SCRIPTS = {
    GRADIENT: (by_gradient, {"constraints": "equalized_odds", "eps": 0.02, "max_iter": 4,
                             "estimator_arguments": {"C": 0.5}}),
    GRID: (by_grid, {"constraints": "demographic_parity", "grid_size": 7}),
    THRESHOLDS: (by_thresholds, {"constraints": "equalized_odds"}),
    REMOVER: (by_remover, {"alpha": 0.7}),
}  # fmt: skip
pytestmark = pytest.mark.filterwarnings("ignore:Setting a value on a Series:DeprecationWarning")  # in fairlearn

CLASSES = {
    GRADIENT: mitigations.ExponentiatedGradient,
    GRID: mitigations.GridSearch,
    THRESHOLDS: mitigations.ThresholdOptimizer,
    REMOVER: mitigations.CorrelationRemover,
}


def asked(own: Any, method: str, X: Any, groups: Any) -> Any:
    """A prediction with those of the arguments that it takes."""
    named = {"sensitive_features": groups, "random_state": DRAW}
    ask = getattr(own, method)
    return ask(X, **{name: named[name] for name in named if name in mitigations.inspect.signature(ask).parameters})


@pytest.mark.parametrize("model", SCRIPTS)
def test_a_mitigation_predicts_what_the_plain_script_predicts(model):
    script, arguments = SCRIPTS[model]
    X, y, groups = batch()
    own = CLASSES[model](**arguments)
    own.random_state = SEED
    own.fit(X, y, sensitive_features=groups)
    expected = script(X, y, groups)
    assert 0.1 < np.mean(expected) < 0.9
    assert (asked(own, "predict", X, groups) == np.where(expected, "yes", "no")).all()
    chances = asked(own, "predict_proba", X, groups)
    assert chances.sum(axis=1) == pytest.approx(1)
    loaded = CLASSES[model](**arguments).from_bytes(own.to_bytes())
    assert np.array_equal(asked(loaded, "predict_proba", X, groups), chances)
    assert (asked(loaded, "predict", X, groups) == np.where(expected, "yes", "no")).all()


@pytest.mark.parametrize("model", [GRADIENT, THRESHOLDS])
def test_labels_are_drawn_as_often_as_the_probabilities_say(model):
    X, y, groups = batch(1, 2000)
    own = CLASSES[model](**SCRIPTS[model][1]).fit(X, y, sensitive_features=groups)
    chance = asked(own, "predict_proba", X, groups)[:, 1]
    assert asked(own, "predict", X, groups).tolist() == asked(own, "predict", X, groups).tolist()
    error = np.sqrt((chance * (1 - chance)).sum()) + 1e-9
    assert abs((asked(own, "predict", X, groups) == "yes").sum() - chance.sum()) < 4 * error


def test_thresholds_use_real_groups_of_real_people_and_those_that_a_s_names_of_samples(table):
    generation = next(iter(simulate(mitigated(table, THRESHOLDS, "{constraints: demographic_parity}"))))
    spec = mitigated(table, THRESHOLDS, "{constraints: demographic_parity}")
    trainer = ModelTrainer(spec, MemoryModels())
    people, model = trainer.population.tests["test"], generation.classifier.module
    inputs, groups = torch.from_numpy(people.inputs[:]), torch.from_numpy(people.groups)
    decided = model.decided(inputs, groups)
    for code, name in enumerate(trainer.population.group_names):
        assert generation.value("selection_rate", name) == pytest.approx(decided[groups == code].float().mean().item())
    named = trainer.annotators().group.module(inputs).argmax(dim=1)
    assert torch.equal(model.decided(inputs), model.decided(inputs, named))
    assert not torch.equal(model.decided(inputs, 1 - groups), decided)  # groups do decide


def test_a_run_with_a_mitigation_resumes_to_the_same_bits_and_is_kept(table, tmp_path):
    pytest.importorskip("skops")
    one, two = (mitigated(table, THRESHOLDS, "{}", "measure.gallery=0", f"generations={n}") for n in (1, 2))
    whole = finished(two, tmp_path / "whole")
    finished(one, tmp_path / "grown")
    assert finished(two, tmp_path / "grown") == whole
    assert len([*(tmp_path / "grown" / "models").glob("classifier-*.safetensors")]) == 2
    loaded = fairloop.load(tmp_path / "grown")
    tests = loaded.population.tests["test"]
    decided = loaded.classifier(1).decided(torch.from_numpy(tests.inputs[:]), torch.from_numpy(tests.groups)).numpy()
    found = loaded.table().query("generation == 1 and split == 'test' and metric == 'accuracy' and group == 'overall'")
    assert (decided == tests.labels).mean() == pytest.approx(found.query("role == 'classifier'")["value"].iloc[0])


def test_trees_get_texts_as_categories_inside_a_mitigation(table):
    spec = mitigated(table, THRESHOLDS, f"{{estimator: '{TREES}', estimator_arguments: {{max_iter: 5}}}}")
    own = next(iter(simulate(spec))).classifier.module.own
    inner = own._state["classifier"]
    assert isinstance(inner, HistGradientBoostingClassifier)
    assert inner.n_features_in_ == 4
    assert inner.is_categorical_.sum() == 2


def test_a_mitigation_repeats_and_its_seed_counts(table):
    spec = mitigated(table, THRESHOLDS)
    assert rows(simulate(spec)) == rows(simulate(spec))
    assert rows(simulate(spec)) != rows(simulate(mitigated(table, THRESHOLDS, "{}", "seed=1", "data.seed=0")))


def test_people_of_a_group_without_a_threshold_get_the_decision_of_the_classifier():
    X, y, groups = batch()
    own = mitigations.ThresholdOptimizer().fit(X, y, sensitive_features=groups)
    with pytest.warns(UserWarning, match="no thresholds for groups that the fit has not seen: x"):
        chances = own.predict_proba(X, sensitive_features=np.repeat("x", len(X)))
    assert np.array_equal(chances[:, 1], own._state["classifier"].predict(X))


WRONG = {
    "constraints": (GRADIENT, "{constraints: equal_odds}",
                    r"classifier\.arguments: .*constraints=equal_odds: is not one of .*did you mean equalized_odds\?"),
    "objective": (THRESHOLDS, "{objective: selection_rate}", "objective=selection_rate: is not one of accuracy_score"),
    "no module": (GRID, "{estimator: mlp}", r"estimator=mlp: is not a module:Name, such as sklearn\.linear_model"),
    "slip": (GRID, "{estimator: 'sklearn.linear_model:LogisticRegresion'}", "did you mean LogisticRegression"),
    "arguments": (REMOVER, "{estimator_arguments: {depth: 3}}", r"estimator_arguments=.*does not take them"),
    "value": (REMOVER, "{estimator_arguments: {C: -1}}", r"classifier 0 \(CorrelationRemover\): fit fails: .*'C'"),
    "alpha": (REMOVER, "{alpha: 2}", r"alpha=2: is not in \[0, 1\]"),
    "weight": (GRID, "{constraint_weight: -1}", "constraint_weight=-1: is not in"),
    "size": (GRID, "{grid_size: 0}", "grid_size=0: is not positive"),
    "eps": (GRADIENT, "{eps: 0}", "eps=0: is not positive"),
    "unweighted": (GRADIENT, "{estimator: 'sklearn.neighbors:KNeighborsClassifier'}",
                   "KNeighborsClassifier has no parameter sample_weight, which the reductions"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_mitigation_that_cannot_be_is_refused_before_anything_is_trained(case, table):
    model, arguments, words = WRONG[case]
    with pytest.raises(InputError, match=words) as caught:
        simulate(mitigated(table, model, arguments))
    assert "\n" not in str(caught.value)


def test_a_mitigation_is_no_annotator_and_takes_no_weights(table):
    with pytest.raises(InputError, match="annotators are not told groups"):
        simulate(of(table, f"annotator.model={GRID}", "annotator.arguments={}"))
    steps = ("curation.target=classifier", "curation.steps=[{kind: reweigh}]")
    with pytest.raises(InputError, match="fit of ThresholdOptimizer has no parameter sample_weight"):
        simulate(mitigated(table, THRESHOLDS, "{}", *steps))


def test_a_group_with_one_label_is_named_with_the_remedy(table):
    frame = people(480).assign(ok=lambda found: np.where(found["who"] == "f", "no", found["ok"]))
    frame.to_csv(table, index=False)
    words = r"^classifier 0 \(ThresholdOptimizer\): all \d+ people of group 'f' have the label 'no', and .*real_share"
    with pytest.raises(InputError, match=words) as caught:
        simulate(mitigated(table, THRESHOLDS))
    assert "codes 0, 1" not in str(caught.value)
    assert next(iter(simulate(mitigated(table, GRADIENT, "{max_iter: 2}")))).value("accuracy") > 0.5


def test_a_grid_search_of_one_group_is_its_classifier():
    X, y, _ = batch(n=60)
    with pytest.warns(UserWarning, match="all people are of group 'f', so the grid search is its classifier"):
        found = CLASSES[GRID]().fit(X, y, sensitive_features=np.repeat("f", len(X))).predict(X)
    assert np.array_equal(found == "yes", LogisticRegression().fit(X, y == "yes").predict(X))


def test_more_than_two_labels_are_refused_with_their_names():
    case = EstimatorCase(GRID, labels=3)
    with pytest.raises(InputError, match=r"needs two labels, not 3 \(label 0, label 1, label 2\)"):
        case.fitted()


def test_a_rule_of_thresholds_is_read_as_fairlearn_reads_it():
    scores = np.linspace(0, 1, 11)
    tests = [(0.25, ">", 0.35), (0.75, "<", 0.65)]
    found = mitigations._chance({"tests": tests, "ignored": 0.2, "instead": 0.5}, scores)
    kept = Bunch(p0=0.25, operation0=ThresholdOperation(">", 0.35), p1=0.75, operation1=ThresholdOperation("<", 0.65))
    rule = Bunch(**kept, p_ignore=0.2, prediction_constant=0.5)
    assert np.array_equal(mitigations._chance(mitigations._rule(rule), scores), found)
    assert found[[0, 5, 10]] == pytest.approx([0.1 + 0.8 * 0.75, 0.1 + 0.8, 0.1 + 0.8 * 0.25])
