"""One claim's test on its own: estimates and p-values of its parts, before other claims are looked at."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ablate.stats.claims import Claim, Part, parts_of
from ablate.stats.contrasts import evaluate
from ablate.stats.decisions import PValues, p_values
from ablate.stats.evidence import Evidence, estimate_contrast, problem_of
from ablate.stats.onesample import Estimate, interval, p_inside, p_outside
from ablate.stats.retention import over_baseline
from ablate.stats.signflip import MIN_SEEDS, sign_flip_p


@dataclass(frozen=True, kw_only=True)
class Tested:
    """A claim's test; without p-values, and with the problem in words, where nothing could be tested.

    evidence: for retention over a known baseline the gains over it.
    """

    claim: Claim
    evidence: Evidence
    parts: tuple[Part, ...]
    problem: str | None = None
    estimates: tuple[Estimate, ...] = ()
    p: PValues | None = None

    @property
    def pairs(self) -> list[tuple[Part, Estimate]]:
        """The parts with their estimates."""
        return list(zip(self.parts, self.estimates, strict=True))

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms of all parts, in order of first mention."""
        return tuple(dict.fromkeys(arm for part in self.parts for arm in part.contrast.arms))

    @property
    def num_seeds(self) -> int:
        """The seeds at hand, the fewest of any arm; 0 without runs."""
        shapes = [self.evidence.scores[arm].shape for arm in self.arms if arm in self.evidence.scores]
        return min(shape[0] for shape in shapes) if shapes and all(shapes) and len(shapes) == len(self.arms) else 0

    @property
    def crossed(self) -> bool:
        """Whether there is a score per example, not only one per seed."""
        return any(self.evidence.scores[arm].ndim > 1 for arm in self.arms if arm in self.evidence.scores)

    @property
    def method(self) -> str:
        """The name of the test."""
        if self.claim.kind == "exact":
            return "arithmetic"
        return "crossed seeds x examples" if self.crossed else "one-sample t"


@dataclass(frozen=True, kw_only=True)
class PartResult:
    """One tested statement `contrast > low`, or `low < contrast < high`; in ratios for speed, except se."""

    name: str
    low: float
    high: float | None
    estimate: float
    interval: tuple[float, float]
    interval_simultaneous: tuple[float, float]
    se: float
    df: float
    p: float
    p_contradicted: float


def stated_part(kind: str, word: str, results: Sequence[PartResult]) -> PartResult:
    """Whose numbers stand for a claim of several parts: the weakest's, of a trend that holds those of its ends.

    A trend's steps need only not turn back; how much there is to it, its ends say.
    """
    if kind == "trend" and word == "supported":
        return results[0]
    return max(results, key=lambda result: result.p)


def run_test(claim: Claim, evidence: Evidence) -> Tested:
    """Test a claim. Raises UserError for a claim that no evidence could test."""
    parts, evidence = parts_of(claim), over_baseline(claim, evidence)
    problem = problem_of(claim, parts, evidence)
    if problem is not None or not parts:
        return Tested(claim=claim, evidence=evidence, parts=parts, problem=problem)
    estimates = tuple(estimate_contrast(part.contrast, evidence.scores) for part in parts)
    p = p_values(claim, parts, estimates)
    return Tested(claim=claim, evidence=evidence, parts=parts, estimates=estimates, p=p)


def part_result(part: Part, estimate: Estimate, *, level: float, simultaneous: float) -> PartResult:
    """The numbers of one part; intervals at `level` and at the `simultaneous` level."""

    def natural(value: float) -> float:
        # math.exp would raise where a ratio is too large for a float
        return float(np.exp(min(value, 700.0))) if part.contrast.log else float(value)

    def bounds(at: float) -> tuple[float, float]:
        low, high = interval(estimate, level=at)
        return natural(float(low)), natural(float(high))

    return PartResult(
        name=part.name,
        low=natural(part.low),
        high=None if math.isinf(part.high) else natural(part.high),
        estimate=natural(float(estimate.mean)),
        interval=bounds(level),
        interval_simultaneous=bounds(simultaneous),
        se=float(estimate.se),
        df=float(estimate.df),
        p=float(p_inside(estimate, part.low, part.high)),
        p_contradicted=float(p_outside(estimate, part.low, part.high)),
    )


def sign_flip_of(tested: Tested) -> float | None:
    """p for support by sign-flips, the largest over parts and bounds; None below eight seeds and for crossed tests."""
    if tested.p is None or tested.crossed or tested.num_seeds < MIN_SEEDS:
        return None
    found = []
    for part in tested.parts:
        values = evaluate(part.contrast, tested.evidence.scores)
        found.append(sign_flip_p(values, threshold=part.low))
        if part.two_sided:
            found.append(sign_flip_p(-values, threshold=-part.high))
    return max(found)
