"""Tables of fields: of specs, of data sets, of verdict.json."""

from __future__ import annotations

import json
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from fairloop.data import DATASETS, DEFAULT
from fairloop.report.text import markdown
from fairloop.spec.run import RunSpec

_SIGNS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
_NAMES = {int: "whole number", float: "number", str: "text", bool: "true or false", Path: "path", type(None): "none"}


def walked(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """(path, field) of every field of a spec but those of `data`, which depend on the data set."""
    for name, info in model.model_fields.items():
        if model is RunSpec and name == "data":
            continue
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from walked(info.annotation, f"{prefix}{name}.")
        else:
            yield prefix + name, info


def kind(annotation: Any) -> str:
    """A type in words."""
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return kind(inside[0])
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in inside)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(map(kind, inside)))
    if origin in (list, tuple):
        return f"list of {kind(inside[0])}"
    if origin in (dict, Mapping):
        return "mapping"
    return _NAMES.get(annotation, "value")


def limits(info: FieldInfo) -> str:
    """The bounds of a number, such as `>= 1`."""
    found = [(sign, getattr(mark, name, None)) for mark in info.metadata for name, sign in _SIGNS.items()]
    return ", ".join(f"{sign} {'2^63' if value == 2**63 else value}" for sign, value in found if value is not None)


def _default(info: FieldInfo) -> str:
    if info.default is PydanticUndefined:
        return "required"
    value = list(info.default) if isinstance(info.default, tuple) else info.default
    return f"`{'none' if value is None else json.dumps(value, default=str)}`"


def _rows(fields: Iterator[tuple[str, FieldInfo]]) -> list[list[str]]:
    return [
        [f"`{path}`", "; ".join(filter(None, [kind(info.annotation), limits(info)])), _default(info), _words(info)]
        for path, info in fields
    ]


def _words(info: FieldInfo) -> str:
    return (info.description or "").replace("<", "&lt;").replace("*", r"\*")


_HEADER = ["field", "type and range", "default", "meaning"]


def of_specs() -> str:
    """A section for each section of a spec, then for the fields of each data set."""
    sections: dict[str, list[list[str]]] = {}
    for row in _rows(walked(RunSpec)):
        sections.setdefault(row[0].strip("`").partition(".")[0] if "." in row[0] else "", []).append(row)
    titles = {"": "The run", **{name: f"`{name}`" for name in sections if name}}
    descriptions = {
        name: f"These fields describe {_words(RunSpec.model_fields[name])}.\n\n" for name in sections if name
    }
    parts = [
        f"## {titles[name]}\n\n{descriptions.get(name, '')}{markdown(_HEADER, rows)}" for name, rows in sections.items()
    ]
    for name, found in DATASETS.items():
        rows = _rows((f"data.{path}", info) for path, info in walked(found.spec))
        default = " The default." if name == DEFAULT else ""
        summary = (found.spec.__doc__ or "").splitlines()[0]
        parts.append(f"## `data` where `data.name` is `{name}`\n\n{summary}{default}\n\n{markdown(_HEADER, rows)}")
    return "\n\n".join(parts)


def of_verdicts() -> str:
    """The fields of verdict.json, from its schema."""
    schema = json.loads((Path(__file__).parents[1] / "verdict.schema.json").read_text(encoding="utf-8"))
    rows = [[f"`{path}`", _json_kind(of), of.get("description", "")] for path, of in _properties(schema, schema)]
    return markdown(["field", "type", "meaning"], rows)


def _properties(
    node: Mapping[str, Any], schema: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(path, node) of every property below `node`. `[]` stands for each item of a list."""
    node = _resolved(node, schema)
    for name, below in node.get("properties", {}).items():
        child = _resolved(below, schema)
        yield prefix + name, child
        yield from _properties(child, schema, f"{prefix}{name}.")
        if isinstance(items := child.get("items"), Mapping):
            yield from _properties(items, schema, f"{prefix}{name}[].")


def _resolved(node: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    place: Any = schema
    if "$ref" not in node:
        return node
    for part in node["$ref"].removeprefix("#/").split("/"):
        place = place[part]
    return {**place, **{name: value for name, value in node.items() if name != "$ref"}}


def _json_kind(node: Mapping[str, Any]) -> str:
    if "const" in node:
        return f"`{json.dumps(node['const'])}`"
    if "enum" in node:
        return ", ".join(f"`{json.dumps(value)}`" for value in node["enum"])
    found = node.get("type", "any")
    return " or ".join(found) if isinstance(found, list) else str(found)
