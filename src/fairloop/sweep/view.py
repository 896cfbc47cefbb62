"""Views of a sweep: a live table where there is a terminal, lines as they come where there is none."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from fairloop._util.escape import for_terminal
from fairloop.sweep.job import Job


class SweepLines:
    """Every new line of every run, behind the run's name."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: dict[str, str] = {}

    def __enter__(self) -> SweepLines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def show(self, jobs: Sequence[Job]) -> None:
        """Print what is new."""
        for job in jobs:
            if job.state != "waiting" and job.line and self._shown.get(job.spec.identity) != job.line:
                self._shown[job.spec.identity] = job.line
                self._console.print(Text(for_terminal(f"{job.name}: {job.line}")), soft_wrap=True)


class SweepTable:
    """A row for each run that runs or has failed, and a count of the others."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, refresh_per_second=4)

    def __enter__(self) -> SweepTable:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, jobs: Sequence[Job]) -> None:
        """Draw the table anew."""
        table = Table("run", "state", "generations", "last", caption=_counts(jobs))
        few = len(jobs) <= self._live.console.height // 3
        for job in jobs:
            if few or job.state in ("running", "failed"):
                done = f"{job.done}/{job.spec.generations}"
                table.add_row(
                    Text(for_terminal(job.name)),
                    job.state,
                    done,
                    Text(for_terminal(job.line), overflow="ellipsis", no_wrap=True),
                )
        self._live.update(table)


def sweep_view(console: Console) -> SweepLines | SweepTable:
    """The view that suits where output goes."""
    return SweepTable(console) if console.is_terminal else SweepLines(console)


def _counts(jobs: Sequence[Job]) -> str:
    states = [job.state for job in jobs]
    return ", ".join(f"{states.count(state)} {state}" for state in ("waiting", "running", "done", "failed"))
