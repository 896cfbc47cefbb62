"""A run's directory, made for people to read.

spec.yaml                        every field of the spec, resolved
provenance.json                  version, commit, packages, device, sessions
records/generation-0003.parquet  all rows of a generation, or none; once the run is done, all in one file,
                                 records/generations-0000-0039.parquet
galleries/generation-0003.npz    pictures, latents and reconstructions of its generator
models/generator-3-<recipe>.safetensors
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from fairloop.errors import InputError
from fairloop.record import Gallery, Row
from fairloop.spec import RunSpec, from_file
from fairloop.store.files import damaged, replacing, write_text

SCHEMA = pa.schema(
    [
        ("generation", pa.int32()),
        ("epoch", pa.int32()),
        ("role", pa.string()),
        ("split", pa.string()),
        ("label", pa.string()),
        ("group", pa.string()),
        ("metric", pa.string()),
        ("value", pa.float64()),
        ("standard_error", pa.float64()),
    ]
)
TEXT = pa.dictionary(pa.int32(), pa.string())
"""How text is held in memory: each word once, or a thousand runs would not fit."""

_HELD = pa.schema([(field.name, TEXT if field.type == pa.string() else field.type) for field in SCHEMA])
_PACK = re.compile(r"generations-0000-(\d{4,})\.parquet")
_OWNER = re.compile(r"process (\d+) on (.+)")
_HEADER = "# The spec of a run of fairloop, every field resolved. Written by fairloop; changing it changes nothing."


class RunDirectory:
    """One run on disk."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.models = root / "models"
        self._records = root / "records"

    @property
    def exists(self) -> bool:
        """Whether a run was started here."""
        return is_run(self.root)

    def spec(self) -> RunSpec:
        """The spec of the run. Raises InputError if there is no run here."""
        if not self.exists:
            raise InputError(f"{self.root}: holds no run of fairloop (there is no {self._spec_path.name})")
        return from_file(self._spec_path)

    def check(self, spec: RunSpec) -> None:
        """Raise InputError unless `spec` may start, resume or extend the run here."""
        if self.root.exists() and not self.root.is_dir():
            raise InputError(f"--out: {self.root} is a file, not a directory")
        if not self.exists:
            if self.root.is_dir() and any(path.suffix != ".lock" for path in self.root.iterdir()):
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
        """Keep other processes from writing here. Raises InputError if one does."""
        self.root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.root / "run.lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            who = self._owner.read_text(encoding="utf-8") if self._owner.is_file() else "another process"
            raise InputError(f"--out: {self.root} is in use by {who}; wait for it or choose another one") from None
        try:
            self._owner.write_text(f"process {os.getpid()} on {os.uname().nodename}", encoding="utf-8")
            yield
        finally:
            self._owner.unlink(missing_ok=True)
            lock.release()

    @property
    def owner(self) -> tuple[int, str] | None:
        """The process that has locked the run, or that died while it had, and its machine."""
        try:
            found = _OWNER.fullmatch(self._owner.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return (int(found[1]), found[2]) if found else None

    def describe(self, spec: RunSpec, provenance: dict[str, Any]) -> None:
        """Write what the run is and where it came from."""
        write_text(self._spec_path, f"{_HEADER}\n{spec.to_yaml()}")
        write_text(self._provenance_path, json.dumps(provenance, indent=2) + "\n")

    def provenance(self) -> dict[str, Any]:
        """What `describe` wrote; empty before."""
        if not self._provenance_path.is_file():
            return {}
        try:
            found = json.loads(self._provenance_path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise damaged(self._provenance_path, str(error)) from error
        return dict(found)

    def committed(self) -> int:
        """How many generations, from 0 on without a gap, are recorded."""
        count = self._packed()
        while self._records_path(count).is_file():
            count += 1
        return count

    def commit(self, generation: int, rows: list[Row], gallery: Gallery) -> None:
        """Record a generation: its gallery first, then all its rows at once, which makes it count."""
        with replacing(self._gallery_path(generation)) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **vars(gallery))
        columns = {name: list(column) for name, column in zip(SCHEMA.names, zip(*rows, strict=True), strict=True)}
        _write(self._records_path(generation), pa.table(columns, schema=SCHEMA))

    def files_of(self, generation: int) -> tuple[Path, Path]:
        """What `commit` writes, in its order."""
        return self._gallery_path(generation), self._records_path(generation)

    def records(self) -> pa.Table:
        """Every recorded row, in order, text as `TEXT`. Raises InputError if a file is damaged."""
        while True:
            try:
                tables = [_read(path) for path in self._whole()]
            except FileNotFoundError:  # packed meanwhile, by the process that runs it
                continue
            return pa.concat_tables(tables) if tables else _HELD.empty_table()

    def pack(self) -> None:
        """Put all recorded rows into one file, so that tables of many runs are read fast."""
        done = self.committed()
        if done > self._packed():
            _write(self._pack_path(done), self.records().cast(SCHEMA).combine_chunks())
        older = [self._records_path(i) for i in range(done)]
        older += [path for path in self._records.glob("generations-*.parquet") if path != self._pack_path(done)]
        for path in older:
            path.unlink(missing_ok=True)

    def gallery(self, generation: int) -> Gallery:
        """The gallery of a recorded generation. Raises InputError if it is damaged."""
        path = self._gallery_path(generation)
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return Gallery(**arrays)
        except Exception as error:  # NumPy and zipfile raise many kinds for a damaged file
            raise InputError(f"{path}: is damaged ({error}); the run's table does not need it") from error

    @property
    def _owner(self) -> Path:
        return self.root / "owner.lock"

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
        """How many generations are together in one file."""
        names = (path.name for path in self._records.iterdir()) if self._records.is_dir() else ()
        matches = map(_PACK.fullmatch, names)
        return max((int(match[1]) + 1 for match in matches if match), default=0)

    def _whole(self) -> list[Path]:
        """The files that together hold all recorded rows, in order."""
        packed = self._packed()
        paths = [self._pack_path(packed)] if packed else []
        while (path := self._records_path(packed)).is_file():
            paths.append(path)
            packed += 1
        return paths

    def _gallery_path(self, generation: int) -> Path:
        return self.root / "galleries" / f"generation-{generation:04d}.npz"


def _write(path: Path, table: pa.Table) -> None:
    with replacing(path) as temporary:
        pq.write_table(table, temporary, write_page_checksum=True)


def _read(path: Path) -> pa.Table:
    try:
        words = [name for name in _HELD.names if _HELD.field(name).type == TEXT]
        with pq.ParquetFile(path, page_checksum_verification=True, read_dictionary=words) as file:
            table = file.read(use_threads=False)  # it is small: threads would cost more than they bring
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, str(error).splitlines()[0]) from error
    if table.schema != _HELD:
        raise damaged(path, "its columns are not those of fairloop's records")
    return table


def _differences(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from _differences(old.get(key), new.get(key), f"{path}.{key}" if path else key)
    elif old != new:
        yield path, old, new


def find_runs(paths: list[Path]) -> list[RunDirectory]:
    """The runs in `paths`, each a run's directory or one that holds several. Raises InputError if one has none."""
    runs = []
    for path in paths:
        roots = [path] if is_run(path) else [spec.parent for spec in sorted(path.glob("**/spec.yaml"))]
        found = [RunDirectory(root) for root in roots if is_run(root)]
        if not found:
            raise InputError(f"{path}: holds no run of fairloop, neither in it nor below")
        runs += found
    return runs


def is_run(root: Path) -> bool:
    """Whether `root` is a run's directory, and its spec.yaml not just a file of that name."""
    try:
        with (root / "spec.yaml").open(encoding="utf-8", errors="replace") as file:
            return file.readline().rstrip() == _HEADER
    except OSError:
        return False
