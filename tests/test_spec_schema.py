"""The JSON schema of specs, and the types that editors and type checkers see."""

from __future__ import annotations

import json
from typing import Any, get_args, get_type_hints

import jsonschema
import pytest
import yaml

from fairloop import preset, presets
from fairloop.errors import InputError
from fairloop.spec.run import RunSpec, from_mapping
from fairloop.spec.schema import text
from test_newcomers import OWN_TABLE, ROOT
from test_run import here

# editors


def schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "docs" / "spec.schema.json").read_text(encoding="utf-8"))
    return found


def valid(fields: Any) -> bool:
    return jsonschema.Draft202012Validator(schema()).is_valid(json.loads(json.dumps(fields)))


def test_the_committed_schema_is_current(capsys):
    jsonschema.Draft202012Validator.check_schema(schema())
    assert (ROOT / "docs" / "spec.schema.json").read_text(encoding="utf-8") == text(), (
        "docs/spec.schema.json is older than the spec: fairloop schema --out docs/spec.schema.json"
    )
    assert here("schema") == 0
    assert json.loads(capsys.readouterr().out) == schema()


@pytest.mark.parametrize("name", presets.names())
def test_presets_and_what_runs_write_fit_the_schema(name):
    assert valid(presets.fields(name))
    assert valid(yaml.safe_load(preset(name).to_yaml()))


@pytest.mark.parametrize(
    ("fields", "fits"),
    [
        ({}, True),
        ({"extends": "demo", "data": {"train": 3}}, True),
        ({"data": {"name": "mine:load", "arguments": {"n": 3}}}, True),
        ({"data": {**OWN_TABLE, "beneficial": 1, "groups": [True]}}, True),
        ({"labels": {"error": 0.1}}, True),
        ({"star": {"target": "clasifier"}}, False),
        ({"seed": -1}, False),
        ({"stars": {}}, False),
        ({"data": {"name": "adult", "train": 3}}, False),
        ({"data": {"name": "adlt"}}, False),
    ],
)
def test_the_schema_takes_what_a_spec_takes(fields, fits):
    assert valid(fields) is fits
    own = {name: value for name, value in fields.items() if name != "extends"}
    if fits:
        from_mapping(own)
    else:
        with pytest.raises(InputError):
            from_mapping(own)


SPECS = sorted({*(ROOT / "examples").glob("*.yaml")} - {ROOT / "examples" / "limits.yaml"})  # limits are no spec


@pytest.mark.parametrize("example", SPECS, ids=lambda path: path.name)
def test_examples_of_spec_files_name_the_schema_and_fit_it(example):
    first = example.read_text(encoding="utf-8").splitlines()[0]
    named = example.parent / first.removeprefix("# yaml-language-server: $schema=")
    assert named.resolve() == ROOT / "docs" / "spec.schema.json"
    assert valid(yaml.safe_load(example.read_text(encoding="utf-8")))
    presets.read(str(example))


def test_the_keywords_of_preset_are_the_fields_of_a_spec():
    hints = get_type_hints(presets.Fields)
    assert hints.keys() == RunSpec.model_fields.keys() - {"name"}
    for name, hint in hints.items():
        if get_args(RunSpec.model_fields[name].annotation) and hint not in (
            presets.Section,
            dict[int, presets.Section],
        ):
            assert get_args(hint) == get_args(RunSpec.model_fields[name].annotation)


TYPED = """
from fairloop import preset
reveal_type(preset)
preset("demo", seed=1, star={"target": "classifier"}, setting="seqclass")
preset("demo", sede=1)
preset("demo", seed="one")
preset("demo", setting="seqclas")
"""


@pytest.mark.slow
def test_type_checkers_know_the_keywords_of_preset(tmp_path):
    from mypy import api

    (tmp_path / "typed.py").write_text(TYPED)
    cache = ["--cache-dir", str(ROOT / ".mypy_cache"), "--config-file", str(ROOT / "pyproject.toml")]
    said, _, _ = api.run([*cache, str(tmp_path / "typed.py")])
    (revealed,) = [line for line in said.splitlines() if "Revealed type" in line]
    assert "'seed'?: int" in revealed
    errors = [line for line in said.splitlines() if "typed.py:" in line and ": error:" in line]
    assert [line.split("typed.py:")[1].split(":")[0] for line in errors] == ["5", "6", "7"], said
