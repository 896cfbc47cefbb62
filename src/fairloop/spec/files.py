"""Files that a spec names. Validation does not open them. They are read together with the data, before any training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fairloop.curation import ideal as ideals
from fairloop.errors import InputError
from fairloop.spec.run import RunSpec, from_mapping

_IDEALS = ("star.ideal", "star.ideal.kind")


def with_files_read(spec: RunSpec) -> RunSpec:
    """Replace the path of each file in `spec` and in its schedule by the rows of the file.

    Raises InputError with the name of the field for a file that cannot be read or holds no ideal.
    """
    if not spec.names_files:
        return spec
    fields = _read(spec.model_dump(mode="json", exclude={"schedule"}))
    schedule = {generation: _read(changes, f"schedule.{generation}: ") for generation, changes in spec.schedule.items()}
    return from_mapping({**fields, "schedule": schedule})


def _read(changes: Mapping[str, Any], where: str = "", prefix: str = "") -> dict[str, Any]:
    """Replace the path of a file in `fields` (by names or paths) by its rows. where: text before an error."""
    found: dict[str, Any] = {}
    for name, value in changes.items():
        path = f"{prefix}{name}"
        if path in _IDEALS and ideals.names_file(ideals.plain(value)):
            found[name] = _rows(value, f"{where}{path}")
        elif path == "star" and isinstance(value, Mapping):
            found[name] = _read(value, where, "star.")
        else:
            found[name] = value
    return found


def _rows(value: Any, field: str) -> ideals.Ideal:
    try:
        return ideals.read(value)
    except ValueError as error:
        named = field if isinstance(value, Mapping) else f"{field}={value}"
        raise InputError(
            f"{named}: {error}; a run that has begun needs no file: its spec.yaml holds the shares"
        ) from None
