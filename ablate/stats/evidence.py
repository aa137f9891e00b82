"""What the runs say about one claim, and in words why it cannot be tested."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64

from ablate.stats.claims import Claim, Part
from ablate.stats.contrasts import Contrast, evaluate, resolution
from ablate.stats.crossed import estimate_crossed
from ablate.stats.onesample import Estimate, estimate_mean

# by arm: (num_seeds,) or (num_seeds, num_examples); unequal shapes are reported, not a fault
Scores = Mapping[str, Float64[np.ndarray, "..."]]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The scores of a claim's arms, larger is better, row s of every array from the same seed.

    scores: per arm `(num_seeds,)`, or `(num_seeds, num_examples)` where one task's predictions exist, with the same
    examples in every arm. Failed pairs are left out by the caller. For speed the plain times or throughputs.
    control: the same of the positive control (an arm that must be worse), nan at seeds where it has no score; None
    without a control.
    baseline: the score of what needs no model (the majority class), on the scale of `scores`; retention is of the gain
    over it. None where it is not known.
    refused: the gate's reason for which the claim may not be judged.
    holds, note: the outcome of an exact claim's arithmetic, and what was compared.
    """

    scores: Scores = field(default_factory=dict)
    control: Float64[np.ndarray, "..."] | None = None
    baseline: float | None = None
    refused: str | None = None
    holds: bool | None = None
    note: str = ""


def estimate_contrast(contrast: Contrast, scores: Scores) -> Estimate:
    """One-sample over seeds for one number per seed, crossed seeds x examples for one number per example."""
    values, smallest = evaluate(contrast, scores), resolution(contrast, scores)
    if values.ndim == 1:
        return estimate_mean(values, resolution=smallest)
    return estimate_crossed(values, resolution=smallest)


def problem_of(claim: Claim, parts: tuple[Part, ...], evidence: Evidence) -> str | None:
    """Why the claim cannot be tested with this evidence, as a sentence; None if it can."""
    if evidence.refused is not None:
        return evidence.refused
    if claim.kind == "exact":
        return "the comparison was not made" if evidence.holds is None else None
    arms = tuple(dict.fromkeys(arm for part in parts for arm in part.contrast.arms))
    problem = scores_problem(arms, evidence.scores)
    if problem is None and claim.kind == "speed":
        problem = _speed_problem(arms, evidence.scores)
    if problem is not None:
        return problem
    return next((text for part in parts if (text := spread_problem(part.contrast, evidence.scores))), None)


def scores_problem(arms: tuple[str, ...], scores: Scores) -> str | None:
    """Missing arms, unequal shapes, fewer than two seeds, numbers that are not finite."""
    missing = [arm for arm in arms if arm not in scores]
    if missing:
        return f"there are no runs of {', '.join(missing)}"
    shapes = {arm: scores[arm].shape for arm in arms}
    if len(set(shapes.values())) > 1:
        return f"the arms cannot be paired: {', '.join(f'{arm} has {_shape(shape)}' for arm, shape in shapes.items())}"
    shape = shapes[arms[0]]
    if len(shape) not in (1, 2) or (len(shape) == 2 and shape[1] < 2):
        return f"the arms have {_shape(shape)}; one number per seed or at least two examples per seed are needed"
    if shape[0] < 2:
        return (
            f"there {'is one seed' if shape[0] == 1 else 'are no seeds'} that all arms share; at least two are needed"
        )
    for arm in arms:
        bad = np.flatnonzero(~np.isfinite(scores[arm].reshape(shape[0], -1)).all(axis=1))
        if bad.size:
            return (
                f"{arm} has a score that is not a finite number (seed {', '.join(map(str, bad))} of its list, from 0)"
            )
    return None


def spread_problem(contrast: Contrast, scores: Scores) -> str | None:
    """No variance over seeds: identical runs, or one run counted several times."""
    with np.errstate(over="ignore", invalid="ignore"):
        estimate = estimate_contrast(contrast, scores)
    if not np.isfinite([estimate.mean, estimate.sd, estimate.floor]).all():
        return f"the scores of {', '.join(contrast.arms)} are too large to compute with"
    if estimate.sd > 0.0:
        return None
    names = " and ".join(contrast.arms)
    if float(np.abs(estimate.mean)) <= resolution(contrast, scores):
        return f"the runs of {names} are identical: their scores do not differ in any seed"
    return f"every seed gives the same contrast of {names}, {float(estimate.mean):.4g}: no variance over seeds to test"


def repeated_seeds(arms: tuple[str, ...], scores: Scores) -> tuple[int, int] | None:
    """The first two seeds, by position, with scores equal to the bit in every arm: perhaps one run counted twice."""
    rows = np.concatenate([scores[arm].reshape(len(scores[arm]), -1) for arm in arms], axis=1)
    pairs = itertools.combinations(range(len(rows)), 2)
    return next(((a, b) for a, b in pairs if np.array_equal(rows[a], rows[b])), None)


def _speed_problem(arms: tuple[str, ...], scores: Scores) -> str | None:
    if any(scores[arm].ndim > 1 for arm in arms):
        return "a speed claim takes one time or throughput per seed"
    bad = [arm for arm in arms if (scores[arm] <= 0).any()]
    return f"{bad[0]} has a time or throughput that is not above 0" if bad else None


def _shape(shape: tuple[int, ...]) -> str:
    names = ("seeds", "examples", "more")
    return " x ".join(f"{size} {name}" for size, name in zip(shape, names, strict=False)) or "a single number"
