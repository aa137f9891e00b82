"""Tests and intervals from an estimate, its standard error and degrees of freedom: the engine of all kinds of claim."""

import math
from dataclasses import dataclass

import numpy as np
import scipy.stats
from jaxtyping import Float64

TINY = float(np.finfo(np.float64).tiny)  # the smallest p: a p of 0 would be an underflow, not a finding


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """The mean of a contrast over seeds; every array has the same shape, which is `()` for one claim.

    sd: standard deviation over seeds of the per-seed value, 0 when the seeds do not differ.
    floor: the part of the mean's variance that more seeds do not shrink (the choice of test examples), 0 without.
    """

    mean: Float64[np.ndarray, "*batch"]
    sd: Float64[np.ndarray, "*batch"]
    floor: Float64[np.ndarray, "*batch"]
    df: Float64[np.ndarray, "*batch"]
    num_seeds: int

    @property
    def se(self) -> Float64[np.ndarray, "*batch"]:
        """The standard error of the mean."""
        return np.asarray(np.sqrt(self.sd**2 / self.num_seeds + self.floor))


def estimate_mean(contrast: Float64[np.ndarray, "*batch num_seeds"], *, resolution: float = 0.0) -> Estimate:
    """The estimate behind the one-sample t, from at least two seeds; a spread up to `resolution` is rounding, so 0."""
    num_seeds = contrast.shape[-1]
    assert num_seeds >= 2
    mean, sd = contrast.mean(axis=-1), contrast.std(axis=-1, ddof=1)
    return Estimate(
        mean=np.asarray(mean),
        sd=np.asarray(np.where(sd > resolution, sd, 0.0)),
        floor=np.zeros(mean.shape),
        df=np.full(mean.shape, float(num_seeds - 1)),
        num_seeds=num_seeds,
    )


def p_above(estimate: Estimate, threshold: float) -> Float64[np.ndarray, "..."]:
    """One-sided p for `true mean > threshold`, as `scipy.stats.ttest_1samp(c, threshold, alternative="greater")`.

    nan where sd is 0: a difference that is the same in every seed is no evidence, and never p = 0.
    """
    return _upper_tail(np.asarray(estimate.mean - threshold), estimate)


def p_below(estimate: Estimate, threshold: float) -> Float64[np.ndarray, "..."]:
    """One-sided p for `true mean < threshold`; nan where sd is 0."""
    return _upper_tail(np.asarray(threshold - estimate.mean), estimate)


def p_inside(estimate: Estimate, low: float, high: float) -> Float64[np.ndarray, "..."]:
    """p for `low < true mean < high`: the larger of two one-sided p (TOST); an infinite bound drops its test."""
    return np.asarray(np.maximum(p_above(estimate, low), p_below(estimate, high)))


def p_outside(estimate: Estimate, low: float, high: float) -> Float64[np.ndarray, "..."]:
    """p for `true mean < low or true mean > high`: each side at alpha / 2 when both bounds are finite."""
    sides = int(math.isfinite(low)) + int(math.isfinite(high))
    smaller = np.minimum(p_below(estimate, low), p_above(estimate, high))
    return np.asarray(np.minimum(1.0, sides * smaller))


def interval(estimate: Estimate, *, level: float) -> tuple[Float64[np.ndarray, "*b"], Float64[np.ndarray, "*b"]]:
    """The two-sided interval at `level`; 1 - 2 alpha is the one whose bounds match one-sided tests at alpha."""
    half = scipy.stats.t.ppf((1.0 + level) / 2.0, estimate.df) * estimate.se
    return np.asarray(estimate.mean - half), np.asarray(estimate.mean + half)


def _upper_tail(distance: Float64[np.ndarray, "..."], estimate: Estimate) -> Float64[np.ndarray, "..."]:
    degenerate = estimate.sd == 0.0
    t = distance / np.where(degenerate, 1.0, estimate.se)
    p = np.maximum(scipy.stats.t.sf(t, estimate.df), TINY)
    return np.asarray(np.where(degenerate, np.nan, p))
