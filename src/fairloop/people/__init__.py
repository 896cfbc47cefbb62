"""Populations that respond to decisions. A name that is no key here is read as `module:Name`, anybody's own class."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from fairloop._util.lookup import find
from fairloop.errors import InputError, said
from fairloop.people.interface import Kind

KINDS = {
    "lending": "fairloop.people.lending:Lending",
    "selective-labels": "fairloop.people.selective_labels:SelectiveLabels",
    "strategic": "fairloop.people.strategic:Strategic",
    "performative": "fairloop.people.performative:Performative",
    "allocation": "fairloop.people.allocation:Allocation",
    "adoption": "fairloop.people.adoption:Adoption",
}
"""The kinds that `people.kind` can name."""


def build_kind(name: str, arguments: Mapping[str, Any] | None = None) -> Kind:
    """The kind `name` with these arguments. Raises InputError if there is none that takes them."""
    made = find(KINDS, name, "people.kind")
    try:
        kind = made(**(arguments or {}))
    except InputError:
        raise
    except Exception as error:  # a constructor runs anybody's code
        raise InputError(f"people.arguments: {name} refuses them: {said(error)}{_takes(made)}") from error
    if not isinstance(kind, Kind):
        raise InputError(f"people.kind: '{name}' gives a {type(kind).__name__}, not a fairloop.people.interface.Kind")
    return kind


def _takes(made: Any) -> str:
    """The arguments that it takes, as the end of an error."""
    try:
        return "; it takes " + (", ".join(inspect.signature(made).parameters) or "none")
    except (TypeError, ValueError):  # built-in, or not callable
        return ""
