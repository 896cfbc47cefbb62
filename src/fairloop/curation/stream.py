"""STAR for streams: it curates the samples of an iterable batch by batch."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from fairloop._util.sizes import whole
from fairloop.curation import ideal as ideals
from fairloop.curation.columns import Names
from fairloop.curation.finite_star import Tally
from fairloop.errors import InputError
from fairloop.seeding import Role, numpy_stream
from fairloop.sources import quotas
from fairloop.sources.quotas import Rounding


class StarStream(IterableDataset[Any]):
    """Samples of a stream, in batches that meet a fairness ideal.

        stream = StarStream(samples, stratum, labels=[0, 1], groups=["green", "red"], batch_size=256)
        loader = DataLoader(stream, batch_size=256)

    Iteration yields single samples. Each `batch_size` consecutive samples are one curated batch; `batches()` yields
    them as lists. The samples are not known beforehand, so a stream differs from `StarSampler` in these points:

    *For each batch* the next `batch_size + budget` samples are read; the last such window may be short. Each
    joins the queue of its stratum, which holds at most `buffer` samples. Every stratum gets its rounded quota of the
    batch, `ideal_k * batch_size`, from its queue, the oldest first.

    *A sample repeats* only if its stratum is short. Missing places then go to the last `buffer` samples of that
    stratum, first to the sample with the longest time since its last use. These places count as redrawn. Places of
    strata without a sample yet, and places that flooring leaves over, go to the strata of the window's first samples;
    they count as filled.

    A full queue *discards* its oldest sample. Samples in queues at the end of the stream are discarded, too. Memory
    holds up to `2 * buffer` samples of each stratum.

    In a DataLoader with n workers, each worker curates its share of the stream: every n-th sample, or the samples that
    an IterableDataset assigns to it. With several processes, give each its own part of the stream.

    samples: any iterable; iterated anew for each pass.
    stratum: function of a sample that returns its (label, group), in the names of `labels` and `groups`.
    labels, groups: all values that occur; a group may be a tuple of several attributes.
    batch_size: samples in a batch.
    ideal: shares of strata in a batch, in any notation that `fairloop.curation.ideal` lists.
    population: (K, S) people in each stratum, or their shares, for ideals that follow the population.
    budget: extra samples that are read for each batch; a quarter of the batch if None.
    buffer: largest number of waiting, and of remembered, samples of each stratum; None: `batch_size`.
    rounding: as in `StarSampler`.
    seed: of rounding and of the order within batches.

    Raises InputError for unusable arguments and, while iterating, for a sample of an unknown stratum.

    >>> people = [{"label": i % 2, "sex": "f" if i % 4 else "m"} for i in range(40)]
    >>> stream = StarStream(
    ...     people, lambda one: (one["label"], one["sex"]), labels=[0, 1], groups=["f", "m"], batch_size=8,
    ...     ideal=[[0.25, 0.25], [0.5, 0]],
    ... )
    >>> stream.set_epoch(1)
    >>> len(list(stream)), stream.epoch
    (32, 1)
    >>> [sum(one["sex"] == "m" for one in batch) for batch in stream.batches()]  # a quarter of each batch
    [2, 2, 2, 2]
    >>> stream.report().candidates.tolist()
    [[10, 10], [20, 0]]
    """

    def __init__(
        self,
        samples: Iterable[Any],
        stratum: Callable[[Any], tuple[Hashable, Hashable]],
        *,
        labels: Sequence[Hashable],
        groups: Sequence[Hashable],
        batch_size: int,
        ideal: object = "uniform",
        population: Any = None,
        budget: int | None = None,
        buffer: int | None = None,
        rounding: Rounding = "stochastic",
        seed: int = 0,
    ) -> None:
        self.batch_size, self.budget = whole("batch_size", batch_size, least=1), quotas.budget_for(batch_size, budget)
        self.buffer = self.batch_size if buffer is None else whole("buffer", buffer, least=1)
        self.seed, self.rounding = whole("seed", seed), quotas.known(rounding)
        self.names = _names(labels, groups)
        self.ideal = ideals.shares(ideal, self.names, _counts(population, self.names), "ideal")
        quotas.warn_if_starved(self.ideal, self.batch_size, self.rounding, "rounding")
        self._samples, self._stratum = samples, stratum
        self._numbers = {(label, group): i for i, (label, group) in enumerate((a, b) for a in labels for b in groups)}
        self._queues = _Queues(len(self._numbers), self.buffer)
        self._filled = 0
        self._by_batch: list[int] = []
        self._epoch = _shared(torch.zeros((), dtype=torch.int64))  # for workers that persist over epochs

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._epoch = _shared(self._epoch)  # a copy shares its own epoch with its workers

    @property
    def epoch(self) -> int:
        """The epoch that was set; 0 if none was."""
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the next pass, which determines the order within batches, also in persistent workers."""
        self._epoch.fill_(whole("epoch", epoch))

    def __iter__(self) -> Iterator[Any]:
        """Yield the samples of one batch after the other."""
        for batch in self.batches():
            yield from batch

    def batches(self) -> Iterator[list[Any]]:
        """One pass over the stream: curated batches, all of them full."""
        worker = get_worker_info()
        rng = numpy_stream(self.seed, Role.ORDER, generation=worker.id if worker else 0, epoch=self.epoch)
        samples = iter(self._samples)
        if worker and not isinstance(self._samples, IterableDataset):
            samples = islice(samples, worker.id, None, worker.num_workers)
        self._queues, self._filled, self._by_batch = _Queues(len(self._numbers), self.buffer), 0, []
        while window := list(islice(samples, self.batch_size + self.budget)):
            arrived = [self._number(sample) for sample in window]
            for sample, k in zip(window, arrived, strict=True):
                self._queues.join(k, sample)
            places = self._places(np.array(arrived), rng)
            before = self._queues.redrawn.sum()
            batch = [sample for k in np.flatnonzero(places).tolist() for sample in self._queues.take(k, int(places[k]))]
            self._by_batch.append(int(self._queues.redrawn.sum() - before))
            yield [batch[i] for i in rng.permutation(len(batch)).tolist()]

    def report(self) -> Tally:
        """The counts of the current pass up to now, in this process. Workers of a loader keep their own counts."""
        queues = self._queues
        return Tally.of(self.names, queues.candidates, queues.drawn, queues.redrawn, self._filled, self._by_batch)

    def _number(self, sample: Any) -> int:
        named = self._stratum(sample)
        try:
            return self._numbers[named]
        except (KeyError, TypeError):
            raise InputError(
                f"stratum: returns {named!r} for a sample; name that label and group, or leave the sample out"
            ) from None

    def _places(self, arrived: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """(Z,): quotas of the strata that have samples so far; the other places in proportion to the samples."""
        places = quotas.drawn(self.ideal.reshape(-1), self.batch_size, self.rounding, rng)
        places[self._queues.candidates == 0] = 0
        left = self.batch_size - int(places.sum())
        self._filled += left
        return places + np.bincount(np.resize(arrived, left), minlength=len(places))


def _shared(tensor: Tensor) -> Tensor:
    return tensor.share_memory_()  # type: ignore[no-any-return, no-untyped-call]


class _Queues:
    """The waiting and the latest samples of each stratum, and counts of samples that were read, yielded, and
    repeated.
    """

    def __init__(self, strata: int, buffer: int) -> None:
        self._waiting: list[deque[Any]] = [deque(maxlen=buffer) for _ in range(strata)]
        self._came: list[deque[Any]] = [deque(maxlen=buffer) for _ in range(strata)]
        self.candidates, self.drawn, self.redrawn = (np.zeros(strata, np.int64) for _ in range(3))

    def join(self, k: int, sample: Any) -> None:
        """Put `sample` in its queue. A full queue drops its oldest sample."""
        self._waiting[k].append(sample)
        self.candidates[k] += 1

    def take(self, k: int, places: int) -> Iterator[Any]:
        """Take `places` samples: the oldest waiting samples, then those with the longest time since their last use."""
        fresh = min(places, len(self._waiting[k]))
        self.drawn[k] += places
        self.redrawn[k] += places - fresh
        for i in range(places):
            sample = (self._waiting[k] if i < fresh else self._came[k]).popleft()
            self._came[k].append(sample)
            yield sample


def _names(labels: Sequence[Hashable], groups: Sequence[Hashable]) -> Names:
    values = [group if isinstance(group, tuple) else (group,) for group in groups]
    for name, given in (("labels", labels), ("groups", groups)):
        if not given or len(set(given)) < len(given):
            raise InputError(f"{name}: {list(given)} is empty or names one twice; list each value once")
    if len({len(value) for value in values}) > 1:
        raise InputError(f"groups: {list(groups)} have different numbers of attributes; use one number")
    columns = ["group"] if len(values[0]) == 1 else [f"group_{i}" for i in range(1, len(values[0]) + 1)]
    return Names(tuple(map(str, labels)), tuple(tuple(map(str, value)) for value in values), ("label", *columns))


def _counts(population: Any, names: Names) -> NDArray[Any] | None:
    if population is None:
        return None
    counts = np.asarray(population)
    if counts.shape != names.shape or not np.isfinite(counts).all() or (counts < 0).any() or not counts.sum():
        raise InputError(
            f"population: needs a number of people for each of {names.shape[0]} labels x {names.shape[1]} groups"
        )
    return counts
