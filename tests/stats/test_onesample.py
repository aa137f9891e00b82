"""The one engine against scipy and statsmodels, its guards and its invariances."""

import numpy as np
import pytest
import scipy.stats
from statsmodels.stats.weightstats import ttost_paired

from ablate.stats.onesample import estimate_mean, interval, p_above, p_below, p_inside, p_outside

RNG = np.random.default_rng(20)
SAMPLES = [RNG.normal(0.3, 1.0, size=n) for n in (2, 3, 5, 8, 40)]


@pytest.mark.parametrize("c", SAMPLES, ids=len)
def test_one_sided_p_are_scipy_s(c: np.ndarray) -> None:
    for threshold in (0.0, -0.7, 1.3):
        greater = scipy.stats.ttest_1samp(c, threshold, alternative="greater").pvalue
        less = scipy.stats.ttest_1samp(c, threshold, alternative="less").pvalue
        assert p_above(estimate_mean(c), threshold) == pytest.approx(greater, rel=1e-9)
        assert p_below(estimate_mean(c), threshold) == pytest.approx(less, rel=1e-9)


@pytest.mark.parametrize("c", SAMPLES, ids=len)
def test_intervals_are_scipy_s(c: np.ndarray) -> None:
    for level in (0.9, 0.95):
        low, high = interval(estimate_mean(c), level=level)
        expected = scipy.stats.ttest_1samp(c, 0.0).confidence_interval(level)
        np.testing.assert_allclose([low, high], [expected.low, expected.high], rtol=1e-9)


@pytest.mark.parametrize("n", [3, 5, 8])
def test_tost_is_statsmodels(n: int) -> None:
    a, b = RNG.normal(size=(2, n))
    expected = ttost_paired(b, a, -0.8, 1.4)[0]
    assert p_inside(estimate_mean(b - a), -0.8, 1.4) == pytest.approx(expected, rel=1e-9)


def test_the_paired_t_is_scipy_s() -> None:
    a, b = RNG.normal(size=(2, 6))
    expected = scipy.stats.ttest_rel(b, a, alternative="greater").pvalue
    assert p_above(estimate_mean(b - a), 0.0) == pytest.approx(expected, rel=1e-9)


def test_p_and_interval_agree_about_a_threshold() -> None:
    estimate = estimate_mean(SAMPLES[2])
    low, high = interval(estimate, level=0.9)
    assert p_above(estimate, float(low)) == pytest.approx(0.05)
    assert p_below(estimate, float(high)) == pytest.approx(0.05)


def test_outside_halves_alpha_only_between_two_bounds() -> None:
    estimate = estimate_mean(SAMPLES[2])
    assert p_outside(estimate, 5.0, np.inf) == p_below(estimate, 5.0)
    assert p_outside(estimate, -np.inf, -5.0) == p_above(estimate, -5.0)
    assert p_outside(estimate, -9.0, -5.0) == 2 * p_above(estimate, -5.0)


def test_no_variance_is_no_evidence() -> None:
    estimate = estimate_mean(np.full(5, 0.25))
    assert np.isnan(p_above(estimate, 0.0))
    assert np.isnan(p_inside(estimate, -1.0, 1.0))
    a = np.random.default_rng(0).uniform(size=8)
    rounded = (a + 0.1) - a
    assert rounded.std() > 0.0
    assert estimate_mean(rounded, resolution=1e-12).sd == 0.0


def test_p_is_never_0() -> None:
    c = 1e9 + np.random.default_rng(0).normal(size=200)
    assert scipy.stats.ttest_1samp(c, 0.0, alternative="greater").pvalue == 0.0
    assert p_above(estimate_mean(c), 0.0) > 0.0


def test_a_batch_is_its_members() -> None:
    c = RNG.normal(size=(7, 4, 5))
    batch = p_above(estimate_mean(c), 0.2)
    single = [[float(p_above(estimate_mean(c[i, j]), 0.2)) for j in range(4)] for i in range(7)]
    np.testing.assert_allclose(batch, single, rtol=1e-12)


def test_invariances() -> None:
    c = SAMPLES[3]
    p = p_above(estimate_mean(c), 0.2)
    assert p_below(estimate_mean(-c), -0.2) == pytest.approx(float(p), abs=1e-9)
    assert p_above(estimate_mean(c + 3.0), 3.2) == pytest.approx(float(p), abs=1e-9)
    assert p_above(estimate_mean(c * 7.0), 1.4) == pytest.approx(float(p), abs=1e-9)
    assert p_above(estimate_mean(c[::-1].copy()), 0.2) == pytest.approx(float(p), abs=1e-9)
