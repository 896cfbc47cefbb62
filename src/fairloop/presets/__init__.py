"""The paper's experiments and the demo: specs in YAML files beside this one, sweeps in `sweeps/`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

import yaml

from fairloop._util.lookup import meant
from fairloop.data import DATASETS, DEFAULT
from fairloop.errors import InputError
from fairloop.spec.run import RunSpec, SettingName, from_mapping, read_fields
from fairloop.spec.sections import Target
from fairloop.sweep.grid import SweepSpec, sweep_spec

Section = dict[str, Any]


class Fields(TypedDict, total=False):
    """The fields of a spec but `name`, for editors and type checkers; `fairloop run --help` explains each."""

    seed: int
    setting: SettingName
    generations: int
    synthetic_share: float
    data: Section
    generator: Section
    classifier: Section
    annotator: Section
    star: Section
    curation: Section
    policy: Section
    labels: Section
    response: Section
    people: Section
    temperature: float
    warm_start: Target
    schedule: dict[int, Section]
    measure: Section
    on_divergence: Literal["stop", "go_on"]
    keep: Literal["all", "last", "none"]
    precision: Literal["auto", "fp32", "bf16"]
    device: Literal["auto", "cpu", "cuda", "mps"]
    threads: int


def preset(name: str, **changes: Unpack[Fields]) -> RunSpec:
    """Preset `name` with some fields changed: `preset("demo", seed=1, star={"target": "classifier"})`.

    A mapping changes the fields that it names. The other fields of its section stay as in the preset.

    Raises InputError for an unknown preset or field, or a wrong value.

    >>> spec = preset("demo", seed=1, star={"target": "classifier"})
    >>> spec.star.target, spec.star.ideal
    ('classifier', 'uniform')
    """
    return from_mapping(_merged(fields(name), changes))


def read(what: str, overrides: Iterable[str] = ()) -> RunSpec:
    """The spec of a preset or of a spec file, with `a.b=value` overrides.

    A file may extend a preset or another file: `extends: compas`. A relative path is relative to the file's directory.

    Raises InputError for an unknown name, a file that cannot be read or extends itself, and a wrong field or value.
    """
    if not is_file(what):
        return from_mapping(fields(what), overrides)
    found = _extended(Path(what), ())
    return from_mapping({} if found is None else found, overrides)


def is_file(what: str) -> bool:
    """Whether the text is the path of a spec file, not the name of a preset."""
    return Path(what).suffix in (".yaml", ".yml", ".json") or Path(what).is_file()


def names() -> list[str]:
    """The names of all presets."""
    return _names(files(__name__))


def sweeps() -> list[str]:
    """The names of all sweep presets."""
    return _names(files(__name__) / "sweeps")


def sweep(name: str) -> SweepSpec:
    """The sweep preset `name`. Raises InputError for an unknown name."""
    if name not in sweeps():
        raise InputError(f"'{name}' is not a sweep preset ({', '.join(sweeps())}){meant(name, sweeps())}")
    return sweep_spec(_read(files(__name__) / "sweeps" / f"{name}.yaml"), name)


def fields(name: str) -> dict[str, Any]:
    """The fields that preset `name` sets. Raises InputError for an unknown name."""
    if name not in names():
        raise InputError(f"'{name}' is not a preset ({', '.join(names())}) or a spec file{meant(name, names())}")
    return _read(files(__name__) / f"{name}.yaml")


def _names(place: Traversable) -> list[str]:
    return sorted(path.name.removesuffix(".yaml") for path in place.iterdir() if path.name.endswith(".yaml"))


def _read(file: Traversable) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return values


def _extended(file: Path, within: tuple[Path, ...]) -> object:
    """The content of a spec file, merged into the spec that it extends. within: the files that extend this one."""
    if file.resolve() in within:
        raise InputError(f"extends: '{file}' extends itself; name a preset or another file")
    content = read_fields(file)
    if not (isinstance(content, Mapping) and "extends" in content):
        return content
    own = {name: value for name, value in content.items() if name != "extends"}
    base = content["extends"]
    if not isinstance(base, str):
        raise InputError(f"extends={base}: is neither the name of a preset nor the path of a spec file")
    if is_file(str(file.parent / base)):
        below = _extended(file.parent / base, (*within, file.resolve()))
    else:
        below = fields(base)
    return _merged(_for_other_data(below, own), own)


def _for_other_data(below: Any, own: Mapping[str, Any]) -> Any:
    """`below`, without the parts for its data if `own` names another data set.

    These are the fields of the data and, if the kind of data (pictures, tables, texts) changes, the models with their
    arguments. The kind of data from a user's own function is unknown, so models stay.
    """
    if not isinstance(below, Mapping):
        return below
    before, after = _data_name(below, DEFAULT), _data_name(own, None)
    if after in (None, before):
        return below
    kept = {name: value for name, value in below.items() if name != "data"}
    if {before, after} <= DATASETS.keys() and _kind(before) != _kind(after):
        for name in ("generator", "classifier", "annotator"):
            section = kept.get(name)
            if isinstance(section, Mapping):
                kept[name] = {field: value for field, value in section.items() if field not in ("model", "arguments")}
    return kept


def _kind(name: str) -> tuple[bool, bool]:
    return DATASETS[name].tabular, DATASETS[name].texts


def _data_name(spec: Mapping[str, Any], default: str | None) -> Any:
    data = spec.get("data")
    return data.get("name", default) if isinstance(data, Mapping) else default


def _merged(old: Any, new: Any) -> Any:
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
        return new
    return {**old, **{key: _merged(old.get(key), value) for key, value in new.items()}}
