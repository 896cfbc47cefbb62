"""Downloads of the files that publishers offer, checked by their SHA-256."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO

from fairloop._util.directories import kind_of
from fairloop._util.files import replacing, write_text
from fairloop._util.limits import MOST_BYTES, opened
from fairloop._util.lookup import meant
from fairloop.data import DATASETS
from fairloop.data.publishers import PUBLISHERS, PublishedFile, remedy
from fairloop.errors import FairloopError, InputError

SUMS = "SHA256SUMS"
"""The file with the checksums of unpacked contents in a directory, in the format of `sha256sum`."""

_SECONDS = 60  # timeout of a silent server
_BLOCK = 2**20


def fetch(name: str, out: Path, mirror: str | None = None) -> Iterator[str]:
    """Download the files of data set `name` into `out`. Yields a line in words for each file.

    An existing file with the right checksum stays. If fairloop does not know a checksum, it records the checksum of the
    first download in `SUMS`, and later calls compare with it.

    mirror: address of a folder with the same files, in place of the publisher's.

    Raises InputError for a data set without direct downloads, and for a file in `out` with another checksum;
    FairloopError for a download that fails or has another checksum; no part of it is kept.
    """
    if name not in PUBLISHERS or not PUBLISHERS[name].files:
        offered = ", ".join(known for known, publisher in PUBLISHERS.items() if publisher.files)
        unknown = (
            "its files are your own" if name in DATASETS else f"there is no such data set{meant(name, PUBLISHERS)}"
        )
        reason = remedy(name) if name in PUBLISHERS else unknown
        raise InputError(f"'{name}': has no direct download ({offered} have); {reason}")
    if kind := kind_of(out):
        raise InputError(f"--out: {out} holds {kind}; choose another directory")
    if out.exists() and not out.is_dir():
        raise InputError(f"--out: {out} is a file, not a directory")
    sums = _recorded(out)
    for file in PUBLISHERS[name].files:
        yield _fetch(file, out, mirror, sums)


def _fetch(file: PublishedFile, out: Path, mirror: str | None, sums: dict[str, str]) -> str:
    path, expected = out / file.name, file.sha256 or sums.get(file.name)
    if path.is_file():
        if expected not in (None, digest := _digest(path)):
            raise InputError(f"{path}: has the SHA-256 {digest}, not {expected}; move it away, and fetch it again")
        return f"{path}: is there already"
    address = (f"{mirror.rstrip('/')}/" if mirror else file.address) + file.name
    with replacing(path) as temporary:
        _download(address, temporary)
        digest = _digest(temporary, packed=file.name.endswith(".gz"))
        if expected not in (None, digest):
            raise FairloopError(f"{address}: has the SHA-256 {digest}, not {expected}; nothing is kept of it")
    said = f"{path}: {path.stat().st_size:,} bytes from {address}"
    if expected is None:
        sums[file.name] = digest
        write_text(out / SUMS, "".join(f"{sha256}  {name}\n" for name, sha256 in sums.items()))
        return f"{said}; its SHA-256, which fairloop does not know, is recorded in {SUMS}"
    return said


def _download(address: str, path: Path) -> None:
    """Write the content of `address` to `path`."""
    from urllib.request import urlopen

    try:
        with closing(urlopen(address, timeout=_SECONDS)) as source, path.open("wb") as target:
            size = _copied(source, target)
            announced = source.headers.get("Content-Length")
    except (OSError, ValueError) as error:  # errors of HTTP are OSErrors
        raise FairloopError(
            f"{address}: cannot be downloaded ({' '.join(str(error).split())}); try again, or name a --mirror"
        ) from error
    if announced is not None and size != int(announced):
        raise FairloopError(f"{address}: ended after {size:,} of {int(announced):,} bytes; try again")


def _copied(source: IO[bytes], target: IO[bytes]) -> int:
    size = 0
    while block := source.read(_BLOCK):
        size += len(block)
        if size > MOST_BYTES:
            raise OSError(f"it is larger than {MOST_BYTES / 1e9:.1f} GB")
        target.write(block)
    return size


def _digest(path: Path, *, packed: bool | None = None) -> str:
    """SHA-256 of the content of a file, unpacked if its name, or `packed`, says so."""
    digest = hashlib.sha256()
    try:
        with opened(path, packed=packed) as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except (OSError, EOFError, zlib.error) as error:
        raise FairloopError(f"{path.name}: is truncated or damaged ({error}); fetch it again") from error
    return digest.hexdigest()


def _recorded(out: Path) -> dict[str, str]:
    """{name of a file: SHA-256} in `SUMS`."""
    if not (out / SUMS).is_file():
        return {}
    lines = [line.split(maxsplit=1) for line in (out / SUMS).read_text(encoding="utf-8").splitlines()]
    return {line[1]: line[0] for line in lines if len(line) == 2}
