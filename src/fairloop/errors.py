"""Errors of inputs, of stored files, and of models that give unusable output."""


class FairloopError(Exception):
    """Base class of fairloop's errors: one line names the fault, its place and the remedy.

    >>> issubclass(InputError, FairloopError)
    True
    """


class InputError(FairloopError):
    """A spec, a file, a directory or an argument cannot be used. It is raised before any training starts.

    >>> from fairloop import preset
    >>> preset("demo", generations=0)
    Traceback (most recent call last):
    ...
    fairloop.errors.InputError: generations=0: input should be greater than or equal to 1
    """


class DivergedError(FairloopError):
    """A training loss stopped being a finite number."""


def first_line(error: BaseException) -> str:
    """The first line of an error's message; its kind if it has none."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def said(error: BaseException) -> str:
    """Return an exception's message as one line; the class comes first unless the message explains itself."""
    words = " ".join(str(error).split())
    if isinstance(error, FairloopError) or (words and type(error) in (TypeError, ValueError)):
        return words
    return f"{type(error).__name__}: {words}" if words else type(error).__name__
