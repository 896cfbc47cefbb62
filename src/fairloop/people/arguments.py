"""Arguments of kinds, checked: errors name the argument, its value and its range."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fairloop.errors import InputError, said
from fairloop.people.interface import Floats
from fairloop.tables.delimited import surveyed


def law(given: Any, laws: Mapping[str, Callable[..., Any]]) -> Any:
    """The law with the arguments `given`, of which `kind` names one of `laws`; an object stands for itself."""
    if given is None or isinstance(given, str | int | float | list | tuple):
        raise InputError(f"people.arguments.law: {given!r} is no law; name one, such as {{kind: {next(iter(laws))}}}")
    if not isinstance(given, Mapping):
        return given
    fields = dict(given)
    kind = choice(fields.pop("kind", None), "law.kind", tuple(laws))
    try:
        return laws[kind](**fields)
    except TypeError as error:
        raise InputError(f"people.arguments.law: {said(error)}") from None


def number(value: object, name: str, low: float = -np.inf, high: float = np.inf) -> float:
    """A finite number from `low` to `high`."""
    return float(numbers(value, name, low, high, ()))


def above_zero(value: object, name: str) -> float:
    """A finite number above 0."""
    return float(numbers(value, name, np.nextafter(0, 1), np.inf, (), "above 0"))


def numbers(
    value: object,
    name: str,
    low: float = -np.inf,
    high: float = np.inf,
    shape: tuple[int | None, ...] | None = None,
    words: str = "",
) -> Floats:
    """Finite numbers from `low` to `high`, as a new array. shape: None of a dimension takes any length."""
    try:
        found = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"people.arguments.{name}: {value!r} is not a number, nor a full list of numbers") from None
    fits = shape is None or (
        found.ndim == len(shape) and all(w in (None, n) for w, n in zip(shape, found.shape, strict=True))
    )
    if not fits:
        raise InputError(f"people.arguments.{name}: has the shape {found.shape}; give {_shape(shape or ())}")
    wrong = ~(np.isfinite(found) & (found >= low) & (found <= high))
    if wrong.any():
        first = found[wrong].flat[0]
        raise InputError(f"people.arguments.{name}: {first:g} is not {words or _range(low, high)}")
    return found


def each(value: object, name: str, size: int, low: float = -np.inf, high: float = np.inf, words: str = "") -> Floats:
    """(size,) numbers, from one number for all groups or one for each."""
    found = numbers(value, name, low, high, words=words)
    if found.shape not in ((), (size,)):
        raise InputError(
            f"people.arguments.{name}: {found.tolist()} is neither one number nor one for each of {size} groups"
        )
    return np.array(np.broadcast_to(found, (size,)))


def shares(value: object, name: str, count: int | None = None) -> Floats:
    """(S,) shares that add up to 1."""
    found = numbers(value, name, 0, 1, (count,))
    if abs(found.sum() - 1) > 1e-6:
        raise InputError(f"people.arguments.{name}: {found.tolist()} add up to {found.sum():g}; give shares with sum 1")
    return np.asarray(found / found.sum())


def choice(value: object, name: str, known: Sequence[str]) -> str:
    """One of the known words."""
    if value not in known:
        raise InputError(f"people.arguments.{name}: {value!r} is not one of {', '.join(known)}")
    return str(value)


def words(value: object, name: str, count: int | None = None) -> tuple[str, ...]:
    """Names, each once."""
    found = tuple(value) if isinstance(value, list | tuple) else ()
    if not found or not all(isinstance(one, str) for one in found) or len(set(found)) != len(found):
        raise InputError(f"people.arguments.{name}: {value!r} is no list of different names")
    if count is not None and len(found) != count:
        raise InputError(f"people.arguments.{name}: {len(found)} names for {count}; give one each")
    return found


def columns(path: Path, wanted: Sequence[str], name: str) -> dict[str, list[str]]:
    """The cells of the columns `wanted` of a CSV file, as text. Raises InputError for missing columns and cells."""
    if not path.is_file():
        raise InputError(f"people.arguments.{name}: {path} is no file")
    table = surveyed(path).table()
    for column in wanted:
        if column not in table.column_names:
            raise InputError(f"{path}: has no column {column!r}; it has {', '.join(map(repr, table.column_names))}")
        if table[column].null_count:
            row = table[column].to_pylist().index(None) + 1
            raise InputError(f"{path}: row {row} has no {column!r}; fill or leave out rows with empty cells")
    return {column: table[column].to_pylist() for column in wanted}


def parsed(cells: Sequence[str], where: str, low: float = -np.inf, high: float = np.inf) -> Floats:
    """Cells as finite numbers from `low` to `high`."""
    try:
        found = np.array(cells, dtype=np.float64)
    except ValueError as error:
        raise InputError(f"{where}: {error}; give numbers") from None
    wrong = ~(np.isfinite(found) & (found >= low) & (found <= high))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InputError(f"{where}: row {row + 1} has {cells[row]}, which is not {_range(low, high)}")
    return found


def _range(low: float, high: float) -> str:
    if np.isinf(low) and np.isinf(high):
        return "finite"
    if np.isinf(high):
        return f"at least {low:g}"
    return f"from {low:g} to {high:g}" if np.isfinite(low) else f"at most {high:g}"


def _shape(shape: tuple[int | None, ...]) -> str:
    if not shape:
        return "one number"
    return " lists of ".join("any number of" if one is None else str(one) for one in shape) + " numbers"


def only(arguments: dict[str, Any], name: str, known: Sequence[str]) -> None:
    """Raise InputError for keys that are not known."""
    for key in arguments:
        if key not in known:
            raise InputError(f"people.arguments.{name}: unknown key {key!r}; it takes {', '.join(known)}")
