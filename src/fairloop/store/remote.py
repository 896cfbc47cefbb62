"""Runs and models in remote storage, at any address that fsspec accepts, with leases for one worker at a time.

Uploaded files are complete. Models, records and galleries are never replaced, because two workers that make the same
file write the same content.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from uuid import uuid4

import fsspec

from fairloop._util.directories import claim
from fairloop._util.files import replacing
from fairloop.errors import InputError
from fairloop.spec.run import RunSpec
from fairloop.store.directory import RunDirectory
from fairloop.store.interface import Fit, M, Models, Trained
from fairloop.store.models import DirectoryModels
from fairloop.store.provenance import Provenance
from fairloop.store.status import STATUS, State, Status
from fairloop.store.tidy_rows import Gallery, RoundLog, Row
from fairloop.training.recipe import Recipe

_UNFINISHED = ".part"


class Folder:
    """Files below an address such as `s3://bucket/folder`. Raises InputError if fsspec cannot open it."""

    def __init__(self, address: str) -> None:
        try:
            self._files, self._root = fsspec.core.url_to_fs(address)
        except (ValueError, ImportError, OSError) as error:
            raise InputError(f"{address}: cannot be opened ({error})") from error

    def names(self) -> list[str]:
        """All files below the folder, as relative paths."""
        self._files.invalidate_cache()
        found = self._files.find(self._root) if self._files.exists(self._root) else []
        # Some file systems add a slash before the paths of an address without one.
        root = self._root.strip("/")
        return sorted(path.strip("/")[len(root) :].strip("/") for path in found if not path.endswith(_UNFINISHED))

    def has(self, name: str) -> bool:
        """Whether the file exists."""
        self._files.invalidate_cache()
        return bool(self._files.exists(self._path(name)))

    def get(self, name: str, to: Path) -> None:
        """Download a file, completely or not at all."""
        with replacing(to) as temporary:
            self._files.get_file(self._path(name), str(temporary))

    def put(self, path: Path, name: str, *, replace: bool = False) -> None:
        """Upload a file, unless the name exists."""
        if replace or not self.has(name):
            # Upload under another name first, because all file systems move a file in one step, but not all write it in
            # one.
            unfinished = f"{self._path(name)}.{uuid4().hex}{_UNFINISHED}"
            self._files.makedirs(unfinished.rpartition("/")[0], exist_ok=True)
            self._files.put_file(str(path), unfinished)
            self._files.mv(unfinished, self._path(name))

    def fetch(self, to: Path, names: Iterable[str]) -> int:
        """Download missing files and all descriptions. Returns the number of copied files."""
        count = 0
        for name in names:
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                raise InputError(f"{self._root}: holds a file named '{name}', which would land outside {to}")
            if PurePosixPath(name).name in (*_DESCRIPTIONS, STATUS) or not (to / name).is_file():
                self.get(name, to / name)
                count += 1
        return count

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"


def claim_address(address: str) -> None:
    """Raise InputError if `address` holds a run, because `fetch` would not find a sweep at the same address."""
    if Folder(address).has(_DESCRIPTIONS[0]):
        raise InputError(f"--out: {address} holds a run, not a sweep; choose another address")


def claim_for(folder: Folder, names: Sequence[str], to: Path) -> None:
    """Raise InputError unless `to` can take the files `names` of `folder`: the files of a sweep, or of a single run."""
    if _DESCRIPTIONS[0] not in names:
        claim(to, "a sweep")
        return
    with TemporaryDirectory(prefix="fairloop-") as scratch:
        folder.get(_DESCRIPTIONS[0], Path(scratch) / "spec.yaml")
        RunDirectory(to).check(RunDirectory(Path(scratch)).spec())


_DESCRIPTIONS = ("spec.yaml", "provenance.json")
"""Small files that change during a run. Each is replaced in one step."""


class CopiedRun(RunDirectory):
    """A run's directory whose records, galleries and descriptions are copied to a folder."""

    def __init__(self, root: Path, folder: Folder) -> None:
        super().__init__(root)
        self._folder = folder
        self._told: tuple[State, int] | None = None

    def fetch(self) -> None:
        """Download all files of the folder into the directory."""
        self._folder.fetch(self.root, self._folder.names())

    def describe(self, spec: RunSpec, provenance: Provenance) -> None:
        """Write the spec and the provenance of the run in the directory and in the folder."""
        super().describe(spec, provenance)
        for name in _DESCRIPTIONS:
            self._folder.put(self.root / name, name, replace=True)

    def tell(self, status: Status) -> None:
        """Write the status: locally each time, remotely at the beginning, after each generation and at the end."""
        super().tell(status)
        if self._told != (status.state, status.done):
            self._told = (status.state, status.done)
            with suppress(Exception):  # any error of a file system; a missing copy of the status must not end a run
                self._folder.put(self.root / STATUS, STATUS, replace=True)

    def commit(self, generation: int, rows: list[Row], gallery: Gallery, log: RoundLog | None = None) -> None:
        """Record a generation locally, then remotely. The records come last, because they complete the generation."""
        super().commit(generation, rows, gallery, log)
        for path in self.files_of(generation):
            self._folder.put(path, path.relative_to(self.root).as_posix())

    def pack(self) -> None:
        """Do nothing, because a pack would replace uploaded files."""


class CopiedModels:
    """Models in a directory, with copies in a remote folder. Training first looks for a copy."""

    def __init__(self, models: DirectoryModels, folder: Folder) -> None:
        self._models = models
        self._folder = folder

    def model(self, recipe: Recipe, fit: Fit[M]) -> Trained[M]:
        """The model of `recipe`, from the directory, from the folder, or fitted now."""
        path = self._models.path(recipe)
        if not self._models.has(recipe) and self._folder.has(path.name):
            self._folder.get(path.name, path)
        trained = self._models.model(recipe, fit)
        if self._models.has(recipe):  # some estimators cannot be kept
            self._folder.put(path, path.name)
        return trained

    def has(self, recipe: Recipe) -> bool:
        """Whether the directory or the folder has the model."""
        return self._models.has(recipe) or self._folder.has(self._models.path(recipe).name)

    def busy(self, recipe: Recipe) -> bool:
        """Whether another process on this machine is fitting the model."""
        return self._models.busy(recipe)


class LeasedModels:
    """Models that a worker fits only while it holds the lease of their recipe.

    lease: waits for the recipe's lease, and holds it. lent: whether another worker holds the lease.
    """

    def __init__(
        self,
        models: Models,
        lease: Callable[[Recipe], AbstractContextManager[None]],
        lent: Callable[[Recipe], bool],
    ) -> None:
        self._models = models
        self._lease = lease
        self._lent = lent

    def model(self, recipe: Recipe, fit: Fit[M]) -> Trained[M]:
        """The model of `recipe`, after a wait for any worker that is fitting it."""
        if self._models.has(recipe):
            return self._models.model(recipe, fit)
        with self._lease(recipe):
            return self._models.model(recipe, fit)

    def has(self, recipe: Recipe) -> bool:
        """Whether the store has the model."""
        return self._models.has(recipe)

    def busy(self, recipe: Recipe) -> bool:
        """Whether another worker is fitting the model."""
        return self._lent(recipe)
