"""Designs over named switches: the arms they consist of, and a claim per switch or interaction."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ablate.config.naming import JOIN
from ablate.errors import UserError
from ablate.studies.reading import listed

KINDS = ("leave_one_out", "add_one_in", "factorial")
KEYS = ("kind", "switches", "base", "claims")


@dataclass(frozen=True, kw_only=True)
class Design:
    """Switches, each an exp that turns one thing of the recipe; `base` is the arm with none of them, to which they add.

    claims: keys that every generated claim shares (kind, metric, margin, ...), and `factors`, per switch.
    """

    kind: str
    switches: tuple[str, ...]
    base: str
    claims: Mapping[str, Any]


def read_design(plain: Any) -> Design | None:
    """The `design:` of a study file.

    Raises:
        UserError: an unknown kind or key, or too few or too many switches.
    """
    if plain is None:
        return None
    if not isinstance(plain, Mapping) or plain.get("kind") not in KINDS:
        raise UserError(f"design={plain}: must be {{kind: {' | '.join(KINDS)}, switches: [...]}}")
    unknown = [key for key in plain if key not in KEYS]
    if unknown:
        raise UserError(f"design.{unknown[0]}: no such key; keys: {', '.join(KEYS)}")
    switches = tuple(str(s) for s in listed(plain.get("switches") or (), "design.switches"))
    if len(switches) < 2 or len(set(switches)) < len(switches):
        raise UserError(f"design.switches={list(switches)}: at least two different exps")
    if plain["kind"] == "factorial" and len(switches) > 6:
        raise UserError(
            f"design.switches: a factorial of {len(switches)} switches has {2 ** len(switches)} arms; at most 6"
        )
    shared = _mapping(plain.get("claims"), "design.claims")
    factors = shared.get("factors") or {}
    if not isinstance(factors, Mapping):
        raise UserError(f"design.claims.factors={factors}: must be a list for each switch, {{{switches[0]}: [...]}}")
    missing = [s for s in switches if shared and s not in factors]
    if missing:
        raise UserError(f"design.claims.factors: says nothing of {missing[0]}; give {missing[0]}: [its factors]")
    for switch in factors:
        listed(factors[switch], f"design.claims.factors.{switch}")
    if _mapping(shared.get("interaction"), "design.claims.interaction") and plain["kind"] != "factorial":
        raise UserError(f"design.claims.interaction: kind {plain['kind']} tests none; factorial does")
    return Design(kind=plain["kind"], switches=switches, base=str(plain.get("base", "bert")), claims=shared)


def _mapping(value: Any, key: str) -> dict[str, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise UserError(f"{key}={value}: must be keys that the generated claims share, {{kind: ..., metric: ...}}")
    return dict(value or {})


def combined(switches: Sequence[str], base: str) -> str:
    """The name of the arm with these switches on: after its base, but for bert, which every exp starts from."""
    return JOIN.join(switches if switches and base == "bert" else [base, *switches])


def arms_of(design: Design) -> tuple[str, ...]:
    """Every arm of the design, the base first."""
    on = design.switches
    if design.kind == "add_one_in":
        chosen: list[tuple[str, ...]] = [(), *((s,) for s in on)]
    elif design.kind == "leave_one_out":
        chosen = [(), on, *(tuple(o for o in on if o != s) for s in on)]
    else:
        chosen = [c for size in range(len(on) + 1) for c in itertools.combinations(on, size)]
    return tuple(combined(c, design.base) for c in chosen)


def claims_of(design: Design) -> list[dict[str, Any]]:
    """Claims as a study file would state them: one per switch, and for a factorial one per interaction of two."""
    if not design.claims:
        return []
    shared = {k: v for k, v in design.claims.items() if k not in ("factors", "interaction")}
    factors = design.claims["factors"]
    claims = [
        {"id": f"{design.kind}_{s}", "says": _says(design, s), "contrast": contrast_of(design, s),
         "factors": list(factors[s]), **shared}
        for s in design.switches
    ]  # fmt: skip
    interaction = design.claims.get("interaction")
    if interaction:
        for a, b in itertools.combinations(design.switches, 2):
            claims.append(
                {**shared, "id": f"interaction_{a}_{b}", "says": f"the effects of {a} and {b} add up",
                 "contrast": f"{combined((a, b), design.base)} - {combined((a,), design.base)}"
                             f" - {combined((b,), design.base)} + {design.base}",
                 "factors": [*factors[a], *factors[b]], **interaction}
            )  # fmt: skip
    return claims


def contrast_of(design: Design, switch: str) -> str:
    """What a switch does: added to the base, taken from the whole, or averaged over the other switches."""
    if design.kind == "add_one_in":
        return f"{combined((switch,), design.base)} - {design.base}"
    if design.kind == "leave_one_out":
        rest = [s for s in design.switches if s != switch]
        return f"{combined(design.switches, design.base)} - {combined(rest, design.base)}"
    others = [s for s in design.switches if s != switch]
    pairs = []
    for size in range(len(others) + 1):
        for chosen in itertools.combinations(others, size):
            on = [s for s in design.switches if s == switch or s in chosen]
            off = [s for s in design.switches if s in chosen]
            pairs.append(f"{combined(on, design.base)} - {combined(off, design.base)}")
    return f"({' + '.join(pairs)}) / {len(pairs)}"


def _says(design: Design, switch: str) -> str:
    if design.kind == "leave_one_out":
        return f"the whole recipe is better with {switch} than without it"
    if design.kind == "add_one_in":
        return f"{switch} alone improves on {design.base}"
    return f"{switch} improves the mean over the other switches"
