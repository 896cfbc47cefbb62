"""Gather runs, or A_Ls that annotators.py made, into one table beside this file, and their specs and provenance.

python -m docs.reproduction.gather SWEEP... --out ablations
python -m docs.reproduction.gather ANNOTATORS/* --out annotators
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pandas as pd

from fairloop.report.table import export
from fairloop.store.directory import find_runs

HERE = Path(__file__).parent


def gather_runs(places: list[Path], name: str, *, add: bool) -> dict[str, Any]:
    """Export what runs have recorded, each once though several sweeps hold it, and tell its spec and its sessions.

    add: put them under what the table holds; a run that it holds already, with fewer generations, is replaced.
    """
    runs = {run.spec().identity: run for run in find_runs(places) if run.committed()}
    path = HERE / f"{name}.parquet"
    before = pd.read_parquet(path) if add else None
    export([*runs.values()], path)
    if before is not None:
        now = pd.read_parquet(path)
        both = pd.concat([before[~before["run"].isin(now["run"].unique())], now], ignore_index=True)
        both.to_parquet(path, index=False, compression="zstd")
    held = json.loads(path.with_suffix(".json").read_text()) if add else {}
    return held | {
        identity: {
            "spec": _without_place(run.spec().model_dump(mode="json")),
            "sessions": run.provenance().model_dump(mode="json")["sessions"],
        }
        for identity, run in runs.items()
    }


def gather_annotators(places: list[Path], name: str) -> dict[str, Any]:
    """Put the tables of each directory, which names a variant, under each other."""
    tables, told = [], {}
    for place in places:
        for path in sorted(place.glob("seed-*.parquet")):
            tables.append(pd.read_parquet(path).assign(variant=place.name))
            about = json.loads(path.with_suffix(".json").read_text())
            told[f"{place.name}.{path.stem}"] = {**about, "spec": _without_place(about["spec"])}
    frame = pd.concat(tables, ignore_index=True).astype(dict.fromkeys(("seed", "epoch", "draw"), "int16"))
    frame.to_parquet(HERE / f"{name}.parquet", index=False, compression="zstd")
    return told


def _without_place(spec: dict[str, Any]) -> dict[str, Any]:
    return {**spec, "data": {**spec["data"], "root": None}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("places", type=Path, nargs="+")
    parser.add_argument("--out", required=True, help="name of the table, without its ending")
    parser.add_argument("--add", action="store_true", help="to the runs that the table holds")
    asked = parser.parse_args()
    if any(asked.places[0].glob("seed-*.parquet")):
        told = gather_annotators(asked.places, asked.out)
    else:
        told = gather_runs(asked.places, asked.out, add=asked.add)
    (HERE / f"{asked.out}.json").write_text(json.dumps(told, indent=1) + "\n")
    print(f"{asked.out}: {len(told)} models or runs")


if __name__ == "__main__":
    main()
