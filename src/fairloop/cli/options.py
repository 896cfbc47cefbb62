"""Options and arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from fairloop._util.escape import for_terminal


def say(text: str) -> None:
    """Print `text`, in which names may be anything."""
    typer.echo(for_terminal(text))


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
