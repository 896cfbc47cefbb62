"""Tables as text: for a terminal, for Markdown, for LaTeX."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Literal

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fairloop._util.escape import for_terminal

Format = Literal["terminal", "markdown", "latex"]

_WIDTH_OF_A_FILE = 120

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
    """Print a table in one of the three styles. Cells are never interpreted as markup.

    grouped: in a terminal, rows with an equal first cell are grouped below it, which leaves more room for the others.
    """
    if style != "terminal":
        text = markdown(header, rows) if style == "markdown" else latex(header, rows)
        console.print(for_terminal(text), markup=False, highlight=False, soft_wrap=True)
        return
    widen(console)
    groups = [(first, [row[1:] for row in found]) for first, found in groupby(rows, key=itemgetter(0))]
    if not grouped or len(groups) == len(rows):
        console.print(_filled(Table(), header, rows))
        return
    header, cells = header[1:], [row[1:] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    fits = sum(widths) + 2 * len(widths) < console.width
    for title, found in groups:
        lines = (
            found if fits else [[re.sub(r" ([\[(])", r"\n\1", cell) for cell in row] for row in found]
        )  # intervals on a line below
        table = Table(title=_text(title), title_justify="left", title_style="bold", box=SIMPLE_HEAD, show_edge=False)
        table.pad_edge, table.padding = False, (0, int(fits), 0, 0)
        console.print(_filled(table, header, lines, widths if fits else None), "")


def widen(console: Console) -> None:
    """Allow long lines in a file, and keep the width of a terminal."""
    if not console.is_terminal:
        console.width = max(console.width, _WIDTH_OF_A_FILE)


def _filled(
    table: Table, header: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int] | None = None
) -> Table:
    """widths: smallest widths of columns, so that the columns of several tables align."""
    for name, width in zip(header, widths or [0] * len(header), strict=True):
        table.add_column(_text(name), overflow="fold", min_width=width or None)
    for row in rows:
        table.add_row(*map(_text, row))
    return table


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
