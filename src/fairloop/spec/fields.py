"""Tables of fields, and explanations of wrong ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticUndefined

from fairloop._util.lookup import meant
from fairloop.data import DATASETS, DEFAULT

Row = tuple[str, Any, str]
"""The path of a field, its default, and its description."""


def rows_of(model: type[BaseModel], prefix: str = "") -> list[Row]:
    """A row for each field of `model`; for its section `data`, the fields of the default data set."""
    rows: list[Row] = []
    for name, info in model.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            rows += rows_of(info.annotation, f"{prefix}{name}.")
        elif f"{prefix}{name}" == "data":
            rows += data_table(DEFAULT)
        else:
            default = list(info.default) if isinstance(info.default, tuple) else info.default
            rows.append((prefix + name, default, info.description or ""))
    return rows


def data_table(name: str) -> list[Row]:
    """`rows_of` data set `name`."""
    return [
        (path, None if default is PydanticUndefined else default, words)
        for path, default, words in rows_of(DATASETS[name].spec, "data.")
    ]


def explained(error: ValidationError, known: list[Row]) -> str:
    """One line with every wrong field, its value and the remedy. known: the fields that there are."""
    return "; ".join(dict.fromkeys(_explain(of_field, known) for of_field in error.errors()))


def _has(dataset: str, path: str) -> bool:
    return path in (name for name, _, _ in data_table(dataset))


def _explain(error: ErrorDetails, known: list[Row]) -> str:
    place = [str(part) for part in error["loc"]]
    dataset = place.pop(1) if place[:1] == ["data"] and place[1:2] and place[1] in DATASETS else None
    if dataset is not None:
        known = [row for row in known if not row[0].startswith("data.")] + data_table(dataset)
    path = ".".join(place)
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "model_type" or (path == "data" and not isinstance(error["input"], Mapping)):
        names = ["data.name", *(name for name, _, _ in known)]
        first = next((name for name in names if name.startswith(f"{path}.")), f"{path}.FIELD")
        return f"{path}={error['input']}: is a section of fields; set one of them, such as {first}"
    if error["type"] == "extra_forbidden":
        if dataset is not None and (others := [one for one in DATASETS if _has(one, path)]):
            return f"{path}: is a field of {', '.join(others)}, and {dataset} has no such field"
        hint = meant(path, [name for name, _, _ in known]) or "; `fairloop run --help` lists the fields"
        return f"{path}: there is no such field{hint}"
    if error["type"] == "union_tag_invalid":
        name = error["ctx"]["tag"]
        return f"data.name={name}: is not one of {', '.join(DATASETS)}{meant(name, DATASETS)}"
    if error["type"] == "literal_error":
        message += meant(str(error["input"]), re.findall("'([^']*)'", error["ctx"]["expected"]))
    if not path or isinstance(error["input"], Mapping):
        return f"{path}: {message}" if path else message
    return f"{path}={error['input']}: {message[0].lower()}{message[1:]}"
