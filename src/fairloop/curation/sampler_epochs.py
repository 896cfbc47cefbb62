"""The epoch of each pass over a sampler, and its first batch, for loops, loaders and frameworks."""

from __future__ import annotations

import warnings

from fairloop.curation import frameworks


class Passes:
    """Numbers the passes over a sampler by epochs.

    A new pass is a new epoch, unless an epoch was set or a state loaded since the last pass began. A pass begins with
    its first batch, not when an iterator is made: loaders make iterators that they never use. So an abandoned pass and
    a loader that fetches ahead do not repeat an epoch.

    epoch: of the newest pass, or the epoch that was set or loaded for the next pass.
    """

    def __init__(self) -> None:
        self.epoch = 0
        self._next = 0  # the epoch of the next pass if no other is set
        self._first = 0  # first batch of the newest or the told pass
        self._done = 0  # batches that the newest pass has yielded
        self._told = False  # the next pass is of `epoch`: it was set or loaded
        self._asked = False  # an iterator was made since the newest pass began
        self._newest: int | None = None  # number of the newest pass; None if no loop follows it
        self._begun = 0
        self._loaded = 0  # the epoch of the state that was loaded

    def ask(self) -> None:
        """Note that a loop made an iterator."""
        self._asked = True

    def set(self, epoch: int) -> None:
        """Set the epoch of the next pass. The pass starts at its first batch, unless a state within it was just loaded.

        accelerate's loaders call this with their own count; `begin` uses it if no other epoch is set.
        """
        if frameworks.epoch(self._next) is not None:
            return
        if epoch < self._loaded:
            warnings.warn(
                f"star: epoch {epoch} was set, but the state that was loaded is of epoch {self._loaded}; earlier "
                "epochs repeat. Set the epoch of the loader, too, such as by loader.set_epoch with accelerate",
                stacklevel=3,
            )
            self._loaded = 0
        if epoch != self.epoch or not self._told:
            self._first = 0
        self.epoch, self._told = epoch, True

    def load(self, epoch: int, batches: int) -> None:
        """Set the next pass: epoch `epoch`, after its first `batches` batches."""
        self.epoch, self._first, self._told = epoch, batches, True
        self._newest, self._loaded = None, epoch

    def begin(self) -> tuple[int, int, int]:
        """Begin a pass; return its number, its epoch, and the number of its batches to skip."""
        if not self._told:
            known = frameworks.epoch(self._next)
            self.epoch, self._first = self._next if known is None else known, 0
        self._next = self.epoch + 1
        self._begun += 1
        self._done, self._asked = self._first, False
        self._told = frameworks.restores_finished_pass()
        self._newest = None if self._told else self._begun
        return self._begun, self.epoch, self._first

    def hand_out(self, number: int, epoch: int, batches: int) -> None:
        """Note that pass `number` of `epoch` has yielded `batches` batches."""
        if number != self._newest:
            return
        if self._told and epoch == self.epoch:  # set when the loader had already begun to fetch
            self._told = False
        elif self._told:
            self._newest = None
            warnings.warn(
                f"star: epoch {self.epoch} was set, but the loader had begun epoch {epoch} before, and goes on with it"
                "; set the epoch, or load the sampler's state, before a loader with workers is iterated",
                stacklevel=3,
            )
        self._done, self._asked = batches, False

    def position(self) -> tuple[int, int]:
        """The epoch and the number of batches that it has yielded: of the next pass if known, else of the newest."""
        if self._told:
            return self.epoch, self._first
        return (self._next, 0) if self._asked else (self.epoch, self._done)
