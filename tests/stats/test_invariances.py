"""What may change in the data without changing a verdict, and what a planted shift must do to it."""

import numpy as np
import pytest

from ablate.stats.claims import Claim
from ablate.stats.evidence import Evidence
from ablate.stats.verdicts import judge_claim


def claim(kind: str, **changes: object) -> Claim:
    return Claim(id="c", kind=kind, contrast="b - base", **changes)


RNG = np.random.default_rng(11)
STUDIES = [RNG.normal([[0.0], [shift]], 1.0, size=(2, 6)) for shift in (-1.5, -0.3, 0.0, 0.3, 0.8, 1.5, 2.5)]


@pytest.mark.parametrize("data", STUDIES, ids=str)
@pytest.mark.parametrize("alpha", [0.05, 0.025, 0.2])
def test_swapping_the_arms_swaps_supported_and_contradicted(data: np.ndarray, alpha: float) -> None:
    base, b = data
    one = judge_claim(claim("superiority"), Evidence(scores={"base": base, "b": b}), alpha=alpha)
    other = judge_claim(claim("superiority"), Evidence(scores={"base": b, "b": base}), alpha=alpha)
    swapped = {"supported": "contradicted", "contradicted": "supported", "inconclusive": "inconclusive"}
    assert other.verdict == swapped[one.verdict]
    assert other.p == pytest.approx(one.p_contradicted, abs=1e-9)
    assert other.estimate == pytest.approx(-one.estimate, abs=1e-9)


@pytest.mark.parametrize("data", STUDIES, ids=str)
@pytest.mark.parametrize("kind", ["superiority", "non_inferiority", "equivalence"])
def test_shift_scale_and_order_of_seeds(data: np.ndarray, kind: str) -> None:
    def numbers(scale: float, shift: float, order: object) -> tuple:
        base, b = (scale * (row + shift) for row in data[:, order])
        evidence = Evidence(scores={"base": base, "b": b}, control=base - scale * np.array([50, 51, 52, 53, 54, 55.0]))
        found = judge_claim(claim(kind, margin=scale * 1.2), evidence)
        return found.verdict, found.p, found.p_contradicted, found.estimate / scale, found.mde / scale, found.flags

    reference = numbers(1.0, 0.0, slice(None))
    for changed in (
        numbers(1.0, 3.0, slice(None)),
        numbers(7.0, 0.0, slice(None)),
        numbers(1.0, 0.0, [3, 1, 5, 0, 2, 4]),
    ):
        assert (changed[0], changed[5]) == (reference[0], reference[5])
        assert changed[1:5] == pytest.approx(reference[1:5], abs=1e-9)


@pytest.mark.parametrize("data", STUDIES, ids=str)
@pytest.mark.parametrize("kind", ["non_inferiority", "equivalence"])
def test_a_wider_margin_never_loses_a_support(data: np.ndarray, kind: str) -> None:
    base, b = data
    evidence = Evidence(scores={"base": base, "b": b}, control=base - np.array([50, 51, 52, 53, 54, 55.0]))
    p = [judge_claim(claim(kind, margin=margin), evidence).p for margin in np.linspace(0.1, 6.0, 25).tolist()]
    assert (np.diff(p) <= 1e-12).all()


def test_a_shift_of_the_metric_comes_back_exactly() -> None:
    base, b = STUDIES[2]
    before, after = (judge_claim(claim("superiority"), Evidence(scores={"base": base, "b": b + g})) for g in (0, 0.25))
    assert after.estimate - before.estimate == pytest.approx(0.25, abs=1e-12)


def test_a_planted_effect_of_four_sd_is_found_and_a_true_a_a_is_not() -> None:
    rng = np.random.default_rng(5)
    base, noise = rng.normal(size=(2, 50, 5))
    planted, null = base + 4 + noise, base + noise

    def words(b: np.ndarray) -> list[str]:
        one = claim("superiority", margin=4.0)
        evidence = (Evidence(scores={"base": x, "b": y}, control=x - 40 - y) for x, y in zip(base, b, strict=True))
        return [judge_claim(one, e).verdict for e in evidence]

    assert words(planted).count("supported") >= 49
    found = words(null)
    assert found.count("negligible") > 25
    assert found.count("supported") <= 8


def test_the_same_input_gives_the_same_verdict() -> None:
    base, b = np.random.default_rng(0).normal(size=(2, 20))
    evidence = Evidence(scores={"base": base, "b": b + 0.5})
    assert judge_claim(claim("superiority"), evidence) == judge_claim(claim("superiority"), evidence)
