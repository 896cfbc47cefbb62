"""The diagrams of docs/explanation/settings.md: one for each setting, from its definition in fairloop.

python -m docs.explanation.diagrams --write        draws them into docs/explanation/settings
"""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

from fairloop.spec.setting import EVERY_SETTING, SETTINGS, Setting

FOLDER = Path(__file__).parent / "settings"
WIDTH, HEIGHT = 660, 214
COLUMNS = (250, 410, 570)
"""The middle of each generation, or round."""
TOP, BOTTOM, LEFT = 58, 150, 80
"""The rows of generators (or people) and of classifiers; the middle of the column on the left."""
HALF, TALL = 44, 19
"""Half the width and half the height of a box."""

INK, MUTED, SURFACE = (f"var(--pst-color-{name}, var(--{name}))" for name in ("text-base", "text-muted", "surface"))
STYLE = f"""\
.setting {{ --text-base: #222832; --text-muted: #48566b; --surface: #f3f4f5; width: 100%; max-width: {WIDTH}px; }}
@media (prefers-color-scheme: dark) {{
.setting {{ --text-base: #ced6dd; --text-muted: #9ca4af; --surface: #29313d; }}
}}
.setting text {{ font: 14px system-ui, sans-serif; text-anchor: middle; fill: {INK}; }}
.setting .small {{ font-size: 12.5px; fill: {MUTED}; }}
.setting rect {{ fill: {SURFACE}; stroke: {MUTED}; stroke-width: 1.2; }}
.setting .generator {{ stroke: #0072b2; stroke-width: 2.2; }}
.setting .classifier {{ stroke: #c45500; stroke-width: 2.2; }}
.setting .arrow {{ fill: none; stroke: {INK}; stroke-width: 1.6; }}
.setting .labels {{ stroke-dasharray: 5 4; }}
.setting .head {{ fill: {INK}; }}"""
"""Colours are those of the site's theme where it has them, else those of the reader's system."""

Point = tuple[float, float]


def diagram(name: str) -> str:
    """The SVG of the setting `name`. Without blank lines, so that Markdown takes it as one block."""
    setting = EVERY_SETTING[name]
    parts = _people() if setting.generators == "none" else _models(setting)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" class="setting">'
    return "\n".join([head, f"<title>{SAID[name]}</title>", f"<style>\n{STYLE}\n</style>", *parts, "</svg>", ""])


SAID = {
    "seqgen-seqclass": "G_1 learns from samples of G_0, G_2 from samples of G_1. C_i learns from samples of G_i. The "
    "annotator labels for C_0; then each classifier labels for the next one.",
    "seqgen-nonseqclass": "G_1 learns from samples of G_0, G_2 from samples of G_1. C_i learns from samples of G_i. "
    "The annotator labels for all classifiers.",
    "seqclass": "G_0 is kept, and all classifiers learn from its samples. The annotator labels for C_0; then each "
    "classifier labels for the next one.",
    "control": "G_0 is kept, and all classifiers learn from its samples. The annotator labels for all of them.",
    "people": "People come in rounds. A rule decides in round 0, then each classifier decides in the next round. C_t "
    "learns from the known outcomes of round t. People of the next round are those who have responded.",
}
"""What each diagram says, for readers who do not see it."""


def _models(setting: Setting) -> list[str]:
    parts = [_text(x, 20, f"generation {i}") for i, x in enumerate(COLUMNS)]
    parts += [_box(LEFT, TOP, "real people"), _box(LEFT, BOTTOM, "annotator A_L")]
    parts += [_arrow((LEFT + 60, TOP), (COLUMNS[0] - HALF, TOP)), _arrow((LEFT, TOP + TALL), (LEFT, BOTTOM - TALL))]
    if setting.generators == "sequential":
        parts += [_box(x, TOP, f"G_{i}", "generator") for i, x in enumerate(COLUMNS)]
        parts += [_arrow((a + HALF, TOP), (b - HALF, TOP)) for a, b in pairwise(COLUMNS)]
    else:
        middle, half = COLUMNS[1], COLUMNS[1] - COLUMNS[0] + HALF
        parts.append(_box(middle, TOP, "G_0, kept", "generator", half))
    parts += [_box(x, BOTTOM, f"C_{i}", "classifier") for i, x in enumerate(COLUMNS)]
    parts += [_arrow((x, TOP + TALL), (x, BOTTOM - TALL)) for x in COLUMNS]
    return [*parts, *(_labelled(setting, i) for i in range(len(COLUMNS)))]


def _labelled(setting: Setting, generation: int) -> str:
    """The arrow from the labeller of a generation to its classifier."""
    by, x = setting.labeller(generation), COLUMNS[generation]
    if by >= 0:
        return _arrow((COLUMNS[by] + HALF, BOTTOM), (x - HALF, BOTTOM), "labels")
    if generation == 0:
        return _arrow((LEFT + 60, BOTTOM), (x - HALF, BOTTOM), "labels")
    below = BOTTOM + TALL + 22
    return _arrow((LEFT, BOTTOM + TALL), (LEFT, below), "labels", (x, below), (x, BOTTOM + TALL))


def _people() -> list[str]:
    parts = [_text(x, 20, f"round {i}") for i, x in enumerate(COLUMNS)]
    parts += [_box(x, TOP, "people", half=36) for x in COLUMNS]
    parts += [_arrow((a + 36, TOP), (b - 36, TOP)) for a, b in pairwise(COLUMNS)]
    parts += [_text((a + b) / 2, TOP - 9, "respond", "small") for a, b in pairwise(COLUMNS)]
    middles = [(a + b) / 2 for a, b in zip((LEFT + 10, *COLUMNS), COLUMNS, strict=False)]
    parts.append(_box(middles[0], BOTTOM, "first rule", half=40))
    parts += [_box(x, BOTTOM, f"C_{i}", "classifier", 26) for i, x in enumerate(middles[1:])]
    for x, middle in zip(COLUMNS, middles, strict=True):
        parts.append(_arrow((middle + 10, BOTTOM - TALL), (x - 14, TOP + TALL), "labels"))
    for x, middle in zip(COLUMNS, middles[1:], strict=False):
        parts.append(_arrow((x + 14, TOP + TALL), (middle - 10, BOTTOM - TALL)))
    return parts


def _box(x: float, y: float, words: str, kind: str = "real", half: float | None = None) -> str:
    half = half or (60 if kind == "real" else HALF)
    return (
        f'<rect class="{kind}" x="{x - half:g}" y="{y - TALL}" width="{2 * half:g}" height="{2 * TALL}" rx="6"/>'
        f"{_text(x, y + 5, words)}"
    )


def _text(x: float, y: float, words: str, kind: str = "") -> str:
    name, low, index = words.partition("_")
    shown = (
        f'{name}<tspan dy="3" font-size="10">{index[:1]}</tspan><tspan dy="-3">{index[1:]}</tspan>' if low else words
    )
    return f'<text class="{kind or "words"}" x="{x:g}" y="{y:g}">{shown}</text>'


def _arrow(start: Point, end: Point, kind: str = "", *further: Point) -> str:
    """A line through the points, with a head at the last one."""
    points = [start, end, *further]
    (x0, y0), (x, y) = points[-2:]
    length = ((x - x0) ** 2 + (y - y0) ** 2) ** 0.5
    u, v = (x - x0) / length, (y - y0) / length
    line = " ".join(f"{a:g},{b:g}" for a, b in [*points[:-1], (round(x - 7 * u, 1), round(y - 7 * v, 1))])
    sides = [(x - 9 * u - 4 * v, y - 9 * v + 4 * u), (x, y), (x - 9 * u + 4 * v, y - 9 * v - 4 * u)]
    head = " ".join(f"{a:.1f},{b:.1f}" for a, b in sides)
    return f'<polyline class="arrow {kind}" points="{line}"/><polygon class="head" points="{head}"/>'


if __name__ == "__main__":
    for name in EVERY_SETTING if "--write" in sys.argv else ():
        (FOLDER / f"{name}.svg").write_text(diagram(name), encoding="utf-8")
    print(*SETTINGS, "people", sep="\n")
