"""Every table of docs/reproduction.md, from the tables beside this file.

    python docs/reproduction/tables.py              prints all of them
    python docs/reproduction/tables.py annotators   prints one
    python docs/reproduction/tables.py --write      puts them into the page, each between its two marks

Tables are called as the functions that make them.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from functools import cache

import ablated
import annotators_alone as alone
import beside_published as beside
from committed import HERE

PAGE = HERE.parent / "reproduction.md"

TABLES: dict[str, Callable[[], str]] = {
    make.__name__.replace("_", "-"): make
    for make in (
        beside.all_cells,
        beside.curves,
        beside.less_annotator,
        beside.first_generations,
        beside.tried,
        beside.control,
        beside.losses,
        beside.pairs,
        beside.balanced,
        beside.shares,
        alone.annotators,
        alone.gap,
        alone.epochs,
        alone.variants,
        ablated.ablations,
        ablated.less_usual,
    )
}


@cache
def table(name: str) -> str:
    """A table as text."""
    return TABLES[name]()


def filled(page: str) -> str:
    """The page with each table between its marks, as its function makes it now."""
    for name in TABLES:
        start, end = f"<!-- table: {name} -->", "<!-- end of table -->"
        pattern = re.compile(f"({re.escape(start)}\n).*?({re.escape(end)})", re.DOTALL)
        if not pattern.search(page):
            raise SystemExit(f"{PAGE}: has no place for the table {name}")
        text = table(name)
        page = pattern.sub(lambda found, text=text: f"{found[1]}\n{text}\n\n{found[2]}", page)
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", choices=[*TABLES, []], help="which; default: all")
    parser.add_argument("--write", action="store_true", help="into the page")
    asked = parser.parse_args()
    if asked.write:
        PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print("\n\n".join(f"{name}\n\n{table(name)}" for name in asked.tables or TABLES))


if __name__ == "__main__":
    main()
