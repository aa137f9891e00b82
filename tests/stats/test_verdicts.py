"""Verdicts: every kind by hand, the rule's corners, flags, invariances, and what cannot be tested."""

import dataclasses
import math

import numpy as np
import pytest
import scipy.stats

from ablate.errors import UserError
from ablate.stats import remarks
from ablate.stats.claims import Claim
from ablate.stats.crossed import estimate_crossed
from ablate.stats.evidence import Evidence
from ablate.stats.onesample import p_above
from ablate.stats.verdicts import Verdict, judge_claim, judge_study

STEP = np.array([1.0, 2.0, 3.0])  # mean 2, sd 1, so t = 2 sqrt(3) against 0
WOBBLE = np.array([-0.01, 0.0, 0.02])
LEVEL = np.array([10.0, 11.0, 13.0])
CONTROL = LEVEL - np.array([1000.0, 1010.0, 990.0])
STACK = {"base": "base", "a": "a", "b": "b", "ab": "ab"}


def tail(t: float) -> float:
    """The upper tail of Student's t with two degrees of freedom, in closed form."""
    return 0.5 * (1.0 - t / math.sqrt(2.0 + t * t))


P = tail(2.0 * math.sqrt(3.0))
T95 = 0.9 * math.sqrt(2.0 / (1.0 - 0.9**2))  # the inverse of `tail` at 0.05


def claim(kind: str, contrast: object = "b - base", **changes: object) -> Claim:
    return Claim(id="c", kind=kind, contrast=contrast, **changes)


def arms(**scores: np.ndarray) -> Evidence:
    return Evidence(scores={"base": LEVEL, **scores}, control=CONTROL)


def judged(one: Claim, alpha: float = 0.05, **scores: np.ndarray) -> Verdict:
    return judge_claim(one, arms(**scores), alpha=alpha)


def test_the_constants_of_this_file() -> None:
    assert pytest.approx(0.03708995) == P
    assert pytest.approx(2.919986) == T95


@pytest.mark.parametrize(
    ("one", "scores", "estimate"),
    [
        (claim("superiority"), {"b": LEVEL + STEP}, 2.0),
        (claim("superiority", threshold=5.0), {"b": LEVEL + 5 + STEP}, 7.0),
        (claim("non_inferiority", margin=3.0), {"b": LEVEL - 3 + STEP}, -1.0),
        (claim("equivalence", margin=2.0), {"b": LEVEL - 2 + STEP}, 0.0),
        (claim("retention", "b - 0.5*base"), {"b": 0.5 * LEVEL + STEP}, 2.0),
        (claim("speed", "base / b", threshold=1.6), {"b": LEVEL / 1.6 / np.exp(STEP)}, 1.6 * math.e**2),
        (claim("trend", ["base", "a", "b"], margin=1.0), {"a": LEVEL - 1 + STEP, "b": LEVEL + 10 + 2 * STEP}, 14.0),
        (claim("trend", ["base", "a", "b"], margin=99.0), {"a": LEVEL + 10 + WOBBLE, "b": LEVEL + STEP}, 2.0),
        (claim("stack", STACK), {"a": LEVEL, "b": LEVEL + 9, "ab": LEVEL + 9 + STEP}, 2.0),
        (
            claim("additivity", "ab - a - b + base", margin=2.0),
            {"a": LEVEL + 4, "b": LEVEL + 5, "ab": LEVEL + 7 + STEP},
            0.0,
        ),
        (claim("superiority", "(ab - b) - 0.5*(a - base)"), {"a": LEVEL + 4, "b": LEVEL, "ab": LEVEL + 2 + STEP}, 2.0),
    ],
    ids=lambda value: value.kind if isinstance(value, Claim) else "",
)
def test_each_kind_by_hand(one: Claim, scores: dict[str, np.ndarray], estimate: float) -> None:
    verdict = judged(one, **scores)
    assert verdict.verdict == "supported", verdict.reason
    assert verdict.p == pytest.approx(P, rel=1e-6)
    assert verdict.p_holm == verdict.p
    assert verdict.estimate == pytest.approx(estimate, rel=1e-9, abs=1e-9)
    assert (verdict.n, verdict.method, verdict.kind) == (3, "one-sample t", one.kind)
    assert judged(one, alpha=0.03, **scores).verdict == "inconclusive"


def test_the_interval_by_hand() -> None:
    verdict = judged(claim("superiority"), b=LEVEL + STEP)
    half = T95 / math.sqrt(3.0)
    assert verdict.interval == pytest.approx((2.0 - half, 2.0 + half))
    assert verdict.parts[0].se == pytest.approx(1 / math.sqrt(3.0))
    assert verdict.parts[0].df == 2.0


def test_the_interval_of_a_ratio_is_exponentiated() -> None:
    verdict = judged(claim("speed", "base / b", threshold=1.6), b=LEVEL / np.exp(STEP))
    half = T95 / math.sqrt(3.0)
    assert verdict.interval == pytest.approx((math.exp(2.0 - half), math.exp(2.0 + half)))
    assert verdict.parts[0].low == pytest.approx(1.6)
    assert verdict.parts[0].high is None


@pytest.mark.parametrize(
    ("one", "scores", "p"),
    [
        (claim("superiority"), {"b": LEVEL - STEP}, P),
        (claim("non_inferiority", margin=3.0), {"b": LEVEL - 3 - STEP}, P),
        (claim("retention", "b - 0.5*base"), {"b": 0.5 * LEVEL - STEP}, P),
        (claim("speed", "base / b", threshold=1.6), {"b": LEVEL / 1.6 * np.exp(STEP)}, P),
        # two sides, so each at alpha / 2
        (claim("equivalence", margin=1.0), {"b": LEVEL + 1 + 2 + STEP}, 2 * tail(4 * math.sqrt(3.0))),
        (claim("equivalence", margin=1.0), {"b": LEVEL - 1 - 2 - STEP}, 2 * tail(4 * math.sqrt(3.0))),
        # two and three parts, so the worst at alpha / 2 and alpha / 3
        (claim("stack", STACK), {"a": LEVEL, "b": LEVEL, "ab": LEVEL - 2 - STEP}, 2 * tail(4 * math.sqrt(3.0))),
        (
            claim("trend", ["base", "a", "b"], margin=1.0),
            {"a": LEVEL + 9 + WOBBLE, "b": LEVEL + 5 + WOBBLE - STEP},
            3 * tail(5 * math.sqrt(3.0)),
        ),
    ],
    ids=lambda value: value.kind if isinstance(value, Claim) else "",
)
def test_contradictions_by_hand(one: Claim, scores: dict[str, np.ndarray], p: float) -> None:
    verdict = judged(one, **scores)
    assert verdict.p_contradicted == pytest.approx(p, rel=1e-6)
    assert verdict.verdict == "contradicted", verdict.reason
    assert verdict.p > 0.5


def test_a_trend_states_its_ends_where_it_holds_and_elsewhere_what_stands_against_it() -> None:
    trend = claim("trend", ["base", "a", "b"], margin=1.0)
    holds = judged(trend, a=LEVEL - 1 + STEP, b=LEVEL + 10 + 2 * STEP)
    turns = judged(trend, a=LEVEL + 9 + WOBBLE, b=LEVEL + 5 + WOBBLE - STEP)
    assert (holds.verdict, holds.stated.name, turns.verdict, turns.stated.name) == (
        "supported", "b - base", "contradicted", "b - a",
    )  # fmt: skip
    for verdict in (holds, turns):
        assert (verdict.estimate, verdict.interval) == (verdict.stated.estimate, verdict.stated.interval)
    assert turns.estimate == pytest.approx(-6.0)
    assert "a - base" in holds.reason  # what p is of


def test_exact_claims_are_arithmetic_and_in_no_family() -> None:
    exact = Claim(id="size", kind="exact")
    other = claim("superiority")
    evidence = {"size": Evidence(holds=True, note="66 M against 110 M parameters"), "c": arms(b=LEVEL + STEP)}
    size, superiority = judge_study([exact, other], evidence)
    assert (size.verdict, size.p, size.method, size.reason) == (
        "supported", None, "arithmetic", "66 M against 110 M parameters",
    )  # fmt: skip
    assert superiority.p_holm == superiority.p
    assert superiority.family_size == 1
    assert judge_claim(exact, Evidence(holds=False)).verdict == "contradicted"
    assert judge_claim(exact, Evidence()).verdict == "not testable"


def test_negligible_needs_a_margin_and_is_no_support() -> None:
    with_margin = judged(claim("superiority", margin=1.0), b=LEVEL + WOBBLE)
    assert with_margin.verdict == "negligible"
    assert with_margin.p_negligible < 0.05 < with_margin.p
    without = judged(claim("superiority"), b=LEVEL + WOBBLE)
    assert without.verdict == "inconclusive"
    assert without.p_negligible is None


def test_no_significant_decrease_is_not_no_decrease() -> None:
    noisy = np.array([-4.0, 1.0, 2.0])
    verdict = judged(claim("non_inferiority", margin=1.0), b=LEVEL + noisy)
    assert verdict.p_contradicted > 0.05
    assert verdict.verdict == "inconclusive"
    assert "does not settle" in verdict.reason


# flags


def test_flag_also_superior_must_hold_over_the_study() -> None:
    one, scores = claim("non_inferiority", margin=3.0), {"b": LEVEL + STEP}
    assert remarks.ALSO_SUPERIOR in judged(one, **scores).flags
    crowd = [dataclasses.replace(one, id=name) for name in "cdefgh"]
    strong = arms(b=LEVEL + STEP + 5)
    verdicts = judge_study(crowd, {"c": arms(**scores), **dict.fromkeys("defgh", strong)})
    assert verdicts[0].verdict == "supported"
    assert verdicts[0].interval[0] > 0.0 > verdicts[0].interval_simultaneous[0]
    assert remarks.ALSO_SUPERIOR not in verdicts[0].flags
    assert remarks.ALSO_SUPERIOR in verdicts[1].flags


def test_flag_lower_but_within_the_margin() -> None:
    verdict = judged(claim("non_inferiority", margin=9.0), b=LEVEL - STEP)
    assert verdict.verdict == "supported"
    assert remarks.LOWER_WITHIN in verdict.flags
    assert remarks.LOWER_WITHIN not in judged(claim("non_inferiority", margin=9.0), b=LEVEL + STEP).flags


def test_flag_size_negligible() -> None:
    small = judged(claim("superiority", margin=9.0), b=LEVEL + STEP)
    assert (small.verdict, remarks.SIZE_NEGLIGIBLE in small.flags) == ("supported", True)
    assert remarks.SIZE_NEGLIGIBLE not in judged(claim("superiority", margin=3.0), b=LEVEL + STEP).flags


def test_flag_screening() -> None:
    assert remarks.SCREENING in judged(claim("superiority"), b=LEVEL + STEP).flags
    assert remarks.SCREENING in judged(claim("superiority", effect=1.0), b=LEVEL + STEP).flags
    assert remarks.SCREENING not in judged(claim("superiority", effect=9.0), b=LEVEL + STEP).flags
    five = np.array([1.0, 2.0, 3.0, 2.0, 2.5])
    verdict = judge_claim(claim("superiority"), Evidence(scores={"base": five**2, "b": five**2 + five}))
    assert remarks.SCREENING not in verdict.flags


def test_flag_sign_flip_from_eight_seeds() -> None:
    base = np.random.default_rng(0).normal(size=8)
    even = base + np.array([1.0, 2.0, 1.5, 1.2, 0.9, 1.7, 1.1, 1.4])
    agreed = judge_claim(claim("superiority"), Evidence(scores={"base": base, "b": even}))
    assert agreed.p_sign_flip == 2.0**-8
    assert remarks.SIGN_FLIP not in agreed.flags
    # one run far off inflates the spread for the t, not for the signs
    outlier = base + np.array([1.0, 2.0, 1.5, 1.2, 0.9, 1.7, 1.1, 40.0])
    disagreed = judge_claim(claim("superiority"), Evidence(scores={"base": base, "b": outlier}))
    assert disagreed.p > 0.05 > disagreed.p_sign_flip
    assert remarks.SIGN_FLIP in disagreed.flags
    assert judged(claim("superiority"), b=LEVEL + STEP).p_sign_flip is None


def test_flag_one_run_counted_twice() -> None:
    twice = [0, 1, 0]
    verdict = judge_claim(claim("superiority"), Evidence(scores={"base": LEVEL[twice], "b": (LEVEL + STEP)[twice]}))
    assert remarks.REPEATED in verdict.flags
    assert remarks.REPEATED not in judged(claim("superiority"), b=LEVEL + STEP).flags


# needed seeds and detectable effects


def test_an_inconclusive_claim_says_how_many_seeds_it_needs() -> None:
    base = np.zeros(5)
    b = np.array([0.4, -1.3, 1.1, 0.2, -0.3])
    verdict = judge_claim(claim("superiority", effect=1.0), Evidence(scores={"base": base, "b": b}))
    assert verdict.verdict == "inconclusive"
    sd = b.std(ddof=1) * math.sqrt(4 / scipy.stats.chi2.ppf(0.2, 4))

    def power(n: int) -> float:
        return scipy.stats.nct.sf(scipy.stats.t.ppf(0.95, n - 1), n - 1, math.sqrt(n) / sd)

    assert power(verdict.needed_n) >= 0.8 > power(verdict.needed_n - 1)
    assert f"about {verdict.needed_n} seeds" in verdict.reason
    assert remarks.OBSERVED_EFFECT not in verdict.flags
    unregistered = judge_claim(claim("superiority"), Evidence(scores={"base": base, "b": b}))
    assert remarks.OBSERVED_EFFECT in unregistered.flags
    assert unregistered.needed_n > 1000  # observed mean 0.02


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"effect": 1.5}, "the registered effect of 1.5 "), ({"margin": 0.5}, "the assumed effect of 0.5 "),
        ({"margin": 0.5, "effect": 1.5}, "the registered effect of 1.5 "), ({}, "the observed effect "),
    ],
)  # fmt: skip
def test_the_effect_that_needed_seeds_are_for_is_named(changes, words) -> None:
    b = np.array([0.4, -1.3, 1.1, 0.2, -0.3])
    verdict = judge_claim(claim("superiority", **changes), Evidence(scores={"base": np.zeros(5), "b": b}))
    assert f"at {words}about {verdict.needed_n} seeds are needed" in verdict.reason


def test_needed_seeds_are_those_of_holm_s_first_step() -> None:
    evidence = Evidence(scores={"base": np.zeros(5), "b": np.array([0.4, -1.3, 1.1, 0.2, -0.3])})
    one = claim("superiority", effect=1.0)
    crowd = [dataclasses.replace(one, id=name) for name in "cdef"]
    found = judge_study(crowd, dict.fromkeys("cdef", evidence))[0].needed_n
    assert found == judge_claim(one, evidence, alpha=0.05 / 4).needed_n
    assert found > judge_claim(one, evidence).needed_n


def test_no_number_of_seeds_helps_an_effect_on_the_wrong_side() -> None:
    b = np.array([0.4, -1.3, 1.1, 0.2, -0.9])
    verdict = judge_claim(claim("superiority"), Evidence(scores={"base": np.zeros(5), "b": b}))
    assert verdict.verdict == "inconclusive"
    assert verdict.needed_n is None
    assert "no number of seeds is enough" in verdict.reason


def test_mde_by_the_noncentral_t_at_holm_s_first_step() -> None:
    evidence = arms(b=LEVEL + STEP)
    one, two = judge_study([claim("superiority"), dataclasses.replace(claim("superiority"), id="d")], {"c": evidence})
    se = 1 / math.sqrt(3.0)
    assert scipy.stats.nct.sf(scipy.stats.t.ppf(0.975, 2), 2, one.mde / se) == pytest.approx(0.8, abs=1e-6)
    assert (two.verdict, two.mde) == ("not testable", None)


# families


def test_claims_that_cannot_be_tested_count_in_the_family() -> None:
    claims = [dataclasses.replace(claim("superiority"), id=name) for name in "cde"]
    first, *rest = judge_study(claims, {"c": arms(b=LEVEL + STEP)})
    assert first.p_holm == pytest.approx(3 * P, rel=1e-6)
    assert first.verdict == "inconclusive"
    assert "alone it would be supported" in first.reason
    assert [(one.verdict, one.reason) for one in rest] == 2 * [("not testable", "there are no runs of b, base")]


def test_negligible_has_a_family_of_the_claims_that_can_come_to_it() -> None:
    wobble = arms(b=LEVEL + np.array([-0.3, 0.0, 0.4]))
    claims = [
        Claim(id="c", kind="superiority", contrast="b - base", margin=1.0),
        Claim(id="d", kind="superiority", contrast="b - base", margin=1.0),
        Claim(id="e", kind="superiority", contrast="b - base"),
        Claim(id="f", kind="non_inferiority", contrast="b - base", margin=1.0),
    ]
    verdicts = judge_study(claims, dict.fromkeys("cdef", wobble))
    assert verdicts[0].p_negligible_holm == pytest.approx(2 * verdicts[0].p_negligible)
    assert verdicts[2].p_negligible_holm is None


def test_the_order_of_claims_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    claims = [dataclasses.replace(claim("superiority", margin=1.0), id=str(k)) for k in range(6)]
    evidence = {str(k): arms(b=LEVEL + rng.normal(1.0, 1.0, size=3)) for k in range(6)}
    forward, backward = judge_study(claims, evidence), judge_study(claims[::-1], evidence)
    assert forward == backward[::-1]
    assert judge_study([], {}) == ()


def test_mistakes_in_words() -> None:
    with pytest.raises(UserError, match="repeated: c"):
        judge_study([claim("superiority"), claim("superiority")], {})
    with pytest.raises(UserError, match="alpha must lie between"):
        judge_claim(claim("superiority"), Evidence(), alpha=0.5)
    with pytest.raises(UserError, match="needs a margin"):
        judge_claim(claim("equivalence"), Evidence())


# predictions


def test_predictions_are_judged_by_the_crossed_variance() -> None:
    rng = np.random.default_rng(0)
    base, b = rng.uniform(size=(2, 4, 200))
    verdict = judge_claim(claim("superiority"), Evidence(scores={"base": base, "b": b + 0.2}))
    expected = estimate_crossed(b + 0.2 - base)
    assert verdict.method == "crossed seeds x examples"
    assert verdict.p == pytest.approx(float(p_above(expected, 0.0)))
    assert verdict.parts[0].df == pytest.approx(float(expected.df))
    assert verdict.n == 4
    assert verdict.verdict == "supported"
