"""Decision rules without a classifier: nobody, everybody, a threshold on a feature, or the rule of a kind itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fairloop._util.lookup import meant
from fairloop.errors import InputError
from fairloop.people.interface import Array, Kind, Names, Published
from fairloop.people.rules import LinearRule

OF_LENDERS = ("max-profit", "demographic-parity", "equal-opportunity")
"""The names of `people.policies.POLICIES`; that module needs scipy, which takes long to import."""

RULES = ("nobody", "everybody", "own", *OF_LENDERS, "threshold")
"""The rules that `people.first` and `people.rule` can name. `own` is the rule of the kind."""


@dataclass(frozen=True)
class Rule:
    """A rule as a spec names it. feature, at: of a threshold; the feature is a name or a place."""

    kind: str
    feature: str | int = 0
    at: float = 0.0

    def published(self, kind: Kind, field: str) -> Published | None:
        """The rule as people see it; None accepts everybody.

        Raises InputError for a feature that people lack, and if `kind` has no rule. field: of the spec.
        """
        width = len(kind.names.features)
        if self.kind == "everybody":
            return None
        if self.kind == "nobody":
            return Nobody(width)
        if self.kind == "threshold":
            return LinearRule(np.eye(width)[_place(self.feature, kind.names, field)], self.at)
        if (own := kind.rule()) is None or self.kind not in ("own", getattr(kind, "policy", None)):
            raise InputError(f"{field}={self.kind}: {type(kind).__name__} has no such rule; use another of {_WAYS}")
        return own


def rule(value: object) -> Rule:
    """The rule that a spec names: text, or a mapping with `kind`. Raises InputError for anything else."""
    fields = {"kind": value} if isinstance(value, str) else value
    if not isinstance(fields, Mapping) or not isinstance(fields.get("kind"), str):
        raise InputError(f"is no rule; use one of {_WAYS}")
    name = str(fields["kind"])
    if name not in RULES:
        raise InputError(f"'{name}' is not one of {_WAYS}{meant(name, RULES)}")
    more = {key: given for key, given in fields.items() if key != "kind"}
    wanted = {"feature", "at"} if name == "threshold" else set()
    if set(more) - wanted or (name == "threshold" and not isinstance(more.get("at"), int | float)):
        raise InputError(f"'{name}' takes {'a feature and a number at' if wanted else 'no arguments'}; use {_WAYS}")
    if not isinstance(more.get("feature", 0), str | int):
        raise InputError("a threshold's feature is a name or a place")
    return Rule(name, **more)


@dataclass(frozen=True)
class Nobody:
    """Accepts nobody, whatever their features. width: of the features."""

    width: int

    def accepts(self, features: Array, groups: Array) -> Array:
        """(n,) False."""
        return np.zeros(len(features), bool)

    def linear(self) -> tuple[Array, float]:
        """No weights, and a threshold above every score."""
        return np.zeros(self.width), np.inf

    def score(self, features: Array, groups: Array) -> Array:
        """(n,) zeros."""
        return np.zeros(len(features))

    def gradient(self, features: Array, groups: Array) -> Array:
        """(n, d) zeros."""
        return np.zeros(np.shape(features))


_WAYS = f"{', '.join(RULES[:-1])}, or {{kind: threshold, feature: NAME, at: NUMBER}}"


def _place(feature: str | int, names: Names, field: str) -> int:
    known: tuple[Any, ...] = names.features
    if isinstance(feature, int) and 0 <= feature < len(known):
        return feature
    if feature in known:
        return known.index(feature)
    raise InputError(f"{field}.feature={feature}: is not one of {', '.join(known)}{meant(str(feature), known)}")
