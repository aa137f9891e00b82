"""What is said beside a verdict: flags, the seeds an inconclusive claim needs, and the reason as a sentence."""

from dataclasses import dataclass, replace

from ablate.stats.claims import Part, assumed_effect
from ablate.stats.decisions import PValues, Word
from ablate.stats.evidence import repeated_seeds
from ablate.stats.onesample import Estimate
from ablate.stats.planning import Noise, part_power, per_part, seeds_for
from ablate.stats.power import sd_upper_limit
from ablate.stats.retention import in_words, retained
from ablate.stats.tested import PartResult, Tested

ALSO_SUPERIOR = "also superior"
LOWER_WITHIN = "lower, but within the margin"
SIZE_NEGLIGIBLE = "size negligible"
PLAIN_ONLY = "the plain score reaches the share, the gain over the majority baseline does not"
SCREENING = "screening: fewer than 5 seeds"
SIGN_FLIP = "the sign-flip test disagrees"
REPEATED = "two seeds have equal scores in every arm"
OBSERVED_EFFECT = "needed seeds assume the observed effect, for none was registered"

_CONFIRMING_SEEDS = 5
_TARGET = 0.8


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a study adds to one claim's test: error rate, number of claims, adjusted p, and the word that came out.

    alone: the word it would be if it were the study's only claim.
    """

    alpha: float
    family_size: int
    adjusted: PValues
    word: Word
    alone: Word


def flags_of(tested: Tested, setting: Setting, *, weakest: PartResult, p_sign_flip: float | None) -> tuple[str, ...]:
    """The flags of a tested claim. A flag that flatters must hold simultaneously over the study, a warning need not."""
    claim, supported = tested.claim, setting.word == "supported"
    non_inferior = supported and claim.kind == "non_inferiority"
    small = claim.kind == "superiority" and claim.margin is not None and weakest.interval[1] < claim.margin
    shares = retained(claim, tested.parts[0], tested.evidence)
    disagrees = p_sign_flip is not None and (p_sign_flip <= setting.alpha) != (weakest.p <= setting.alpha)
    flags = {
        ALSO_SUPERIOR: non_inferior and weakest.interval_simultaneous[0] > 0.0,
        LOWER_WITHIN: non_inferior and weakest.interval[1] < 0.0,
        SIZE_NEGLIGIBLE: supported and small,
        PLAIN_ONLY: shares is not None and shares.gain is not None and shares.gain < shares.wanted <= shares.plain,
        SCREENING: tested.num_seeds < _CONFIRMING_SEEDS and not _planned(tested, setting),
        SIGN_FLIP: disagrees,
        REPEATED: repeated_seeds(tested.arms, tested.evidence.scores) is not None,
        OBSERVED_EFFECT: setting.word == "inconclusive" and not _registered(tested),
    }
    return tuple(flag for flag, holds in flags.items() if holds)


def needed_n_of(tested: Tested, setting: Setting) -> int | None:
    """Seeds for power 0.8 at Holm's first step, from the 80 % upper limit of each part's sd and the registered effect.

    Without a registered effect the observed one is assumed (and flagged). None if no number of seeds is enough, and
    for verdicts other than inconclusive.
    """
    if setting.word != "inconclusive":
        return None
    parts = [(_assumed(tested, part, estimate), _cautious(estimate)) for part, estimate in tested.pairs]
    return seeds_for(parts, alpha=setting.alpha / setting.family_size, target=_TARGET)


def reason_of(tested: Tested, setting: Setting, *, weakest: PartResult, needed_n: int | None) -> str:
    """Why the verdict is what it is, as one sentence with the numbers that decide."""
    low, high = weakest.interval
    level = f"{100 * (1 - 2 * setting.alpha):.3g}%"
    what = f"the {level} interval of {weakest.name}{_of_gains(tested)} is {low:.4g} to {high:.4g}"
    if setting.word == "supported":
        also = ", and no other part is weaker" if len(tested.parts) > 1 else ""
        return f"{what}, {_region(weakest)}{also} ({_p('supported', tested, setting)}){_kept(tested)}"
    if setting.word == "contradicted":
        p = _p("contradicted", tested, setting)
        return f"{what}, where it would have to be {_region(weakest)} ({p}){_kept(tested)}"
    if setting.word == "negligible":
        return f"{what}, within the margin {tested.claim.margin:g} of 0 ({_p('negligible', tested, setting)})"
    settled = f"{what}, which does not settle whether it is {_region(weakest)} ({_p('supported', tested, setting)})"
    alone = "" if setting.alone in (setting.word, "not testable") else f"; alone it would be {setting.alone}"
    return f"{settled}{alone}; {_need(tested, needed_n)}{_kept(tested)}"


def _of_gains(tested: Tested) -> str:
    gains = tested.claim.kind == "retention" and tested.evidence.baseline is not None
    return ", of gains over the majority baseline," if gains else ""


def _kept(tested: Tested) -> str:
    shares = retained(tested.claim, tested.parts[0], tested.evidence)
    return "" if shares is None else f"; {in_words(shares)}"


def _region(result: PartResult) -> str:
    if result.high is None:
        return f"above {result.low:.4g}"
    return f"between {result.low:.4g} and {result.high:.4g}"


def _p(finding: str, tested: Tested, setting: Setting) -> str:
    raw, adjusted = float(getattr(tested.p, finding)), float(getattr(setting.adjusted, finding))
    if setting.family_size == 1:
        return f"p = {raw:.3g}"
    return f"p = {raw:.3g}, {adjusted:.3g} after Holm"


def _need(tested: Tested, needed_n: int | None) -> str:
    effect = f"{_kind_of_effect(tested)} effect"
    assumed = assumed_effect(tested.claim)
    if assumed is not None:
        effect += f" of {assumed:.4g}"
    if needed_n is None:
        return f"at the {effect} no number of seeds is enough"
    if needed_n <= tested.num_seeds:
        return f"at the {effect} {needed_n} seeds would do, so the true one is probably nearer to the bound"
    return f"at the {effect} about {needed_n} seeds are needed"


def _kind_of_effect(tested: Tested) -> str:
    return "registered" if tested.claim.effect is not None else "assumed" if _registered(tested) else "observed"


def _registered(tested: Tested) -> bool:
    return assumed_effect(tested.claim) is not None


def _assumed(tested: Tested, part: Part, estimate: Estimate) -> Part:
    return part if _registered(tested) else replace(part, assumed=float(estimate.mean))


def _cautious(estimate: Estimate) -> Noise:
    sd = sd_upper_limit(float(estimate.sd), num_seeds=estimate.num_seeds)
    return Noise(sd=sd, floor=float(estimate.floor))


def _planned(tested: Tested, setting: Setting) -> bool:
    """Whether these seeds detect the registered effect with power 0.8, also at the 80 % upper limit of the spread."""
    if not _registered(tested):
        return False
    share = per_part(_TARGET, len(tested.parts))
    alpha = setting.alpha / setting.family_size
    return all(
        part_power(part, noise=_cautious(estimate), num_seeds=estimate.num_seeds, alpha=alpha) >= share
        for part, estimate in tested.pairs
    )
