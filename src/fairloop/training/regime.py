"""The data that each model of a run learns from, by the spec that holds in its generation."""

from __future__ import annotations

from fairloop.sources.origin import REAL
from fairloop.spec.policies import Ingredients, ingredients
from fairloop.spec.run import RunSpec
from fairloop.spec.sections import DataPolicySpec, LabelsSpec, Learner, ResponseSpec
from fairloop.training.mixture import Mixture, RealPeople, SampleRules, first_use, latest


class Regime:
    """The data policies, rules and responses of a run.

    held: the specs as they hold in generations 0, 1, ...
    """

    def __init__(self, spec: RunSpec, people: int) -> None:
        """people: in the training set."""
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
        """The changes in how people respond. Before people first respond there are none."""
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
