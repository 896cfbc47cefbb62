"""Tables about the runs on full MNIST with the published settings, beside the published curves.

They come from full.parquet beside this file, which `python -m docs.reproduction.gather SWEEP... --out full` makes from
the directories of sweeps, finished or not. Without it, they say that no generation was recorded.
"""

from __future__ import annotations

import json
from functools import cache

import pandas as pd

from docs.reproduction.committed import HERE, runs
from fairloop.report import published as paper
from fairloop.report.published import departures, words
from fairloop.report.published.curves import SHOWN
from fairloop.report.text import markdown
from fairloop.spec.names import case_name

TABLE = "full"
NOTHING = "No generation of any curve is recorded yet."
WHOLE = 40


def recorded() -> bool:
    """Whether there is anything to show."""
    return (HERE / f"{TABLE}.parquet").is_file()


@cache
def found() -> pd.DataFrame:
    """The departures of the measures that are judged."""
    all_of_them = departures.departures(runs(TABLE))
    return all_of_them[all_of_them["metric"].isin(SHOWN)]


def differences() -> pd.DataFrame:
    """What departures.csv holds: the departures of the measures that are judged, to six digits."""
    numbers = found().select_dtypes("float").columns
    return found().assign(**found()[numbers].round(6))


@cache
def cells() -> pd.DataFrame:
    """Our values beside the published bands."""
    return paper.laid_over(runs(TABLE))


def curves() -> list[tuple[str, str]]:
    """Setting and STAR target of the curves that were run."""
    return [(str(a), str(b)) for a, b in cells()[["setting", "star"]].drop_duplicates().itertuples(index=False)]


def answer() -> str:
    """The first paragraph of the page."""
    if not recorded():
        return (
            f"**Not known: no curve of full length has been run with the corrected generator.** {NOTHING} "
            "The tables of the curves below are empty. "
            "Earlier, shorter runs used a generator that differs from the published one. This page does not show them."
        )
    whole = cells().groupby(["setting", "star"], observed=True)["generation"].max() + 1 == WHOLE
    told = departures.verdicts(found())
    head = "Known in part" if (told["verdict"] != "cannot tell").any() else "Not known yet"
    said = words.opening(found(), told)
    run = f"{whole.sum()} of the 5 published curves of ColoredMNIST are complete, over {WHOLE} generations"
    return f"**{head}** ({run}): {said[0].lower()}{said[1:]}"


def verdicts() -> str:
    """A row for each curve and measure."""
    return words.verdict_table(departures.verdicts(found())) if recorded() else NOTHING


def falls() -> str:
    """When accuracy falls below each limit."""
    return words.falls_table(departures.falls(runs(TABLE))) if recorded() else NOTHING


def hours() -> str:
    """What each run took: its generations, its hours, and the models that it trained itself."""
    lines = []
    for name, told in sorted(json.loads((HERE / f"{TABLE}.json").read_text()).items()):
        spec, sessions = told["spec"], told["sessions"]
        done, trained = ({one for session in sessions for one in session[what]} for what in ("generations", "trained"))
        devices = {session["numerics"]["device"] for session in sessions}
        seconds = sum(session["seconds"] for session in sessions)
        curve = case_name(spec["setting"], spec["star"]["target"])
        lines.append([curve, name.split(".")[2].removeprefix("seed-"), str(len(done)), ", ".join(sorted(devices))])
        lines[-1] += [f"{seconds / 3600:.2f}", str(len(trained))]
    return markdown(["curve", "seed", "generations", "device", "hours", "models trained"], lines)


def inside() -> str:
    """The share of single values inside the published bands."""
    return words.inside_table(paper.verdicts(cells())) if recorded() else NOTHING


def figures() -> str:
    """A figure for each curve."""
    if not recorded():
        return NOTHING
    return "\n\n".join(
        f"### {case_name(setting, star)}\n\n![Ours and the published curve](reproduction/{setting}.{star}.png)"
        for setting, star in curves()
    )
