"""Where the runs of a report come from: code, packages and machine of each, and what scale and data they share."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ablate.report.describe import config_of
from ablate.runs.collect import Run
from ablate.runs.directory import PROVENANCE


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The session in which a run began to train.

    git_dirty: whether the code had changes that are in no commit; None if not known.
    """

    git_sha: str | None = None
    git_dirty: bool | None = None
    python: str = ""
    packages: Mapping[str, str | None] = field(default_factory=dict)
    machine: str = ""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The names of the scale and the data that a study ran at; empty where they are not known."""

    scale: str = ""
    data: str = ""


def read_origins(runs: Sequence[Run]) -> dict[Path, Origin]:
    """By run directory; those without provenance are left out."""
    found = {run.directory: _origin(run) for run in runs}
    return {directory: origin for directory, origin in found.items() if origin is not None}


def read_setting(runs: Sequence[Run]) -> Setting:
    """From the composed config of the first run that has one."""
    config: Mapping[str, Any] = next((made for run in runs if (made := config_of(run))), {})
    return Setting(scale=_name(config.get("scale")), data=_name(config.get("data")))


def _origin(run: Run) -> Origin | None:
    """Of the code that began to train it; it may have been asked something later, by other code."""
    try:
        session = json.loads((run.directory / PROVENANCE).read_bytes())["sessions"][0]
        return Origin(
            git_sha=session.get("git_sha"), git_dirty=session.get("git_dirty"), python=str(session.get("python", "")),
            packages=dict(session.get("packages", {})), machine=run.hardware,
        )  # fmt: skip
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError):
        return None


def _name(group: Any) -> str:
    return str(group.get("name") or "") if isinstance(group, Mapping) else ""
