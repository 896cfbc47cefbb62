"""The list of the pages that no other list of contents names, so that a new page is on the site at once."""

from __future__ import annotations

import os
from pathlib import Path

DOCS = Path(__file__).parents[1]


def further(docs: Path = DOCS) -> str:
    """A list of contents for how-to/index.md; nothing if every page of `docs` has its place."""
    indices = sorted(docs.rglob("index.md"))
    listed = {(index.parent / line.strip()).resolve() for index in indices for line in index.read_text().splitlines()}
    pages = [page.with_suffix("").resolve() for page in sorted(docs.rglob("*.md")) if page.parent.name != "tutorials"]
    left = [page for page in pages if page not in listed and page != (docs / "index").resolve()]
    if not left:
        return ""
    names = "\n".join(os.path.relpath(page, docs.resolve() / "how-to") for page in left)
    return f"```{{toctree}}\n:caption: Further pages\n:maxdepth: 1\n\n{names}\n```"
