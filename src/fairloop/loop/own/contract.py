"""What objects must have, checked before anything is fitted; and how they are called, so that faults name them."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch

from fairloop.errors import InputError, said

T = TypeVar("T")


def check_generator(own: Any, title: str) -> None:
    """Raise InputError unless `own` is an object with `fit(X)` and `sample(n)` that can be copied."""
    _check_is_object(own, title)
    _check_has(own, title, "fit", "fit(X)", "; if there is nothing to fit, let it do nothing")
    _check_has(own, title, "sample", "sample(n)")
    _check_takes(own, title, "fit", 1, dict.fromkeys(wanted(own)))
    _check_takes(own, title, "sample", 1, {})
    _check_is_copied(own, title)


def check_classifier(own: Any, title: str) -> None:
    """Raise InputError unless `own` is an object with `predict(X)`. A `fit` is `fit(X, y)`, and the object can be
    copied.
    """
    _check_is_object(own, title)
    _check_has(own, title, "predict", "predict(X)")
    _check_takes(own, title, "predict", 1, {})
    if hasattr(own, "fit"):
        _check_takes(own, title, "fit", 2, {})
        _check_is_copied(own, title)


def title_of(place: str, own: Any) -> str:
    """What errors call `own`, the model of `place`: `generator 3 (Bootstrap)`."""
    return f"{place} ({own.__name__ if inspect.isclass(own) else type(own).__name__})"


def called(title: str, what: str, call: Callable[[], T], remedy: str) -> T:
    """What `call` returns. Raises InputError, which names `title`, for whatever else it raises."""
    try:
        return call()
    except InputError:
        raise
    except Exception as error:  # anybody's code may raise anything
        raise InputError(f"{title}: {what}: {said(error)}; {remedy}") from error


def copied(rule: Any) -> Any:
    """A copy of `rule`, which may keep something when it is asked; itself if it cannot be copied."""
    try:
        return called("", "", lambda: copy.deepcopy(rule), "")
    except InputError:
        return rule


def parameters(method: Any) -> Mapping[str, inspect.Parameter]:
    """Parameters of a method by name; none if it does not tell, as some compiled ones."""
    try:
        return inspect.signature(method).parameters
    except (TypeError, ValueError):
        return {}


def wanted(generator: Any) -> set[str]:
    """Which of `y` and `groups` the generator's `fit` takes."""
    return {"y", "groups"} & set(parameters(generator.fit))


def takes_weights(classifier: Any) -> bool:
    """Whether its `fit` has a parameter `sample_weight`."""
    return hasattr(classifier, "fit") and "sample_weight" in parameters(classifier.fit)


def seeded(own: Any, rng: torch.Generator) -> Any:
    """The object, with every `random_state` that it has, itself or in its parts, drawn from `rng`."""
    if hasattr(own, "get_params") and hasattr(own, "set_params"):
        names = sorted(name for name in own.get_params() if name.split("__")[-1] == "random_state")
        own.set_params(**{name: number(rng) for name in names})
    elif hasattr(own, "random_state"):
        own.random_state = number(rng)
    return own


def number(rng: torch.Generator) -> int:
    """A seed for somebody else's random numbers."""
    return int(torch.randint(2**31 - 1, (), generator=rng))


def _check_is_object(own: Any, title: str) -> None:
    if inspect.isclass(own):
        raise InputError(f"{title}: is a class; give an object of it, such as {own.__name__}()")


def _check_has(own: Any, title: str, name: str, call: str, remedy: str = "") -> None:
    if hasattr(type(own), "__getattr__") and not hasattr(own, name):
        return  # it may come with fitting
    if not callable(getattr(own, name, None)):
        raise InputError(f"{title}: has no method {name}; give an object with {call}{remedy}")


def _check_takes(own: Any, title: str, name: str, positional: int, named: Mapping[str, Any]) -> None:
    """`name` can be called with so many positional arguments, and with those that are `named`."""
    try:
        signature = inspect.signature(getattr(own, name))
    except (AttributeError, TypeError, ValueError):  # it comes with fitting, or does not tell
        return
    added = {key: None for key in ("rng", "random_state") if name == "sample" and key in signature.parameters}
    try:
        signature.bind(*[None] * positional, **named, **added)
    except TypeError as error:
        form = {"fit": "fit(X, y)" if positional == 2 else "fit(X)", "sample": "sample(n)", "predict": "predict(X)"}[
            name
        ]
        raise InputError(
            f"{title}: {name}{signature} cannot be called as {form}: {error}; give it these parameters, and "
            "defaults for others"
        ) from None


def _check_is_copied(own: Any, title: str) -> None:
    called(
        title,
        "cannot be copied and seeded",
        lambda: seeded(copy.deepcopy(own), torch.Generator()),
        "each model is fitted to a copy: open files, locks and the like only in fit",
    )
