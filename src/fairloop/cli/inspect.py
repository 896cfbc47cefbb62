"""The content of a data set, in numbers and pictures: counts, base rates, examples."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fairloop._util.directories import Kind, claim_alone
from fairloop._util.escape import frame_for_csv
from fairloop._util.files import replacing_folder
from fairloop.data.columns import decode
from fairloop.data.population import Population, Split
from fairloop.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

KIND: Kind = "examples of a data set"
PER_STRATUM = 10
"""Examples of each stratum."""


def counts(population: Population) -> pd.DataFrame:
    """One row for each split, label and group: `count`, and its `share` of the split."""
    import pandas as pd

    rows = []
    for name, split in population.splits.items():
        table = split.strata(len(population.label_names), len(population.group_names))
        for (label, group), count in np.ndenumerate(table):
            names = {"split": name, "label": population.label_names[label], "group": population.group_names[group]}
            rows.append({**names, "count": int(count), "share": count / len(split)})
    return pd.DataFrame(rows)


def base_rates(population: Population) -> pd.DataFrame:
    """One row for each split and group: `count` of people, and their share with the beneficial label (NaN without
    people).
    """
    import pandas as pd

    rows = []
    for name, split in population.splits.items():
        table = split.strata(len(population.label_names), len(population.group_names))
        people = table.sum(axis=0)
        rates = np.divide(table[population.beneficial], people, out=np.full(len(people), np.nan), where=people > 0)
        for group, count, rate in zip(population.group_names, people, rates, strict=True):
            rows.append({"split": name, "group": group, "count": int(count), "base_rate": rate})
    return pd.DataFrame(rows)


def write_examples(population: Population, out: Path) -> list[Path]:
    """The first training samples of each stratum: one grid of pictures (a PNG file), or one table (CSV), for each.

    They replace the files of an earlier call. Raises InputError if `out` holds other files.
    """
    claim_alone(out, KIND)
    with replacing_folder(out) as folder:
        written = [_write(population, stem, samples, folder) for stem, samples in _examples(population)]
    return [out / path.name for path in written]


def _examples(population: Population) -> Iterator[tuple[str, NDArray[Any]]]:
    split: Split = population.train
    for label in range(len(population.label_names)):
        for group in range(len(population.group_names)):
            members = np.flatnonzero((split.labels == label) & (split.groups == group))[:PER_STRATUM]
            if len(members):
                names = f"{population.label_names[label]} {population.group_names[group]}"
                words = "-".join(re.findall(r"[A-Za-z0-9]+", names)).lower()
                yield f"label-{label}-group-{group}-{words}"[:100], np.asarray(split.inputs[members])


def _write(population: Population, stem: str, samples: NDArray[Any], out: Path) -> Path:
    if population.columns or population.tokens is not None:
        import pandas as pd

        path, words = out / f"{stem}.csv", population.tokens
        values = decode(samples, population.columns) if words is None else {"text": words.decode(samples)}
        frame_for_csv(pd.DataFrame(values)).to_csv(path, index=False)
        return path
    if samples.ndim == 2:
        raise InputError(f"--out: the rows of '{population.name}' are neither pictures nor columns with names")
    path = out / f"{stem}.png"
    _picture(np.concatenate(list(samples), axis=2)).save(path)
    return path


def _picture(pixels: NDArray[np.uint8]) -> Any:
    from PIL import Image

    return Image.fromarray(pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, -1))
