"""Files that are written atomically, with seals by which damage is detected."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fairloop.errors import InputError

UNFINISHED = ".tmp"
"""Suffix of files that are being written, or that a killed process left behind."""

DAMAGED = ".damaged"
"""Suffix of damaged files that were set aside."""

SEAL = "fairloop-sha256:"
BLANK = "0" * hashlib.sha256().digest_size * 2
"""A file is sealed by its own SHA-256 after `SEAL`. The digest is computed with `BLANK` in that place."""


@contextmanager
def replacing(path: Path, *, durable: bool = True, alone: bool = False) -> Iterator[Path]:
    """A temporary path beside `path` that becomes `path`, durably and in one step, if the block succeeds.

    durable: False leaves the moment of writing to the system; a machine that loses power may then leave the file empty.
    alone: no other process writes `path`; the temporary path is then `unfinished_of(path)`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = unfinished_of(path) if alone else _new_file(path)
    try:
        yield temporary
        if durable:
            _sync(temporary)
        temporary.chmod(0o644)  # mkstemp's 0600 would hide results from a group that shares a disk
        temporary.replace(path)
        if durable:
            _sync(path.parent)
    except OSError as error:  # libraries do not say which file the disk had no room for
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """A new directory beside `folder` that takes its place, files and all, if the block succeeds.

    The former content is removed. At every moment `folder` holds the complete old content or the complete new content,
    or is absent for an instant. A machine that loses power may lose the new content.
    """
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=UNFINISHED, dir=folder.parent))
    new, old = temporary / "new", temporary / "old"
    try:
        new.mkdir(mode=0o755)
        yield new
        _take_place(new, folder, old)
        _sync(folder.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _take_place(new: Path, folder: Path, old: Path) -> None:
    """Move `folder`, if it exists, to `old`, and rename `new` to `folder`. A failure moves `old` back."""
    if folder.is_dir():
        folder.rename(old)
    try:
        new.rename(folder)
    except OSError:
        if old.is_dir() and not folder.exists():
            old.rename(folder)
        raise


def unfinished_of(path: Path) -> Path:
    """The temporary path of `path` if one process alone writes it. After a kill, it is the only file to delete."""
    return path.with_name(f".{path.name}{UNFINISHED}")


def _new_file(path: Path) -> Path:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=UNFINISHED, dir=path.parent)
    os.close(handle)
    return Path(name)


def discard_unfinished(folder: Path) -> None:
    """Delete the unfinished files of killed processes. No process may be writing one."""
    for left in folder.iterdir() if folder.is_dir() else ():
        if left.name.startswith(".") and left.suffix == UNFINISHED:
            left.unlink(missing_ok=True)


def write_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Replace `path` by `text`."""
    with replacing(path, durable=durable) as temporary:
        temporary.write_text(text, encoding="utf-8")


def sealed(content: bytes) -> bytes:
    """Replace the `BLANK` after `SEAL` in `content` by the SHA-256 of `content`."""
    place = content.index((SEAL + BLANK).encode()) + len(SEAL)
    return content[:place] + _digest(content) + content[place + len(BLANK) :]


def is_sealed(content: bytes) -> bool | None:
    """Whether `content` is unchanged since `sealed` returned it; None if it has no seal, as files of older versions."""
    places = [found.end() for found in re.finditer(SEAL.encode(), content)]  # a name in it may look like a seal
    ends = [place + len(BLANK) for place in places]
    whole = (
        _digest(content[:place] + BLANK.encode() + content[end:]) == content[place:end]
        for place, end in zip(places, ends, strict=True)
    )
    return any(whole) if places else None


def read_sealed(path: Path) -> bytes:
    """The content of a file that is sealed, or that has no seal. Raises InputError if it is damaged."""
    content = path.read_bytes()
    if is_sealed(content) is False:
        raise damaged(path, "its checksum does not match")
    return content


def set_aside(path: Path) -> Path:
    """Rename a damaged file, so that no command reads it."""
    return path.replace(path.with_name(path.name + DAMAGED))


def damaged(path: Path, how: str) -> InputError:
    """Return the error for a damaged file."""
    return InputError(
        f"{path}: is damaged ({how}); `fairloop run SPEC --out RUN --repair` sets it aside and resumes from the last "
        "whole files (in a sweep, RUN is OUT/runs/NAME, SPEC is RUN/spec.yaml, and --store is OUT/models)"
    )


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
