"""Errors of inputs, of stored files, and of models that give unusable output."""


class FairloopError(Exception):
    """Any failure that fairloop explains in one line: what is wrong, where, and what to do."""


class InputError(FairloopError):
    """Input (a spec, a file, a directory, an argument) that cannot be used. Nothing was started."""


class DivergedError(FairloopError):
    """A training loss stopped being a finite number."""


def first_line(error: BaseException) -> str:
    """The first line of an error's message; its kind if it has none."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def said(error: BaseException) -> str:
    """One line about an error of any code; with its kind where the message alone does not explain it."""
    words = " ".join(str(error).split())
    if isinstance(error, FairloopError) or (words and type(error) in (TypeError, ValueError)):
        return words
    return f"{type(error).__name__}: {words}" if words else type(error).__name__
