"""The gate for other tools: a JUnit report for a pipeline, a Model Card's metadata for the Hugging Face Hub."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from math import isnan
from typing import TYPE_CHECKING, Any

import yaml

from fairloop.auditing.gate.judging import Result, in_words
from fairloop.auditing.measures.values import Value
from fairloop.auditing.output.gate_words import cells

if TYPE_CHECKING:
    from fairloop.auditing import Audit

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(audit: Audit) -> str:
    """A JUnit report in XML: one test case for each limit. An undefined limit is a failure of type `undefined`."""
    broken = [one for one in audit.gate if not one.passed]
    counts = {"tests": len(audit.gate), "failures": len(broken), "errors": 0, "skipped": 0}
    about = {"name": _xml(f"fairloop audit: {audit.name}"), **{key: str(count) for key, count in counts.items()}}
    suites = ET.Element("testsuites", about)
    suite = ET.SubElement(suites, "testsuite", about)
    for one in audit.gate:
        name = _xml(f"{one.limit} in round {one.round}")
        case = ET.SubElement(suite, "testcase", {"classname": "fairloop.audit", "name": name, "time": "0"})
        if not one.passed:
            kind = "undefined" if one.verdict == "UNDEFINED" else "broken"
            failure = ET.SubElement(case, "failure", {"type": kind, "message": _xml(one.reason)})
            failure.text = _xml("\n".join(f"{key}: {text}" for key, text in cells(one).items() if text))
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def model_index(audit: Audit, model: str, url: str | None = None) -> dict[str, Any]:
    """The `model-index` of a Model Card: measures of the gate and of the verdict with a value.

    model: the model's name. url: the address of verdict.json, if it is published. A measure without a value is left
    out, because the format requires values. `metric_args` of the others name it under `undefined`.
    """
    last, gated = audit.measured.rounds.names[-1], {(one.round, one.value.measure) for one in audit.gate}
    others = [audit.measured.value(one.measure, -1) for one in audit.drifts if (last, one.measure) not in gated]
    undefined = [f"{one.limit}: {one.reason}" for one in audit.gate if not one.value.identified]
    undefined += [f"{one.measure}: {one.status}, {one.reason}" for one in others if not one.identified]
    by_round: dict[str, list[dict[str, Any]]] = {}
    for one in audit.gate:
        if one.value.identified:
            by_round.setdefault(one.round, []).append(_gated(one, undefined))
    for value in others:
        if value.identified:
            about = _metric(value, in_words(value.measure), {"undefined": undefined})
            by_round.setdefault(last, []).append(about)
    task = {"type": "tabular-regression" if audit.columns.regression else "tabular-classification"}
    slug = re.sub(r"[^a-z0-9]+", "-", audit.name.lower()).strip("-") or "log"
    data = {"type": slug, "name": audit.name, "args": {"sha256": audit.source.sha256}}
    source = {} if url is None else {"source": {"name": "fairloop audit", "url": url}}
    results = [
        {"task": task, "dataset": {**data, "split": name}, "metrics": metrics, **source}
        for name, metrics in by_round.items()
    ]
    return {"model-index": [{"name": model, "results": results}]}


def model_card(audit: Audit, model: str, url: str | None = None) -> str:
    """`model_index` as YAML, for the head of a README.md."""
    text: str = yaml.dump(model_index(audit, model, url), Dumper=_Plain, sort_keys=False, allow_unicode=True)
    return text


class _Plain(yaml.SafeDumper):
    """Writes repeated data twice, because not every reader of Model Cards understands references."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _gated(one: Result, undefined: list[str]) -> dict[str, Any]:
    about = {
        "limit": str(one.limit), "verdict": one.verdict, "level": one.level, "sided": one.sided,
        "reference": one.reference, "set_by": one.limit.set_by, "date": one.limit.date, "undefined": undefined,
    }  # fmt: skip
    return _metric(one.value, one.words, about)


def _metric(value: Value, words: str, about: dict[str, Any]) -> dict[str, Any]:
    ends = {name: float(end) for name in ("low", "high") if not isnan(end := getattr(value, name))}
    args = {"group": value.measure.group, "labelled": value.labelled, "people": value.people, **ends, **about}
    return {
        "type": str(value.measure), "value": float(value.value), "name": words,
        "args": {key: argument for key, argument in args.items() if argument not in (None, [])},
    }  # fmt: skip


def _xml(text: str) -> str:
    """Text without characters that XML 1.0 excludes."""
    return _NOT_XML.sub("\ufffd", text)
