"""The tables and the figures of docs/studies/texts.md, from the sweeps' directories.

python -m docs.studies.texts keep NAME DIR        keeps the rows of the sweep study-NAME in DIR beside this file
python -m docs.studies.texts                      prints the tables
python -m docs.studies.texts --write              puts them into the page, and draws a figure for each
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from docs.studies.by_arm import HERE, Study, main, tables_of
from fairloop.report.figures.measures import Measure

PAGE = HERE / "texts.md"

PERPLEXITY = tuple(
    Measure(f"perplexity, {group}", f"perplexity of real texts, {group}", "generator", "test", group, "perplexity")
    for group in ("orrin", "talva")
)
TAIL = Measure("rare words of talva", "rare words alive, talva", "generator", "generated", "talva", "tail_alive")
SHARE = Measure("share of talva", "share of talva among texts", "generator", "generated", "talva", "group_share")
ACCURACY = Measure("accuracy", "accuracy", "classifier", "test", "overall", "accuracy")
EO = Measure("EO difference", "EO difference (0: equal)", "classifier", "test", "difference", "equalized_odds")
BIAS = Measure(
    "selection rate less", "difference of selection rates", "classifier", "test", "difference", "demographic_parity"
)
ASSOCIATION = Measure(
    "association", "association with the group's words", "generator", "test", "talva", "swap_association_size"
)

ORDER = tuple(
    f"{arm}{labels}"
    for labels in ("", ", labels by annotators")
    for arm in ("replace", "accumulate", "10% real", "20% real")
)


def _arm(run: Mapping[str, Any]) -> str:
    share = run.get("policy.generator.real_share")
    mixed = str(share) not in ("", "None", "nan")
    arm = f"{float(str(share)):.0%} real" if mixed else str(run["policy.generator.kind"] or "replace")
    return arm + (", labels by annotators" if run["setting"] == "seqgen-nonseqclass" else "")


SHOWN, DRAWN = (ACCURACY, EO, *PERPLEXITY, TAIL, SHARE), (*PERPLEXITY, TAIL, SHARE)
OF_BIAS, DRAWN_OF_BIAS = (ACCURACY, BIAS, ASSOCIATION, *PERPLEXITY, SHARE), (BIAS, ASSOCIATION, PERPLEXITY[1], SHARE)
STUDIES = {
    "text": Study("text", _arm, ORDER, SHOWN, DRAWN, "generation"),
    "text-gpt": Study("text-gpt", _arm, ORDER, SHOWN, DRAWN, "generation"),
    "text-bias": Study("text-bias", _arm, ORDER, OF_BIAS, DRAWN_OF_BIAS, "generation"),
}
TABLES = tables_of(STUDIES)

if __name__ == "__main__":
    main(PAGE, STUDIES, __doc__)
