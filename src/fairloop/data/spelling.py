"""The spelling of values of columns: numbers, truth values, text; and the label that is evidently beneficial."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Annotated

import numpy as np
from pydantic import BeforeValidator

_TRUE, _FALSE = ("true", "yes", "on"), ("false", "no", "off")
_TRUTH = dict.fromkeys(_TRUE, True) | dict.fromkeys(_FALSE, False)
"""Words that YAML reads as truth values, in lower case."""

_OUTCOMES = {"true": "1", "false": "0"}


def as_text(value: object) -> str:
    """A value as a name. Whole numbers have no decimal point."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def by_size(name: str) -> tuple[float, str]:
    """The key by which names are sorted: numbers by size, then text. No two names have the same key."""
    try:
        size = float(name)
    except ValueError:
        return np.inf, name
    return (np.inf if np.isnan(size) else size), name


def number(name: str) -> Decimal | None:
    """The exact number that a name spells; None for other names, NaN and infinity."""
    try:
        found = Decimal(name)
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def outcome(name: str) -> str:
    """A label in one spelling: `1`, `1.0` and `true` are `1`; `0`, `-0.0` and `False` are `0`. Other labels stay."""
    found = number(name)
    if found is None:
        return _OUTCOMES.get(name.strip().lower(), name)
    return str(int(found)) if found in (-1, 0, 1) else name


def evident(labels: Sequence[str]) -> str | None:
    """The label that is evidently good for the person: 1 among 0 and 1 or -1 and 1, true among false and true.

    None if the user must name it. A label that is absent from `labels` is named `1`.
    """
    written = {outcome(label): label for label in labels}
    if len(written) < len(labels):
        return None
    return written.get("1", "1") if set(written) <= {"0", "1"} or set(written) <= {"-1", "1"} else None


def recognised(asked: str, names: Sequence[str]) -> str | None:
    """The name among `names` that `asked` means; None if none fits, or if several do.

    YAML turns `yes` into a truth value and `1.0` into a number. So `True` means `yes`, `true` or `on` in any case, or
    else `1`; a number means any spelling of that number.
    """
    if asked in names:
        return asked
    for form in (number, _truth, outcome):
        wanted = form(asked)
        alike = [name for name in names if wanted is not None and form(name) == wanted]
        if alike:
            return alike[0] if len(alike) == 1 else None
    return None


def spelled_twice(names: Sequence[str]) -> tuple[str, str] | None:
    """Two of `names` that spell one value, such as `0` and `-0.0`, or `true` and `1`; None if all differ.

    Codes that look like numbers stay distinct: `01` and `1`, `1.10` and `1.1`.
    """
    seen: dict[str, str] = {}
    for name in names:
        first = seen.setdefault(_without_point(name.strip()), name)
        if first != name:
            return first, name
    return None


def _without_point(name: str) -> str:
    whole, _, rest = name.partition(".")
    if whole.lstrip("+-").isdecimal() and not rest.strip("0"):
        return "0" if whole == "-0" else whole
    return _OUTCOMES.get(name.lower(), name)


def listed(names: Sequence[str], most: int = 8) -> str:
    """The first names in quotes, and the number of further names."""
    return ", ".join(map(repr, names[:most])) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def _truth(name: str) -> bool | None:
    return _TRUTH.get(name.strip().lower())


def _written(value: object) -> object:
    return as_text(value) if isinstance(value, bool | int | float | np.generic) else value


Written = Annotated[str, BeforeValidator(_written, json_schema_input_type=str | bool | int | float)]
"""The name of a column or of a value. YAML's numbers and truth values become text, as Python writes them."""
