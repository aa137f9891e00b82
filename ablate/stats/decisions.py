"""The verdict rule: p-values of a claim's parts, and which word they come to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64

from ablate.stats.claims import Claim, Part
from ablate.stats.onesample import Estimate, p_inside, p_outside

Word = Literal["supported", "contradicted", "negligible", "inconclusive", "not testable"]


@dataclass(frozen=True, kw_only=True)
class PValues:
    """One-sided p of the three findings that a claim can come to; arrays of one shape, `()` for one claim.

    negligible is None for claims that cannot come to it: only superiority with a margin can.
    """

    supported: Float64[np.ndarray, "*batch"]
    contradicted: Float64[np.ndarray, "*batch"]
    negligible: Float64[np.ndarray, "*batch"] | None = None


def p_values(claim: Claim, parts: Sequence[Part], estimates: Sequence[Estimate]) -> PValues:
    """The p-values of a claim from the estimates of its parts.

    Supported: every part holds, so the largest p (intersection-union, no correction inside). Contradicted: some part
    fails, so the smallest p times the number of parts.
    """
    pairs = list(zip(parts, estimates, strict=True))
    supported = np.max([p_inside(estimate, part.low, part.high) for part, estimate in pairs], axis=0)
    smallest = np.min([p_outside(estimate, part.low, part.high) for part, estimate in pairs], axis=0)
    return PValues(
        supported=np.asarray(supported),
        contradicted=np.asarray(np.minimum(1.0, len(parts) * smallest)),
        negligible=_p_negligible(claim, estimates[0]),
    )


def can_be_negligible(claim: Claim) -> bool:
    """Whether the claim can come to the verdict `negligible`."""
    return claim.kind == "superiority" and claim.margin is not None


def _p_negligible(claim: Claim, estimate: Estimate) -> Float64[np.ndarray, "..."] | None:
    if claim.margin is None or not can_be_negligible(claim):
        return None
    return p_inside(estimate, -claim.margin, claim.margin)


def decide(p: PValues, *, alpha: float) -> Word:
    """The word for a claim's adjusted p; supported and contradicted exclude each other for any alpha below one half."""
    if float(p.supported) <= alpha:
        return "supported"
    if float(p.contradicted) <= alpha:
        return "contradicted"
    return "negligible" if p.negligible is not None and float(p.negligible) <= alpha else "inconclusive"
