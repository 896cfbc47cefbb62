"""The first hour with fairloop: names that are nearly right, data that are not there, editors, results in Python."""

from __future__ import annotations

import copy
import importlib
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st

import fairloop
import files
from conftest import TINY, tiny
from fairloop import Batch, preset, presets
from fairloop._util.lookup import meant
from fairloop.curation import CURATIONS, CURATORS
from fairloop.data import DATASETS
from fairloop.data.publishers import PUBLISHERS
from fairloop.models import CLASSIFIERS, GENERATORS
from fairloop.running.progress import LineView
from fairloop.running.run import run
from fairloop.spec.models import FOR_TABLES, GeneratorSpec
from fairloop.spec.run import RunSpec, from_mapping
from fairloop.spec.setting import SETTINGS
from fairloop.store.directory import RunDirectory
from fairloop.sweep.job import run_in
from test_run import here

ROOT = Path(__file__).parents[1]


# the program


def test_the_version_is_said(capsys):
    assert here("--version") == 0
    assert capsys.readouterr().out == f"fairloop {fairloop.__version__}\n"
    assert fairloop.__version__ not in ("", "unknown")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("fairloop sw", {"sweep"}),
        ("fairloop run colored-m", {"colored-mnist", "colored-mnist-quick"}),
        ("fairloop sweep paper", {"paper-colored-mnist"}),
        ("fairloop data inspect ger", {"german"}),
        ("fairloop data fetch c", {"colored-mnist", "colored-svhn", "compas", "credit-default"}),
        ("fairloop run demo --set star.b", {"star.budget=", "star.batch="}),
    ],
)
def test_a_shell_completes(words, expected):
    program = "import sys; sys.argv[0] = 'fairloop'; from fairloop.cli import main; main()"
    asked = {"_FAIRLOOP_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **asked}, capture_output=True, text=True, check=False
    )
    assert set(done.stdout.split()) == expected, done.stderr


def test_the_former_name_of_curators_stays():
    assert CURATIONS is CURATORS


@pytest.mark.parametrize(
    ("former", "now"),
    [
        ("report.figures.atlas:FIGURES", "report.figures.all_figures"),
        *(
            (f"metrics.performance:{name}", "metrics.group_rates")
            for name in ("confusion", "equalized_odds", "performance")
        ),
    ],
)
def test_import_paths_that_pages_of_the_version_before_named_still_work(former, now):
    module, name = former.split(":")
    old, new = (importlib.import_module(f"fairloop.{path}") for path in (module, now))
    assert getattr(old, name) is getattr(new, name)


# names


KNOWN = {
    "run {}": presets.names(),
    "sweep {} --dry-run": [*presets.sweeps(), *presets.names()],
    "data inspect {}": [*DATASETS, *presets.names()],
    "data fetch {}": [name for name, publisher in PUBLISHERS.items() if publisher.files],
    "run demo --set data.name={}": list(DATASETS),
    "run demo --set setting={}": list(SETTINGS),
    "run demo --set star.target={}": ["none", "classifier", "generator", "both"],
    "run demo --set star.ideal={}": ["uniform", "population", "groups-within-labels", "labels-within-groups"],
    "run demo --set warm_start={}": ["classifier", "generator"],
    "run demo --set policy.classifier.kind={}": ["replace", "accumulate", "accumulate-subsample"],
    "run demo --set generator.model={}": list(GENERATORS),
    "run demo --set classifier.model={}": list(CLASSIFIERS),
}
SLIPS = [(command, name) for command, names in KNOWN.items() for name in names if ":" not in name]


@pytest.mark.parametrize(("command", "name"), [slip for slip in SLIPS if "model" not in slip[0]][::4])
def test_a_slip_is_echoed_with_the_name_that_was_meant(command, name, tmp_path, capsys):
    slip = name[:-2] + name[-1] + name[-2] if name[-1] != name[-2] else name[:-1]
    out = ["--out", str(tmp_path / "out")] if "inspect" not in command else []
    assert here(*command.format(slip).split(), *out) == 2
    said = capsys.readouterr().err
    assert slip in said
    assert f"did you mean {name}?" in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["table", "pictures"])
def test_data_of_your_own_are_known_though_nobody_publishes_them(name, tmp_path, capsys):
    assert here("data", "fetch", name, "--out", tmp_path / "out") == 2
    said = capsys.readouterr().err
    assert "its files are your own" in said
    assert "no such data set" not in said


@given(st.sampled_from(SLIPS), st.data())
def test_one_wrong_letter_still_means_the_name(slip, data):
    command, name = slip
    place = data.draw(st.integers(0, len(name) - 1))
    others = [known for known in KNOWN[command] if known != name]
    written = name[:place] + "_" + name[place + 1 :]
    close = meant(written, KNOWN[command])
    assert close == f"; did you mean {name}?" or any(close == f"; did you mean {other}?" for other in others)
    assert not meant("0" * 40, KNOWN[command])


# spec files that extend others


def written(folder: Path, name: str, **fields: Any) -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(fields))
    return path


def test_a_file_extends_a_preset_or_a_file(tmp_path):
    base = written(tmp_path, "base", extends="compas", generator={"epochs": 3})
    mine = written(tmp_path, "mine", extends="base.yaml", star={"target": "both"})
    expected = preset("compas", generator={"epochs": 3}, star={"target": "both"})
    assert presets.read(str(mine)) == expected
    assert presets.read(str(base), ["star.target=both"]) == expected


OWN_TABLE = {"name": "table", "table": "people.csv", "label": "outcome", "groups": ["sex"]}


def test_data_of_your_own_take_the_place_of_a_presets(tmp_path):
    table = presets.read(str(written(tmp_path, "a", extends="compas", data=OWN_TABLE)))
    before = preset("compas")
    assert table.data.table == Path("people.csv")
    assert (table.generator, table.classifier, table.star) == (before.generator, before.classifier, before.star)
    from_pictures = presets.read(str(written(tmp_path, "b", extends="demo", data=OWN_TABLE)))
    assert (from_pictures.generator.model, from_pictures.generator.arguments) == ("tabular-vae", {})
    assert from_pictures.generator.epochs == preset("demo").generator.epochs
    function = presets.read(str(written(tmp_path, "d", extends="compas", data={"name": "mine:load"})))
    assert function.classifier == before.classifier
    named = presets.read(str(written(tmp_path, "c", extends="demo", data=OWN_TABLE, classifier={"model": "linear"})))
    assert (named.classifier.model, named.annotator.model) == ("linear", "mlp")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"extends": "compass"}, "did you mean compas?"),
        ({"extends": "mine.yaml"}, "extends itself"),
        ({"extends": "absent.yaml"}, "cannot be read"),
        ({"extends": ["demo"]}, "extends=['demo']: is no name"),
        ({"extends": "demo", "sede": 1}, "sede: there is no such field; did you mean seed?"),
    ],
)
def test_what_a_file_cannot_extend_is_one_line(tmp_path, fields, words, capsys):
    assert here("run", written(tmp_path, "mine", **fields), "--out", tmp_path / "out") == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("data", [{"name": "adult"}, {"name": "compas"}, {"name": "german"}, OWN_TABLE])
def test_a_table_gets_models_for_tables_where_none_is_named(data):
    def models(spec: RunSpec) -> dict[str, str]:
        return {name: getattr(spec, name).model for name in FOR_TABLES}

    assert models(from_mapping({"data": data, "generator": {"epochs": 2}})) == FOR_TABLES
    assert models(RunSpec(data=data, generator=GeneratorSpec(epochs=2))) == FOR_TABLES
    own = dict.fromkeys(FOR_TABLES, "mine:Model")
    assert models(from_mapping({"data": data, **{name: {"model": model} for name, model in own.items()}})) == own
    assert models(RunSpec(data=data, generator=GeneratorSpec(model="conv-vae")))["generator"] == "conv-vae"
    pictures = models(from_mapping({"generator": {"epochs": 2}}))
    assert pictures == {"generator": "conv-vae", "classifier": "simple-cnn", "annotator": "simple-cnn"}


def test_a_table_runs_without_a_word_about_models(tmp_path):
    files.german(tmp_path)
    spec = from_mapping(
        {**{name: TINY[name] for name in ("measure", "precision")}, "generations": 1,
         "data": {"name": "german", "root": str(tmp_path)}, **{name: {"epochs": 1} for name in FOR_TABLES}}
    )  # fmt: skip
    run(spec, out := RunDirectory(tmp_path / "out"), LineView(lambda line: None))
    assert out.committed() == 1


# results in Python


@pytest.fixture(scope="module")
def sweep(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("sweeps") / "sweep"
    for seed in (0, 1):
        spec = tiny("generations=1", f"seed={seed}")
        run(spec, run_in(out, spec), LineView(lambda line: None))
    return out


@pytest.mark.slow
def test_a_sweep_opens_with_its_runs_by_name(sweep):
    found = fairloop.load(sweep)
    assert isinstance(found, fairloop.RecordedSweep)
    table = found.table()
    assert set(found) == set(table["run"])
    assert [found[name].spec.seed for name in found] == [0, 1]
    assert set(found[next(iter(found))].table()["seed"]) == {0}
    with pytest.raises(KeyError, match=r"is not a run of this sweep .* did you mean"):
        found[next(iter(found))[:-1]]
    assert isinstance(fairloop.load(sweep / "runs" / next(iter(found))), fairloop.RecordedRun)


def test_a_loaded_generator_samples_by_seed(sweep):
    found = fairloop.load(sweep)
    generator = found[next(iter(found))].generator(0)
    once, again, other = (generator.sample(8, seed=seed) for seed in (0, 0, 1))
    assert once.shape == (8, 3, 28, 28)
    assert torch.equal(once, again)
    assert not torch.equal(once, other)
    assert torch.equal(generator.sample(8, torch.Generator().manual_seed(3)), generator.sample(8, rng=torch.Generator().manual_seed(3)))  # fmt: skip # noqa: E501
    for copied in (copy.deepcopy(generator), pickle.loads(pickle.dumps(generator))):
        torch.nn.init.zeros_(next(copied.parameters()))
        assert torch.equal(copied.sample(8, seed=0), copied.sample(8, seed=0))
    assert torch.equal(generator.sample(8, seed=0), once)


def test_a_batch_is_two_lines():
    batch = Batch(torch.rand(5, 3, 28, 28), torch.tensor([0, 1, 1, 0, 1]), torch.tensor([-1] * 5))
    assert repr(batch) == ("Batch of 5: inputs (5, 3, 28, 28) float32 on cpu\nlabels 0 x 2, 1 x 3; groups unnamed x 5")
    weighed = batch._replace(weights=torch.ones(5))
    assert repr(weighed).splitlines()[0].endswith("on cpu, with weights")
    assert repr(batch.select(torch.zeros(0, dtype=torch.long))).endswith("labels none; groups none")


def test_a_run_and_a_sweep_tell_what_they_are(tmp_path):
    run(tiny(), RunDirectory(tmp_path / "runs" / "one"), LineView(lambda line: None))
    found = fairloop.load(tmp_path / "runs" / "one")
    assert repr(found) == f"<run {found.spec.identity}: 3 of 3 generations, in {tmp_path / 'runs' / 'one'}>"
