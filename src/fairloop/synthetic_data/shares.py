"""Shares of groups, labels and strata among real and synthetic people, and the base rates of groups."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fairloop.metrics.group_rates import Rate, divide
from fairloop.metrics.intervals import Estimate, of_rate
from fairloop.metrics.statistics import ALPHA
from fairloop.synthetic_data.pair import Codes, Pair, People


def shares(pair: Pair) -> pd.DataFrame:
    """A row for each group, label and stratum, and for the base rate of each group.

    Columns: measure, name, real, synthetic, difference (synthetic less real) with its 95 % interval (low, high), which
    assumes that both tables are independent samples, and the people behind each (real_people, synthetic_people).
    """
    both = pair.real, pair.synthetic
    parts = [
        _rows("group_share", pair.group_names, *(_of_all(each.groups, len(pair.group_names)) for each in both)),
        _rows("label_share", pair.label_names, *(_of_all(each.labels, len(pair.label_names)) for each in both)),
        _rows("stratum_share", pair.strata, *(_of_all(pair.stratum(each), len(pair.strata)) for each in both)),
        _rows("base_rate", pair.group_names, *(_base_rates(pair, each) for each in both)),
    ]
    return pd.concat(parts, ignore_index=True)


Counted = tuple[Codes, Codes]
"""(n,) numbers of people with a property, and of all people."""


def _of_all(codes: Codes, names: int) -> Counted:
    return np.bincount(codes, minlength=names), np.full(names, len(codes))


def _base_rates(pair: Pair, people: People) -> Counted:
    good, groups = people.groups[people.labels == pair.beneficial], len(pair.group_names)
    return np.bincount(good, minlength=groups), np.bincount(people.groups, minlength=groups)


def _rows(measure: str, names: tuple[str, ...], real: Counted, synthetic: Counted) -> pd.DataFrame:
    one, other = _estimated(real), _estimated(synthetic)
    change = other.less(one)
    return pd.DataFrame(
        {"measure": measure, "name": names, "real": one.value, "synthetic": other.value, "difference": change.value,
         "low": change.low, "high": change.high, "real_people": real[0], "synthetic_people": synthetic[0]}
    )  # fmt: skip


def _estimated(counted: Counted) -> Estimate:
    some, of = counted
    return of_rate(Rate(np.nan, divide(some, of), np.concatenate([[0], of])), ALPHA).at(np.arange(1, len(of) + 1))
