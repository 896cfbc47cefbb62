"""Does a draw of the test data shift a classifier of a late generation as much as A_L? The controlled run behind the
subtraction of A_L: the classifiers of finished runs, each measured on the same many draws.

    python -m docs.reproduction.draws SWEEP

Written: draws.parquet, a row a value: setting, star, seed, generation (-1: A_L), draw (the data seed), metric, value. A
draw decides whose labels are flipped and who is green; models and digits stay the same (see annotators.py).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from docs.reproduction.annotators import DRAWS, GREEN_AND_RED, answers, measures
from docs.reproduction.annotators_alone import ANNOTATOR, GENERATIONS, JUDGED
from docs.reproduction.committed import HERE
from fairloop import load
from fairloop.data.digits import from_directory
from fairloop.models.interface import Classifier
from fairloop.models.numerics import resolve
from fairloop.results import RecordedRun, RecordedSweep
from fairloop.seeding import Role

TABLE = HERE / "draws.parquet"


def _models(run: RecordedRun) -> Iterator[tuple[int, Classifier]]:
    yield ANNOTATOR, run.annotators.label.module
    for generation in GENERATIONS:
        yield generation, run.classifier(generation)


def _measured(run: RecordedRun) -> Iterator[list[object]]:
    spec = run.spec
    test = from_directory(Path(str(spec.data.root)), "test")
    for generation, model in _models(run):
        said = answers(model, test.images, GREEN_AND_RED, resolve(spec.precision, "cpu", 1))
        for draw in range(DRAWS):
            found = measures(spec.data, test.digits, said, draw, Role.TEST_DATA)
            for metric in JUDGED:
                yield [spec.setting, spec.star.target, spec.seed, generation, draw, metric, found[metric]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweep", type=Path, help="directory of a sweep of SeqClass with its models")
    sweep = load(parser.parse_args().sweep)
    assert isinstance(sweep, RecordedSweep)
    columns = ["setting", "star", "seed", "generation", "draw", "metric", "value"]
    table = pd.DataFrame([row for run in sweep.values() for row in _measured(run)], columns=columns)
    table.astype({"seed": "int16", "generation": "int8", "draw": "int16"}).to_parquet(
        TABLE, index=False, compression="zstd"
    )
    print(f"{TABLE}: {len(table):,} values of {len(sweep)} runs")


if __name__ == "__main__":
    main()
