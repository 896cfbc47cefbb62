"""Every table of docs/reproduction.md, from the tables beside this file.

    python -m docs.reproduction.tables              prints all of them
    python -m docs.reproduction.tables annotators   prints one
    python -m docs.reproduction.tables --write      puts them into the page, each between its two marks

Tables are called as the functions that make them.
"""

from __future__ import annotations

from functools import cache

from docs.pages import Tables, command
from docs.reproduction import ablated
from docs.reproduction import annotators_alone as alone
from docs.reproduction import beside_published as beside
from docs.reproduction.committed import HERE

PAGE = HERE.parent / "reproduction.md"

TABLES: Tables = {
    make.__name__.replace("_", "-"): cache(make)
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
        alone.optimizers,
        alone.variants,
        ablated.ablations,
        ablated.less_usual,
    )
}


if __name__ == "__main__":
    command(PAGE, TABLES, __doc__)
