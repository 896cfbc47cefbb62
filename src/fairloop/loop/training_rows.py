"""The rows about the training of one model: its losses, the counts of its curation, the origins of its data."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from fairloop.curation.star import Star
from fairloop.data import Population
from fairloop.models.interface import Classifier, Generator
from fairloop.seeding import ModelRole
from fairloop.sources.origin import ANNOTATOR, NOBODY, REAL, TRUTH
from fairloop.store.interface import Trained
from fairloop.store.tidy_rows import MINORITIZED, TRAINING, Row
from fairloop.training.recipe import Recipe

_BY_STRATUM = {"candidates": "star_candidates", "offered": "curation_offered", "chosen": "curation_chosen"}
_LABELLERS: dict[int, str | None] = {NOBODY: None, TRUTH: "true label", ANNOTATOR: str(ModelRole.LABEL_ANNOTATOR)}


def minoritized(population: Population) -> Iterator[Row]:
    """For each group, 1 if it is minoritized in the population, else 0."""
    for group in population.group_names:
        value = float(group in population.minoritized)
        yield Row(0, None, ModelRole.GROUP_ANNOTATOR, None, None, group, MINORITIZED, value, np.nan)


def cells(population: Population) -> list[tuple[str, str]]:
    """The (label, group) of each stratum by name, in the order of their indices."""
    return [(label, group) for label in population.label_names for group in population.group_names]


def training(i: int, trained: Trained[Generator] | Trained[Classifier], population: Population) -> Iterator[Row]:
    """The loss of each epoch, the origins of its data, and the counts of curation (means over its batches)."""
    role, log = trained.recipe.role, trained.log
    for epoch, loss in enumerate(log["loss"].tolist()):
        yield Row(i, epoch, role, None, None, "overall", "loss", loss, np.nan)
    if trained.diverged:
        epoch, batch = log["diverged"].tolist()
        told = (epoch, batch) if epoch >= 0 else (None, np.nan)
        yield Row(i, told[0], role, None, None, "overall", "diverged_at_batch", told[1], np.nan)
    for epoch, redrawn in enumerate(log.get("redrawn", ())):
        yield Row(i, epoch, role, "generated", None, "overall", "star_redrawn", *_mean(redrawn))
    for name, metric in _BY_STRATUM.items():
        for epoch, counts in enumerate(log.get(name, ())):
            for (label, group), column in zip(cells(population), counts.T, strict=True):
                yield Row(i, epoch, role, "generated", label, group, metric, *_mean(column))
    for epoch, origins in enumerate(log.get("origins", ())):
        yield from _origins(i, epoch, role, origins)
    if (star := trained.recipe.curation.star) is not None and "candidates" in log:
        yield from _quotas(i, trained.recipe, star.curator(), population)


def _quotas(i: int, recipe: Recipe, curator: Star, population: Population) -> Iterator[Row]:
    """The number of samples that STAR curated in a batch, and the quota of each stratum."""
    n = recipe.curated_batch
    yield Row(i, None, recipe.role, "generated", None, "overall", "star_batch", float(n), np.nan)
    for (label, group), places in zip(cells(population), curator.expected(n).tolist(), strict=True):
        yield Row(i, None, recipe.role, "generated", label, group, "star_quota", places, np.nan)


def _origins(i: int, epoch: int, role: ModelRole, counts: Tensor) -> Iterator[Row]:
    """Shares of the training samples of a model, by generation and labeller."""
    for place in counts.nonzero().tolist():
        made_by, labelled_by = place[0] + REAL, place[1] + NOBODY
        maker = "real people" if made_by == REAL else f"generation {made_by}"
        labeller = _LABELLERS.get(labelled_by, f"{ModelRole.CLASSIFIER} {labelled_by}")
        share = counts[tuple(place)].item() / counts.sum().item()
        yield Row(i, epoch, role, TRAINING, labeller, maker, "origin_share", share, np.nan)


def _mean(values: Tensor) -> tuple[float, float]:
    values = values.double()
    error = values.std() / len(values) ** 0.5 if len(values) > 1 else torch.tensor(np.nan)
    return values.mean().item(), error.item()
