"""Models on disk: one safetensors file per recipe, complete and verified; a model has at most one fit at a time."""

from __future__ import annotations

import hashlib
import json
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from fairloop._util.files import damaged, replacing, unfinished_of
from fairloop.errors import InputError
from fairloop.models.estimators.keeping import not_kept
from fairloop.store.interface import Fit, M, Trained
from fairloop.training.fitting import Checkpoint, State
from fairloop.training.recipe import Recipe

SECONDS_BETWEEN_SAVES = 20.0
_METADATA = "fairloop"  # one key: with several, the bytes of the file depend on their order
_WEIGHT, _LOG, _OPTIMIZER = "weight/", "log/", "optimizer/"


class DirectoryModels:
    """Models in a directory, by recipe. Several runs and processes may share it.

    A model that cannot be kept, such as some estimators, is fitted at each request, and `has` is false.

    While one process fits a recipe, other processes wait for the model. An interrupted fit resumes from its last saved
    epoch. A fit saves at most every `seconds_between_saves`.
    """

    def __init__(self, root: Path, seconds_between_saves: float = SECONDS_BETWEEN_SAVES) -> None:
        self.root = root
        self._seconds = seconds_between_saves

    def path(self, recipe: Recipe) -> Path:
        """The file of the model of `recipe`, which may not exist."""
        return self.root / f"{recipe.filename}.safetensors"

    def has(self, recipe: Recipe) -> bool:
        """Whether the file exists. Files are always complete."""
        return self.path(recipe).is_file()

    def busy(self, recipe: Recipe) -> bool:
        """Whether another process is fitting the model now."""
        if not self.root.is_dir():
            return False
        lock = self._lock(recipe)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        lock.release()
        return False

    def model(self, recipe: Recipe, fit: Fit[M]) -> Trained[M]:
        """The model of `recipe`, loaded, or fitted and stored. Raises InputError if its file is damaged."""
        self.root.mkdir(parents=True, exist_ok=True)
        if not self.has(recipe):
            with self._lock(recipe):
                if not self.has(recipe):  # another process may have fitted it meanwhile
                    return self._fitted(recipe, fit)
        if (partial := self._partial(recipe)).is_file():  # its process was killed after it had saved the model
            partial.unlink(missing_ok=True)
        checkpoint = next(iter(fit(_load(self.path(recipe), recipe))))
        return Trained(recipe, checkpoint.module, checkpoint.log)

    def forget(self, recipe: Recipe) -> None:
        """Delete the model of `recipe`, if it exists."""
        self.path(recipe).unlink(missing_ok=True)
        self._partial(recipe).unlink(missing_ok=True)

    def damages(self, recipe: Recipe) -> Iterator[Path]:
        """The damaged files of `recipe`."""
        for path in filter(Path.is_file, (self.path(recipe), self._partial(recipe))):
            try:
                _load(path, recipe)
            except InputError:
                yield path

    def _lock(self, recipe: Recipe) -> FileLock:
        return FileLock(self.root / f".{recipe.filename}.lock")

    def _partial(self, recipe: Recipe) -> Path:
        return self.root / f"{recipe.filename}.partial"

    def _fitted(self, recipe: Recipe, fit: Fit[M]) -> Trained[M]:
        partial = self._partial(recipe)
        for path in (partial, self.path(recipe)):  # a list of all files would be long in a sweep of many runs
            unfinished_of(path).unlink(missing_ok=True)
        saved = time.monotonic()
        checkpoint: Checkpoint[M] | None = None
        for checkpoint in fit(_load(partial, recipe) if partial.is_file() else None):
            unfinished = checkpoint.epoch < checkpoint.epochs
            if unfinished and time.monotonic() - saved >= self._seconds:
                _save(partial, recipe, checkpoint.state(resumable=True))
                saved = time.monotonic()
        assert checkpoint is not None  # a fit has at least one epoch
        if getattr(checkpoint.module, "can_be_kept", True):
            _save(self.path(recipe), recipe, checkpoint.state(resumable=False))
        else:
            warnings.warn(not_kept(recipe.training.model), stacklevel=2)
        partial.unlink(missing_ok=True)
        return Trained(recipe, checkpoint.module, checkpoint.log)


def _save(path: Path, recipe: Recipe, state: State) -> None:
    tensors = {_WEIGHT + name: tensor.contiguous() for name, tensor in state.weights.items()}
    tensors |= {_LOG + name: tensor.contiguous() for name, tensor in state.log.items()}
    metadata = {"recipe": recipe.described(), "epochs": state.epochs, "torch": torch.__version__}
    if state.optimizer is not None:
        moments, metadata["optimizer"] = _taken_apart(state.optimizer)
        tensors |= {name: tensor.cpu().contiguous() for name, tensor in moments.items()}
    metadata["sha256"] = _checksum(tensors, metadata)
    content = save(tensors, {_METADATA: json.dumps(metadata, sort_keys=True)})
    with replacing(path, alone=True) as temporary:
        temporary.write_bytes(content)


def _load(path: Path, recipe: Recipe) -> State:
    try:
        with safe_open(path, framework="pt") as file:
            metadata: dict[str, Any] = dict(json.loads((file.metadata() or {})[_METADATA]))
            names = file.keys()
            tensors = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise damaged(path, f"no model of fairloop can be read: {error}") from error
    if metadata.pop("sha256", None) != _checksum(tensors, metadata):
        raise damaged(path, "its checksum does not match")
    if metadata.get("recipe") != json.loads(json.dumps(recipe.described())):
        raise damaged(path, "it holds the model of another recipe")
    if metadata["torch"] != torch.__version__:
        warnings.warn(f"models were trained with torch {metadata['torch']}, not {torch.__version__}", stacklevel=2)
    weights = {name.removeprefix(_WEIGHT): tensor for name, tensor in tensors.items() if name.startswith(_WEIGHT)}
    log = {name.removeprefix(_LOG): tensor for name, tensor in tensors.items() if name.startswith(_LOG)}
    optimizer = _put_together(tensors, metadata["optimizer"]) if "optimizer" in metadata else None
    return State(metadata["epochs"], weights, log, optimizer)


def _taken_apart(optimizer: dict[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """An optimizer's state: tensors by names for `_put_together`, and the rest as plain data."""
    state = optimizer["state"]
    tensors = {
        f"{_OPTIMIZER}{parameter}/{name}": value
        for parameter, values in state.items()
        for name, value in values.items()
        if isinstance(value, Tensor)
    }
    others = {
        str(parameter): {name: value for name, value in values.items() if not isinstance(value, Tensor)}
        for parameter, values in state.items()
    }
    return tensors, {"param_groups": optimizer["param_groups"], "state": others}


def _put_together(tensors: dict[str, Tensor], rest: dict[str, Any]) -> dict[str, Any]:
    state = {int(parameter): dict(values) for parameter, values in rest["state"].items()}
    for path, tensor in tensors.items():
        if path.startswith(_OPTIMIZER):
            parameter, _, name = path.removeprefix(_OPTIMIZER).partition("/")
            state[int(parameter)][name] = tensor
    return {"param_groups": rest["param_groups"], "state": state}


def _checksum(tensors: dict[str, Tensor], metadata: dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(repr((name, tuple(tensor.shape), str(tensor.dtype))).encode())
        digest.update(tensor.view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
