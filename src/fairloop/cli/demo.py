"""The demo: runs without STAR, with cla-STAR, and of the control on embedded digits, a small table and one picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from fairloop.presets import fields
from fairloop.sweep.grid import Sweep
from fairloop.sweep.job import Job, jobs_in, run_in
from fairloop.sweep.local import default_workers, run_all
from fairloop.sweep.view import sweep_view

CASES = (
    {"setting": "seqgen-seqclass", "star.target": "none"},
    {"setting": "control", "star.target": "none"},
    {"setting": "seqgen-seqclass", "star.target": "classifier"},
)

if TYPE_CHECKING:
    import pandas as pd

    from fairloop.report.figures import Measure

INTRODUCTION = """\
Generators and classifiers learn from each other's outputs, generation after
generation, on coloured MNIST digits. Three runs: the loop; the same with STAR
on the classifier; a control that keeps the first generator and the annotator.
"""


def demo(out: Path, seed: int, console: Console) -> None:
    """Run or resume the three cases in `out`, print the table, and write `demo.png`."""
    specs = Sweep(fields("demo"), [seed], CASES).specs()
    jobs = jobs_in(out, specs)
    console.print(INTRODUCTION, highlight=False)
    with sweep_view(console, out) as view:
        run_all(jobs, out, out / "models", min(len(jobs), default_workers(specs[0].threads)), view)
    from fairloop.report.figures import demo as picture
    from fairloop.report.figures import save  # imported after the runs, because the import is slow
    from fairloop.report.table import plain, tidy

    frame = plain(tidy([run_in(out, spec) for spec in specs])).to_pandas()
    save(picture.draw(frame), out / "demo.png")

    console.print(_table(jobs, frame, picture.MEASURES))
    console.print(
        f"picture: {out / 'demo.png'}\ntable:   fairloop export {out} --out {out / 'table.csv'}", highlight=False
    )


def _table(jobs: Sequence[Job], frame: pd.DataFrame, measures: Sequence[Measure]) -> Table:
    """The table of each measure in the first and in the last generation of each run."""
    last = int(frame["generation"].max())
    table = Table("run", *(measure.title for measure in measures), title=f"generation 0 > {last}")
    for job in jobs:
        mine = frame[frame["run"] == job.spec.identity]
        ends = [measure.values(mine) for measure in measures]
        table.add_row(job.name, *(f"{values[0]:.3f} > {values[last]:.3f}" for values in ends))
    return table
