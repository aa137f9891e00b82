"""Is a planned run finished? Decided from its record and its config alone: no corpus, no model, no process."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ablate.config.naming import data_name, source_keys
from ablate.config.packing import Planned
from ablate.config.reference import with_flops
from ablate.config.science import digest, evaluation_id, identity
from ablate.config.teaching import teacher_identity
from ablate.data.pin import read_pin
from ablate.errors import UserError
from ablate.runs.directory import PROVENANCE, find_elsewhere
from ablate.runs.record import UnreadableRecord, read_result
from ablate.training.fit import choose_device
from ablate.training.precision import resolve_numerics


def is_finished(job: Planned) -> bool:
    """Whether the directory holds this very run, evaluated as asked; a doubtful one is left to the run to settle."""
    cfg, place = job.cfg, job.place
    try:
        record, trained_on = read_result(place.directory), _corpus(place.directory)
        pin = read_pin(place.root, data_name(cfg))
    except (OSError, ValueError, UnreadableRecord):
        return False
    if record is None or trained_on is None or pin is None or cfg.data.get("refresh", False):
        return False
    fingerprint, corpus = trained_on
    if pin.fingerprint != fingerprint or not pin.is_of(source_keys(cfg)):
        return False
    same = record.run_id == _run_id(job, fingerprint=fingerprint, corpus=corpus)
    return same and record.evaluation_id == evaluation_id(cfg, fingerprint=fingerprint)


def is_shared(job: Planned, roots: Sequence[Path]) -> bool:
    """Whether another folder under the run roots holds this very run, so that it will not be trained again."""
    try:
        pin = read_pin(job.place.root, data_name(job.cfg))
    except (OSError, ValueError):
        return False
    if pin is None or not pin.is_of(source_keys(job.cfg)) or job.cfg.data.get("refresh", False):
        return False
    for fingerprint, corpus in corpora(roots):
        run_id = _run_id(job, fingerprint=fingerprint, corpus=corpus) if fingerprint == pin.fingerprint else None
        if run_id is not None and find_elsewhere(run_id, list(roots), besides=job.place.directory) is not None:
            return True
    return False


def corpora(roots: Sequence[Path]) -> set[tuple[str, str]]:
    """The data fingerprints and corpus keys that runs under the roots were trained on."""
    folders = [path.parent for root in roots for path in root.glob(f"*/*/seed-*/{PROVENANCE}")]
    return {found for found in map(_corpus, folders) if found is not None}


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
        filled = with_flops(job.cfg, list(job.overrides), config_dirs=job.config_dirs)
    except UserError:
        return None
    return digest(identity(filled, **named, teacher=teacher))
