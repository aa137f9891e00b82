"""Assay sensitivity: on a plateau nothing is called as good."""

import dataclasses

import numpy as np
import pytest

from ablate.stats.assay import separation
from ablate.stats.claims import Claim, parts_of
from ablate.stats.evidence import Evidence
from ablate.stats.verdicts import judge_claim, judge_study

BASE = np.array([0.80, 0.81, 0.79, 0.82, 0.80])
WOBBLE = np.array([0.001, -0.002, 0.0, 0.002, -0.001])
SCORES = {
    "base": BASE,
    "same": BASE + WOBBLE,
    "a": BASE - WOBBLE[::-1],
    "b": BASE + WOBBLE[[1, 0, 3, 2, 4]],
    "ab": BASE + WOBBLE[[2, 3, 4, 0, 1]],
}
FAR, NEAR = BASE - 0.3 + 3 * WOBBLE, BASE - 0.015 + 3 * WOBBLE

NO_LOSS = [
    Claim(id="c", kind="non_inferiority", contrast="same - base", margin=0.02),
    Claim(id="c", kind="equivalence", contrast="same - base", margin=0.02),
    Claim(id="c", kind="additivity", contrast="ab - a - b + base", margin=0.02),
    Claim(id="c", kind="retention", contrast="same - 0.97*base"),
    Claim(id="c", kind="superiority", contrast="same - base", margin=0.02),
]


@pytest.mark.parametrize("claim", NO_LOSS, ids=lambda claim: claim.kind)
def test_findings_of_no_loss_need_a_control_that_is_told_apart(claim: Claim) -> None:
    found = "negligible" if claim.kind == "superiority" else "supported"
    sensitive = judge_claim(claim, Evidence(scores=SCORES, control=FAR))
    assert sensitive.verdict == found, sensitive.reason
    plateau = judge_claim(claim, Evidence(scores=SCORES, control=NEAR))
    assert plateau.verdict == "not testable"
    assert "no assay sensitivity" in plateau.reason
    assert plateau.p == sensitive.p  # the numbers stay visible
    absent = judge_claim(claim, Evidence(scores=SCORES))
    assert absent.verdict == "not testable"
    assert "no positive control" in absent.reason


def test_a_control_that_is_better_is_not_told_apart() -> None:
    verdict = judge_claim(NO_LOSS[0], Evidence(scores=SCORES, control=BASE + 0.3 + 3 * WOBBLE))
    assert verdict.verdict == "not testable"


def test_a_contradiction_and_a_gain_need_no_control() -> None:
    worse = {"base": BASE, "same": BASE - 0.3 + WOBBLE}
    for claim in NO_LOSS[:2]:
        assert judge_claim(claim, Evidence(scores=worse)).verdict == "contradicted"
    better = {"base": BASE, "same": BASE + 0.3 + WOBBLE}
    assert judge_claim(NO_LOSS[4], Evidence(scores=better)).verdict == "supported"


@pytest.mark.parametrize(
    ("control", "words"),
    [
        (BASE[:3] - 0.3, "cannot be paired"),
        (np.where(np.arange(5) == 2, np.inf, FAR), "not a finite number"),
        (np.where(np.arange(5) == 2, FAR, np.nan), "there is one seed that all arms share"),
        (np.full(5, np.nan), "there are no seeds that all arms share"),
        (BASE - 0.3, "every seed gives the same contrast"),
    ],
)
def test_a_control_that_cannot_be_tested_is_a_sentence(control: np.ndarray, words: str) -> None:
    verdict = judge_claim(NO_LOSS[0], Evidence(scores=SCORES, control=control))
    assert verdict.verdict == "not testable"
    assert words in verdict.reason


def test_a_seed_that_the_control_lost_is_left_out_of_the_separation() -> None:
    lost = judge_claim(NO_LOSS[0], Evidence(scores=SCORES, control=np.where(np.arange(5) == 2, np.nan, FAR)))
    whole = judge_claim(NO_LOSS[0], Evidence(scores=SCORES, control=FAR))
    assert (lost.verdict, lost.n, lost.p) == ("supported", 5, whole.p)
    near = judge_claim(NO_LOSS[0], Evidence(scores=SCORES, control=np.where(np.arange(5) == 2, np.nan, NEAR)))
    assert "no assay sensitivity" in near.reason


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        (NO_LOSS[0], {"base": 1.0}),
        (NO_LOSS[2], {"a": 0.5, "b": 0.5}),
        (NO_LOSS[3], {"base": 0.97}),
        (Claim(id="c", kind="equivalence", contrast="2*a - b - base", margin=1.0), {"b": 0.5, "base": 0.5}),
    ],
)
def test_the_control_takes_the_place_of_the_arms_that_are_said_to_be_as_good(claim: Claim, expected: dict) -> None:
    coefficients = dict(separation(parts_of(claim)[0]).coefficients)
    assert coefficients.pop("the positive control") == -1.0
    assert coefficients == pytest.approx(expected)


def test_a_claim_without_sensitivity_does_not_hide_the_others() -> None:
    other = dataclasses.replace(NO_LOSS[0], id="d")
    evidence = {"c": Evidence(scores=SCORES, control=NEAR), "d": Evidence(scores=SCORES, control=FAR)}
    assert [v.verdict for v in judge_study([NO_LOSS[0], other], evidence)] == ["not testable", "supported"]
