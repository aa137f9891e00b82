"""The corpus of a run root: pinned by content, so that a package upgrade never silently starts another experiment."""

import json
from collections.abc import Callable
from pathlib import Path

from ablate.data.corpus import Corpus
from ablate.errors import UserError
from ablate.runs.record import write_json

PINS = "corpus.json"


def pinned_corpus(root: Path, name: str, prepare: Callable[[str | None], Corpus], *, refresh: bool) -> Corpus:
    """Prepare the corpus that this run root began with; `refresh` adopts what the source holds now.

    `prepare` takes the pinned fingerprint, or None, and is store.prepare with the rest of its arguments.

    Raises:
        UserError: the pin file is corrupt.
    """
    path = root / PINS
    pins = _read(path)
    corpus = prepare(None if refresh else pins.get(name))
    if pins.get(name) != corpus.fingerprint:
        root.mkdir(parents=True, exist_ok=True)
        write_json(path, {**pins, name: corpus.fingerprint})
    return corpus


def _read(path: Path) -> dict[str, str]:
    try:
        return dict(json.loads(path.read_text()))
    except FileNotFoundError:
        return {}
    except (OSError, TypeError, ValueError) as error:
        raise UserError(f"{path} is corrupt ({error}); delete it to pin the corpus anew") from error
