"""The sign-flip test: a check of the t test that assumes symmetry instead of normality; useful from eight seeds on."""

import numpy as np
from jaxtyping import Float64

MIN_SEEDS = 8  # below, its smallest p (2 ** -num_seeds) leaves no room under Holm
_MAX_EXACT = 14
_DRAWS = 2**14 - 1


def sign_flip_p(contrast: Float64[np.ndarray, " num_seeds"], *, threshold: float = 0.0, seed: int = 0) -> float:
    """One-sided p for `centre > threshold`: the share of sign patterns whose mean is at least the observed one.

    Exact up to 14 seeds, as `scipy.stats.permutation_test(..., permutation_type="samples")`; beyond, from 16,383 drawn
    patterns (a function of `seed`) and the observed one.
    """
    shifted = contrast - threshold
    signs = _all_signs(shifted.size) if shifted.size <= _MAX_EXACT else _drawn_signs(shifted.size, seed)
    means = signs @ shifted / shifted.size
    observed = shifted.mean()
    # ties count: the observed pattern must not lose against itself by rounding
    return float(np.mean(means >= observed - 1e-12 * np.abs(shifted).max()))


def _all_signs(num_seeds: int) -> Float64[np.ndarray, "num_patterns num_seeds"]:
    bits = (np.arange(2**num_seeds)[:, None] >> np.arange(num_seeds)) & 1
    return 1.0 - 2.0 * bits.astype(np.float64)


def _drawn_signs(num_seeds: int, seed: int) -> Float64[np.ndarray, "num_patterns num_seeds"]:
    drawn = np.random.default_rng(seed).integers(0, 2, size=(_DRAWS, num_seeds)).astype(np.float64)
    return np.concatenate([np.ones((1, num_seeds)), 1.0 - 2.0 * drawn])
