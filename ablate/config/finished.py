"""Is a planned run finished? Decided from its record and its config alone: no corpus, no model, no process."""

import json

from ablate.config.naming import data_name, source_keys
from ablate.config.packing import Planned
from ablate.config.reference import with_flops
from ablate.config.science import digest, evaluation_id, identity
from ablate.config.teaching import teacher_identity
from ablate.data.pin import read_pin
from ablate.errors import UserError
from ablate.runs.directory import PROVENANCE
from ablate.runs.record import UnreadableRecord, read_result
from ablate.training.fit import choose_device
from ablate.training.precision import resolve_numerics


def is_finished(job: Planned) -> bool:
    """Whether the directory holds this very run, evaluated as asked; a doubtful one is left to the run to settle."""
    cfg, place = job.cfg, job.place
    try:
        record = read_result(place.directory)
        known = json.loads((place.directory / PROVENANCE).read_bytes())
        fingerprint, corpus = known["data_fingerprint"], known["identity"]["tokenizer"]["corpus"]
        pin = read_pin(place.root, data_name(cfg))
    except (OSError, KeyError, TypeError, ValueError, UnreadableRecord):
        return False
    if record is None or pin is None or cfg.data.get("refresh", False):
        return False
    if pin.fingerprint != fingerprint or not pin.is_of(source_keys(cfg)):
        return False
    try:
        device = choose_device(cfg.trainer.accelerator)
        numerics = resolve_numerics(cfg.trainer.precision, cfg.trainer.dropout_bits, device)
        named = {"fingerprint": fingerprint, "corpus": corpus, "numerics": numerics}
        teacher = teacher_identity(job, **named)
        filled = with_flops(cfg, list(job.overrides), config_dirs=job.config_dirs)
    except UserError:
        return False
    run_id = digest(identity(filled, **named, teacher=teacher))
    return record.run_id == run_id and record.evaluation_id == evaluation_id(cfg, fingerprint=fingerprint)
