"""What a run that is not finished has answered: an evaluation that is killed goes on where it was."""

import json
from dataclasses import asdict
from pathlib import Path

from ablate.evaluation.run import Known
from ablate.runs.record import write_json

ANSWERS = "answers.json"


def keep_answers(folder: Path, known: Known, *, trained: dict[str, object]) -> None:
    """Keep the answers of the model that `trained` identifies beside its last checkpoint, in place of earlier ones."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / ANSWERS, {"trained": trained, **asdict(known)})


def read_answers(folder: Path, *, trained: dict[str, object]) -> Known:
    """The answers that were kept of this very model; none of another, and none of a file that cannot be read."""
    try:
        plain = json.loads((folder / ANSWERS).read_bytes())
        if plain["trained"] == trained:
            return Known({k: float(v) for k, v in plain["metrics"].items()}, dict(plain["evaluations"]))
    except (OSError, KeyError, TypeError, ValueError, AttributeError):
        pass
    return Known()
