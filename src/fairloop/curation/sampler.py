"""StarSampler: STAR for your own training loop, as a batch sampler for PyTorch's DataLoader."""

from __future__ import annotations

import copy
import hashlib
import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
import torch.distributed
from torch.utils.data import Sampler

from fairloop.curation import columns, frameworks
from fairloop.curation.finite_star import Deal, Tally, wanted
from fairloop.curation.sampler_epochs import Passes
from fairloop.curation.sizes import budget_for, whole
from fairloop.curation.values import pick, streamed
from fairloop.errors import InputError
from fairloop.seeding import Role, numpy_stream
from fairloop.sources import quotas
from fairloop.sources.quotas import Rounding


class StarSampler(Sampler[list[int]]):
    """Batches of a labelled data set that meet a fairness ideal.

        loader = DataLoader(data, batch_sampler=StarSampler(labels, groups, batch_size=256))

    Every batch gives stratum (label, group) number k its quota: `ideal_k * batch_size` places, rounded. As the strata
    of a finite data set are known beforehand, quotas are always met: where the published STAR fills missing places
    unconditionally, the sampler fills them from the stratum that is short.

    *An epoch* has as many batches as one pass over the data set in steps of `batch_size + budget`, the last one
    counted: in each step that many people are candidates, and `batch_size` of them are chosen. All batches are full.

    *A sample comes twice* in an epoch only when all others of its stratum have come as often; then its people come
    again, in the same order. These places count as redrawn. Within one batch a sample comes twice only if its stratum
    has fewer people than places there. A larger budget means shorter epochs, so fewer repetitions.

    The people of a stratum that its quotas have not reached at the end are *discarded*, for this epoch alone. They are
    discarded at random: every epoch shuffles anew.

    With several processes, each rank gets `batch_size` places of a global batch of `world_size * batch_size`, which
    meets the quotas; each rank's part has, of every stratum, that stratum's places over `world_size`, rounded up or
    down. The union over ranks is the batch of one process with that size and budget. All ranks must be given
    the same data, in the same order, and the same seed.

    labels, groups: (N,) columns, one or more of groups, of numbers, text, truth values, dates, intervals or periods;
        see `fairloop.curation.columns.people`. Several group columns, or a frame of them, multiply into intersectional
        groups, of which those count that occur.
    batch_size: samples in a batch of each process.
    ideal: shares of strata in a batch, in any way that `fairloop.curation.ideal` lists.
    budget: extra candidates for each batch of each process; a quarter of the batch if None.
    rounding: `stochastic` rounds quotas up or down at random, so that each stratum has its share on average, also
        where that is less than one place; `floor` rounds them down and fills the other places as people come.
    skip_empty: whether the ideal's share of an empty stratum goes to the others, in proportion.
    seed: of all random numbers; the order of epoch e depends on seed, e and these arguments alone.
    rank, world_size: this process and how many there are; if None, those of torch.distributed when a pass begins, or 0
        and 1 where that is not initialised.
    sharded_by: `accelerate` if the loader will be prepared by accelerate, as transformers' Trainer does, which divides
        batches among processes itself: then the sampler gives the batches of all ranks in turn.

    Raises InputError for unusable columns or numbers, for an ideal that does not fit and, unless `skip_empty`, for an
    ideal that gives a share to an empty stratum; and when a pass begins, if accelerate would divide batches that the
    sampler has divided already.
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
        sharded_by: Literal["sampler", "accelerate"] = "sampler",
    ) -> None:
        self.batch_size, self.budget = whole("batch_size", batch_size, least=1), budget_for(batch_size, budget)
        self.seed, self.rounding = whole("seed", seed), quotas.known(rounding)
        self._process, self.sharded_by = _process(rank, world_size), _sharded_by(sharded_by)
        self._people = columns.given(labels, groups)
        self.names = self._people.names
        self.ideal = wanted(ideal, self._people, skip_empty)
        quotas.warn_if_starved(self.ideal, self.world_size * self.batch_size, self.rounding, "rounding")
        self._passes = Passes()
        self._processes: int | None = None  # of the state that was loaded
        self._deal: Deal | None = None

    @classmethod
    def from_frame(cls, frame: Any, *, label: Any, groups: Sequence[Any] | str, **rest: Any) -> StarSampler:
        """A sampler for the rows of a frame.

        frame: of pandas, polars, Arrow or Hugging Face's datasets, or a mapping from names to columns.
        label, groups: names of columns. rest: as above.

        Raises InputError if there is no such column.
        """
        frame = streamed(frame)
        names = list(groups) if isinstance(groups, Sequence) and not isinstance(groups, str) else [groups]
        if len({str(name) for name in (label, *names)}) <= len(names):
            raise InputError(
                f"label, groups: {', '.join(map(str, (label, *names)))} name a column twice; name each once"
            )
        picked = [pick(frame, label, "label"), *(pick(frame, name, "groups") for name in names)]
        return cls(*picked, **rest)

    @property
    def epoch(self) -> int:
        """The epoch of the newest pass, or the one that was set for the next."""
        return self._passes.epoch

    @property
    def rank(self) -> int:
        """The rank of the current process."""
        return self._place()[0]

    @property
    def world_size(self) -> int:
        """The current number of processes."""
        return self._place()[1]

    @property
    def sampler(self) -> StarSampler:
        """The sampler itself: frameworks look for `batch_sampler.sampler.set_epoch`."""
        return self

    def __len__(self) -> int:
        """Batches of an epoch, for each process; of all processes together if accelerate divides them."""
        return self._steps() * (self.world_size if self.sharded_by == "accelerate" else 1)

    def __iter__(self) -> Iterator[list[int]]:
        """The batches of one epoch, each (batch_size,) positions in the data set.

        The epoch is the one that was set; if none was, a new one, the next after that of the last pass, however far
        that went.
        """
        self._passes.ask()
        return self._pass()

    def set_epoch(self, epoch: int) -> None:
        """Iterate over epoch number `epoch` next; from its beginning, unless a state in its midst was just loaded."""
        self._passes.set(whole("epoch", epoch))

    def report(self) -> Tally:
        """The counts of this epoch so far, over all processes.

        A loader with workers fetches ahead; the report then is ahead, too. `by_batch` says it batch by batch.
        """
        return (self._deal or Deal(self._people, self.ideal, self.rounding, self._rng(self.epoch))).tally()

    def state_dict(self, batches: int | None = None) -> dict[str, Any]:
        """The position of the sampler as plain data; the same on every rank.

        batches: of this epoch that the loop is done with. A loader with workers fetches ahead of the loop, so only
            the loop knows; without workers it is as many as were handed out, the default.
        """
        epoch, done = self._passes.position()
        if batches is not None:
            epoch, done = self.epoch, whole("batches", batches)
        ended, done = divmod(done, self._steps())
        return {"epoch": epoch + ended, "batches": done, "of": self._identity()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`: the next iteration yields the batches that would have come next.

        Raises InputError if it is the state of a sampler with other arguments or other data. Whether it was made by as
        many processes is seen when the next pass begins.
        """
        mine = self._identity()
        if not {"epoch", "batches", "of"} <= set(state):
            raise InputError("state: is none that a StarSampler's state_dict gave")
        for name, theirs in state["of"].items():
            if mine.get(name) != theirs and name != "world_size":
                raise InputError(f"state: belongs to a sampler with {name}={theirs}, but this has {mine.get(name)}")
        self._processes = state["of"]["world_size"]
        self._passes.load(state["epoch"], state["batches"])

    def _identity(self) -> dict[str, Any]:
        """All that decides the content of an epoch."""
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

    def _pass(self) -> Iterator[list[int]]:
        """One pass. It begins when its first batch is asked for, because the caller is unknown before."""
        rank, world_size = self._place()
        self._check_sharing(world_size)
        number, epoch, first = self._passes.begin()
        ranks = range(world_size) if self.sharded_by == "accelerate" else [rank]
        for done, batches in enumerate(self._all(epoch, ranks, world_size), start=1):
            if done > first:  # the others were seen before a resumption
                self._passes.hand_out(number, epoch, done)
                yield from batches

    def _all(self, epoch: int, ranks: Sequence[int], world_size: int) -> Iterator[list[list[int]]]:
        """The ranks' parts of each global batch: every world_size-th place, strata still together; then shuffled."""
        rng = self._rng(epoch)
        (order,) = rng.spawn(1)  # of its own, so that batches do not depend on how many ranks share them
        orders = [copy.deepcopy(order) for _ in ranks]
        deal = self._deal = Deal(self._people, self.ideal, self.rounding, rng)
        for _ in range(self._steps()):
            batch = deal.batch(world_size * self.batch_size)
            yield [order.permutation(batch[r::world_size]).tolist() for r, order in zip(ranks, orders, strict=True)]

    def _steps(self) -> int:
        return math.ceil(len(self._people.stratum) / (self.world_size * (self.batch_size + self.budget)))

    def _rng(self, epoch: int) -> np.random.Generator:
        return numpy_stream(self.seed, Role.ORDER, epoch=epoch)

    def _place(self) -> tuple[int, int]:
        """Rank and world size, as they are now."""
        if self._process is not None:
            return self._process
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            return torch.distributed.get_rank(), torch.distributed.get_world_size()
        return 0, 1

    def _check_sharing(self, world_size: int) -> None:
        """Raise InputError unless batches are divided among processes once, and among as many as before."""
        if self._processes not in (None, world_size):
            raise InputError(
                f"state: belongs to a sampler with world_size={self._processes}, but this has {world_size}"
            )
        sharder = frameworks.sharder()
        if world_size == 1:
            return
        if self.sharded_by == "sampler" and sharder:
            raise InputError(
                "sharded_by: the sampler divides its batches among processes, and accelerate would divide them again; "
                "give StarSampler sharded_by='accelerate'"
            )
        if self.sharded_by == "accelerate" and sharder != (world_size, False):
            how = "does not divide batches"
            if sharder:
                how = "splits each batch" if sharder.splits else f"divides batches among {sharder.processes}"
            raise InputError(
                f"sharded_by: there are {world_size} processes, but accelerate {how}; have accelerate prepare the "
                "loader, without split_batches, or leave sharded_by out"
            )


def _process(rank: int | None, world_size: int | None) -> tuple[int, int] | None:
    """The rank and world size that were given; None without them."""
    if (rank is None) != (world_size is None):
        raise InputError("rank, world_size: give both or neither")
    if rank is None or world_size is None:
        return None
    world_size = whole("world_size", world_size, least=1)
    if (rank := whole("rank", rank)) >= world_size:
        raise InputError(f"rank: {rank} is not below world_size, which is {world_size}")
    return rank, world_size


def _sharded_by(name: str) -> str:
    if name not in ("sampler", "accelerate"):
        raise InputError(f"sharded_by: '{name}' is none of sampler, accelerate")
    return name
