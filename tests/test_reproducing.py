"""The command on embedded digits, and what it refuses."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from conftest import tiny
from fairloop import reproducing
from fairloop.cli import app
from fairloop.errors import InputError
from fairloop.report.published import departures
from fairloop.report.table import gathered
from fairloop.reproducing import page, stored
from fairloop.reproducing.planning import CURVES
from fairloop.running.progress import LineView
from fairloop.running.run import run
from fairloop.store.directory import RunDirectory
from fairloop.sweep import estimate, local
from test_departures import table


@pytest.mark.parametrize(("text", "seconds"), [("90m", 5400), ("6h", 21_600), ("1.5d", 129_600), (" .5 h", 1800)])
def test_a_budget_has_a_number_and_a_unit(text, seconds):
    assert reproducing.seconds_of(text) == seconds


@pytest.mark.parametrize(
    ("text", "words"),
    [(text, "write a number and a unit") for text in ("", "6", "h", "-1h", "6 hours", "6H", "nan h")]
    + [("0h", "must be more than 0"), ("9" * 400 + "h", "must be more than 0 and less than 100 years")],
)
def test_no_other_budget_is_taken(text, words):
    with pytest.raises(InputError, match=f"--budget {text}: {words}"):
        reproducing.seconds_of(text)


@pytest.mark.parametrize(("text", "words"), [("", "names no curve"), (" , ", "names no curve"), ("x", "x: was")])
def test_no_other_curves_are_taken(text, words):
    with pytest.raises(InputError, match=words):
        reproducing.curves_named(text)


def test_a_place_below_a_file_is_refused_before_anything_is_timed(tmp_path, timed):
    (tmp_path / "file").touch()
    code, words = asked(tmp_path / "file" / "out", "--plan")
    assert code != 0
    assert timed == []
    assert f"--out: {tmp_path / 'file'} is a file, not a directory" in words


TINY = {
    "generations": 2, "data.source": "embedded", "data.train": 320, "data.valid": 100, "generator.batch": 64,
    "generator.arguments": "{widths: [4, 8], latent: 4}", "generator.epochs": 1, "classifier.batch": 64,
    "classifier.epochs": 1, "annotator.batch": 64, "annotator.epochs": 1, "measure.samples": 200, "measure.gallery": 0,
    "measure.latents": 0, "precision": "fp32", "device": "cpu",
}  # fmt: skip


def asked(out: Path, *more: str, without: Sequence[str] = (), **changes: object) -> tuple[int, str]:
    """The command on embedded digits: its exit code and its words. without: usual options that are left out."""
    fields = [word for field, value in (TINY | changes).items() for word in ("--set", f"{field}={value}")]
    options = ["--curves", "seqclass,seqclass+classifier", "--seeds", "0-1", "--workers", "1", "--out", str(out)]
    options = [word for word in options if word not in without]
    result = CliRunner().invoke(app, ["reproduce", "colored-mnist", *options, *fields, *more])
    return result.exit_code, result.output + str(result.exception or "")


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """A clock that says that each step takes a second, and measuring nothing; how often it was asked."""
    calls: list[int] = []

    def tried(*of: object) -> float:
        calls.append(1)
        return 0.0

    monkeypatch.setattr(estimate, "_try", tried)
    monkeypatch.setattr(estimate._Timed, "cost", lambda self, recipe: estimate.Cost(1.0, 1))
    return calls


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[list[tuple[str, int, int]]]:
    """The runs that a sweep would begin, instead of a sweep."""
    found: list[list[tuple[str, int, int]]] = []
    monkeypatch.setattr(
        local, "run_all",
        lambda jobs, *of: found.append([(j.spec.star.target, j.spec.seed, j.spec.generations) for j in jobs]),
    )  # fmt: skip
    return found


def test_the_pieces_of_runs_sum_to_the_estimate_of_their_sweep(timed):
    specs = [tiny(f"star.target={star}", f"seed={seed}") for star in ("none", "classifier") for seed in (0, 1)]
    each = {piece.name: piece.seconds for of_run in estimate.pieces(specs) for piece in of_run if piece.name}
    assert sum(each.values()) == estimate.estimate(specs).work > 0
    for spec, of_run in zip(specs, estimate.pieces(specs), strict=True):
        assert [piece.generation for piece in of_run] == sorted(piece.generation for piece in of_run)
        assert sum(piece.name is None for piece in of_run) == spec.generations


def test_a_plan_is_shown_and_nothing_is_run(tmp_path, timed, begun):
    # 5 steps an epoch: two annotators, G_0, C_0 and C_1 take 25 s a seed, and C_0 and C_1 with STAR 10 s more.
    code, words = asked(tmp_path / "out", "--plan", "--budget", "100s")
    assert code == 0, words
    assert "seqclass+classifier" in words
    assert "expected, from the start: 70 s with 1 run at a time, of 100 s, of which 10% is kept in reserve" in words
    assert begun == []
    assert not (tmp_path / "out").exists()


def test_a_budget_that_is_too_small_for_all_leaves_generations_out_and_says_so(tmp_path, timed, begun):
    code, words = asked(tmp_path / "out", "--budget", "40s", "--json")
    assert code == 0, words
    told = json.loads(words.strip().splitlines()[-1])
    assert told["seconds"] == 35 <= 0.9 * 40
    assert begun == [[("none", 0, 2), ("classifier", 0, 2)]]
    code, words = asked(tmp_path / "other", "--budget", "20s")
    assert "--budget: the first generation of seqclass takes about 22 s, more than 20 s; give more" in words


def test_the_same_command_goes_on_with_the_same_plan_and_a_larger_budget_plans_anew(tmp_path, timed, begun):
    assert asked(tmp_path, "--budget", "40s")[0] == 0
    asks = len(timed)
    code, words = asked(tmp_path, "--budget", "40s")
    assert code == 0, words
    assert "going on with the stored plan" in words
    assert len(timed) == asks
    assert begun[0] == begun[1]
    assert asked(tmp_path, "--budget", "1h")[0] == 0
    assert len(begun[2]) == 4
    assert len(timed) > asks


def test_runs_of_other_fields_are_never_mixed(tmp_path, timed, begun):
    assert asked(tmp_path, "--budget", "40s")[0] == 0
    code, words = asked(tmp_path, "--budget", "40s", **{"classifier.epochs": 2})
    assert code != 0
    assert "holds runs with other fields (classifier.epochs=1, not 2)" in words


PLANS = [
    "{}", "[]", "1", "null", '{"wanted": {}, "plan": {"runs": [], "seconds": 1, "left_out": []}, "costs": {}}',
    '{"wanted": [], "plan": {"runs": [], "seconds": 1, "left_out": []}, "costs": {}}',
    '{"wanted": {"base": 1}, "plan": {"runs": [], "seconds": 1, "left_out": []}, "costs": {}}',
    '{"wanted": {"base": {}}, "plan": {"runs": [[["a", "b"], 0, 1]], "seconds": 1, "left_out": []}, "costs": {}}',
    '{"wanted": {"base": {}}, "plan": {"runs": [], "seconds": 1, "left_out": []}, "costs": {"x": []}}',
]  # fmt: skip


@pytest.mark.parametrize("held", PLANS)
def test_a_plan_of_another_form_is_damaged(tmp_path, timed, begun, held):
    (tmp_path / "runs").mkdir()
    (tmp_path / stored.PLAN).write_text(held)
    code, words = asked(tmp_path, "--budget", "40s")
    assert code != 0
    assert f"--out: {tmp_path / stored.PLAN} is damaged" in words
    assert (timed, begun) == ([], [])


RUN = [["seqclass", "none"], 0, 2]
CHANGES = {
    "no runs": lambda told: told["plan"].update(runs=[]),
    "a run twice": lambda told: told["plan"]["runs"].append(RUN),
    "a run twice, of another length": lambda told: told["plan"]["runs"].append([RUN[0], 0, 1]),
    "a curve that is not wanted": lambda told: told["plan"]["runs"].append([["seqgen-seqclass", "none"], 0, 2]),
    "a curve that was not published": lambda told: told["plan"]["left_out"].append([["control", "none"], 0, 2]),
    "a seed that is not wanted": lambda told: told["plan"]["runs"].append([RUN[0], 7, 2]),
    "a run that is too long": lambda told: told["plan"]["runs"].append([RUN[0], 1, 3]),
    "no generations": lambda told: told["plan"].update(runs=[[RUN[0], 0, 0]]),
    "a negative seed": lambda told: told["plan"].update(runs=[[RUN[0], -3, 1]]),
    "a cost that is no number": lambda told: told["costs"]["seqclass"][0].__setitem__(2, float("nan")),
    "a negative cost": lambda told: told["costs"]["seqclass"][0].__setitem__(2, -1.0),
    "no costs": lambda told: told.update(costs={}),
    "costs of no generation": lambda told: told["costs"].update(seqclass=[]),
    "a cost beyond all time": lambda told: told["costs"]["seqclass"][0].__setitem__(2, 1e300),
    "a cost twice": lambda told: told["costs"]["seqclass"].append(told["costs"]["seqclass"][0]),
    "costs of a curve that is not wanted": lambda told: told["costs"].update(more=[]),
    "text for a number": lambda told: told["plan"].update(runs=[[RUN[0], "0", 1]]),
    "a run that is left out": lambda told: told["plan"]["left_out"].clear(),
    "costs out of order": lambda told: told["costs"]["seqclass"].reverse(),
    "a field too many": lambda told: told.update(more=1),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_plan_of_other_runs_is_damaged(tmp_path, timed, begun, change):
    assert asked(tmp_path, "--budget", "40s")[0] == 0
    path, asks = tmp_path / stored.PLAN, len(timed)
    told = json.loads(path.read_text())
    CHANGES[change](told)
    path.write_text(json.dumps(told))
    code, words = asked(tmp_path, "--budget", "40s")
    assert code != 0
    assert f"--out: {path} is damaged" in words
    assert "delete the file if fairloop wrote it, and the next call plans anew" in words
    assert "pydantic" not in words
    assert (len(timed), len(begun)) == (asks, 1)
    path.unlink()
    assert asked(tmp_path, "--budget", "40s")[0] == 0


def test_a_directory_in_place_of_the_plan_is_refused_before_anything_is_timed(tmp_path, timed, begun):
    (tmp_path / stored.PLAN).mkdir()
    assert "is damaged, or not fairloop's" in asked(tmp_path, "--budget", "40s")[1]
    assert (timed, begun) == ([], [])


def test_the_number_of_runs_at_a_time_is_not_a_part_of_the_plan_unless_it_is_set(tmp_path, timed, begun, monkeypatch):
    for now, words in ((1, "timing"), (3, "going on with the stored plan")):
        monkeypatch.setattr(reproducing, "default_workers", lambda threads, now=now: now)
        code, said = asked(tmp_path, "--budget", "100s", without=["--workers", "1"])
        assert code == 0, said
        assert words in said
        assert f"with {now} run" in said
    assert begun[0] == begun[1]


@pytest.mark.parametrize("name", ["thesis.txt", "x.none.png", "seqclass.both.png", "seqclass.none.png"])
def test_files_of_the_user_beside_the_page_are_neither_replaced_nor_found_after_the_training(
    tmp_path, timed, begun, name
):
    held = tmp_path / "page" / name
    if name == "seqclass.none.png":  # as a directory
        held = held / "file"
    held.parent.mkdir(parents=True)
    held.write_text("precious")
    code, words = asked(tmp_path, "--budget", "40s")
    assert code != 0
    assert f"--out: {tmp_path / 'page'} holds {name}, and is replaced by the new page" in words
    assert (timed, begun) == ([], [])
    with pytest.raises(InputError, match=f"holds {name}"):
        page.write(table({("seqclass", "none"): [[0.9]]}), tmp_path / "page", [])
    assert held.read_text() == "precious"


def test_runs_of_another_experiment_in_the_directory_are_no_seeds_of_a_curve(tmp_path):
    def run_of(*changes: str) -> None:
        spec = tiny("setting=seqclass", *changes)
        run(spec, RunDirectory(tmp_path / "runs" / spec.identity), LineView(lambda text: None))

    for changes in (["seed=0"], ["seed=1"], ["seed=0", "data.label_noise=0.3"], ["seed=5", "data.label_noise=0.3"]):
        run_of(*changes)
    run_of("seed=2", "setting=seqgen-nonseqclass")  # not published
    wanted = reproducing.Wanted(tiny(), CURVES[:1], (0,), 60.0, 1)
    mine, others = reproducing.runs_of(wanted, tmp_path)
    assert (sorted(found.spec().seed for found in mine), others) == ([0, 1], 3)
    shutil.copytree(mine[0].root, tmp_path / "runs" / "copy")
    with pytest.raises(InputError, match=r"--out: .*copy holds the run seqclass\..*; give it this name, or move it"):
        reproducing.runs_of(wanted, tmp_path)
    (tmp_path / "runs" / "copy").rename(tmp_path / "copy")
    (mine[1].root / "spec.yaml").open("a").write("x: 1\n")
    with pytest.raises(InputError, match=r"spec\.yaml: is damaged"):
        reproducing.runs_of(wanted, tmp_path)


def test_a_run_of_another_name_or_damaged_is_refused_before_anything_is_timed(tmp_path, timed, begun, monkeypatch):
    def copied(*of: object) -> None:
        raise InputError("holds the run")

    monkeypatch.setattr(reproducing, "runs_of", copied)
    assert "holds the run" in asked(tmp_path, "--budget", "40s")[1]
    assert (timed, begun) == ([], [])


def test_more_generations_are_planned_anew_and_extend_the_runs(tmp_path, timed, begun):
    assert asked(tmp_path, "--budget", "1h")[0] == 0
    code, words = asked(tmp_path, "--budget", "1h", generations=3)
    assert code == 0, words
    assert {generations for _, _, generations in begun[0]} == {2}
    assert {generations for _, _, generations in begun[1]} == {3}


def test_a_run_that_is_longer_already_keeps_its_length(tmp_path, timed, begun, monkeypatch):
    monkeypatch.setattr(RunDirectory, "committed", lambda self: 2)
    assert asked(tmp_path, "--budget", "25s")[0] == 0  # one generation fits
    assert begun == [[("none", 0, 2)]]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--curves", "seqclas"], "--curves seqclas: was not published; there is seqclass,"),
        (["--set", "setting=control"], "--set setting=control: is fixed by the published curves; use --curves"),
        (["--seeds", "x"], "--seeds x"),
        (["--set", "star={target: both}"], "--set star.target=both: is fixed by the published curves; use --curves"),
        (["--set", "data={name: celeba, root: /tmp}"], "--set data.name=celeba: fairloop has no published curves"),
        (["--set", "data.name=celeba"], "--set data.name=celeba: fairloop has no published curves"),
        (["--set", "data.name='celeba'"], "--set data.name='celeba': fairloop has no published curves"),
        (["--set", "star=none"], "--set star=none: is a section of fields; set its fields; --curves chooses STAR's"),
        (["--set", "data=celeba"], "--set data=celeba: is a section of fields; set its fields, such as data.root"),
        (["--set", "generations=41"], "--set generations=41: the published curves have 40"),
        (["--data", "/nowhere"], "--data: /nowhere is not a directory"),
        (["--set", "nope=1"], "nope: there is no such field"),
    ],
)
def test_what_cannot_be_reproduced_is_refused(tmp_path, more, words):
    code, said = asked(tmp_path, *more)
    assert code != 0
    assert words in said


def test_only_published_data_sets_can_be_reproduced():
    result = CliRunner().invoke(app, ["reproduce", "adult"])
    assert "'adult': fairloop has no published curves of it; use colored-mnist" in str(result.exception)


def test_the_page_says_what_its_table_holds(tmp_path):
    rows = table({("seqclass", "none"): [[0.9, 0.8], [0.92, 0.85], [0.91, 0.7]]}, [0.93, 0.94, 0.93])
    page.write(rows, tmp_path / "page", ["Said of the runs."])
    text = (tmp_path / "page" / "reproduction.md").read_text()
    held = pd.read_csv(tmp_path / "page" / "departures.csv")
    assert "Curves have 3 seeds, and few seeds make wide intervals." in text
    assert "| seqclass | accuracy | 3 | 2 of 40 |" in text
    assert "Said of the runs." in text
    for row in held[held["less"] == departures.AS_IS].to_dict("records"):
        assert f"{row['difference']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]" in text
    assert (tmp_path / "page" / "seqclass.none.png").stat().st_size > 10_000


@pytest.mark.slow
def test_a_reproduction_runs_resumes_and_writes_its_page(tmp_path):
    code, words = asked(tmp_path, "--budget", "1h")
    assert code == 0, words
    text = (tmp_path / "page" / "reproduction.md").read_text()
    assert "**These runs are not the published experiment.**" in text
    held = gathered([tmp_path / "runs"])
    assert held.groupby("star")["seed"].nunique().to_dict() == {"none": 2, "classifier": 2}
    written = pd.read_csv(tmp_path / "page" / "departures.csv")
    ours = held[(held["role"] == "classifier") & (held["split"] == "test") & (held["group"] == "overall")]
    ours = ours[ours["metric"] == "accuracy"].groupby(["star", "generation"])["value"].mean()
    mine = written[(written["metric"] == "accuracy") & (written["less"] == departures.AS_IS)]
    for row in mine.to_dict("records"):
        assert row["mean"] == pytest.approx(ours[row["star"], row["generation"]])
    models = {path: path.stat().st_mtime_ns for path in (tmp_path / "models").glob("*.safetensors")}
    assert asked(tmp_path, "--budget", "1h")[0] == 0
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "models").glob("*.safetensors")} == models
    first = next((tmp_path / "runs").iterdir())
    shutil.copytree(first, first.with_name("copy"))
    assert "give it this name, or move it elsewhere" in asked(tmp_path, "--budget", "1h")[1]
