"""The results of a reproduction: a page in Markdown, a figure for each curve, and every difference as a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from fairloop._util.escape import write_csv
from fairloop._util.files import replacing_folder
from fairloop.errors import InputError
from fairloop.report import published as paper
from fairloop.report.figures import save
from fairloop.report.published import departures, words
from fairloop.report.published.curves import SHOWN, curve
from fairloop.reproducing.planning import CURVES
from fairloop.spec.names import case_name

PAGE = "reproduction.md"
TABLE = "departures.csv"


def _picture(setting: str, star: str) -> str:
    """The name of a curve's figure."""
    return f"{setting}.{star}.png"


_OURS = {PAGE, TABLE, ".DS_Store", *(_picture(*curve) for curve in CURVES)}


def claim(folder: Path) -> None:
    """Raise InputError if `folder`, which `write` replaces, holds other files than an earlier page."""
    if folder.exists() and not folder.is_dir():
        raise InputError(
            f"--out: {folder} is a file, and the page goes into a directory of this name; move it elsewhere"
        )
    there = sorted(folder.iterdir()) if folder.is_dir() else []
    if others := [path.name for path in there if path.name not in _OURS or not path.is_file()]:
        raise InputError(f"--out: {folder} holds {others[0]}, and is replaced by the new page; move it elsewhere")


def write(table: pd.DataFrame, folder: Path, about: Sequence[str]) -> None:
    """Write the page about the runs of `table` (the tidy table), its figures and its table to `folder`, which is
    replaced.

    about: paragraphs about the runs.

    Raises InputError if there are no published curves for these runs, or if `folder` holds other files.
    """
    claim(folder)
    cells, found = paper.laid_over(table), departures.departures(table)
    pictures = []
    with replacing_folder(folder) as new:
        for (setting, star), mine in cells.groupby(["setting", "star"], sort=False, observed=True):
            name = _picture(str(setting), str(star))
            its = found[(found["setting"] == setting) & (found["star"] == star)]
            save(curve(mine, its), new / name)
            pictures.append(f"## {case_name(str(setting), str(star))}\n\n![Ours and the published curve]({name})")
        write_csv(found, new / TABLE)
        (new / PAGE).write_text(_text(table, found, about, pictures), encoding="utf-8")


def _text(table: pd.DataFrame, found: pd.DataFrame, about: Sequence[str], pictures: Sequence[str]) -> str:
    shown = found[found["metric"].isin(SHOWN)]
    told = departures.verdicts(shown)
    accuracy = found[found["metric"] == "accuracy"]
    parts = [
        "# ColoredMNIST beside the published curves",
        words.opening(shown, told),
        *about,
        words.verdict_table(told),
        _MEANINGS,
        "## When accuracy falls",
        words.falls_table(departures.falls(table)),
        *pictures,
        "## The share of cells inside the published bands",
        words.inside_table(paper.verdicts(paper.laid_over(table))),
        _EXPECTED,
        "## Accuracy, generation by generation",
        f"[{TABLE}]({TABLE}) has all measures, and all differences after `A_L` is subtracted.",
        words.generations_table(accuracy),
    ]
    return "\n\n".join(parts) + "\n"


_MEANINGS = f"""\
A difference is the mean over our seeds minus the published mean. Its 95 % interval contains the spread of both, and
without the subtraction also that of the draws of the test data on both sides. Fewer
than five seeds do not show their spread, so their interval assumes the published one. From five seeds on, it is the
wider of this interval and Welch's. All published runs share one draw
of the test data. If the value of `A_L` on the same test data is subtracted on both sides, much of the effect of this
draw on accuracy and DP difference cancels. `A_L` is not subtracted (*as it is*) for the EO difference, where it adds
noise, and if `A_L` is unknown in some seed, or in one seed more than {departures.LIKENESS:g} published standard
deviations of `A_L` away from the published mean.
*differs*: the interval for all generations at once excludes 0 at some generation.
*agrees*: at every generation, both ends of the interval are nearer to 0 than {departures.TOLERANCE} published standard
deviations, and without the subtraction no interval for all generations at once excludes 0.
*cannot tell*: neither of the two. Even if two curves have the same distribution,
the interval of a single generation excludes 0 in about one generation in 20."""

_EXPECTED = """\
A cell is one seed's value of one measure at one generation, without subtracting `A_L`. The bands are estimated from 25
seeds, so a perfect reproduction has 83 % of its cells inside. Published shares of groups come from 1,000 samples, so
more of yours are expected inside if you measure more. The cells of a run depend on each other, so this
share is no statistical test."""
