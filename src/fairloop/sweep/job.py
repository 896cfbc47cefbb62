"""The runs of a sweep as jobs for workers, on this machine or elsewhere."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from fairloop._util.directories import claim
from fairloop.errors import FairloopError, InputError
from fairloop.report.case_names import of_fields
from fairloop.report.table import cell
from fairloop.spec.names import OWN_FIELDS, case_name, run_name, varied
from fairloop.spec.people import PEOPLE
from fairloop.spec.run import RunSpec
from fairloop.store.directory import RunDirectory
from fairloop.sweep.workers import ending

MEMORY_PER_RUN = int(1.5 * 2**30)
"""Bytes of memory per run in the number of workers; the peak of `colored-mnist` is lower."""

FAILED, WRONG_INPUT, INTERRUPTED = 1, 2, 130
"""The exit codes of a run that failed, had wrong input, or was interrupted. Its log ends with the reason."""


@dataclass
class Job:
    """One run of a sweep.

    case: the run's name for readers without its seed; it holds the fields in which the runs of the sweep differ.
    line: the last line of its log. done: recorded generations. code: its exit code after the end.
    log: the location of its log, in words.
    """

    spec: RunSpec
    case: str
    state: Literal["waiting", "running", "done", "failed"] = "waiting"
    line: str = ""
    done: int = 0
    code: int | None = None
    log: str = ""

    @cached_property
    def identity(self) -> str:
        """The run's name in tables and of its directory. A sweep asks for it all the time, and a spec hashes itself."""
        return self.spec.identity

    @cached_property
    def name(self) -> str:
        """The run's name for readers."""
        return run_name(self.case, self.spec.seed)

    def end(self, code: int) -> None:
        """Note that the run has ended with the exit code `code`."""
        self.code = code
        self.state = "done" if code == 0 else "failed"
        self.done = self.spec.generations if code == 0 else self.done

    def end_with_process(self, code: int, *, together: bool) -> None:
        """Note that the run's process has ended with the exit code `code`, negative after a signal.

        The run is done only if all of its generations are recorded. together: other runs shared the process, so the
        exit code may be theirs.
        """
        if self.done >= self.spec.generations and (together or code == 0):
            self.end(0)
            return
        if code not in (FAILED, WRONG_INPUT, INTERRUPTED):
            self.line = f"its process {ending(code)} after {self.done} of {self.spec.generations} generations"
        self.end(code or FAILED)


def exit_code(work: Callable[[], None], log: logging.Logger) -> int:
    """Do the `work` of a run. Returns its exit code; if that is not 0, the log ends with the reason."""
    try:
        work()
    except KeyboardInterrupt:
        log.error("fairloop: interrupted; run the same command again to go on")
        return INTERRUPTED
    except (FairloopError, OSError) as error:
        log.error("fairloop: %s", error)
        return WRONG_INPUT if isinstance(error, InputError) else FAILED
    except Exception:
        log.exception("fairloop:")
        return FAILED
    return 0


class SweepView(AbstractContextManager["SweepView"], Protocol):
    """The protocol of views of a sweep in progress."""

    def show(self, jobs: Sequence[Job]) -> None:
        """Show the current state of the jobs. A sweep calls this several times a second."""


def run_in(out: Path, spec: RunSpec) -> RunDirectory:
    """The directory of the run of `spec` in the sweep's directory `out`."""
    return RunDirectory(out / "runs" / spec.identity)


def jobs_in(out: Path, specs: Sequence[RunSpec]) -> list[Job]:
    """A job for each spec. Jobs of runs that are complete below `out` are done.

    Raises InputError if `out` cannot hold a sweep, or if a directory in it holds another run.
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
    """A waiting job for each spec, for a sweep at an address."""
    return [Job(spec, _case(spec, differences)) for spec, differences in zip(specs, varied(specs), strict=True)]


def _case(spec: RunSpec, differences: dict[str, Any]) -> str:
    fields = {path: cell(value) for path, value in differences.items() if path not in OWN_FIELDS}
    return case_name(spec.setting, spec.star.target, of_fields(fields))


def raise_if_failed(jobs: Sequence[Job]) -> None:
    """Raise FairloopError if any job failed; InputError if all failures are wrong input."""
    failed = [job for job in jobs if job.state == "failed"]
    if not failed:
        return
    first = failed[0]
    kind = InputError if all(job.code == WRONG_INPUT for job in failed) else FairloopError
    raise kind(
        f"{len(failed)} of {len(jobs)} runs failed, first {first.identity}: "
        f"{first.line or 'its process was killed'} (see {first.log}); the same command again tries them anew"
    )


class Work(NamedTuple):
    """The number of models that runs trained, and the number that they would train separately, by kind."""

    trained: Counter[str]
    alone: Counter[str]

    def __str__(self) -> str:
        kinds = ("generator", "classifier")
        counts = ", ".join(f"{self.trained[kind]} {kind}s instead of {self.alone[kind]}" for kind in kinds)
        return f"trained {self.trained.total()} models, against {self.alone.total()} in separate runs: {counts}"


def shared_work(runs: Sequence[RunDirectory]) -> Work:
    """The number of models that all sessions of `runs` trained."""
    work = Work(Counter(), Counter())
    for run in runs:
        spec, done = run.spec(), run.committed()
        for session in run.provenance().sessions:
            work.trained.update(title.rstrip(" 0123456789") for title in session.trained)
        generators = {"sequential": done, "fixed": min(done, 1), "none": 0}[spec.rules.generators]
        classifiers = 0 if spec.setting == PEOPLE and spec.people.rule is not None else done
        work.alone.update(role.replace("_", " ") for role in spec.annotators)
        work.alone.update({"generator": generators, "classifier": classifiers})
    return work
