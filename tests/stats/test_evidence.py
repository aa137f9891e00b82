"""What cannot be tested: always a sentence, never a p."""

import dataclasses

import numpy as np
import pytest

from ablate.stats.claims import Claim
from ablate.stats.evidence import Evidence
from ablate.stats.verdicts import Verdict, judge_claim

STEP = np.array([1.0, 2.0, 3.0])
LEVEL = np.array([10.0, 11.0, 13.0])
CONTROL = LEVEL - np.array([1000.0, 1010.0, 990.0])


def claim(kind: str, contrast: object = "b - base", **changes: object) -> Claim:
    return Claim(id="c", kind=kind, contrast=contrast, **changes)


def arms(**scores: np.ndarray) -> Evidence:
    return Evidence(scores={"base": LEVEL, **scores}, control=CONTROL)


def judged(one: Claim, **scores: np.ndarray) -> Verdict:
    return judge_claim(one, arms(**scores))


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        ({}, "there are no runs of b, base"),
        ({"base": LEVEL}, "there are no runs of b"),
        ({"base": LEVEL, "b": LEVEL.copy()}, "identical"),
        ({"base": LEVEL, "b": LEVEL + 0.1}, "every seed gives the same contrast"),
        ({"base": LEVEL[[0, 0, 0]], "b": LEVEL[[1, 1, 1]]}, "every seed gives the same contrast"),
        ({"base": LEVEL[:1], "b": LEVEL[:1] + 1}, "one seed"),
        ({"base": LEVEL[:0], "b": LEVEL[:0]}, "no seeds"),
        ({"base": LEVEL, "b": LEVEL[:2]}, "cannot be paired"),
        ({"base": LEVEL, "b": np.array([1.0, np.nan, 2.0])}, "b has a score that is not a finite number (seed 1"),
        ({"base": np.array([np.inf, 1.0, 2.0]), "b": LEVEL}, "base has a score that is not a finite number (seed 0"),
        ({"base": np.array([-1e308, 1e308, 0.0]), "b": np.array([1e308, -1e308, 1.0])}, "too large"),
        ({"base": np.array(1.0), "b": np.array(2.0)}, "a single number"),
        ({"base": np.ones((3, 1)), "b": np.zeros((3, 1))}, "at least two examples"),
        ({"base": np.ones((3, 4, 5)), "b": np.zeros((3, 4, 5))}, "one number per seed"),
        ({"base": np.ones((3, 4)), "b": np.zeros((3, 4))}, "every seed gives the same contrast"),
    ],
)
@pytest.mark.parametrize("kind", ["superiority", "non_inferiority", "equivalence"])
def test_what_cannot_be_tested_is_a_sentence_and_never_a_p(scores: dict, words: str, kind: str) -> None:
    one = claim(kind, **({} if kind == "superiority" else {"margin": 5.0}))
    verdict = judge_claim(one, Evidence(scores=scores, control=CONTROL))
    assert verdict.verdict == "not testable"
    assert words in verdict.reason
    assert "\n" not in verdict.reason
    assert (verdict.p, verdict.estimate, verdict.interval) == (None, None, None)


def test_a_refused_claim_keeps_the_gate_s_reason() -> None:
    evidence = dataclasses.replace(arms(b=LEVEL + STEP), refused="the arms differ in optim.lr")
    assert judge_claim(claim("superiority"), evidence).reason == "the arms differ in optim.lr"
    assert judge_claim(Claim(id="e", kind="exact"), Evidence(refused="no", holds=True)).verdict == "not testable"


def test_a_speed_of_0_or_per_example_cannot_be_tested() -> None:
    one = claim("speed", "base / b")
    assert "not above 0" in judged(one, b=np.array([1.0, 0.0, 2.0])).reason
    per_example = Evidence(scores={"base": np.ones((3, 4)), "b": np.ones((3, 4))})
    assert "one time or throughput per seed" in judge_claim(one, per_example).reason


def test_one_part_without_variance_makes_the_whole_claim_untestable() -> None:
    verdict = judged(claim("trend", ["base", "a", "b"], margin=1.0), a=LEVEL.copy(), b=LEVEL + STEP)
    assert verdict.verdict == "not testable"
    assert "base" in verdict.reason
