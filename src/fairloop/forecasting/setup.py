"""The settings of a forecast, and the spec of each run in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairloop._util.sizes import whole
from fairloop.errors import InputError
from fairloop.forecasting.logged import Logged
from fairloop.forecasting.policies import Policy
from fairloop.spec.run import RunSpec, from_mapping

_DEFAULT = "fairloop.forecasting.estimators:Standardised"
_NETWORK = {"model": "mlp", "epochs": 15, "batch": 512, "optimizer": "adam", "learning_rate": 0.01}


@dataclass(frozen=True)
class Setup:
    """The settings of a forecast.

    policies: in their order. rounds: to forecast. seeds: runs of each policy. estimator: `mlp` or `module:Name`; None
    for logistic regression. last: number of last rounds of the log to draw people from. learn_from: `all` rounds, or
    the `last` one.
    """

    policies: tuple[Policy, ...]
    rounds: int = 6
    seeds: int = 10
    estimator: str | None = None
    last: int = 1
    learn_from: str = "all"
    classifier: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        for option, number in {"--rounds": self.rounds, "--seeds": self.seeds, "--last": self.last}.items():
            whole(option, number, least=1)
        if self.learn_from not in ("all", "last"):
            raise InputError(f"--learn-from: '{self.learn_from}' is not all or last")
        if self.estimator is not None and self.estimator != "mlp" and ":" not in self.estimator:
            raise InputError(f"--estimator: '{self.estimator}' is not mlp, nor a module:Name")
        if find_spec("sklearn") is None:
            raise InputError("--estimator: forecasts need scikit-learn; install fairloop[estimators]")
        made = _NETWORK if self.estimator == "mlp" else {"model": self.estimator or _DEFAULT}
        object.__setattr__(self, "classifier", dict(made))

    def pool(self, log: Logged) -> NDArray[np.int64]:
        """The rows of the rounds to draw people from."""
        if self.last > log.size:
            raise InputError(f"--last: {self.last} rounds are more than the {log.size} of the log")
        return np.concatenate(log.places[-self.last :])

    def revealed(self, log: Logged) -> str:
        """`all` if every label of the last rounds is known, else `accepted`."""
        return "all" if (log.label[self.pool(log)] >= 0).all() else "accepted"

    def explored(self, log: Logged) -> float:
        """The share of explored rejected people in the log: their median propensity; 0 without propensities."""
        rows = self.pool(log)
        rejected = rows[~log.selected[rows]]
        if log.propensity is None or self.revealed(log) == "all" or not len(rejected):
            return 0.0
        share = float(np.nanmedian(log.propensity[rejected])) if np.isfinite(log.propensity[rejected]).any() else 0.0
        return share if 0 < share < 1 else 0.0

    def spec(self, log: Logged, seed: int, policy: Policy | None = None) -> RunSpec:
        """The spec of a run through the log's rounds and, with a policy, the next rounds."""
        fields: dict[str, Any] = {
            "name": "whatif", "seed": seed, "setting": "people", "precision": "fp32", "device": "cpu",
            "generations": log.size + (self.rounds if policy else 0),
            "classifier": self.classifier, "annotator": self.classifier,
            "policy": {"classifier": {"kind": "accumulate" if self.learn_from == "all" else "replace"}},
            "people": {
                "arrivals": max(1, round(len(self.pool(log)) / self.last)), "first": "everybody",
                "revealed": self.revealed(log), "exploration": self.explored(log),
            },
        }  # fmt: skip
        for section, changed in (policy.fields if policy else {}).items():
            fields[section] = {**fields.get(section, {}), **changed}
        try:
            return from_mapping(fields)
        except InputError as error:
            raise InputError(as_options(str(error))) from None


def as_options(message: str) -> str:
    """The error about the spec's model, with the name of the option."""
    message = message.replace("use people.weights=none instead", "name another")
    for part in ("classifier.model", "annotator.model", "people.weights"):
        message = message.replace(part, "--estimator")
    return message
