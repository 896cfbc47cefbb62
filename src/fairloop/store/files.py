"""Files that are whole or absent, and that say when they were damaged."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fairloop.errors import InputError

_DIGEST = hashlib.sha256().digest_size


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that becomes `path`, durably and in one step, if the block succeeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _sync(temporary)
        temporary.chmod(0o644)  # mkstemp's 0600 would hide results from a group that shares a disk
        temporary.replace(path)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Replace `path` by `text`."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_sealed(path: Path, content: bytes) -> None:
    """Replace `path` by the SHA-256 of `content`, then `content`."""
    with replacing(path) as temporary:
        temporary.write_bytes(hashlib.sha256(content).digest() + content)


def read_sealed(path: Path) -> bytes:
    """What `write_sealed` wrote. Raises InputError if it is no longer that."""
    sealed = path.read_bytes()
    content = sealed[_DIGEST:]
    if hashlib.sha256(content).digest() != sealed[:_DIGEST]:
        raise damaged(path, "its checksum does not match")
    return content


def damaged(path: Path, how: str) -> InputError:
    """The error for a file that cannot be trusted."""
    return InputError(f"{path}: is damaged ({how}); delete it and run the same command again to make it anew")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
