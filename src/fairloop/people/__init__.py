"""Populations that respond to decisions. A name that is not a key here is read as `module:Name`, a user's own class."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fairloop._util.lookup import find
from fairloop.errors import InputError, said
from fairloop.people.checks import check_names
from fairloop.people.interface import Kind

if TYPE_CHECKING:  # scipy takes long to import
    from fairloop.people.pool import Pool

KINDS = {
    "lending": "fairloop.people.lending:Lending",
    "selective-labels": "fairloop.people.selective_labels:SelectiveLabels",
    "strategic": "fairloop.people.strategic:Strategic",
    "performative": "fairloop.people.performative:Performative",
    "allocation": "fairloop.people.allocation:Allocation",
    "adoption": "fairloop.people.adoption:Adoption",
}
"""The kinds that `people.kind` can name."""


def build_kind(name: str, arguments: Mapping[str, Any] | None = None, pool: Pool | None = None) -> Kind:
    """The kind `name` with these arguments. pool: the people of a data set, as its `law`.

    Raises InputError if the kind does not exist or does not take them.

    >>> build_kind("lending", {"policy": "demographic-parity"}).names.groups
    ('A', 'B')
    >>> build_kind("lendin")
    Traceback (most recent call last):
    ...
    fairloop.errors.InputError: people.kind: 'lendin' is not one of lending, ...
    """
    made, given = type_of(name), dict(arguments or {})
    if pool is not None:
        check_takes_data(name, made, given)
        given["law"] = pool
    try:
        kind = made(**given)
    except InputError:
        raise
    except Exception as error:  # a constructor runs a user's code
        raise InputError(f"people.arguments: {name} refuses them: {said(error)}{_takes(made)}") from error
    if not isinstance(kind, Kind):
        raise InputError(f"people.kind: '{name}' gives a {type(kind).__name__}, not a fairloop.people.interface.Kind")
    check_names(kind)
    return kind


def check_takes_data(name: str, made: Any, arguments: Mapping[str, Any]) -> None:
    """Raise InputError if a kind cannot take its people from a data set. made: its `type_of`."""
    if "law" not in parameters(made):
        raise InputError(f"people.kind={name}: makes its people itself; leave data out, or use selective-labels")
    if "law" in arguments:
        raise InputError("people.arguments.law: the people are those of data; leave out one of them")
    if arguments.get("family", "credit") != "credit":
        raise InputError(
            f"people.arguments.family={arguments['family']}: makes its people itself; leave data out, or use credit"
        )


def type_of(name: str) -> Any:
    """The class, or another factory, that `people.kind` names. Raises InputError if it does not exist."""
    return find(KINDS, name, "people.kind")


def parameters(made: Any) -> list[str]:
    """The arguments of a factory; empty for built-in and other objects without a signature."""
    try:
        return list(inspect.signature(made).parameters)
    except (TypeError, ValueError):
        return []


def _takes(made: Any) -> str:
    """The arguments of a factory, as the end of an error."""
    known = parameters(made)
    return f"; it takes {', '.join(known)}" if known else ""
