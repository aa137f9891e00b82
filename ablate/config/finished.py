"""Is a planned run finished? Decided from its record and its config alone: no corpus, no model, no process."""

import json

from omegaconf import DictConfig

from ablate.config.naming import data_name
from ablate.config.science import digest, evaluation_id, identity
from ablate.data.pin import PINS
from ablate.runs.directory import PROVENANCE, Place
from ablate.runs.record import UnreadableRecord, read_result
from ablate.training.fit import choose_device
from ablate.training.precision import resolve as resolve_precision


def is_finished(cfg: DictConfig, place: Place) -> bool:
    """Whether the directory holds this very run, evaluated as asked; a doubtful one is left to the run to settle."""
    try:
        record = read_result(place.directory)
        known = json.loads((place.directory / PROVENANCE).read_bytes())
        fingerprint, corpus = known["data_fingerprint"], known["identity"]["tokenizer"]["corpus"]
        pinned = json.loads((place.root / PINS).read_bytes()).get(data_name(cfg))
    except (OSError, KeyError, TypeError, ValueError, UnreadableRecord):
        return False
    if record is None or fingerprint != pinned or cfg.data.get("refresh", False):
        return False
    precision = resolve_precision(cfg.trainer.precision, choose_device(cfg.trainer.accelerator))
    what = identity(cfg, fingerprint=fingerprint, corpus=corpus, precision=precision)
    return record.run_id == digest(what) and record.evaluation_id == evaluation_id(cfg, fingerprint=fingerprint)
