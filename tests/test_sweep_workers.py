"""Processes of a sweep end with it, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import tiny
from fairloop.sweep import local
from fairloop.sweep.job import Job
from fairloop.sweep.local import slow_imports

SWEEP = """
import sys, time
from pathlib import Path
from fairloop.sweep import workers
workers.PRELOADED = ()
started = [workers.Worker(workers.Task("busy", [word], Path(word), None)) for word in sys.argv[1:]]
print(*(worker._process.pid for worker in started), flush=True)
time.sleep(60)
"""
BUSY = """
import signal, sys, time
if sys.argv[1].endswith("stubborn"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("busy", flush=True)
time.sleep(60)
"""


def _lives(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
@pytest.mark.parametrize("kind", ["willing", pytest.param("stubborn", marks=pytest.mark.slow)])
def test_processes_of_a_killed_sweep_end_within_seconds(tmp_path, kind):
    (tmp_path / "busy.py").write_text(BUSY)
    logs = [tmp_path / f"{place} {kind}" for place in (1, 2)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    command = [sys.executable, "-c", SWEEP, *map(str, logs)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=tmp_path) as sweep:
        assert sweep.stdout is not None
        processes = [int(word) for word in sweep.stdout.readline().split()]
        _until(lambda: all(log.is_file() and "busy" in log.read_text() for log in logs))
        assert all(map(_lives, processes))
        sweep.send_signal(signal.SIGKILL)
        sweep.wait()
        _until(lambda: not any(map(_lives, processes)))


@pytest.mark.skipif(sys.platform != "linux", reason="no fork server elsewhere")
def test_what_runs_would_import_one_by_one_is_imported_once(tmp_path):
    """A run of scikit-learn's estimators of .4 seconds spent 3.5 on imports."""
    (tmp_path / "slow.py").write_text("import os\nimported_by = os.getpid()\n")
    (tmp_path / "says.py").write_text("import slow\nprint(slow.imported_by)\n")
    code = (
        SWEEP.replace('"busy", [word], Path(word), None', '"says", [], Path(word), imports=("slow",)')
        .replace("time.sleep(60)", "[worker._process.join() for worker in started]")
    )  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    logs = [tmp_path / "1", tmp_path / "2"]
    with subprocess.Popen(
        [sys.executable, "-c", code, *map(str, logs)], env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as sweep:
        started = sweep.communicate(timeout=60)[0].split()
    first, second = (log.read_text() for log in logs)
    assert first == second
    assert first.strip() not in started


@pytest.mark.parametrize(
    ("overrides", "imports"),
    [
        ((), ()),
        (("classifier.model=sklearn.linear_model:LogisticRegression",), ("skops.io",)),
        (("annotator.model=fairlearn-grid-search",), ("skops.io",)),
    ],
)
def test_a_sweep_imports_what_keeps_its_estimators(overrides, imports):
    assert slow_imports([Job(tiny(), "one"), Job(tiny(*overrides), "another")]) == imports


def _until(is_so, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)


@given(st.sets(st.integers(0, 300), min_size=1, max_size=24), st.integers(1, 24), st.integers(1, 8))
def test_workers_are_bound_to_cores_only_where_no_other_sweep_has_room(cores, workers, threads):
    """Two sweeps with a worker each on a machine of two cores were both bound to the first core."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local, "_cores", lambda: cores)
        shares = local._core_shares(workers, threads)
    bound = [share for share in shares if share is not None]
    assert len(shares) == workers
    assert len(bound) == (workers if workers * threads <= len(cores) < (workers + 1) * threads else 0)
    assert all(len(share) == threads and share <= cores for share in bound)
    assert len(set().union(*bound)) == sum(map(len, bound))
