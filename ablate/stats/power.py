"""Power, detectable effects and needed seeds of one-sided t tests and of TOST; distances are in standard errors."""

from collections.abc import Callable

import numpy as np
import scipy.optimize
import scipy.stats

MAX_SEEDS = 100_000
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(60)
_TAIL = 1e-14


def power_above(distance: float, *, df: float, alpha: float) -> float:
    """Power of the one-sided t when the truth lies `distance` standard errors beyond the threshold (noncentral t)."""
    return float(scipy.stats.nct.sf(scipy.stats.t.isf(alpha, df), df, distance))


def power_inside(to_low: float, to_high: float, *, df: float, alpha: float) -> float:
    """Power of two one-sided t tests (TOST) when the truth lies these distances inside the two bounds.

    Exact: the chance that the mean falls inside both shrunken bounds given the standard deviation, integrated over the
    latter (Owen's Q). An infinite distance drops its test.
    """
    critical = float(scipy.stats.t.isf(alpha, df))
    first, last = scipy.stats.chi.ppf([_TAIL, 1 - _TAIL], df) / np.sqrt(df)
    # beyond this ratio of estimated to true sd the two rejection regions no longer meet
    last = min(float(last), (to_low + to_high) / (2 * critical))
    if last <= first:
        return 0.0
    # in pieces, so that the nodes see both steps of the normal distribution, steep as a large critical value makes them
    steps = np.array([[to_low], [to_high]]) / critical + np.array([-8.0, 8.0]) / critical
    edges = np.clip(np.sort([first, *steps.ravel(), last]), first, last)[:, None]
    widths = np.diff(edges, axis=0)
    ratio = edges[:-1] + widths * (_NODES + 1) / 2
    density = scipy.stats.chi.pdf(ratio * np.sqrt(df), df) * np.sqrt(df)
    inside = scipy.stats.norm.cdf(to_high - critical * ratio) - scipy.stats.norm.cdf(critical * ratio - to_low)
    return float((_WEIGHTS * density * inside * widths).sum() / 2)


def detectable_above(*, df: float, alpha: float, power: float = 0.8) -> float:
    """The distance beyond the threshold at which `power_above` reaches `power`."""
    return _root(lambda distance: power_above(distance, df=df, alpha=alpha) - power)


def detectable_inside(*, df: float, alpha: float, power: float = 0.8) -> float:
    """The margin, in standard errors, at which TOST reaches `power` when the true difference is 0."""
    return _root(lambda margin: power_inside(margin, margin, df=df, alpha=alpha) - power)


def needed_seeds(power_at: Callable[[int], float], *, power: float = 0.8) -> int | None:
    """The smallest number of seeds at which the rising function `power_at` reaches `power`; None beyond 100,000."""
    high = 2
    while power_at(high) < power:
        if high >= MAX_SEEDS:
            return None
        high = min(2 * high, MAX_SEEDS)
    low = max(high // 2, 1)  # one seed has no power
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power_at(middle) >= power else (middle, high)
    return high


def sd_upper_limit(sd: float, *, num_seeds: int, confidence: float = 0.8) -> float:
    """The upper limit of the true sd of normal noise: a pilot's own sd makes over half of all plans too small."""
    df = num_seeds - 1
    return float(sd * np.sqrt(df / scipy.stats.chi2.ppf(1.0 - confidence, df)))


def _root(function: Callable[[float], float]) -> float:
    high = 1.0
    while function(high) < 0.0:
        high *= 2.0
    return float(scipy.optimize.brentq(function, 0.0, high, xtol=1e-10))
