"""How a run came about, as data: `provenance.json` in its directory, with one entry for each session."""

from __future__ import annotations

import json
from typing import Literal

from pydantic import BaseModel, ConfigDict

from fairloop._util.files import BLANK, SEAL

_KEPT = ConfigDict(frozen=True, extra="allow")  # fields of other versions are kept


class SessionNumerics(BaseModel):
    """The fields of the session's `Numerics`."""

    model_config = _KEPT
    precision: Literal["fp32", "bf16"]
    device: str
    threads: int


class Session(BaseModel):
    """One session of a run. Every field has a default: older versions wrote fewer.

    run: the run's name. maths: the version of the maths. started: an ISO time in UTC. seconds: since then. generations:
    those that it recorded. trained: titles of the models that it trained itself. packages: versions. commit: of
    fairloop's source, None outside a checkout. data: fingerprint of the data.
    """

    model_config = _KEPT
    run: str = ""
    maths: int = 2
    started: str = ""
    seconds: float = 0.0
    generations: tuple[int, ...] = ()
    trained: tuple[str, ...] = ()
    packages: dict[str, str] = {}
    commit: str | None = None
    python: str = ""
    machine: str = ""
    numerics: SessionNumerics | None = None
    data: str = ""


class Provenance(BaseModel):
    """The provenance of a run.

    run: its name. models: the directory of its models, relative to that of the run. sessions: in order.
    """

    model_config = _KEPT
    run: str = ""
    models: str = "models"
    sessions: tuple[Session, ...] = ()

    @property
    def maths(self) -> set[int]:
        """The versions of the maths that made the run's generations; see `recipe.MATHS_VERSION`."""
        return {session.maths for session in self.sessions if session.generations}

    def to_json(self) -> str:
        """The content of the file, not sealed yet. Sessions that were read are written as they were."""
        told = self.model_dump(exclude={"seal"}, exclude_unset=True)
        return json.dumps({"seal": SEAL + BLANK, **told}, indent=2) + "\n"
