"""fairloop simulates fairness feedback loops, measures what they do, and repairs them.

    from fairloop import preset, simulate

    for generation in simulate(preset("demo", seed=1)):
        print(generation.index, generation.value("accuracy"))

The names below are the public ones; they are imported when they are first used, because torch is slow to import.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fairloop.auditing import Audit, audit
    from fairloop.batch import Batch, Strata
    from fairloop.curation.interface import Curation, NoCuration
    from fairloop.curation.resampler import StarResampler
    from fairloop.curation.sampler import StarSampler
    from fairloop.curation.star import Star
    from fairloop.curation.stream import StarStream
    from fairloop.data import Population, Split
    from fairloop.errors import FairloopError, InputError
    from fairloop.loop import Generation, simulate
    from fairloop.models.interface import Classifier, Generator
    from fairloop.own import OwnLoop
    from fairloop.presets import preset
    from fairloop.recorded import RecordedRun, load, table_of
    from fairloop.setting import SETTINGS, Setting
    from fairloop.source import Source
    from fairloop.spec import RunSpec

_HOME = {
    "Audit": "auditing",
    "Batch": "batch",
    "Classifier": "models.interface",
    "Curation": "curation.interface",
    "FairloopError": "errors",
    "Generation": "loop",
    "Generator": "models.interface",
    "InputError": "errors",
    "NoCuration": "curation.interface",
    "OwnLoop": "own",
    "Population": "data",
    "RecordedRun": "recorded",
    "RunSpec": "spec",
    "SETTINGS": "setting",
    "Setting": "setting",
    "Source": "source",
    "Split": "data",
    "Star": "curation.star",
    "StarResampler": "curation.resampler",
    "StarSampler": "curation.sampler",
    "StarStream": "curation.stream",
    "Strata": "batch",
    "audit": "auditing",
    "load": "recorded",
    "preset": "presets",
    "simulate": "loop",
    "table_of": "recorded",
}

__all__ = [
    "SETTINGS",
    "Audit",
    "Batch",
    "Classifier",
    "Curation",
    "FairloopError",
    "Generation",
    "Generator",
    "InputError",
    "NoCuration",
    "OwnLoop",
    "Population",
    "RecordedRun",
    "RunSpec",
    "Setting",
    "Source",
    "Split",
    "Star",
    "StarResampler",
    "StarSampler",
    "StarStream",
    "Strata",
    "audit",
    "load",
    "preset",
    "simulate",
    "table_of",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'fairloop' has no attribute '{name}'")
    return getattr(importlib.import_module(f"fairloop.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
