"""What fairloop raises when the fault is in what it was given, or in what came out of it."""


class FairloopError(Exception):
    """Any failure that fairloop explains in one line: what is wrong, where, and what to do."""


class InputError(FairloopError):
    """Input (a spec, a file, a directory, an argument) that cannot be used. Nothing was started."""


class DivergedError(FairloopError):
    """A training loss stopped being a finite number."""
