"""The loop over generations. It uses no files. It requests each model from `models`, and yields measurements."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fairloop.errors import InputError
from fairloop.loop.history import History
from fairloop.loop.measuring import Measurer
from fairloop.loop.people.generations import rounds
from fairloop.loop.trainer import ModelTrainer
from fairloop.models.interface import Classifier, Generator
from fairloop.spec.run import RunSpec
from fairloop.store.interface import Models, Trained
from fairloop.store.memory import MemoryModels
from fairloop.store.tidy_rows import Gallery, RoundLog, Row

if TYPE_CHECKING:
    from fairloop.loop.own.loop import OwnLoop


@dataclass(frozen=True)
class Generation:
    """One generation: its models, all measurements of them, and pictures of its samples.

    index: i, from 0 on. generator, classifier: G_i and C_i, with their recipes and losses. rows: all values.
    gallery: samples of G_i.

    In the setting `people` it is a round: there is no generator, `log` is the decision maker's log of the round, and
    without a classifier a rule decides.

    >>> from fairloop import preset
    >>> first = next(simulate(preset("lending", people={"arrivals": 50})))
    >>> first.value("accuracy"), first.value("selection_rate", "A")
    (0.82, 0.0)
    >>> first.generator is None, len(first.log.label)
    (True, 50)
    """

    index: int
    generator: Trained[Generator] | None
    classifier: Trained[Classifier] | None
    rows: list[Row]
    gallery: Gallery
    log: RoundLog | None = None

    def value(
        self,
        metric: str,
        group: str = "overall",
        *,
        role: str = "classifier",
        split: str | None = None,
        label: str | None = None,
    ) -> float:
        """The one value of that name; NaN if it is undefined. split: `test` if None, in rounds of people `true`.

        group: `overall`, a group's name, `difference`, `ratio`, `min` or `max`. label: of measures by label. The
        catalogue of measures has the range of each.

        Raises KeyError if it was not measured.
        """
        wanted = (role, split or ("test" if self.log is None else "true"), label, group, metric)
        for row in self.rows:
            if (row.role, row.split, row.label, row.group, row.metric) == wanted and row.epoch is None:
                return row.value
        raise KeyError(wanted)


def simulate(spec: RunSpec | OwnLoop, models: Models | None = None, *, start: int = 0) -> Iterator[Generation]:
    """Simulate a data ecosystem, generation by generation.

    spec: of a run, or a loop of the user's own objects.
    models: finds and keeps trained models by recipe; in memory if None.
    start: the first generation to yield; earlier generations are recorded already.

    Raises InputError, before anything is trained, for a spec that does not fit its data or this machine. An iteration
    raises DivergedError if a loss is not finite and the spec has `on_divergence="stop"`.

    >>> from fairloop import preset, simulate
    >>> for generation in simulate(preset("lending", generations=2, people={"arrivals": 50})):
    ...     print(generation.index, round(generation.value("selection_rate"), 2))
    0 0.54
    1 0.48
    """
    if isinstance(spec, RunSpec):
        return generations(ModelTrainer(spec, models if models is not None else MemoryModels()), start)
    if models is not None:
        raise InputError("models: a loop of your own objects stores no models; leave the argument out")
    return generations(spec.trainer, start)


def generations(trainer: ModelTrainer, start: int = 0) -> Iterator[Generation]:
    """The loop of `simulate`, with the models that `trainer` makes."""
    spec = trainer.spec
    trainer.fit_roots()
    if trainer.source is not None:
        for told in rounds(trainer, trainer.source, start):
            yield Generation(told.index, None, told.classifier, told.rows, Gallery.empty(), told.log)
        return
    annotators = trainer.annotators()
    first = trainer.first_generator()
    measurer = Measurer(trainer.population, trainer.numerics, spec, annotators, first.module)
    history = _left_behind(trainer, start)

    for i in range(history.latest + 1, spec.generations):
        generator = first if i == 0 or spec.rules.generators == "fixed" else trainer.generator(i, history)
        history.generators[i] = generator
        history.classifiers[i] = classifier = trainer.classifier(i, history)
        if i >= start:
            learned = trainer.learned(generator.recipe)
            rows = list(measurer.generation(i, generator, classifier, history.labeller(i), learned))
            if spec.responds(i) or spec.policy.people:
                shares = trainer.inputs.groups_present(trainer.plan.people[i], i, history)
                rows += measurer.people(i, shares)
            yield Generation(i, generator, classifier, rows, measurer.gallery(i, generator))
        if not spec.looks_back:
            history.forget_before(i)
        trainer.inputs.release(recipe for recipe in trainer.plan if recipe.generation > i)


def _left_behind(trainer: ModelTrainer, start: int) -> History:
    """The models of the latest stored generation before `start`, with the earlier models that later generations need.
    The loop repeats the generations after it.
    """
    rules, annotators = trainer.spec.rules, trainer.annotators()
    for i in range(start - 1, -1, -1):
        needed = range(0 if trainer.spec.looks_back else i, i + 1)
        generators = {j: made for j in needed if (made := trainer.kept_generator(j)) is not None}
        classifiers = {j: taught for j in needed if (taught := trainer.kept_classifier(j)) is not None}
        if len(generators) == len(classifiers) == len(needed):
            return History(rules, annotators, generators, classifiers)
    return History(rules, annotators)
