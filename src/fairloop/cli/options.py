"""Options and arguments that several commands share, and the output of a command."""

from __future__ import annotations

import json
import logging
import math
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from fairloop._util.escape import for_terminal

if TYPE_CHECKING:
    from rich.console import Console

What = Annotated[str, typer.Argument(metavar="PRESET|SPEC.yaml", help="a preset's name or a spec file")]
Changes = Annotated[list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="override a field")]
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
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="print nothing but errors")]
Json = Annotated[bool, typer.Option("--json", help="print one JSON object at the end; all other words go to stderr")]


def say(text: str) -> None:
    """Print `text`, in which names may be anything."""
    typer.echo(for_terminal(text))


@dataclass(frozen=True)
class Output:
    """The output of a command, and of the library's logs while it runs.

    quiet: prints nothing but errors and the JSON object. as_json: prints that object to stdout, all words to stderr.
    """

    quiet: bool = False
    as_json: bool = False

    def __post_init__(self) -> None:
        log = logging.getLogger("fairloop")
        log.handlers = [_Printed(self)]
        log.setLevel(logging.INFO)
        log.propagate = False
        if self.quiet:
            warnings.simplefilter("ignore")

    @cached_property
    def console(self) -> Console:
        """The place of all words and tables."""
        from rich.console import Console

        return Console(stderr=self.as_json, quiet=self.quiet)

    def say(self, text: str) -> None:
        """Print a line, in which names may be anything."""
        if not self.quiet:
            typer.echo(for_terminal(text), err=self.as_json)

    def give(self, **result: Any) -> None:
        """Print the result of the command if the command was called with --json. Undefined numbers are null."""
        if self.as_json:
            sys.stdout.write(json.dumps(plain(result), allow_nan=False) + "\n")
            sys.stdout.flush()


class _Printed(logging.Handler):
    """Prints the library's logs as words of the command."""

    def __init__(self, output: Output) -> None:
        super().__init__()
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        from rich.text import Text

        self._output.console.print(Text(for_terminal(self.format(record))), soft_wrap=True)


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: numbers that are not finite become null, paths and times become text."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if value is None or isinstance(value, bool | int | str):
        return value
    return plain(value.item()) if hasattr(value, "item") else str(value)
