"""The words of commands: for people, for scripts (--json), and none (--quiet)."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pandas as pd
import pytest
import yaml

from conftest import TINY
from test_estimators import fields, people
from test_run import here


@pytest.fixture(scope="module")
def spec(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("spec") / "tiny.yaml"
    path.write_text(yaml.safe_dump({**TINY, "generations": 1}))
    return path


@pytest.fixture(scope="module")
def swept(tmp_path_factory, spec) -> Path:
    """Two runs, as a sweep on two settings."""
    out = tmp_path_factory.mktemp("swept") / "out"
    arguments = ("--grid", "setting=seqgen-seqclass,control", "--workers", 1, "--out", out)
    assert here("sweep", spec, *arguments, "--quiet") == 0
    return out


@pytest.fixture
def log(tmp_path) -> Path:
    rows = [(r, label, (label + r * i) % 2, "ab"[i % 2]) for r in (1, 2) for i in range(40) for label in (0, 1)]
    path = tmp_path / "log.csv"
    pd.DataFrame(rows, columns=["round", "label", "prediction", "group"]).to_csv(path, index=False)
    return path


def audit(log: Path, out: Path) -> tuple[object, ...]:
    columns = ("--round", "round", "--label", "label", "--prediction", "prediction", "--group", "group")
    return "audit", log, *columns, "--out", out, "--overwrite"


@pytest.fixture
def mirror(tmp_path) -> Path:
    """A folder with a file in the place of a publisher's."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    (folder / "compas-scores-two-years.csv").write_text("id\n1\n")
    return folder


@pytest.fixture
def commands(spec, swept, log, mirror, tmp_path) -> dict[str, tuple[object, ...]]:
    return {
        "run": ("run", spec, "--out", tmp_path / "run"),
        "sweep": ("sweep", spec, "--grid", "setting=seqgen-seqclass,control", "--out", swept),
        "sweep --dry-run": ("sweep", spec, "--dry-run", "--out", tmp_path / "dry"),
        "report": ("report", swept, "--annotators"),
        "compare": ("compare", swept),
        "audit": audit(log, tmp_path / "audit"),
        "data list": ("data", "list"),
        "data prepare": ("data", "prepare", spec),
        "data inspect": ("data", "inspect", spec, "--out", tmp_path / "examples"),
        "data fetch": ("data", "fetch", "compas", "--mirror", mirror.as_uri(), "--out", tmp_path / "compas"),
        "schema": ("schema", "--out", tmp_path / "spec.schema.json"),
        "watch": ("watch", swept),
    }


KEYS = {
    "run": {"run", "out", "state", "done", "generations", "seconds", "trained"},
    "sweep": {"out", "runs", "trained", "alone"},
    "sweep --dry-run": {"runs", "workers", "seconds", "work", "longest", "bytes", "steps", "models", "alone"},
    "report": {"runs", "out", "figures", "annotators"},
    "compare": {"split", "published", "rows"},
    "audit": {"log", "out", "files", "rounds", "drift", "failures"},
    "data list": {"data"},
    "data prepare": {"name", "splits", "shape", "labels", "groups", "minoritized", "seconds"},
    "data inspect": {
        "name", "splits", "shape", "labels", "groups", "minoritized", "counts", "base_rates", "files",
    },
    "data fetch": {"name", "out", "page", "terms", "files"},
    "schema": {"out", "schema"},
    "watch": {"runs", "workers", "remaining"},
}  # fmt: skip


def strict(text: str) -> object:
    """JSON as its standard has it, which knows no NaN."""
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


@pytest.mark.slow
@pytest.mark.parametrize("command", KEYS)
def test_json_is_one_object_on_stdout_and_words_go_to_stderr(commands, capfd, command):
    assert here(*commands[command], "--json") == 0
    printed, words = capfd.readouterr()
    assert printed.count("\n") == 1
    assert strict(printed).keys() == KEYS[command]
    assert words


@pytest.mark.slow
@pytest.mark.parametrize("command", KEYS)
def test_quiet_prints_nothing_and_json_its_object_alone(commands, capfd, command):
    assert here(*commands[command], "--quiet") == 0
    assert capfd.readouterr() == ("", "")
    assert here(*commands[command], "--quiet", "--json") == 0
    printed, words = capfd.readouterr()
    assert strict(printed)
    assert words == ""


@pytest.mark.slow
def test_without_either_words_go_to_stdout(commands, capfd):
    assert here(*commands["run"]) == 0
    printed, words = capfd.readouterr()
    assert [line.partition(":")[0] for line in printed.splitlines()] == ["run", "run", "run", "generation 0"]
    assert words == ""


@pytest.mark.slow
def test_reading_data_is_said_before_data_are_read(commands, capfd, monkeypatch):
    def read(*of, **options):
        assert capfd.readouterr().out == "run: loading torch ...\nrun: reading data ...\n"
        raise KeyboardInterrupt

    monkeypatch.setattr("fairloop.data.load", read)
    assert here(*commands["run"]) == 130


@pytest.mark.parametrize("more", [(), ("--quiet",), ("--json",), ("--quiet", "--json")])
def test_errors_are_printed_always(log, tmp_path, capfd, more):
    assert here("run", "no-such-preset", "--out", tmp_path / "out", *more) == 2
    assert here("watch", tmp_path / "none", *more) == 2
    printed, words = capfd.readouterr()
    assert printed == ""
    assert words.count("\n") == 2
    assert here(*audit(log, tmp_path / "audit"), "--fail-on", "accuracy>0.5", *more) == 1
    printed, words = capfd.readouterr()
    assert words.splitlines()[-1].startswith("fairloop: accuracy>0.5")
    assert strict(printed)["failures"] if "--json" in more else True


@pytest.mark.slow
def test_a_sweep_with_a_failed_run_still_gives_its_object(spec, tmp_path, capfd):
    arguments = ("--grid", "generator.learning_rate=1e30", "--workers", 1, "--out", tmp_path / "out")
    assert here("sweep", spec, *arguments, "--json") == 1
    printed, words = capfd.readouterr()
    (run,) = strict(printed)["runs"]
    assert run["state"] == "failed"
    assert "learning_rate" in run["line"]
    assert "1 of 1 runs failed" in words


@pytest.mark.slow
def test_warnings_are_quiet_too_and_come_back(commands, capfd, monkeypatch):
    from fairloop.running import run as module

    ready = module._ready
    monkeypatch.setattr(
        module, "_ready", lambda *of, **options: (module.warnings.warn("beware"), ready(*of, **options))[1]
    )
    assert here(*commands["run"], "--quiet") == 0
    assert capfd.readouterr() == ("", "")
    assert here(*commands["run"]) == 0
    assert capfd.readouterr().err == "fairloop: warning: beware\n"


@pytest.mark.parametrize("role", ["classifier", "generator"])
def test_what_models_of_others_print_is_no_result(role, tmp_path, capfd):
    table, path = tmp_path / "people.csv", tmp_path / "spec.yaml"
    people().to_csv(table, index=False)
    path.write_text(yaml.safe_dump(fields(table) | {"generations": 1}))
    named = {"classifier": "Talking", "generator": "TalkingSampler"}[role]
    changes = ("--set", f"{role}.model=test_estimators:{named}", "--set", f"{role}.arguments={{}}")
    assert here("run", path, *changes, "--out", tmp_path / "json", "--json") == 0
    printed, words = capfd.readouterr()
    assert printed.count("\n") == 1
    assert strict(printed).keys() == KEYS["run"]
    assert "a word of another library" in words
    assert here("run", path, *changes, "--out", tmp_path / "quiet", "--quiet") == 0
    assert "a word of another library" not in capfd.readouterr().out
    assert here("run", path, *changes, "--out", tmp_path / "words") == 0
    assert "a word of another library" in capfd.readouterr().out


def test_the_library_logs_and_prints_nothing(spec, tmp_path, capfd, caplog):
    from fairloop.running.progress import LineView
    from fairloop.running.run import run
    from fairloop.spec.run import from_file
    from fairloop.store.directory import RunDirectory

    logging.getLogger("fairloop").propagate = True
    logging.getLogger("fairloop").handlers = []
    with caplog.at_level(logging.INFO, "fairloop"):
        run(from_file(spec), RunDirectory(tmp_path / "run"), LineView())
    assert capfd.readouterr() == ("", "")
    assert [record.name for record in caplog.records] == ["fairloop.running.progress"] * 3


def test_no_module_but_those_of_the_command_line_prints():
    import ast

    import fairloop

    root = Path(fairloop.__file__).parent
    for path in root.rglob("*.py"):
        calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        printing = [call for call in calls if isinstance(call, ast.Name) and call.id == "print"]
        assert not printing or path.is_relative_to(root / "cli"), path
