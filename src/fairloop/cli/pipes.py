"""Output to a program that may stop reading, such as `head`: output stops, and the command completes."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _Pipe(io.FileIO):
    """Writes to a descriptor, and discards output after an error. A closed reader is not an error."""

    def write(self, data: ReadableBuffer, /) -> int:
        if not memoryview(data).nbytes:  # typer tests streams with an empty write, which some full devices refuse
            return 0
        try:
            return super().write(data)
        except OSError as error:
            self._give_up()
            if isinstance(error, BrokenPipeError):
                return super().write(data)
            raise OSError(error.errno, error.strerror, "the output") from error

    def _give_up(self) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)


@contextmanager
def patient(stdout: TextIO, stderr: TextIO) -> Iterator[None]:
    """Replace standard output and error by streams that may lose their readers, if they are files."""
    with redirect_stdout(_patient(stdout)) as out, redirect_stderr(_patient(stderr)) as error:
        try:
            yield
        finally:
            for stream in (out, error):
                with suppress(OSError):
                    stream.flush()


def _patient(stream: TextIO) -> TextIO:
    if type(stream) is not io.TextIOWrapper:
        return stream
    raw = getattr(stream.buffer, "raw", stream.buffer)  # the buffer itself for unbuffered Python
    if not isinstance(raw, io.FileIO):
        return stream
    stream.flush()
    pipe = _Pipe(raw.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        pipe if raw is stream.buffer else io.BufferedWriter(pipe), stream.encoding, stream.errors,
        line_buffering=stream.line_buffering, write_through=stream.write_through,
    )  # fmt: skip
