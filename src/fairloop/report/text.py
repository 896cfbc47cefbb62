"""Tables as text: for a terminal, for Markdown, for LaTeX."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from fairloop.escape import for_terminal

Format = Literal["terminal", "markdown", "latex"]

_LATEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"} | {
    character: "\\" + character for character in "&%$#_{}"
}


def show(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    style: Format,
    console: Console,
    *,
    grouped: bool = False,
) -> None:
    """Print a table in one of the three styles. What is in cells is shown as it is, never interpreted.

    grouped: in a terminal, leave out the first cell of a row where it repeats the one above.
    """
    if style == "terminal":
        table = Table()
        for name in header:
            table.add_column(_text(name), overflow="fold")
        before = ""
        for first, *others in rows:
            table.add_row(*map(_text, ("" if grouped and first == before else first, *others)))
            before = first
        console.print(table)
    else:
        text = markdown(header, rows) if style == "markdown" else latex(header, rows)
        console.print(for_terminal(text), markup=False, highlight=False, soft_wrap=True)


def _text(cell: str) -> Text:
    return Text(for_terminal(cell))


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    cells = [[" ".join(cell.replace("|", r"\|").split()) for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def latex(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A LaTeX tabular, first column to the left."""
    lines = [" & ".join(map(_escaped, line)) + r" \\" for line in (header, *rows)]
    body = "\n".join([lines[0], r"\hline", *lines[1:]])
    return f"\\begin{{tabular}}{{l{'r' * (len(header) - 1)}}}\n{body}\n\\end{{tabular}}"


def _escaped(text: str) -> str:
    return re.sub(r"[\\~^&%$#_{}]", lambda found: _LATEX[found[0]], text)
