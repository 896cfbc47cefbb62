"""Views of a run for a person: live where there is a terminal, a line per generation where there is none."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from math import isnan
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from fairloop._util.clock import duration
from fairloop._util.escape import for_terminal
from fairloop.data import Population
from fairloop.loop.generations import Generation
from fairloop.spec.run import RunSpec
from fairloop.store.interface import M
from fairloop.training.fitting import Checkpoint
from fairloop.training.recipe import Recipe


class LineView:
    """One line for each generation, handed to `say`."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._clock = _Clock()
        self._minoritized: tuple[str, ...] = ()

    def __enter__(self) -> LineView:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def start(self, spec: RunSpec, population: Population, done: int) -> None:
        """Say what begins, or from where it goes on."""
        self._clock = _Clock(spec.generations, done)
        self._minoritized = population.minoritized
        if done >= spec.generations:
            words = f"all {done} generations are recorded already"
        elif done:
            words = f"goes on at generation {done} of {spec.generations}"
        else:
            words = f"{spec.generations} generations"
        self._say(f"{spec.name}: {spec.identity}, {words}")

    def watch(self, recipe: Recipe, checkpoints: Iterator[Checkpoint[M]]) -> Iterator[Checkpoint[M]]:
        """Nothing to show between generations."""
        return checkpoints

    def generation(self, generation: Generation) -> None:
        """Its headline numbers, and how long the rest will take."""
        self._clock.tick()
        self._say(f"{_headline(generation, self._minoritized)}, {self._clock.left()}")


class LiveView(LineView):
    """The lines of `LineView`, and below them a bar for the model that is being trained."""

    def __init__(self, console: Console) -> None:
        super().__init__(_printer(console))
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("epoch {task.completed:.0f}/{task.total:.0f}"),
            TextColumn("{task.fields[loss]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )

    def __enter__(self) -> LiveView:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def watch(self, recipe: Recipe, checkpoints: Iterator[Checkpoint[M]]) -> Iterator[Checkpoint[M]]:
        """A bar that moves on with each epoch."""
        task: TaskID = self._progress.add_task(recipe.title, total=recipe.training.epochs, loss="")
        try:
            for checkpoint in checkpoints:
                loss = f"loss {checkpoint.log['loss'][-1]:,.4g}"
                self._progress.update(task, completed=checkpoint.epoch, loss=loss)
                yield checkpoint
        finally:
            self._progress.remove_task(task)


def view_for(console: Console) -> LineView:
    """The view that suits where output goes."""
    return LiveView(console) if console.is_terminal else LineView(_printer(console))


def _printer(console: Console) -> Callable[[str], None]:
    return lambda line: console.print(Text(for_terminal(line)), soft_wrap=True)


class _Clock:
    def __init__(self, total: int = 0, done: int = 0) -> None:
        self._total, self._before, self._done = total, done, done
        self._started = time.monotonic()

    def tick(self) -> None:
        self._done += 1

    def left(self) -> str:
        passed = time.monotonic() - self._started
        seconds = passed / max(1, self._done - self._before) * (self._total - self._done)
        if self._done >= self._total:
            return f"done in {duration(passed)}"
        return f"about {duration(seconds)} left"


def _headline(generation: Generation, minoritized: tuple[str, ...]) -> str:
    share = sum(generation.value("group_share", group, role="generator", split="generated") for group in minoritized)
    said = [
        f"generation {generation.index}: accuracy {_number(generation.value('accuracy'))}",
        f"equalized odds difference {_number(generation.value('equalized_odds', 'difference'))}",
    ]
    if minoritized:
        who = " + ".join(minoritized) if len(minoritized) <= 2 else f"{len(minoritized)} minoritized groups"
        said.append(f"{who} {'an undefined share' if isnan(share) else f'{share:.1%}'} of samples")
    return ", ".join(said)


def _number(value: float) -> str:
    return "undefined" if isnan(value) else f"{value:.3f}"
