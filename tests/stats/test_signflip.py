"""Sign-flips against scipy's permutation test and by counting."""

import numpy as np
import pytest
from scipy.stats import permutation_test

from ablate.stats.signflip import sign_flip_p


@pytest.mark.parametrize("n", [5, 8, 10])
def test_exact_p_is_scipy_s(n: int) -> None:
    d = np.random.default_rng(n).normal(0.5, 1.0, size=n)
    expected = permutation_test(
        (d, 0 * d),
        lambda x, y, axis: (x - y).mean(axis=axis),
        permutation_type="samples",
        n_resamples=np.inf,
        alternative="greater",
    ).pvalue
    assert sign_flip_p(d) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("n", [3, 5, 8, 10])
def test_the_smallest_p_is_one_pattern_of_all(n: int) -> None:
    assert sign_flip_p(np.arange(1.0, n + 1)) == 2.0**-n
    assert sign_flip_p(-np.arange(1.0, n + 1)) == 1.0


def test_the_threshold_shifts_and_ties_count() -> None:
    d = np.random.default_rng(1).normal(size=9)
    assert sign_flip_p(d + 2.0, threshold=2.0) == pytest.approx(sign_flip_p(d), abs=1e-12)
    assert sign_flip_p(np.zeros(8)) == 1.0


def test_beyond_fourteen_seeds_patterns_are_drawn_by_the_seed() -> None:
    d = np.random.default_rng(2).normal(0.3, 1.0, size=16)
    bits = 1.0 - 2.0 * ((np.arange(2**16)[:, None] >> np.arange(16)) & 1)
    exact = np.mean(bits @ d >= d.sum() - 1e-9)
    assert sign_flip_p(d) == pytest.approx(exact, abs=5 * np.sqrt(exact / 2**14))
    assert sign_flip_p(d, seed=3) == sign_flip_p(d, seed=3)
    assert sign_flip_p(d, seed=3) != sign_flip_p(d, seed=4)
    assert sign_flip_p(np.ones(30)) == pytest.approx(2.0**-14)
