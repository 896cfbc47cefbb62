"""Checks of data sets: the properties of a `Population` that models and measures need."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fairloop.data import Population, Split
from fairloop.testing.streams import no_global_randomness

Load = Callable[[Any, int], Population]
_SPLITS = ("valid", "test", "test_balanced")
_DEVIATIONS = 5.0


@dataclass(frozen=True)
class PopulationCase:
    """A data set to check.

    load: `load(spec, seed)`, the population that the spec describes.
    spec: the spec, a pydantic model; choose one that is quick to load.
    changes: another valid value for each field of it that shapes the data.

    >>> from fairloop.data.colored_mnist import ColoredMNISTSpec, load
    >>> case = PopulationCase(load, ColoredMNISTSpec(train=64, valid=32, test=32), changes={"label_noise": 0.2})
    >>> len(case.population().train)
    64
    """

    load: Load
    spec: Any
    changes: Mapping[str, Any] = field(default_factory=dict)

    def population(self, seed: int = 0) -> Population:
        """The data for `seed`."""
        return self.load(self.spec, seed)


def holds_arrays_of_the_right_kind(case: PopulationCase) -> None:
    """Images are uint8 (N, C, H, W), rows float32 (N, F) in [0, 1], texts int64 (N, L) ids of the vocabulary; labels
    and groups are int64 (N,).
    """
    population = case.population()
    for name, split in population.splits.items():
        assert len(split) > 0, f"{name} is empty"
        images = split.inputs[:]
        tabular = images.ndim == 2
        kind = np.int64 if population.tokens is not None else np.float32 if tabular else np.uint8
        assert images.ndim in (2, 4), f"{name}: images have {images.ndim} axes; they are (N, C, H, W), or rows (N, F)"
        assert images.dtype == kind, f"{name}: images are {images.dtype}, not {np.dtype(kind)}"
        assert images.shape == split.inputs.shape, f"{name}: holds {images.shape}, and says {split.inputs.shape}"
        low, high = population.value_range or (0, 1)
        in_range = not tabular or (np.isfinite(images).all() and images.min() >= low and images.max() <= high)
        assert in_range, f"{name}: rows hold values outside of [{low}, {high}]"
        assert images.shape[1:] == population.shape, f"{name}: samples of {images.shape[1:]}, not {population.shape}"
        for what, codes in (("labels", split.labels), ("groups", split.groups)):
            assert codes.shape == (len(images),), f"{name}: {what} have the shape {codes.shape}, not ({len(images)},)"
            assert codes.dtype == np.int64, f"{name}: {what} are {codes.dtype}, not int64"


def names_what_its_codes_mean(case: PopulationCase) -> None:
    """Labels are 0..K-1 and groups 0..S-1 with as many different names; minoritized groups and label are among them."""
    population = case.population()
    for what, names in (("label", population.label_names), ("group", population.group_names)):
        assert len(set(names)) == len(names) > 0, f"{what}_names are not different names: {names}"
        assert all(isinstance(name, str) for name in names), f"{what}_names are not all text: {names}"
    for name, split in population.splits.items():
        for what, codes, names in (
            ("labels", split.labels, population.label_names),
            ("groups", split.groups, population.group_names),
        ):
            low, high = int(codes.min()), int(codes.max())
            assert 0 <= low <= high < len(names), f"{name}: {what} range from {low} to {high}, with {len(names)} names"
    strange = set(population.minoritized) - set(population.group_names)
    assert not strange, f"minoritized names no groups of it: {sorted(strange)}"
    assert 0 <= population.beneficial < len(population.label_names), f"beneficial={population.beneficial}: not a label"


def has_every_split(case: PopulationCase) -> None:
    """`valid`, `test` and `test_balanced`, by these names."""
    missing = [name for name in _SPLITS if name not in case.population().tests]
    assert not missing, f"it lacks the splits {', '.join(missing)}"


def balances_its_balanced_split(case: PopulationCase) -> None:
    """In `test_balanced`, a group's share is the same under every label, up to the chance of a draw."""
    split = case.population().tests["test_balanced"]
    for group in np.unique(split.groups):
        overall = (split.groups == group).mean()
        for label in np.unique(split.labels):
            members = split.groups[split.labels == label] == group
            deviation = abs(members.mean() - overall)
            chance = _DEVIATIONS * np.sqrt(overall * (1 - overall) / len(members))
            assert deviation <= chance + 1e-9, (
                f"test_balanced: group {group} has a share of {members.mean():.3f} under label {label}, "
                f"and of {overall:.3f} overall"
            )


def is_the_same_for_the_same_seed(case: PopulationCase) -> None:
    """The same spec and seed give the same data, independent of earlier draws and loads."""
    with no_global_randomness("loading"):
        first = case.population()
    case.population(seed=1)
    second = case.population()
    assert first.fingerprint == second.fingerprint, "two loads with the same seed have different fingerprints"
    for name, split in first.splits.items():
        assert _digest(split) == _digest(second.splits[name]), f"{name} differs between two loads"


def changes_its_fingerprint_with_every_parameter(case: PopulationCase) -> None:
    """Each field that shapes the data changes the fingerprint, which identifies trained models."""
    fingerprint = case.population().fingerprint
    for name, value in case.changes.items():
        changed = type(case.spec).model_validate({**case.spec.model_dump(), name: value})
        other = case.load(changed, 0).fingerprint
        assert other != fingerprint, f"{name}={value} gives the fingerprint of {name}={getattr(case.spec, name)}"


def changes_its_data_with_its_fingerprint(case: PopulationCase) -> None:
    """Another seed gives other data and another fingerprint, or the same of both."""
    first, second = case.population(0), case.population(1)
    same = all(_digest(split) == _digest(second.splits[name]) for name, split in first.splits.items())
    says = first.fingerprint == second.fingerprint
    assert same == says, f"seeds 0 and 1 give {'the same' if same else 'other'} data, and fingerprints that deny it"


POPULATION_CHECKS: tuple[Callable[[PopulationCase], None], ...] = (
    holds_arrays_of_the_right_kind,
    names_what_its_codes_mean,
    has_every_split,
    balances_its_balanced_split,
    is_the_same_for_the_same_seed,
    changes_its_fingerprint_with_every_parameter,
    changes_its_data_with_its_fingerprint,
)


def _digest(split: Split) -> str:
    digest = hashlib.sha256()
    for array in (split.inputs[:], split.labels, split.groups):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
