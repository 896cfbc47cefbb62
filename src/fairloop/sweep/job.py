"""A run of a sweep as a job for a worker, wherever that works."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from fairloop._util.directories import claim
from fairloop.errors import FairloopError, InputError
from fairloop.spec.run import RunSpec, varied
from fairloop.store.directory import RunDirectory

MEMORY_PER_RUN = int(1.5 * 2**30)
"""Bytes that a run is reckoned to need when workers are counted; `colored-mnist` peaks below that."""

WRONG_INPUT = 2
"""The exit code of a run that was not started."""


@dataclass
class Job:
    """One run of a sweep.

    name: what a person calls it, by what tells it from the others. line: the last that it said.
    done: generations that are recorded. code: how it ended, as an exit code.
    log: where all that it said is to be read, in words.
    """

    spec: RunSpec
    name: str
    state: Literal["waiting", "running", "done", "failed"] = "waiting"
    line: str = ""
    done: int = 0
    code: int | None = None
    log: str = ""

    def end(self, code: int) -> None:
        """It has ended."""
        self.code = code
        self.state = "done" if code == 0 else "failed"
        self.done = self.spec.generations if code == 0 else self.done


class SweepView(AbstractContextManager["SweepView"], Protocol):
    """Shows a person how a sweep goes on."""

    def show(self, jobs: Sequence[Job]) -> None:
        """The jobs as they stand now; called several times a second."""


def run_in(out: Path, spec: RunSpec) -> RunDirectory:
    """Where a sweep keeps the run of `spec`."""
    return RunDirectory(out / "runs" / spec.identity)


def jobs_in(out: Path, specs: Sequence[RunSpec]) -> list[Job]:
    """A job for each spec; what is recorded whole below `out` is done.

    Raises InputError if `out` is no place for a sweep, or if a directory in it holds another run.
    """
    claim(out, "a sweep")
    jobs = jobs_at(specs)
    for job in jobs:
        directory = run_in(out, job.spec)
        directory.check(job.spec)
        job.done = directory.committed()
        if directory.exists and job.done >= job.spec.generations:
            job.end(0)
    return jobs


def jobs_at(specs: Sequence[RunSpec]) -> list[Job]:
    """A job for each spec, of which nothing is known yet."""
    return [Job(spec, _name(spec, differences)) for spec, differences in zip(specs, varied(specs), strict=True)]


def _name(spec: RunSpec, differences: dict[str, Any]) -> str:
    star = "" if spec.star.target == "none" else f" + STAR on {spec.star.target}"
    more = [f"{path}={value}" for path, value in differences.items() if path not in ("setting", "star.target", "seed")]
    return ", ".join([spec.setting + star, *more, f"seed {spec.seed}"])


def raise_if_failed(jobs: Sequence[Job]) -> None:
    """Raise FairloopError if any job failed; InputError if all that failed did so for wrong input."""
    failed = [job for job in jobs if job.state == "failed"]
    if not failed:
        return
    first = failed[0]
    kind = InputError if all(job.code == WRONG_INPUT for job in failed) else FairloopError
    raise kind(
        f"{len(failed)} of {len(jobs)} runs failed, first {first.spec.identity}: "
        f"{first.line or 'its process was killed'} (see {first.log}); the same command again tries them anew"
    )


def shared_work(runs: Sequence[RunDirectory]) -> str:
    """How many models the sessions of these runs trained, beside what the same runs would train alone, in words."""
    trained: Counter[str] = Counter()
    alone: Counter[str] = Counter()
    for run in runs:
        spec, done = run.spec(), run.committed()
        for session in run.provenance().get("sessions", []):
            trained.update(title.rstrip(" 0123456789") for title in session.get("trained", []))
        generators = done if spec.rules.generators == "sequential" else min(done, 1)
        alone.update({"label annotator": 1, "group annotator": 1, "generator": generators, "classifier": done})
    counts = ", ".join(f"{trained[kind]} {kind}s instead of {alone[kind]}" for kind in ("generator", "classifier"))
    return f"trained {trained.total()} models where runs alone would train {alone.total()}: {counts}"
