"""Nothing is let in: whatever specs, arguments and files say, the answer is one line, and nothing was started."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from conftest import TINY
from fairloop import cli
from fairloop._util.escape import for_terminal
from fairloop.spec.run import field_table

PATHS = sorted(
    {path for path, _, _ in field_table()} | {"data.name", "data.label", "data.groups", "data.table", "data"}
)

ODD_TEXT = st.one_of(
    st.text(max_size=12),
    st.sampled_from([
        "", " ", "-", "--", "..", "/nowhere", "/dev/null", "~", "nan", "-inf", "1e999", "0x1F", "1_000", "2001-99-99",
        "!!int",
        "*a", "&a [*a]", "{a: 1}", "[1, [2]]", "[" * 200, "- " * 200, "'", '"', ": :", "\x1b[31m", "\u202e", "\ud800",
        "9" * 5000, "null", "true", "yes", "a" * 300, "module:name", "os:system", ":", "fairloop:x",
        "conv-vae", "simple-cnn", "demo", "table", "pictures", "adult", "seqclass", "both", "-1", "0", "2.5", "1e20",
    ]),
)  # fmt: skip
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), ODD_TEXT, st.dates()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=8,
)
FIELD = st.one_of(
    st.sampled_from(PATHS),
    st.builds("{}.{}".format, st.sampled_from(PATHS), st.text(max_size=6)),
    st.text(max_size=12),
)
OVERRIDE = st.one_of(st.builds("{}={}".format, FIELD, ODD_TEXT), ODD_TEXT)


class Stopped(Exception):  # noqa: N818
    """A wrong command came so far that it would have trained."""


def called(*arguments: object) -> tuple[int, str]:
    """The command line in this process: exit code, and what it said on standard error."""
    said = io.StringIO()
    before, shown = sys.argv, warnings.showwarning
    sys.argv = ["fairloop", *map(str, arguments)]
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            cli.main()
    except SystemExit as end:
        return int(end.code or 0), said.getvalue()
    finally:
        sys.argv, warnings.showwarning = before, shown
    raise AssertionError("a command line ends by exiting")


def check(*arguments: object) -> None:
    """Refused in one line, or in order; never a traceback, which would be an exception here."""
    code, said = called(*arguments)
    assert code in (0, 2), (code, said)
    if code == 2:
        assert said.count("\n") == 1, said
        assert said.startswith("fairloop: ")
        assert said[:-1] == for_terminal(said[:-1])


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Iterator[Path]:
    """Where commands run; no model is ever built or trained, as a spec may well be in order. Its parent is empty
    but for it: other processes write beside that.
    """
    folder = tmp_path_factory.mktemp("around") / "place"
    folder.mkdir()
    (folder / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    (folder / "people.csv").write_text("round,label,predicted,group\n" + "0,1,1,a\n0,0,1,b\n1,1,0,a\n1,0,0,b\n" * 3)
    shutil.copytree(Path(__file__).with_name("stored") / "0.1.0" / "run", folder / "run")
    before = Path.cwd()
    os.chdir(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fairloop.running.run.ModelTrainer", _refuse)
        patch.setattr("fairloop.sweep.local.run_all", lambda *_, **__: None)
        patch.setattr("fairloop.sweep.estimate.estimate", _refuse)
        patch.setattr("fairloop.cli.demo.demo", _refuse)
        patch.setattr("fairloop.sweep.watch.time", None)
        patch.setattr("fairloop.data.picture_files.fetched", _refuse)
        yield folder
    os.chdir(before)


def _refuse(*_: Any, **__: Any) -> None:
    from fairloop.errors import InputError

    raise InputError("it would begin here")


many = settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


@pytest.mark.slow
@many
@given(overrides=st.lists(OVERRIDE, min_size=1, max_size=3), what=st.sampled_from(["demo", "tiny.yaml", "adult"]))
@example(overrides=["name=2001-99-99"], what="demo")
@example(overrides=["seed=" + "- " * 100_000], what="demo")
@example(overrides=["generator.arguments={widths: [4, 8], latent: 4, latent: []}"], what="demo")
def test_overrides_are_taken_or_refused(place, overrides, what):
    check("run", what, "--out", "out", *(part for text in overrides for part in ("--set", text)))


@pytest.mark.slow
@many
@given(fields=st.dictionaries(st.one_of(st.sampled_from(sorted(TINY)), st.text(max_size=8)), VALUES, max_size=5),
       raw=st.one_of(st.none(), st.text(max_size=60), st.binary(max_size=60)))  # fmt: skip
def test_spec_files_are_taken_or_refused(place, fields, raw):
    spec = place / "spec.yaml"
    if raw is None:
        spec.write_text(yaml.dump(fields, allow_unicode=True), encoding="utf-8", errors="surrogatepass")
    else:
        spec.write_bytes(raw if isinstance(raw, bytes) else raw.encode("utf-8", "surrogatepass"))
    check("run", "spec.yaml", "--out", "out")
    check("sweep", "spec.yaml", "--out", "out")


COMMANDS: dict[str, list[str]] = {
    "run": ["--out", "--set", "--seed", "--generations", "--store", "--track", "--repair"],
    "sweep": ["--out", "--seeds", "--grid", "--set", "--base", "--workers", "--store", "--gpus-per-run", "--dry-run"],
    "export": ["--out"],
    "report": ["--out", "--split", "--annotators", "--format"],
    "compare": ["--against", "--split", "--published", "--format", "--out", "--accuracy-below", "--minoritized"],
    "watch": ["--once"],
    "samples": ["--generation", "--out", "--n"],
    "audit": ["--round", "--label", "--group", "--out", "--prediction", "--score", "--threshold", "--beneficial",
              "--min-size", "--fail-on", "--provenance"],
    "curate": ["--label", "--group", "--out", "--ideal", "--size", "--budget", "--skip-empty", "--seed", "--overwrite"],
    "data": ["list", "prepare", "inspect", "--root", "--out", "--set"],
    "fetch": ["--out", "--models"],
    "demo": ["--out", "--seed"],
}  # fmt: skip
LIKELY = st.sampled_from([
    "out", "out.csv", "out.parquet", "out.html", "run", "people.csv", "tiny.yaml", "demo", "label", "round",
    "predicted", "group", "0", "1", "0-2", "uniform", "setting=seqclass,control", "test", "markdown",
    "valid", "tpr_difference>0.1",
    "floor(.1)", "memory://nothing", "seqgen-seqclass", ".",
])  # fmt: skip


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    command = draw(st.sampled_from(sorted(COMMANDS)))
    words = st.one_of(st.sampled_from(COMMANDS[command]), LIKELY, LIKELY, ODD_TEXT)
    return [command, *draw(st.lists(words, max_size=9))]


@pytest.mark.slow
@many
@given(arguments=command_lines())
def test_command_lines_are_taken_or_refused(place, arguments):
    if "--track" not in arguments:
        check(*arguments)


@pytest.mark.slow
@settings(max_examples=60)
@given(
    arguments=st.one_of(command_lines(), OVERRIDE.map(lambda text: ["run", "tiny.yaml", "--out", "o", "--set", text]))
)
def test_a_few_command_lines_are_taken_or_refused(place, arguments):
    if "--track" not in arguments:
        check(*arguments)
