"""How good is A_L, and what decides it: one A_L a seed, measured after several epochs on many draws of the test data.

    python -m docs.reproduction.annotators MNIST_DIR --seeds 0-24 --out annotators/sgd
    python -m docs.reproduction.annotators MNIST_DIR --seeds 0-9 --set annotator.optimizer=adam \
        --set annotator.learning_rate=0.001 --out annotators/adam

A draw is what a data seed decides of a split: whose labels are flipped and who is green. What A_L says depends on the
digit and its colour alone, so every digit is shown to it in both colours, once, and each draw picks from its answers.

Written: `seed-N.parquet`, a row a value: seed, epoch (how many are done), split, draw (the data seed), metric, value.
After epochs 1, 5, 10, ... and the last ones, draws are the seed's own and 0; after the last epoch, 0 to DRAWS - 1.
`seed-N.json` has the spec and the provenance. A seed whose table is there is not trained again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from fairloop import preset
from fairloop._util.files import replacing
from fairloop.data.colored_mnist import ColoredMNISTSpec
from fairloop.data.colours import coloured
from fairloop.data.digits import from_directory
from fairloop.loop.trainer import ModelTrainer
from fairloop.metrics import group_rates as perf
from fairloop.models.interface import Classifier
from fairloop.models.numerics import Numerics
from fairloop.seeding import Role
from fairloop.sources.source import chunk, probabilities
from fairloop.spec.run import RunSpec, from_mapping
from fairloop.store.interface import Fit, M, Trained
from fairloop.store.memory import MemoryModels
from fairloop.training.fitting import Checkpoint
from fairloop.training.recipe import Recipe

DRAWS = 200
GREEN_AND_RED = (1, 0)
"""The channels of an image that are the colours of group 0 and of group 1."""
EPOCHS = (1, 5, 10, 15, 20, 25, 26, 27, 28, 29, 30)
SPLITS = {"valid": Role.VALID_DATA, "test": Role.TEST_DATA}
Row = tuple[int, int, str, int, str, float]


class Measured(MemoryModels):
    """Trains what it is asked for, and measures it on the way."""

    def __init__(self, spec: RunSpec, digits: dict[str, tuple[NDArray[np.uint8], NDArray[np.int64]]]) -> None:
        super().__init__()
        self._spec, self._digits = spec, digits
        self.trainer = ModelTrainer(spec, self)
        self.rows: list[Row] = []

    def model(self, recipe: Recipe, fit: Fit[M]) -> Trained[M]:
        def watched(state: Any) -> Iterator[Checkpoint[M]]:
            for checkpoint in fit(state):
                if checkpoint.epoch in (*EPOCHS, checkpoint.epochs):
                    self._measure(checkpoint.module, checkpoint.epoch, final=checkpoint.epoch == checkpoint.epochs)
                yield checkpoint

        return super().model(recipe, watched)

    def _measure(self, annotator: Classifier, epoch: int, *, final: bool) -> None:
        draws = sorted({0, self._spec.seed, *(range(DRAWS) if final else ())})
        for split, (images, digits) in self._digits.items():
            said = answers(annotator, images, GREEN_AND_RED, self.trainer.numerics)
            for draw in draws:
                for metric, value in measures(self._spec.data, digits, said, draw, SPLITS[split]).items():
                    self.rows.append((self._spec.seed, epoch, split, draw, metric, value))


def answers(
    classifier: Classifier, grey: NDArray[np.uint8], channels: tuple[int, ...], numerics: Numerics
) -> NDArray[np.int64]:
    """(channels, N) the labels that a classifier gives to each grey digit, painted in each of the channels."""
    found = []
    for channel in channels:
        pictures = np.zeros((len(grey), 3, *grey.shape[1:]), np.uint8)
        pictures[:, channel] = grey
        size = chunk(pictures.shape[1:])
        parts = (numerics.tensor(torch.from_numpy(part)) for part in np.split(pictures, range(size, len(grey), size)))
        found.append(probabilities(classifier, parts, numerics).argmax(dim=1).cpu().numpy())
    return np.stack(found)


def measures(
    data: ColoredMNISTSpec, digits: NDArray[np.int64], said_of: NDArray[np.int64], draw: int, role: Role
) -> dict[str, float]:
    """What a draw of these digits shows. said_of: (2, N) the label of each digit in green and in red."""
    truth = digits >= data.threshold
    labels = data.noisy(truth, draw, role)
    groups = coloured(digits[:, None, None], labels, data.green_given_label, draw, role).groups
    said = said_of[groups, np.arange(len(digits))]
    rates = perf.performance(perf.confusion(labels, groups, said, 2, 2))
    return {
        "accuracy": rates["accuracy"].overall,
        "accuracy difference": rates["accuracy"].disparities()["difference"],
        "DP difference": perf.demographic_parity(rates)["difference"],
        "EO difference": perf.equalized_odds(rates)["difference"],
        "labels flipped": float((labels != truth).mean()),
        "accuracy before the noise": float((said == truth).mean()),
    }


def provenance(trainer: ModelTrainer) -> dict[str, Any]:
    """What was trained, with what, where."""
    here = Path(__file__).parent
    commit = subprocess.run(["git", "-C", here, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "spec": trainer.spec.model_dump(mode="json"),
        "packages": {name: version(name) for name in ("torch", "numpy")},
        "commit": commit.stdout.strip(),
        "numerics": trainer.numerics.record(),
        "data": trainer.population.fingerprint,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, help="directory with MNIST's four files")
    parser.add_argument("--seeds", default="0-24", help="first-last")
    parser.add_argument("--set", action="append", default=[], help="a field of the spec, as for `fairloop run`")
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    train, test = from_directory(asked.root, "train"), from_directory(asked.root, "test")
    first = len(train.digits) * 5 // 6 + 1
    digits = {"valid": (train.images[first:], train.digits[first:]), "test": (test.images, test.digits)}
    start, _, stop = asked.seeds.partition("-")
    for seed in range(int(start), int(stop or start) + 1):
        if (table := asked.out / f"seed-{seed}.parquet").exists():
            continue
        fields = preset("colored-mnist", seed=seed, generations=1).model_dump(mode="json")
        spec = from_mapping(fields, [f"data.root={asked.root}", *asked.set])
        measured = Measured(spec, digits)
        measured.trainer.annotator(measured.trainer.plan.label_annotator)
        frame = pd.DataFrame(measured.rows, columns=["seed", "epoch", "split", "draw", "metric", "value"])
        with replacing(table) as temporary:
            frame.to_parquet(temporary, index=False)
        table.with_suffix(".json").write_text(json.dumps(provenance(measured.trainer)))
        own = frame[(frame["epoch"] == spec.annotator.epochs) & (frame["draw"] == seed)]
        print(seed, *(f"{row.split} {row.metric} {row.value:.4f}" for row in own.itertuples()), sep="; ", flush=True)


if __name__ == "__main__":
    main()
