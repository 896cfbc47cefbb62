"""Logs that the loop over rounds of people has made, with features, for tests of forecasts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fairloop.loop.generations import Generation, generations
from fairloop.loop.people.population import source_of
from fairloop.loop.trainer import ModelTrainer
from fairloop.people.selective_labels import SelectiveLabels
from fairloop.spec.run import RunSpec, from_mapping
from fairloop.store.memory import MemoryModels

STANDARDISED = {"model": "fairloop.forecasting.estimators:Standardised"}
NAMED: dict[str, Any] = {
    "round": "round", "label": "label", "prediction": "prediction", "groups": "group", "features": ["x0", "B"],
    "beneficial": "yes",
}  # fmt: skip
LAW = {
    "kind": "normal", "negative": ((-0.7,), (-1.0,)), "positive": ((0.8,), (0.5,)), "rates": (0.55, 0.4),
    "shares": (0.6, 0.4), "with_group": True,
}  # fmt: skip


class Recorded(SelectiveLabels):
    """Remembers the people of each round."""

    def __init__(self) -> None:
        super().__init__(LAW)
        self.came: list[Any] = []

    def arrive(self, state, n, published, rngs):
        people = super().arrive(state, n, published, rngs)
        self.came.append(people)
        return people


@dataclass(frozen=True)
class Made:
    """A loop, its rounds, its people, and its first rounds as a log."""

    spec: RunSpec
    kind: Recorded
    rounds: list[Generation]

    def log(self, rounds: int) -> pd.DataFrame:
        """The first rounds, as a decision maker has them."""
        parts = []
        for one, people in zip(self.rounds[:rounds], self.people, strict=False):
            log = one.log
            names = np.array([*log.label_names, None], object)
            parts.append(pd.DataFrame({
                "round": one.index, "x0": people.features[:, 0], "B": people.features[:, 1],
                "group": np.array(log.group_names, object)[log.group], "prediction": names[log.prediction],
                "label": names[log.label], "propensity": log.propensity,
            }))  # fmt: skip
        return pd.concat(parts, ignore_index=True)

    @property
    def people(self) -> list[Any]:
        """Those of each round."""
        return self.kind.came[-len(self.rounds) :]


def made(rounds: int, seed: int = 0, arrivals: int = 300, learn: str = "accumulate", **people: Any) -> Made:
    """A loop of so many rounds. learn: its data policy. people: fields of its section."""
    spec = from_mapping({
        "name": "made", "seed": seed, "setting": "people", "generations": rounds, "precision": "fp32", "device": "cpu",
        "classifier": STANDARDISED, "annotator": STANDARDISED, "policy": {"classifier": {"kind": learn}},
        "people": {"arrivals": arrivals, "first": "everybody", "revealed": "accepted", **people},
    })  # fmt: skip
    kind = Recorded()
    source = source_of(spec)._replace(kind=kind)
    return Made(spec, kind, list(generations(ModelTrainer(spec, MemoryModels(), source=source))))
