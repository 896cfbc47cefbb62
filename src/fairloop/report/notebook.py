"""Runs, sweeps and comparisons as HTML for a notebook. Text from tables and specs is escaped."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from fairloop.report import compare
from fairloop.report.summary import headline, number

ENDS = "First generation > last generation, as means over seeds."
"""The note below a table of `ends`."""

_LEFT = 'style="text-align:left"'


def block(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], note: str = "", picture: str = "") -> str:
    """A title, a picture (HTML), a table and a note. Without rows there is no table."""
    head, lines = _line("th", header), "".join(_line("td", row) for row in rows)
    table = f"<table><thead>{head}</thead><tbody>{lines}</tbody></table>" if rows else ""
    below = f"<p>{escape(note)}</p>" if note else ""
    return f'<div class="fairloop"><p><strong>{escape(title)}</strong></p>{picture}{table}{below}</div>'


def _line(tag: str, cells: Sequence[str]) -> str:
    return f"<tr>{''.join(f'<{tag} {_LEFT}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"


def image(figure: Figure, about: str) -> str:
    """The figure as a PNG inside HTML. about: a description for readers who cannot see it."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=80)
    return f'<img alt="{escape(about)}" src="data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}">'


def ends(table: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Header and rows: each case, and its main measures in the first and in the last generation, as means over seeds.

    There are no rows without a recorded generation with these measures.
    """
    if table.empty or not (head := headline(table)).measures:
        return [], []
    found = compare.changes(head.table, head.measures)
    by_case = {(row["case"], row["measure"]): row for row in found.to_dict("records")}
    measured = [measure.title for measure in head.measures]
    rows = [
        [case, *(_ends(by_case.get((case, title))) for title in measured)] for case in compare.case_names(head.table)
    ]
    return ["case", *measured], rows


def _ends(row: dict[Any, Any] | None) -> str:
    return "undefined" if row is None else f"{number(row['before'])} > {number(row['after'])}"
