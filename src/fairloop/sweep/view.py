"""Views of runs and sweeps: a table of all runs on a terminal, lines elsewhere."""

from __future__ import annotations

import logging
import math
import textwrap
import time
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import get_args

from rich.console import Console
from rich.live import Live
from rich.text import Text

from fairloop._util.clock import duration
from fairloop._util.escape import for_terminal
from fairloop.sweep.job import Job
from fairloop.sweep.status_reader import Scene, Sight, State, look

SECONDS_BETWEEN_LOOKS = 2.0

_log = logging.getLogger(__name__)
_URGENCY: tuple[State, ...] = get_args(State)
_HEADER = ("state", "gen.", "acc.", "EO", "left")
_GAP = "  "
_ROOM_FOR_WORDS = 24
"""Characters of a row for text about the run. In narrower tables, the text is below the row."""


class SweepLines:
    """Prints every new line of every run, after the run's name, with `say`; the default is this module's log."""

    def __init__(self, say: Callable[[str], None] = _log.info) -> None:
        self._say = say
        self._shown: dict[str, str] = {}

    def __enter__(self) -> SweepLines:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def show(self, jobs: Sequence[Job]) -> None:
        """Print each new line."""
        for job in jobs:
            if job.state != "waiting" and job.line and self._shown.get(job.identity) != job.line:
                self._shown[job.identity] = job.line
                self._say(f"{job.name}: {job.line}")


class SweepTable:
    """The table of the sweep in the directory `out`, as `fairloop watch` shows it."""

    def __init__(self, console: Console, out: Path) -> None:
        self._out = out
        self._live = Live(console=console, auto_refresh=False)
        self._next = 0.0

    def __enter__(self) -> SweepTable:
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def show(self, jobs: Sequence[Job]) -> None:
        """Draw the table at limited frequency, and at once after the last job."""
        if time.monotonic() >= self._next or all(job.state in ("done", "failed") for job in jobs):
            self._next = time.monotonic() + SECONDS_BETWEEN_LOOKS
            size = self._live.console.size
            self._live.update(table(look([self._out]), size.width, size.height), refresh=True)


def sweep_view(console: Console, out: Path | None) -> SweepLines | SweepTable:
    """The view that suits `console`. out: the sweep's directory; None if it has none on this machine."""
    return SweepTable(console, out) if console.is_terminal and out is not None else SweepLines()


def table(scene: Scene, width: int, height: int | None = None) -> Text:
    """The runs of a scene in `width` columns: a row for each, and a summary below.

    Names, numbers and text are never cut. If names do not fit into the rows, rows are grouped below the name of
    their case. Long text is folded. height: lines of the terminal; if rows exceed it, finished runs are left out.
    """
    runs, lines = scene.runs, _lines(scene, scene.runs, width)
    if height is not None and len(lines) > height:
        urgent = sorted(range(len(runs)), key=lambda i: _URGENCY.index(runs[i].state))[:height]
        while len(urgent) > 1 and len(lines) > height:
            urgent.pop()
            lines = _lines(scene, [runs[i] for i in sorted(urgent)], width)
    return Text("\n".join(lines), no_wrap=True, overflow="ignore")


def _lines(scene: Scene, shown: Sequence[Sight], width: int) -> list[str]:
    some = "" if len(shown) == len(scene.runs) else f" ({len(shown)} of {len(scene.runs)} shown)"
    return [*_rows(shown, width), *_folded(_summary(scene) + some, width)]


def _rows(runs: Sequence[Sight], width: int) -> list[str]:
    rows = [_cells(run) for run in runs]
    widths = [max(map(len, column)) for column in zip(_HEADER, *rows, strict=True)]
    numbers = sum(widths) + len(_GAP) * len(widths)
    longest = max((len(for_terminal(run.name)) for run in runs), default=0)
    by_case = longest + numbers + len(_GAP) + _ROOM_FOR_WORDS > width
    first = max(len("run"), *(len(_first(run, by_case)) for run in runs), 0)
    lines = [_row("run", first, _HEADER, widths).rstrip()]
    for case, mine in groupby(zip(runs, rows, strict=True), key=lambda pair: pair[0].case):
        lines += _folded(for_terminal(case), width) if by_case else []
        for run, cells in mine:
            lines += _with_words(_row(_first(run, by_case), first, cells, widths), for_terminal(_words(run)), width)
    return lines


def _first(run: Sight, by_case: bool) -> str:
    return f"  seed {run.seed}" if by_case else for_terminal(run.name)


def _row(first: str, room: int, cells: Sequence[str], widths: Sequence[int]) -> str:
    state, *numbers = (
        cell.ljust(width) if i == 0 else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return _GAP.join([first.ljust(room), state, *numbers])


def _with_words(row: str, words: str, width: int) -> list[str]:
    """The row with folded text in its last column, or below the row if that column is too narrow."""
    if not words:
        return [row.rstrip()]
    room = width - len(row) - len(_GAP)
    if room < _ROOM_FOR_WORDS:
        return [row.rstrip(), *(f"    {line}" for line in _folded(words, width - 4))]
    first, *rest = _folded(words, room)
    return [f"{row}{_GAP}{first}", *(" " * (len(row) + len(_GAP)) + line for line in rest)]


def _folded(words: str, width: int) -> list[str]:
    return textwrap.wrap(words, max(1, width), break_on_hyphens=False)


def _cells(run: Sight) -> list[str]:
    values = ("-" if math.isnan(value) else f"{value:.3f}" for value in (run.accuracy, run.unfairness))
    left = "" if run.remaining is None else duration(run.remaining)
    return [run.state, f"{run.done}/{run.generations}", *values, left]


def _words(run: Sight) -> str:
    """The activity of a run, or its end."""
    if run.state == "finished":
        return "" if run.took is None else f"took {duration(run.took)}"
    if run.state == "waiting":
        return f"for {run.doing}, which another run trains" if run.doing else ""
    epoch = f"epoch {run.epoch}/{run.epochs}" if run.epochs else ""
    return "; ".join(filter(None, [", ".join(filter(None, [run.doing, epoch])), run.note]))


def _summary(scene: Scene) -> str:
    counts = ", ".join(f"{scene.count(state)} {state}" for state in _URGENCY if scene.count(state))
    left = "" if scene.remaining is None else f"; about {duration(scene.remaining)} left in all"
    return counts + left
