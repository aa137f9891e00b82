"""Plans: the power they promise is the power that simulated studies have."""

import math

import numpy as np
import pytest

from ablate.stats.claims import Claim, parts_of
from ablate.stats.contrasts import evaluate
from ablate.stats.decisions import p_values
from ablate.stats.onesample import estimate_mean
from ablate.stats.planning import Noise, plan_claim

STACK = {"base": "base", "a": "a", "b": "b", "ab": "ab"}


def achieved(claim: Claim, means: dict[str, float], n: int, alpha: float, log: bool = False) -> float:
    """The share of 20,000 simulated studies that support the claim; arms have sd 1, a difference the root of 2."""
    rng = np.random.default_rng(n)
    scores = {arm: mean + rng.normal(size=(20_000, n)) for arm, mean in means.items()}
    if log:
        scores = {arm: np.exp(values) for arm, values in scores.items()}
    parts = parts_of(claim)
    p = p_values(claim, parts, [estimate_mean(evaluate(part.contrast, scores)) for part in parts])
    return float(np.mean(p.supported <= alpha))


@pytest.mark.parametrize(
    ("claim", "means"),
    [
        (Claim(id="c", kind="superiority", contrast="a - base", effect=2.0), {"base": 0, "a": 2}),
        (Claim(id="c", kind="superiority", contrast="a - base", margin=2.0), {"base": 0, "a": 2}),
        (Claim(id="c", kind="non_inferiority", contrast="a - base", margin=2.0), {"base": 0, "a": 0}),
        (Claim(id="c", kind="equivalence", contrast="a - base", margin=3.0), {"base": 0, "a": 0}),
        (Claim(id="c", kind="equivalence", contrast="a - base", margin=3.0, effect=1.0), {"base": 0, "a": 1}),
    ],
)
@pytest.mark.parametrize("family_size", [1, 4])
def test_power_is_what_simulated_studies_achieve(claim: Claim, means: dict[str, float], family_size: int) -> None:
    plan = plan_claim(claim, noise=Noise(sd=math.sqrt(2.0)), num_seeds=6, family_size=family_size)
    assert plan.power == pytest.approx(achieved(claim, means, 6, 0.05 / family_size), abs=0.018)


def test_a_speed_is_planned_in_ratios() -> None:
    claim = Claim(id="c", kind="speed", contrast="base / a", threshold=1.6, effect=1.6 * math.exp(2.0))
    plan = plan_claim(claim, noise=Noise(sd=math.sqrt(2.0)), num_seeds=6)
    means = {"base": math.log(1.6) + 2.0, "a": 0.0}
    assert plan.power == pytest.approx(achieved(claim, means, 6, 0.05, log=True), abs=0.018)
    additive = plan_claim(
        Claim(id="d", kind="superiority", contrast="a - base", effect=2.0), noise=Noise(sd=math.sqrt(2.0)), num_seeds=6
    )
    assert plan.mde == pytest.approx(math.exp(additive.mde))
    assert plan.needed_n == additive.needed_n


@pytest.mark.parametrize(
    ("claim", "means"),
    [
        (Claim(id="c", kind="stack", contrast=STACK, effect=2.5), {"base": 0, "a": 2.5, "b": 2.5, "ab": 5}),
        (Claim(id="c", kind="trend", contrast=["base", "a", "b"], margin=2.0, effect=4.0), {"base": 0, "a": 2, "b": 4}),
    ],
)
def test_power_of_a_composite_is_a_lower_bound(claim: Claim, means: dict[str, float]) -> None:
    plan = plan_claim(claim, noise=Noise(sd=math.sqrt(2.0)), num_seeds=6)
    found = achieved(claim, means, 6, 0.05)
    assert plan.power <= found + 0.01
    assert plan.power > found - 0.15
    assert achieved(claim, means, plan.needed_n, 0.05) >= 0.79


def test_needed_seeds_are_the_smallest_number_with_the_power() -> None:
    claim = Claim(id="c", kind="equivalence", contrast="a - base", margin=1.0)
    plan = plan_claim(claim, noise=Noise(sd=1.0), num_seeds=3, family_size=3)
    enough = plan_claim(claim, noise=Noise(sd=1.0), num_seeds=plan.needed_n, family_size=3)
    short = plan_claim(claim, noise=Noise(sd=1.0), num_seeds=plan.needed_n - 1, family_size=3)
    assert enough.power >= 0.8 > short.power
    assert enough.mde <= 1.0 < short.mde


def test_the_test_set_sets_a_floor_that_seeds_do_not_lower() -> None:
    claim = Claim(id="c", kind="superiority", contrast="a - base", effect=1.0)
    within, beyond = (
        plan_claim(claim, noise=Noise(sd=1.0, floor=floor**2), num_seeds=5) for floor in (1 / 3.0, 1 / 2.0)
    )
    assert plan_claim(claim, noise=Noise(sd=1.0), num_seeds=5).needed_n < within.needed_n
    assert beyond.needed_n is None  # 1.645 + 0.842 standard errors are needed, and 1 is only 2 of them


def test_without_a_registered_effect_there_is_no_power() -> None:
    plan = plan_claim(Claim(id="c", kind="superiority", contrast="a - base"), noise=Noise(sd=2.0), num_seeds=5)
    assert (plan.power, plan.needed_n) == (None, None)
    assert plan.mde == pytest.approx(2 * 1.36, abs=0.01)


def test_noise_may_differ_between_parts() -> None:
    claim = Claim(id="c", kind="stack", contrast=STACK, effect=1.0)
    loud = plan_claim(claim, noise={"ab - a": Noise(sd=1.0), "ab - b": Noise(sd=3.0)}, num_seeds=5)
    assert loud.mde == pytest.approx(plan_claim(claim, noise=Noise(sd=3.0), num_seeds=5).mde)
    assert loud.power < plan_claim(claim, noise=Noise(sd=1.0), num_seeds=5).power
