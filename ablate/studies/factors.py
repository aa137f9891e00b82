"""Which config keys each factor of a recipe covers (conf/factors.yaml), and which differences a claim allows."""

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from ablate.config.paths import conf_dir
from ablate.config.science import difference
from ablate.errors import UserError

# keys of a run's identity that follow from others: content of the data, and the corpus that a tokenizer made of it
_FOLLOWS = {"data": ("tokenizer.corpus",), "tokenizer": ("tokenizer.corpus",)}


@dataclass(frozen=True)
class Factor:
    """A factor's keys, and the keys that follow from them and are never set on their own."""

    name: str
    keys: tuple[str, ...]
    derived: tuple[str, ...]

    def covers(self, key: str) -> bool:
        """Whether a dotted key belongs to this factor."""
        return any(key == own or key.startswith(f"{own}.") for own in (*self.keys, *self.derived))


@cache
def factors() -> dict[str, Factor]:
    """Every factor by name."""
    plain = yaml.safe_load((conf_dir() / "factors.yaml").read_text())
    return {
        name: Factor(name, tuple(node["keys"]), (*node.get("derived", ()), *_FOLLOWS.get(name, ())))
        for name, node in plain.items()
    }


def check_factors(names: Collection[str]) -> None:
    """Refuse names that are no factors.

    Raises:
        UserError: the first unknown name.
    """
    for name in names:
        if name not in factors():
            close = difflib.get_close_matches(name, factors(), n=3)
            nearest = f"; nearest: {', '.join(close)}" if close else ""
            raise UserError(f"factors={name}: no such factor{nearest}; factors: {', '.join(factors())}")


def confounds(
    old: Mapping[str, Any], new: Mapping[str, Any], *, allowed: Collection[str]
) -> dict[str, tuple[Any, Any]]:
    """Dotted keys that differ between two recipes outside the allowed factors, with both values."""
    kinds = [factors()[name] for name in allowed]
    changed = difference(dict(old), dict(new))
    return {key: values for key, values in changed.items() if not any(kind.covers(key) for kind in kinds)}


def factor_of(key: str) -> str:
    """The factor that covers a key most narrowly; the key's group where none does."""
    covering = [f for f in factors().values() if f.covers(key)]
    narrowest = max(
        covering, key=lambda f: max(len(own) for own in (*f.keys, *f.derived) if key.startswith(own)), default=None
    )
    return narrowest.name if narrowest else key.split(".")[0]
