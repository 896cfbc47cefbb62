"""Ten generations of Adult with a boosted classifier and a bootstrap generator, beside a plain script.

    FAIRLOOP_TABULAR=DIR .venv/bin/python benchmarks/estimators.py [--generations 10] [--rounds 1]

The plain script makes the same fits, samples and predictions with pandas and scikit-learn alone: those of the
annotators, of each generation, and of its measurement. fairloop also measures, and once keeps every model on disk. All
have one thread, and begin with the data in memory and all libraries imported; the script runs before and after. Seconds
are those of the processor, so other work of the machine does not count.
"""

from __future__ import annotations

import argparse
import os
import time
from importlib import import_module
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from fairloop import data
from fairloop.data import Population
from fairloop.loop.feature_forms import Frame
from fairloop.loop.generations import generations
from fairloop.loop.trainer import ModelTrainer
from fairloop.spec.run import RunSpec, from_mapping
from fairloop.store.memory import MemoryModels
from fairloop.store.models import DirectoryModels

MODEL = "sklearn.ensemble:HistGradientBoostingClassifier"
ARGUMENTS = {"early_stopping": False}  # or seeds would decide how many trees a fit has
LIMIT = 1.3


def main() -> None:
    """Print seconds and ratios."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--root", type=Path, default=os.environ.get("FAIRLOOP_TABULAR"))
    options.add_argument("--generations", type=int, default=10)
    options.add_argument("--rounds", type=int, default=1)
    asked = options.parse_args()
    spec = from_mapping({
        "data": {"name": "adult", "root": str(asked.root)}, "generations": asked.generations,
        "generator": {"model": "bootstrap"}, "classifier": {"model": MODEL, "arguments": ARGUMENTS},
        "annotator": {"model": MODEL, "arguments": ARGUMENTS},
        "device": "cpu", "precision": "fp32",
    })  # fmt: skip
    torch.set_num_threads(1)
    import_module("skops.io")  # both begin with all libraries
    population = data.load(spec.data, spec.seed)
    rounds = []
    for _ in range(asked.rounds):
        before, others, after = plain(spec, population), ours(spec, population), plain(spec, population)
        rounds.append(((before + after) / 2, *others))
    for name, i in (("in memory", 1), ("on disk", 2)):
        ratio = median(seconds[i] / seconds[0] for seconds in rounds)
        told = ", ".join(f"{seconds[i]:.1f} s to {seconds[0]:.1f} s" for seconds in rounds)
        print(
            f"{name}: {ratio:.2f} times the plain script ({told}); {'within' if ratio <= LIMIT else 'beyond'} {LIMIT}"
        )


def ours(spec: RunSpec, population: Population) -> tuple[float, float]:
    """Seconds of fairloop, with models in memory and on disk."""
    seconds = []
    with TemporaryDirectory() as folder:
        for models in (MemoryModels(), DirectoryModels(Path(folder))):
            began = time.process_time()
            for _ in generations(ModelTrainer(spec, models, population=population)):
                pass
            seconds.append(time.process_time() - began)
    return seconds[0], seconds[1]


def plain(spec: RunSpec, population: Population) -> float:
    """Seconds of the plain script."""
    form, rng, samples = Frame(population.columns), np.random.default_rng(0), spec.measure.samples
    train = form.decode(population.train.inputs[:])
    labels, groups = (
        np.array(names)[codes]
        for names, codes in (
            (population.label_names, population.train.labels),
            (population.group_names, population.train.groups),
        )
    )
    tests = [form.decode(split.inputs[:]) for split in population.tests.values()]

    def drawn(people: pd.DataFrame, n: int) -> pd.DataFrame:
        return people.iloc[rng.integers(len(people), size=n)]

    began = time.process_time()
    with threadpool_limits(1):
        label, group = (HistGradientBoostingClassifier(**ARGUMENTS).fit(train, names) for names in (labels, groups))
        for test in tests:
            label.predict(test), group.predict(test)
        people, labeller = train, label
        for i in range(spec.generations):
            people = drawn(people, len(train)) if i else people
            learned = drawn(people, len(train))
            classifier = HistGradientBoostingClassifier(**ARGUMENTS).fit(learned, labeller.predict(learned))
            for test in tests:
                classifier.predict(test)
            shown = drawn(people, samples)
            for model in (label, labeller, classifier):
                model.predict(shown)
            group.predict_proba(shown)
            labeller = classifier
    return time.process_time() - began


if __name__ == "__main__":
    main()
