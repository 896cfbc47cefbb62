"""Estimators that do not fit a run are refused, and those of scikit-learn that fit the interface run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import all_estimators

from fairloop import simulate
from fairloop.errors import InputError
from fairloop.testing import EstimatorCase
from test_estimators import of, people


@pytest.fixture
def table(tmp_path: Path) -> Path:
    people().to_csv(path := tmp_path / "people.csv", index=False)
    return path


WRONG = {
    "argument": (("classifier.arguments={depth: 3}",), r"classifier\.arguments: .*TreeClassifier' cannot be built"),
    "value": (("classifier.arguments={max_depth: -3}",), r"^classifier 0 \(.*Classifier\): fit fails: .*max_depth"),
    "module": (("classifier.model=no_such:Thing",), "classifier.model: 'no_such:Thing' cannot be imported"),
    "method": (("classifier.model=test_estimators:Lacking", "classifier.arguments={}"),
               r"classifier 0 \(Lacking\): has no method predict"),
    "regressor": (("classifier.model=sklearn.tree:DecisionTreeRegressor", "classifier.arguments={max_depth: 1}"),
                  r"predicts .* not one of|fit fails"),
    "clusters": (("classifier.model=sklearn.cluster:KMeans", "classifier.arguments={n_clusters: 2}"),
                 r"^classifier 0 \(KMeans\): predicts"),
    "annotator": (("annotator.model=sklearn.cluster:KMeans", "annotator.arguments={n_clusters: 2}"),
                  r"annotator \(KMeans\): predicts"),
    "samples": (("generator.model=test_estimators:Wordless",), r"^generator 0 \(Wordless\): has features"),
    "endless": (("generator.model=test_estimators:Endless",),
                r"^generator 0 \(Endless\): has an infinite number in column 'pay'"),
    "function": (("classifier.model=test_estimators:makes", "classifier.arguments={}"),
                 "'test_estimators:makes' cannot be built .*; a function makes networks alone, so name the class"),
    "columns": (("classifier.model=test_estimators:COLUMNS", "classifier.arguments={}"),
                r"^classifier 0 \(Pipeline\): fit fails: .*; a frame fails by: .*agee"),
    "slip": (("classifier.model=sklearn.tree:DecisionTreeClasifier",), "did you mean DecisionTreeClassifier"),
    "warm": (("warm_start=classifier",), "warm_start=classifier: each classifier .* begins anew"),
    "temperature": (("temperature=0.5",), "temperature=0.5: 'bootstrap' has no latents"),
    "later": (("schedule={1: {classifier.arguments: {max_depth: -3}}}",), r"^schedule\.1: classifier 1 .*max_depth"),
    "knots": (("generator.model=gaussian-copula", "generator.arguments={knots: 1}"), "knots=1: give 2 or more"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_estimators_that_do_not_fit_are_refused_before_anything_is_trained(case, table, monkeypatch):
    overrides, words = WRONG[case]
    with pytest.raises(InputError, match=words) as caught:
        simulate(of(table, *overrides))  # the loop itself begins with the first generation that is asked for
    assert "\n" not in str(caught.value)


class Popping(DecisionTreeClassifier):
    def __init__(self, options: Any = None, max_depth: int = 1, random_state: int | None = None) -> None:
        super().__init__(max_depth=options.pop("depth") if options else max_depth, random_state=random_state)
        self.options = options


def test_a_constructor_that_takes_its_arguments_apart_leaves_the_spec_alone(table):
    spec = of(table, "classifier.model=test_estimators_refused:Popping", "classifier.arguments={options: {depth: 2}}")
    assert list(simulate(spec))[-1].value("accuracy") > 0.5
    assert spec.classifier.arguments == {"options": {"depth": 2}}


def test_lightgbm_warns_of_unknown_arguments_and_prints_nothing(capfd):
    pytest.importorskip("lightgbm")
    # LightGBM's verbosity holds for the process, so an earlier test could have silenced it.
    case = EstimatorCase("lightgbm:LGBMClassifier", arguments={"n_estimators": 2, "nope": 1, "verbosity": 1})
    with pytest.warns(UserWarning, match=r"^\[LightGBM\] \[Warning\] Unknown parameter: nope$"):
        case.fitted()
    assert capfd.readouterr().out == ""


def test_lightgbm_takes_columns_of_any_name(table):
    pytest.importorskip("lightgbm")
    people().rename(columns={"pay": 'pay: "net" [k]'}).to_csv(table, index=False)
    model = ("classifier.model=lightgbm:LGBMClassifier", "classifier.arguments={n_estimators: 3, min_child_samples: 5}")
    assert next(iter(simulate(of(table, *model)))).value("accuracy") > 0.6


def _plain_classifiers() -> list[str]:
    found = []
    for name, kind in all_estimators("classifier"):
        try:
            made = kind()
        except TypeError:  # it needs other estimators
            continue
        if not hasattr(made, "predict"):  # it takes that from another estimator
            continue
        found.append(f"{kind.__module__.rpartition('._')[0] or kind.__module__}:{name}")
    return found


@pytest.mark.slow
@pytest.mark.parametrize("model", _plain_classifiers())
def test_classifiers_of_scikit_learn_run_a_generation(model, table):
    collinear = model.endswith(
        ":QuadraticDiscriminantAnalysis"
    )  # as one-hot columns are, which it refuses unregularised
    arguments = "{reg_param: 0.1}" if collinear else "{}"
    try:
        generation = next(iter(simulate(of(table, f"classifier.model={model}", f"classifier.arguments={arguments}"))))
    except InputError as error:
        pytest.fail(f"{model}: {error}")
    assert 0.4 < generation.value("accuracy") <= 1


def test_twenty_classifiers_of_scikit_learn_fit_the_interface():
    assert len(_plain_classifiers()) >= 20
