"""Lookup of objects by text: a name that fairloop knows, or `module:Name` of a user's own object."""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from fairloop._util.logs import warn_in_place_of_logs
from fairloop.errors import InputError


def meant(name: str, known: Iterable[str]) -> str:
    """`; did you mean NAME?` with the known name that is most similar to `name`; empty if none is similar."""
    by_lower = {each.lower(): each for each in known}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return f"; did you mean {by_lower[close[0]]}?" if close else ""


def find(known: Mapping[str, str], name: str, field: str) -> Any:
    """The object of that name: `known` maps names to `module:Name`; any other `module:Name` stands for itself.

    field: of the spec, for errors. Raises InputError for an unknown name, and for an object that cannot be imported.
    """
    module, _, attribute = known.get(name, name).partition(":")
    if not attribute:
        raise InputError(f"{field}: '{name}' is not one of {', '.join(known)}, nor a module:Name{meant(name, known)}")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except Exception as error:  # an import runs the user's code
        why = " ".join(str(error).split())
        there = dir(sys.modules[module]) if module in sys.modules else ()
        raise InputError(f"{field}: '{name}' cannot be imported: {why}{meant(attribute, there)}") from error
    warn_in_place_of_logs()
    return found
