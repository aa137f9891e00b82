"""What statistics need to know of a claim, and the parts that each kind of claim consists of. Imports no scipy."""

import difflib
import itertools
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from ablate.errors import UserError
from ablate.stats.contrasts import Contrast, check_arms, difference, parse_linear, parse_ratio

STACK_KEYS = ("base", "a", "b", "ab")


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A claim as a statement about arms whose scores are oriented so that larger is better.

    contrast: a linear expression; `base / new` of times for speed (or `new / base` of throughputs); the arms in order
    for trend; `{base, a, b, ab}` for stack; ignored for exact.
    margin: in the metric's unit, above 0; required by non_inferiority, equivalence and additivity; the drop that a step
    of a trend may show (0 is the strict form); for superiority optional, it opens the verdict `negligible`.
    threshold: the stated gain of superiority (default 0) or the stated ratio of speed (default 1).
    effect: the true contrast that the study was planned for, in the contrast's unit (a ratio for speed, the whole rise
    for trend, each of the two gains for stack); plans and needed seeds use it. Without: no loss for non_inferiority, no
    difference for equivalence and additivity, the margin for superiority, unknown for the rest.
    """

    id: str
    kind: str
    contrast: str | Sequence[str] | Mapping[str, str] = ""
    margin: int | float | None = None
    threshold: int | float | None = None
    effect: int | float | None = None


@dataclass(frozen=True, kw_only=True)
class Part:
    """The statement `low < contrast < high`. One bound is infinite unless it is tested by two one-sided tests.

    For a log contrast the bounds and `assumed`, the true value that the study was planned for, are logarithms too.
    """

    name: str
    contrast: Contrast
    low: float
    high: float = math.inf
    assumed: float | None = None

    @property
    def two_sided(self) -> bool:
        """Whether both bounds are tested."""
        return math.isfinite(self.low) and math.isfinite(self.high)


def check_claim(claim: Claim, arms: Collection[str]) -> None:
    """Raise UserError, in words, for a claim that these arms cannot test: kind, contrast, margin, threshold, arms."""
    for part in parts_of(claim):
        check_arms(part.contrast, arms)


def parts_of(claim: Claim) -> tuple[Part, ...]:
    """The parts that must all hold for the claim to hold; none for an exact one. Raises UserError as `check_claim`."""
    if claim.kind not in _PARTS:
        near = difflib.get_close_matches(claim.kind, KINDS, n=3) or KINDS
        raise UserError(f"claim {claim.id!r}: unknown kind {claim.kind!r}; did you mean one of: {', '.join(near)}?")
    _check_numbers(claim)
    try:
        return _PARTS[claim.kind](claim)
    except UserError as error:
        raise UserError(f"claim {claim.id!r}: {error}") from None


def assumed_effect(claim: Claim) -> float | None:
    """The truth that a claim is planned for, in the metric's unit (a ratio for speed); None where it names none.

    Its registered effect. Without one, no difference where that is what the claim says, and where it says that there is
    one, the smallest that matters: its margin.
    """
    if claim.effect is not None:
        return float(claim.effect)
    if claim.kind in _ABOUT_NO_DIFFERENCE:
        return 0.0
    return claim.margin if claim.kind == "superiority" else None


def _check_numbers(claim: Claim) -> None:
    for key, kinds in (("margin", _TAKES_MARGIN), ("threshold", ("superiority", "speed"))):
        value = getattr(claim, key)
        if value is None:
            continue
        if claim.kind not in kinds:
            raise UserError(f"claim {claim.id!r}: kind {claim.kind} takes no {key}; kinds that do: {', '.join(kinds)}")
        if not math.isfinite(value):
            raise UserError(f"claim {claim.id!r}: {key} must be a finite number, not {value}")
    if claim.margin is None and claim.kind in _NEEDS_MARGIN:
        raise UserError(f"claim {claim.id!r}: kind {claim.kind} needs a margin in the metric's unit; it has no default")
    if claim.margin is not None and (claim.margin < 0 or (claim.margin == 0 and claim.kind != "trend")):
        raise UserError(f"claim {claim.id!r}: margin must be above 0, not {claim.margin}")
    if claim.effect is not None and not math.isfinite(claim.effect):
        raise UserError(f"claim {claim.id!r}: effect must be a finite number, not {claim.effect}")


def _superiority(claim: Claim) -> tuple[Part, ...]:
    low = float(claim.threshold or 0.0)
    if low < 0.0:
        raise UserError(f"threshold={low:g}: not being much worse is kind non_inferiority, with margin {-low:g}")
    if claim.margin is not None and low != 0.0:
        raise UserError("margin opens the verdict `negligible` around 0; it cannot go with a threshold other than 0")
    return (Part(name=_text(claim), contrast=_comparison(claim), low=low, assumed=assumed_effect(claim)),)


def _non_inferiority(claim: Claim) -> tuple[Part, ...]:
    contrast, margin = _comparison(claim), _margin(claim)
    return (Part(name=_text(claim), contrast=contrast, low=-margin, assumed=assumed_effect(claim)),)


def _equivalence(claim: Claim) -> tuple[Part, ...]:
    contrast, margin = _comparison(claim), _margin(claim)
    return (Part(name=_text(claim), contrast=contrast, low=-margin, high=margin, assumed=assumed_effect(claim)),)


def _additivity(claim: Claim) -> tuple[Part, ...]:
    parts = _equivalence(claim)
    if len(parts[0].contrast.arms) != 4:
        raise UserError(f"contrast {claim.contrast!r}: additivity takes four arms, as in `ab - a - b + base`")
    return parts


def _retention(claim: Claim) -> tuple[Part, ...]:
    contrast = parse_linear(_text(claim))
    signs = {coefficient > 0 for _, coefficient in contrast.coefficients}
    if signs != {True, False}:
        raise UserError(f"contrast {claim.contrast!r}: retention compares arms, as in `student - 0.97*teacher`")
    return (Part(name=_text(claim), contrast=contrast, low=0.0, assumed=assumed_effect(claim)),)


def _speed(claim: Claim) -> tuple[Part, ...]:
    for key in ("threshold", "effect"):
        value = getattr(claim, key)
        if value is not None and value <= 0:
            raise UserError(f"{key} of a speed claim is a ratio above 0 (1.6 for 1.6 times as fast), not {value}")
    low = math.log(1.0 if claim.threshold is None else claim.threshold)
    assumed = None if claim.effect is None else math.log(claim.effect)
    return (Part(name=_text(claim), contrast=parse_ratio(_text(claim)), low=low, assumed=assumed),)


def _trend(claim: Claim) -> tuple[Part, ...]:
    arms = claim.contrast
    if isinstance(arms, str | Mapping) or len(arms) < 3 or len(set(arms)) < len(arms):
        raise UserError(f"contrast {arms!r}: a trend takes a list of at least three different arms, in order")
    share = None if claim.effect is None else claim.effect / (len(arms) - 1)
    ends = Part(
        name=f"{arms[-1]} - {arms[0]}", contrast=difference(arms[-1], arms[0]), low=0.0, assumed=assumed_effect(claim)
    )
    # 0.0 - margin, not -margin: the strict form's bound is 0, never -0
    low = 0.0 - _margin(claim)
    steps = (
        Part(name=f"{b} - {a}", contrast=difference(b, a), low=low, assumed=share) for a, b in itertools.pairwise(arms)
    )
    return (ends, *steps)


def _stack(claim: Claim) -> tuple[Part, ...]:
    arms = claim.contrast
    if not isinstance(arms, Mapping) or set(arms) != set(STACK_KEYS) or len(set(arms.values())) < len(STACK_KEYS):
        raise UserError(f"contrast {arms!r}: stack takes four different arms under the keys {', '.join(STACK_KEYS)}")
    return tuple(
        Part(name=f"{arms['ab']} - {arm}", contrast=difference(arms["ab"], arm), low=0.0, assumed=assumed_effect(claim))
        for arm in (arms["a"], arms["b"])
    )


def _text(claim: Claim) -> str:
    if not isinstance(claim.contrast, str) or not claim.contrast.strip():
        raise UserError(f"contrast {claim.contrast!r}: kind {claim.kind} takes an expression over arms")
    return claim.contrast


def _comparison(claim: Claim) -> Contrast:
    contrast = parse_linear(_text(claim))
    if abs(contrast.total) > 1e-9:
        raise UserError(
            f"contrast {claim.contrast!r}: the coefficients sum to {contrast.total:g}, not 0, so it compares nothing; "
            "a share such as 0.97*teacher is of kind retention"
        )
    return contrast


def _margin(claim: Claim) -> float:
    assert claim.margin is not None  # _check_numbers
    return float(claim.margin)


_PARTS: dict[str, Callable[[Claim], tuple[Part, ...]]] = {
    "superiority": _superiority,
    "non_inferiority": _non_inferiority,
    "equivalence": _equivalence,
    "retention": _retention,
    "speed": _speed,
    "trend": _trend,
    "stack": _stack,
    "additivity": _additivity,
    "exact": lambda _: (),
}
KINDS = tuple(_PARTS)
_ABOUT_NO_DIFFERENCE = ("non_inferiority", "equivalence", "additivity")
_NEEDS_MARGIN = (*_ABOUT_NO_DIFFERENCE, "trend")
_TAKES_MARGIN = ("superiority", *_NEEDS_MARGIN)
