"""Several claims in one study: Holm's adjustment and simultaneous intervals."""

import numpy as np
from jaxtyping import Float64


def holm(p: Float64[np.ndarray, "*batch num_claims"]) -> Float64[np.ndarray, "*batch num_claims"]:
    """Holm's adjusted p over the last axis, as `statsmodels.stats.multitest.multipletests(p, method="holm")`.

    A claim that cannot be tested takes part with p = 1. Valid under any dependence, so arms may share a baseline.
    """
    num_claims = p.shape[-1]
    order = np.argsort(p, axis=-1, kind="stable")
    steps = np.take_along_axis(p, order, axis=-1) * np.arange(num_claims, 0, -1)
    adjusted = np.minimum(1.0, np.maximum.accumulate(steps, axis=-1))
    ranks = np.argsort(order, axis=-1, kind="stable")
    return np.take_along_axis(adjusted, ranks, axis=-1)


def simultaneous_level(*, alpha: float, num_claims: int) -> float:
    """The level of two-sided intervals whose one-sided bounds hold together with probability 1 - alpha (Bonferroni)."""
    return 1.0 - 2.0 * alpha / num_claims
