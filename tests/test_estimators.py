"""Estimators in specs: what they see, the same guarantees as networks, and the messages about those that do not fit."""

# ruff: noqa: N803  (X is what scikit-learn calls features)
from __future__ import annotations

import signal
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import all_estimators

import fairloop
from disturbed import Runs
from fairloop import OwnLoop, data, simulate
from fairloop.cli import main
from fairloop.data.columns import decode
from fairloop.errors import InputError
from fairloop.loop.estimators import Estimators
from fairloop.loop.forms import Frame, OneHot
from fairloop.loop.trainer import ModelTrainer
from fairloop.models.copula import GaussianCopula
from fairloop.models.estimators.keeping import packed, restored, unpacked
from fairloop.models.numerics import Numerics
from fairloop.report.table import export
from fairloop.running.progress import LineView
from fairloop.running.run import run
from fairloop.seeding import ModelRole
from fairloop.spec.run import RunSpec, from_mapping
from fairloop.store.directory import RunDirectory
from fairloop.store.memory import MemoryModels
from fairloop.store.models import DirectoryModels
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


PIPE = LogisticRegression(max_iter=50)


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
    from fairloop.data.columns import encode, learned

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


WRONG = {
    "argument": (("classifier.arguments={depth: 3}",), r"classifier\.arguments: .*TreeClassifier' cannot be built"),
    "value": (("classifier.arguments={max_depth: -3}",), r"^classifier 0 \(.*Classifier\): fit fails: .*max_depth"),
    "module": (("classifier.model=no_such:Thing",), "classifier.model: 'no_such:Thing' cannot be imported"),
    "method": (("classifier.model=test_estimators:Lacking", "classifier.arguments={}"),
               r"classifier 0 \(Lacking\): has no method predict"),
    "warm": (("warm_start=classifier",), "warm_start=classifier: each classifier .* begins anew"),
    "temperature": (("temperature=0.5",), "temperature=0.5: 'bootstrap' has no latents"),
    "later": (("schedule={1: {classifier.arguments: {max_depth: -3}}}",), r"^schedule\.1: classifier 1 .*max_depth"),
    "knots": (("generator.model=gaussian-copula", "generator.arguments={knots: 1}"), "knots=1: at least 2"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_estimators_that_do_not_fit_are_refused_before_anything_is_trained(case, table, monkeypatch):
    overrides, words = WRONG[case]
    with pytest.raises(InputError, match=words) as caught:
        simulate(of(table, *overrides))  # the loop itself begins with the first generation that is asked for
    assert "\n" not in str(caught.value)


KEPT = {
    "tree": EstimatorCase(TREE),
    "boosting": EstimatorCase(BOOSTING, arguments={"max_iter": 3}),
    "linear": EstimatorCase(LINEAR),
    "xgboost": EstimatorCase("xgboost:XGBClassifier", arguments={"n_estimators": 3}),
    "lightgbm": EstimatorCase("lightgbm:LGBMClassifier", arguments={"n_estimators": 3, "verbose": -1}),
    "bootstrap": EstimatorCase("bootstrap", ModelRole.GENERATOR),
    "copula": EstimatorCase("gaussian-copula", ModelRole.GENERATOR),
}


@pytest.mark.parametrize("case", KEPT)
def test_estimators_are_kept_without_pickle(case, monkeypatch):
    for name in ("skops", KEPT[case].model.partition(":")[0] if ":" in KEPT[case].model else "skops"):
        pytest.importorskip(name)
    model = KEPT[case].fitted()
    assert model.can_be_kept
    content = model.get_extra_state().numpy().tobytes()
    assert b"\x80\x04\x95" not in content  # the first bytes of a pickle
    other = KEPT[case].unfitted()
    other.set_extra_state(torch.frombuffer(bytearray(content), dtype=torch.uint8))
    assert torch.equal(KEPT[case].output(other), KEPT[case].output(model))


def test_types_that_are_not_trusted_are_neither_kept_nor_loaded():
    skops = pytest.importorskip("skops.io")
    kept = unpacked(packed(DecisionTreeClassifier().fit([[0], [1]], [0, 1]), {}))
    foreign = skops.dumps({"estimator": Mean()})
    with pytest.raises(InputError, match=r"classifier 0: the kept model cannot be read: .*Mean.*fitted again"):
        restored(kept._replace(content=foreign), None, "classifier 0")
    assert not packed(Mean(), {}).numel()


def finished(spec: RunSpec, folder: Path) -> bytes:
    run(spec, RunDirectory(folder), LineView(lambda line: None))
    out = folder.with_suffix(".csv")
    export([RunDirectory(folder)], out)
    return out.read_bytes()


def accuracy(loaded: fairloop.RecordedRun, generation: int) -> float:
    rows = loaded.table().query("role == 'classifier' and split == 'test' and metric == 'accuracy'")
    return float(rows.query(f"generation == {generation} and group == 'overall'")["value"].iloc[0])


def test_a_run_on_disk_continues_and_gives_its_models_back(table, tmp_path):
    pytest.importorskip("skops")
    overrides = (
        f"classifier.model={BOOSTING}",
        "classifier.arguments={max_iter: 5}",
        "generator.model=gaussian-copula",
    )
    whole = finished(of(table, *overrides, "generations=3"), tmp_path / "whole")
    finished(of(table, *overrides, "generations=2"), tmp_path / "grown")
    assert finished(of(table, *overrides, "generations=3"), tmp_path / "grown") == whole
    directory = RunDirectory(tmp_path / "grown")
    assert directory.provenance()["sessions"][-1]["trained"] == ["generator 2", "classifier 2"]
    loaded = fairloop.load(tmp_path / "grown")
    tests = loaded.population.tests["test"]
    predicted = loaded.classifier(2)(torch.from_numpy(tests.inputs[:])).argmax(dim=1).numpy()
    found = loaded.table().query(
        "generation == 2 and role == 'classifier' and split == 'test' and metric == 'accuracy'"
    )
    assert (predicted == tests.labels).mean() == pytest.approx(found.query("group == 'overall'")["value"].iloc[0])
    assert loaded.samples(1, 10).inputs.shape == (10, *loaded.population.shape)


def test_an_estimator_that_cannot_be_kept_is_fitted_again_to_the_same_bits(table, tmp_path):
    overrides = ("classifier.model=test_estimators:Mean", "classifier.arguments={}")
    with pytest.warns(UserWarning, match="test_estimators:Mean: is not kept, so it is fitted again"):
        whole = finished(of(table, *overrides, "generations=3"), tmp_path / "whole")
    finished(of(table, *overrides), tmp_path / "grown")
    assert finished(of(table, *overrides, "generations=3"), tmp_path / "grown") == whole
    loaded = fairloop.load(tmp_path / "grown")
    kept = [path.name for path in (tmp_path / "grown" / "models").glob("classifier-*.safetensors")]
    assert not kept
    tests = loaded.population.tests["test"]
    predicted = loaded.classifier(1)(torch.from_numpy(tests.inputs[:])).argmax(dim=1).numpy()
    found = loaded.table().query(
        "generation == 1 and role == 'classifier' and split == 'test' and metric == 'accuracy'"
    )
    assert (predicted == tests.labels).mean() == pytest.approx(found.query("group == 'overall'")["value"].iloc[0])


def test_a_stored_model_is_what_was_fitted(table, tmp_path):
    pytest.importorskip("skops")
    spec = of(table, "generations=1")
    first = ModelTrainer(spec, DirectoryModels(tmp_path / "models")).annotators()
    again = ModelTrainer(spec, DirectoryModels(tmp_path / "models")).annotators()
    inputs = torch.from_numpy(data.load(spec.data, 0).train.inputs[:])
    assert again.label.module is not first.label.module
    assert torch.equal(first.label.module(inputs), again.label.module(inputs))
    assert torch.equal(first.group.module(inputs), again.group.module(inputs))


@pytest.fixture(scope="module")
def estimator_runs(tmp_path_factory: pytest.TempPathFactory) -> Any:
    pytest.importorskip("skops")
    folder = tmp_path_factory.mktemp("estimators")
    people().to_csv(folder / "people.csv", index=False)
    told = {**fields(folder / "people.csv"), "generations": 3, "generator": {"model": "gaussian-copula"}}
    found = Runs(folder, {**told, "star": {"target": "both"}})
    yield found
    found.close()


@pytest.mark.parametrize("share", [0.3, 0.6])
def test_a_run_of_estimators_that_is_killed_goes_on_to_the_same_bits(estimator_runs, share):
    name = f"killed-{share}"
    estimator_runs.run(name, signal=int(signal.SIGKILL), after=share * estimator_runs.seconds)
    estimator_runs.goes_on(name)


@pytest.mark.parametrize("at", [20, 60, 90])
def test_a_run_of_estimators_killed_while_it_writes_goes_on_to_the_same_bits(estimator_runs, at):
    assert estimator_runs.run("op", fault="kill", at=at).code == -9
    estimator_runs.goes_on("op")


@pytest.mark.slow
def test_a_sweep_over_networks_and_estimators_shares_models_and_reports(table, tmp_path, monkeypatch, capsys):
    import yaml

    spec = tmp_path / "spec.yaml"
    spec.write_text(yaml.safe_dump({**fields(table), "generator": {"model": "gaussian-copula"}}))
    grid = f"classifier.model=mlp,{LINEAR},{BOOSTING}"
    command = ["sweep", str(spec), "--grid", grid, "--seeds", "0", "--set", "classifier.arguments={}", "--out",
               str(tmp_path / "out"), "--workers", "1"]  # fmt: skip
    for arguments in (command, ["report", str(tmp_path / "out"), "--out", str(tmp_path / "report.html")]):
        monkeypatch.setattr("sys.argv", ["fairloop", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code, capsys.readouterr()
    assert "HistGradientBoostingClassifier" in (tmp_path / "report.html").read_text()
    shared = list((tmp_path / "out" / "models").glob("generator-0-*.safetensors"))
    assert len(shared) == 1  # for all three classifiers


def _plain_classifiers() -> list[str]:
    found = []
    for name, kind in all_estimators("classifier"):
        try:
            kind()
        except TypeError:  # it needs other estimators
            continue
        found.append(f"{kind.__module__.rpartition('._')[0] or kind.__module__}:{name}")
    return found


@pytest.mark.slow
@pytest.mark.parametrize("model", _plain_classifiers())
def test_classifiers_of_scikit_learn_run_a_generation(model, table):
    try:
        generation = next(iter(simulate(of(table, f"classifier.model={model}", "classifier.arguments={}"))))
    except InputError as error:
        pytest.fail(f"{model}: {error}")
    assert 0.4 < generation.value("accuracy") <= 1


def test_twenty_classifiers_of_scikit_learn_fit_the_interface():
    assert len(_plain_classifiers()) >= 20


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


# The Gaussian copula, by itself.


@settings(max_examples=20, deadline=None)
@given(st.floats(-0.8, 0.8), st.integers(0, 1000))
def test_the_copula_recovers_correlations_and_margins(correlation, seed):
    rng = np.random.default_rng(seed)
    normal = rng.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], 4000)
    real = pd.DataFrame({"pay": np.exp(normal[:, 0]), "age": np.rint(40 + 10 * normal[:, 1]).astype(int)})
    made = GaussianCopula().fit(real).sample(4000, np.random.default_rng(seed + 1))
    assert made.dtypes.equals(real.dtypes)
    assert made.corr("spearman").iloc[0, 1] == pytest.approx(real.corr("spearman").iloc[0, 1], abs=0.08)
    for name in real:
        assert np.quantile(made[name], [0.1, 0.5, 0.9]) == pytest.approx(
            np.quantile(real[name], [0.1, 0.5, 0.9]), rel=0.12
        )
        assert real[name].min() <= made[name].min() <= made[name].max() <= real[name].max()


@settings(max_examples=15, deadline=None)
@given(st.floats(-0.6, 0.6), st.integers(0, 1000))
def test_the_copula_keeps_how_texts_depend_on_numbers_and_on_texts(correlation, seed):
    rng = np.random.default_rng(seed)
    normal = rng.multivariate_normal(np.zeros(3), [[1, correlation, 0], [correlation, 1, 0], [0, 0, 1]], 6000)
    real = pd.DataFrame({
        "sex": pd.Categorical(np.where(normal[:, 0] > 0.3, "f", "m")),
        "pay": normal[:, 1],
        "old": pd.Categorical(np.where(normal[:, 2] + normal[:, 0] > 1, "yes", "no"), ["no", "yes", "never"]),
    })  # fmt: skip
    made = GaussianCopula().fit(real).sample(6000, np.random.default_rng(seed + 1))
    assert list(made["old"].cat.categories) == ["no", "yes", "never"]
    assert not (made["old"] == "never").any()

    def told(frame: pd.DataFrame) -> list[float]:
        women = frame["sex"] == "f"
        return [women.mean(), (frame["old"] == "yes").mean(), frame["pay"][women].mean() - frame["pay"][~women].mean(),
                (frame["old"] == "yes")[women].mean() - (frame["old"] == "yes")[~women].mean()]  # fmt: skip

    assert told(made) == pytest.approx(told(real), abs=0.08)


def test_the_copula_comes_back_from_its_bytes_and_refuses_holes():
    real = people().drop(columns=["part"]).astype({"home": "category"}).assign(flag=lambda found: found["age"] > 40)
    copula, other = GaussianCopula().fit(real), GaussianCopula()
    other.from_bytes(copula.to_bytes())
    first, second = (each.sample(50, np.random.default_rng(1)) for each in (copula, other))
    pd.testing.assert_frame_equal(first, second)
    assert first.dtypes.equals(real.dtypes)
    array = GaussianCopula().fit(real[["age", "pay"]].to_numpy()).sample(5, np.random.default_rng(0))
    assert array.shape == (5, 2)
    with pytest.raises(ValueError, match="no missing values"):
        GaussianCopula().fit(real.assign(pay=np.nan))


def test_the_objects_behind_recipes_are_new_each_time(table):
    spec = of(table, "classifier.model=test_estimators:PIPE", "classifier.arguments={C: 0.5}")
    population = data.load(spec.data, 0)
    recipe = plan(spec, population, Numerics()).classifiers[0]
    first, second = (Estimators(population).of(recipe) for _ in range(2))
    assert first is not second is not PIPE
    assert first.C == 0.5
    assert PIPE.C == 1.0
