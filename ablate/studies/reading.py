"""Plain values of a study file, read strictly: each mistake is one line."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from ablate.config.values import is_number
from ablate.errors import UserError


def only(plain: Mapping[str, Any], known: Sequence[str]) -> None:
    """Refuse keys that are not known."""
    for key in plain:
        if key not in known:
            raise UserError(f"{key}: no such key{near(str(key), known)}; keys: {', '.join(known)}")


def member(value: str, options: Sequence[str], key: str) -> None:
    """Refuse an arm that the study does not have."""
    if value not in options:
        raise UserError(f"{key}={value}: not one of the arms{near(value, options)}; arms: {', '.join(options)}")


def distinct(values: Sequence[str], what: str) -> None:
    """Refuse repeats."""
    twice = sorted({value for value in values if values.count(value) > 1})
    if twice:
        raise UserError(f"{what}: {', '.join(twice)} is there twice")


def optional(plain: Mapping[str, Any], key: str) -> float | None:
    """A number, or None where there is none."""
    return None if plain.get(key) is None else number(plain[key], key)


def number(value: Any, key: str) -> float:
    """A number as float, never a bool."""
    if not is_number(value):
        raise UserError(f"{key}={value}: must be a number")
    return float(value)


def listed(value: Any, key: str) -> Sequence[Any]:
    """A list, not a string or a mapping."""
    if isinstance(value, (str, Mapping)) or not isinstance(value, Sequence):
        raise UserError(f"{key}={value}: must be a list")
    return value


def near(word: str, options: Sequence[str]) -> str:
    """`; nearest: ...`, or nothing."""
    close = difflib.get_close_matches(word, options, n=3)
    return f"; nearest: {', '.join(close)}" if close else ""
