"""Options and arguments that several commands share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import typer

from fairloop._util.escape import for_terminal


def say(text: str) -> None:
    """Print `text`, in which names may be anything."""
    typer.echo(for_terminal(text))


def shorthand(values: Mapping[str, object]) -> list[str]:
    """Overrides `field=value` for the values that are given."""
    return [f"{field}={value}" for field, value in values.items() if value is not None]


def complete_run(incomplete: str) -> list[str]:
    """Presets that begin so."""
    from fairloop.presets import names

    return [name for name in names() if name.startswith(incomplete)]


def complete_sweep(incomplete: str) -> list[str]:
    """Sweeps and presets that begin so."""
    from fairloop.presets import sweeps

    return [*(name for name in sweeps() if name.startswith(incomplete)), *complete_run(incomplete)]


def complete_data(incomplete: str) -> list[str]:
    """Data sets and presets that begin so."""
    from fairloop.data import DATASETS

    return sorted({*(name for name in DATASETS if name.startswith(incomplete)), *complete_run(incomplete)})


def complete_published(incomplete: str) -> list[str]:
    """Data sets that begin so and that `data fetch` can download."""
    from fairloop.data.publishers import PUBLISHERS

    return [name for name, found in PUBLISHERS.items() if found.files and name.startswith(incomplete)]


def complete_field(incomplete: str) -> list[str]:
    """Fields of a spec that begin so, with `=`."""
    from fairloop.spec.run import field_table

    return [f"{path}=" for path, _, _ in field_table() if path.startswith(incomplete)]


Root = Annotated[Path | None, typer.Option("--root", metavar="DIR", help="short for --set data.root=DIR")]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="override a field", autocompletion=complete_field),
]
Out = Annotated[Path, typer.Option("--out", help="directory of the run; the same command again goes on there")]
Directories = Annotated[list[Path], typer.Argument(metavar="DIR...", help="runs, or directories that hold runs")]
Sources = Annotated[
    list[Path], typer.Argument(metavar="DIR|TABLE...", help="runs, directories that hold runs, exported tables")
]
Tracker = Literal["tensorboard", "wandb", "mlflow"]
Track = Annotated[
    Tracker | None,
    typer.Option("--track", help="log each recorded generation there, too (needs fairloop[tracking])"),
]
Split = Literal["valid", "test", "test_balanced"]
Format = Literal["terminal", "markdown", "latex"]
