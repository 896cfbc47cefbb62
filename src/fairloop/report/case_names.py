"""Names of cases in words, from the fields in which runs differ."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any


def of_fields(fields: Mapping[str, Any]) -> str:
    """Fields of a spec in words, such as `accumulate, fresh people`; unset fields are left out.

    A field without words of its own has the form of `--set`: `data.threshold=3`.
    """
    told = {field: value for field, value in fields.items() if not _is_unset(value)}
    kinds = {told.get(f"policy.{model}.kind") for model in ("generator", "classifier")}
    if len(kinds) == 1 and None not in kinds:  # equal for both kinds of models
        told = {"both": kinds.pop()} | {field: value for field, value in told.items() if not field.endswith(".kind")}
    said = [_WORDS[field](value) if field in _WORDS else _set(field, value) for field, value in told.items()]
    return ", ".join(words for words in said if words)


def _is_unset(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _set(field: str, value: Any) -> str:
    return f"{field}={value:g}" if isinstance(value, float) else f"{field}={value}"


def _steps(text: str) -> str:
    """Steps of a curation in words: `verifier (keep 0.5, by labeller)`."""
    told = []
    for step in json.loads(text):
        arguments = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in step.items() if name != "kind")
        told.append(f"{step['kind']} ({arguments})" if arguments else str(step["kind"]))
    return ", then ".join(told) or "no curation"


def _share(words: str) -> Callable[[float], str]:
    """A formatter of a share in percent, with enough digits to distinguish it from others."""
    return lambda share: words.format(f"{100 * share:g}%")


def _retention(text: str) -> str:
    """The return of people in words, from probabilities for the rejected and the accepted people of each group."""
    rows = json.loads(text)
    if not rows:
        return "all return"
    if len({tuple(row) for row in rows}) == 1 and rows[0][1:] == [1]:
        return _share("{} of rejected people return")(rows[0][0])
    return f"people return with {text}"


def _model(name: str) -> str:
    """The last part of a model's name: `LogisticRegression`, `threshold optimizer`."""
    return name.rpartition(":")[2].removeprefix("fairlearn-").replace("-", " ")


_WORDS: dict[str, Callable[[Any], str]] = {
    "setting": str,
    "both": str,
    "policy.generator.kind": "generators {}".format,
    "policy.classifier.kind": "classifiers {}".format,
    "policy.generator.real_share": _share("generators: {} real people"),
    "policy.classifier.real_share": _share("classifiers: {} real people"),
    "policy.real": "{} people".format,
    "policy.people": "{:.12g} people".format,
    "temperature": "temperature {:g}".format,
    "warm_start": lambda target: "from scratch" if target == "none" else f"{target} fine-tuned",
    "curation.target": lambda target: "" if target == "none" else f"on the {target}",
    "curation.steps": _steps,
    "labels.human_share": _share("{} of labels by people"),
    "response.retention": _retention,
    "classifier.model": _model,
    "classifier.arguments.constraints": lambda name: str(name).replace("_", " "),
    "classifier.arguments.max_iter": "at most {:g} iterations".format,
    "star.budget": "budget {:g}".format,
    "data.green_given_label": "P(green | label) {}".format,
    "generator.epochs": "{:g} epochs".format,
    "generator.first_epochs": lambda epochs: f"{epochs:g} in G_0",
    "generator.arguments.widths": "widths {}".format,
}
"""Words for the values of fields in which runs differ."""
