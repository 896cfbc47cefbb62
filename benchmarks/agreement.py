"""How far runs of one seed agree when only the numerics differ: twice the same, other threads, another precision.

    python benchmarks/agreement.py [SEEDS]

Prints, for each kind of difference, how many of the models' weights are the same bits, and how far measures are apart,
beside how far they are apart between seeds.
"""

from __future__ import annotations

import sys
from itertools import combinations

import numpy as np
import torch

from fairloop import simulate
from fairloop.loop.generations import Generation
from fairloop.spec.run import from_mapping

SPEC = {
    "generations": 3,
    "data": {"train": 640, "valid": 100, "test": 1000},
    "generator": {"arguments": {"widths": [8, 16], "latent": 8}, "batch": 64, "epochs": 2, "first_epochs": 5},
    "classifier": {"batch": 64, "epochs": 3, "optimizer": "adam", "learning_rate": 0.001},
    "annotator": {"batch": 64, "epochs": 3, "optimizer": "adam", "learning_rate": 0.001},
    "measure": {"samples": 1000, "gallery": 0, "latents": 0},
}
NUMERICS = {
    "the same again": {"precision": "fp32", "threads": 1},
    "bf16": {"precision": "bf16", "threads": 1},
    "2 threads": {"precision": "fp32", "threads": 2},
}
BASE = NUMERICS["the same again"]
Values = list[float]


def run(seed: int, numerics: dict[str, object]) -> list[Generation]:
    torch.set_num_threads(int(str(numerics["threads"])))
    return list(simulate(from_mapping({**SPEC, **numerics, "seed": seed})))


def measured(generation: Generation) -> Values:
    return [
        generation.value("accuracy"),
        generation.value("equalized_odds", "difference"),
        generation.value("group_share", "red", role="generator", split="generated"),
    ]


def same_weights(one: list[Generation], other: list[Generation]) -> tuple[int, int]:
    """How many numbers of all generators and classifiers are the same bits, and how many there are."""
    same = total = 0
    for left, right in zip(one, other, strict=True):
        for a, b in ((left.generator, right.generator), (left.classifier, right.classifier)):
            for x, y in zip(a.module.state_dict().values(), b.module.state_dict().values(), strict=True):
                same += int((x == y).sum())
                total += x.numel()
    return same, total


def say(name: str, differences: list[Values]) -> None:
    """Root mean square differences over seeds and generations."""
    found = np.sqrt(np.square(differences).mean(axis=0))
    print(f"{name}: accuracy {found[0]:.4f}, EO difference {found[1]:.4f}, share of red {found[2]:.4f}", flush=True)


def apart(one: list[Generation], other: list[Generation]) -> list[Values]:
    """Differences of the measures, by generation."""
    return [list(np.subtract(measured(a), measured(b))) for a, b in zip(one, other, strict=True)]


def main() -> None:
    seeds = range(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
    base = [run(seed, BASE) for seed in seeds]
    print(f"Root mean square differences over {len(seeds)} seeds and {SPEC['generations']} generations")
    say("another seed", [row for one, other in combinations(base, 2) for row in apart(one, other)])
    for name, numerics in NUMERICS.items():
        counts, found = np.zeros(2, int), []
        for seed, mine in zip(seeds, base, strict=True):
            other = run(seed, numerics)
            counts += same_weights(mine, other)
            found += apart(mine, other)
        say(name, found)
        print(f"    {counts[0]:,} of {counts[1]:,} weights are the same bits ({counts[0] / counts[1]:.1%})", flush=True)


if __name__ == "__main__":
    main()
