"""What is lost if files of a finished run are deleted, as docs/reference/run-directory.md says."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

import fairloop
from conftest import TINY
from fairloop.errors import InputError
from test_run import here

PEOPLE = ("selective-labels", "--set", "people.arrivals=100", "--generations", "2", "--set", "classifier.epochs=1")


def table(run: Path) -> str:
    return fairloop.load(run).table().to_csv()


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("spec") / "tiny.yaml"
    path.write_text(yaml.safe_dump(TINY))
    return path


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory, spec: Path) -> Path:
    out = tmp_path_factory.mktemp("runs") / "short"
    assert here("run", spec, "--generations", 2, "--out", out) == 0
    return out


@pytest.mark.slow
def test_without_models_and_galleries_tables_stay_and_the_run_can_grow(short, spec, tmp_path):
    run = shutil.copytree(short, tmp_path / "run")
    for path in [run / "status.json", *run.glob("*.lock")]:
        path.unlink()
    shutil.rmtree(run / "models")
    shutil.rmtree(run / "galleries")
    assert table(run) == table(short)
    with pytest.raises(InputError):
        fairloop.load(run).generator(1)
    assert here("run", spec, "--generations", 3, "--out", run) == 0
    assert here("run", spec, "--generations", 3, "--out", tmp_path / "whole") == 0
    assert table(run) == table(tmp_path / "whole")
    assert not (run / "galleries" / "generation-0000.npz").exists()


@pytest.mark.slow
def test_deleted_records_are_made_again(short, spec, tmp_path):
    run = shutil.copytree(short, tmp_path / "run")
    (run / "records" / "generations-0000-0001.parquet").unlink()
    assert here("run", spec, "--generations", 2, "--out", run) == 0
    assert table(run) == table(short)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["spec.yaml", "provenance.json"])
def test_without_spec_or_provenance_the_run_is_refused(short, tmp_path, name):
    run = shutil.copytree(short, tmp_path / "run")
    (run / name).unlink()
    with pytest.raises(InputError):
        table(run)


@pytest.mark.slow
def test_without_its_log_a_run_of_people_has_its_table_and_no_audit(tmp_path):
    assert here("run", *PEOPLE, "--out", tmp_path / "lender") == 0
    before = table(tmp_path / "lender")
    shutil.rmtree(tmp_path / "lender" / "log")
    assert table(tmp_path / "lender") == before
    assert here("audit", tmp_path / "lender") == 2
