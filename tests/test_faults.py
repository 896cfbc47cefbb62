"""Nothing is lost: runs that are killed, stopped or out of disk at any instant, and what becomes of them."""

from __future__ import annotations

import random
import shutil
import signal
from typing import Any

import pytest

from disturbed import Runs


def interrupted(runs: Runs, name: str, sign: signal.Signals, after: float) -> bool:
    """Whether the signal came before the end; and the run ended as it should."""
    ended = runs.run(name, signal=int(sign), after=after)
    if sign != signal.SIGKILL and ended.code == 130:
        assert ended.said == "fairloop: interrupted; run the same command again to go on\n"
    assert ended.code in (0, -9 if sign == signal.SIGKILL else 130), ended.said
    return ended.code != 0


@pytest.mark.slow
def test_a_run_stopped_at_any_of_thirty_instants_goes_on_to_the_same_bits(runs):
    rng, stopped, tried = random.Random(0), 0, 0
    while stopped < 30:
        for _ in range(3):  # one run, stopped up to three times
            sign = (signal.SIGTERM, signal.SIGINT, signal.SIGKILL, signal.SIGKILL)[stopped % 4]
            if not interrupted(runs, f"cut-{tried}", sign, rng.uniform(0.02, runs.seconds)):
                break
            stopped += 1
        runs.goes_on(f"cut-{tried}")
        tried += 1
        assert tried < 200, "the instants come too late"


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_run_stopped_at_a_few_instants_goes_on_to_the_same_bits(runs, sign):
    name = f"few-{sign}"
    for share in (0.3, 0.6):  # one run, stopped several times
        interrupted(runs, name, sign, share * runs.seconds)
    runs.goes_on(name)


@pytest.mark.slow
def test_a_run_killed_before_any_file_operation_goes_on_to_the_same_bits(runs):
    killed = 0
    for at in range(1, 1000, 8):
        if runs.run("op", fault="kill", at=at).code == 0:
            shutil.rmtree(runs.folder / "op")
            break
        runs.goes_on("op")
        killed += 1
    assert killed > 15


@pytest.mark.slow
@pytest.mark.parametrize("at", [3, 101])
def test_a_run_killed_while_it_writes_goes_on_to_the_same_bits(runs, at):
    assert runs.run("op", fault="kill", at=at).code == -9
    runs.goes_on("op")


def out_of_disk(runs: Runs, **wish: Any) -> None:
    ended = runs.run("full", **wish)
    assert ended.code == 1, ended
    assert ended.said.count("\n") == 1
    assert "nothing that was recorded is lost" in ended.said
    assert str(runs.folder / "full") in ended.said
    runs.goes_on("full")


@pytest.mark.slow
@pytest.mark.parametrize("limit", [1_000, 12_000])
def test_a_run_whose_files_become_too_large_goes_on_when_there_is_room(runs, limit):
    out_of_disk(runs, limit=limit)


@pytest.mark.slow
def test_a_run_on_a_disk_that_fills_up_goes_on_when_there_is_room(runs):
    for at in range(1, 160, 16):
        out_of_disk(runs, fault="full", at=at)


@pytest.mark.slow
def test_a_disk_that_fills_up_late_costs_one_generation_at_most(runs):
    out_of_disk(runs, fault="full", at=100)
