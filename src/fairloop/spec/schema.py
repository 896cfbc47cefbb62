"""The JSON schema of spec files, for completion and checks in editors."""

from __future__ import annotations

import json
from typing import Any

from fairloop.data import DATASETS, DEFAULT, ELSEWHERE
from fairloop.spec.run import RunSpec


def schema() -> dict[str, Any]:
    """The schema of a spec file as plain data. A file has all fields of a spec, and may extend another one."""
    found = RunSpec.model_json_schema()
    found["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    found["title"] = "A spec of fairloop"
    found["properties"]["extends"] = {
        "type": "string",
        "description": "a preset or a spec file with the fields that this file leaves out",
    }
    for name in DATASETS.keys() - {DEFAULT}:  # `name` identifies all other data sets
        fields = found["$defs"][DATASETS[name].spec.__name__]
        fields["required"] = sorted({*fields.get("required", ()), "name"})
    found["$defs"][DATASETS[ELSEWHERE].spec.__name__]["properties"]["name"]["pattern"] = ":"
    return found


def text() -> str:
    """The schema as JSON, as `fairloop schema` writes it."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"
