"""StarSampler: STAR for anybody's own training loop, as a batch sampler for PyTorch's DataLoader."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch.distributed
from torch.utils.data import Sampler

from fairloop.curation import columns, quotas
from fairloop.curation.deal import Deal, Tally, wanted
from fairloop.curation.quotas import Rounding
from fairloop.curation.sizes import budget_for, whole
from fairloop.errors import InputError
from fairloop.seeding import Role, numpy_stream


class StarSampler(Sampler[list[int]]):
    """Batches of a labelled data set that meet a fairness ideal.

        loader = DataLoader(data, batch_sampler=StarSampler(labels, groups, batch_size=256))

    Every batch gives stratum (label, group) number k its quota: `ideal_k * batch_size` places, rounded. As the strata
    of a finite data set are known beforehand, quotas are always met: where the published STAR draws what is missing
    unconditionally, the sampler draws it from the stratum that is short.

    *An epoch* has as many batches as one pass over the data set in steps of `batch_size + budget`, the last one
    counted: in each step that many people are candidates, and `batch_size` of them are chosen. All batches are full.

    *A sample comes twice* in an epoch only when everybody else in its stratum has come as often; then its people come
    again, in the same order. These places count as redrawn. Within one batch a sample comes twice only if its stratum
    has fewer people than places there. A larger budget means shorter epochs, so fewer repetitions.

    *Discarded* for the epoch, and for no longer, are the people of a stratum whom its quotas have not reached at the
    end. They are discarded at random: every epoch shuffles anew.

    With several processes, each rank gets `batch_size` places of a global batch of `world_size * batch_size`, which
    meets the quotas; each rank's part has, of every stratum, that stratum's places over `world_size`, rounded up or
    down. The union over ranks is what one process with that batch size and budget would draw. All ranks must be given
    the same data, in the same order, and the same seed.

    labels, groups: (N,) columns, one or more of groups, of numbers, text, truth values or dates; see
        `fairloop.curation.columns.people`. Several group columns multiply into intersectional groups, of which those
        count that occur.
    batch_size: samples in a batch of each process.
    ideal: shares of strata in a batch, in any way that `fairloop.curation.ideal` lists.
    budget: extra candidates for each batch of each process; a quarter of the batch if None.
    rounding: `stochastic` rounds quotas up or down at random, so that each stratum has its share on average, also
        where that is less than one place; `floor` rounds them down and fills what is left over as people come.
    skip_empty: whether the ideal's share of a stratum in which nobody is goes to the others, in proportion.
    seed: of all random numbers; the order of epoch e depends on nothing but seed, e and what is named here.
    rank, world_size: this process and how many there are; if None, those of torch.distributed where that is
        initialised, else 0 and 1.

    Raises InputError for columns or numbers that cannot be, for an ideal that does not fit, and unless `skip_empty` for
    one that wants somebody from a stratum in which nobody is.
    """

    def __init__(
        self,
        labels: Any,
        *groups: Any,
        batch_size: int,
        ideal: object = "uniform",
        budget: int | None = None,
        rounding: Rounding = "stochastic",
        skip_empty: bool = False,
        seed: int = 0,
        rank: int | None = None,
        world_size: int | None = None,
    ) -> None:
        self.batch_size, self.budget = whole("batch_size", batch_size, least=1), budget_for(batch_size, budget)
        self.seed, self.rounding = whole("seed", seed), quotas.known(rounding)
        self.rank, self.world_size = _place(rank, world_size)
        self._people = columns.people([labels, *groups], _names(labels, groups))
        self.names = self._people.names
        self.ideal = wanted(ideal, self._people, skip_empty)
        quotas.warn_if_starved(self.ideal, self.world_size * self.batch_size, self.rounding, "rounding")
        self.epoch = 0
        self._first = 0  # batch with which the next iteration begins
        self._dealt = 0  # batches of this epoch that were handed out
        self._ended = False
        self._deal: Deal | None = None

    def __len__(self) -> int:
        """Batches of an epoch, for each process."""
        return math.ceil(len(self._people.stratum) / (self.world_size * (self.batch_size + self.budget)))

    def __iter__(self) -> Iterator[list[int]]:
        """The batches of one epoch, each (batch_size,) positions in the data set.

        The epoch is the one that was set; without `set_epoch`, the one after the last that was iterated to its end.
        """
        if self._ended:
            self.set_epoch(self.epoch + 1)
        first, self._dealt, self._first = self._first, self._first, 0
        for number, batch in enumerate(self._all(), start=1):
            if number > first:  # the others were seen before a resumption
                self._dealt, self._ended = number, number == len(self)
                yield batch

    def set_epoch(self, epoch: int) -> None:
        """Iterate over epoch number `epoch` next; from its beginning, unless a state in its midst was just loaded."""
        if epoch != self.epoch or self._ended:
            self._first = self._dealt = 0
        self.epoch, self._ended = whole("epoch", epoch), False

    def report(self) -> Tally:
        """What curating this epoch took so far, over all processes.

        A loader with workers fetches ahead; the report then is ahead, too. `by_batch` says it batch by batch.
        """
        return (self._deal or Deal(self._people, self.ideal, self.rounding, self._rng())).tally()

    def state_dict(self, batches: int | None = None) -> dict[str, Any]:
        """Where the sampler is, as plain data; the same on every rank.

        batches: of this epoch that the loop is done with. A loader with workers fetches ahead of the loop, so only
            the loop knows; without workers it is as many as were handed out, the default.
        """
        done = self._dealt if batches is None else whole("batches", batches)
        ended, batches = divmod(done, len(self))
        return {"epoch": self.epoch + ended, "batches": batches, "of": self._identity()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`: the next iteration yields what would have come next.

        Raises InputError if it is the state of a sampler with other arguments or other data.
        """
        mine = self._identity()
        if not {"epoch", "batches", "of"} <= set(state):
            raise InputError("state: is none that a StarSampler's state_dict gave")
        for name, theirs in state["of"].items():
            if mine.get(name) != theirs:
                raise InputError(f"state: belongs to a sampler with {name}={theirs}, but this has {mine.get(name)}")
        self.epoch, self._first, self._ended = state["epoch"], state["batches"], False
        self._dealt = self._first

    def _identity(self) -> dict[str, Any]:
        """All that decides what an epoch holds."""
        digest = hashlib.sha256(repr(self.names).encode())
        for array in (self._people.stratum, self.ideal):
            digest.update(np.ascontiguousarray(array).data)
        return {
            "seed": self.seed,
            "batch_size": self.batch_size,
            "budget": self.budget,
            "rounding": self.rounding,
            "world_size": self.world_size,
            "samples": len(self._people.stratum),
            "strata and ideal": digest.hexdigest()[:16],
        }

    def _all(self) -> Iterator[list[int]]:
        """The rank's part of each global batch: every world_size-th place, strata still together; then shuffled."""
        rng = self._rng()
        (order,) = rng.spawn(1)  # of its own, so that batches do not depend on how many ranks share them
        deal = self._deal = Deal(self._people, self.ideal, self.rounding, rng)
        for _ in range(len(self)):
            mine = deal.batch(self.world_size * self.batch_size)[self.rank :: self.world_size]
            batch: list[int] = order.permutation(mine).tolist()
            yield batch

    def _rng(self) -> np.random.Generator:
        return numpy_stream(self.seed, Role.ORDER, epoch=self.epoch)


def _names(labels: Any, groups: Sequence[Any]) -> list[str]:
    """The columns' own names where they have one, as pandas columns do."""
    usual = ["label", "group"] if len(groups) == 1 else ["label", *(f"group_{i}" for i in range(1, len(groups) + 1))]
    own = [getattr(column, "name", None) for column in (labels, *groups)]
    named = all(isinstance(name, str) for name in own) and len(set(own)) == len(own)
    return [str(name) for name in own] if named else usual


def _place(rank: int | None, world_size: int | None) -> tuple[int, int]:
    if (rank is None) != (world_size is None):
        raise InputError("rank, world_size: give both or neither")
    if rank is None or world_size is None:
        if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
            return 0, 1
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    world_size = whole("world_size", world_size, least=1)
    if whole("rank", rank) >= world_size:
        raise InputError(f"rank: {rank} is not below world_size, which is {world_size}")
    return rank, world_size
