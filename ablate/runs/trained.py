"""Where a finished run's model is, whoever asks for it: the run itself, or the one that its record is shared from."""

from pathlib import Path

from ablate.errors import UserError
from ablate.models.folder import model_folder
from ablate.runs.record import Record, UnreadableRecord, read_result


def trained_folder(path: Path, *, key: str = "model") -> tuple[Path, Record | None]:
    """The Hugging Face folder of a run, or the path itself if it is one; and the run's record, where it is a run.

    `key` is what errors call the path.

    Raises:
        UserError: neither a run nor such a folder; or a run that is unfinished, diverged or unreadable.
    """
    try:
        record = read_result(path) if path.is_dir() else None
    except UnreadableRecord as error:
        raise UserError(f"{key}={path}: {error}") from error
    if record is None:
        return model_folder(path, key=key), None
    if record.status != "ok":
        raise UserError(f"{key}={path}: this run {record.status}: {record.reason}")
    trained = trained_in(path, record)
    if not trained.is_dir():
        raise UserError(f"{key}={path}: this run is shared from {trained}, which is no longer there")
    return model_folder(trained, key=key), record


def trained_in(directory: Path, record: Record) -> Path:
    """The directory in which a finished run was trained: its own, or the one, perhaps gone, that it is shared from."""
    return Path(record.shared_from) if record.shared_from else directory
