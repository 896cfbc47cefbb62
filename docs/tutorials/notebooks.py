"""The tutorials as notebooks: NAME.md is the source, NAME.ipynb the executed copy that the site shows.

A source is Markdown. Its cells of code are fences that begin with ```{code-cell}.

python -m docs.tutorials.notebooks             lists the tutorials
python -m docs.tutorials.notebooks --write     executes all of them, or those named; minutes
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
SOURCES = tuple(sorted(path for path in HERE.glob("*.md") if path.name != "index.md"))

_CELL = re.compile(r"^```\{code-cell\}\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_KERNEL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


class Cell(NamedTuple):
    """A cell of a notebook. kind: `markdown` or `code`."""

    kind: str
    source: str


def cells(text: str) -> list[Cell]:
    """The cells of a source, in order."""
    parts = _CELL.split(text)
    found = [Cell("code" if i % 2 else "markdown", part.strip()) for i, part in enumerate(parts)]
    return [cell for cell in found if cell.source]


def notebook(text: str) -> dict[str, Any]:
    """The notebook of a source, without output."""
    made = []
    for i, (kind, source) in enumerate(cells(text)):
        cell = {"cell_type": kind, "id": f"cell-{i}", "metadata": {}, "source": source.splitlines(keepends=True)}
        made.append({**cell, "execution_count": None, "outputs": []} if kind == "code" else cell)
    return {"cells": made, "metadata": _KERNEL, "nbformat": 4, "nbformat_minor": 5}


def executed(text: str) -> dict[str, Any]:
    """The notebook with its output. It runs in an empty directory. A cell that fails raises CellExecutionError."""
    import nbformat
    from nbclient import NotebookClient

    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # where `!fairloop` is
    with tempfile.TemporaryDirectory() as folder:
        made = nbformat.reads(json.dumps(notebook(text)), as_version=4)
        client = NotebookClient(made, timeout=1800, record_timing=False, resources={"metadata": {"path": folder}})
        found: dict[str, Any] = json.loads(nbformat.writes(client.execute()))
    return {**found, "metadata": _KERNEL}


def main(asked: list[str]) -> None:
    """Execute the tutorials with these names, or all."""
    for source in SOURCES:
        if asked and source.stem not in asked:
            continue
        print(source.stem, flush=True)
        made = executed(source.read_text(encoding="utf-8"))
        text = json.dumps(made, indent=1, ensure_ascii=False) + "\n"
        source.with_suffix(".ipynb").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    names = [word for word in sys.argv[1:] if word != "--write"]
    if "--write" in sys.argv:
        main(names)
    else:
        print(*(source.stem for source in SOURCES), sep="\n")
