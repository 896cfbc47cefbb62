"""The tutorials as notebooks: NAME.md is the source, NAME.ipynb the executed copy that the site shows.

A source is Markdown. Its cells of code are fences that begin with ```{code-cell}.

python -m docs.tutorials.notebooks             lists the tutorials
python -m docs.tutorials.notebooks --write     executes all of them, or those named; minutes
python -m docs.tutorials.notebooks --text      brings changed text, but no changed code, into the notebooks
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


def retold(text: str, before: dict[str, Any]) -> dict[str, Any]:
    """The notebook `before` with the text of the source. Raises SystemExit if the code has changed."""
    made, code = notebook(text), [cell for cell in before["cells"] if cell["cell_type"] == "code"]
    places = [i for i, cell in enumerate(made["cells"]) if cell["cell_type"] == "code"]
    if [made["cells"][i]["source"] for i in places] != [cell["source"] for cell in code]:
        raise SystemExit("the code has changed; execute the tutorial with --write")
    for i, cell in zip(places, code, strict=True):
        made["cells"][i] = {**cell, "id": made["cells"][i]["id"]}
    return made


def main(asked: list[str], execute: bool) -> None:
    """Execute the tutorials with these names, or all; or bring their text into the notebooks."""
    for source in SOURCES:
        if asked and source.stem not in asked:
            continue
        print(source.stem, flush=True)
        text, file = source.read_text(encoding="utf-8"), source.with_suffix(".ipynb")
        made = executed(text) if execute else retold(text, json.loads(file.read_text(encoding="utf-8")))
        file.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    names = [word for word in sys.argv[1:] if not word.startswith("--")]
    if {"--write", "--text"} & {*sys.argv}:
        main(names, "--write" in sys.argv)
    else:
        print(*(source.stem for source in SOURCES), sep="\n")
