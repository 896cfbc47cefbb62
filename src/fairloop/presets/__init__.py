"""The paper's experiments and the demo: specs in YAML files beside this one, sweeps in `sweeps/`."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import yaml

from fairloop.errors import InputError
from fairloop.spec.run import RunSpec, from_mapping
from fairloop.sweep.grid import SweepSpec, sweep_spec


def preset(name: str, **changes: Any) -> RunSpec:
    """Preset `name` with some fields changed: `preset("demo", seed=1, star={"target": "classifier"})`.

    A mapping changes the fields that it names and leaves the others of its section as the preset has them.
    Raises InputError for an unknown preset or field, or a wrong value.
    """
    return from_mapping(_merged(fields(name), changes))


def names() -> list[str]:
    """Every preset."""
    return _names(files(__name__))


def sweeps() -> list[str]:
    """Every sweep preset."""
    return _names(files(__name__) / "sweeps")


def sweep(name: str) -> SweepSpec:
    """The sweep preset `name`. Raises InputError if there is none of that name."""
    if name not in sweeps():
        raise InputError(f"'{name}' is no sweep preset ({', '.join(sweeps())})")
    return sweep_spec(_read(files(__name__) / "sweeps" / f"{name}.yaml"), name)


def fields(name: str) -> dict[str, Any]:
    """The fields that preset `name` sets. Raises InputError if there is none of that name."""
    if name not in names():
        raise InputError(f"'{name}' is no preset ({', '.join(names())}) and no file; give one of either")
    return _read(files(__name__) / f"{name}.yaml")


def _names(place: Traversable) -> list[str]:
    return sorted(path.name.removesuffix(".yaml") for path in place.iterdir() if path.name.endswith(".yaml"))


def _read(file: Traversable) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return values


def _merged(old: Any, new: Any) -> Any:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    return {**old, **{key: _merged(old.get(key), value) for key, value in new.items()}}
