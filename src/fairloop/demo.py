"""The demo: no STAR, cla-STAR and the control on embedded digits, a small table and one picture."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from fairloop.presets import fields
from fairloop.report.figures import STORY, save, story
from fairloop.report.table import tidy
from fairloop.sweep.grid import Sweep
from fairloop.sweep.local import default_workers, jobs_in, run_all
from fairloop.sweep.view import sweep_view

CASES = (
    {"setting": "seqgen-seqclass", "star.target": "none"},
    {"setting": "control", "star.target": "none"},
    {"setting": "seqgen-seqclass", "star.target": "classifier"},
)


def demo(out: Path, seed: int, console: Console) -> None:
    """Run the three cases in `out`, or go on with them; print the table; write `demo.png`."""
    specs = Sweep(fields("demo"), [seed], CASES).specs()
    jobs = jobs_in(out, specs)
    console.print(
        "Generations of generators and classifiers learn from each other on coloured MNIST digits:\n"
        "with and without STAR, and a control in which nothing but the classifier's draw changes.\n"
    )
    with sweep_view(console) as view:
        run_all(jobs, out / "models", min(len(jobs), default_workers(specs[0].threads)), view)
    frame = tidy([job.directory for job in jobs]).to_pandas()
    figure = story(frame)
    save(figure, out / "demo.png")

    last = int(frame["generation"].max())
    table = Table("setting", "STAR", *(f"{measure.title}, 0 to {last}" for measure in STORY))
    for job in jobs:
        mine = frame[frame["run"] == job.spec.identity]
        ends = [measure.values(mine) for measure in STORY]
        table.add_row(
            job.spec.setting, job.spec.star.target, *(f"{values[0]:.3f} to {values[last]:.3f}" for values in ends)
        )
    console.print(table)
    console.print(f"picture: {out / 'demo.png'}\ntable:   fairloop export {out} --out {out / 'table.csv'}")
