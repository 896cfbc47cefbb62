"""fairloop simulates fairness feedback loops, measures their effects, and repairs them.

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
    from fairloop.curation.interface import Curation, NoCuration
    from fairloop.curation.resampler import StarResampler
    from fairloop.curation.sampler import StarSampler
    from fairloop.curation.star import Star
    from fairloop.curation.stream import StarStream
    from fairloop.data import Population, Split
    from fairloop.errors import FairloopError, InputError
    from fairloop.forecasting import WhatIf, whatif
    from fairloop.loop.generations import Generation, simulate
    from fairloop.loop.own.loop import OwnLoop
    from fairloop.models.interface import Classifier, Generator
    from fairloop.presets import preset
    from fairloop.results import RecordedRun, RecordedSweep, load, table_of
    from fairloop.sources.batch import Batch, Strata
    from fairloop.sources.source import Source
    from fairloop.spec.run import RunSpec
    from fairloop.spec.setting import SETTINGS, Setting
    from fairloop.sweep.first_loop import FirstLoop, quick
    from fairloop.synthetic_data import synthetic

    __version__: str

_HOME = {
    "Audit": "auditing",
    "Batch": "sources.batch",
    "Classifier": "models.interface",
    "Curation": "curation.interface",
    "FairloopError": "errors",
    "FirstLoop": "sweep.first_loop",
    "Generation": "loop.generations",
    "Generator": "models.interface",
    "InputError": "errors",
    "NoCuration": "curation.interface",
    "OwnLoop": "loop.own.loop",
    "Population": "data",
    "RecordedRun": "results",
    "RecordedSweep": "results",
    "RunSpec": "spec.run",
    "SETTINGS": "spec.setting",
    "Setting": "spec.setting",
    "Source": "sources.source",
    "Split": "data",
    "Star": "curation.star",
    "StarResampler": "curation.resampler",
    "StarSampler": "curation.sampler",
    "StarStream": "curation.stream",
    "Strata": "sources.batch",
    "WhatIf": "forecasting",
    "audit": "auditing",
    "load": "results",
    "preset": "presets",
    "quick": "sweep.first_loop",
    "simulate": "loop.generations",
    "synthetic": "synthetic_data",
    "table_of": "results",
    "whatif": "forecasting",
}

__all__ = [
    "SETTINGS",
    "Audit",
    "Batch",
    "Classifier",
    "Curation",
    "FairloopError",
    "FirstLoop",
    "Generation",
    "Generator",
    "InputError",
    "NoCuration",
    "OwnLoop",
    "Population",
    "RecordedRun",
    "RecordedSweep",
    "RunSpec",
    "Setting",
    "Source",
    "Split",
    "Star",
    "StarResampler",
    "StarSampler",
    "StarStream",
    "Strata",
    "WhatIf",
    "audit",
    "load",
    "preset",
    "quick",
    "simulate",
    "synthetic",
    "table_of",
    "whatif",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from fairloop._util.versions import version_of

        return version_of()
    if name not in _HOME:
        raise AttributeError(f"module 'fairloop' has no attribute '{name}'")
    return getattr(importlib.import_module(f"fairloop.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
