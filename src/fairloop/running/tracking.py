"""Logs of runs in TensorBoard, Weights & Biases or MLflow, through the trackers of accelerate.

The values come from the run's records. So only recorded generations are logged, and a session with a tracker also logs
generations of sessions without it.
"""

from __future__ import annotations

import json
import os
import re
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from types import TracebackType
from typing import Any, TypedDict
from uuid import uuid4

import numpy as np
import pandas as pd

from fairloop._util.files import damaged, write_text
from fairloop.data import Population
from fairloop.errors import FairloopError, InputError
from fairloop.loop.generations import Generation
from fairloop.running import Tracker
from fairloop.running.run import View
from fairloop.spec.run import RunSpec
from fairloop.store.directory import RunDirectory
from fairloop.store.interface import M
from fairloop.training.fitting import Checkpoint
from fairloop.training.recipe import Recipe

_PROJECT = "fairloop"
_COMPARISONS = {">=": "at least ", "<=": "at most ", ">": "above ", "<": "below "}


def check(tracker: Tracker) -> None:
    """Raise InputError if a package of the tracker is not installed."""
    for package, remedy in (("accelerate", "'fairloop[tracking]'"), (tracker, tracker)):
        if find_spec(package) is None:
            raise InputError(f"--track {tracker}: {package} is not installed; pip install {remedy}")


class _Notes(TypedDict):
    """logged: how many generations the tracker has. id: of the tracker's run; None before it began."""

    logged: int
    id: str | None


class Tracked:
    """A view that passes each recorded generation once to a tracker, and everything to `view`."""

    def __init__(self, view: View, tracker: Tracker, directory: RunDirectory) -> None:
        check(tracker)
        self._view = view
        self._name = tracker
        self._directory = directory
        self._notes = directory.root / "tracking" / f"{tracker}.json"
        self._tracker: Any = None

    def __enter__(self) -> Tracked:
        self._view.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._tracker is not None:
                self._tracker.finish()
        finally:
            self._view.__exit__(kind, error, trace)

    def prepare(self, spec: RunSpec) -> None:
        """Pass on to `view`."""
        self._view.prepare(spec)

    def start(self, spec: RunSpec, population: Population, done: int) -> None:
        """Start or resume the tracker's run. Raises InputError if it cannot start."""
        self._view.start(spec, population, done)
        notes = self._read()
        if notes["logged"] >= spec.generations:
            return
        try:
            self._tracker = _open(self._name, self._directory, spec, notes)
        except Exception as error:  # three packages raise their own errors
            raise InputError(f"--track {self._name}: cannot begin ({' '.join(str(error).split())})") from error
        self._write(notes)
        self._log()

    def watch(self, recipe: Recipe, checkpoints: Iterator[Checkpoint[M]]) -> Iterator[Checkpoint[M]]:
        """Pass on to `view`."""
        return self._view.watch(recipe, checkpoints)

    def generation(self, generation: Generation) -> None:
        """Log the generation, and earlier generations that were recorded without a log."""
        self._view.generation(generation)
        self._log()

    def _log(self) -> None:
        """Log recorded generations that are not logged. A failing tracker does not end the run. The next call tries
        again.
        """
        notes = self._read()
        records = self._directory.records().to_pandas()
        for i, rows in records[records["generation"] >= notes["logged"]].groupby("generation"):
            # Noted before logging, because after a crash here a gap is better than a generation that is logged twice.
            self._write({**notes, "logged": int(i) + 1})
            try:
                self._hand_over(int(i), rows)
            except FairloopError as error:
                self._write({**notes, "logged": int(i)})
                warnings.warn(str(error), stacklevel=2)
                return

    def _hand_over(self, generation: int, rows: pd.DataFrame) -> None:
        try:
            self._tracker.log(scalars(rows), step=generation)
        except Exception as error:  # as above
            raise FairloopError(
                f"--track {self._name}: generation {generation} is not logged yet ({error}); the run goes on"
            ) from error

    def _read(self) -> _Notes:
        if not self._notes.is_file():
            return {"logged": 0, "id": None}
        try:
            notes: _Notes = json.loads(self._notes.read_text(encoding="utf-8"))
        except ValueError as error:
            raise damaged(self._notes, str(error)) from error
        return notes

    def _write(self, notes: _Notes) -> None:
        write_text(self._notes, json.dumps(notes) + "\n")


def scalars(rows: pd.DataFrame) -> dict[str, float]:
    """The values of one generation by names such as `classifier test/accuracy/red` and `generator training/loss`.

    Values by epoch are reduced to the last epoch. Undefined values are left out. Signs that trackers do not accept
    become words: label `>=5` is `at least 5`.
    """
    last = rows["epoch"].isna() | (rows["epoch"] == rows.groupby(["role", "metric"])["epoch"].transform("max"))
    found: dict[str, float] = {}
    for row in rows[last & np.isfinite(rows["value"])].itertuples():
        members = row.group if pd.isna(row.label) else f"{row.label} and {row.group}"
        members = row.label if row.group == "overall" and not pd.isna(row.label) else members
        where = f"{row.role} {'training' if pd.isna(row.split) else row.split}".replace("_", " ")
        found["/".join((where, str(row.metric), _sign_free(str(members))))] = float(row.value)
    return found


def _sign_free(name: str) -> str:
    for sign, words in _COMPARISONS.items():
        name = name.replace(sign, words)
    return re.sub(r"[^\w .-]", "_", name)


def _open(name: Tracker, directory: RunDirectory, spec: RunSpec, notes: _Notes) -> Any:
    """Start the tracker. A new run's id is stored in `notes`, and the tracker gets its spec."""
    from accelerate import PartialState
    from accelerate.tracking import MLflowTracker, TensorBoardTracker, WandBTracker

    PartialState(cpu=True)  # trackers ask it for the main process; with cpu=True it looks for no other process
    place, new = directory.root / "tracking", notes["id"] is None
    place.mkdir(parents=True, exist_ok=True)
    fields = {
        path: value if isinstance(value, (int, float, str)) else json.dumps(value)
        for path, value in spec.flat().items()
    }
    if name == "tensorboard":
        tracker = TensorBoardTracker("tensorboard", place)
        tracker.start()
        notes["id"] = spec.identity
        if new:
            # As text: TensorBoard's table of hyperparameters would make a second run of each.
            tracker.log({"spec": f"```\n{spec.to_yaml()}```"}, step=0)
        return tracker
    if name == "wandb":
        os.environ.setdefault("WANDB_QUIET", "true")  # without this, each session ends with a page of numbers
        notes["id"] = notes["id"] or uuid4().hex
        tracker = WandBTracker(_PROJECT, name=spec.identity, id=notes["id"], resume="allow", dir=str(place))
        tracker.start()
    else:
        tracker = MLflowTracker(_PROJECT, run_id=notes["id"], run_name=spec.identity)
        tracker.start()
        notes["id"] = tracker.tracker.info.run_id
    if new:
        tracker.store_init_configuration(fields)
    return tracker
