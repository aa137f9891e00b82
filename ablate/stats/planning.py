"""What a claim's test can see with given noise: power, the detectable effect and the seeds needed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ablate.stats.claims import Claim, Part, parts_of
from ablate.stats.power import detectable_above, detectable_inside, needed_seeds, power_above, power_inside


@dataclass(frozen=True, kw_only=True)
class Noise:
    """sd of a per-seed contrast, and the variance of its mean that more seeds do not shrink (crossed designs)."""

    sd: float
    floor: float = 0.0

    def se(self, num_seeds: int) -> float:
        """The standard error of the mean over seeds."""
        return math.sqrt(self.sd**2 / num_seeds + self.floor)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The outlook of one claim.

    mde: the smallest distance beyond the threshold that is supported with probability `target` (a factor on the ratio
    for speed; for equivalence and additivity the smallest margin, with a true difference of 0; the largest of the parts
    of a composite).
    power: at the claim's registered effect; None without one. Of a composite, a lower bound.
    needed_n: seeds for power `target` at that effect; None without an effect, or if no number of seeds is enough.
    floor: the largest `Noise.floor` of its parts, 0 where none is known.
    """

    claim: str
    num_seeds: int
    alpha: float
    target: float
    mde: float
    power: float | None
    needed_n: int | None
    floor: float = 0.0


def plan_claim(
    claim: Claim,
    *,
    noise: Noise | Mapping[str, Noise],
    num_seeds: int,
    alpha: float = 0.05,
    family_size: int = 1,
    target: float = 0.8,
) -> Plan:
    """Plan a claim that needs runs, at Holm's first step among `family_size` claims.

    noise: one for all parts, or one per name of the claim's parts (`parts_of`); in logarithms for speed.
    """
    parts, level = parts_of(claim), alpha / family_size
    assert parts and num_seeds >= 2
    noises = [noise if isinstance(noise, Noise) else noise[part.name] for part in parts]
    known = all(part.assumed is not None for part in parts)
    pairs = list(zip(parts, noises, strict=True))
    misses = [1.0 - part_power(part, noise=n, num_seeds=num_seeds, alpha=level) for part, n in pairs] if known else []
    return Plan(
        claim=claim.id,
        num_seeds=num_seeds,
        alpha=level,
        target=target,
        mde=detectable(
            claim, [(part, n.se(num_seeds), num_seeds - 1.0) for part, n in pairs], alpha=level, target=target
        ),
        power=max(0.0, 1.0 - sum(misses)) if known else None,
        needed_n=seeds_for(pairs, alpha=level, target=target) if known else None,
        floor=max(n.floor for n in noises),
    )


def detectable(claim: Claim, parts: list[tuple[Part, float, float]], *, alpha: float, target: float = 0.8) -> float:
    """`Plan.mde` from parts with their standard error and degrees of freedom."""
    target = per_part(target, len(parts))
    distances = [
        (detectable_inside if part.two_sided else detectable_above)(df=df, alpha=alpha, power=target) * se
        for part, se, df in parts
    ]
    # a hopeless plan must not overflow
    return math.exp(min(max(distances), 700.0)) if claim.kind == "speed" else max(distances)


def seeds_for(parts: list[tuple[Part, Noise]], *, alpha: float, target: float = 0.8) -> int | None:
    """Seeds at which all parts together are supported with probability `target` at their assumed truths."""
    share = per_part(target, len(parts))

    def power_at(num_seeds: int) -> float:
        return min(part_power(part, noise=noise, num_seeds=num_seeds, alpha=alpha) for part, noise in parts)

    return needed_seeds(power_at, power=share)


def part_power(part: Part, *, noise: Noise, num_seeds: int, alpha: float) -> float:
    """Power of one part at its assumed truth."""
    assert part.assumed is not None
    se, df = noise.se(num_seeds), num_seeds - 1.0
    if part.two_sided:
        return power_inside((part.assumed - part.low) / se, (part.high - part.assumed) / se, df=df, alpha=alpha)
    return power_above((part.assumed - part.low) / se, df=df, alpha=alpha)


def per_part(target: float, num_parts: int) -> float:
    """The power that each part needs for all of them to have `target` together (Bonferroni on the misses)."""
    return 1.0 - (1.0 - target) / num_parts
