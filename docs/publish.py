"""Lays a built site beside those of other versions, and lists all of them for the switcher.

python -m docs.publish build/site public
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import fairloop

START = """<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url={0}/">
<a href="{0}/">fairloop {0}</a>
"""


def in_order(versions: Sequence[str]) -> list[str]:
    """The newest first. A development version comes before the release that it leads to, and after the one before."""
    return sorted(versions, key=lambda name: ([int(part) for part in re.findall(r"\d+", name)[:3]], name), reverse=True)


def publish(site: Path, public: Path, version: str, address: str) -> None:
    """Copy `site` into `public`/`version` in place of what was there; write versions.json and the start page.

    The start page leads to the newest release, or to the newest version if there is no release.
    """
    shutil.rmtree(public / version, ignore_errors=True)
    shutil.copytree(site, public / version, ignore=shutil.ignore_patterns(".doctrees", ".buildinfo"))
    versions = in_order([path.parent.name for path in public.glob("*/index.html")])
    newest = next((name for name in versions if "dev" not in name), versions[0])
    listed = [{"name": name, "version": name, "url": f"{address}/{name}/"} for name in versions]
    for entry in listed:
        if entry["version"] == newest:
            entry |= {"name": f"{newest} (newest)", "preferred": True}
    (public / "versions.json").write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")
    (public / "index.html").write_text(START.format(newest), encoding="utf-8")
    (public / ".nojekyll").touch()


if __name__ == "__main__":
    publish(Path(sys.argv[1]), Path(sys.argv[2]), fairloop.__version__, os.environ.get("FAIRLOOP_SITE", ""))
