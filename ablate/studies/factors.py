"""Which config keys each factor of a recipe covers (conf/factors.yaml), and which differences a claim allows."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from ablate.config.paths import conf_dir
from ablate.config.science import difference
from ablate.errors import UserError
from ablate.studies.reading import near

# keys of a run's identity that follow from others: content of the data, and the corpus that a tokenizer made of it
_FOLLOWS = {"data": ("tokenizer.corpus",), "tokenizer": ("tokenizer.corpus",)}
_LISTED = 6  # keys that a sentence names

Changed = dict[str, tuple[Any, Any]]


@dataclass(frozen=True)
class Factor:
    """A factor's keys, and the keys that follow from them and are never set on their own."""

    name: str
    keys: tuple[str, ...]
    derived: tuple[str, ...]

    def covers(self, key: str) -> int:
        """How narrowly a dotted key belongs to this factor: the length of what it begins with; 0 where it does not."""
        own = (*self.keys, *self.derived)
        return max((len(one) for one in own if key == one or key.startswith(f"{one}.")), default=0)


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
            known = list(factors())
            raise UserError(f"factors={name}: no such factor{near(name, known)}; factors: {', '.join(known)}")


def confounds(
    old: Mapping[str, Any], new: Mapping[str, Any], *, allowed: Collection[str]
) -> dict[str, tuple[Any, Any]]:
    """Dotted keys that differ between two recipes outside the allowed factors, with both values.

    A wide factor does not allow what a narrower one covers: `optimizer` no other batch, `data` no other fraction.
    """
    changed = difference(dict(old), dict(new))
    return {key: values for key, values in changed.items() if not set(factors_of(key)) & set(allowed)}


def factor_of(key: str) -> str:
    """The factor that covers a key most narrowly, the first of several; the key's group where none does."""
    return next(iter(factors_of(key)), key.split(".")[0])


def factors_of(key: str) -> tuple[str, ...]:
    """The factors that cover a key most narrowly: `optim.lr` is the learning rate's, not the optimizer's.

    Several where a key follows from each of them.
    """
    covering = {name: narrow for name, factor in factors().items() if (narrow := factor.covers(key))}
    narrowest = max(covering.values(), default=0)
    return tuple(name for name, narrow in covering.items() if narrow == narrowest)


def listed_keys(changed: Changed) -> str:
    """The first few keys with both values."""
    listed = ", ".join(f"{key} ({old} -> {new})" for key, (old, new) in list(changed.items())[:_LISTED])
    return listed + (f" and {len(changed) - _LISTED} more" if len(changed) > _LISTED else "")
