"""Changes of fields between generations in each notation of a `schedule`, and the resulting specs."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from fairloop.errors import InputError

Changes = Mapping[str, Any]
"""{field: value}: a field by its full path (`star.budget`), or a section with some of its fields."""
Fields = Mapping[str, Any]
"""All fields of a spec as plain data, sections as mappings."""

_FIXED = (
    ("generator", "first_epochs"),
    ("policy", "people"),
    ("policy", "real"),
    *(("people", field) for field in ("kind", "arguments", "arrivals", "history", "first", "rule")),
)


def named(model: type[BaseModel], changes: Changes) -> dict[str, Any]:
    """{path: value} of the fields that `changes` name. A section counts as the fields that it holds. Any other field,
    such as a list or the arguments of a model, counts as a whole.

    Raises ValueError if a field is named twice.
    """
    found: dict[str, Any] = {}
    for path, value in _fields(model, changes):
        for other in found:
            if f"{path}.".startswith(f"{other}.") or f"{other}.".startswith(f"{path}."):
                raise ValueError(f"{min(path, other, key=len)}: is named twice; name it once")
        found[path] = copy.deepcopy(value)
    return found


def check_change(before: Fields, now: Fields, generation: int, keeps_generator: bool) -> None:
    """Raise ValueError if a run whose spec has the fields `before` cannot have the fields `now` from `generation` on.

    keeps_generator: whether the setting keeps its generator.
    """
    for section, field in _FIXED:
        if before[section][field] != now[section][field]:
            raise ValueError(f"{section}.{field}: cannot change between generations")
    for learner in ("generator", "classifier") if generation else ():
        for field in ("model", "arguments"):
            if before[learner][field] == now[learner][field]:
                continue
            if learner == "generator" and keeps_generator:
                raise ValueError(f"generator.{field}: the setting keeps its generator; use a seqgen setting")
            if now["warm_start"] in (learner, "both"):
                raise ValueError(
                    f"{learner}.{field}: warm_start={now['warm_start']} gives this {learner} the weights of the one "
                    f"before it, which is another model; set another warm_start in generation {generation}"
                )


def assign(fields: dict[str, Any], path: str, value: Any) -> None:
    """Set the field at `path` (`a.b.c`) in nested plain data. Raises InputError if `a` or `b` has no fields."""
    *parents, leaf = path.split(".")
    place = fields
    for parent in parents:
        place = place.setdefault(parent, {})
        if not isinstance(place, dict):
            raise InputError(f"{path}: '{parent}' holds one value and has no fields")
    place[leaf] = value


def _fields(model: type[BaseModel], changes: Changes, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in changes.items():
        path = f"{prefix}{name}"
        if _is_section(model, path) and isinstance(value, Mapping):
            yield from _fields(model, value, f"{path}.")
        else:
            yield path, value


def _is_section(model: type[BaseModel], path: str) -> bool:
    kind: Any = model
    for name in path.split("."):
        if not (isinstance(kind, type) and issubclass(kind, BaseModel)) or name not in kind.model_fields:
            return False
        kind = kind.model_fields[name].annotation
    return isinstance(kind, type) and issubclass(kind, BaseModel)
