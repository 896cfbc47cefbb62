"""Data policies: the generations that a model learns from. A policy is one small class and one line in `POLICIES`.

In specs a policy is text: `replace`, `accumulate`, `window(3)`, or `module:Name(3)` of your own class.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol

from fairloop._util.limits import parsed
from fairloop._util.lookup import find
from fairloop.errors import InputError
from fairloop.sources.origin import REAL


class Policy(Protocol):
    """The generations that a model learns from.

    grows: whether an epoch passes over the data of all these generations. If not, it is as long as one generation's
    data.
    """

    grows: ClassVar[bool]

    def generations(self, latest: int) -> Sequence[int]:
        """The generations to learn from if `latest` is the last that made data; `REAL` stands for real people."""
        ...


@dataclass(frozen=True)
class Replace:
    """The data of the latest generation replace all earlier data (arXiv 2403.07857)."""

    grows: ClassVar[bool] = False

    def generations(self, latest: int) -> Sequence[int]:
        """The latest."""
        return [latest]


@dataclass(frozen=True)
class Accumulate:
    """The data of real people and of all generations accumulate (Gerstgrasser et al., arXiv 2404.01413)."""

    grows: ClassVar[bool] = True

    def generations(self, latest: int) -> Sequence[int]:
        """Real people and all generations so far."""
        return range(REAL, latest + 1)


@dataclass(frozen=True)
class AccumulateSubsample(Accumulate):
    """`Accumulate` with epochs as long as one generation's data (Kazdan et al., arXiv 2410.16713)."""

    grows: ClassVar[bool] = False


@dataclass(frozen=True)
class Window:
    """The data of the last k generations; real people count as the generation before the first."""

    k: int
    grows: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError(f"k={self.k}: a window holds at least 1 generation")

    def generations(self, latest: int) -> Sequence[int]:
        """The last k."""
        return range(max(REAL, latest - self.k + 1), latest + 1)


POLICIES = {
    "replace": "fairloop.spec.policies:Replace",
    "accumulate": "fairloop.spec.policies:Accumulate",
    "accumulate-subsample": "fairloop.spec.policies:AccumulateSubsample",
    "window": "fairloop.spec.policies:Window",
}

_TEXT = re.compile(r"([^()]+)(?:\((.*)\))?")


def policy(text: str, field: str = "policy") -> Policy:
    """The policy that `text` names, such as `window(3)`. field: of the spec, for errors.

    Raises InputError for an unknown name and for arguments that the policy does not take.
    """
    match = _TEXT.fullmatch(text.strip())
    if match is None:
        raise InputError(f"{field}: '{text}' is not a policy; write a name, such as accumulate or window(3)")
    kind = find(POLICIES, match[1].strip(), field)
    try:
        arguments = parsed(f"[{match[2] or ''}]")
        inspect.signature(kind).bind(*arguments)
        made: Policy = kind(*arguments)
        return made
    except Exception as error:  # a user's constructor may raise anything
        raise InputError(f"{field}: '{text}' cannot be built: {' '.join(str(error).split())}") from error


class Part(NamedTuple):
    """Data of one generation (`REAL`: of real people), and their share among the data that a model learns from."""

    generation: int
    share: float


class Ingredients(NamedTuple):
    """The data that a model learns from.

    parts: the generations, in order; their shares sum to 1.
    size: samples that an epoch passes over.
    latest: the last generation that made any data.
    """

    parts: tuple[Part, ...]
    size: int
    latest: int

    @property
    def plain(self) -> bool:
        """Whether all data come from the latest generation, as in the published settings."""
        return [part.generation for part in self.parts] == [self.latest]

    @property
    def real(self) -> bool:
        """Whether real people are among the data."""
        return self.parts[0].generation == REAL


def ingredients(
    chosen: Policy,
    latest: int,
    *,
    people: int,
    samples: int,
    by_size: bool,
    real_share: float | None,
    kept: Mapping[int, int] | None = None,
) -> Ingredients:
    """The data that a model learns from when generation `latest` is the last that made any.

    people: number of real people. samples: number of samples that each generation of models counts for.
    kept: the number by generation, in place of `samples`, for generations whose samples were kept.
    by_size: whether generations are weighted by these numbers, or equally.
    real_share: share of real people; None if the policy treats them as one more generation.
    """
    chosen_ones = sorted(set(chosen.generations(latest)))
    if not chosen_ones or chosen_ones[0] < REAL or chosen_ones[-1] > latest:
        raise InputError(
            f"policy: {type(chosen).__name__} chose generations {chosen_ones} when {latest} was the last; give at "
            f"least one of {REAL} (real people) to {latest}"
        )
    made = kept or {}
    sizes = {g: people if g == REAL else made.get(g, samples) for g in chosen_ones}
    total = sum(sizes.values()) if chosen.grows else samples
    if real_share is not None:
        sizes.pop(REAL, None)
    weights = {g: size if by_size else 1 for g, size in sizes.items()}
    left = 1 - (real_share or 0)
    shares = {g: left * weight / sum(weights.values()) for g, weight in weights.items() if left}
    if real_share:
        shares = {REAL: real_share} | shares
    return Ingredients(tuple(Part(g, share) for g, share in shares.items()), total, latest)
