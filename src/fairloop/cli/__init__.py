"""The command line. Commands import heavy packages inside, so that `--help` answers at once."""

from __future__ import annotations

import errno
import signal
import sys
import warnings
from typing import Annotated, NoReturn, TextIO

import typer
from typer.exceptions import Abort, TyperException

import fairloop
from fairloop._util.escape import for_terminal
from fairloop.cli import auditing, comparing, curating, data, forecasting, reproducing, results, running, sweeping
from fairloop.cli.pipes import patient
from fairloop.errors import FairloopError, InputError

app = typer.Typer(
    help="Simulate fairness feedback loops, measure their effects, and repair them.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"fairloop {fairloop.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="print the version, and exit")
    ] = False,
) -> None:
    """Options of the program itself."""


app.command(cls=running.FieldsCommand)(running.run)
app.command(cls=sweeping.SweepCommand)(sweeping.sweep)
app.command()(running.fetch)
app.command()(running.schema)
app.command()(reproducing.reproduce)
app.command()(results.export)
app.command()(results.report)
app.command()(results.compare)
app.command()(results.watch)
app.command()(results.samples)
app.command()(auditing.audit)
app.command()(forecasting.whatif)
app.command()(comparing.synthetic)
app.command()(curating.curate)
app.command()(running.demo)
app.add_typer(data.app, name="data")

INTERRUPTED = 130


def main() -> NoReturn:
    """The entry point. Exit codes: 0, 1 (failed), 2 (wrong input), 130 (interrupted; the same command resumes)."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with warnings.catch_warnings(), patient(sys.stdout, sys.stderr):  # --quiet ignores them, --json moves them
        warnings.showwarning = _warn
        sys.exit(_code())


def _code() -> int:
    """Run the command line. Returns 0. A failure prints a line on stderr and exits."""
    try:
        code = app(standalone_mode=False)
        sys.stdout.flush()
    except TyperException as error:  # a wrong option or argument
        _complain(error.format_message(), code=2)
    except InputError as error:
        _complain(str(error), code=2)
    except (FileExistsError, FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError) as error:
        _complain(f"{_place(error)}: {error.strerror}; choose another path", code=2)
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.ELOOP, errno.EROFS):
            _complain(f"{_place(error)}: {error.strerror}; choose another path", code=2)
        _complain(
            f"{error.filename or 'a file'}: {error.strerror or error}; nothing that was recorded is lost; remove "
            "the cause, and the same command goes on",
            code=1,
        )
    except FairloopError as error:
        _complain(str(error), code=1)
    except (KeyboardInterrupt, Abort):
        code = INTERRUPTED
    if code == INTERRUPTED:  # typer converts some interrupts into this code
        _complain("interrupted; run the same command again to go on", code=INTERRUPTED)
    return code if isinstance(code, int) else 0


def _place(error: OSError) -> str:
    """The path of an error. The system names no path if the current directory is unusable."""
    return "the current directory" if error.filename is None else str(error.filename)


def _warn(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print warnings of fairloop in one line each. Warnings for developers keep Python's format."""
    if issubclass(category, UserWarning):
        print(f"fairloop: warning: {for_terminal(' '.join(str(message).split()))}", file=sys.stderr)
    else:
        print(warnings.formatwarning(message, category, filename, lineno, line), file=file or sys.stderr)


def _complain(message: str, code: int) -> NoReturn:
    print(f"fairloop: {for_terminal(' '.join(message.split()))}", file=sys.stderr)
    sys.exit(code)
