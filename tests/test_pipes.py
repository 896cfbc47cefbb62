"""Output that is read in part: `fairloop ... | head` ends as it would have ended with a patient reader."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fairloop.cli.pipes import patient

ROUNDS = "round,label,prediction,group\n" + "".join(
    f"{r},{i % 3 % 2},{(i + r) % 2},{'ab'[i % 2]}\n" for r in (1, 2) for i in range(80)
)
AUDIT = ("audit", "log.csv", "--round", "round", "--label", "label", "--prediction", "prediction", "--group", "group")


def ended(folder: Path, *arguments: str, unbuffered: str = "", **streams: int) -> tuple[int, str]:
    """Exit code and errors of a command whose output nobody reads."""
    command = [sys.executable, "-m", "fairloop", *arguments]
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    here, there = os.pipe()
    os.close(here)
    places = {"stdout": there, "stderr": subprocess.PIPE, **streams}
    found = subprocess.run(command, cwd=folder, text=True, env=environment, check=False, **places)
    os.close(there)
    return found.returncode, found.stderr or ""


@pytest.mark.slow
def test_a_gate_has_its_exit_code_although_nobody_reads_the_verdict(tmp_path):
    (tmp_path / "log.csv").write_text(ROUNDS)
    said, errors = ended(tmp_path, *AUDIT, "--out", "audit", "--fail-on", "tpr<0.99")
    assert said == 1
    assert errors.startswith("fairloop: tpr<0.99: ")
    assert len(errors.splitlines()) == 1
    assert (tmp_path / "audit" / "verdict.json").is_file()


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_closed_pipe_is_no_error(tmp_path, unbuffered):
    assert ended(tmp_path, "schema", unbuffered=unbuffered) == (0, "")


def test_a_refusal_that_nobody_reads_is_one(tmp_path):
    here, there = os.pipe()
    os.close(here)
    assert ended(tmp_path, "audit", "log.csv", stderr=there) == (2, "")
    os.close(there)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device")
def test_a_full_disk_is_an_error_in_a_line(tmp_path):
    with Path("/dev/full").open("wb") as full:
        said, errors = ended(tmp_path, "--version", stdout=full.fileno())
    assert said == 1
    assert errors.startswith("fairloop: the output: No space left on device")
    assert len(errors.splitlines()) == 1


def test_streams_that_are_no_files_stay():
    out, error = io.StringIO(), io.StringIO()
    with patient(out, error):
        print("one")
        print("two", file=sys.stderr)
    assert (out.getvalue(), error.getvalue()) == ("one\n", "two\n")


def test_words_reach_a_reader_in_their_order(tmp_path):
    path = tmp_path / "words"
    with path.open("w", encoding="utf-8") as file, patient(file, sys.stderr):
        assert sys.stdout is not file
        print("é" * 9000)
        print("end")
    assert path.read_text(encoding="utf-8") == "é" * 9000 + "\nend\n"
