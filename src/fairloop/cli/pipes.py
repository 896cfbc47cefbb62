"""Output to a program that may stop reading, such as `head`: it gets no more, and the command goes on to its end."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _Pipe(io.FileIO):
    """Writes to a descriptor; nowhere, after an error. A reader that has left is no error."""

    def write(self, data: ReadableBuffer, /) -> int:
        if not memoryview(data).nbytes:  # some full devices refuse even that, and typer tries streams with it
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
    """Take standard output and error that may lose their readers in place of these, if these are files."""
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
    raw = getattr(stream.buffer, "raw", stream.buffer)  # itself, where Python was told not to buffer
    if not isinstance(raw, io.FileIO):
        return stream
    stream.flush()
    pipe = _Pipe(raw.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        pipe if raw is stream.buffer else io.BufferedWriter(pipe), stream.encoding, stream.errors,
        line_buffering=stream.line_buffering, write_through=stream.write_through,
    )  # fmt: skip
