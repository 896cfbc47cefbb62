"""The kinds of directories that fairloop writes. Each command writes only into directories of its own kind.

| kind | written by | told by |
|---|---|---|
| a run | `run` | spec.yaml with the first line of fairloop |
| a sweep | `sweep`, `reproduce`, `fetch`, `demo` | runs/ with runs, or logs/ with their specs |
| samples | `samples` | samples.csv, and no other files but numbered pictures |
| an audit | `audit` | verdict.txt and drift.csv |
| a comparison | `synthetic` | comparison.md and distances.csv |
| a forecast | `whatif` | whatif.txt and fans.csv |
| figures | `report --figures` | a figure as .png, .svg and .pdf with its data as .csv |
| examples of a data set | `data inspect` | files called label-0-group-0-... |
| decoded pictures | `data prepare` | directories with images.npy and about.json |
| models | `--store` | .safetensors files |
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from fairloop.errors import InputError

Kind = Literal[
    "a run",
    "a sweep",
    "samples",
    "an audit",
    "a comparison",
    "a forecast",
    "figures",
    "examples of a data set",
    "decoded pictures",
    "models",
]

RUN_HEADER = "# The spec of a run of fairloop, every field resolved. Written by fairloop; changing it changes nothing."
"""The first line of a run's spec.yaml."""

_PICTURE = re.compile(r"\d{6,}\.png")
_EXAMPLES = re.compile(r"label-\d+-group-\d+-.*\.(png|csv)")
_SPEC = re.compile(r".*\.seed-.*\.yaml")
_PARTS_OF_SWEEP = ("runs", "logs")
_OWN_FOLDERS = ("records", "galleries", "models", "log")


def is_run(root: Path) -> bool:
    """Whether `root` is the directory of a run: its spec.yaml has the first line of fairloop."""
    try:
        with (root / "spec.yaml").open(encoding="utf-8", errors="replace") as file:
            return file.readline().rstrip() == RUN_HEADER
    except OSError:
        return False


def _is_sweep(root: Path) -> bool:
    return any(map(is_run, _files(root / "runs"))) or any(_SPEC.fullmatch(path.name) for path in _files(root / "logs"))


def _files(folder: Path) -> Iterator[Path]:
    """The files and directories in `folder`, one by one: a sweep of many runs has long lists of them."""
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        yield from (Path(entry.path) for entry in entries)


def _is_part_of_sweep(root: Path) -> bool:
    return root.name in _PARTS_OF_SWEEP and _is_sweep(root.parent)


def _is_samples(root: Path) -> bool:
    try:
        with (root / "samples.csv").open(encoding="utf-8", errors="replace") as file:
            named = file.readline().rstrip().endswith('"label","group"')
    except OSError:
        return False
    return named and all(path.name == "samples.csv" or _PICTURE.fullmatch(path.name) for path in root.iterdir())


def _is_figures(root: Path) -> bool:
    endings = (".png", ".pdf", ".csv")
    return any(all(path.with_suffix(ending).is_file() for ending in endings) for path in root.glob("*.svg"))


_TOLD_BY: dict[Kind, Callable[[Path], bool]] = {
    "a run": is_run,
    "a sweep": _is_sweep,
    "samples": _is_samples,
    "an audit": lambda root: (root / "verdict.txt").is_file() and (root / "drift.csv").is_file(),
    "a comparison": lambda root: (root / "comparison.md").is_file() and (root / "distances.csv").is_file(),
    "a forecast": lambda root: (root / "whatif.txt").is_file() and (root / "fans.csv").is_file(),
    "models": lambda root: any(path.suffix == ".safetensors" for path in _files(root)),
    "figures": _is_figures,
    "examples of a data set": lambda root: any(_EXAMPLES.fullmatch(path.name) for path in _files(root)),
    "decoded pictures": lambda root: any((path.parent / "about.json").is_file() for path in root.glob("*/images.npy")),
}
"""The test of each kind. The first that holds counts; tests of long lists of files come last."""


def kind_of(root: Path) -> Kind | None:
    """The kind of the directory `root`; None for any other directory, a part of one, or one that cannot be read."""
    try:
        if not root.is_dir() or _is_part_of_sweep(root):
            return None
        return next((kind for kind, told in _TOLD_BY.items() if told(root)), None)
    except PermissionError:
        return None


def claim(root: Path, kind: Kind, option: str = "--out") -> None:
    """Raise InputError if `root` cannot become, or go on as, a directory of that kind.

    A file and a directory of another kind are refused. A new directory must not lie where another command would
    overlook it, delete it, or use it: `_HOLDS` names the places in the nearest directory of fairloop above.
    """
    there = next((place for place in (root, *root.parents) if place.exists()), None)
    if there is not None and not there.is_dir():
        raise InputError(f"{option}: {there} is a file, not a directory")
    found = kind_of(root)
    if found not in (None, kind):
        raise InputError(f"{option}: {root} holds {found}, not {kind}; choose another directory")
    if kind == "a sweep" and found is None and not _free_for_status(root / "status.json"):
        raise InputError(f"{option}: {root} holds another program's status.json; move it, or choose another directory")
    whole = Path(os.path.abspath(root))  # noqa: PTH100 - links stay as they are
    outer = ((above, owner) for above in whole.parents if (owner := kind_of(above)) in _HOLDS)
    above, owner = (None, None) if found else next(outer, (None, None))
    if above is not None and not _HOLDS[owner](kind, whole.relative_to(above).parts):
        raise InputError(f"{option}: {root} lies in {above}, which holds {owner}; choose a directory outside it")


def _free_for_status(path: Path) -> bool:
    """Whether the progress of a sweep may be written to `path`: there is nothing, or progress of fairloop."""
    try:
        content = path.read_bytes().strip(b"\0")  # a power loss can leave zeros, since the file is not synced
        return not content or {"process", "machine"} <= {*json.loads(content)}
    except FileNotFoundError:
        return True
    except (OSError, ValueError, TypeError):
        return False


def _run_holds(kind: Kind, place: tuple[str, ...]) -> bool:
    own = place[0] in (*_OWN_FOLDERS, "tracking")
    return place == ("models",) and kind == "models" if own else kind in ("figures", "an audit")


def _sweep_holds(kind: Kind, place: tuple[str, ...]) -> bool:
    return place not in (("runs",), ("logs",), ("models",)) or (place == ("models",) and kind == "models")


_HOLDS: dict[Kind | None, Callable[[Kind, tuple[str, ...]], bool]] = {
    "a run": _run_holds,
    "a sweep": _sweep_holds,
    "samples": lambda kind, place: False,  # samples are replaced as a whole
    "examples of a data set": lambda kind, place: False,  # so are examples
}
"""Whether a directory of a kind may hold one of another kind at a place below it. Missing kinds may hold all others."""


def claim_alone(root: Path, kind: Kind) -> None:
    """As `claim`, for a kind that is replaced as a whole: `root` must hold no other files."""
    claim(root, kind)
    if root.is_dir() and kind_of(root) is None and any(root.iterdir()):
        raise InputError(f"--out: {root} holds other files and no {kind}; choose an empty directory")


def claim_free(root: Path, kind: Kind, files: Sequence[str], *, overwrite: bool) -> None:
    """As `claim`, for commands that replace `files`: raise InputError if one exists, unless `overwrite`."""
    claim(root, kind)
    found = [file for file in files if (root / file).exists()]
    if found and not overwrite:
        raise InputError(f"--out: {root} holds {found[0]}; choose another directory, or say --overwrite")


def claim_file(path: Path) -> None:
    """Raise InputError if a file at `path` would lie among the files of a run."""
    if path.parent.name in _OWN_FOLDERS and is_run(path.parent.parent):
        raise InputError(f"--out: {path} lies among the files of the run {path.parent.parent}; choose another place")
