"""All figures of a study, by name; `fairloop report --figures` writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Console

from fairloop._util.directories import claim
from fairloop._util.escape import for_terminal, frame_for_csv
from fairloop._util.files import replacing
from fairloop.errors import InputError
from fairloop.metrics import statistics
from fairloop.metrics.catalogue import CATALOGUE
from fairloop.report import compare
from fairloop.report.figures import compared, curves, generated, grids, latent, panels, paths, star, study_arms
from fairloop.report.figures.compared import Names
from fairloop.report.figures.lines import Lines
from fairloop.report.figures.measures import groups, labels, spread
from fairloop.report.figures.style import FORMATS, Look, save
from fairloop.spec.names import run_name
from fairloop.spec.run import RunSpec
from fairloop.store.directory import RunDirectory
from fairloop.store.tidy_rows import Gallery


@dataclass(frozen=True)
class Study:
    """The input of figures: the tidy table of some runs, a split of their test data, and their directories.

    runs: by identity, without runs that are only in an exported table.
    """

    table: pd.DataFrame
    runs: Mapping[str, RunDirectory]
    split: str = "test"

    @cached_property
    def cases(self) -> dict[str, Case]:
        """The tables of cases by name; cases without STAR come first."""
        table = compare.cased(self.table)
        by_case = {str(name): rows for name, rows in table.drop(columns="case").groupby(table["case"], observed=True)}
        return {name: Case(by_case[name], self._first(by_case[name])) for name in compare.case_names(table)}

    def with_galleries(self) -> dict[str, Case]:
        """The cases with the directory of a run, by names that include the run."""
        found = {
            run_name(name, case.spec.seed): case for name, case in self.cases.items() if case.spec and case.galleries
        }
        if not found:
            raise InputError("exported tables have no pictures and latents; name runs' directories")
        return found

    def _first(self, table: pd.DataFrame) -> RunDirectory | None:
        """The run with the lowest seed among runs in `table` with a directory."""
        here = table[table["run"].isin(list(self.runs))]
        return self.runs[here["run"].iloc[here["seed"].argmin()]] if len(here) else None


@dataclass(frozen=True)
class Case:
    """The rows of one case, and one of its runs."""

    table: pd.DataFrame
    run: RunDirectory | None

    @cached_property
    def spec(self) -> RunSpec | None:
        """The spec of the run."""
        return self.run.spec() if self.run else None

    @cached_property
    def galleries(self) -> dict[int, Gallery]:
        """The galleries of the run by generation, of some generations if there are many. A diverged generator has no
        gallery.
        """
        shown = spread(range(self.run.committed()), grids.MOST_GENERATIONS) if self.run else []
        found = {i: self.run.gallery(i) for i in shown if self.run}
        return {i: gallery for i, gallery in found.items() if len(gallery.images) or len(gallery.latents)}


class Drawn(NamedTuple):
    """A figure and its data, with one value per row."""

    figure: Figure
    data: pd.DataFrame


Figurer = Callable[[Study], Drawn]
"""A function that draws a figure of a study. It raises InputError, with the reason, without data for the figure."""

_NO_STAR = "no run curates batches by STAR"
_NO_BATCHES = "fairloop 0.1.0 did not store the sizes of STAR's batches"
_NO_LATENTS = "no run kept latents"


def write_all(study: Study, out: Path, console: Console) -> None:
    """Write every possible figure of the study to `out` in all `FORMATS`, with its data as .csv.

    It prints the figures that are left out, with the reasons, and deletes figures of earlier calls with these names.

    Raises InputError if `out` holds files of another kind.
    """
    claim(out, "figures", "--figures")
    left_out: dict[str, list[str]] = {}
    with console.status("") as status:
        for name, draw in FIGURES.items():
            status.update(f"drawing {name}")
            try:
                _write(draw(study), out, name)
            except InputError as error:
                left_out.setdefault(str(error), []).append(name)
                for ending in (*FORMATS, ".csv"):
                    (out / f"{name}{ending}").unlink(missing_ok=True)
    for why, names in left_out.items():
        console.print(
            for_terminal(f"left out: {', '.join(names)} ({why})"), highlight=False, markup=False, soft_wrap=True
        )
    written = len(FIGURES) - sum(map(len, left_out.values()))
    kind = statistics.shown(study.table["seed"].nunique())
    bands = "; too few seeds for intervals: bars go from the lowest seed to the highest" if kind == "spread" else ""
    console.print(
        f"{out}: {written} figures, each as .png, .svg and .pdf with its data as .csv{bands}",
        highlight=False, markup=False, soft_wrap=True,
    )  # fmt: skip


def _write(drawn: Drawn, out: Path, name: str) -> None:
    drawn.figure.draw_without_rendering()
    drawn.figure.set_layout_engine(None)  # keeps the computed layout for all files
    for ending in FORMATS:
        save(drawn.figure, out / f"{name}{ending}")
    with replacing(out / f"{name}.csv") as temporary:
        frame_for_csv(drawn.data).to_csv(temporary, index=False, float_format="%.8g")


def _in_panels(
    shown: Mapping[str, pd.DataFrame],
    draw: Callable[[str, pd.DataFrame, Axes], object],
    why: str,
    size: tuple[float, float] = panels.SIZE,
    *,
    share: bool = True,
) -> Drawn:
    """A panel for each case with data. Raises InputError with `why` if no case has data."""
    shown = {name: data for name, data in shown.items() if len(data)}
    if not shown:
        raise InputError(why)
    return Drawn(panels.side_by_side(shown, draw, size, share=share), _stacked(shown))


def _stacked(shown: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    return pd.concat([data.assign(case=name) for name, data in shown.items()], ignore_index=True)


def _lines(lines: Lines) -> Figurer:
    def drawn(study: Study) -> Drawn:
        return _drawn(study, {name: lines.data(case.table, study.split) for name, case in study.cases.items()}, lines)

    return drawn


def _drawn(study: Study, shown: Mapping[str, pd.DataFrame], lines: Lines, why: str = "no run has such values") -> Drawn:
    styles = lines.styles([*dict.fromkeys(name for data in shown.values() for name in data["line"])])
    return _in_panels(shown, lambda name, data, ax: lines.draw(data, ax, study.split, styles), why)


def _redrawn(study: Study) -> Drawn:
    shown = {name: star.star_redrawn.data(case.table) for name, case in study.cases.items()}
    curated = (study.table["metric"] == "star_redrawn").any()
    return _drawn(study, shown, star.star_redrawn, _NO_BATCHES if curated else _NO_STAR)


def _candidates(study: Study) -> Drawn:
    shown = {
        f"{name}, the {role}'s batches": star.candidates(case.table, role)
        for name, case in study.cases.items()
        for role in ("classifier", "generator")
    }
    return _in_panels(shown, lambda name, data, ax: star.draw_candidates(data, ax), _NO_STAR)


def _latents(study: Study, places: Callable[[Mapping[int, latent.Latents]], pd.DataFrame]) -> dict[str, pd.DataFrame]:
    found = {}
    for name, case in study.with_galleries().items():
        latents = {i: gallery.latents for i, gallery in case.galleries.items()}
        if all(map(len, latents.values())):
            found[name] = places(latents)
    return found


def _latent_density(study: Study) -> Drawn:
    shown = _latents(study, latent.along_axis)
    return _in_panels(shown, lambda name, data, ax: latent.draw_density(data, ax), _NO_LATENTS)


def _latent_plane(study: Study) -> Drawn:
    shown = _latents(study, latent.in_plane)
    if not shown:
        raise InputError(_NO_LATENTS)
    generations = sorted({i for data in shown.values() for i in data["generation"]})

    def draw(data: pd.DataFrame, column: str, ax: Axes) -> None:
        if int(column) in set(data["generation"]):
            latent.draw_plane(data, int(column), ax)
        else:  # this case has not reached the generation
            ax.set_axis_off()

    return Drawn(panels.blocks(shown, [*map(str, generations)], draw, len(generations), (2.0, 2.0)), _stacked(shown))


def _samples(each: int | None) -> Figurer:
    def drawn(study: Study) -> Drawn:
        cases = study.with_galleries()
        shown = {
            name: grids.sample_cells(case.galleries, grids.Names(labels(case.table), groups(case.table)), each)
            for name, case in cases.items()
        }
        return _grids(shown, lambda name, data, ax: grids.draw_samples(data, cases[name].galleries, ax), "latent")

    return drawn


def _reconstructions(study: Study) -> Drawn:
    cases = study.with_galleries()
    shown = {name: grids.errors(case.galleries) for name, case in cases.items()}
    return _grids(shown, lambda name, data, ax: grids.draw_reconstructions(data, cases[name].galleries, ax), "image")


def _grids(shown: Mapping[str, pd.DataFrame], draw: Callable[[str, pd.DataFrame, Axes], object], row: str) -> Drawn:
    rows = max((data[row].nunique() for data in shown.values()), default=0)
    columns = max((data["generation"].nunique() for data in shown.values()), default=0)
    names = [name for data in shown.values() if "row" in data for name in data["row"]]
    return _in_panels(shown, draw, f"no run kept any {row}", grids.size(rows, columns, names), share=False)


def _star_compared(study: Study) -> Drawn:
    order = {target: place for place, target in enumerate(compared.STAR)}
    table = study.table.sort_values("star", key=lambda targets: targets.map(order), kind="stable")
    pairs = [(compared.by_star, compared.but_star)]
    return _versions(study, table, pairs, "no two cases differ in the target of STAR alone", shaded=True)


def _labels_compared(study: Study) -> Drawn:
    pairs = [(compared.by_labels, compared.but_labels)]
    return _versions(study, study.table, pairs, "no two cases differ in the labeller alone")


def _ablation(study: Study) -> Drawn:
    fields = compare.further_fields(study.table)
    table = study.table.sort_values(fields, kind="stable") if fields else study.table
    pairs = [(compared.by_field(field), compared.but_field(field)) for field in fields]
    return _versions(study, table, pairs, "no two cases differ in one field of their specs alone", ordered=True)


def _for_whom(study: Study) -> Drawn:
    found = study_arms.data(study.table, study.split)
    if len(found[["line", "star"]].drop_duplicates()) < 2:
        raise InputError("there is only one case")
    return Drawn(study_arms.draw(found, study.table, study.split), found)


def _accuracy_against_equalized_odds(study: Study) -> Drawn:
    shown = {name: data for name, data in paths.data(study.table, study.split).items() if len(data)}
    if shown and not any(data["line"].nunique() > 1 for data in shown.values()):
        raise InputError("there is only one case")
    styles = paths.styles_of(shown)
    return _in_panels(
        shown, lambda name, data, ax: paths.draw(data, ax, study.split, styles), "no run has such values", (6.0, 4.2),
        share=False,
    )  # fmt: skip


def _versions(
    study: Study,
    table: pd.DataFrame,
    pairs: Iterable[tuple[Names, Names]],
    why: str,
    *,
    ordered: bool = False,
    shaded: bool = False,
) -> Drawn:
    """A row of panels for cases that differ in one choice. pairs: the names of the choice, and of the rest."""
    minoritized = compare.minoritized(table)
    measures = {measure.title: measure for measure in compared.headline(minoritized, study.split)}
    table = compared.with_headline(table, minoritized)
    shown: dict[str, pd.DataFrame] = {}
    styles: dict[str, Look] = {}
    for by, but in pairs:
        lines = [compared.compared(measure, by, ordered=ordered) for measure in measures.values()]
        styles |= lines[0].styles([*by(table).dropna().unique()])
        for name, rows in compared.alike(table, by, but).items():
            found = [line.data(rows, study.split).assign(measure=line.title) for line in lines]
            if not (found := [data for data in found if len(data)]):
                continue
            data = pd.concat(found)
            end = compared.collapse(rows[rows["star"] == "none"], minoritized, study.split) if shaded else None
            shown[name] = data.assign(collapsed=data["x"] >= end) if end is not None else data
    if not shown:
        raise InputError(why)

    def draw(data: pd.DataFrame, column: str, ax: Axes) -> None:
        compared.compared(measures[column]).draw(data[data["measure"] == column], ax, study.split, styles)
        if "collapsed" in data and data["collapsed"].any():
            compared.shade(ax, data.loc[data["collapsed"], "x"].min(), "after collapse without STAR")

    return Drawn(panels.blocks(shown, [*measures], draw), _stacked(shown))


FIGURES: dict[str, Figurer] = {
    "demographic-parity-difference": _lines(curves.dp_difference),
    "demographic-parity-ratio": _lines(curves.dp_ratio),
    "accuracy-difference": _lines(curves.accuracy_difference),
    **{CATALOGUE[metric].title.replace(" ", "-"): _lines(lines) for metric, lines in curves.BY_MEASURE.items()},
    "group-share": _lines(generated.group_share),
    "label-share": _lines(generated.label_share),
    "group-confidence": _lines(generated.group_confidence),
    "generator-loss": _lines(generated.generator_loss),
    "star-redrawn": _redrawn,
    "star-candidates": _candidates,
    "latent-density": _latent_density,
    "latent-plane": _latent_plane,
    "samples": _samples(None),
    "samples-by-stratum": _samples(2),
    "reconstructions": _reconstructions,
    "star-compared": _star_compared,
    "labels-compared": _labels_compared,
    "ablation": _ablation,
    "for-whom": _for_whom,
    "accuracy-against-equalized-odds": _accuracy_against_equalized_odds,
}
"""Every figure, by the name of its files."""
