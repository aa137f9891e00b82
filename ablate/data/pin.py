"""The corpus of a run root: pinned by content, so that a package upgrade never silently starts another experiment."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ablate.data.cache import locked
from ablate.data.corpus import Corpus
from ablate.errors import UserError
from ablate.runs.record import write_json

PINS = "corpus.json"


@dataclass(frozen=True)
class Pin:
    """What a run root reads under a name: the text by its fingerprint, and the keys of group data that led to it.

    Pins of earlier versions do not say which keys.
    """

    fingerprint: str
    source: dict[str, Any] | None

    def is_of(self, source: Mapping[str, Any]) -> bool:
        """Whether these keys lead to it."""
        return self.source in (None, source)


def pinned_corpus(
    root: Path, name: str, prepare: Callable[[str | None], Corpus], *, source: Mapping[str, Any], refresh: bool
) -> Corpus:
    """Prepare the corpus that this run root began with; `refresh` adopts what the source holds now.

    `prepare` takes the pinned fingerprint, or None, and is store.prepare with the rest of its arguments. `source` are
    the keys that say what is read: where they are as they were, a text that has changed is the pinned one.

    Raises:
        UserError: the pin file is corrupt, or other keys lead to another text under the name of the pinned one.
    """
    pin = None if refresh else read_pin(root, name)
    as_pinned = pin is not None and pin.is_of(source)
    corpus = prepare(pin.fingerprint if pin is not None and as_pinned else None)
    if pin is not None and pin.fingerprint != corpus.fingerprint:
        raise UserError(
            f"{_difference(pin.source or {}, source)}: the runs in {root} read another corpus called {name}; "
            "give this one a name of its own (data.name=...), or adopt it under new run ids (data.refresh=true)"
        )
    if not as_pinned:
        _write(root, name, Pin(corpus.fingerprint, dict(source)))
    return corpus


def read_pin(root: Path, name: str) -> Pin | None:
    """What the root reads under a name; None where nothing has been read yet.

    Raises:
        UserError: the pin file is corrupt.
    """
    return _read(root / PINS).get(name)


def _write(root: Path, name: str, pin: Pin) -> None:
    root.mkdir(parents=True, exist_ok=True)
    with locked(root / PINS):  # another process may pin another corpus
        pins = {**_read(root / PINS), name: pin}
        write_json(root / PINS, {name: asdict(pin) for name, pin in pins.items()})


def _read(path: Path) -> dict[str, Pin]:
    try:
        return {name: _pin(entry) for name, entry in json.loads(path.read_text()).items()}
    except FileNotFoundError:
        return {}
    except (OSError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is corrupt ({error}); delete it to pin the corpus anew") from error


def _pin(entry: Any) -> Pin:
    return Pin(entry, None) if isinstance(entry, str) else Pin(entry["fingerprint"], entry["source"])


def _difference(pinned: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    keys = [key for key in {**pinned, **asked} if pinned.get(key) != asked.get(key)]
    return ", ".join(f"data.{key}={asked.get(key)} (there {pinned.get(key)})" for key in keys)
