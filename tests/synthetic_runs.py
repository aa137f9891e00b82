"""Run directories without training: what the judge reads, made to order."""

import copy
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ablate.config.science import digest
from ablate.runs.record import Record, write_json, write_result

STARTED = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)  # registered now, run later

IDENTITY: dict[str, Any] = {
    "model": {"_target_": "ablate.models.bert.Bert", "layers": 2, "width": 128, "heads": 2, "token_types": True},
    "tokenizer": {"_target_": "ablate.data.tokenizers.WordPiece", "vocab_size": 1024, "corpus": "c0"},
    "data": {"fraction": 1.0, "fingerprint": "f0"},
    "input": {"_target_": "ablate.data.formats.segment_pair", "pairs": True, "length": 32},
    "nsp": True,
    "masking": {"rate": 0.15, "copies": 10, "whole_word": False},
    "loss": {"_target_": "ablate.objectives.pretraining.HardLabels", "nsp": True},
    "init": {"std": 0.02},
    "optim": {"lr": 0.001, "muon_lr": 0.01, "batch_tokens": 512, "betas": [0.9, 0.999]},
    "schedule": {"warmup": 0.06},
    "budget": {"match": "tokens", "amount": 20480},
    "replicate": 0,
    "precision": "32-true",
    "recipe_version": 1,
}


def identity(**changes: Any) -> dict[str, Any]:
    """IDENTITY with dotted keys changed: `identity(**{"masking.copies": None})`."""
    made = copy.deepcopy(IDENTITY)
    for key, value in changes.items():
        node = made
        *path, last = key.split(".")
        for part in path:
            node = node.setdefault(part, {})
        node[last] = value
    return made


def write_run(
    study: Path,
    arm: str,
    seed: int,
    metrics: dict[str, float],
    *,
    changes: dict[str, Any] | None = None,
    status: str = "ok",
    evaluation_id: str = "e0",
    evaluations: dict[str, str] | None = None,
    started: datetime = STARTED,
    processor: str = "a processor",
) -> Path:
    """A finished run's result.json and provenance.json."""
    directory = study / arm / f"seed-{seed}"
    directory.mkdir(parents=True)
    what = {**identity(**(changes or {})), "seed": seed}
    used = {"train/tokens": 20480.0, "train/updates": 40.0, "train/flops": 5e10, "train/seconds": 10.0}
    record = Record(
        run_id=digest(what),
        study=study.name,
        arm=arm,
        seed=seed,
        status=status,
        evaluation_id=evaluation_id,
        evaluations=evaluations or {},
        reason="" if status == "ok" else "the loss is not finite",
        metrics={**used, **metrics} if status == "ok" else {},
    )
    session = {
        "started": (started + timedelta(seconds=seed)).isoformat(),
        "hardware": {"processor": processor, "threads": 1, "device": "cpu"},
    }
    write_json(
        directory / "provenance.json",
        {
            "run_id": record.run_id,
            "identity": what,
            "data_fingerprint": what["data"]["fingerprint"],
            "sessions": [session],
        },
    )
    write_result(directory, record)
    return directory


def edit(path: Path, **changes: Any) -> None:
    """Change top-level keys of a JSON file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
