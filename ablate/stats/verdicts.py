"""From claims and arrays to verdicts: one claim, or a study's claims under Holm."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ablate.errors import UserError
from ablate.stats.assay import assay_problem, needs_control
from ablate.stats.claims import Claim
from ablate.stats.decisions import PValues, Word, can_be_negligible, decide
from ablate.stats.evidence import Evidence
from ablate.stats.multiplicity import holm, simultaneous_level
from ablate.stats.planning import detectable
from ablate.stats.remarks import Setting, flags_of, needed_n_of, reason_of
from ablate.stats.retention import Retained, no_gain_problem, retained
from ablate.stats.tested import PartResult, Tested, part_result, run_test, sign_flip_of, stated_part


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the data say of a claim. Numbers are None where nothing was tested.

    estimate, interval: of the contrast (a ratio for speed), for a composite of the part that is `stated`; the interval
    is two-sided at level 1 - 2 alpha, which matches that part's unadjusted p; interval_simultaneous is Bonferroni over
    the family.
    p, p_contradicted, p_negligible: one-sided, unadjusted; the `_holm` ones are adjusted over the study and decide.
    n: pairs, that is seeds. method: `one-sample t`, `crossed seeds x examples` or `arithmetic`.
    mde: the distance beyond the threshold found with power 0.8 at the observed spread and Holm's first step, as in
    `planning.Plan`.
    needed_n: of an inconclusive claim, as `remarks.needed_n_of`.
    retained: what a retention claim's arm keeps, of the gain over the majority baseline and of the plain score.
    """

    claim: str
    kind: str
    verdict: Word
    reason: str
    n: int
    method: str
    alpha: float
    family_size: int
    flags: tuple[str, ...] = ()
    estimate: float | None = None
    interval: tuple[float, float] | None = None
    interval_simultaneous: tuple[float, float] | None = None
    p: float | None = None
    p_holm: float | None = None
    p_contradicted: float | None = None
    p_contradicted_holm: float | None = None
    p_negligible: float | None = None
    p_negligible_holm: float | None = None
    p_sign_flip: float | None = None
    mde: float | None = None
    needed_n: int | None = None
    parts: tuple[PartResult, ...] = ()
    retained: Retained | None = None

    @property
    def stated(self) -> PartResult | None:
        """The part that estimate and interval are of; None where nothing was tested."""
        return stated_part(self.kind, self.verdict, self.parts) if self.parts else None


def judge_claim(claim: Claim, evidence: Evidence, *, alpha: float = 0.05) -> Verdict:
    """The verdict on one claim on its own. Raises UserError for a claim that no evidence could test (`check_claim`)."""
    return judge_study([claim], {claim.id: evidence}, alpha=alpha)[0]


def judge_study(
    claims: Sequence[Claim], evidence: Mapping[str, Evidence], *, alpha: float = 0.05
) -> tuple[Verdict, ...]:
    """Verdicts in the order of the claims, each finding under Holm over all the claims that can come to it.

    evidence: by claim id; a claim without evidence is not testable. Such claims count with p = 1, exact ones not at
    all. For a planned look `alpha` is its share. Raises UserError for repeated ids and as `check_claim`.
    """
    _check(claims, alpha=alpha)
    tested = [run_test(claim, evidence.get(claim.id, Evidence())) for claim in claims]
    family = [one for one in tested if one.claim.kind != "exact"]
    adjusted = dict(zip((one.claim.id for one in family), _adjusted(family), strict=True))
    return tuple(_verdict(one, adjusted.get(one.claim.id), alpha=alpha, family_size=len(family)) for one in tested)


def _check(claims: Sequence[Claim], *, alpha: float) -> None:
    if not 0.0 < alpha < 0.5:
        raise UserError(f"alpha must lie between 0 and 0.5, not {alpha}")
    ids = [claim.id for claim in claims]
    repeated = sorted({name for name in ids if ids.count(name) > 1})
    if repeated:
        raise UserError(f"claim ids must differ; repeated: {', '.join(repeated)}")


def _adjusted(family: Sequence[Tested]) -> list[PValues]:
    """Holm within each finding: supported and contradicted over all claims, negligible over those that can be it."""
    supported = holm(np.array([1.0 if one.p is None else float(one.p.supported) for one in family]))
    contradicted = holm(np.array([1.0 if one.p is None else float(one.p.contradicted) for one in family]))
    candidates = [one for one in family if can_be_negligible(one.claim)]
    raw = [1.0 if one.p is None or one.p.negligible is None else float(one.p.negligible) for one in candidates]
    negligible = dict(zip((one.claim.id for one in candidates), holm(np.array(raw)), strict=True))
    return [
        PValues(
            supported=np.asarray(supported[i]),
            contradicted=np.asarray(contradicted[i]),
            negligible=np.asarray(negligible[one.claim.id]) if one.claim.id in negligible else None,
        )
        for i, one in enumerate(family)
    ]


def _verdict(tested: Tested, adjusted: PValues | None, *, alpha: float, family_size: int) -> Verdict:
    if tested.p is None or adjusted is None:
        return _without_test(tested, alpha=alpha, family_size=family_size)
    word, unfounded = _founded(tested, decide(adjusted, alpha=alpha), alpha=alpha)
    alone, _ = _founded(tested, decide(tested.p, alpha=alpha), alpha=alpha)
    setting = Setting(alpha=alpha, family_size=family_size, adjusted=adjusted, word=word, alone=alone)
    return _with_test(tested, tested.p, setting, unfounded=unfounded)


def _founded(tested: Tested, found: Word, *, alpha: float) -> tuple[Word, str | None]:
    """The word for a finding, and why it is none after all: a share of no gain, or runs that could not find a loss."""
    claim, part, evidence = tested.claim, tested.parts[0], tested.evidence
    problem = no_gain_problem(claim, part, evidence, alpha=alpha) if found in ("supported", "contradicted") else None
    if problem is None and needs_control(claim, found):
        problem = assay_problem(claim, part, evidence, alpha=alpha)
    return (found, None) if problem is None else ("not testable", problem)


def _without_test(tested: Tested, *, alpha: float, family_size: int) -> Verdict:
    """An exact claim, or one that could not be tested."""
    holds = tested.evidence.holds
    word: Word = "supported" if holds else "contradicted"
    if tested.problem is not None:
        word = "not testable"
    return Verdict(
        claim=tested.claim.id,
        kind=tested.claim.kind,
        verdict=word,
        reason=tested.problem or tested.evidence.note or f"the comparison {'holds' if holds else 'does not hold'}",
        n=tested.num_seeds,
        method=tested.method,
        alpha=alpha,
        family_size=family_size,
    )


def _with_test(tested: Tested, p: PValues, setting: Setting, *, unfounded: str | None) -> Verdict:
    alpha, family_size, adjusted = setting.alpha, setting.family_size, setting.adjusted
    levels = {"level": 1 - 2 * alpha, "simultaneous": simultaneous_level(alpha=alpha, num_claims=family_size)}
    results = tuple(part_result(part, estimate, **levels) for part, estimate in tested.pairs)
    weakest = max(results, key=lambda result: result.p)
    stated = stated_part(tested.claim.kind, setting.word, results)
    needed_n, p_sign_flip = needed_n_of(tested, setting), sign_flip_of(tested)
    spreads = [(part, float(estimate.se), float(estimate.df)) for part, estimate in tested.pairs]
    return Verdict(
        claim=tested.claim.id,
        kind=tested.claim.kind,
        verdict=setting.word,
        reason=unfounded or reason_of(tested, setting, weakest=weakest, needed_n=needed_n),
        n=tested.num_seeds,
        method=tested.method,
        alpha=alpha,
        family_size=family_size,
        flags=flags_of(tested, setting, weakest=weakest, p_sign_flip=p_sign_flip),
        estimate=stated.estimate,
        interval=stated.interval,
        interval_simultaneous=stated.interval_simultaneous,
        p=float(p.supported),
        p_holm=float(adjusted.supported),
        p_contradicted=float(p.contradicted),
        p_contradicted_holm=float(adjusted.contradicted),
        p_negligible=None if p.negligible is None else float(p.negligible),
        p_negligible_holm=None if adjusted.negligible is None else float(adjusted.negligible),
        p_sign_flip=p_sign_flip,
        mde=detectable(tested.claim, spreads, alpha=alpha / family_size),
        needed_n=needed_n,
        parts=results,
        retained=retained(tested.claim, tested.parts[0], tested.evidence),
    )
