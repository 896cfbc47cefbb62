"""Estimators in specs: what they see, the same guarantees as networks, and the messages about those that do not fit."""

# ruff: noqa: N803  (X is what scikit-learn calls features)
from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from fairlearn.postprocessing import ThresholdOptimizer
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from fairloop import OwnLoop, data, simulate
from fairloop.data.columns import decode, encode, learned
from fairloop.errors import InputError
from fairloop.loop.estimators import Estimators
from fairloop.loop.feature_forms import Frame, OneHot
from fairloop.loop.trainer import ModelTrainer
from fairloop.models.copula import GaussianCopula
from fairloop.models.numerics import Numerics
from fairloop.spec.run import RunSpec, from_mapping
from fairloop.store.memory import MemoryModels
from fairloop.sweep.estimate import estimate
from fairloop.testing import EstimatorCase
from fairloop.training.plan import plan

TREE = "sklearn.tree:DecisionTreeClassifier"
LINEAR = "sklearn.linear_model:LogisticRegression"
BOOSTING = "sklearn.ensemble:HistGradientBoostingClassifier"


def people(n: int = 240, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"age": rng.integers(18, 80, n), "pay": rng.normal(2000, 500, n).round(2)})
    frame["home"] = rng.choice(["flat", "house", "none"], n)
    frame["who"] = rng.choice(["f", "m"], n, p=[0.4, 0.6])
    good = frame["pay"] + 300 * (frame["home"] == "house") + 200 * (frame["who"] == "m") + rng.normal(0, 100, n) > 2200
    frame["ok"] = np.where(good, "yes", "no")
    frame["part"] = np.repeat(["train", "valid", "test"], [n // 2, n // 4, n - n // 2 - n // 4])
    return frame


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    people().to_csv(path, index=False)
    return path


def fields(table: Path) -> dict[str, Any]:
    return {
        "data": {"name": "table", "table": str(table), "label": "ok", "beneficial": "yes", "groups": ["who"],
                 "split": "part"},
        "generations": 2,
        "generator": {"model": "bootstrap"},
        "classifier": {"model": TREE, "arguments": {"max_depth": 3}},
        "annotator": {"model": TREE, "arguments": {"max_depth": 5}},
        "measure": {"samples": 60, "gallery": 4, "latents": 0},
        "precision": "fp32", "device": "cpu",
    }  # fmt: skip


def of(table: Path, *overrides: str) -> RunSpec:
    return from_mapping(fields(table), overrides)


def rows(generations: Any) -> list[tuple[str, ...]]:
    return [tuple(map(repr, row)) for generation in generations for row in generation.rows]


class Watched(DecisionTreeClassifier):
    """Remembers what it was given."""

    def __init__(self, max_depth: int = 3, random_state: int | None = None) -> None:
        super().__init__(max_depth=max_depth, random_state=random_state)

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Watched:
        self.seen = X, y, sample_weight
        return super().fit(_numbers(X), y, sample_weight)

    def predict(self, X: Any) -> Any:
        return super().predict(_numbers(X))

    def predict_proba(self, X: Any) -> Any:
        return super().predict_proba(_numbers(X))


def _numbers(X: pd.DataFrame) -> pd.DataFrame:
    return X[["age", "pay"]]


class Told:
    """Says yes to group m; remembers the groups that it was told."""

    def fit(self, X: Any, y: Any, *, sensitive_features: Any) -> Told:
        self.learned, self.asked = sensitive_features, []
        return self

    def predict(self, X: Any, *, sensitive_features: Any) -> Any:
        self.asked.append(sensitive_features)
        return np.where(sensitive_features == "m", "yes", "no")


class Mean:
    """A classifier that nothing can keep: it says yes to people with more than the mean pay of those with yes."""

    def fit(self, X: Any, y: Any) -> None:
        self.limit = X["pay"][np.asarray(y) == "yes"].mean() - 100

    def predict(self, X: Any) -> Any:
        return np.where(X["pay"] > self.limit, "yes", "no")


class Lacking:
    def fit(self, X: Any, y: Any) -> None: ...


class Wordless:
    def fit(self, X: Any) -> None: ...

    def sample(self, n: int) -> list[str]:
        return ["nobody"] * n


class Talking(DecisionTreeClassifier):
    def fit(self, X: Any, y: Any) -> Talking:
        print("a word of another library")
        return super().fit(X, y)


class TalkingSampler(GaussianCopula):
    def fit(self, X: Any) -> TalkingSampler:
        print("a word of another library")
        super().fit(X)
        return self


class Endless(GaussianCopula):
    def sample(self, n: int, rng: np.random.Generator) -> Any:
        return super().sample(n, rng).assign(pay=np.inf)


def makes() -> LogisticRegression:
    return LogisticRegression()


COLUMNS = make_pipeline(make_column_transformer(("passthrough", ["agee"])), LogisticRegression())
PIPE = LogisticRegression(max_iter=50)
FAIR = ThresholdOptimizer(
    estimator=LogisticRegression(), constraints="demographic_parity", predict_method="predict_proba"
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "overrides",
    [
        (),
        ("classifier.model=mlp", "classifier.arguments={hidden: [4]}", "classifier.epochs=1"),
        ("generator.model=tabular-vae", "generator.arguments={hidden: [4], latent: 2}", "generator.epochs=1"),
        ("annotator.model=mlp", "annotator.arguments={hidden: [4]}", "annotator.epochs=1", "star.target=both"),
        ("generator.model=gaussian-copula", "temperature=0.8", f"classifier.model={BOOSTING}", "star.target=both"),
        ("generator.model=sklearn.mixture:GaussianMixture", "synthetic_share=0.5", "labels.choice=sample"),
        ("classifier.model=test_estimators:PIPE", "classifier.arguments={C: 0.1}", "policy.classifier.kind=accumulate"),
        ("response.retention=[[0.5, 1], [1, 1]]", "policy.classifier.real_share=0.5", "curation.target=classifier",
         "curation.steps=[{kind: reweigh}]"),
    ],
)  # fmt: skip
def test_networks_and_estimators_mix_and_repeat(table, overrides):
    spec = of(table, *overrides)
    first = list(simulate(spec))
    assert len(first) == 2
    assert all(0 <= generation.value("accuracy") <= 1 for generation in first)
    assert rows(first) == rows(simulate(spec))
    other = of(table, *overrides, "seed=1", "data.seed=0")
    assert rows(first) != rows(simulate(other))


def test_an_estimator_sees_the_frame_of_the_file(table):
    # Independent of the loop: the frame as pandas reads it.
    spec = of(table, "classifier.model=test_estimators:Watched")
    generation = next(iter(simulate(spec)))
    own = generation.classifier.module.own
    seen, labels, weights = own.seen
    real = pd.read_csv(table).drop(columns=["ok", "part"])
    assert seen.dtypes.astype(str).to_dict() == {
        "age": "int64",
        "pay": "float64",
        "home": "category",
        "who": "category",
    }
    assert list(seen["home"].cat.categories) == ["flat", "house", "none"]
    assert set(seen["age"]) <= set(real["age"])
    assert np.abs(seen["pay"].to_numpy()[:, None] - real["pay"].to_numpy()).min(axis=1).max() < 2
    assert set(labels) == {"no", "yes"}
    assert weights is None
    tests = pd.read_csv(table)[lambda found: found["part"] == "test"]
    assert generation.value("accuracy") == pytest.approx((own.predict(tests) == tests["ok"]).mean())


def test_a_generation_equals_a_plain_script(table):
    spec = of(
        table, f"classifier.model={BOOSTING}", "classifier.arguments={max_depth: 2}", f"annotator.model={BOOSTING}"
    )
    first = next(iter(simulate(spec)))
    label, made = ModelTrainer(spec, MemoryModels()).annotators().label.module.own, first.classifier.module
    train = pd.read_csv(table)[lambda found: found["part"] == "train"]
    told = Frame(data.load(spec.data, 0).columns)
    assert (label.predict(told.decode(told.encode(train, ""))) == train["ok"]).mean() > 0.9
    tests = pd.read_csv(table)[lambda found: found["part"] == "test"]
    predicted = made.own.predict(told.decode(told.encode(tests, "")))
    for name in ("f", "m"):
        share = (predicted == "yes")[tests["who"] == name].mean()
        assert first.value("selection_rate", name) == pytest.approx(share)


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_frames_and_features_agree(seed):
    frame = people(40, seed).drop(columns=["ok", "part"])
    columns = learned(frame, np.ones(len(frame), bool))
    features, form = encode(frame, columns), Frame(columns)
    decoded = form.decode(features)
    assert {name: list(values) for name, values in decoded.items()} == decode(features, columns)
    assert np.abs(form.encode(decoded, "") - features).max() < 1e-6
    noisy = features + np.random.default_rng(seed).normal(0, 0.1, features.shape).astype(np.float32)
    back = OneHot(columns).encode(noisy, "")
    assert np.array_equal(OneHot(columns).encode(back, ""), back)
    assert (back[:, 2:5].sum(axis=1) == 1).all()


def test_an_estimator_that_takes_no_texts_gets_what_networks_get(table):
    population = data.load(of(table).data, 0)
    generation = next(iter(simulate(of(table, f"classifier.model={LINEAR}", "classifier.arguments={}"))))
    assert generation.classifier.module.own.n_features_in_ == population.shape[0]
    assert next(iter(simulate(of(table, f"classifier.model={BOOSTING}")))).classifier.module.own.n_features_in_ == 4


def test_weights_of_a_curation_reach_fit_and_are_refused_where_they_cannot(table):
    steps = ("curation.target=classifier", "curation.steps=[{kind: reweigh}]")
    spec = of(table, "classifier.model=test_estimators:Watched", *steps)
    weights = next(iter(simulate(spec))).classifier.module.own.seen[2]
    assert weights.mean() == pytest.approx(1, abs=1e-5)
    assert weights.std() > 0
    with pytest.raises(InputError, match="fit of KNeighborsClassifier has no parameter sample_weight"):
        simulate(
            of(table, "classifier.model=sklearn.neighbors:KNeighborsClassifier", "classifier.arguments={}", *steps)
        )


def test_sensitive_features_are_the_groups_of_real_people_and_those_that_a_s_names(table):
    spec = of(table, "classifier.model=test_estimators:Told", "classifier.arguments={}", "generations=1")
    generation = next(iter(simulate(spec)))
    tests = pd.read_csv(table)[lambda found: found["part"] == "test"]
    assert generation.value("selection_rate", "m") == 1
    assert generation.value("selection_rate", "f") == 0
    own = generation.classifier.module.own
    assert any(list(asked) == list(tests["who"]) for asked in own.asked)
    assert len(own.learned) == 120
    trainer = ModelTrainer(spec, MemoryModels())
    names = [parent.name for parent in trainer.plan.classifiers[0].parents]
    assert "grouper" in names  # A_S shaped it
    with pytest.raises(InputError, match="annotators are not told groups"):
        simulate(of(table, "annotator.model=test_estimators:Told", "annotator.arguments={}"))


def test_a_mitigation_that_is_told_groups_works_in_the_loop(table):
    people(4000).to_csv(table, index=False)

    def gap(model: str) -> float:
        generation = next(iter(simulate(of(table, f"classifier.model={model}", "classifier.arguments={}"))))
        return generation.value("demographic_parity", "difference", split="valid")

    assert gap("test_estimators:FAIR") < gap(LINEAR)


def test_samples_in_bf16_reach_an_estimator():
    case = EstimatorCase(TREE)
    model = case.fitted()
    assert model(case.inputs[:4].bfloat16()).shape == (4, 3)


def test_a_dry_run_estimates_estimators(table):
    found = estimate([of(table, "generations=3")])
    assert found.models == {"generator": 3, "classifier": 3, "label_annotator": 1, "group_annotator": 1}
    assert found.work > 0


def test_fields_of_training_in_steps_change_no_recipe_of_an_estimator(table):
    def recipes(*overrides: str) -> list[str]:
        spec = of(table, *overrides)
        return [recipe.fingerprint for recipe in plan(spec, data.load(spec.data, 0), Numerics())]

    assert recipes() == recipes("classifier.epochs=7", "generator.batch=9", "annotator.learning_rate=0.5")
    assert recipes() != recipes("classifier.arguments={max_depth: 2}")


def test_star_fills_batches_of_its_own_size_if_it_has_one(table):
    spec = of(table, "star.target=classifier", "star.batch=16", "star.budget=30")
    log = next(iter(simulate(spec))).classifier.log
    assert log["candidates"].shape[:2] == (1, 8)  # 120 people, in full batches of 16
    assert int(log["candidates"][0, 0].sum()) == 46


def test_own_loops_have_a_temperature_where_their_generator_has_one():
    features = np.random.default_rng(0).normal(size=(200, 2))
    told = features, (features[:, 0] > 0).astype(int), np.where(features[:, 1] > 0, "a", "b")

    def spread(**chosen: Any) -> float:
        chosen |= {"generations": 2, "samples": 50}
        loop = OwnLoop(told, told, generator=GaussianCopula(), classifier=LogisticRegression(), **chosen)
        seen = list(simulate(loop))[1].generator.module.own
        return float(np.std(seen._margins[0][1]))

    assert spread(temperature=0.5) < 0.7 * spread()
    with pytest.raises(InputError, match=r"warm_start=both: each generator \(GaussianCopula\) is fitted by one call"):
        spread(warm_start="both")


def test_a_diverged_network_makes_its_estimators_undefined(table):
    spec = of(table, "annotator.model=mlp", "annotator.arguments={}", "annotator.epochs=3", "annotator.batch=8",
              "annotator.learning_rate=1e30", "on_divergence=go_on")  # fmt: skip
    last = list(simulate(spec))[-1]
    assert not last.generator.diverged  # it needs no labels
    assert last.classifier.diverged
    assert np.isnan(last.value("accuracy"))


def test_pictures_reach_an_estimator_as_flat_arrays():
    from conftest import tiny

    spec = tiny("generations=1", f"annotator.model={LINEAR}", "annotator.arguments={max_iter: 5}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        annotators = ModelTrainer(spec, MemoryModels()).annotators()
        assert 0 <= next(iter(simulate(spec))).value("accuracy", role="label_annotator") <= 1
    assert annotators.label.module.own.n_features_in_ == 3 * 28 * 28


def test_the_objects_behind_recipes_are_new_each_time(table):
    spec = of(table, "classifier.model=test_estimators:PIPE", "classifier.arguments={C: 0.5}")
    population = data.load(spec.data, 0)
    recipe = plan(spec, population, Numerics()).classifiers[0]
    first, second = (Estimators(population).of(recipe) for _ in range(2))
    assert first is not second is not PIPE
    assert first.C == 0.5
    assert PIPE.C == 1.0


@pytest.mark.parametrize(
    "model", [LINEAR, BOOSTING, "sklearn.ensemble:RandomForestClassifier"], ids=lambda name: name.rpartition(":")[2]
)
def test_one_call_for_probabilities_and_labels_gives_what_two_calls_give(model, monkeypatch):
    arguments = {"n_estimators": 5} if "Forest" in model else {"max_iter": 5} if model == BOOSTING else {}
    case = EstimatorCase(model, arguments=arguments)
    found = case.fitted()
    asked = []
    monkeypatch.setattr(type(found.own), "predict", lambda own, people: asked.append(len(people)))
    once = found(case.inputs[:50])
    monkeypatch.undo()
    monkeypatch.setattr("fairloop.models.estimators.fitted._BY_PROBABILITY", ())
    assert torch.equal(found(case.inputs[:50]), once)
    assert not asked or model.endswith("ForestClassifier")  # few trees tie


def test_frames_that_are_remembered_are_as_decoded_anew_and_nobodys_to_change():
    frames = [people(40, seed).drop(columns=["ok", "part"]) for seed in range(6)]
    columns = learned(frames[0], np.ones(40, bool))
    form = Frame(columns)
    coded = [form.encode(frame.assign(home=frames[0]["home"], who=frames[0]["who"]), "") for frame in frames]
    for numbers in (*coded, *coded[::-1], coded[0][:5], coded[0][:0]):
        got = form.decode(numbers)
        pd.testing.assert_frame_equal(got, Frame(columns).decode(numbers))
        got["age"] = -1
    assert form.decode(coded[0])["age"].min() > 0


def test_where_probabilities_tie_the_estimator_is_asked_for_its_labels(monkeypatch):
    found = EstimatorCase("sklearn.ensemble:RandomForestClassifier", arguments={"n_estimators": 2}).fitted()
    people = torch.from_numpy(EstimatorCase(TREE).population.train.inputs[:])
    monkeypatch.setattr(type(found.own), "predict_proba", lambda own, frame: np.full((len(frame), 3), 1 / 3))
    monkeypatch.setattr(type(found.own), "predict", lambda own, frame: np.repeat("label 2", len(frame)))
    assert found(people).argmax(dim=1).eq(2).all()
