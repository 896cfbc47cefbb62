"""A summary of a tidy table in sentences: drift, its size, its start, the affected groups, and the effect of STAR."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from fairloop.errors import InputError
from fairloop.metrics import statistics
from fairloop.metrics.catalogue import CATALOGUE
from fairloop.metrics.entry import PARTS
from fairloop.report import compare
from fairloop.report.figures import Measure
from fairloop.report.figures.measures import of_classifier

_ENDS = ("low", "high", "lowest", "highest")
_Row = dict[Any, Any]


class Sentence(NamedTuple):
    """A sentence in two parts: its subject and its statement."""

    about: str
    words: str


@dataclass(frozen=True)
class Finding:
    """The sentences about one case, or about a comparison of two. Plain text with the names of the table.

    chapter: the kind of finding. scope: the generations, data and seeds of the sentences. verdicts: the
    number of judged values, each at the 5 % level by an interval or a band.
    """

    chapter: str
    title: str
    scope: str
    sentences: tuple[Sentence, ...]
    verdicts: int = 0


@dataclass(frozen=True)
class Headline:
    """The input of a summary.

    table: its rows of classifiers on `split` and of groups' shares, with `case`, and the minoritized share added.
    split: the split of `measures`, or None if the table has no classifier.
    """

    table: pd.DataFrame
    split: str | None
    measures: tuple[Measure, ...]
    share: Measure | None


def headline(table: pd.DataFrame, minoritized: Sequence[str] = ()) -> Headline:
    """The headline measures: performance and disparities on one split, minoritized share.

    Raises InputError if a name in `minoritized` is not a group, or if two runs have the same case and seed.
    """
    split = compare.split_in(table)
    groups = compare.minoritized(table, minoritized)
    share = compare.minoritized_share(groups) if groups else None
    measures = (*(compare.fairness(split) if split else ()), *([share] if share else ()))
    table = compare.cased(table)
    told = table[((table["role"] == "classifier") & (table["split"] == split)) | (table["metric"] == "group_share")]
    return Headline(compare.with_minoritized(told, groups), split, measures, share)


def summary(head: Headline) -> list[Finding]:
    """A finding for each case, then for each comparison with and without STAR, and of each loop with its control."""
    if not head.measures:
        return []
    changed = _by_case(compare.changes(head.table, head.measures))
    left = compare.departures(head.table, head.measures)
    own = _by_case(left[left["band"] == "own"])
    drifts = [
        _drift(head, case, changed[case], own.get(case, {})) if case in changed else _nothing_known(head, case)
        for case in compare.case_names(head.table)
    ]
    pairs = [beside for case, base in _pairs(head.table) for beside in _beside(head, case, base)]
    return drifts + sorted(pairs, key=lambda finding: finding.chapter)  # STAR, then the loop


def on_verdicts(findings: Sequence[Finding]) -> str:
    """The level and the number of verdicts of the findings, in words; empty without verdicts."""
    verdicts = sum(finding.verdicts for finding in findings)
    if not verdicts:
        return ""
    return (
        "Rose, fell, higher and lower are said where a 95 % interval holds no 0. A generation is named where a "
        f"simultaneous band is left. Here are {verdicts} such verdicts, each at the 5 % level by itself: if nothing "
        f"had changed or differed at all, about {statistics.by_chance(verdicts)} of them would still be made, by "
        "chance."
    )


def number(value: float, sign: bool = False) -> str:
    """Three decimals, with a true minus. sign: with a sign."""
    return f"{value:{'+' if sign else ''}.3f}".replace("-", "\N{MINUS SIGN}")


def _by_case(rows: pd.DataFrame) -> dict[str, dict[str, _Row]]:
    """Rows by case and measure."""
    found: dict[str, dict[str, _Row]] = {}
    for row in rows.to_dict("records"):
        found.setdefault(row["case"], {})[row["measure"]] = row
    return found


def _drift(head: Headline, case: str, changed: dict[str, _Row], left: dict[str, _Row]) -> Finding:
    """The changes of `case` from its first generation to its last."""
    row, seeds = next(iter(changed.values())), max(row["seeds"] for row in changed.values())
    moving = row["last"] > row["first"]
    data = f", split {head.split}" if head.split else ""
    sentences, groups = [], _by_group(head, case) if moving else []
    for title, row in changed.items():
        if compare.is_clear(row):
            verb = "rose" if row["change"] > 0 else "fell"
            moved = f" {verb} from {number(row['before'])} to {number(row['after'])}{_by(row, 'change')}"
            sentences.append(Sentence(_long(head, title), f"{moved}{_since(left.get(title), row['last'])}."))
        if title == "accuracy":
            sentences += _for_whom(groups)
    still = [
        f"{title}, {_both(row, 'before', 'then', 'after', 'change')}{_since(left.get(title), row['last'], '')}"
        for title, row in changed.items()
        if not compare.is_clear(row)
    ]
    about = f"Not distinguishable from no change{_without_interval(seeds)}:" if moving else "So far:"
    sentences += [Sentence(about, f" {'; '.join(still)}.")] if still else []
    sentences += _since_when([*left.values()] if moving else [])
    sentences += _collapse(head, case)
    sentences += _left_out(head, case)
    generations = f"Generations {row['first']} to {row['last']}" if moving else f"Generation {row['last']}"
    scope = f"{generations}{data}, {_seeds(seeds)}"
    verdicts = _judged([*changed.values(), *groups] if moving else [], left.values())
    return Finding("What drifted", case, scope, tuple(sentences), verdicts)


def _judged(ends: Iterable[_Row], bands: Iterable[_Row]) -> int:
    """The number of judged values: by an interval at the end, or by a band over generations."""
    return sum(not pd.isna(row["low"]) for row in ends) + sum(bool(row["seeds"]) for row in bands)


def _nothing_known(head: Headline, case: str) -> Finding:
    """The finding about a case without a measure at both ends in any seed, for example if every model diverged."""
    return Finding("What drifted", case, "no measure is defined at both ends", tuple(_left_out(head, case)))


def _left_out(head: Headline, case: str) -> Iterator[Sentence]:
    mine = head.table[head.table["case"] == case]
    if gone := compare.said_undefined(compare.undefined(mine, head.measures)):
        yield Sentence("Undefined, and left out there:", f" {gone}.")


def _seeds(n: int) -> str:
    if n == 1:
        return "one seed: no interval and no band, so chance cannot be told from drift"
    if statistics.shown(n) == "interval":
        return f"mean over {n} seeds; in brackets 95 % intervals"
    few = f"too few for intervals, which take {statistics.FEWEST_SEEDS}"
    return f"mean over {n} seeds, with the lowest and the highest seed's difference: {few}"


def _without_interval(seeds: int) -> str:
    return "" if statistics.shown(seeds) == "interval" else ", without an interval"


def _by(row: _Row, what: str) -> str:
    return f" ({_told(row, what, '; seeds from {} to {}')})"


def _told(row: _Row, what: str, spread: str) -> str:
    """The difference in a column with its interval or spread, and the number of its seeds if not all."""
    value, low, high, lowest, highest = (number(row[name], sign=True) for name in (what, *_ENDS))
    about = {"interval": f" [{low}, {high}]", "spread": spread.format(lowest, highest)}
    some = f"; {row['seeds']} of {row['of']} seeds" if row["seeds"] < row["of"] else ""
    return f"{value}{about.get(statistics.shown(row['seeds']), '')}{some}"


def _both(row: _Row, one: str, between: str, other: str, what: str) -> str:
    """Two values, such as "0.526 beside 0.531 (-0.005)"; only "0.526" if no seed shows a difference."""
    alike = row[what] == 0 and not row["std"] > 0
    return number(row[one]) if alike else f"{number(row[one])} {between} {number(row[other])}{_by(row, what)}"


def _long(head: Headline, title: str) -> str:
    """The measure's full title, with a capital letter."""
    long = {m.title: CATALOGUE[m.metric].called(m.group) for m in head.measures if m != head.share}.get(title, title)
    return long[:1].upper() + long[1:]


def _since(row: _Row | None, end: int, inside: str = ", never outside {band}", band: str = "its band") -> str:
    """The generation since which a measure is outside a band, in words; `inside` is the text if it never is.

    end: the last generation of the sentence. The last judged generation is named if it differs.
    """
    if row is None or not row["seeds"]:
        return ""
    left, stays, last = row["left"], row["stays"], row["last"]
    if pd.isna(left):
        return inside.format(band=band) + (f" up to generation {last}" if inside and last != end else "")
    if pd.isna(stays):
        return f", outside {band} at generation {left} but not at {'the end' if last == end else f'generation {last}'}"
    until = "on" if last == end else f"to {last}"
    if left == stays:
        return f", outside {band} from generation {left} {until}"
    return f", outside {band} at generation {left}, and again from {stays} {until}"


def _since_when(bands: Sequence[_Row]) -> Iterator[Sentence]:
    """The reason for missing statements on bands, if there are too few seeds for a band."""
    most = max((row["most"] for row in bands), default=0)
    if most > 1 and not any(row["seeds"] for row in bands):  # of one seed the scope says it
        yield Sentence("Since when:", f" not told; {statistics.no_band(most)}.")


def _by_group(head: Headline, case: str) -> list[_Row]:
    """The change of accuracy for each group."""
    mine = head.table[(head.table["case"] == case) & (head.table["metric"] == "accuracy")]
    groups = [group for group in mine["group"].unique() if group not in PARTS]
    measures = [of_classifier("accuracy", group, str(head.split), called=group) for group in groups]
    return compare.changes(mine, measures).sort_values("change", kind="stable").to_dict("records")


def _for_whom(changed: Sequence[_Row]) -> Iterator[Sentence]:
    """The change of accuracy for each group, or for the two groups with the extreme changes."""
    shown = changed if len(changed) <= 4 else [changed[0], changed[-1]]
    each = " and ".join(
        f"{_told(row, 'change', ' (seeds from {} to {})')}{_unsure(row)} for {row['measure']}" for row in shown
    )
    between = "" if shown == changed else f" (the other {len(changed) - 2} groups lie between)"
    if each:
        yield Sentence("By group,", f" accuracy changed by {each}{between}.")


def _unsure(row: _Row) -> str:
    return "" if compare.is_clear(row) or pd.isna(row["low"]) else " (not distinguishable from none)"


def _collapse(head: Headline, case: str) -> Iterator[Sentence]:
    mine = head.table[head.table["case"] == case]
    limits = [(measure, compare.ACCURACY_BELOW) for measure in head.measures if measure.title == "accuracy"]
    limits += [(head.share, compare.SHARE_BELOW)] if head.share else []
    found: dict[str, list[str]] = {}
    for measure, below in limits:
        if not (runs := compare.collapses(mine, measure, below)).empty:
            found.setdefault(compare.typical_collapse(runs), []).append(f"{measure.title} below {below:g}")
    each = [
        f"{when} ({', '.join(what)})"
        if when.startswith("never")
        else f"{' and '.join(what)} first at generation {when}"
        for when, what in found.items()
    ]
    if each:
        yield Sentence("Collapse:", f" {'; '.join(each)}.")


def _pairs(table: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """(case, its base): for STAR, the same case without it; otherwise the control of the same data.

    STAR's own fields may differ if no case has equal fields.
    """
    cases = table.drop_duplicates("case").to_dict("records")
    further = compare.further_fields(table)
    for case in cases:
        wanted = {**case, "star": "none", "setting": case["setting"] if case["star"] != "none" else "control"}
        for others in (further, [field for field in further if not field.startswith("star.")]):
            fields = ("dataset", "setting", "star", *others)
            alike = [other["case"] for other in cases if all(str(other[f]) == str(wanted[f]) for f in fields)]
            if alike and case["case"] not in alike:
                yield case["case"], alike[0]
                break


def _beside(head: Headline, case: str, base: str) -> Iterator[Finding]:
    """The last generation of `case` less that of `base`; nothing without a seed in common."""
    two = head.table[head.table["case"].isin([case, base])]
    try:
        found = compare.differences(two, head.measures, base)
    except InputError:
        return
    left = compare.departures(two, head.measures, base)
    since = _by_case(left[left["band"] == base]).get(case, {})
    ends = compare.at_the_end(found).to_dict("records")
    last = ends[0]["generation"]
    seeds = max(row["seeds"] for row in ends)
    sentences, alike = [], []
    for row in ends:
        mine, theirs, title = number(row["mean"]), number(row["mean_against"]), row["measure"]
        if compare.is_clear(row):
            than = f" is {'higher' if row['difference'] > 0 else 'lower'}: {mine} beside {theirs}"
            outside = _since(since.get(title), last, band="the other's band")
            sentences.append(Sentence(_long(head, title), f"{than}{_by(row, 'difference')}{outside}."))
        else:
            alike.append(f"{title}, {_both(row, 'mean', 'beside', 'mean_against', 'difference')}")
    about = f"Not distinguishable{_without_interval(seeds)}:"
    sentences += [Sentence(about, f" {'; '.join(alike)}.")] if alike else []
    sentences += _since_when([*since.values()])
    chapter = f"What {'STAR' if (two.loc[two['case'] == case, 'star'] != 'none').any() else 'the loop'} changed"
    scope = f"Generation {last}, paired by seed, {_seeds(seeds)}"
    yield Finding(chapter, f"{case} beside {base}", scope, tuple(sentences), _judged(ends, since.values()))
