"""The tables and the figures of docs/studies/people.md, from the sweeps' directories.

python -m docs.studies.people keep NAME DIR        keeps the rows of the sweep study-NAME in DIR beside this file
python -m docs.studies.people                      prints the tables
python -m docs.studies.people --write              puts them into the page, and draws a figure for each
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from docs.studies.by_arm import HERE, Study, main, tables_of
from fairloop.report.figures.measures import Measure

PAGE = HERE / "people.md"

SHOWN = (
    Measure("accuracy", "accuracy", "classifier", "true", "overall", "accuracy"),
    Measure("selection rate of A", "selection rate of A", "classifier", "true", "A", "selection_rate"),
    Measure("selection rate of B", "selection rate of B", "classifier", "true", "B", "selection_rate"),
    Measure("TPR of B", "TPR of B", "classifier", "true", "B", "tpr"),
    Measure("EO difference", "EO difference (0: equal)", "classifier", "true", "difference", "equalized_odds"),
    Measure("share of B", "share of B among people", "classifier", "people", "B", "group_share"),
)
DRAWN = (SHOWN[0], SHOWN[2], SHOWN[4], SHOWN[5])
PATIENCE = 1e5  # kappa from here on: changes cost too much for everybody


def _explored(run: Mapping[str, Any]) -> str:
    for field, words in (("people.exploration", "of the rejected accepted"), ("people.verified", "of all verified")):
        if (share := float(run.get(field) or 0)) > 0:
            return f"{share:.0%} {words}"
    return "no exploration"


def _kind(run: Mapping[str, Any]) -> str:
    return str(run["people.kind"])


def _leaving(run: Mapping[str, Any]) -> str:
    cheap = float(str(run["people.arguments.kappa"]).strip("[]").split(",")[0]) < PATIENCE
    leave = str(run.get("people.retention")) not in ("", "[]", "None", "nan")
    return f"{'respond' if cheap else 'do not respond'}, {'leave' if leave else 'all return'}"


ORDER = (
    "no exploration",
    *(f"{share}% of {whom}" for whom in ("the rejected accepted", "all verified") for share in (1, 5, 20)),
    "strategic", "selective-labels", "lending", "performative",
    *(f"{one}, {other}" for other in ("all return", "leave") for one in ("do not respond", "respond")),
)  # fmt: skip

STUDIES = {
    name: Study(name, arm_of, ORDER, SHOWN, DRAWN, "round")
    for name, arm_of in (
        ("exploration", _explored),
        ("reparation-under-response", _kind),
        ("leaving-strategic", _leaving),
    )
}
TABLES = tables_of(STUDIES)

if __name__ == "__main__":
    main(PAGE, STUDIES, __doc__)
