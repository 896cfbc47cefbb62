"""The data that a model learns from, and the rules by which they were made, as its recipe holds them.

At its defaults, each class is the paper's way (arXiv 2403.07857). `described` gives the plain data that a recipe's
fingerprint hashes. It leaves out defaults, so that models from before a field was added keep their names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fairloop.sources.origin import REAL
from fairloop.spec.policies import Part
from fairloop.spec.sections import LabelsSpec, ResponseSpec

_PUBLISHED_LABELS = LabelsSpec()


def latest(learner: str, generation: int) -> int:
    """The latest generation that has made samples when G_i or C_i of `generation` learns; `REAL` before the first.

    learner: the role of the model. Annotators learn from real people.
    """
    return {"generator": generation - 1, "classifier": generation}.get(learner, REAL)


def first_use(learner: str, generation: int) -> int:
    """The first generation whose G_i or C_i learns from samples of `generation`: the inverse of `latest`."""
    return generation + 1 if learner == "generator" else generation


@dataclass(frozen=True)
class SampleRules:
    """The rules by which a generation makes samples for a model.

    kept: how many samples are made once and kept; None: samples are drawn afresh for every batch.
    temperature: standard deviation of the latents.
    """

    kept: int | None = None
    temperature: float = 1.0
    labels: LabelsSpec = _PUBLISHED_LABELS

    def described(self) -> dict[str, Any]:
        """The rules as plain data."""
        told: dict[str, Any] = {} if self.kept is None else {"kept": self.kept}
        if self.temperature != 1:
            told["temperature"] = self.temperature
        return told if self.labels == _PUBLISHED_LABELS else told | {"labels": self.labels.model_dump(mode="json")}


@dataclass(frozen=True)
class RealPeople:
    """The real people that models of one generation may see.

    span: their positions in the training set, from the first number to before the second; None: the whole set.
    responses: how people respond to decisions, as (generation, response): before that generation and those after it.
    """

    span: tuple[int, int] | None = None
    responses: tuple[tuple[int, ResponseSpec], ...] = ()

    def steps(self, generation: int) -> list[ResponseSpec]:
        """The response before each of the generations 1 to `generation`."""
        changes = dict(self.responses)
        steps = [ResponseSpec()]
        for i in range(1, generation + 1):
            steps.append(changes.get(i, steps[-1]))
        return steps[1:]

    def described(self) -> dict[str, Any]:
        """The people as plain data. A response that holds from generation 1 on needs no number."""
        told: dict[str, Any] = {} if self.span is None else {"people": list(self.span)}
        responses = [[i, response.model_dump(mode="json")] for i, response in self.responses]
        if [i for i, _ in self.responses] == [1]:
            return told | {"response": responses[0][1]}
        return told | ({"responses": responses} if responses else {})


@dataclass(frozen=True)
class Mixture:
    """The data that a model learns from.

    parts: generations, or `REAL` for real people, with their shares; empty: the latest generation alone.
    earlier: other rules that held when samples of a generation were made and kept, as (generation, rules).
    """

    parts: tuple[Part, ...] = ()
    rules: SampleRules = SampleRules()
    earlier: tuple[tuple[int, SampleRules], ...] = ()
    people: RealPeople = RealPeople()

    def rules_of(self, generation: int) -> SampleRules:
        """The rules by which samples of `generation` are made."""
        return dict(self.earlier).get(generation, self.rules)

    @property
    def labellings(self) -> list[LabelsSpec]:
        """Each way in which samples got their labels."""
        return [self.rules.labels, *(rules.labels for _, rules in self.earlier)]

    def described(self) -> dict[str, Any]:
        """The mixture as plain data."""
        told: dict[str, Any] = {"parts": [list(part) for part in self.parts]} if self.parts else {}
        if self.earlier:
            told["earlier"] = [[generation, rules.described()] for generation, rules in self.earlier]
        return told | self.rules.described() | self.people.described()


AS_PUBLISHED = Mixture()
"""Samples of the latest generation alone, with the labeller's labels; or all real people."""
