"""What the whole machine gets done: generations per hour of pinned single-threaded processes, and of the baselines.

Each contender is in processes of its own, which live through the measurement and work in turns. A generation of
colored-mnist is reckoned from timed steps: 30 epochs of 196 generator and of 196 classifier steps, and what is
measured (ours: all that is recorded of a generation; plain: a validation after each epoch of the classifier). The
published grid is reckoned from the same steps, and from how many models its runs train alone and with a common store;
what STAR redraws is left out of both.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from benchmarks.speed.measuring import Finding, alternating, seconds

SECTION = "whole host"
EPOCHS, EPOCH_STEPS = 30, 196
STEPS, UNDISTURBED = 6, 0.9
TARGETS = {"plain": 2.8, "anomalies": None, "in memory": 1.9, "one process": 1.2}
WORDS = {
    "plain": "a plain PyTorch loop (DataLoader, PIL images, fp32, fairlearn)",
    "anomalies": "that loop with anomaly detection left on, as in the published code",
    "in memory": "an in-memory fp32 loop on all threads",
    "one process": "our loop on all threads in one process, allocator as it is",
}


class Pace(NamedTuple):
    """Seconds of a step of a generator, of one of a classifier, and of what is measured of a generation.

    share: of the core's time that the process had.
    """

    generator: float
    classifier: float
    measuring: float
    share: float


class Models(NamedTuple):
    """How many are trained for a generation, on average."""

    generators: float
    classifiers: float


ONE_OF_EACH = Models(1, 1)


class Work(NamedTuple):
    """What a contender does in a round, and how often a generation measures."""

    generator: Callable[[], object]
    classifier: Callable[[], object]
    measuring: Callable[[], object]
    measurings: int


def measure(root: Path | None, rounds: int) -> Iterator[Finding]:
    """Ratios of generations per hour."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
    with ExitStack() as stack:
        pinned = [stack.enter_context(_process("fairloop", root, len(cores), core)) for core in cores]
        contenders = {"fairloop": partial(_turn, pinned)}
        for name in TARGETS:
            contenders[name] = partial(_turn, [stack.enter_context(_process(name, root, len(cores), None))])
        measured = list(alternating(contenders, rounds))
    for name in contenders:
        words = WORDS.get(name, f"fairloop, {len(cores)} pinned processes")
        yield Finding(SECTION, words, "generations/h", [_per_hour(one[name]) for one in measured])
    had = [pace.share for one in measured for pace in one["fairloop"]]
    yield Finding(SECTION, "share of the cores' time that the pinned processes had", "", had)
    disturbed = min(had) < UNDISTURBED
    for name, target in TARGETS.items():
        ratios = [_per_hour(one["fairloop"]) / _per_hour(one[name]) for one in measured]
        yield Finding(SECTION, f"fairloop / {WORDS[name]}", "", ratios, target, disturbed=disturbed)
    from benchmarks.speed.grid import published  # it loads torch

    grid = published()
    alone, shared = (
        Models(models["generator"] / grid.generations, models["classifier"] / grid.generations)
        for models in (grid.alone, grid.shared)
    )
    ratios = [_per_hour(one["fairloop"], shared) / _per_hour(one["plain"], alone) for one in measured]
    yield Finding(SECTION, f"fairloop / {WORDS['plain']}, the published grid", "", ratios, disturbed=disturbed)


def _turn(processes: list[Connection]) -> list[Pace]:
    """Of processes that work at the same time."""
    for process in processes:
        process.send("go")
    return [process.recv() for process in processes]


def _per_hour(paces: list[Pace], models: Models = ONE_OF_EACH) -> float:
    """Generations per hour of processes that work at the same time."""
    steps = EPOCHS * EPOCH_STEPS
    return sum(
        3600 / (steps * (models.generators * pace.generator + models.classifiers * pace.classifier) + pace.measuring)
        for pace in paces
    )


@contextmanager
def _process(name: str, root: Path | None, threads: int, core: int | None) -> Iterator[Connection]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs, name, root, threads, core))
    process.start()
    theirs.close()
    try:
        ours.recv()  # it is ready
        yield ours
    finally:
        ours.send("end")
        process.join()


def _serve(asked: Connection, name: str, root: Path | None, threads: int, core: int | None) -> None:
    if core is not None:
        from fairloop._util.process import keep_freed_memory

        os.sched_setaffinity(0, {core})
        keep_freed_memory()
    work = _work(name, root, threads)
    # Once: a hundredth of a generation or less, but as long as many steps.
    measuring = work.measurings * min(seconds(work.measuring) for _ in range(2))
    asked.send("ready")
    while _word(asked) == "go":
        used = time.process_time()
        generator, classifier = seconds(work.generator), seconds(work.classifier)
        share = (time.process_time() - used) / (generator + classifier)
        asked.send(Pace(generator / STEPS, classifier / STEPS, measuring, share))


def _word(asked: Connection) -> str:
    try:
        return str(asked.recv())
    except EOFError:  # whoever asked is gone
        return "end"


def _work(name: str, root: Path | None, threads: int) -> Work:
    from benchmarks.speed.people import population

    people = population(root)
    if name in ("plain", "anomalies", "in memory"):
        import torch

        from benchmarks.speed.plain import Loop

        torch.autograd.set_detect_anomaly(name == "anomalies")
        loop = Loop(people.train, people.tests["valid"], in_memory=name == "in memory")
        return Work(partial(loop.generator_steps, STEPS), partial(loop.classifier_steps, STEPS), loop.validate, EPOCHS)
    from benchmarks.speed import ours
    from fairloop.models.numerics import resolve
    from fairloop.sources.source import Source

    numerics = resolve("auto", "cpu", 1 if name == "fairloop" else threads)
    numerics.apply_threads()
    before, labeller = ours.generator(numerics), ours.classifier(numerics)
    return Work(
        ours.generator_epochs(ours.feed_of_samples(Source(before, numerics), STEPS), numerics),
        ours.classifier_epochs(ours.feed_of_samples(Source(before, numerics, labeller), STEPS), numerics),
        ours.measuring(people, numerics),
        1,
    )
