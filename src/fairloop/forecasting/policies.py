"""Policies of a forecast: changes of decisions, and of known outcomes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fairloop._util.lookup import meant
from fairloop.errors import InputError

WAYS = "as-is, star, explore(SHARE), labels(SHARE)"

_TEXT = re.compile(r"\s*([\w-]+)\s*(?:\(([^()]*)\))?\s*")
_WITH_SHARE = {"explore": "exploration", "labels": "verified"}
_NAMES = ("as-is", "star", *_WITH_SHARE)


@dataclass(frozen=True)
class Policy:
    """A policy. name: as written, without spaces. kind: without the share. share: of `explore` and `labels`."""

    name: str
    kind: str
    share: float | None = None

    @property
    def fields(self) -> Mapping[str, Mapping[str, Any]]:
        """Sections of the spec, and the fields in them that differ from `as-is`."""
        if self.kind == "star":
            return {"star": {"target": "classifier"}}
        return {"people": {_WITH_SHARE[self.kind]: self.share}} if self.kind in _WITH_SHARE else {}

    @property
    def meaning(self) -> str:
        """The policy in words."""
        share = (
            f"{self.share or 0:.0%}" if self.share is None or round(self.share, 2) == self.share else f"{self.share:g}"
        )
        return {
            "as-is": "decisions and outcomes go on as in the last rounds of the log",
            "star": "as-is, and STAR curates the batches from which classifiers learn, also from the log",
            "explore": f"as-is, but {share} of the rejected are accepted at random; their outcomes become known",
            "labels": f"as-is, and the outcomes of {share} of all people, drawn at random, become known in any case",
        }[self.kind]


def policies(texts: Sequence[str]) -> tuple[Policy, ...]:
    """The policies that `texts` name. Raises InputError for an unknown policy, and for one that is named twice."""
    found = tuple(map(_policy, texts))
    if not found:
        raise InputError(f"--policy: name at least one of {WAYS}")
    names = [one.name for one in found]
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"--policy: {twice[0]} is named twice; name it once")
    return found


def _policy(text: str) -> Policy:
    match = _TEXT.fullmatch(text)
    name, given = match.groups() if match else (text, None)
    if name not in _NAMES:
        raise InputError(f"--policy: '{text}' is not one of {WAYS}{meant(name, _NAMES)}")
    if name not in _WITH_SHARE:
        if given is not None:
            raise InputError(f"--policy: '{text}': {name} takes no number; write {name}")
        return Policy(name, name)
    try:
        share = float(given or "")
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise InputError(f"--policy: '{text}' needs a share from 0 to 1; write such as {name}(0.05)")
    return Policy(f"{name}({share:g})", name, share)
