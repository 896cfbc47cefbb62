"""One run: the loop with its store, its views and its heartbeat."""

from __future__ import annotations

import os
import platform
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Protocol

from fairloop import data
from fairloop._util.files import DAMAGED, set_aside
from fairloop.data import DataSpec, Population
from fairloop.errors import FairloopError, InputError
from fairloop.loop.generations import Generation, generations
from fairloop.loop.people.population import source_of
from fairloop.loop.trainer import ModelTrainer
from fairloop.running.heartbeat import Heartbeat
from fairloop.spec.files import with_files_read
from fairloop.spec.people import PEOPLE
from fairloop.spec.run import RunSpec
from fairloop.store.directory import RunDirectory
from fairloop.store.interface import Fit, M, Models, Trained
from fairloop.store.models import DirectoryModels
from fairloop.store.provenance import Provenance, Session, SessionNumerics
from fairloop.training.fitting import Checkpoint, State
from fairloop.training.plan import Plan
from fairloop.training.recipe import MATHS_VERSION, Recipe

_PACKAGES = ("fairloop", "torch", "numpy", "pyarrow", "safetensors", "pydantic")


class View(AbstractContextManager["View"], Protocol):
    """The protocol of views of a run in progress."""

    def prepare(self, spec: RunSpec) -> None:
        """Called before the data are read and the models tried, which may take long."""

    def start(self, spec: RunSpec, population: Population, done: int) -> None:
        """Called when the run starts, or resumes after `done` recorded generations."""

    def watch(self, recipe: Recipe, checkpoints: Iterator[Checkpoint[M]]) -> Iterator[Checkpoint[M]]:
        """Show the checkpoints as they pass, and return them."""
        ...

    def generation(self, generation: Generation) -> None:
        """Called after a generation is recorded."""


@contextmanager
def _no_exit() -> Iterator[None]:
    """Raise FairloopError if the user's code exits the program, so that an aborted run never looks finished."""
    try:
        yield
    except SystemExit as end:
        raise FairloopError(f"a model or data set of yours ended the program (sys.exit({end.code!r}))") from end


@_no_exit()
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
    """Run `spec` in `directory`, from the beginning or from its last complete generation.

    models: a directory of models that several runs share and that keeps all models; by default `directory` has its own.
    through: wraps the store of models, for example with leases or with copies elsewhere.
    repair: set aside damaged files, with a warning for each, and resume from the generation before them.
    files: the spec's data with paths that are valid in this process, if the spec's relative paths are not.
    Raises InputError before anything is trained if the directory holds another run, is in use, or if the spec does not
    fit the data or this machine.
    """
    spec = with_files_read(spec)
    if not repair:
        directory.check(spec)  # a first check before data are read; the check under the lock is decisive
    view.prepare(spec)
    store, pulse = DirectoryModels(models or directory.models), Heartbeat(directory, spec)
    watched = _Watched(through(store), view, pulse)
    trainer = _trainer(spec, watched, files)
    keep = spec.keep if models is None else "all"
    with directory.locked():
        done = _ready(directory, trainer, store, repair=repair)
        session = SessionWriter(directory, trainer, store.root)
        with pulse, _no_exit():
            view.start(spec, trainer.population, done)
            for generation in generations(trainer, start=done) if done < spec.generations else ():
                directory.commit(generation.index, generation.rows, generation.gallery, generation.log)
                _prune(store, trainer.plan, keep, generation.index)
                session.record(generation.index, watched.trained)
                pulse.recorded()
                view.generation(generation)
            _prune_all(store, trainer.plan, keep)
            directory.pack()


def _trainer(spec: RunSpec, models: Models, files: DataSpec | None) -> ModelTrainer:
    if files is None:
        return ModelTrainer(spec, models)
    if spec.setting == PEOPLE:
        return ModelTrainer(spec, models, source=source_of(spec, files))
    return ModelTrainer(spec, models, population=data.load(files, spec.seed))


class SessionWriter:
    """Keeps the provenance of a run while a session goes on."""

    def __init__(self, directory: RunDirectory, trainer: ModelTrainer, models: Path) -> None:
        self._directory = directory
        self._spec = trainer.spec
        self._models = os.path.relpath(models, directory.root)
        self._before = directory.provenance().sessions
        self._started = time.monotonic()
        self._now = Session(
            run=self._spec.identity,
            maths=MATHS_VERSION,
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            seconds=0.0,
            generations=(),
            trained=(),
            packages={name: _version(name) for name in _PACKAGES},
            commit=_commit(),
            python=platform.python_version(),
            machine=f"{platform.system()} {platform.machine()}",
            numerics=SessionNumerics(**trainer.numerics.record()),
            data=trainer.population.fingerprint,
        )
        if self._before and self._before[-1].packages != self._now.packages:
            warnings.warn("this run was begun with other versions of packages; see provenance.json", stacklevel=2)
        self._write()

    def record(self, generation: int, trained: Sequence[str]) -> None:
        """Record a generation. trained: the models that this session has trained, without loaded models."""
        self._now = self._now.model_copy(
            update={
                "generations": (*self._now.generations, generation),
                "trained": tuple(trained),
                "seconds": round(time.monotonic() - self._started, 1),
            }
        )
        self._write()

    def _write(self) -> None:
        sessions = (*self._before, self._now)
        self._directory.describe(self._spec, Provenance(run=self._now.run, models=self._models, sessions=sessions))


class _Watched:
    """A store that shows the progress of fits, reports them to the heartbeat, and counts them."""

    def __init__(self, models: Models, view: View, pulse: Heartbeat) -> None:
        self._models = models
        self._view = view
        self._pulse = pulse
        self.trained: list[str] = []

    def model(self, recipe: Recipe, fit: Fit[M]) -> Trained[M]:
        epochs = recipe.training.epochs

        def watched(state: State | None) -> Iterator[Checkpoint[M]]:
            self._pulse.trains(recipe.title, state.epochs if state else 0, epochs)
            for checkpoint in self._view.watch(recipe, fit(state)):
                self._pulse.trains(recipe.title, checkpoint.epoch, epochs)
                yield checkpoint
            if state is None or state.epochs < epochs:
                self.trained.append(recipe.title)

        if not self._models.has(recipe) and self._models.busy(recipe):
            self._pulse.waits(recipe.title)
        return self._models.model(recipe, watched)

    def has(self, recipe: Recipe) -> bool:
        return self._models.has(recipe)

    def busy(self, recipe: Recipe) -> bool:
        return self._models.busy(recipe)


def _ready(directory: RunDirectory, trainer: ModelTrainer, store: DirectoryModels, *, repair: bool) -> int:
    """Check the locked `directory`, after repairing it if `repair`. Returns the number of recorded generations."""
    if repair:
        _repair(directory, trainer.spec, store, trainer.plan)
    else:
        directory.check(trainer.spec)
    directory.records()  # otherwise damage would appear only at the end
    _same_ground(directory, trainer)
    return directory.committed()


def _repair(directory: RunDirectory, spec: RunSpec, store: DirectoryModels, plan: Plan) -> None:
    """Set aside the damaged files of a run, and of the models that it needs."""
    aside = directory.mend(spec)
    aside += [set_aside(path) for recipe in plan for path in store.damages(recipe)]
    for path in aside:
        warnings.warn(f"{path.name.removesuffix(DAMAGED)} was damaged; it has been renamed to {path}", stacklevel=2)


def _same_ground(directory: RunDirectory, trainer: ModelTrainer) -> None:
    """Raise InputError if an earlier session had other data, numerics or another version of computations."""
    provenance = directory.provenance()
    for session in provenance.sessions[-1:]:
        if session.data != trainer.population.fingerprint:
            raise InputError(f"data: {directory.root} was begun with other data; give those, or another --out")
        if (others := provenance.maths - {MATHS_VERSION}) and directory.committed() < trainer.spec.generations:
            raise InputError(
                f"--out: {directory.root} was begun by another version of fairloop, which makes other models of the "
                f"same recipes (maths {max(others)}, not {MATHS_VERSION}); go on with that version, or choose another "
                "--out"
            )
        now, held = trainer.numerics.record(), session.numerics
        for name, before in held.model_dump().items() if held else ():
            if before != now[name]:
                raise InputError(
                    f"{name}={now[name]}: {directory.root} was begun with {before}; "
                    f"go on with --set {name}={before} where that is possible, or choose another --out"
                )


def _prune(models: DirectoryModels, plan: Plan, keep: str, latest: int) -> None:
    """Delete the models that later generations do not need, unless all models are kept.

    The annotators, G_0, and the last generation with its labeller stay, also with `none`, so that a run can resume.
    """
    if keep == "all":  # the case of every run with rounds of people
        return
    stay = (plan.label_annotator, plan.group_annotator, plan.generators[0], plan.generators[latest])
    names = {recipe.fingerprint for recipe in (*stay, *plan.classifiers[max(0, latest - 1) : latest + 1])}
    for recipe in plan:
        if recipe.fingerprint not in names:
            models.forget(recipe)


def _prune_all(models: DirectoryModels, plan: Plan, keep: str) -> None:
    """Delete the models of a finished run that it does not keep."""
    _prune(models, plan, keep, len(plan.classifiers) - 1)
    if keep == "none":
        for recipe in plan:
            models.forget(recipe)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def _commit() -> str | None:
    """The commit of this source, if it lies in a checkout."""
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
