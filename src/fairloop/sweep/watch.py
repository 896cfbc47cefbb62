"""A view of runs from another terminal, until the user stops it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live

from fairloop.report.text import widen
from fairloop.sweep.status_reader import Scene, look
from fairloop.sweep.view import SECONDS_BETWEEN_LOOKS, table


def watch(paths: Sequence[Path], console: Console, *, once: bool) -> Scene:
    """Show the runs in `paths` until Ctrl-C, or one time with `once` or without a terminal. Returns the last scene.

    Raises InputError if one of the paths holds no run.
    """
    scene = look(paths)
    if once or not console.is_terminal:
        widen(console)
        console.print(table(scene, console.width), soft_wrap=True)
        return scene
    with Live(table(scene, *console.size), console=console, auto_refresh=False) as live:
        try:
            while True:
                scene = look(paths)
                live.update(table(scene, *console.size), refresh=True)
                time.sleep(SECONDS_BETWEEN_LOOKS)
        except KeyboardInterrupt:  # the user stops watching; the runs continue
            return scene


def told(scene: Scene) -> dict[str, Any]:
    """A scene as plain data."""
    runs = [{"name": run.name, **asdict(run)} for run in scene.runs]
    return {"runs": runs, "workers": scene.workers, "remaining": scene.remaining}
