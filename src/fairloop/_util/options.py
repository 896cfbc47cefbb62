"""Options of the command line in errors, as a caller in Python knows them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from fairloop.errors import InputError

_OTHERS = {"--group": "groups", "--overwrite": "overwrite=True"}
"""Options whose parameters have other names."""


def as_parameters(message: str) -> str:
    """An error's `message` with names of parameters in place of options: `--round-order` becomes `round_order`."""
    return re.sub(r"--([a-z]+(?:-[a-z]+)*)", lambda found: _OTHERS.get(found[0], found[1].replace("-", "_")), message)


@contextmanager
def called_from_python() -> Iterator[None]:
    """Raise errors that name options of the command line again, with names of parameters in their place."""
    try:
        yield
    except InputError as error:
        raise InputError(as_parameters(str(error))) from error
