"""Files that are whole or absent, and that say when they were damaged."""

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
"""How the names of files end that are being written, or that a killed process left behind."""

DAMAGED = ".damaged"
"""How the names of files end that were set aside."""

SEAL = "fairloop-sha256:"
BLANK = "0" * hashlib.sha256().digest_size * 2
"""A file is sealed by its own SHA-256, which stands behind `SEAL`; and `BLANK` there while it is taken."""


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """A temporary path beside `path` that becomes `path`, durably and in one step, if the block succeeds.

    durable: False leaves the moment of writing to the system; a machine that loses power may then leave the file empty.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=UNFINISHED, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
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

    Nothing of the former content stays. At every moment `folder` holds all of the one or all of the other, or, for an
    instant, is not there. A machine that loses power may lose the new content.
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
    """Rename `new` to `folder`, which is moved to `old` if it is there, and moved back if that fails."""
    if folder.is_dir():
        folder.rename(old)
    try:
        new.rename(folder)
    except OSError:
        if old.is_dir() and not folder.exists():
            old.rename(folder)
        raise


def discard_unfinished(folder: Path, name: str = "") -> None:
    """Delete what killed processes left half-written of files whose names begin so. None may be writing one now."""
    for left in folder.iterdir() if folder.is_dir() else ():
        if left.name.startswith(f".{name}") and left.suffix == UNFINISHED:
            left.unlink(missing_ok=True)


def write_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Replace `path` by `text`."""
    with replacing(path, durable=durable) as temporary:
        temporary.write_text(text, encoding="utf-8")


def sealed(content: bytes) -> bytes:
    """`content`, in which `BLANK` stands behind `SEAL`, with its own SHA-256 there."""
    place = content.index((SEAL + BLANK).encode()) + len(SEAL)
    return content[:place] + _digest(content) + content[place + len(BLANK) :]


def is_sealed(content: bytes) -> bool | None:
    """Whether `content` still is what `sealed` gave; None if it has no seal, as files before there were any."""
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
    """Give a damaged file another name, which no command reads."""
    return path.replace(path.with_name(path.name + DAMAGED))


def damaged(path: Path, how: str) -> InputError:
    """The error for a file that cannot be trusted."""
    return InputError(
        f"{path}: is damaged ({how}); `fairloop run` with --repair sets it aside and resumes from the last whole files"
    )


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
