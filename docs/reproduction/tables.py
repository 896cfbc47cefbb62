"""Every table of docs/reproduction.md and of the pages below it, from the tables beside this file.

    python -m docs.reproduction.tables              prints all of them
    python -m docs.reproduction.tables annotators   prints one
    python -m docs.reproduction.tables --write      puts them into the pages, each between its two marks, and writes
                                                    departures.csv

Tables are called as the functions that make them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from docs.pages import Tables, filled
from docs.reproduction import ablated, full_runs
from docs.reproduction import annotators_alone as alone
from docs.reproduction import beside_published as beside
from docs.reproduction.committed import HERE
from fairloop._util.escape import write_csv

PAGE = HERE.parent / "reproduction.md"
DEPARTURES = HERE / "departures.csv"


def _named(*makers: Callable[[], str]) -> dict[str, Callable[[], str]]:
    return {make.__name__.replace("_", "-"): cache(make) for make in makers}


PAGES: dict[Path, Tables] = {
    PAGE: _named(full_runs.answer, full_runs.verdicts, full_runs.falls, full_runs.figures),
    HERE / "made.md": _named(full_runs.hours),
    HERE / "inside.md": _named(full_runs.inside),
    HERE / "first-epoch.md": {"first-epoch": partial(beside.tried, "loss"), **_named(beside.losses)},
    HERE / "annotators.md": {
        **_named(alone.annotators, alone.gap, alone.draws, alone.epochs, alone.optimizers, alone.variants),
        "tried": partial(beside.tried, "A_L"),
    },
    HERE / "released-files.md": _named(beside.shares, beside.first_generations),
    HERE / "ablations.md": _named(ablated.ablations, ablated.less_usual, ablated.less_first, ablated.on_full_mnist),
}
TABLES: Tables = {name: make for tables in PAGES.values() for name, make in tables.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", choices=[*TABLES, []], help="which; default: all")
    parser.add_argument("--write", action="store_true", help="into the pages")
    asked = parser.parse_args()
    if asked.write:
        for page, tables in PAGES.items():
            page.write_text(filled(page, tables), encoding="utf-8")
        write_csv(full_runs.differences(), DEPARTURES)
    else:
        print("\n\n".join(f"{name}\n\n{TABLES[name]()}" for name in asked.tables or TABLES))


if __name__ == "__main__":
    main()
