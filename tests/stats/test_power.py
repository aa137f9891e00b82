"""Power against the table of the project's statistics (section 4), simulation and numerical identities."""

import numpy as np
import pytest
import scipy.stats
from statsmodels.stats.power import TTestPower

from ablate.stats.onesample import estimate_mean, p_inside
from ablate.stats.power import (
    MAX_SEEDS,
    detectable_above,
    detectable_inside,
    needed_seeds,
    power_above,
    power_inside,
    sd_upper_limit,
)

SEEDS = (3, 4, 5, 6, 8, 10, 15, 20)


@pytest.mark.parametrize(
    ("alpha", "table"),
    [
        (0.05, (2.30, 1.65, 1.36, 1.19, 0.98, 0.85, 0.68, 0.58)),
        (0.025, (3.26, 2.13, 1.68, 1.43, 1.16, 1.00, 0.78, 0.66)),
        (0.05 / 3, (4.00, 2.46, 1.89, 1.59, 1.26, 1.08, 0.84, 0.71)),
        (0.05 / 6, (5.67, 3.12, 2.29, 1.88, 1.45, 1.22, 0.93, 0.78)),
    ],
)
def test_detectable_effects(alpha: float, table: tuple[float, ...]) -> None:
    found = [detectable_above(df=n - 1.0, alpha=alpha) / np.sqrt(n) for n in SEEDS]
    np.testing.assert_allclose(found, table, atol=0.006)


def test_tost_margins() -> None:
    found = [detectable_inside(df=n - 1.0, alpha=0.05) / np.sqrt(n) for n in (3, 5, 8, 10, 15, 20)]
    np.testing.assert_allclose(found, (2.66, 1.59, 1.15, 1.00, 0.80, 0.68), atol=0.012)  # the table's were simulated


@pytest.mark.parametrize(
    ("n", "table"),
    [
        (3, (0.15, 0.32, 0.53, 0.71, 0.93)),
        (5, (0.24, 0.58, 0.86, 0.98, 1.0)),
        (8, (0.36, 0.82, 0.98, 1.0, 1.0)),
        (10, (0.43, 0.90, 1.0, 1.0, 1.0)),
    ],
)
def test_power_of_effects(n: int, table: tuple[float, ...]) -> None:
    found = [power_above(d * np.sqrt(n), df=n - 1.0, alpha=0.05) for d in (0.5, 1, 1.5, 2, 3)]
    np.testing.assert_allclose(found, table, atol=0.012)


@pytest.mark.parametrize(("alpha", "table"), [(0.05, (27, 13, 8, 5, 4, 3)), (0.05 / 6, (45, 22, 14, 8, 6, 5))])
def test_needed_pairs(alpha: float, table: tuple[int, ...]) -> None:
    def needed(effect: float) -> int | None:
        return needed_seeds(lambda n: power_above(effect * np.sqrt(n), df=n - 1.0, alpha=alpha))

    assert tuple(map(needed, (0.5, 0.75, 1, 1.5, 2, 2.5))) == table


def test_needed_pairs_round_up_statsmodels() -> None:
    exact = TTestPower().solve_power(effect_size=0.5, alpha=0.05, power=0.8, alternative="larger")
    assert needed_seeds(lambda n: power_above(0.5 * np.sqrt(n), df=n - 1.0, alpha=0.05)) == np.ceil(exact) == 27


def test_where_statsmodels_fails_the_answer_is_still_right() -> None:
    # TTestPower returns nan at these effects
    assert needed_seeds(lambda n: power_above(6 * np.sqrt(n), df=n - 1.0, alpha=0.05)) == 2
    assert needed_seeds(lambda n: power_above(10 * np.sqrt(n), df=n - 1.0, alpha=0.05 / 6)) == 3
    assert needed_seeds(lambda n: power_above(0.0, df=n - 1.0, alpha=0.05)) is None
    assert needed_seeds(lambda n: float(n >= MAX_SEEDS)) == MAX_SEEDS
    assert needed_seeds(lambda n: float(n >= 12345)) == 12345
    assert needed_seeds(lambda n: 1.0) == 2


@pytest.mark.parametrize("df", [1.0, 2.0, 6.5, 30.0, 1e4])
def test_without_an_upper_bound_the_integral_is_the_noncentral_t(df: float) -> None:
    for alpha, distance in ((0.03, 0.0), (0.03, 1.0), (0.03, 4.0), (0.0005, 4.0), (0.0005, 800.0)):
        expected = scipy.stats.nct.sf(scipy.stats.t.isf(alpha, df), df, distance)
        assert power_inside(distance, np.inf, df=df, alpha=alpha) == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize(("n", "low", "high"), [(3, 1.0, 1.0), (5, 2.0, 1.2), (8, 1.0, 1.0), (10, 0.5, 3.0)])
def test_tost_power_is_what_the_engine_s_test_achieves(n: int, low: float, high: float) -> None:
    c = np.random.default_rng(n).normal(size=(40_000, n))
    achieved = np.mean(p_inside(estimate_mean(c), -low, high) <= 0.05)
    computed = power_inside(low * np.sqrt(n), high * np.sqrt(n), df=n - 1.0, alpha=0.05)
    assert computed == pytest.approx(achieved, abs=5 * np.sqrt(achieved * (1 - achieved) / 40_000))


def test_tost_power_at_the_table_of_additivity() -> None:
    found = [power_inside(np.sqrt(n), np.sqrt(n), df=n - 1.0, alpha=0.05) for n in (3, 5, 8, 10)]
    np.testing.assert_allclose(found, (0.13, 0.29, 0.64, 0.79), atol=0.012)


def test_tost_power_outside_the_bounds_is_below_alpha_and_never_negative() -> None:
    assert 0.0 <= power_inside(-1.0, 4.0, df=4.0, alpha=0.05) < 0.05
    assert power_inside(-1.0, 0.5, df=4.0, alpha=0.05) == 0.0
    assert power_inside(0.0, 200.0, df=4.0, alpha=0.05) == pytest.approx(0.05, abs=1e-6)


def test_upper_limit_of_the_sd() -> None:
    found = [sd_upper_limit(1.0, num_seeds=n) for n in (3, 5, 8, 10)]
    np.testing.assert_allclose(found, (2.12, 1.56, 1.35, 1.29), atol=0.006)
    pilots = np.random.default_rng(0).normal(size=(20_000, 5)).std(axis=1, ddof=1)
    assert np.mean(found[1] * pilots >= 1.0) == pytest.approx(0.8, abs=0.012)
