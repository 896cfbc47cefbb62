"""Estimators on disk: kept without pickle, resumed, killed, fitted again, swept and reported."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any

import pytest
import torch
import yaml
from sklearn.tree import DecisionTreeClassifier

import fairloop
from disturbed import Runs
from fairloop import data
from fairloop.cli import main
from fairloop.errors import InputError
from fairloop.loop.trainer import ModelTrainer
from fairloop.models.estimators.keeping import from_trusted_bytes, packed, restored, trusted_bytes, unpacked
from fairloop.report.table import export
from fairloop.running.progress import LineView
from fairloop.running.run import run
from fairloop.seeding import ModelRole
from fairloop.spec.run import RunSpec
from fairloop.store.directory import RunDirectory
from fairloop.store.models import DirectoryModels
from fairloop.testing import EstimatorCase
from test_estimators import BOOSTING, LINEAR, TREE, Mean, fields, of, people


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    people().to_csv(path, index=False)
    return path


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
    with pytest.raises(
        InputError, match=r"classifier 0: the kept model cannot be read: .*Mean.*delete its file to fit it again"
    ):
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


@pytest.mark.slow
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
    assert directory.provenance().sessions[-1].trained == ("generator 2", "classifier 2")
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


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.3, 0.6])
def test_a_run_of_estimators_that_is_killed_goes_on_to_the_same_bits(estimator_runs, share):
    name = f"killed-{share}"
    estimator_runs.run(name, signal=int(signal.SIGKILL), after=share * estimator_runs.seconds)
    estimator_runs.goes_on(name)


@pytest.mark.slow
@pytest.mark.parametrize("at", [20, 60, 90])
def test_a_run_of_estimators_killed_while_it_writes_goes_on_to_the_same_bits(estimator_runs, at):
    assert estimator_runs.run("op", fault="kill", at=at).code == -9
    estimator_runs.goes_on("op")


@pytest.mark.slow
def test_boosting_libraries_mitigations_and_diffusion_that_are_killed_go_on_to_the_same_bits(tmp_path):
    """Models that each library keeps in its own form, beside a network in the middle of its epochs."""
    for name in ("skops", "fairlearn", "xgboost", "lightgbm"):
        pytest.importorskip(name)
    people().to_csv(tmp_path / "people.csv", index=False)
    ddpm = {"hidden": [8], "embedding": 8, "levels": 4}
    runs = Runs(tmp_path, {
        **fields(tmp_path / "people.csv"), "generations": 3,
        "annotator": {"model": "lightgbm:LGBMClassifier", "arguments": {"n_estimators": 3, "verbose": -1}},
        "classifier": {"model": "fairlearn-threshold-optimizer", "arguments": {
            "estimator": "xgboost:XGBClassifier", "estimator_arguments": {"n_estimators": 3}, "grid_size": 20}},
        "generator": {"model": "tabular-ddpm", "arguments": ddpm, "epochs": 2, "batch": 60},
        "schedule": {"2": {"classifier": {"model": "xgboost:XGBClassifier", "arguments": {"n_estimators": 3}}}},
    })  # fmt: skip
    try:
        assert runs.run("op", fault="kill", at=40).code == -9
        runs.goes_on("op")
    finally:
        runs.close()


@pytest.mark.slow
def test_a_sweep_over_networks_and_estimators_shares_models_and_reports(table, tmp_path, monkeypatch, capsys):
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


def test_replicas_read_kept_models_one_after_the_other(monkeypatch):
    """CPython 3.11's parser, which reads the headers of arrays, fails in two threads at once."""
    content = trusted_bytes(DecisionTreeClassifier(max_depth=1).fit([[0.0], [1.0]], [0, 1]))
    inside, most = Lock(), []

    def loads(data: bytes, trusted: list[str]) -> bytes:
        most.append(inside.acquire(blocking=False))
        time.sleep(0.01)
        if most[-1]:
            inside.release()
        return data

    monkeypatch.setattr("skops.io.loads", loads)
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(from_trusted_bytes, [content] * 8)) == [content] * 8
    assert all(most)
