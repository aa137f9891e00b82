"""A run's directory: who may write there, and what is already known of the run."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from ablate.config.science import difference
from ablate.errors import UserError
from ablate.runs.provenance import provenance, session
from ablate.runs.record import (
    RESULT,
    Record,
    UnreadableRecord,
    read_result,
    remove_failure,
    write_json,
    write_result,
)

LOCK, PROVENANCE = ".lock", "provenance.json"
_LOOKS = 1.0  # seconds that a look at the lock may take (`ablate.status` takes it for an instant)


@dataclass(frozen=True)
class Place:
    """Where a run goes and what it is called there."""

    root: Path
    study: str
    arm: str
    seed: int

    @property
    def directory(self) -> Path:
        """`<root>/<study>/<arm>/seed-<n>`."""
        return self.root / self.study / self.arm / f"seed-{self.seed}"


class Occupied(UserError):
    """The directory is another run's, or another process's: nothing may be written there."""


@contextmanager
def held(directory: Path) -> Iterator[None]:
    """Hold the directory for the whole run.

    Raises:
        Occupied: another process holds it.
        OSError: it cannot be made.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = FileLock(directory / LOCK)
        with lock.acquire(timeout=_LOOKS):
            yield
    except Timeout as error:
        raise Occupied(
            f"{directory}: another process is running this run; wait for it, or choose another seed"
        ) from error


def check_same_run(directory: Path, run_id: str, identity: dict[str, Any]) -> None:
    """Refuse a directory that holds another recipe's run.

    Raises:
        Occupied: names the keys that differ, with both values.
    """
    path = directory / PROVENANCE
    try:
        known = json.loads(path.read_text())
    except FileNotFoundError:
        return
    except ValueError as error:
        raise Occupied(f"{path} is corrupt ({error}); delete {directory} to start this run over") from error
    if known.get("run_id") == run_id:
        return
    changed = difference(known.get("identity", {}), identity)
    listed = ", ".join(f"{key}: {old} -> {new}" for key, (old, new) in list(changed.items())[:6])
    more = f" and {len(changed) - 6} more" if len(changed) > 6 else ""
    raise Occupied(
        f"{directory} holds another run ({known.get('run_id')}, not {run_id}); differing keys: {listed}{more}; "
        "choose another hydra.run.dir or hydra.sweep.dir, or delete it"
    )


def find(place: Place, run_id: str, *, roots: list[Path], notice: Callable[[str], None]) -> Record | None:
    """The record of this run where it is finished: here, or anywhere under the run roots (it is then copied).

    Raises:
        Occupied: the record here is another run's.
    """
    try:
        record = read_result(place.directory)
    except UnreadableRecord as error:
        notice(f"{error}; running it again")
        record = None
    if record is not None and record.run_id != run_id:
        raise Occupied(
            f"{place.directory / RESULT} is the record of another run ({record.run_id}, not {run_id}); "
            f"choose another hydra.run.dir or hydra.sweep.dir, or delete {place.directory}"
        )
    if record is not None:
        return record
    found = find_elsewhere(run_id, roots, besides=place.directory)
    if found is None:
        return None
    directory, elsewhere = found
    notice(f"{place.directory}: the same run is finished in {directory}; its record is shared")
    for name in ("metrics.csv", PROVENANCE):
        if (directory / name).exists():
            shutil.copyfile(directory / name, place.directory / name)
    if (directory / "predictions").is_dir():
        shutil.copytree(directory / "predictions", place.directory / "predictions", dirs_exist_ok=True)
    copied = elsewhere.renamed(study=place.study, arm=place.arm, seed=place.seed, shared_from=str(directory))
    write_result(place.directory, copied)
    return copied


def write_config(directory: Path, config: str) -> None:
    """The composed config (YAML) of a run."""
    (directory / ".hydra").mkdir(exist_ok=True)
    (directory / ".hydra" / "config.yaml").write_text(config)


def write_before(
    directory: Path, *, config: str, run_id: str, what: dict[str, Any], fingerprint: str, device: torch.device
) -> None:
    """What is known before training: the composed config (YAML) and provenance.json, which grows by a session.

    A run that is tried again has not failed yet: what it failed by last time goes, and where that left no checkpoint
    the training begins here and now, with this code.
    """
    remove_failure(directory)
    write_config(directory, config)
    goes_on = (directory / RESULT).exists() or (directory / "checkpoints").is_dir()
    if goes_on and (directory / PROVENANCE).exists():
        note_session(directory, device)
    else:
        what_is_known = provenance(run_id=run_id, identity=what, fingerprint=fingerprint, device=device)
        write_json(directory / PROVENANCE, what_is_known)


def note_session(directory: Path, device: torch.device) -> None:
    """Add to provenance.json that a run is gone on with, or asked something, here and now."""
    path = directory / PROVENANCE
    known = json.loads(path.read_text())
    write_json(path, {**known, "sessions": [*known["sessions"], session(device)]})


def find_elsewhere(run_id: str, roots: list[Path], *, besides: Path) -> tuple[Path, Record] | None:
    """A finished run with this id anywhere under the run roots; unreadable records are passed over."""
    for root in roots:
        for path in sorted(root.glob("*/*/seed-*/result.json")):
            if path.parent == besides or run_id not in _text(path):
                continue
            try:
                record = read_result(path.parent)
            except UnreadableRecord:
                continue
            if record is not None and record.run_id == run_id and record.shared_from is None:
                return path.parent, record
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return ""
