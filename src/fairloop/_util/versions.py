"""Versions of installed packages."""

from __future__ import annotations


def version_of(package: str = "fairloop") -> str:
    """The version of `package`; `unknown` if it is not installed, as when fairloop runs from its source."""
    from importlib.metadata import PackageNotFoundError, version  # slow to import

    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
