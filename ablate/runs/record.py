"""The record of a run: the only reader and writer of result.json and failure.json."""

import json
import re
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from ablate.files import write_text

RESULT, FAILURE = "result.json", "failure.json"
_OUT = "out of memory"
_NO_MEMORY = (  # as Python, numpy, torch on CPU and GPU, and C++ say it
    "memoryerror", "unable to allocate", "can't allocate memory", "cannot allocate memory", "not enough memory",
    "out of memory. tried to allocate", "outofmemoryerror", "cuda error: out of memory", "bad_alloc",
)  # fmt: skip
_PERHAPS = re.compile(r"could not (create|execute) a primitive(?! desc)|can't start new thread")
Status = Literal["ok", "diverged"]


@dataclass(frozen=True)
class Record:
    """A complete run. `diverged` is final too: an outcome of the recipe, not a fault to be retried."""

    run_id: str
    study: str
    arm: str
    seed: int
    status: Status
    reason: str
    metrics: dict[str, float]
    evaluation_id: str
    shared_from: str | None = None
    evaluations: dict[str, str] = field(default_factory=dict)  # id of each question that is answered, by its name
    extra: dict[str, Any] = field(default_factory=dict)  # keys of a later version, kept as they are

    def renamed(self, *, study: str, arm: str, seed: int, shared_from: str) -> "Record":
        """The same run under another arm's or study's name."""
        return replace(self, study=study, arm=arm, seed=seed, shared_from=self.shared_from or shared_from)

    def answered(
        self, metrics: dict[str, float], evaluations: dict[str, str], *, evaluation_id: str | None = None
    ) -> "Record":
        """The same run with these metrics, and which questions they answer beside those answered before.

        Where an older question of the same name was another one, the run no longer holds what its evaluation asked:
        without a new `evaluation_id` it has none, and its own command asks again.
        """
        replaced = any(self.evaluations.get(name, id) != id for name, id in evaluations.items())
        asked = evaluation_id or ("" if replaced else self.evaluation_id)
        return replace(self, metrics=metrics, evaluations={**self.evaluations, **evaluations}, evaluation_id=asked)


class UnreadableRecord(ValueError):
    """A result.json that is half-written, corrupt or foreign; the message names it and says why."""


def write_result(directory: Path, record: Record) -> None:
    """Write result.json last and atomically: its presence means that the run is complete. Non-finite metrics are kept
    as strings (`"nan"`, `"inf"`), because JSON has no such numbers."""
    plain = asdict(record)
    extra = plain.pop("extra")
    plain["metrics"] = {k: v if _finite(v) else str(v) for k, v in sorted(record.metrics.items())}
    write_json(directory / RESULT, {**plain, **extra})
    remove_failure(directory)


def read_result(directory: Path) -> Record | None:
    """The record of a complete run, or None where there is none.

    Raises:
        UnreadableRecord: the file is there but is not a record.
    """
    path = directory / RESULT
    try:
        plain = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise UnreadableRecord(f"{path} cannot be read: {error}") from error
    try:
        names = [f for f in Record.__dataclass_fields__ if f != "extra"]
        known = {name: plain[name] for name in names if name in plain}
        if known["status"] not in get_args(Status):
            raise ValueError(f"status={known['status']}: must be {' or '.join(get_args(Status))}")
        known["metrics"] = {str(k): _metric(k, v) for k, v in known["metrics"].items()}
        record = Record(**known, extra={k: v for k, v in plain.items() if k not in names})
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise UnreadableRecord(f"{path} is not a run's record: {error}") from error
    return record


def write_failure(directory: Path, *, run_id: str, error: str, traceback: str) -> None:
    """What a fault was; the same command retries the run."""
    write_json(directory / FAILURE, {"run_id": run_id, "error": in_words(error), "traceback": traceback})


def in_words(error: str) -> str:
    """The error, beginning with what it means where memory ran out: libraries each say it in their own way, and some
    (oneDNN, thread creation) do not say which resource it was."""
    if _OUT in error.partition(":")[0]:
        return error
    if any(text in error.lower() for text in _NO_MEMORY):
        return f"{_OUT}: {error}"
    return f"likely {_OUT}: {error}" if _PERHAPS.search(error) else error


def read_failure(directory: Path) -> dict[str, Any] | None:
    """What went wrong last time, if anything did."""
    try:
        return json.loads((directory / FAILURE).read_text())
    except (OSError, ValueError):
        return None


def remove_failure(directory: Path) -> None:
    """Forget what went wrong last time."""
    (directory / FAILURE).unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """The value as JSON, in place of what was there."""
    write_text(path, json.dumps(value, indent=1, sort_keys=False) + "\n")


def _metric(name: str, value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError(f"metrics: {name}={value} is no number")
    return float(value)


def _finite(value: float) -> bool:
    return value == value and value not in (float("inf"), float("-inf"))
