"""The data that a model learns from, and the rules that generated them, as parts of its recipe.

The default of each part is the method of the paper (arXiv 2403.07857). `described` returns the plain data that a
recipe's fingerprint hashes. It leaves out defaults, so that older models keep their names when a field is added.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fairloop.sources.origin import REAL
from fairloop.spec.policies import Ingredients, Part, ingredients
from fairloop.spec.run import RunSpec
from fairloop.spec.sections import DataPolicySpec, LabelsSpec, Learner, ResponseSpec

_PUBLISHED_LABELS = LabelsSpec()


def latest(learner: str, generation: int) -> int:
    """The latest generation with samples when G_i or C_i of `generation` learns; `REAL` before the first.

    learner: the role of the model. Annotators learn from real people.
    """
    return {"generator": generation - 1, "classifier": generation}.get(learner, REAL)


def first_use(learner: str, generation: int) -> int:
    """The first generation whose G_i or C_i learns from samples of `generation`: the inverse of `latest`."""
    return generation + 1 if learner == "generator" else generation


@dataclass(frozen=True)
class SampleRules:
    """The rules by which a generation makes samples for a model.

    kept: number of samples that are made once and kept; None: samples are drawn afresh for every batch.
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

    span: the half-open range of their positions in the training set; None: the whole set.
    responses: people's responses to decisions, as (generation, response): from before that generation on.
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
        """The people as plain data. A response from generation 1 on has no number."""
        told: dict[str, Any] = {} if self.span is None else {"people": list(self.span)}
        responses = [[i, response.model_dump(mode="json")] for i, response in self.responses]
        if [i for i, _ in self.responses] == [1]:
            return told | {"response": responses[0][1]}
        return told | ({"responses": responses} if responses else {})


@dataclass(frozen=True)
class Mixture:
    """The data that a model learns from.

    parts: generations, or `REAL` for real people, with their shares; empty: the latest generation alone.
    earlier: different rules of generations with kept samples, as (generation, rules).
    """

    parts: tuple[Part, ...] = ()
    rules: SampleRules = SampleRules()
    earlier: tuple[tuple[int, SampleRules], ...] = ()
    people: RealPeople = RealPeople()

    def rules_of(self, generation: int) -> SampleRules:
        """The rules for the samples of `generation`."""
        return dict(self.earlier).get(generation, self.rules)

    @property
    def labellings(self) -> list[LabelsSpec]:
        """All labellings of the samples."""
        return [self.rules.labels, *(rules.labels for _, rules in self.earlier)]

    def described(self) -> dict[str, Any]:
        """The mixture as plain data."""
        told: dict[str, Any] = {"parts": [list(part) for part in self.parts]} if self.parts else {}
        if self.earlier:
            told["earlier"] = [[generation, rules.described()] for generation, rules in self.earlier]
        return told | self.rules.described() | self.people.described()


AS_PUBLISHED = Mixture()
"""Samples of the latest generation alone, with the labeller's labels; or all real people."""


class Regime:
    """The data policies, rules and responses of a run.

    held: the specs of generations 0, 1, ...
    """

    def __init__(self, spec: RunSpec, people: int) -> None:
        """people: number of people in the training set."""
        spans = spec.spans
        self.held = [spans[max(start for start in spans if start <= i)] for i in range(spec.generations)]
        self._everybody = people

    def ingredients(self, learner: Learner, generation: int) -> Ingredients:
        """The generations that G_i or C_i learns from, with their shares, and the length of its epochs."""
        spec, chosen, last = self.held[generation], self._policy(learner, generation), latest(learner, generation)
        return ingredients(
            chosen.policy(),
            last,
            people=spec.policy.people or self._everybody,
            samples=self._samples(learner, generation),
            by_size=chosen.weights == "size",
            real_share=chosen.real_share if chosen.takes_people else 0.0,
            kept={g: self._samples(learner, first_use(learner, g)) for g in range(last + 1 if chosen.kept else 0)},
        )

    def rounds(self, generation: int) -> list[int]:
        """The rounds of the people whose labels C_i may learn from; `REAL` for labels from before round 0."""
        policy, latest_known = self.held[generation].policy.classifier.policy(), generation
        while latest_known > REAL and latest_known + self.held[latest_known].people.delay > generation:
            latest_known -= 1
        chosen = ingredients(policy, latest_known, people=1, samples=1, by_size=False, real_share=None).parts
        known_before = self.held[generation].people.known_before
        rounds = [part.generation for part in chosen if part.generation != REAL or known_before]
        return [g for g in rounds if g == REAL or g + self.held[g].people.delay <= generation]

    def mixture(self, learner: Learner, generation: int, *, labelled: bool) -> Mixture:
        """The data that G_i or C_i learns from. labelled: whether it, or its curation, learns labels."""
        mix, kept = self.ingredients(learner, generation), self._policy(learner, generation).kept
        rules = self._rules(learner, generation, labelled=labelled, kept=kept)
        made = [part.generation for part in mix.parts if part.generation != REAL] if kept else []
        then = ((g, self._rules(learner, first_use(learner, g), labelled=labelled, kept=True)) for g in made)
        sees_people = mix.real or (learner == "generator" and self.held[generation].synthetic_share < 1)
        return Mixture(
            parts=() if mix.plain else mix.parts,
            rules=rules,
            earlier=tuple((g, others) for g, others in then if others != rules),
            people=self.people(generation) if sees_people else RealPeople(),
        )

    def people(self, generation: int) -> RealPeople:
        """The real people that models of `generation` may see."""
        policy = self.held[generation].policy
        if policy.people is None:
            return RealPeople(None, self._responses(generation))
        first = generation * policy.people if policy.real == "fresh" else 0
        return RealPeople((first, first + policy.people), self._responses(generation))

    def _responses(self, generation: int) -> tuple[tuple[int, ResponseSpec], ...]:
        """The changes of people's response to decisions. Before the first response there are none."""
        changes: list[tuple[int, ResponseSpec]] = []
        for i in range(1, generation + 1):
            response = self.held[i].response
            changed = response != changes[-1][1] if changes else response.on
            if changed:
                changes.append((i, response))
        return tuple(changes)

    def _rules(self, learner: Learner, generation: int, *, labelled: bool, kept: bool) -> SampleRules:
        """The rules that hold in `generation`."""
        spec, samples = self.held[generation], self._samples(learner, generation) if kept else None
        return SampleRules(samples, spec.temperature, spec.labels if labelled else LabelsSpec())

    def _policy(self, learner: Learner, generation: int) -> DataPolicySpec:
        policy = self.held[generation].policy
        return policy.generator if learner == "generator" else policy.classifier

    def _samples(self, learner: Learner, generation: int) -> int:
        """The number of samples that `generation` makes for that kind of model."""
        return self._policy(learner, generation).samples or self.held[generation].policy.people or self._everybody
