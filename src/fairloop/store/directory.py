"""A run's directory, in a readable layout.

spec.yaml                        every field of the spec, resolved
provenance.json                  version, commit, packages, device, sessions
status.json                      the progress of the run, for readers and scripts
records/generation-0003.parquet  all rows of a generation; after the end of the run, all rows are in one file,
                                 records/generations-0000-0039.parquet
galleries/generation-0003.npz    pictures, latents and reconstructions of its generator; none in rounds of people
log/round-0003.parquet           in rounds of people, the decision maker's log
models/generator-3-<recipe>.safetensors
"""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from filelock import FileLock, Timeout

from fairloop._util.directories import RUN_HEADER, claim, is_run
from fairloop._util.files import (
    BLANK,
    SEAL,
    UNFINISHED,
    damaged,
    discard_unfinished,
    is_sealed,
    read_sealed,
    replacing,
    sealed,
    set_aside,
)
from fairloop.errors import InputError
from fairloop.spec.run import RunSpec, from_mapping, read_fields
from fairloop.store import records
from fairloop.store.log import Log
from fairloop.store.provenance import Provenance
from fairloop.store.records import HELD, SCHEMA
from fairloop.store.status import Status
from fairloop.store.tidy_rows import Gallery, RoundLog, Row

MOST_OF_A_GALLERY = 2**30
"""Largest number of bytes of the arrays of a gallery. Larger galleries are refused."""

_ALWAYS = {"name", "seed", "setting", "generations", "data", "generator", "classifier", "annotator", "star", "threads"}
"""Fields that every version writes into spec.yaml, with the last field among them."""
_PACK = re.compile(r"generations-0000-(\d{4,})\.parquet")


class RunDirectory:
    """One run on disk. patience: seconds for which `locked` waits for another process."""

    def __init__(self, root: Path, patience: float = 0.0) -> None:
        self.root = root
        self._patience = patience
        self.models = root / "models"
        self.log = Log(root / "log")
        self._records = root / "records"
        self._described: tuple[RunSpec, str] | None = None

    @property
    def exists(self) -> bool:
        """Whether the directory holds a run."""
        return is_run(self.root)

    def spec(self) -> RunSpec:
        """The spec of the run. Raises InputError if there is no run here, or its spec is damaged."""
        if not self.exists:
            raise InputError(f"{self.root}: holds no run of fairloop ({self._spec_path.name} is missing)")
        read_sealed(self._spec_path)
        fields = read_fields(self._spec_path)
        if not isinstance(fields, dict) or not fields.keys() >= _ALWAYS:  # truncated, so that its seal is missing
            raise damaged(self._spec_path, "it does not hold the whole spec")
        return from_mapping(fields)

    def check(self, spec: RunSpec) -> None:
        """Raise InputError unless `spec` may start, resume or extend the run here."""
        claim(self.root, "a run")
        if not self.exists:
            if self._spec_path.is_file() and self._records.is_dir():
                raise InputError(f"{self._spec_path}: lacks its first line; restore it, or move {self.root} elsewhere")
            if self.root.is_dir() and any(path.suffix not in (".lock", UNFINISHED) for path in self.root.iterdir()):
                raise InputError(f"--out: {self.root} holds other files and no run; choose an empty directory")
            return
        before = self.spec()
        differences = list(_differences(before.experiment(), spec.experiment()))
        if differences:
            path, old, new = differences[0]
            more = f" (and {len(differences) - 1} more fields)" if len(differences) > 1 else ""
            raise InputError(
                f"--out: {self.root} holds a run with {path}={old}, not {new}{more}; choose another directory"
            )
        if spec.generations < before.generations and self.committed() > spec.generations:
            raise InputError(
                f"generations={spec.generations}: {self.root} already holds {self.committed()}; a run can only grow"
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the directory against other processes. Raises InputError if another process holds the lock."""
        self.root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.root / "run.lock", timeout=self._patience)
        try:
            lock.acquire()
        except Timeout:
            who = (
                self._owner.read_text(encoding="utf-8", errors="replace")
                if self._owner.is_file()
                else "another process"
            )
            raise InputError(f"--out: {self.root} is in use by {who}; wait for it or choose another one") from None
        try:
            self._owner.write_text(f"process {os.getpid()} on {os.uname().nodename}", encoding="utf-8")
            for folder in (self.root, self._records, self._galleries, self.log.root):
                discard_unfinished(folder)
            yield
        finally:
            self._owner.unlink(missing_ok=True)
            lock.release()

    def describe(self, spec: RunSpec, provenance: Provenance) -> None:
        """Write the provenance of the run, and its spec if it has changed."""
        if self._described is None or self._described[0] != spec:
            self._write_spec(spec)
        self._described = spec, provenance.run
        _write_sealed(self._provenance_path, provenance.to_json())

    def _write_spec(self, spec: RunSpec) -> None:
        _write_sealed(self._spec_path, f"{RUN_HEADER}\n# {SEAL}{BLANK}\n{spec.to_yaml()}")

    def provenance(self) -> Provenance:
        """The provenance that `describe` wrote; empty before. Raises InputError if the file is damaged."""
        if not self._provenance_path.is_file():
            return Provenance()
        try:
            return Provenance.model_validate_json(read_sealed(self._provenance_path))
        except ValueError as error:
            raise damaged(self._provenance_path, str(error).partition(" [type")[0]) from error

    def status(self) -> Status | None:
        """The status that the run wrote; None without one, as for runs of 0.1.0."""
        return Status.read(self.root)

    def tell(self, status: Status) -> None:
        """Write the status of the run. No result depends on it, so a full disk raises no error."""
        status.write(self.root)

    def committed(self) -> int:
        """The number of recorded generations, from 0 on without a gap."""
        count = self._packed()
        while self._records_path(count).is_file():
            count += 1
        return count

    def commit(self, generation: int, rows: list[Row], gallery: Gallery, log: RoundLog | None = None) -> None:
        """Record a generation: first its gallery and log, then its rows in one step. The rows complete the
        generation.
        """
        run = self._described[1] if self._described else self._names[0]
        if log is not None:
            self.log.write(generation, log, run)
        if log is None or not gallery.is_empty:
            with replacing(self._gallery_path(generation)) as temporary:
                temporary.write_bytes(_packed({"run": run, "generation": generation, **vars(gallery)}))
        records.write(self._records_path(generation), records.of_rows(rows), run)

    def files_of(self, generation: int) -> tuple[Path, ...]:
        """The files that `commit` writes, in its order."""
        of_some = self.log.path(generation), self._gallery_path(generation)
        return *(path for path in of_some if path.is_file()), self._records_path(generation)

    def records(self) -> pa.Table:
        """All recorded rows, in order, with text as `TEXT`. Raises InputError if a file is damaged."""
        while True:
            try:
                names = self._names
                tables = [records.read(path, held, names) for path, held in self._whole()]
            except FileNotFoundError:  # the running process has packed it meanwhile
                continue
            nothing = pa.Table.from_batches([], HELD)  # HELD.empty_table() would import pandas
            return pa.concat_tables(tables) if tables else nothing

    def pack(self) -> None:
        """Put all recorded rows into one file, so that tables of many runs are read fast."""
        done = self.committed()
        if done > self._packed():
            records.write(self._pack_path(done), self.records().cast(SCHEMA).combine_chunks(), self._names[0])
        older = [self._records_path(i) for i in range(done)]
        older += [path for path in self._records.glob("generations-*.parquet") if path != self._pack_path(done)]
        for path in older:
            path.unlink(missing_ok=True)

    def gallery(self, generation: int) -> Gallery:
        """The gallery of a recorded generation; empty of a round of people. Raises InputError if it is damaged."""
        path = self._gallery_path(generation)
        if not path.is_file() and self.log.path(generation).is_file():
            return Gallery.empty()
        try:
            arrays = _unpacked(path.read_bytes())
            whose = str(arrays.pop("run", "")), int(arrays.pop("generation", generation))
            gallery = Gallery(**arrays)
        except Exception as error:  # NumPy and zipfile raise many kinds of exceptions for a damaged file
            raise InputError(f"{path}: is damaged ({error}); the run's table does not need it") from error
        if whose[0] not in ("", *self._names) or whose[1] != generation:
            raise InputError(
                f"{path}: belongs to generation {whose[1]} of the run {whose[0]}; the table does not need it"
            )
        return gallery

    def decisions(self) -> pa.Table:
        """The decision maker's log of all recorded rounds, text as `TEXT`; see `store.log` for its columns.

        Raises InputError if the run has none, or if a file is damaged.
        """
        if not self.log.root.is_dir():
            raise InputError(f"{self.root}: has no log of decisions; use a run with setting=people")
        try:
            return self.log.table(self.committed(), self._names)
        except FileNotFoundError as error:
            raise damaged(Path(error.filename), "it is not there") from error

    def mend(self, spec: RunSpec) -> list[Path]:
        """Set aside damaged files, so that the run can resume from the generation before them. Returns these files.

        spec: replaces a damaged spec.yaml, if provenance.json names it as the spec of this run.

        Raises InputError if neither file identifies the run.
        """
        aside = []
        if self.exists and self._is_damaged(self.spec):
            if self.provenance().run != spec.identity:
                self.spec()
            aside.append(set_aside(self._spec_path))
            self._write_spec(spec)
        self.check(spec)
        if self._is_damaged(self.provenance):
            aside.append(set_aside(self._provenance_path))
            self.describe(spec, Provenance(run=spec.identity))
        for path, held in self._whole():
            if self._is_damaged(partial(records.read, path, held, self._names)):
                aside.append(set_aside(path))
        for i in range(self.committed()):
            parts = {
                self._gallery_path(i): partial(self.gallery, i),
                self.log.path(i): partial(self.log.read, i, self._names),
            }
            for path, read in parts.items():
                if path.is_file() and self._is_damaged(read):
                    aside.append(set_aside(path))
                    self._take_back(i)
        return aside

    def _take_back(self, generation: int) -> None:
        """Delete the records from `generation` on, so that the run repeats these generations."""
        if generation < (packed := self._packed()):
            whole = records.read(self._pack_path(packed), range(packed), self._names).cast(SCHEMA)
            if generation:
                kept = whole.filter(pc.less(whole["generation"], generation))
                records.write(self._pack_path(generation), kept, self._names[0])
            self._pack_path(packed).unlink()
        self._records_path(generation).unlink(missing_ok=True)

    @staticmethod
    def _is_damaged(read: Callable[[], object]) -> bool:
        try:
            read()
        except InputError:
            return True
        return False

    @property
    def _names(self) -> list[str]:
        """The run's current name, and its names in versions with other fields of specs."""
        provenance = self.provenance()
        return [provenance.run, *(session.run for session in provenance.sessions)]

    @property
    def _owner(self) -> Path:
        return self.root / "owner.lock"

    @property
    def _galleries(self) -> Path:
        return self.root / "galleries"

    @property
    def _spec_path(self) -> Path:
        return self.root / "spec.yaml"

    @property
    def _provenance_path(self) -> Path:
        return self.root / "provenance.json"

    def _records_path(self, generation: int) -> Path:
        return self._records / f"generation-{generation:04d}.parquet"

    def _pack_path(self, generations: int) -> Path:
        return self._records / f"generations-0000-{generations - 1:04d}.parquet"

    def _packed(self) -> int:
        """The number of generations in the packed file."""
        names = (path.name for path in self._records.iterdir()) if self._records.is_dir() else ()
        matches = map(_PACK.fullmatch, names)
        return max((int(match[1]) + 1 for match in matches if match), default=0)

    def _whole(self) -> list[tuple[Path, range]]:
        """The files of all recorded rows, in order, with the generations in each."""
        packed = self._packed()
        paths = [(self._pack_path(packed), range(packed))] if packed else []
        while (path := self._records_path(packed)).is_file():
            paths.append((path, range(packed, packed + 1)))
            packed += 1
        return paths

    def _gallery_path(self, generation: int) -> Path:
        return self._galleries / f"generation-{generation:04d}.npz"


def _write_sealed(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(sealed(text.encode()))


def _packed(arrays: dict[str, Any]) -> bytes:
    """A compressed .npz file of arrays. Its comment is its seal, because zip's checksums do not cover the list of
    arrays.
    """
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():  # as np.savez_compressed, which could not add the comment
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)
        archive.comment = (SEAL + BLANK).encode()
    return sealed(content.getvalue())


def _unpacked(content: bytes) -> dict[str, Any]:
    """The arrays of a gallery. Raises ValueError if they are too large for a gallery, or were changed."""
    if is_sealed(content) is False:
        raise ValueError("its checksum does not match")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if (size := sum(member.file_size for member in archive.infolist())) > MOST_OF_A_GALLERY:
            raise ValueError(f"it would take {size / 1e9:.1f} GB of memory")
        if (member := archive.testzip()) is not None:  # NumPy stops before the end of the file and compares no checksum
            raise ValueError(f"the checksum of {member} does not match")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return dict(arrays)


def _differences(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from _differences(old.get(key), new.get(key), f"{path}.{key}" if path else key)
    elif old != new:
        yield path, old, new


def find_runs(paths: list[Path]) -> list[RunDirectory]:
    """The runs in `paths`. Each path is a run's directory or contains several. Raises InputError for a path without a
    run.
    """
    runs = []
    for path in paths:
        roots = [path] if is_run(path) else [spec.parent for spec in sorted(path.glob("**/spec.yaml"))]
        found = [RunDirectory(root) for root in roots if is_run(root)]
        if not found:
            raise InputError(f"{path}: holds no run of fairloop; give the directory of a run or of a sweep")
        runs += found
    return runs
