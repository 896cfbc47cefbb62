"""The records of a generation: one row per value, and a gallery of its generator's samples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fairloop.data import Population, Split
from fairloop.evaluation import measures_of
from fairloop.evaluation.interface import Samples
from fairloop.loop.history import Annotators
from fairloop.loop.training_rows import cells, minoritized, training
from fairloop.metrics import group_rates as perf
from fairloop.metrics.population import confidence, shares
from fairloop.models.checks import check_range
from fairloop.models.interface import Classifier, Generator
from fairloop.models.numerics import Numerics
from fairloop.seeding import ModelRole, Role, numpy_stream
from fairloop.sources.source import RealData, Source, chunk, decisions, probabilities
from fairloop.spec.run import RunSpec
from fairloop.store.interface import Trained
from fairloop.store.tidy_rows import Gallery, Pictures, Row
from fairloop.training.streams import Streams

Model = TypeVar("Model", Generator, Classifier)


class Measurer:
    """Measures the models of a run on its population."""

    def __init__(
        self, population: Population, numerics: Numerics, spec: RunSpec, annotators: Annotators, first: Generator
    ) -> None:
        self._population, self._numerics, self._spec = population, numerics, spec
        self._annotators, self._first = annotators, first
        self._own = measures_of(population)
        self._originals = _of_each_stratum(population.tests["test"], spec.measure.gallery)

    def generation(
        self,
        i: int,
        generator: Trained[Generator],
        classifier: Trained[Classifier],
        labeller: Trained[Classifier],
        learned: Callable[[], Iterable[Tensor]] | None = None,
    ) -> Iterator[Row]:
        """All rows of generation i. Generation 0 includes the annotators' rows.

        labeller: of the samples that the generation learned from. learned: as in `evaluation.interface.Samples`.
        """
        self._numerics.apply_threads()
        if i == 0:
            yield from minoritized(self._population)
            yield from training(i, self._annotators.label, self._population)
            yield from self._performance(i, self._annotators.label)
            yield from training(i, self._annotators.group, self._population)
            yield from self._performance(i, self._annotators.group)
        if generator.recipe.generation == i:
            yield from training(i, generator, self._population)
        yield from training(i, classifier, self._population)
        yield from self._performance(i, classifier)
        for told in self._own.of_classifier(_sound(classifier), self._numerics):
            yield Row(i, None, ModelRole.CLASSIFIER, *told)
        labellers = {
            "label_share": self._annotators.label,
            "label_share_by_labeller": labeller,
            "label_share_by_classifier": classifier,
        }
        yield from self._samples(i, generator, labellers, learned)

    def gallery(self, i: int, generator: Trained[Generator]) -> Gallery:
        """Pictures from the same latents in every generation, and positions of fresh samples in G_0's latent space.

        The gallery is empty if the generator or an annotator diverged, because annotators label the samples.
        """
        label, group = self._annotators
        if any(trained.diverged for trained in (generator, label, group)):
            nothing = np.zeros((0, *self._population.shape), self._originals.dtype)
            unnamed, nowhere = np.zeros(0, np.int64), np.zeros((0, 0), np.float32)
            return Gallery(nothing, unnamed, unnamed, nowhere, self._originals)
        temperature = self._spec.at(i).temperature
        source = Source(generator.module, self._numerics, label.module, group.module, temperature=temperature)
        shown = source.draw(self._spec.measure.gallery, self._streams(0).at(Role.GALLERY))
        rng = self._streams(i).at(Role.GALLERY, epoch=1)
        latents = self._spec.measure.latents if self._first.has_encoder else 0
        places = [self._encode(images) for images in self._drawn(i, generator.module, latents, rng)]
        people = self._numerics.tensor(torch.from_numpy(self._originals))
        return Gallery(
            _pictures(shown.inputs),
            shown.labels.cpu().numpy(),
            shown.groups.cpu().numpy(),
            np.concatenate(places) if places else np.zeros((0, 0), np.float32),
            self._originals,
            self._reconstruct(generator.module, people),
            np.array(self._own.words(shown.inputs), np.str_),
        )

    def _performance(self, i: int, trained: Trained[Classifier]) -> Iterator[Row]:
        """Performance and fairness on every test split."""
        of_groups = trained.recipe.role is ModelRole.GROUP_ANNOTATOR
        for split_name, split in self._population.tests.items():
            counts = self._confusion(trained.module, split, of_groups)
            counts = counts * 0 if trained.diverged else counts  # its predictions are meaningless
            # No group is beneficial. The rates of A_S are those of the last group.
            beneficial = counts.shape[1] - 1 if of_groups else self._population.beneficial
            rates = perf.performance(counts, beneficial)
            for group, metric, value, error in perf.flatten(rates, self._population.group_names):
                yield Row(i, None, trained.recipe.role, split_name, None, group, metric, value, error)

    def people(self, i: int, shares: NDArray[np.float64]) -> Iterator[Row]:
        """(S,) shares of groups among the real people for models of generation i."""
        for group, share in zip(self._population.group_names, shares.tolist(), strict=True):
            yield Row(i, None, ModelRole.CLASSIFIER, "people", None, group, "group_share", share, np.nan)

    def _samples(
        self,
        i: int,
        generator: Trained[Generator],
        labellers: dict[str, Trained[Classifier]],
        learned: Callable[[], Iterable[Tensor]] | None,
    ) -> Iterator[Row]:
        """Shares of labels (by each labeller), groups and strata (by A_L and A_S), and A_S's confidence.

        Samples of a diverged generator and labels of a diverged classifier have no shares.
        """
        inputs, labels, chances = self._annotated(i, generator, labellers)
        groups = chances.argmax(axis=1)
        yield from self._shares(i, labels, groups, chances)
        label, group = self._annotators
        named = None if label.diverged else labels["label_share"]
        samples = Samples(inputs, named, None if group.diverged else groups, learned)
        yield from self._of_kind(i, generator, samples)

    def _annotated(
        self, i: int, generator: Trained[Generator], labellers: dict[str, Trained[Classifier]]
    ) -> tuple[Tensor, dict[str, NDArray[np.int64]], NDArray[np.float64]]:
        """(N, ...) fresh samples if a measure needs them, else none; (N,) their labels by measure; (N, S) A_S's
        probabilities.

        A diverged generator has no samples. A diverged labeller gives no labels.
        """
        named = {labeller.recipe.fingerprint: [torch.zeros(0, dtype=torch.int64)] for labeller in labellers.values()}
        grouped = [torch.zeros(0, len(self._population.group_names))]
        rng = self._streams(i).at(Role.MEASUREMENT)
        drawn = () if generator.diverged else self._drawn(i, generator.module, self._spec.measure.samples, rng)
        kept = [torch.zeros(0, *self._population.shape, dtype=torch.int64)]
        for images in drawn:
            if self._own.keeps_samples:
                kept.append(images.cpu())
            if limits := self._population.value_range:
                check_range(generator.recipe.full_title, images, limits)
            for labeller in {labeller.recipe.fingerprint: labeller for labeller in labellers.values()}.values():
                if not labeller.diverged:
                    named[labeller.recipe.fingerprint].append(decisions(labeller.module, [images], self._numerics))
            if not self._annotators.group.diverged:
                grouped.append(probabilities(self._annotators.group.module, [images], self._numerics))
        chances = torch.cat(grouped).double().numpy()
        labels = {
            metric: torch.cat(named[labeller.recipe.fingerprint]).numpy() for metric, labeller in labellers.items()
        }
        return torch.cat(kept), labels, chances

    def _shares(
        self, i: int, labels: dict[str, NDArray[np.int64]], groups: NDArray[np.int64], chances: NDArray[np.float64]
    ) -> Iterator[Row]:
        """Shares among samples. labels: by measure. groups, chances: of A_S."""
        label_names, group_names = self._population.label_names, self._population.group_names

        def row(label: str | None, group: str, metric: str, value: float, error: float) -> Row:
            return Row(i, None, ModelRole.GENERATOR, "generated", label, group, metric, float(value), float(error))

        for metric, codes in labels.items():
            for name, share, error in zip(label_names, *shares(codes, len(label_names)), strict=True):
                yield row(name, "overall", metric, share, error)
        for name, share, error in zip(group_names, *shares(groups, len(group_names)), strict=True):
            yield row(None, name, "group_share", share, error)
        both = min(len(labels["label_share"]), len(groups))  # 0 if one of the annotators diverged
        strata = labels["label_share"][:both] * len(group_names) + groups[:both]
        for (label, group), share, error in zip(
            cells(self._population), *shares(strata, len(cells(self._population))), strict=True
        ):
            yield row(label, group, "stratum_share", share, error)
        for name, margin, error in zip(group_names, *confidence(chances), strict=True):
            yield row(None, name, "group_confidence", margin, error)

    def _of_kind(self, i: int, generator: Trained[Generator], samples: Samples) -> Iterator[Row]:
        """The measures of this kind of data of a generator and its samples."""
        rng = numpy_stream(self._spec.seed, Role.MEASUREMENT, i)
        for told in self._own.of_generator(i, _sound(generator), samples, self._numerics, rng):
            yield Row(i, None, ModelRole.GENERATOR, *told)

    def _drawn(self, i: int, generator: Generator, n: int, rng: torch.Generator) -> Iterator[Tensor]:
        """Samples at the temperature of generation i."""
        source = Source(generator, self._numerics, temperature=self._spec.at(i).temperature)
        size = max(n, 1) if generator.at_once else chunk(self._population.shape)
        return (source.draw(min(size, n - start), rng).inputs for start in range(0, n, size))

    def _encode(self, images: Tensor) -> NDArray[np.float32]:
        with torch.no_grad(), self._numerics.autocast():
            return self._first.encode(images).float().cpu().numpy()

    def _reconstruct(self, generator: Generator, images: Tensor) -> Pictures:
        if not generator.has_encoder:
            return np.zeros((0, 0), np.float32)
        with torch.no_grad(), self._numerics.autocast():
            return _pictures(generator.reconstruct(images))

    def _streams(self, generation: int) -> Streams:
        return Streams(self._spec.seed, generation, ModelRole.GENERATOR, self._numerics.device)

    def _confusion(self, classifier: Classifier, split: Split, of_groups: bool) -> NDArray[np.int64]:
        names = self._population.group_names if of_groups else self._population.label_names
        images = (batch.inputs for batch in RealData(split, self._numerics).in_order(at_once=classifier.at_once))
        predicted = decisions(classifier, images, self._numerics, torch.from_numpy(split.groups)).numpy()
        truth = split.groups if of_groups else split.labels
        return perf.confusion(truth, split.groups, predicted, len(names), len(self._population.group_names))


def _sound(trained: Trained[Model]) -> Model | None:
    """The model; None if it diverged."""
    return None if trained.diverged else trained.module


def _of_each_stratum(split: Split, most: int) -> Pictures:
    """Up to two images of each stratum, `most` in total: the first image of every stratum precedes second images."""
    codes = split.labels * (split.groups.max() + 1) + split.groups
    found = [np.flatnonzero(codes == code) for code in np.unique(codes)]
    shown: Pictures = split.inputs[np.concatenate([places[k : k + 1] for k in range(2) for places in found])[:most]]
    return shown


def _pictures(images: Tensor) -> Pictures:
    images = images.float().cpu() if images.is_floating_point() else images.cpu()
    return (images * 255).round().byte().numpy() if images.dim() == 4 else images.numpy()
