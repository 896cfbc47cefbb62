"""The tables of measures in docs/metrics, and the names in docs/audit, from `fairloop.metrics.catalogue`.

python -m docs.measures            prints all of them
python -m docs.measures --write    puts each into its page, between its two marks
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Callable, Sequence
from functools import partial
from math import inf, isinf
from pathlib import Path

from docs.pages import Tables, filled
from fairloop.auditing.measures import scores
from fairloop.auditing.measures.shares import BOTH, NEEDS
from fairloop.metrics import of_people, of_texts
from fairloop.metrics.catalogue import CATALOGUE, OF_CLASSIFIERS, in_words
from fairloop.metrics.entry import AGGREGATES, Entry
from fairloop.report.text import markdown

HERE = Path(__file__).parent

_ABOUT = {
    "group": "each group",
    "label": "each label",
    "stratum": "each label and group",
    "origin": "each maker (`group`) and labeller (`label`)",
}


def _meaning(entry: Entry) -> str:
    title = f"*{entry.title[:1].upper()}{entry.title[1:]}.*"
    compared = " and ".join(f"`{name}`" for name in entry.worst_of)
    parts = f"Of {compared}: the largest `difference`, the smallest `ratio`." if compared else ""
    source = f"Source: {entry.source}." if entry.source else ""
    told = " ".join(filter(None, [title, entry.sentence, parts, entry.detail, source]))
    return re.sub(r"\]\((?=\w+\.md)", "](../", told)  # links lead out of docs/metrics


def _rows_of(entry: Entry) -> str:
    splits = ", ".join(f"`{split}`" for split in entry.splits) or "no split"
    return f"{', '.join(f'`{role}`' for role in entry.roles)}; {splits}"


def _about(entry: Entry) -> str:
    if set(AGGREGATES) <= set(entry.parts):
        return "`overall`, each group, aggregates"
    return ", ".join(_ABOUT.get(part, f"`{part}`") for part in entry.parts)


def _range(entry: Entry) -> str:
    """Of its values; of a measure that only compares groups, of its difference."""
    low, high = entry.bounds("difference" if entry.worst_of else "overall")
    start, end = ("(-inf" if isinf(low) else f"[{low:g}"), ("inf)" if high == inf else f"{high:g}]")
    meaning = entry.meaning("difference" if entry.worst_of else "overall")
    return f"{start}, {end}" + (f"; {meaning}" if meaning else "")


def _good(entry: Entry) -> str:
    parts = {"": "overall"} if "overall" in entry.parts else {}
    parts |= {f" (`{part}`)": part for part in ("difference", "ratio") if entry.worst_of}
    return ", ".join(entry.good(part) + name for name, part in parts.items()) or entry.good()


def undefined(entry: Entry) -> str:
    """The cases in which a measure is NaN, in words."""
    if entry.worst_of and not entry.undefined:
        rates = " or ".join(f"`{name}`" for name in entry.worst_of)
        return f"{rates} is undefined in a group; the `ratio` also if {rates} is 0 in all groups"
    return entry.undefined or "never"


_WHOSE = {(): "nobody", (1,): "selected people", (0,): "rejected people", BOTH: "all people"}
_COLUMNS: dict[str, Callable[[Entry], str]] = {
    "`metric`": lambda entry: f"`{entry.name}`",
    "meaning": _meaning,
    "role; split": _rows_of,
    "about": _about,
    "range; meaning of 0 and 1": _range,
    "good": _good,
    "undefined (NaN)": undefined,
}


def measures(entries: Sequence[Entry], *left_out: str) -> str:
    """A Markdown table of the entries. left_out: columns."""
    columns = {name: cell for name, cell in _COLUMNS.items() if name not in left_out}
    return markdown([*columns], [[cell(entry) for cell in columns.values()] for entry in entries])


def _limits() -> str:
    return textwrap.fill(f"Measures: {in_words('`')}.", 110, break_on_hyphens=False)


def _needed_labels() -> str:
    """The measures of an audit, by the people whose labels they need."""
    found: dict[tuple[int, ...], list[str]] = {whose: [] for whose in _WHOSE}
    for entry in CATALOGUE.values():
        if "log" in entry.splits and entry.roles != ("labeller",):
            found[_needs(entry)].append(f"`{entry.name}`")
    rows = [[words, ", ".join(found[whose])] for whose, words in _WHOSE.items()]
    return markdown(["labels of", "measures that need them"], rows)


def _needs(entry: Entry) -> tuple[int, ...]:
    """The decisions of the people whose labels a measure of a log needs."""
    names = entry.worst_of or (entry.name,)
    return max(() if name in scores.FREE else NEEDS.get(name, BOTH) for name in names)


_OTHERS = [entry for entry in CATALOGUE.values() if entry not in OF_CLASSIFIERS]
_AUDITS = [entry for entry in _OTHERS if entry.splits == ("log",)]
_TEXTS, _PEOPLE = [*of_texts.ENTRIES], [*of_people.ENTRIES]
_MODELS = [entry for entry in _OTHERS if entry not in (*_AUDITS, *_TEXTS, *_PEOPLE)]
_SAMPLES = [entry for entry in _MODELS if entry.high == 1 and "generated" in entry.splits]
_TRAINING = [entry for entry in _MODELS if entry not in _SAMPLES]

METRICS = HERE / "metrics"
PAGES: dict[Path, Tables] = {
    METRICS / "classifiers.md": {"classifiers": partial(measures, OF_CLASSIFIERS, "role; split")},
    METRICS / "samples.md": {"samples": partial(measures, _SAMPLES)},
    METRICS / "training.md": {"training": partial(measures, _TRAINING)},
    METRICS / "people.md": {"people": partial(measures, _PEOPLE)},
    METRICS / "texts.md": {"texts": partial(measures, _TEXTS)},
    METRICS / "audits.md": {"audits": partial(measures, _AUDITS)},
    HERE / "audit" / "labels.md": {"needed labels": _needed_labels},
    HERE / "audit" / "pipeline.md": {"limits": _limits},
}

if __name__ == "__main__":
    for page, tables in PAGES.items():
        if "--write" in sys.argv:
            page.write_text(filled(page, tables), encoding="utf-8")
        else:
            print("\n\n".join(make() for make in tables.values()))
