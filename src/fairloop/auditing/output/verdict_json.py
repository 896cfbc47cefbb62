"""The audit as a machine-readable document: verdict.json, with the schema docs/verdict.schema.json."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fairloop._util.as_json import plain
from fairloop._util.versions import version_of
from fairloop.auditing.gate.judging import Result, in_words, overall
from fairloop.auditing.gate.limits import Limit
from fairloop.auditing.gate.power import ASSUMPTIONS, Detectable
from fairloop.auditing.gate.verdicts import Drift
from fairloop.auditing.log.rounds import Rounds
from fairloop.auditing.measures.values import Measure, Value
from fairloop.metrics.statistics import POWER

if TYPE_CHECKING:
    from fairloop.auditing import Audit

VERSION = 1
"""The version of the schema. It grows when a field is removed or changes its meaning, not for new fields."""


@dataclass(frozen=True)
class Digest:
    """A SHA-256, in hexadecimal. of: the hashed data, in words."""

    sha256: str
    of: str


def digest_of_log(log: object, rounds: Rounds) -> Digest:
    """The digest of a file's bytes, or of the counts of a frame."""
    if isinstance(log, Path):
        return Digest(digest_of_file(log), "the bytes of the file")
    found = hashlib.sha256()
    found.update(json.dumps([rounds.names, rounds.groups, rounds.labels, rounds.beneficial]).encode())
    tables = [*sorted(rounds.cells.items())]
    if rounds.scores is not None:
        scores = rounds.scores.cells
        tables += [("strata", scores.strata), ("scores", scores.scores), *sorted(scores.sums.items())]
    for name, table in tables:
        found.update(name.encode() + np.ascontiguousarray(table).tobytes())
    return Digest(found.hexdigest(), "the counts that were read from the frame")


def digest_of_file(path: Path) -> str:
    """The SHA-256 of the file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class FileDigest:
    """A file of limits, and the SHA-256 of its bytes, in hexadecimal."""

    name: str
    sha256: str


def limits_file(path: Path) -> FileDigest:
    """The digest of a file of limits."""
    return FileDigest(path.name, digest_of_file(path))


def digest_of_limits(limits: Sequence[Limit]) -> Digest:
    """The digest of all limits with their authors, in order."""
    text = "\n".join(json.dumps(_limit(one), sort_keys=True) for one in limits)
    return Digest(hashlib.sha256(text.encode()).hexdigest(), "the entries of `limits.given`, as JSON with sorted keys")


def origin(audit: Audit) -> list[str]:
    """Version and digests, for the foot of a report."""
    lines = [f"fairloop {version_of()}", f"log: SHA-256 {audit.source.sha256}, {audit.source.of}"]
    if audit.limits_file is not None:
        lines.append(f"limits: SHA-256 {audit.limits_file.sha256}, of {audit.limits_file.name}")
    elif audit.limits:
        lines.append(f"limits: SHA-256 {digest_of_limits(audit.limits).sha256}, as in verdict.json")
    return lines


def document(audit: Audit) -> dict[str, Any]:
    """The audit as plain data; NaN and infinity become null."""
    said = overall(audit.gate)
    found = {
        "format": "fairloop audit",
        "version": VERSION,
        "fairloop": version_of(),
        "verdict": said or "NO LIMITS",
        "exit_code": 0 if said in (None, "PASS") else 1,
        "finding": audit.finding,
        "log": {"name": audit.name, **asdict(audit.source), **_columns(audit)},
        "limits": {
            **asdict(digest_of_limits(audit.limits)),
            "file": None if audit.limits_file is None else asdict(audit.limits_file),
            "given": [_limit(one) for one in audit.limits],
        },
        "gate": [_result(one) for one in audit.gate],
        "rounds": _rounds(audit),
        "not_judged": _open(audit),
        "drift": {
            "reference": audit.reference.words,
            "measures": [_drift(one) for one in [*audit.drifts, *audit.group_drifts]],
        },
        "detectable_drift": {
            "power": POWER,
            "assumptions": ASSUMPTIONS,
            "measures": [_detectable(one) for one in audit.detectable],
        },
        "notes": audit.notes,
    }
    told: dict[str, Any] = plain(found)
    return told


def _columns(audit: Audit) -> dict[str, Any]:
    rounds, columns = audit.measured.rounds, audit.columns
    return {
        "rows": int(rounds.people.sum()), "labelled": int(rounds.labelled.sum()), "left_out": dict(rounds.left_out),
        "label": columns.label, "beneficial": rounds.beneficial, "predictions": columns.predicted,
        "group_columns": list(columns.groups), "groups": list(rounds.groups),
        "small_groups": list(audit.measured.small), "groups_not_compared": list(audit.measured.left_out),
        "reference_group": audit.measured.compared_with,
    }  # fmt: skip


def _limit(one: Limit) -> dict[str, Any]:
    return {
        "limit": str(one), "round": one.round, "set_by": one.set_by, "date": one.date, "why": one.why,
    }  # fmt: skip


def _result(one: Result) -> dict[str, Any]:
    return {
        **_limit(one.limit), "of": one.limit.end or "value", "sign": one.limit.sign, "bound": one.limit.bound,
        "rule": one.limit.rule, **_value(one.value), "round": one.round, "measure_in_words": one.words,
        "reference_group": one.reference, "level": one.level, "sided": one.sided, "verdict": one.verdict,
        "reason": one.reason,
    }  # fmt: skip


def _value(value: Value) -> dict[str, Any]:
    return {
        **_measure(value.measure),
        **{name: getattr(value, name) for name in ("value", "low", "high", "lower", "upper", "labelled", "people")},
        "status": value.status,
    }


def _measure(measure: Measure) -> dict[str, str]:
    return {"measure": str(measure), "metric": measure.metric, "group": measure.group}


def _rounds(audit: Audit) -> list[dict[str, Any]]:
    rounds, missing = audit.measured.rounds, audit.measured.missing
    people, labelled = rounds.people.sum(axis=1), rounds.labelled.sum(axis=1)
    return [
        {"name": name, "people": int(people[i]), "labelled": int(labelled[i]), "labels": _labels(missing, i)}
        for i, name in enumerate(rounds.names)
    ]


def _labels(missing: Any, place: int) -> str:
    if missing.immature[place]:
        return "not mature"
    if missing.without[place]:
        return "none"
    return "some" if missing.partly[place] else "all"


def _open(audit: Audit) -> list[dict[str, Any]]:
    """The undefined limits, and the measures of the verdict that the last round does not identify."""
    found: list[dict[str, Any]] = [
        {**_measure(one.value.measure), "limit": str(one.limit), "round": one.round, "reason": one.reason}
        for one in audit.gate
        if one.verdict == "UNDEFINED"
    ]
    last = audit.measured.rounds.names[-1]
    for one in audit.drifts:
        value = audit.measured.value(one.measure, -1, None)
        if not value.identified:
            found.append({**_measure(one.measure), "limit": None, "round": last, "reason": value.explained})
    return found


def _drift(one: Drift) -> dict[str, Any]:
    return {
        **_measure(one.measure), "measure_in_words": in_words(one.measure), "reference": one.first, "last": one.last,
        "drift": one.change, "low": one.low, "high": one.high, "verdict": one.verdict, "status": one.status,
    }  # fmt: skip


def _detectable(one: Detectable) -> dict[str, Any]:
    return {
        **_measure(one.measure), "rounds": one.rounds, "by_warning": one.by_warning, "by_verdict": one.by_verdict,
    }  # fmt: skip
