"""References of an audit: a group, for differences and distances between groups; rounds, for drift."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fairloop.auditing.log.rounds import Rounds
from fairloop.errors import InputError
from fairloop.metrics.group_rates import divide
from fairloop.metrics.intervals import Estimate
from fairloop.tables.values import written

LARGEST, BEST = "largest", "best"
_ROLLING = re.compile(r"rolling\(\s*(\d+)\s*\)")


def reference(rounds: Rounds, wish: str | None) -> tuple[int, int | None]:
    """The positions of two groups: the reference of distances of scores, and of differences and ratios.

    wish: a group's name, `largest`, `best` or None; see `measured.Measured`. The second is None for all pairs,
    and for `best`, because the largest difference is that from the best group. The best group for scores is the group
    with the highest selection rate in all rounds together.
    """
    largest = int(rounds.people.sum(axis=0).argmax())
    if wish is None:
        return largest, None
    if wish in rounds.groups:
        return (rounds.groups.index(wish),) * 2
    if wish == LARGEST:
        return largest, largest
    if wish == BEST:
        cells = rounds.cells["n"].sum(axis=(0, 2))
        return int(np.nan_to_num(divide(cells[:, 1], cells.sum(axis=1))).argmax()), None
    close = difflib.get_close_matches(wish, [*rounds.groups, LARGEST, BEST], n=3, cutoff=0.4)
    known = f"there are {rounds.groups}; or give {LARGEST} or {BEST}"
    hint = f"did you mean {' or '.join(map(repr, close))}?" if close else known
    raise InputError(f"--reference-group {wish}: there is no such group; {hint}")


@dataclass(frozen=True)
class Reference:
    """The reference rounds of drift, by their positions, and their name in words."""

    places: tuple[int, ...]
    words: str

    def of(self, rounds: Estimate) -> Estimate:
        """The mean of (R, ...) estimates over the rounds, as independent samples: squared distances to limits are
        added.
        """
        if len(self.places) == 1:
            return rounds.at(self.places[0])
        chosen = rounds.at(np.array(self.places, np.int64))
        value = chosen.value.mean(axis=0)
        below, above = (
            np.sqrt(((chosen.value - end) ** 2).sum(axis=0)) / len(self.places) for end in (chosen.low, chosen.high)
        )
        return Estimate(value, value - below, value + above)


FIRST = Reference((0,), "the first round")


def reference_round(names: Sequence[str], wish: object = None) -> Reference:
    """The reference rounds: a round's name, `first`, `previous`, or `rolling(k)`, the mean of k rounds before.

    Raises InputError for an absent round, for the last round itself, and for too many rounds.
    """
    said = None if wish is None else (written(wish) or "")
    if said is not None and said in names:
        place = list(names).index(said)
        if place == len(names) - 1 and place:
            raise InputError(f"--reference {said}: is the last round itself; drift is measured from an earlier one")
        return Reference((place,), f"round {said}")
    if said in (None, "first"):
        return FIRST
    if said == "previous":
        return Reference((max(0, len(names) - 2),), "the round before")
    if found := _ROLLING.fullmatch(said):
        often = int(found[1])
        if not 0 < often < len(names):
            raise InputError(f"--reference {said}: there are {len(names) - 1} rounds before the last; give 1 to that")
        places = tuple(range(len(names) - 1 - often, len(names) - 1))
        return Reference(places, "the round before" if often == 1 else f"the mean of the {often} rounds before")
    raise InputError(
        f"--reference {said}: there is no such round; {near(said, names, ('first', 'previous', 'rolling(k)'))}"
    )


def judged_round(names: Sequence[str], usable: Sequence[bool], wish: object, where: str) -> int:
    """The position of the judged round of a gate: the last round, or the round that `wish` names.

    usable: whether each round has mature labels. wish: None or `last`, a round's name, or
    `last-labelled`, the last usable round. Raises InputError for an absent round.
    """
    said = "last" if wish is None else (written(wish) or "")
    if wish is not None and said in names:
        return list(names).index(said)
    if said == "last":
        return len(names) - 1
    if said == "last-labelled":
        found = np.nonzero(np.asarray(usable))[0]
        if not len(found):
            raise InputError(f"{where} {said}: no round has labels that are mature")
        return int(found[-1])
    raise InputError(f"{where} {said}: there is no such round; {near(said, names, ('last', 'last-labelled'))}")


def near(said: str, names: Sequence[str], words: Sequence[str]) -> str:
    """A hint with the names that are close to the name of an absent round."""
    close = difflib.get_close_matches(said, [*names, *words], n=3)
    known = [*names[:3], *(["..."] if len(names) > 3 else []), *words]
    return f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(known)}"
