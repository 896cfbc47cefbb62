"""The frame of every page: templates, scripts and styles in one file that opens offline and runs no other script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import files
from typing import Any


def rendered(
    package: str, template: str, styles: Sequence[str], scripts: Sequence[str], parts: Mapping[str, Any]
) -> str:
    """A template of `package` as a page. Names in `parts` are escaped.

    styles, scripts: `package/file` each, below `fairloop`. They become one style and one script of the page, and
    its Content-Security-Policy allows only these two.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    style, script = ("\n".join(map(_text, names)) for names in (styles, scripts))
    policy = (
        f"default-src 'none'; img-src data:; script-src '{_fingerprint(script)}'; style-src '{_fingerprint(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    environment = Environment(
        loader=PackageLoader(package, "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    return environment.get_template(template).render(
        parts,
        policy=policy,
        styles=Markup(style),
        script=Markup(script),
        version=version("fairloop"),
        written=f"{datetime.now(UTC):%Y-%m-%d}",
    )


def _text(name: str) -> str:
    return files("fairloop").joinpath(name).read_text(encoding="utf-8")


def _fingerprint(text: str) -> str:
    """The hash of an allowed script or style in a Content-Security-Policy."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
