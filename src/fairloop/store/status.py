"""The progress of a run, as data: `status.json` in its directory, which a running run replaces.

The file is for readers and scripts. No run and no table depends on it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from fairloop._util.files import write_text

STATUS = "status.json"
SILENT_AFTER = 60.0
"""Seconds without an update after which a process counts as silent. A live run updates its status every ten seconds."""

_MOST_BYTES = 2**25  # largest file that is read; the file of a sweep with 100,000 runs is smaller

Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0, le=1e10, allow_inf_nan=False)]
State = Literal["waiting", "running", "finished", "failed", "interrupted"]
Life = Literal["alive", "silent", "gone"]


def _now() -> datetime:
    return datetime.now(UTC)


class Beat(BaseModel):
    """The process that writes a status file, and its times.

    process, machine: its id and its host. since: start of the work, in the first session. updated: time of writing the
    file. Both times are in UTC.
    """

    model_config = ConfigDict(frozen=True)
    process: int = Field(default_factory=os.getpid, gt=0, lt=2**31)
    machine: str = Field(default_factory=lambda: os.uname().nodename)
    since: AwareDatetime = Field(default_factory=_now)
    updated: AwareDatetime = Field(default_factory=_now)

    @classmethod
    def read(cls, root: Path) -> Self | None:
        """The status in the directory `root`; None if it is missing or cannot be read."""
        try:
            with (root / STATUS).open("rb") as file:
                return cls.model_validate_json(file.read(_MOST_BYTES))
        except (OSError, ValueError):
            return None

    def write(self, root: Path) -> None:
        """Replace the status in the directory `root`. A full disk does not end the run."""
        told = self.model_copy(update={"updated": _now()})
        with suppress(OSError):
            write_text(root / STATUS, told.model_dump_json(indent=1) + "\n", durable=False)

    @property
    def silence(self) -> float:
        """Seconds since the last update."""
        return max(0.0, (_now() - self.updated).total_seconds())

    @property
    def life(self) -> Life:
        """Whether the process is alive. For a process on another machine, the answer follows from its silence."""
        if self.machine == os.uname().nodename and not _exists(self.process):
            return "gone"
        return "silent" if self.silence > SILENT_AFTER else "alive"


class Status(Beat):
    """The progress of one run.

    state: the run's; it is `waiting` while another run trains a model that this run needs. done: recorded generations,
    of `generations`. doing: the model that the run trains or waits for, such as `generator 3`. epoch: completed epochs
    of that model's `epochs`; both are 0 without training. pace: seconds per generation in this session; None before the
    first. remaining: estimated seconds until the end; None if unknown. message: the error of a failed run.
    """

    state: State = "running"
    done: Count
    generations: Count
    doing: str = ""
    epoch: Count = 0
    epochs: Count = 0
    pace: Seconds | None = None
    remaining: Seconds | None = None
    message: str = ""


def ended(error: BaseException | None) -> State:
    """The final state of work that `error` ended, or that ended normally (None)."""
    if error is None:
        return "finished"
    return "failed" if isinstance(error, Exception) else "interrupted"


def _exists(process: int) -> bool:
    try:
        os.kill(process, 0)  # sends nothing
    except ProcessLookupError:
        return False
    except PermissionError:  # the process of another user
        pass
    return True
