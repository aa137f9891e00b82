"""Retention of the gain over a baseline, by hand; what the plain ratio says beside it."""

import math

import numpy as np
import pytest

from ablate.stats import remarks
from ablate.stats.claims import Claim
from ablate.stats.evidence import Evidence
from ablate.stats.verdicts import judge_claim

STEP = np.array([1.0, 2.0, 3.0])  # mean 2, sd 1
LEVEL = np.array([10.0, 11.0, 13.0])  # mean 34 / 3: the teacher's gain
WOBBLE = np.array([-0.01, 0.0, 0.02])
BASELINE = 100.0
CLAIM = Claim(id="c", kind="retention", contrast="student - 0.5*teacher")


def evidence(student, teacher=LEVEL, baseline=BASELINE):
    """Scores from gains, with a control that is far below."""
    control = BASELINE - np.array([50.0, 51.0, 49.0])
    return Evidence(scores={"student": BASELINE + student, "teacher": BASELINE + teacher}, control=control,
                    baseline=baseline)  # fmt: skip


def test_half_of_the_gain_by_hand():
    one = judge_claim(CLAIM, evidence(0.5 * LEVEL + STEP))
    t = 2.0 * math.sqrt(3.0)
    assert one.verdict == "supported", one.reason
    assert one.estimate == pytest.approx(2.0)
    assert one.p == pytest.approx(0.5 * (1.0 - t / math.sqrt(2.0 + t * t)))  # Student's t, two degrees of freedom
    assert one.retained.wanted == pytest.approx(0.5)
    assert one.retained.gain == pytest.approx((17 / 3 + 2) / (34 / 3))
    assert one.retained.plain == pytest.approx((100 + 17 / 3 + 2) / (100 + 34 / 3))
    assert "of gains over the majority baseline" in one.reason
    assert "kept: 67.6% of the gain over the majority baseline 100, 96.7% of the plain score" in one.reason


def test_a_plain_ratio_is_no_retention():
    """A student that learnt nothing keeps 90 % of the plain score, because the baseline is most of it."""
    nothing = evidence(WOBBLE)
    one = judge_claim(CLAIM, nothing)
    assert one.verdict == "contradicted"
    assert one.retained.plain == pytest.approx((100 + 0.01 / 3) / (100 + 34 / 3))
    assert one.retained.gain == pytest.approx(0.01 / 34)
    assert remarks.PLAIN_ONLY in one.flags
    plain = judge_claim(CLAIM, evidence(WOBBLE, baseline=None))
    assert plain.verdict == "supported"  # what the papers' ratio would have said
    assert plain.retained.gain is None
    assert plain.retained.plain == one.retained.plain


@pytest.mark.parametrize("student", [0.5 * LEVEL + STEP, LEVEL * 0 - STEP], ids=["better", "worse"])
@pytest.mark.parametrize("teacher", [WOBBLE, np.zeros(3), -LEVEL], ids=["at chance", "constant", "below chance"])
def test_a_share_of_no_gain_is_neither_kept_nor_lost(student, teacher):
    one = judge_claim(CLAIM, evidence(student, teacher))
    assert one.verdict in ("not testable", "inconclusive"), one.reason
    if one.verdict == "not testable":
        assert "teacher is not shown to beat the majority baseline 100, so there is no gain to retain" in one.reason


def test_scores_at_the_baseline_but_for_rounding_are_no_gain():
    rounding = np.array([1e-15, -1e-15, 2e-15])
    scores = {"student": 0.5 + rounding, "teacher": 0.5 + rounding[::-1]}
    one = judge_claim(CLAIM, Evidence(scores=scores, control=0.2 + WOBBLE, baseline=0.5))
    assert one.verdict == "not testable"
    assert one.p is None


def test_examples_are_judged_on_gains_too():
    rng = np.random.default_rng(0)
    scores = {arm: (rng.random((4, 300)) < level).astype(float) for arm, level in (("student", 0.9), ("teacher", 0.9))}
    control = (rng.random((4, 300)) < 0.5).astype(float)
    one = judge_claim(CLAIM, Evidence(scores=scores, control=control, baseline=0.5))
    assert one.method == "crossed seeds x examples"
    student, teacher = (scores[arm].mean() for arm in ("student", "teacher"))
    assert one.estimate == pytest.approx((student - 0.5) - 0.5 * (teacher - 0.5))
    assert one.verdict == "supported"
    assert one.retained.gain == pytest.approx((student - 0.5) / (teacher - 0.5))


def test_a_baseline_drops_out_of_a_comparison_of_gains():
    four = Claim(id="c", kind="retention", contrast="(ab - b) - 0.5*(a - base)")
    scores = {"ab": 9 + STEP, "b": 3 + WOBBLE, "a": 7 - WOBBLE, "base": 1 + 2 * WOBBLE}
    control = np.array([-50.0, -51.0, -49.0])
    with_it, without = (judge_claim(four, Evidence(scores=scores, control=control, baseline=b)) for b in (5.0, None))
    assert with_it.verdict == without.verdict == "supported"
    assert with_it.p == pytest.approx(without.p, rel=1e-9)
    assert with_it.retained is None


def test_other_kinds_have_no_baseline():
    plain = Claim(id="c", kind="superiority", contrast="student - teacher")
    one = judge_claim(plain, evidence(LEVEL + STEP))
    assert one.estimate == pytest.approx(2.0)
    assert one.retained is None
