"""Text that becomes an object: a name that fairloop knows, or `module:Name` of anybody's own."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from fairloop.errors import InputError


def find(known: Mapping[str, str], name: str, field: str) -> Any:
    """The object of `name`: a key of `known`, which maps names to `module:Name`, or a `module:Name` itself.

    field: of the spec, for errors. Raises InputError if it stands for nothing, or cannot be imported.
    """
    module, _, attribute = known.get(name, name).partition(":")
    if not attribute:
        raise InputError(f"{field}: '{name}' is not one of {', '.join(known)}, nor a module:Name")
    try:
        return getattr(importlib.import_module(module), attribute)
    except Exception as error:  # importing runs anybody's code
        why = " ".join(str(error).split())
        raise InputError(f"{field}: '{name}' cannot be imported: {why}") from error
