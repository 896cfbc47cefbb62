"""Pages whose tables are made from committed files: each stands between two marks, and is called as they say."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping
from pathlib import Path

Tables = Mapping[str, Callable[[], str]]


def filled(page: Path, tables: Tables) -> str:
    """The text of `page` with each table between its marks, as its function makes it now."""
    text = page.read_text(encoding="utf-8")
    for name, make in tables.items():
        start, end = f"<!-- table: {name} -->", "<!-- end of table -->"
        pattern = re.compile(f"({re.escape(start)}\n).*?({re.escape(end)})", re.DOTALL)
        if not pattern.search(text):
            raise SystemExit(f"{page}: has no place for the table {name}")
        table = make()
        text = pattern.sub(lambda found, table=table: f"{found[1]}\n{table}\n\n{found[2]}", text)
    return text


def command(page: Path, tables: Tables, description: str | None) -> None:
    """Print the tables that are asked for, or write all of them into the page."""
    command_of_pages({page: tables}, description)


def command_of_pages(pages: Mapping[Path, Tables], description: str | None) -> None:
    """The same for several pages, whose tables have different names."""
    every = {name: make for tables in pages.values() for name, make in tables.items()}
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", choices=[*every, []], help="which; default: all")
    parser.add_argument("--write", action="store_true", help="into the page")
    asked = parser.parse_args()
    if not asked.write:
        print("\n\n".join(f"{name}\n\n{every[name]()}" for name in asked.tables or every))
        return
    for page, tables in pages.items():
        page.write_text(filled(page, tables), encoding="utf-8")
