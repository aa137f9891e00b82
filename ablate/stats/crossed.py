"""Seeds crossed with test examples: the variance of a contrast of example scores, and example scores of F1 and MCC."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float64, Int64

from ablate.stats.onesample import Estimate


def estimate_crossed(
    contrast: Float64[np.ndarray, "*batch num_seeds num_examples"], *, resolution: float = 0.0
) -> Estimate:
    """The estimate of a contrast whose seeds and test examples are both samples (stats: crossed analysis of variance).

    `se^2 = MS_seeds / (n N) + max(MS_examples - MS_residual, 0) / (n N)` with Satterthwaite's degrees of freedom, never
    fewer than n - 1; valid for new examples, where a t over seed means speaks of this test set only. At least two
    seeds and two examples.
    """
    num_seeds, num_examples = contrast.shape[-2:]
    assert num_seeds >= 2 and num_examples >= 2
    seeds, examples, residual = _mean_squares(contrast)
    cells = num_seeds * num_examples
    sd = np.sqrt(seeds / num_examples)
    floor = np.maximum(examples - residual, 0.0) / cells
    used = floor > 0.0
    spread = seeds**2 / (num_seeds - 1)
    spread = spread + np.where(used, examples**2 / (num_examples - 1), 0.0)
    spread = spread + np.where(used, residual**2 / ((num_seeds - 1) * (num_examples - 1)), 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        satterthwaite = (seeds + floor * cells) ** 2 / spread
    df = np.where(spread > 0.0, np.maximum(satterthwaite, num_seeds - 1.0), num_seeds - 1.0)
    return Estimate(
        mean=np.asarray(contrast.mean(axis=(-2, -1))),
        sd=np.asarray(np.where(sd > resolution, sd, 0.0)),
        floor=np.asarray(floor),
        df=np.asarray(df),
        num_seeds=num_seeds,
    )


def average_finetunings(
    scores: Float64[np.ndarray, "num_seeds num_finetunings *rest"],
) -> Float64[np.ndarray, " num_seeds *rest"]:
    """Average fine-tuning runs within their pretraining seed: they share its noise and are no further seeds."""
    return np.asarray(scores.mean(axis=1))


def f1_scores(
    *, labels: Bool[np.ndarray, " num_examples"], predictions: Bool[np.ndarray, "num_seeds num_examples"]
) -> Float64[np.ndarray, "num_seeds num_examples"]:
    """Example scores of F1: delete-one pseudo-values `N m - (N - 1) m_without_i`, whose mean is the jackknifed F1."""
    return _pseudo_values(_f1, labels=labels, predictions=predictions)


def mcc_scores(
    *, labels: Bool[np.ndarray, " num_examples"], predictions: Bool[np.ndarray, "num_seeds num_examples"]
) -> Float64[np.ndarray, "num_seeds num_examples"]:
    """Example scores of Matthews' correlation: delete-one pseudo-values, as `f1_scores`."""
    return _pseudo_values(_mcc, labels=labels, predictions=predictions)


def _mean_squares(
    contrast: Float64[np.ndarray, "*batch num_seeds num_examples"],
) -> tuple[Float64[np.ndarray, "*batch"], Float64[np.ndarray, "*batch"], Float64[np.ndarray, "*batch"]]:
    """Mean squares of the two-way layout without replication: seeds, examples, residual."""
    num_seeds, num_examples = contrast.shape[-2:]
    seed_means, example_means = contrast.mean(axis=-1), contrast.mean(axis=-2)
    seeds = num_examples * seed_means.var(axis=-1, ddof=1)
    examples = num_seeds * example_means.var(axis=-1, ddof=1)
    grand = seed_means.mean(axis=-1)[..., None, None]
    residuals = contrast - seed_means[..., :, None] - example_means[..., None, :] + grand
    residual = (residuals**2).sum(axis=(-2, -1)) / ((num_seeds - 1) * (num_examples - 1))
    return np.asarray(seeds), np.asarray(examples), np.asarray(residual)


# counts: (..., 4) numbers of true positives, false positives, false negatives, true negatives
_Metric = Callable[[Float64[np.ndarray, "*batch 4"]], Float64[np.ndarray, "*batch"]]


def _f1(counts: Float64[np.ndarray, "*batch 4"]) -> Float64[np.ndarray, "*batch"]:
    hit, false_alarm, miss, _ = np.moveaxis(counts, -1, 0)
    return _quotient(2 * hit, 2 * hit + false_alarm + miss)


def _mcc(counts: Float64[np.ndarray, "*batch 4"]) -> Float64[np.ndarray, "*batch"]:
    hit, false_alarm, miss, reject = np.moveaxis(counts, -1, 0)
    product = (hit + false_alarm) * (hit + miss) * (reject + false_alarm) * (reject + miss)
    return _quotient(hit * reject - false_alarm * miss, np.sqrt(product))


def _quotient(
    numerator: Float64[np.ndarray, "*batch"], denominator: Float64[np.ndarray, "*batch"]
) -> Float64[np.ndarray, "*batch"]:
    """The quotient, 0 where the denominator is 0: what sklearn returns for predictions of one class."""
    return np.asarray(np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0))


def _pseudo_values(
    metric: _Metric,
    *,
    labels: Bool[np.ndarray, " num_examples"],
    predictions: Bool[np.ndarray, "num_seeds num_examples"],
) -> Float64[np.ndarray, "num_seeds num_examples"]:
    """Only four different examples can be deleted (one per cell of the table), so the metric is computed five times."""
    num_examples = labels.size
    cells = _cell(labels=labels, predictions=predictions)
    counts = np.stack([(cells == cell).sum(axis=1) for cell in range(4)], axis=-1).astype(np.float64)
    whole = metric(counts)
    without = metric(np.maximum(counts[:, None, :] - np.eye(4), 0.0))
    per_cell = num_examples * whole[:, None] - (num_examples - 1) * without
    return np.asarray(np.take_along_axis(per_cell, cells, axis=1))


def _cell(
    *, labels: Bool[np.ndarray, " num_examples"], predictions: Bool[np.ndarray, "num_seeds num_examples"]
) -> Int64[np.ndarray, "num_seeds num_examples"]:
    return np.where(predictions, np.where(labels, 0, 1), np.where(labels, 2, 3)).astype(np.int64)
