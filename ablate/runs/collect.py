"""What a study's folder holds: every run directory, read once, with what is wrong with it in words."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from ablate.config.science import digest
from ablate.runs.directory import LOCK, PROVENANCE
from ablate.runs.record import RESULT, Record, UnreadableRecord, read_failure, read_result

UNKNOWN_MACHINE = "an unknown machine"
State = Literal["done", "diverged", "failed", "running", "interrupted", "unreadable"]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run directory `<study>/<arm>[.<variant>]/seed-<n>`.

    arm, variant: the directory's name before and after its first dot; a variant is what all arms of a command were
    changed by. problem: why its numbers cannot be used, as a sentence. identity: what its run id hashes.
    """

    directory: Path
    arm: str
    variant: str
    seed: int
    state: State
    problem: str | None = None
    record: Record | None = None
    identity: Mapping[str, Any] = field(default_factory=dict)
    started: datetime | None = None
    hardware: str = ""

    @property
    def metrics(self) -> Mapping[str, float]:
        """Every metric of a finished run; nothing of others."""
        return self.record.metrics if self.record is not None and self.state == "done" else {}

    @property
    def is_final(self) -> bool:
        """Whether it is over for good, with numbers or diverged."""
        return self.state in ("done", "diverged")

    @property
    def finished(self) -> datetime | None:
        """When its training was over at the earliest: its first start plus the seconds it trained."""
        if self.record is None or self.started is None:
            return None
        return self.started + timedelta(seconds=max(self.record.metrics.get("train/seconds", 0.0), 0.0))


def collect(study: Path) -> list[Run]:
    """Every run under a study's folder, in the order of arm and seed."""
    return sorted(_runs(study), key=lambda run: (run.variant, run.arm, run.seed))


def _runs(study: Path) -> Iterator[Run]:
    for arm in _folders(study):
        for directory in _folders(arm):
            number = directory.name.removeprefix("seed-")
            if directory.name.startswith("seed-") and number.isdecimal():
                yield read_run(directory)


def _folders(path: Path) -> list[Path]:
    return [p for p in path.iterdir() if p.is_dir() and not p.name.startswith(".")]


def read_run(directory: Path) -> Run:
    """One run directory, whatever its state."""
    arm, _, variant = directory.parent.name.partition(".")
    names: dict[str, Any] = {
        "directory": directory, "arm": arm, "variant": variant, "seed": int(directory.name.removeprefix("seed-")),
    }  # fmt: skip
    try:
        record = read_result(directory)
    except UnreadableRecord as error:
        return Run(**names, state="unreadable", problem=str(error))
    if record is None:
        return Run(**names, **_unfinished(directory))
    provenance = _provenance(directory)
    started = _started(provenance)
    state: State = "done" if record.status == "ok" else "diverged"
    problem = _foreign(names, record, provenance) or (record.reason if state == "diverged" else None)
    identity = provenance.get("identity", {}) if problem is None or state == "diverged" else {}
    if problem is not None and state == "done":
        state = "unreadable"
    return Run(
        **names, state=state, problem=problem, record=record, identity=identity, started=started,
        hardware=_hardware(provenance),
    )  # fmt: skip


def _unfinished(directory: Path) -> dict[str, Any]:
    if is_held(directory):
        return {"state": "running", "problem": "still running"}
    failure = read_failure(directory)
    if failure is not None:
        return {"state": "failed", "problem": str(failure.get("error", "no reason was kept"))}
    return {"state": "interrupted", "problem": "not finished; the same command goes on"}


def is_held(directory: Path) -> bool:
    """Whether a process holds the run's lock."""
    path = directory / LOCK
    if not path.exists():
        return False
    try:
        with FileLock(path).acquire(timeout=0):
            return False
    except (OSError, Timeout):
        return True


def _provenance(directory: Path) -> dict[str, Any]:
    try:
        plain = json.loads((directory / PROVENANCE).read_bytes())
    except (OSError, ValueError):
        return {}
    return plain if isinstance(plain, dict) else {}


def _started(provenance: Mapping[str, Any]) -> datetime | None:
    try:
        return datetime.fromisoformat(provenance["sessions"][0]["started"])
    except (KeyError, IndexError, TypeError, ValueError):
        return None


def _hardware(provenance: Mapping[str, Any]) -> str:
    """The machines of all sessions: times of a run that went on, or was asked again, elsewhere are of several.

    Threads are those of a machine's first session; a later one may only have measured the model with others.
    """
    kinds: dict[str, str] = {}
    try:
        for one in (session["hardware"] for session in provenance["sessions"]):
            machine = str(one.get("gpu") or one["processor"])
            kinds.setdefault(machine, f"{machine}, {one['threads']} threads")
    except (KeyError, TypeError, AttributeError):
        return UNKNOWN_MACHINE
    return ", then ".join(kinds.values()) or UNKNOWN_MACHINE


def _foreign(names: Mapping[str, Any], record: Record, provenance: Mapping[str, Any]) -> str | None:
    """A record that belongs elsewhere: another arm's or seed's, or beside another run's provenance."""
    path = names["directory"] / RESULT
    named = names["directory"].parent.name
    if (record.arm, record.seed) != (named, names["seed"]):
        return f"{path} is the record of {record.arm}, seed {record.seed}, which does not belong there"
    if not provenance:
        return f"{path.parent / PROVENANCE} is missing or corrupt, so what was run is not known"
    if provenance.get("run_id") != record.run_id:
        return f"{path} is of run {record.run_id}, its {PROVENANCE} of {provenance.get('run_id')}"
    identity = provenance.get("identity")
    if not isinstance(identity, dict) or digest(identity) != record.run_id:
        return f"{path.parent / PROVENANCE} was changed: what it says was run is not run {record.run_id}"
    return None
