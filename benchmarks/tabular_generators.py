"""Quality of the generators of tables: what a classifier learns from their people, by group, and how far columns lie.

    python -m benchmarks.tabular_generators DIRECTORY_WITH_FILES [--splits 3] [--steps 2000] [--only adult,compas]

Of each split, a generator learns from the real people who are not held out, label and group among their columns, and
makes as many. A classifier that learns from these is tested on the real people held out, whom the generator has not
seen. Adult and COMPAS are 4,000 of their people. Networks take `--steps` batches of 256 with Adam at 0.002, one thread.

Writes
benchmarks/results/tabular_generators.md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from fairloop import data
from fairloop.data.columns import decode, encode, learned
from fairloop.models import GENERATORS, build_generator, estimator
from fairloop.spec.run import from_mapping
from fairloop.synthetic_data import Design, arms
from fairloop.synthetic_data.contrasts import contrasts
from fairloop.synthetic_data.distances import distances
from fairloop.synthetic_data.pair import Pair, paired
from fairloop.training.streams import initialising

RESULTS = Path(__file__).parent / "results" / "tabular_generators.md"
NAMES = ("bootstrap", "gaussian-copula", "chow-liu", "tabular-vae", "tabular-ddpm")
GROUPS = {"adult": "sex", "compas": "race", "german": "sex"}
MOST, BATCH = 4_000, 256

Made = tuple[pd.DataFrame, dict[str, float]]


def people(name: str, root: Path) -> tuple[pd.DataFrame, str]:
    """All people of a data set, shuffled, at most `MOST`; and the beneficial label."""
    found = data.load(from_mapping({"data": {"name": name, "root": str(root), "groups": [GROUPS[name]]}}).data, 0)
    parts = []
    for part in ("train", "valid", "test"):
        split = found.splits[part]
        frame = pd.DataFrame(decode(split.inputs[:], found.columns))
        frame[GROUPS[name]] = np.array(found.group_names)[split.groups]
        parts.append(frame.assign(label=np.array(found.label_names)[split.labels]))
    whole = pd.concat(parts, ignore_index=True)
    return whole.sample(min(len(whole), MOST), random_state=0, ignore_index=True), found.label_names[found.beneficial]


def fitted(name: str, real: pd.DataFrame, steps: int, seed: int) -> Made:
    """As many people as `real` has, and the seconds and the steps that it took."""
    own, rng = estimator("generator", name), np.random.default_rng(seed)
    if own is None:
        return networked(name, real, steps, seed)
    texts = real.select_dtypes(exclude="number").columns
    start = time.process_time()
    model = own().fit(real.astype(dict.fromkeys(texts, "category")))
    trained = time.process_time()
    made = model.sample(len(real), rng)
    return made.astype(dict.fromkeys(texts, object)), told(start, trained, len(real))


def networked(name: str, real: pd.DataFrame, steps: int, seed: int) -> Made:
    columns = learned(real, np.ones(len(real), bool))
    rows, rng = torch.from_numpy(encode(real, columns)), torch.Generator().manual_seed(seed)
    start = time.process_time()
    with initialising(rng):
        model = build_generator(name, (rows.shape[1],), {}, {"blocks": [column.width for column in columns]})
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        torch.autograd.backward(model.loss(rows[torch.randint(len(rows), (BATCH,), generator=rng)], rng))
        optimizer.step()
    trained = time.process_time()
    made = model.eval().sample(len(real), rng)
    return pd.DataFrame(decode(made.numpy(), columns)), told(start, trained, len(real)) | {
        "steps a second": steps / (trained - start)
    }


def told(start: float, trained: float, n: int) -> dict[str, float]:
    return {"seconds to fit": trained - start, "people a second": n / max(time.process_time() - trained, 1e-9)}


def measured(name: str, real: pd.DataFrame, beneficial: str, group: str, options: argparse.Namespace) -> list[str]:
    """The cells of a generator's line."""
    design, found, apart, times = Design(splits=options.splits), [], [], []
    pair: Pair | None = None
    for split in range(options.splits):
        learn, _ = design.held_out(len(real), split)
        made, took = fitted(name, real.iloc[learn].reset_index(drop=True), options.steps, split)
        pair = paired(real, made, "label", [group], beneficial)
        found.append(arms.measured(design, pair, split))
        apart.append([np.mean([one.value for one in distances(pair) if len(one.columns) == n]) for n in (1, 2)])
        times.append(took)
    assert pair is not None
    table = contrasts(found, design.test).set_index(["trained_on", "group", "metric"])
    return cells(table, pair.group_names, np.mean(apart, axis=0), pd.DataFrame(times).mean().to_dict())


def cells(table: pd.DataFrame, groups: tuple[str, ...], apart: Any, times: dict[str, float]) -> list[str]:
    accuracies = [("synthetic", group, "accuracy") for group in ("overall", *groups)]
    asked = [*accuracies, ("both - real", "overall", "accuracy"), ("synthetic", "difference", "equalized_odds")]
    shown = [f"{apart[0]:.3f}", f"{apart[1]:.3f}", *(spread(table.loc[key]) for key in asked)]
    speed = f"{times['steps a second']:.0f}" if "steps a second" in times else ""
    return [*shown, f"{times['seconds to fit']:.1f}", speed, f"{times['people a second']:,.0f}"]


def baseline(real: pd.DataFrame, beneficial: str, group: str, options: argparse.Namespace) -> list[str]:
    """The line of real people: of what a classifier learns from them."""
    design, pair = Design(splits=options.splits), paired(real, real, "label", [group], beneficial)
    found = [arms.measured(design, pair, split) for split in range(options.splits)]
    table = contrasts(found, design.test).set_index(["trained_on", "group", "metric"])
    parts = [*((one, "accuracy") for one in ("overall", *pair.group_names)), ("difference", "equalized_odds")]
    *accuracies, odds = [spread(table.loc["real", each, metric]) for each, metric in parts]
    return ["", "", *accuracies, "", odds, "", "", ""]


def spread(row: pd.Series) -> str:
    return f"{row['value']:.3f} ({row['lowest']:.3f} to {row['highest']:.3f})"


def section(name: str, options: argparse.Namespace) -> Iterator[list[str]]:
    """The lines about a data set, after each generator."""
    real, beneficial = people(name, options.root)
    groups = sorted(real[GROUPS[name]].unique())
    parts = [*(f"accuracy, {each}" for each in ("all", *groups)), "accuracy gained beside real", "equalized odds"]
    header = ["generator", "columns", "pairs", *parts, "seconds to fit", "steps a second", "people a second"]
    rows = [header, ["---"] * len(header), ["real people", *baseline(real, beneficial, GROUPS[name], options)]]
    for generator in NAMES:
        rows.append([f"`{generator}`", *measured(generator, real, beneficial, GROUPS[name], options)])
        yield [
            f"## {name}: {len(real):,} people, by {GROUPS[name]}",
            "",
            *(f"| {' | '.join(row)} |" for row in rows),
            "",
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--steps", type=int, default=2_000)
    parser.add_argument("--only", default=",".join(GROUPS))
    options = parser.parse_args()
    assert set(NAMES) <= set(GENERATORS)
    torch.set_num_threads(1)
    head = [
        "# Generators of tables",
        "",
        f"Mean over {options.splits} splits (lowest to highest). Networks: {options.steps:,} batches of {BATCH}. "
        "columns, pairs: mean distances from real people. accuracy, equalized odds (difference): of a classifier that "
        "learnt from synthetic people. Seconds of the processor, one thread, on a machine with other work.",
        "",
    ]
    done: list[str] = head
    for name in options.only.split(","):
        for lines in section(name, options):
            RESULTS.write_text("\n".join([*done, *lines]).rstrip() + "\n", encoding="utf-8")
        done += lines


if __name__ == "__main__":
    main()
