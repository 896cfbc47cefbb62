"""Tables of names that specs and commands take: commands, measures, columns, ideals, policies, people, models."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import typer

from docs.measures import undefined
from docs.reference.docstrings import markdown as prose
from docs.reference.fields import kind
from fairloop import presets
from fairloop.cli import app
from fairloop.curation import CURATORS, ideal
from fairloop.metrics.catalogue import CATALOGUE
from fairloop.metrics.entry import AGGREGATES, Entry
from fairloop.models import CLASSIFIERS, GENERATORS
from fairloop.people import KINDS
from fairloop.people.deciders import RULES
from fairloop.report.text import markdown
from fairloop.spec.policies import POLICIES
from fairloop.spec.setting import EVERY_SETTING
from fairloop.store import directory, records
from fairloop.store.tidy_rows import RUN_COLUMNS

_LABELLED = {
    "previous_classifier": "the previous classifier",
    "annotator": "the annotator",
    "true": "outcomes of people",
}
_HEADER = ["argument or option", "takes", "default", "meaning"]


def commands() -> str:
    """A section for each command: its help, usage, arguments and options."""
    return "\n\n".join(_command(path, command) for path, command in leaves(typer.main.get_command(app), "fairloop"))


def leaves(command: Any, path: str) -> list[tuple[str, Any]]:
    """(words, command) of each command, without groups."""
    inside = getattr(command, "commands", None)
    if inside is None:
        return [(path, command)]
    return [leaf for name, child in inside.items() for leaf in leaves(child, f"{path} {name}")]


def _command(path: str, command: Any) -> str:
    shown = [parameter for parameter in command.params if not getattr(parameter, "hidden", False)]
    arguments = [one for one in shown if one.param_type_name == "argument"]
    usage = " ".join([path, *(one.metavar or one.name.upper() for one in arguments), "[OPTIONS]"])
    rows = [[_spelt(one), _taken(one), _given(one), _text(one.help)] for one in shown]
    return f"## `{path}`\n\n{_text(command.help)}\n\n    {usage}\n\n" + markdown(_HEADER, rows)


def _spelt(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.metavar or parameter.name.upper()}`"
    return ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))


def _taken(parameter: Any) -> str:
    """The value that it takes, in words; of a flag none."""
    if getattr(parameter, "is_flag", False):
        return ""
    found = kind(parameter.type_descriptor.annotation)
    spelt = parameter.metavar if parameter.param_type_name == "option" else None
    return f"`{spelt}`" if spelt else found


def _given(parameter: Any) -> str:
    if parameter.required:
        return "required"
    plain = parameter.default is not None and not callable(parameter.default)
    return f"`{parameter.default}`" if plain and not getattr(parameter, "is_flag", False) else ""


def _text(words: str | None) -> str:
    return (words or "").replace("<", "&lt;").replace("*", r"\*").replace("[", r"\[").replace("\b", "")


def measures() -> str:
    """A section for each measure in the catalogue."""
    return "\n\n".join(_measure(entry) for entry in CATALOGUE.values())


def _measure(entry: Entry) -> str:
    part = "difference" if entry.worst_of else "overall"
    low, high = entry.bounds(part)
    told = {
        "Roles": ", ".join(f"`{role}`" for role in entry.roles),
        "Splits": ", ".join(f"`{split}`" for split in entry.splits) or "none",
        "Parts": ", ".join(f"`{name}`" if name in ("overall", *AGGREGATES) else f"each {name}" for name in entry.parts),
        "Range": f"{low:g} to {high:g}" + (f"; {meaning}" if (meaning := entry.meaning(part)) else ""),
        "Good": entry.good(part),
        "Undefined (NaN)": undefined(entry),
        "Source": entry.source or "",
    }
    lines = "\n".join(f"- {name}: {words}" for name, words in told.items() if words)
    detail = f" {entry.detail}" if entry.detail else ""
    detail = detail.replace("](models.md", "](../models.md").replace("](vocabulary.md", "](../vocabulary.md")
    return f"## `{entry.name}`\n\n*{entry.title[:1].upper()}{entry.title[1:]}.* {entry.sentence}{detail}\n\n{lines}"


def columns() -> str:
    """The columns of the tidy table, with their types on disk."""
    schema = {field.name: str(field.type) for field in records.SCHEMA}
    run = {name: "int64" if name == "seed" else "string" for name in RUN_COLUMNS}
    told = {**run, **{name: found for name, found in schema.items() if name not in run}}
    return markdown(["column", "type"], [[f"`{name}`", found] for name, found in told.items()])


def ideals() -> str:
    """The named ideals, by the functions that make their shares."""
    found = {"uniform": ideal.uniform, **ideal.RELATIVE, "floor(SHARE)": ideal.at_least}
    rows = [[f"`{name}`", _first(inspect.getdoc(made) or "")] for name, made in found.items()]
    return markdown(["ideal", "shares of strata"], rows) + f"\n\n{prose(ideal.__doc__)}"


def policies() -> str:
    """Data policies."""
    return markdown(["policy", "generations that a model learns from"], _classes(POLICIES))


def settings() -> str:
    """Settings: the models that learn from each other, and the source of labels."""
    rows = [[f"`{one.name}`", one.generators, _LABELLED[one.labels]] for one in EVERY_SETTING.values()]
    return markdown(["setting", "generators", "labels by"], rows)


def people() -> str:
    """A section for each kind of people: its docstring and its arguments; then the rules of decision."""
    parts = []
    for name, place in KINDS.items():
        made = _found(place)
        given = inspect.signature(made).parameters.values()
        rows = [[f"`{one.name}`", "required" if one.default is one.empty else f"`{one.default}`"] for one in given]
        table = markdown(["argument", "default"], rows) if rows else "It has no arguments."
        source = prose(inspect.getdoc(importlib.import_module(made.__module__)))
        parts.append(f"## `{name}`\n\n{source}\n\n{prose(inspect.getdoc(made))}\n\n{table}")
    return "\n\n".join([*parts, f"## Rules\n\n`people.rule` and `people.first` name one of {', '.join(RULES)}."])


def models() -> str:
    """Generators, classifiers and curators by name."""
    groups = {"Generators": GENERATORS, "Classifiers": CLASSIFIERS, "Curators": CURATORS}
    return "\n\n".join(f"## {title}\n\n{markdown(['name', 'meaning'], _classes(of))}" for title, of in groups.items())


def of_presets() -> str:
    """Presets and sweeps, with the comment that each file begins with."""
    here = files("fairloop.presets")
    parts = []
    for title, names, folder in (("Presets", presets.names(), here), ("Sweeps", presets.sweeps(), here / "sweeps")):
        rows = []
        for name in names:
            lines = (folder / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
            comment = [line.lstrip("# ") for line in lines[: next(i for i, x in enumerate(lines) if x[:1] != "#")]]
            rows.append([f"`{name}`", _text(" ".join(comment))])
        parts.append(f"## {title}\n\n{markdown(['name', 'contents'], rows)}")
    return "\n\n".join(parts)


def run_directory() -> str:
    """The files of a run, as the module that writes them lists them."""
    _, _, listing = (directory.__doc__ or "").partition("\n\n")
    return f"```text\n{listing.strip()}\n```"


def _classes(places: Mapping[str, str]) -> list[list[str]]:
    return [[f"`{name}`", _text(_first(_docstring(place)))] for name, place in places.items()]


def _docstring(place: str) -> str:
    """The docstring of `module:Name`, or of the module if it only assigns the name.

    It is read from the source: the module may import a library that is not installed here.
    """
    module, _, name = place.partition(":")
    found = importlib.util.find_spec(module)
    source = Path(str(found and found.origin)).read_text(encoding="utf-8")
    tree = ast.parse(source)
    defined = [node for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name]
    return ast.get_docstring(defined[0] if defined else tree) or ""


def _first(docstring: str) -> str:
    """Its first paragraph."""
    return " ".join(docstring.split("\n\n", 1)[0].split())


def _found(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)
