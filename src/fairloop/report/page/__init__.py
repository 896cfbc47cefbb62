"""One page about a tidy table: a single HTML file that opens offline and needs no server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from fairloop._util.files import write_text
from fairloop.errors import InputError
from fairloop.metrics import statistics
from fairloop.metrics.entry import PARTS
from fairloop.report import compare, summary
from fairloop.report.figures import Measure
from fairloop.report.page import sparklines
from fairloop.report.page.content import packed, thinned
from fairloop.report.page.glossary import METRICS, READING, READING_OF_ROUNDS, READING_OF_RUNS, ROLES
from fairloop.report.page.origins import origins
from fairloop.report.page.pictures import Recorded, sheets
from fairloop.report.page.samples_of_texts import texts
from fairloop.report.page.shell import Json, rendered
from fairloop.report.text import counted
from fairloop.spec.people import PEOPLE
from fairloop.spec.run import RunSpec
from fairloop.store.directory import RunDirectory

_STYLES = ("report/page/vendor/uPlot.min.css", "report/page/page.css")
_SCRIPTS = tuple(
    f"report/page/{name}"
    for name in ("vendor/uPlot.iife.min.js", "dom.js", "data.js", "curves.js", "samples.js", "texts.js", "strata.js",
                 "values.js", "page.js")
)  # fmt: skip


def write(
    table: pd.DataFrame,
    out: Path,
    runs: Sequence[RunDirectory] = (),
    title: str = "What the loop did",
    lead: Sequence[str] = (),
) -> None:
    """Write the page about the tidy `table` to `out`.

    runs: directories of runs in the table, for pictures, specs and provenance; sections without data are left out.
    lead: paragraphs in place of the summary. Names in the table are escaped.

    Raises InputError without data, if `out` is not an .html file, or if two runs have the same case and seed.

    >>> from pathlib import Path
    >>> from fairloop.report.table import gathered, run_directories
    >>> sources = [Path("sweep")]  # a directory of `fairloop sweep ... --out sweep`
    >>> write(gathered(sources), Path("report.html"), run_directories(sources), title="Two policies")
    >>> "Two policies" in Path("report.html").read_text(encoding="utf-8")
    True
    """
    if out.suffix not in (".html", ".htm"):
        raise InputError(f"--out: {out} does not end in .html")
    if table.empty:
        raise InputError("report: no generation is recorded yet")
    write_text(
        out, rendered("fairloop.report.page", "page.html.j2", _STYLES, _SCRIPTS, _content(table, runs, title, lead))
    )


def _content(table: pd.DataFrame, runs: Sequence[RunDirectory], title: str, lead: Sequence[str]) -> Json:
    """The content of the page, for its template. Arguments as in `write`."""
    specs = {spec.identity: (run, spec) for run, spec in ((run, run.spec()) for run in runs)}
    head = summary.headline(table)
    table = compare.cased(table)
    kept = thinned(table)
    data = packed(kept) | {"metrics": METRICS, "parts": PARTS, "roles": ROLES}
    data["first"] = _key(head.measures[0]) if head.measures else data["keys"][0]
    findings = [] if lead else summary.summary(head)
    parts: Json = {
        "title": title,
        "facts": _facts(data),
        "lead": lead,
        "findings": _chapters(findings),
        "verdicts": summary.on_verdicts(findings),
        "bands": _about_bands(table),
        "reading": READING if lead else (*_of_rounds(table), *READING_OF_RUNS, *READING),
        "measures": [{"title": measure.title, "key": _key(measure)} for measure in head.measures],
        "sparks": sparklines.sparks(head) if head.measures else {},
        "values": _about_values(len(table), len(kept)),
    }
    parts |= {"width": sparklines.WIDTH, "height": sparklines.HEIGHT, "margin": sparklines.MARGIN}
    return parts | _with_runs(data, _recorded(data, table, specs))


def _with_runs(data: Json, recorded: Sequence[Recorded]) -> Json:
    """The parts of the page about runs with a directory, and `data` with their pictures and texts."""
    pictures = sheets(recorded)
    written = texts(recorded)
    return {
        "pictures": _about(pictures, recorded) if pictures else "",
        "texts": _about_texts(written, recorded) if written else "",
        "origins": origins(recorded) if recorded else None,
        "data": {**data, "pictures": pictures, "texts": written},
    }


def _of_rounds(table: pd.DataFrame) -> Sequence[tuple[str, str]]:
    """Terms about rounds of people, if the table has rounds."""
    return READING_OF_ROUNDS if (table["setting"] == PEOPLE).any() else ()


def _recorded(data: Json, table: pd.DataFrame, runs: Mapping[str, tuple[RunDirectory, RunSpec]]) -> list[Recorded]:
    """The runs in the table with a directory, in the page's order. runs: by name."""
    found = []
    for run in data["runs"]:
        if run["name"] in runs:
            rows = table[table["run"] == run["name"]]
            labels = rows.loc[rows["metric"] == "label_share", "label"].unique()
            groups = rows.loc[rows["metric"] == "group_share", "group"].unique()
            found.append(Recorded(run["name"], run["case"], *runs[run["name"]], list(labels), list(groups)))
    return found


def _chapters(findings: Sequence[summary.Finding]) -> dict[str, list[summary.Finding]]:
    found: dict[str, list[summary.Finding]] = {}
    for finding in findings:
        found.setdefault(finding.chapter, []).append(finding)
    return found


def _key(measure: Measure) -> list[str | None]:
    return [measure.role, measure.split, measure.label, measure.group, measure.metric]


def _facts(data: Json) -> str:
    """The facts of the page, such as "colored-mnist: 6 runs, 2 cases, 3 seeds, generations 0 to 9"."""
    datasets = ", ".join(dict.fromkeys(str(run["fields"][0]) for run in data["runs"]))
    seeds = {run["seed"] for run in data["runs"]}
    first, last = data["steps"][0], data["steps"][-1]
    steps = f"{data['step']}s {first} to {last}" if first != last else f"{data['step']} {first}"
    if len(data["runs"]) == 1:
        return f"{datasets}: one run, {steps}" if data["step"] == "generation" else steps
    counts = (counted(len(data["runs"]), "run"), counted(len(data["cases"]), "case"), counted(len(seeds), "seed"))
    return f"{datasets}: {', '.join(counts)}, {steps}"


def _about_bands(table: pd.DataFrame) -> str:
    """The meaning of the bands and bars around means over seeds."""
    seeds = table.drop_duplicates("run").groupby("case", sort=False)["seed"].nunique()
    kinds = {statistics.shown(n) for n in seeds}
    bands = "Bands are 95 % intervals of the mean over seeds (Student's t), of each point alone."
    bars = f"Bars go from the lowest seed to the highest: fewer than {statistics.FEWEST_SEEDS} seeds have no interval."
    return " ".join([bands] * ("interval" in kinds) + [bars] * ("spread" in kinds))


def _about(pictures: Json, recorded: Sequence[Recorded]) -> str:
    shown, left_out = _shown(pictures, recorded)
    return (
        f"{shown} samples of each generation's generator. Generations and cases of a seed have the same latents, so "
        f"all differences come from the generator. Compressed with small losses.{left_out}"
    )


def _about_texts(written: Json, recorded: Sequence[Recorded]) -> str:
    shown, left_out = _shown(written, recorded)
    return (
        f"{shown} texts of each generation's generator, from the same random numbers, with the label and the group "
        f"that the annotators name. Models wrote them, and may repeat texts that they learned from.{left_out}"
    )


def _shown(there: Json, recorded: Sequence[Recorded]) -> tuple[int, str]:
    """The number of samples of a generation on the page, and sentences on those that it leaves out."""
    kept = max(run.spec.measure.gallery for run in recorded)
    shown = min(there["samples"], kept)
    fewer = "" if shown == kept else f" The runs keep {kept}; more would make the page too large."
    seeds = "" if there["every_seed"] else " Of each case only the first seed is here, for the same reason."
    return shown, fewer + seeds


def _about_values(values: int, kept: int) -> str:
    digits = "Rounded to six significant digits; fairloop export gives all."
    if kept == values:
        return f"{values:,} values. {digits}"
    return (
        f"{kept:,} of {values:,} values. Of values that are measured in each epoch, only the last one is here; "
        f"more would make the page too large. {digits}"
    )
