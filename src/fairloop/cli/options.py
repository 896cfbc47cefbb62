"""Options and arguments that several commands share, and the output of a command."""

from __future__ import annotations

import io
import json
import logging
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TextIO

import typer

from fairloop._util.as_json import plain
from fairloop._util.escape import for_terminal
from fairloop.running import Tracker

if TYPE_CHECKING:
    from rich.console import Console


def shorthand(values: Mapping[str, object]) -> list[str]:
    """Overrides `field=value` for the values that are not None."""
    return [f"{field}={value}" for field, value in values.items() if value is not None]


def complete_run(incomplete: str) -> list[str]:
    """Presets that start with `incomplete`."""
    from fairloop.presets import names

    return [name for name in names() if name.startswith(incomplete)]


def complete_sweep(incomplete: str) -> list[str]:
    """Sweeps and presets that start with `incomplete`."""
    from fairloop.presets import sweeps

    return [*(name for name in sweeps() if name.startswith(incomplete)), *complete_run(incomplete)]


def complete_data(incomplete: str) -> list[str]:
    """Data sets and presets that start with `incomplete`."""
    from fairloop.data import DATASETS

    return sorted({*(name for name in DATASETS if name.startswith(incomplete)), *complete_run(incomplete)})


def complete_published(incomplete: str) -> list[str]:
    """Data sets that start with `incomplete` and that `data fetch` can download."""
    from fairloop.data.publishers import PUBLISHERS

    return [name for name, found in PUBLISHERS.items() if found.files and name.startswith(incomplete)]


def complete_field(incomplete: str) -> list[str]:
    """Fields of a spec that start with `incomplete`, with `=`."""
    from fairloop.spec.run import field_table

    return [f"{path}=" for path, _, _ in field_table() if path.startswith(incomplete)]


What = Annotated[
    str,
    typer.Argument(metavar="PRESET|SPEC.yaml", help="a preset's name or a spec file", autocompletion=complete_run),
]
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
Track = Annotated[
    Tracker | None,
    typer.Option("--track", help="log each recorded generation there, too (needs fairloop[tracking])"),
]
Split = Literal["valid", "test", "test_balanced", "true", "observed"]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="print only errors")]
Json = Annotated[bool, typer.Option("--json", help="print one JSON object at the end; all other text goes to stderr")]


def say(text: str) -> None:
    """Print `text`, with escaped control characters."""
    typer.echo(for_terminal(text))


@dataclass(frozen=True)
class Output:
    """The output of a command, with the library's logs and the output of models from other libraries.

    quiet: print only errors and the JSON object. as_json: print that object to stdout, all text to stderr.
    """

    quiet: bool = False
    as_json: bool = False
    _stdout: TextIO = field(default_factory=lambda: sys.stdout, init=False)

    def __post_init__(self) -> None:
        log = logging.getLogger("fairloop")
        log.handlers = [_Printed(self)]
        log.setLevel(logging.INFO)
        log.propagate = False
        if self.quiet:
            warnings.simplefilter("ignore")
            sys.stdout = _Nowhere()
        elif self.as_json:
            sys.stdout = sys.stderr

    @cached_property
    def console(self) -> Console:
        """The console for all text and tables."""
        from rich.console import Console

        return Console(stderr=self.as_json, quiet=self.quiet)

    def say(self, text: str) -> None:
        """Print a line, with escaped control characters."""
        if not self.quiet:
            typer.echo(for_terminal(text), err=self.as_json)

    def give(self, **result: Any) -> None:
        """Print the result of the command if --json is given. Undefined numbers are null."""
        if self.as_json:
            self._stdout.write(json.dumps(plain(result), allow_nan=False) + "\n")
            self._stdout.flush()


class _Nowhere(io.TextIOBase):
    """A stream that discards its input."""

    def write(self, text: str, /) -> int:
        return len(text)


class _Printed(logging.Handler):
    """A log handler that prints the library's logs as output of the command."""

    def __init__(self, output: Output) -> None:
        super().__init__()
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        from rich.text import Text

        self._output.console.print(Text(for_terminal(self.format(record))), soft_wrap=True)
