"""Is a planned run finished? Decided from its record and its config alone: no corpus, no model, no process."""

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablate.config.naming import data_name, source_keys
from ablate.config.packing import Planned
from ablate.config.reference import cfg_of
from ablate.config.science import digest, evaluation_id, identity
from ablate.config.teaching import teacher_identity
from ablate.data.pin import read_pin
from ablate.errors import UserError
from ablate.runs.directory import PROVENANCE
from ablate.runs.record import RESULT, Record, UnreadableRecord, read_result
from ablate.training.fit import choose_device
from ablate.training.precision import resolve_numerics


def is_finished(job: Planned) -> bool:
    """Whether the directory holds this very run, evaluated as asked; a doubtful one is left to the run to settle."""
    record, fingerprint = _own_record(job)
    return record is not None and record.evaluation_id == evaluation_id(job.cfg, fingerprint=fingerprint)


def is_trained(job: Planned) -> bool:
    """Whether the directory holds this very run, whatever it was asked."""
    return _own_record(job)[0] is not None


def _own_record(job: Planned) -> tuple[Record | None, str]:
    """The record of this very run in its directory, and the fingerprint of what it was trained on."""
    cfg, place = job.cfg, job.place
    try:
        record, trained_on = read_result(place.directory), _corpus(place.directory)
        pin = read_pin(place.root, data_name(cfg))
    except (OSError, ValueError, UnreadableRecord):
        return None, ""
    if record is None or trained_on is None or pin is None or cfg.data.get("refresh", False):
        return None, ""
    fingerprint, corpus = trained_on
    if pin.fingerprint != fingerprint or not pin.is_of(source_keys(cfg)):
        return None, ""
    same = record.run_id == _run_id(job, fingerprint=fingerprint, corpus=corpus)
    return record if same else None, fingerprint


@dataclass(frozen=True, kw_only=True)
class Shareable:
    """What is finished under the run roots, read once.

    corpora: data fingerprints and corpus keys that runs were trained on. directories: by run id, where it was trained.
    """

    corpora: frozenset[tuple[str, str]]
    directories: Mapping[str, frozenset[Path]]


def shareable(roots: Sequence[Path]) -> Shareable:
    """Every finished run under the roots; those that cannot be read, or are shared from another, are left out."""
    found: dict[str, set[Path]] = {}
    for path in (path.parent for root in roots for path in root.glob(f"*/*/seed-*/{RESULT}")):
        with contextlib.suppress(UnreadableRecord):
            record = read_result(path)
            if record is not None and record.shared_from is None:
                found.setdefault(record.run_id, set()).add(path)
    folders = [path.parent for root in roots for path in root.glob(f"*/*/seed-*/{PROVENANCE}")]
    return Shareable(
        corpora=frozenset(one for one in map(_corpus, folders) if one is not None),
        directories={run_id: frozenset(paths) for run_id, paths in found.items()},
    )


def is_shared(job: Planned, others: Shareable) -> bool:
    """Whether another folder under the run roots holds this very run, so that it will not be trained again."""
    try:
        pin = read_pin(job.place.root, data_name(job.cfg))
    except (OSError, ValueError):
        return False
    if pin is None or not pin.is_of(source_keys(job.cfg)) or job.cfg.data.get("refresh", False):
        return False
    here = {key for key in others.corpora if key[0] == pin.fingerprint}
    ids = (_run_id(job, fingerprint=fingerprint, corpus=corpus) for fingerprint, corpus in here)
    return any(others.directories.get(run_id or "", frozenset()) - {job.place.directory} for run_id in ids)


def _corpus(directory: Path) -> tuple[str, str] | None:
    try:
        known = json.loads((directory / PROVENANCE).read_bytes())
        return known["data_fingerprint"], known["identity"]["tokenizer"]["corpus"]
    except (OSError, KeyError, TypeError, ValueError):
        return None


def _run_id(job: Planned, *, fingerprint: str, corpus: str) -> str | None:
    trainer = job.cfg.trainer
    try:
        device = choose_device(trainer.accelerator)
        named: dict[str, Any] = {
            "fingerprint": fingerprint, "corpus": corpus,
            "numerics": resolve_numerics(trainer.precision, trainer.dropout_bits, device),
        }  # fmt: skip
        teacher = teacher_identity(job, **named)
        filled = cfg_of(job)
    except UserError:
        return None
    return digest(identity(filled, **named, teacher=teacher))
