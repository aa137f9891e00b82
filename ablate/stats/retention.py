"""Retention: a share of what another arm gains over a baseline that needs no model, and the plain share beside it."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64

from ablate.stats.claims import Claim, Part
from ablate.stats.contrasts import Contrast
from ablate.stats.evidence import Evidence, estimate_contrast
from ablate.stats.onesample import p_above


@dataclass(frozen=True, kw_only=True)
class Retained:
    """What was kept, as shares of the means over seeds (and examples).

    wanted: the share that the claim demands. plain: of the score itself, as papers state it. gain: of the gain over
    `baseline`; None where no baseline is known, or where there was no gain to keep.
    """

    wanted: float
    plain: float
    gain: float | None
    baseline: float | None


def over_baseline(claim: Claim, evidence: Evidence) -> Evidence:
    """The evidence as gains over the baseline, for retention where there is one; any other as it is.

    The baseline is a property of the test set and taken as known: at a share r it enters the contrast as (1 - r) x
    baseline.
    """
    if claim.kind != "retention" or evidence.baseline is None:
        return evidence
    gains = {arm: _gain(scores, evidence.baseline) for arm, scores in evidence.scores.items()}
    control = None if evidence.control is None else _gain(evidence.control, evidence.baseline)
    return replace(evidence, scores=gains, control=control)


def _gain(scores: Float64[np.ndarray, "..."], baseline: float) -> Float64[np.ndarray, "..."]:
    gains = np.asarray(scores - baseline)
    return np.where(np.abs(gains) <= 1e-12 * abs(baseline), 0.0, gains)  # what is left by rounding is no gain


def no_gain_problem(claim: Claim, part: Part, evidence: Evidence, *, alpha: float) -> str | None:
    """Why nothing can be kept: the arm to compare with is not above the baseline. `evidence` is of gains.

    None if it is, and for other claims. A share of nothing is neither kept nor lost.
    """
    if claim.kind != "retention" or evidence.baseline is None or _compares_gains(part):
        return None
    reference = tuple((arm, -value) for arm, value in part.contrast.coefficients if value < 0)
    estimate = estimate_contrast(Contrast(coefficients=reference), evidence.scores)
    if float(estimate.mean) > 0.0 and (float(estimate.sd) == 0.0 or float(p_above(estimate, 0.0)) <= alpha):
        return None
    names = " and ".join(arm for arm, _ in reference)
    return f"{names} is not shown to beat the majority baseline {evidence.baseline:.4g}, so there is no gain to retain"


def _compares_gains(part: Part) -> bool:
    """Whether it is of differences already, as `(ab - b) - 0.5*(a - base)`, from which any baseline drops out."""
    return len(part.contrast.arms) > 2 and abs(part.contrast.total) <= 1e-9


def retained(claim: Claim, part: Part, gains: Evidence) -> Retained | None:
    """The shares of a claim about two arms, one kept and one to compare with; None for every other claim."""
    if claim.kind != "retention" or len(part.contrast.arms) != 2:
        return None
    (kept, plus), (whole, minus) = sorted(part.contrast.coefficients, key=lambda one: -one[1])
    baseline = gains.baseline
    means = [float(np.mean(gains.scores[arm])) for arm in (kept, whole)]
    plain = [mean + (baseline or 0.0) for mean in means]
    if plain[1] <= 0.0:
        return None
    return Retained(
        wanted=-minus / plus, plain=plain[0] / plain[1], baseline=baseline,
        gain=means[0] / means[1] if baseline is not None and means[1] > 0.0 else None,
    )  # fmt: skip


def in_words(shares: Retained) -> str:
    """The shares as the end of a sentence."""
    plain = f"{shares.plain:.1%} of the plain score, as papers state it"
    if shares.gain is None or shares.baseline is None:
        return f"kept: {plain}"
    return f"kept: {shares.gain:.1%} of the gain over the majority baseline {shares.baseline:.4g}, {plain}"
