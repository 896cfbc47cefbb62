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

from fairloop._util.sizes import whole
from fairloop.curation import columns, frameworks
from fairloop.curation.finite_star import Deal, Tally, wanted
from fairloop.curation.sampler_epochs import Passes
from fairloop.curation.values import pick, streamed
from fairloop.errors import InputError
from fairloop.seeding import Role, numpy_stream
from fairloop.sources import quotas
from fairloop.sources.quotas import Rounding


class StarSampler(Sampler[list[int]]):
    """Batches of a labelled data set that meet a fairness ideal.

        loader = DataLoader(data, batch_sampler=StarSampler(labels, groups, batch_size=256))

    Every batch gives stratum (label, group) number k its quota: `ideal_k * batch_size` places, rounded. The strata
    of a finite data set are known beforehand, so quotas are always met. The published STAR fills missing places
    unconditionally; the sampler fills them from the stratum that is short.

    *An epoch* has as many batches as one pass over the data set in steps of `batch_size + budget`, the last one
    counted: in each step that many people are candidates, and `batch_size` of them are chosen. All batches are full.

    *A sample repeats* in an epoch only after all others of its stratum have come equally often. The people of the
    stratum then come again in the same order, and these places count as redrawn. A batch holds a sample twice only if
    its stratum has fewer people than places in it. A larger budget means shorter epochs, so fewer repetitions.

    People who have not been drawn at the end are *discarded*, for this epoch only. Every epoch shuffles anew, so they
    are a random choice.

    With several processes, each rank gets `batch_size` places of a global batch of `world_size * batch_size`, which
    meets the quotas. Each rank's part has the places of each stratum divided by `world_size`, rounded up or down. The
    union over ranks is the batch of one process with that size and budget. All ranks need the same data, in the same
    order, and the same seed.

    labels, groups: (N,) columns, one or more of groups, of numbers, text, truth values, dates, intervals or periods.
        Several group columns, or a frame of them, multiply into intersectional groups; only groups that occur count.
    batch_size: samples in a batch of each process.
    ideal: shares of strata in a batch, in any notation that `fairloop.curation.ideal` lists.
    budget: extra candidates for each batch of each process; a quarter of the batch if None.
    rounding: `stochastic` rounds quotas up or down at random, so that each stratum has its share on average, even a
    share below one place; `floor` rounds quotas down and fills the other places with the next people.
    skip_empty: whether the ideal's share of an empty stratum goes to the others, in proportion.
    seed: of all random numbers; the order of epoch e depends on seed, e and these arguments alone.
    rank, world_size: this process and the number of processes; None: those of torch.distributed when a pass begins, or
    0 and 1 if it is not initialised.
    sharded_by: `accelerate` if accelerate will prepare the loader, as in transformers' Trainer. It divides batches
    among processes itself, so the sampler then gives the batches of all ranks in turn.

    Raises InputError for unusable columns or numbers, for an ideal that does not fit and, unless `skip_empty`, for an
    ideal with a share for an empty stratum. A pass raises InputError if accelerate would divide batches that the
    sampler has divided already.

    >>> labels, sex = [0, 0, 0, 0, 0, 1, 1, 1], ["f", "f", "f", "m", "m", "f", "m", "m"]
    >>> sampler = StarSampler(labels, sex, batch_size=4, rank=0, world_size=1)
    >>> sampler.set_epoch(3)
    >>> len(sampler), sampler.epoch, sampler.rank, sampler.world_size
    (2, 3, 0, 1)
    >>> for batch in sampler:  # one person of each stratum
    ...     print(sorted((labels[i], sex[i]) for i in batch))
    [(0, 'f'), (0, 'm'), (1, 'f'), (1, 'm')]
    [(0, 'f'), (0, 'm'), (1, 'f'), (1, 'm')]
    >>> sampler.report().redrawn.tolist()  # the only woman with label 1 came twice
    [[0, 0], [1, 0]]
    >>> state = sampler.state_dict(batches=1)
    >>> sampler.load_state_dict(state)  # goes on after one batch of that epoch
    >>> len(list(sampler)), sampler.sampler is sampler
    (1, True)
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
        self.batch_size, self.budget = whole("batch_size", batch_size, least=1), quotas.budget_for(batch_size, budget)
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

        >>> frame = {"repaid": [0, 0, 1, 1], "sex": ["f", "m", "f", "m"], "age": ["young", "old", "old", "young"]}
        >>> StarSampler.from_frame(frame, label="repaid", groups="sex", batch_size=4).ideal.tolist()
        [[0.25, 0.25], [0.25, 0.25]]
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
        """The epoch of the newest pass, or the epoch that was set for the next pass."""
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

        The epoch is the one that was set. Otherwise it is one more than the epoch of the last pass, complete or not.
        """
        self._passes.ask()
        return self._pass()

    def set_epoch(self, epoch: int) -> None:
        """Iterate over epoch `epoch` next: from its first batch, unless a state within it was just loaded."""
        self._passes.set(whole("epoch", epoch))

    def report(self) -> Tally:
        """The counts of this epoch up to now, over all processes.

        A loader with workers fetches ahead, so its report is ahead, too. `by_batch` has the counts of each batch.
        """
        return (self._deal or Deal(self._people, self.ideal, self.rounding, self._rng(self.epoch))).tally()

    def state_dict(self, batches: int | None = None) -> dict[str, Any]:
        """The position of the sampler as plain data; the same on every rank.

        batches: number of batches of this epoch that the loop has completed; the default is the number that the sampler
        has yielded. A loader with workers fetches ahead, so a loop with workers must give the number.
        """
        epoch, done = self._passes.position()
        if batches is not None:
            epoch, done = self.epoch, whole("batches", batches)
        ended, done = divmod(done, self._steps())
        return {"epoch": epoch + ended, "batches": done, "of": self._identity()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from `state`: the next iteration yields the next batches of its epoch.

        Raises InputError for the state of a sampler with other arguments or other data. The next pass checks the number
        of processes.
        """
        mine = self._identity()
        if not {"epoch", "batches", "of"} <= set(state):
            raise InputError("state: is not from the state_dict of a StarSampler; give one that is")
        for name, theirs in state["of"].items():
            if mine.get(name) != theirs and name != "world_size":
                raise InputError(f"state: belongs to a sampler with {name}={theirs}, but this has {mine.get(name)}")
        self._processes = state["of"]["world_size"]
        self._passes.load(state["epoch"], state["batches"])

    def _identity(self) -> dict[str, Any]:
        """The arguments and data that determine the content of an epoch."""
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
        """One pass. It begins with the request for its first batch, because the caller is unknown before."""
        rank, world_size = self._place()
        self._check_sharing(world_size)
        number, epoch, first = self._passes.begin()
        ranks = range(world_size) if self.sharded_by == "accelerate" else [rank]
        for done, batches in enumerate(self._all(epoch, ranks, world_size), start=1):
            if done > first:  # the session before a resumption drew the others
                self._passes.hand_out(number, epoch, done)
                yield from batches

    def _all(self, epoch: int, ranks: Sequence[int], world_size: int) -> Iterator[list[list[int]]]:
        """The ranks' parts of each global batch: every world_size-th place, strata still together; then shuffled."""
        rng = self._rng(epoch)
        (order,) = rng.spawn(1)  # a separate stream, so that batches do not depend on the number of ranks
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
        """The current rank and world size."""
        if self._process is not None:
            return self._process
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            return torch.distributed.get_rank(), torch.distributed.get_world_size()
        return 0, 1

    def _check_sharing(self, world_size: int) -> None:
        """Raise InputError unless batches are divided among processes once, and among the number of processes of the
        state.
        """
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
    """The given rank and world size; None without them."""
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
        raise InputError(f"sharded_by: '{name}' is not one of sampler, accelerate")
    return name
