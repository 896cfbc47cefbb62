"""Views of a run for users: a live view on a terminal, a line for each generation elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from math import isnan

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from fairloop._util.clock import Pace, duration
from fairloop.data import Population
from fairloop.loop.generations import Generation
from fairloop.spec.run import RunSpec
from fairloop.store.interface import M
from fairloop.training.fitting import Checkpoint
from fairloop.training.recipe import Recipe

_log = logging.getLogger(__name__)


class LineView:
    """Prints a line at the start and for each generation with `say`; the default is this module's log."""

    def __init__(self, say: Callable[[str], None] = _log.info) -> None:
        self._say = say
        self._pace = Pace()
        self._minoritized: tuple[str, ...] = ()

    def __enter__(self) -> LineView:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def prepare(self, spec: RunSpec) -> None:
        """Print that reading the data begins, which may take long."""
        self._say(f"{spec.name}: reading data ...")

    def start(self, spec: RunSpec, population: Population, done: int) -> None:
        """Print the name of the run, and the generation of its start or resumption."""
        self._pace = Pace(spec.generations, done)
        self._minoritized = population.minoritized
        if done >= spec.generations:
            words = f"all {done} generations are recorded already"
        elif done:
            words = f"goes on at generation {done} of {spec.generations}"
        else:
            words = f"{spec.generations} generations"
        self._say(f"{spec.name}: {spec.identity}, {words}")

    def watch(self, recipe: Recipe, checkpoints: Iterator[Checkpoint[M]]) -> Iterator[Checkpoint[M]]:
        """Return the checkpoints unchanged, without output."""
        return checkpoints

    def generation(self, generation: Generation) -> None:
        """Print its headline numbers, and the estimated time that remains."""
        self._pace.tick()
        self._say(f"{_headline(generation, self._minoritized)}, {self._left()}")

    def _left(self) -> str:
        remaining = self._pace.remaining
        return f"about {duration(remaining)} left" if remaining else f"done in {duration(self._pace.passed)}"


class LiveView(LineView):
    """The lines of `LineView` in the log, and below them a bar for the model that is being trained."""

    def __init__(self, console: Console) -> None:
        super().__init__()
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

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def watch(self, recipe: Recipe, checkpoints: Iterator[Checkpoint[M]]) -> Iterator[Checkpoint[M]]:
        """Show a bar that advances with each epoch."""
        task: TaskID = self._progress.add_task(recipe.title, total=recipe.training.epochs, loss="")
        try:
            for checkpoint in checkpoints:
                losses = checkpoint.log["loss"]
                loss = f"loss {losses[-1]:,.4g}" if len(losses) else ""
                self._progress.update(task, completed=checkpoint.epoch, loss=loss)
                yield checkpoint
        finally:
            self._progress.remove_task(task)


def view_for(console: Console) -> LineView:
    """The view that suits `console`."""
    return LiveView(console) if console.is_terminal else LineView()


def _headline(generation: Generation, minoritized: tuple[str, ...]) -> str:
    if generation.generator is None:
        return _of_round(generation)
    share = sum(generation.value("group_share", group, role="generator", split="generated") for group in minoritized)
    said = [
        f"generation {generation.index}: accuracy {_number(generation.value('accuracy'))}",
        f"equalized odds difference {_number(generation.value('equalized_odds', 'difference'))}",
    ]
    if minoritized:
        groups = " + ".join(minoritized) if len(minoritized) <= 2 else f"{len(minoritized)} minoritized groups"
        said.append(f"{groups} {'an undefined share' if isnan(share) else f'{share:.1%}'} of samples")
    return ", ".join(said)


def _of_round(generation: Generation) -> str:
    """The headline of a round: measures of its decisions about all people."""
    accuracy, accepted = (_number(generation.value(name, split="true")) for name in ("accuracy", "selection_rate"))
    apart = _number(generation.value("equalized_odds", "difference", split="true"))
    return f"round {generation.index}: accuracy {accuracy}, equalized odds difference {apart}, {accepted} accepted"


def _number(value: float) -> str:
    return "undefined" if isnan(value) else f"{value:.3f}"
