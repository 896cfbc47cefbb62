"""The loop over rounds of people: decisions, responses, known labels, and the next classifier."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fairloop.data import Population
from fairloop.loop.people import measuring
from fairloop.loop.people.learning import feed, known
from fairloop.loop.people.population import People
from fairloop.loop.people.published import PublishedClassifier
from fairloop.loop.people.rounds import Round, Rounds
from fairloop.loop.trainer import ModelTrainer
from fairloop.loop.training_rows import minoritized, training
from fairloop.models.interface import Classifier
from fairloop.people.deciders import rule
from fairloop.people.interface import Published
from fairloop.spec.people import PeopleSpec
from fairloop.store.interface import Trained
from fairloop.store.tidy_rows import RoundLog, Row


@dataclass(frozen=True)
class Told:
    """A round and the classifier that learned after it."""

    index: int
    classifier: Trained[Classifier] | None
    rows: list[Row]
    log: RoundLog


def rounds(trainer: ModelTrainer, source: People, start: int) -> Iterator[Told]:
    """The rounds from `start` on. Stored models repeat the earlier rounds, which determine the people."""
    spec, population = trainer.spec, trainer.population
    people = [spec.at(i).people for i in range(spec.generations)] if spec.schedule else [spec.people] * spec.generations
    loop = _Loop(trainer, source, people)
    for i in range(_first_taught(source, start), spec.generations):
        one = loop.round(i)
        classifier = loop.learn(i) if trainer.plan.classifiers else None
        if i >= start:
            yield Told(
                i, classifier, list(_rows(i, one, classifier, loop, population)), measuring.log_of(one, population)
            )
        loop.forget(i)


def _first_taught(source: People, start: int) -> int:
    """The first round whose classifier is needed: the last of the past rounds, if there are any."""
    return len(source.past) - 1 if source.past and start >= len(source.past) else 0


class _Loop:
    """The models and the people of a run that later rounds need."""

    def __init__(self, trainer: ModelTrainer, source: People, held: list[PeopleSpec]) -> None:
        self._trainer, self._population, self._held = trainer, source.population, held
        self._past = len(source.past)
        self._rounds = Rounds(source.kind, held, trainer.spec.seed, source.past)
        self._needed = _first_needed(trainer)
        self._last: Trained[Classifier] | None = None
        self.annotator: Trained[Classifier] | None = None
        self._decider = self._first(source)

    def round(self, i: int) -> Round:
        """Round i: a past round, or a new one with decisions of the latest classifier that has learned."""
        return self._rounds[i] if i < self._past else self._rounds.play(self._decider)

    def learn(self, i: int) -> Trained[Classifier]:
        """Fit C_i. If it has not learned, its predecessor goes on deciding."""
        trainer, recipe = self._trainer, self._trainer.plan.classifiers[i]
        parts = [part.generation for part in recipe.parts]
        found = known(self._rounds, parts, self._population, trainer.numerics, self._held[i].weights == "propensity")
        batches = None
        if found is not None:
            annotators = trainer.annotators() if recipe.curation.steps else None
            labeller = annotators and (self._last or annotators.label).module
            curator = trainer.inputs.curator(recipe, annotators, labeller)
            at_once = trainer.is_estimator(recipe)
            batches = feed(found, recipe, curator, trainer.numerics, at_once=at_once)
        self._last = trainer.taught(i, batches, self._last)
        if self._last.taught:
            self._decider = self._published(self._last)
        return self._last

    def forget(self, i: int) -> None:
        """Remove people that no classifier after C_i learns from."""
        self._rounds.forget_before(self._needed[i])

    def _first(self, source: People) -> Published | None:
        """The model or rule that decides before a classifier has learned."""
        spec = self._held[0]
        if spec.by_annotator:
            self.annotator = self._trainer.label_annotator()
            return self._published(self.annotator)
        if spec.rule is not None:
            return rule(spec.rule).published(source.kind, "people.rule")
        return rule(spec.first).published(source.kind, "people.first")

    def _published(self, trained: Trained[Classifier]) -> Published:
        population = self._population
        return PublishedClassifier(trained.module, self._trainer.numerics, population.beneficial, population.shape[0])


def _first_needed(trainer: ModelTrainer) -> list[int]:
    """For each round, the first round with people that a later classifier learns from."""
    generations = trainer.spec.generations
    first = [generations] * (generations + 1)
    for i, recipe in reversed([*enumerate(trainer.plan.classifiers)]):
        first[i] = min([first[i + 1], *(part.generation for part in recipe.parts if part.generation >= 0)])
    return first[1:]


def _rows(
    i: int, one: Round, classifier: Trained[Classifier] | None, loop: _Loop, population: Population
) -> Iterator[Row]:
    if i == 0:
        yield from minoritized(population)
        if loop.annotator is not None:
            yield from training(i, loop.annotator, population)
    yield from measuring.rows(i, one, population)
    if classifier is not None:
        yield from training(i, classifier, population)
