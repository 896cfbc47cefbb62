"""Forecasts of the next rounds of a log of decisions: a loop fitted to the log, checked by a replay, run under
policies.

The module is not called `whatif`, because the import of a submodule of that name would replace the public function
`fairloop.whatif`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from pathlib import Path
from typing import Any

import pandas as pd

from fairloop._util.as_json import as_file
from fairloop._util.directories import claim_free
from fairloop._util.escape import write_csv
from fairloop._util.files import replacing, write_text
from fairloop._util.options import called_from_python
from fairloop.auditing import Audit, audited
from fairloop.auditing.gate.limits import Limit
from fairloop.auditing.gate.limits import limits as every_limit
from fairloop.auditing.log.columns import Columns
from fairloop.auditing.measures.values import Measure
from fairloop.errors import InputError
from fairloop.forecasting import future, page, words
from fairloop.forecasting.future import SHARE, Broken, Paths
from fairloop.forecasting.logged import Logged, logged
from fairloop.forecasting.people import check_labels
from fairloop.forecasting.policies import policies
from fairloop.forecasting.replay import Replay, replay
from fairloop.forecasting.setup import Setup
from fairloop.tables.values import name, several

__all__ = ["FILES", "Broken", "Replay", "Setup", "WhatIf", "forecast", "free", "whatif"]

FILES = (
    "report.html", "forecast.parquet", "forecast.csv", "fans.csv", "replay.csv", "limits.csv", "whatif.txt",
    "whatif.json",
)  # fmt: skip
"""The files that `WhatIf.write` puts into its directory."""


def whatif(
    log: Any, *, round: Hashable, label: Hashable, groups: Hashable | Sequence[Hashable], features: Sequence[Hashable],
    prediction: Hashable = None, score: Hashable = None, threshold: float | None = None, propensity: Hashable = None,
    weight: Hashable = None, policy: str | Sequence[str] = ("as-is",), rounds: int = 6, seeds: int = 10,
    estimator: str | None = None, last: int = 1, learn_from: str = "all", beneficial: object = None,
    round_order: str | Sequence[object] | None = None, fail_on: str | Sequence[str] = (),
    limits: str | Path | None = None,
) -> WhatIf:  # fmt: skip
    """Forecast the next rounds of a log of decisions under policies.

    log, round, label, groups, prediction, score, threshold, propensity: as in `fairloop.audit`.
    weight: as in `fairloop.audit`. People are drawn, and count in every fit, by their weights.
    beneficial, round_order, fail_on, limits: as in `fairloop.audit`. Charts show limits; limits with `lower()` and
    `upper()` judge the plain value.
    features: the columns for decisions.
    policy: `as-is`, `star`, `explore(SHARE)`, `labels(SHARE)`, one or several. rounds: to forecast. seeds: of each.
    estimator: `mlp` or `module:Name`; None for logistic regression on standardised features. It is retrained after
        each round. learn_from: on the known outcomes of `all` rounds so far, or of the `last` one.
    last: number of last rounds to draw people from.

    Raises InputError for a log or an argument that cannot be used, before anything is trained.

    >>> log = {"month": [1, 1, 1, 1, 2, 2, 2, 2], "income": 2 * [1, 2, 3, 4], "sex": 4 * ["f", "m"],
    ...        "repaid": [0, 0, 1, 1, 0, 1, 0, 1], "granted": 2 * [0, 0, 1, 1]}
    >>> found = whatif(log, round="month", label="repaid", prediction="granted", groups="sex", features=["income"],
    ...                policy=["as-is", "star"], rounds=2, seeds=2)
    >>> found.fans[["policy", "ahead"]].drop_duplicates().values.tolist()
    [['as-is', 1], ['as-is', 2], ['star', 1], ['star', 2]]
    """
    with called_from_python():
        return forecast(**locals())


def forecast(
    log: Any, *, groups: Hashable | Sequence[Hashable], features: Sequence[Hashable], threshold: float | None = None,
    policy: str | Sequence[str] = ("as-is",), rounds: int = 6, seeds: int = 10, estimator: str | None = None,
    last: int = 1, learn_from: str = "all", beneficial: object = None,
    round_order: str | Sequence[object] | None = None, fail_on: str | Sequence[str] = (),
    limits: str | Path | None = None, tell: Callable[[str], None] = lambda _: None, **named: Hashable,
) -> WhatIf:  # fmt: skip
    """As `whatif`, with errors that name options of the command line. tell: called with the progress in words."""
    asked = policies((policy,) if isinstance(policy, str) else policy)
    setup = Setup(asked, rounds, seeds, estimator, last, learn_from)
    future.check(every_limit(fail_on, limits))
    for option in ("round", "label"):
        if named.get(option) is None:
            raise InputError(f"--{option}: name its column")
    by_part = {part: name(column) for part, column in named.items() if column is not None}
    columns = Columns(
        groups=_names(groups), threshold=threshold, features=_names(features), regression=False, **by_part
    )
    read = logged(log, columns, beneficial, round_order)
    check_labels(read, setup.pool(read))
    if estimator == "mlp":
        read = read.standardised()
    options = {name: name for name in read.more}
    audit = audited(
        read.frame(), round="round", label="label", prediction="prediction", groups=("group",), beneficial="1",
        round_order=list(read.told.names), fail_on=fail_on, limits=limits, **options,
    )  # fmt: skip
    wanted = future.measures(read, audit.limits)
    future.check_estimator(read, setup)
    again = replay(read, setup, audit.measured, [one for one in wanted if one.metric != SHARE])
    return WhatIf(read, setup, audit, wanted, again, future.paths(read, setup, wanted, tell))


def _names(columns: Any) -> tuple[str, ...]:
    """One column or several, as names without repetition."""
    return tuple(dict.fromkeys(map(name, several(columns))))


@dataclass(frozen=True, repr=False)
class WhatIf:
    """A log, and its next rounds under policies.

    measures: M of them. paths: (P, seeds, rounds, M) their values.

    >>> log = {"month": [1, 1, 1, 1, 2, 2, 2, 2], "income": 2 * [1, 2, 3, 4], "sex": 4 * ["f", "m"],
    ...        "repaid": [0, 0, 1, 1, 0, 0, 1, 1], "granted": 2 * [0, 0, 1, 1]}
    >>> found = whatif(log, round="month", label="repaid", prediction="granted", groups="sex", features=["income"],
    ...                rounds=1, seeds=2, fail_on="tpr[f]<0.5")
    >>> str(found.limits[0]), [(one.ahead, one.seeds) for one in found.broken]
    ('tpr[f]<0.5', [(1, 2)])
    >>> from fairloop.auditing.measures.values import Measure
    >>> tpr = Measure("tpr", "f")
    >>> [value for value, low, high in found.history(tpr)], found.cell(tpr)  # of the rounds of the log, and of the last
    ([1.0, 1.0], '1.000')
    >>> list(found.table), len(found.fans), len(found.replayed)
    (['policy', 'seed', 'ahead', 'metric', 'group', 'value'], 8, 6)
    >>> found.document()["policies"]
    ['as-is']
    >>> found.write("forecast")  # doctest: +SKIP
    """

    log: Logged
    setup: Setup
    audit: Audit
    measures: tuple[Measure, ...]
    replay: Replay
    paths: Paths

    @property
    def limits(self) -> tuple[Limit, ...]:
        """The given limits."""
        return self.audit.limits

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row for each value: its policy, seed, round ahead (from 1 on), metric and group."""
        return future.table(self.paths, self.setup.policies, self.measures)

    @cached_property
    def fans(self) -> pd.DataFrame:
        """One row for each policy, round ahead and measure: the mean over seeds, and its prediction interval."""
        return future.fans(self.paths, self.setup.policies, self.measures)

    @cached_property
    def broken(self) -> list[Broken]:
        """The number of seeds with a broken limit up to each round ahead, by policy and limit."""
        return future.broken(self.paths, self.setup.policies, self.measures, self.limits)

    @property
    def replayed(self) -> pd.DataFrame:
        """One row for each measure and past round: log, replay, difference, low, high, and whether it differs."""
        rows = [(one.round, *one.measure, *one[2:], one.differs) for one in self.replay.lines]
        names = ["round", "metric", "group", "log", "replay", "difference", "low", "high", "differs"]
        return pd.DataFrame(rows, columns=names)

    def history(self, measure: Measure) -> list[tuple[float, float, float]]:
        """Value, low and high of a measure in each round of the log."""
        if measure.metric == SHARE:
            people = self.audit.measured.rounds.people
            place = self.log.told.groups.index(measure.group)
            nothing = float("nan")
            return [(float(share), nothing, nothing) for share in people[:, place] / people.sum(axis=1)]
        return [(one.value, one.low, one.high) for one in self.audit.measured.values(measure)]

    def cell(self, measure: Measure) -> str:
        """The measure in the log's last round, in words."""
        value, low, high = self.history(measure)[-1]
        if isfinite(value):
            return f"{value:.3f}"
        return f"between {low:.3f} and {high:.3f}" if isfinite(low) and isfinite(high) else "undefined"

    def __str__(self) -> str:
        return words.text(self)

    def __repr__(self) -> str:
        return f"<What if of {self.log.name}: {', '.join(one.name for one in self.setup.policies)}>"

    def document(self) -> dict[str, Any]:
        """All values and sentences as plain data."""
        setup = self.setup
        return {
            "log": self.log.name,
            "rounds": list(self.log.told.names),
            "features": list(self.log.feature_names),
            "groups": list(self.log.told.groups),
            "policies": [one.name for one in setup.policies],
            "ahead": setup.rounds,
            "seeds": setup.seeds,
            "estimator": setup.classifier["model"],
            "learn_from": setup.learn_from,
            "assumptions": words.assumptions(self),
            "replay": {
                "said": words.replayed(self), "decided_otherwise": self.replay.others,
                "lines": self.replayed.to_dict("records"),
            },
            "fans": self.fans.to_dict("records"),
            "limits": [one._asdict() for one in self.broken],
        }  # fmt: skip

    def write(self, out: str | Path, *, overwrite: bool = False) -> tuple[str, ...]:
        """Write `FILES` into the directory `out`; returns their names. overwrite: whether `out` may hold a forecast.

        Raises InputError if `out` cannot be used.
        """
        out = Path(out)
        free(out, overwrite)
        with replacing(out / "forecast.parquet") as temporary:
            self.table.to_parquet(temporary, index=False)
        told = pd.DataFrame(self.broken, columns=list(Broken._fields))
        tables = {"forecast": self.table, "fans": self.fans, "replay": self.replayed, "limits": told}
        for called, frame in tables.items():
            write_csv(frame, out / f"{called}.csv")
        write_text(out / "whatif.txt", str(self) + "\n")
        write_text(out / "whatif.json", as_file(self.document()))
        page.write(self, out / "report.html")
        return FILES


def free(out: Path, overwrite: bool) -> None:
    """Raise InputError if `out` is not a directory for forecasts, or holds a forecast."""
    claim_free(out, "a forecast", FILES, overwrite=overwrite)
