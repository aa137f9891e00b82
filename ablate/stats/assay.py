"""Assay sensitivity: runs that cannot tell a positive control from the rest cannot show that anything is as good."""

import numpy as np
from jaxtyping import Float64

from ablate.stats.claims import Claim, Part
from ablate.stats.contrasts import Contrast
from ablate.stats.decisions import Word
from ablate.stats.evidence import Evidence, Scores, estimate_contrast, scores_problem, spread_problem
from ablate.stats.onesample import p_above

_CONTROL = "the positive control"
OF_NO_LOSS = ("non_inferiority", "equivalence", "additivity", "retention")  # kinds that a control must stand behind


def needs_control(claim: Claim, word: Word) -> bool:
    """Whether the finding is one of no loss or no difference, which a plateau would show as well."""
    return word == "negligible" or (word == "supported" and claim.kind in OF_NO_LOSS)


def separation(part: Part) -> Contrast:
    """What the arms on the minus side reach beyond the control: `bert - control` for `no_nsp - bert`.

    With the plus side's coefficients summing to P, it is (minus side) / P - control: the control in the place of the
    arms that are said to be as good. For retention the minus side is 0.97 * teacher.
    """
    positive = sum(value for _, value in part.contrast.coefficients if value > 0)
    reference = tuple((arm, -value / positive) for arm, value in part.contrast.coefficients if value < 0)
    return Contrast(coefficients=(*reference, (_CONTROL, -1.0)))


def assay_problem(claim: Claim, part: Part, evidence: Evidence, *, alpha: float) -> str | None:
    """Why the runs lack assay sensitivity, as a sentence; None if they separate the control by more than the margin.

    Seeds at which the control has no score are left out, as any pair with a lost run is.
    """
    if evidence.control is None:
        return "the study has no positive control, so nothing shows that its runs could have found a difference"
    contrast, scores = separation(part), _with_control(evidence.scores, evidence.control)
    problem = scores_problem(contrast.arms, scores) or spread_problem(contrast, scores)
    if problem is not None:
        return f"assay sensitivity cannot be tested: {problem}"
    estimate, margin = estimate_contrast(contrast, scores), claim.margin or 0.0
    p = float(p_above(estimate, margin))
    if p <= alpha:
        return None
    return (
        f"no assay sensitivity: the runs do not separate the positive control by more than the margin {margin:g} "
        f"(separation {float(estimate.mean):.4g}, p = {p:.3g}); on a plateau everything is equivalent"
    )


def _with_control(scores: Scores, control: Float64[np.ndarray, "..."]) -> Scores:
    if any(len(values) != len(control) for values in scores.values()):
        return {**scores, _CONTROL: control}
    if control.ndim == 1:  # no values per example: each seed's mean of the others' is compared with it
        scores = {arm: values.reshape(len(values), -1).mean(axis=1) for arm, values in scores.items()}
    there = ~np.isnan(control.reshape(len(control), -1)).any(axis=1)
    return {arm: values[there] for arm, values in {**scores, _CONTROL: control}.items()}
