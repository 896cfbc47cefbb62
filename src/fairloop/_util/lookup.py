"""Lookup of objects by text: a name that fairloop knows, or `module:Name` of a user's own object."""

from __future__ import annotations

import difflib
import importlib
import inspect
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fairloop._util.logs import warn_in_place_of_logs
from fairloop.errors import InputError


def meant(name: str, known: Iterable[str]) -> str:
    """`; did you mean NAME?` with the known name that is most similar to `name`; empty if none is similar."""
    by_lower = {each.lower(): each for each in known}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return f"; did you mean {by_lower[close[0]]}?" if close else ""


def nearest(name: str, known: Sequence[str], shown: Sequence[str] | None = None) -> str:
    """`did you mean A or B?` with the most similar known names; without one, `there are ...` with those to be shown."""
    close = difflib.get_close_matches(name, known, n=3)
    return f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(shown or known)}"


def parameters(own: Any) -> Mapping[str, inspect.Parameter]:
    """Parameters of a callable by name; none if it does not tell them, as some compiled ones."""
    try:
        return inspect.signature(own).parameters
    except (TypeError, ValueError):
        return {}


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
