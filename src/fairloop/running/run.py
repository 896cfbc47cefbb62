"""One run: where the loop meets the store, the view and the clock."""

from __future__ import annotations

import os
import platform
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

from fairloop import data
from fairloop._util.files import DAMAGED, set_aside
from fairloop.data import DataSpec, Population
from fairloop.errors import InputError
from fairloop.loop.generations import Generation, generations
from fairloop.loop.trainer import ModelTrainer
from fairloop.spec.files import with_files_read
from fairloop.spec.run import RunSpec
from fairloop.store.directory import RunDirectory
from fairloop.store.interface import Fit, M, Models, Trained
from fairloop.store.models import DirectoryModels
from fairloop.training.fitting import Checkpoint, State
from fairloop.training.plan import Plan
from fairloop.training.recipe import MATHS_VERSION, Recipe

_PACKAGES = ("fairloop", "torch", "numpy", "pyarrow", "safetensors", "pydantic")


class View(AbstractContextManager["View"], Protocol):
    """Shows a person how a run goes on."""

    def start(self, spec: RunSpec, population: Population, done: int) -> None:
        """A run begins; `done` of its generations are recorded already."""

    def watch(self, recipe: Recipe, checkpoints: Iterator[Checkpoint[M]]) -> Iterator[Checkpoint[M]]:
        """The same checkpoints, shown as they pass."""
        ...

    def generation(self, generation: Generation) -> None:
        """A generation is recorded."""


def run(
    spec: RunSpec,
    directory: RunDirectory,
    view: View,
    models: Path | None = None,
    through: Callable[[DirectoryModels], Models] = lambda store: store,
    *,
    repair: bool = False,
    files: DataSpec | None = None,
) -> None:
    """Run `spec` in `directory`: from the beginning, or on from its last whole generation.

    models: where models are kept, if not in `directory`; several runs may share it, so all are kept there.
    through: what stands between the run and its models, such as a lease or a copy elsewhere.
    repair: set aside damaged files, with a warning for each, and go on from the generation before them.
    files: the spec's data as this process finds them, if its relative paths do not begin here.

    Raises InputError before anything is trained if the directory holds another run, is in use, or if the spec
    does not fit the data or this machine.
    """
    spec = with_files_read(spec)
    if not repair:
        directory.check(spec)  # before data are read; what counts is the same question once the directory is ours
    store = DirectoryModels(models or directory.models)
    watched = _Watched(through(store), view)
    trainer = ModelTrainer(spec, watched, population=data.load(files, spec.seed) if files else None)
    with directory.locked():
        if repair:
            _repair(directory, spec, store, trainer.plan)
        else:
            directory.check(spec)
        directory.records()  # or damage would come to light only when the run is done
        _same_ground(directory, trainer)
        done = directory.committed()
        session = Session(directory, trainer, store.root)
        view.start(spec, trainer.population, done)
        for generation in generations(trainer, start=done) if done < spec.generations else ():
            directory.commit(generation.index, generation.rows, generation.gallery)
            if models is None:
                _prune(store, trainer.plan, spec.keep, generation.index)
            session.record(generation.index, watched.trained)
            view.generation(generation)
        if models is None:
            _prune(store, trainer.plan, spec.keep, spec.generations - 1)
            if spec.keep == "none":
                for recipe in trainer.plan:
                    store.forget(recipe)
        directory.pack()


class Session:
    """One go at a run, as its provenance tells it."""

    def __init__(self, directory: RunDirectory, trainer: ModelTrainer, models: Path) -> None:
        self._directory = directory
        self._spec = trainer.spec
        self._models = os.path.relpath(models, directory.root)
        self._before = directory.provenance().get("sessions", [])
        self._started = time.monotonic()
        self._entry: dict[str, Any] = {
            "run": self._spec.identity,
            "maths": MATHS_VERSION,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": 0.0,
            "generations": [],
            "trained": [],
            "packages": {name: _version(name) for name in _PACKAGES},
            "commit": _commit(),
            "python": platform.python_version(),
            "machine": f"{platform.system()} {platform.machine()}",
            "numerics": trainer.numerics.record(),
            "data": trainer.population.fingerprint,
        }
        if self._before and self._before[-1]["packages"] != self._entry["packages"]:
            warnings.warn("this run was begun with other versions of packages; see provenance.json", stacklevel=2)
        self._write()

    def record(self, generation: int, trained: Sequence[str]) -> None:
        """A generation is done. trained: the models that this session has trained, not found, so far."""
        self._entry["generations"].append(generation)
        self._entry["trained"] = list(trained)
        self._entry["seconds"] = round(time.monotonic() - self._started, 1)
        self._write()

    def _write(self) -> None:
        self._directory.describe(
            self._spec, {"run": self._spec.identity, "models": self._models, "sessions": [*self._before, self._entry]}
        )


class _Watched:
    """A store whose fits are shown as they go, and counted."""

    def __init__(self, models: Models, view: View) -> None:
        self._models = models
        self._view = view
        self.trained: list[str] = []

    def model(self, recipe: Recipe, fit: Fit[M]) -> Trained[M]:
        def watched(state: State | None) -> Iterator[Checkpoint[M]]:
            yield from self._view.watch(recipe, fit(state))
            if state is None or state.epochs < recipe.training.epochs:
                self.trained.append(recipe.title)

        return self._models.model(recipe, watched)

    def has(self, recipe: Recipe) -> bool:
        return self._models.has(recipe)

    def busy(self, recipe: Recipe) -> bool:
        return self._models.busy(recipe)


def _repair(directory: RunDirectory, spec: RunSpec, store: DirectoryModels, plan: Plan) -> None:
    """Set aside the damaged files of a run, and of the models that it needs."""
    aside = directory.mend(spec)
    aside += [set_aside(path) for recipe in plan for path in store.damages(recipe)]
    for path in aside:
        warnings.warn(f"{path.name.removesuffix(DAMAGED)} was damaged; it is set aside as {path}", stacklevel=2)


def _same_ground(directory: RunDirectory, trainer: ModelTrainer) -> None:
    """Raise InputError if the run was begun on other data or numerics than this machine would go on with."""
    for session in directory.provenance().get("sessions", [])[-1:]:
        if session["data"] != trainer.population.fingerprint:
            raise InputError(f"data: {directory.root} was begun with other data; give those, or another --out")
        if (others := directory.maths() - {MATHS_VERSION}) and directory.committed() < trainer.spec.generations:
            raise InputError(
                f"--out: {directory.root} was begun by another version of fairloop, which makes other models of the "
                f"same recipes (maths {max(others)}, not {MATHS_VERSION}); go on with that version, or choose another "
                "--out"
            )
        before, now = session["numerics"], trainer.numerics.record()
        for name in before:
            if before[name] != now[name]:
                raise InputError(
                    f"{name}={now[name]}: {directory.root} was begun with {before[name]}; "
                    f"go on with --set {name}={before[name]} where that is possible, or choose another --out"
                )


def _prune(models: DirectoryModels, plan: Plan, keep: str, latest: int) -> None:
    """Delete what is not needed any more, unless all models are kept.

    The annotators, G_0, and the last generation with its labeller stay; also where none are to be kept in the end,
    since until then a resumed run goes on from them.
    """
    if keep == "all":
        return
    stay = (plan.label_annotator, plan.group_annotator, plan.generators[0], plan.generators[latest])
    names = {recipe.fingerprint for recipe in (*stay, *plan.classifiers[max(0, latest - 1) : latest + 1])}
    for recipe in plan:
        if recipe.fingerprint not in names:
            models.forget(recipe)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def _commit() -> str | None:
    """The commit of the source that runs, where it runs from a checkout."""
    here = Path(__file__).resolve().parent
    command = ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
        ours = subprocess.run(
            ["git", "-C", str(here), "ls-files", "--error-unmatch", __file__],
            capture_output=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if ours.returncode == 0 else None
