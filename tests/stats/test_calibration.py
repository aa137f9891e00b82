"""Error rates of the engine on simulated studies, and of the methods it does not use (bands: binomial at 1e-4)."""

import numpy as np
import pytest

from ablate.stats.claims import Claim, parts_of
from ablate.stats.contrasts import evaluate
from ablate.stats.decisions import PValues, p_values
from ablate.stats.evidence import Evidence
from ablate.stats.multiplicity import holm
from ablate.stats.onesample import estimate_mean, interval, p_above
from ablate.stats.verdicts import judge_study

R = 2000
SEEDS = (3, 5, 8)
BAND = (0.032, 0.070)

# Arms of one study in which every claim below is exactly on its boundary: run sd 1, half of its variance shared by the
# arms of a seed, so that a paired difference has sd 1. The means are in that sd.
MEANS = {
    "base": 0.0,
    "same": 0.0,
    "worse": -1.0,
    "apart": 3.0,
    "a": 30.0,
    "b": 20.0,
    "ab": 30.0,
    "half": 35.0,
    "middle": 20.0,
    "last": 0.0,
    "teacher": 50.0,
    "student": 48.5,
    "interacting": 55.0,
}
STACK = {"base": "base", "a": "a", "b": "b", "ab": "ab"}
CLAIMS = (
    Claim(id="superiority", kind="superiority", contrast="same - base", margin=2.0),
    Claim(id="non_inferiority", kind="non_inferiority", contrast="worse - base", margin=1.0),
    Claim(id="equivalence", kind="equivalence", contrast="apart - base", margin=3.0),
    Claim(id="retention", kind="retention", contrast="student - 0.97*teacher"),
    Claim(id="speed", kind="speed", contrast="slow / fast", threshold=1.6),
    Claim(id="trend", kind="trend", contrast=["base", "middle", "last"], margin=40.0),
    Claim(id="trend_step", kind="trend", contrast=["base", "a", "b"], margin=10.0),
    Claim(id="stack", kind="stack", contrast=STACK),
    Claim(id="additivity", kind="additivity", contrast="interacting - a - b + base", margin=5.0),
    Claim(id="half_survives", kind="superiority", contrast="(half - b) - 0.5*(a - base)"),
)
IDS = [claim.id for claim in CLAIMS]


def boundary_scores(n: int, *, rng: np.random.Generator, studies: int = R) -> dict[str, np.ndarray]:
    shared = rng.normal(size=(studies, n))
    scores = {arm: mean + np.sqrt(0.5) * (shared + rng.normal(size=(studies, n))) for arm, mean in MEANS.items()}
    scores["slow"] = 16.0 * np.exp(0.05 * rng.normal(size=(studies, n)))
    scores["fast"] = 10.0 * np.exp(0.05 * rng.normal(size=(studies, n)))
    return scores


def p_of(claim: Claim, scores: dict[str, np.ndarray]) -> PValues:
    parts = parts_of(claim)
    return p_values(claim, parts, [estimate_mean(evaluate(part.contrast, scores)) for part in parts])


def band(rate: float) -> bool:
    return BAND[0] <= rate <= BAND[1]


@pytest.mark.parametrize("n", SEEDS)
@pytest.mark.parametrize("claim", CLAIMS, ids=IDS)
def test_a_claim_on_its_boundary_is_falsely_supported_at_alpha(claim: Claim, n: int) -> None:
    p = p_of(claim, boundary_scores(n, rng=np.random.default_rng(1000 + n)))
    rate = np.mean(p.supported <= 0.05)
    assert rate <= 0.069 if claim.kind in ("trend", "stack") else band(rate)
    assert np.mean(p.contradicted <= 0.05) <= 0.070


@pytest.mark.parametrize("n", SEEDS)
@pytest.mark.parametrize("steps", [(4.0, 2.0), (-4.0, 2.0)])
def test_a_rise_that_turns_is_no_trend(n: int, steps: tuple[float, float]) -> None:
    rng = np.random.default_rng(n)
    noise = rng.normal(size=(3, R, n))
    scores = {"y0": noise[0], "y1": steps[0] + noise[1], "y2": steps[1] + noise[2]}
    strict = p_of(Claim(id="t", kind="trend", contrast=["y0", "y1", "y2"], margin=0.0), scores)
    assert np.mean(strict.supported <= 0.05) <= 0.02
    slopes = scores["y2"] - scores["y0"]  # the slope of three equally spaced points, up to a factor
    if steps[0] > 0 and n > 3:
        assert np.mean(p_above(estimate_mean(slopes), 0.0) <= 0.05) > 0.7  # what a test of the slope would call a trend


@pytest.mark.parametrize("n", SEEDS)
def test_negligible_is_false_at_alpha_when_the_difference_is_the_margin(n: int) -> None:
    scores = boundary_scores(n, rng=np.random.default_rng(n))
    claim = Claim(id="c", kind="superiority", contrast="apart - base", margin=3.0)
    p = p_of(claim, scores)
    assert p.negligible is not None
    assert band(np.mean(p.negligible <= 0.05))


@pytest.mark.parametrize("n", SEEDS)
@pytest.mark.parametrize(("level", "low", "high"), [(0.90, 0.873, 0.925), (0.95, 0.930, 0.968)])
def test_interval_coverage(n: int, level: float, low: float, high: float) -> None:
    d = np.random.default_rng(n).normal(size=(R, n))
    lower, upper = interval(estimate_mean(d), level=level)
    assert low <= np.mean((lower <= 0.0) & (upper >= 0.0)) <= high


@pytest.mark.parametrize(("n", "low", "high"), [(3, 0.482, 0.570), (5, 0.831, 0.891)])
def test_power_at_a_planted_effect(n: int, low: float, high: float) -> None:
    d = 1.5 + np.random.default_rng(n).normal(size=(R, n))
    assert low <= np.mean(p_above(estimate_mean(d), 0.0) <= 0.05) <= high


@pytest.mark.parametrize("n", (*SEEDS, 10))
def test_a_study_makes_false_findings_at_alpha_and_many_more_without_holm(n: int) -> None:
    scores = boundary_scores(n, rng=np.random.default_rng(7 * n))
    found = [p_of(claim, scores) for claim in CLAIMS]
    for finding in ("supported", "contradicted"):
        p = np.stack([getattr(one, finding) for one in found], axis=-1)
        assert np.mean((holm(p) <= 0.05).any(axis=-1)) <= 0.069
        if finding == "supported":
            assert np.mean((p <= 0.05).any(axis=-1)) > 0.15


@pytest.mark.parametrize("n", SEEDS)
def test_six_claims_against_one_baseline(n: int) -> None:
    rng = np.random.default_rng(n)
    base, arms = rng.normal(size=(R, 1, n)), rng.normal(size=(R, 6, n))
    p = p_above(estimate_mean(arms - base), 0.0)
    assert np.mean((holm(p) <= 0.05).any(axis=-1)) <= 0.069
    assert np.mean((p <= 0.05).any(axis=-1)) > 0.15


def test_judging_study_by_study_is_the_batch() -> None:
    scores = boundary_scores(5, rng=np.random.default_rng(3), studies=20)
    p = [p_of(claim, scores) for claim in CLAIMS]
    supported = holm(np.stack([one.supported for one in p], axis=-1))
    contradicted = holm(np.stack([one.contradicted for one in p], axis=-1))
    for k in range(20):
        evidence = Evidence(scores={arm: values[k] for arm, values in scores.items()})
        verdicts = judge_study(CLAIMS, dict.fromkeys(IDS, evidence))
        np.testing.assert_allclose([v.p_holm for v in verdicts], supported[k], rtol=1e-9)
        np.testing.assert_allclose([v.p_contradicted_holm for v in verdicts], contradicted[k], rtol=1e-9)


def test_a_percentile_bootstrap_over_seeds_would_fail_these_bands() -> None:
    d = np.random.default_rng(0).normal(size=(R, 3))
    draws = np.stack(np.meshgrid(*3 * [range(3)]), axis=-1).reshape(-1, 3)  # all 27 resamples: no Monte Carlo error
    means = np.sort(d[:, draws].mean(axis=-1), axis=-1)
    low, high = np.quantile(means, [0.025, 0.975], axis=-1, method="inverted_cdf")
    assert 0.70 < np.mean((low <= 0.0) & (high >= 0.0)) < 0.80
    lower = np.quantile(means, 0.05, axis=-1, method="inverted_cdf")
    assert np.mean(lower > 0.0) > 0.10
    m = 3.0
    inside = (np.quantile(means + m, 0.95, axis=-1, method="inverted_cdf") < m) & (lower + m > -m)
    assert np.mean(inside) > 0.10  # TOST by bootstrap, true difference on the margin


def test_a_ratio_of_noisy_means_is_worse_than_the_linear_contrast() -> None:
    rng = np.random.default_rng(0)
    teacher, student = 50.0 + rng.normal(size=(R, 3)), 48.5 + rng.normal(size=(R, 3))
    draws = np.stack(np.meshgrid(*3 * [range(3)]), axis=-1).reshape(-1, 3)
    ratios = student[:, draws].mean(axis=-1) / teacher[:, draws].mean(axis=-1)
    bootstrap = np.mean(np.quantile(ratios, 0.05, axis=-1, method="inverted_cdf") > 0.97)
    linear = np.mean(p_above(estimate_mean(student - 0.97 * teacher), 0.0) <= 0.05)
    assert bootstrap > 0.10
    assert band(linear)


def test_looking_at_every_seed_inflates_and_a_share_of_alpha_does_not() -> None:
    d = np.random.default_rng(0).normal(size=(R, 10))
    p = np.stack([p_above(estimate_mean(d[:, :n]), 0.0) for n in (3, 5, 8, 10)])
    assert np.mean((p <= 0.05).any(axis=0)) > 0.09
    assert np.mean((p <= 0.05 / 4).any(axis=0)) <= 0.070
