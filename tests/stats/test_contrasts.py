"""Contrasts: the parser against Python's own arithmetic, mistakes in words, values by hand."""

import math

import numpy as np
import pytest

from ablate.errors import UserError
from ablate.stats.contrasts import check_arms, difference, evaluate, parse_linear, parse_ratio, resolution

ARMS = {"ab": 7.0, "a": 3.5, "b": 2.25, "base": 1.0, "student": 0.4, "teacher": 0.9, "e1": 11.0, "lambda": 13.0}


@pytest.mark.parametrize(
    "text",
    [
        "ab - a - b + base",
        "student - 0.97*teacher",
        "student-.97*teacher",
        "(ab - b) - .5*(a - base)",
        "-(a - b)/2 + +ab",
        "a*2 - 3*b/4",
        "2*(3*a - (b - 4*ab)) - a",
        "a - e1 + 1e1*b - 2.5e-1*b",
        "-a + - - b",
    ],
)
def test_a_linear_expression_has_the_value_that_python_gives_it(text: str) -> None:
    value = evaluate(parse_linear(text), {arm: np.array([v, 2 * v]) for arm, v in ARMS.items()})
    expected = eval(text, {arm: v for arm, v in ARMS.items() if arm != "lambda"})
    np.testing.assert_allclose(value, [expected, 2 * expected], rtol=1e-14)


def test_coefficients_arms_and_sums() -> None:
    contrast = parse_linear("student - 0.97*teacher + student")
    assert dict(contrast.coefficients) == {"student": 2.0, "teacher": -0.97}
    assert contrast.arms == ("student", "teacher")
    assert contrast.total == pytest.approx(1.03)
    assert contrast.magnitude == pytest.approx(2.97)
    assert parse_linear("b - a") == difference("b", "a")


def test_arm_names_may_be_keywords_of_python_or_quoted() -> None:
    assert parse_linear("lambda - base").arms == ("lambda", "base")
    assert parse_linear("'bert.optim.lr-0.001' - \"bert\"").arms == ("bert.optim.lr-0.001", "bert")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected an arm"),
        ("a -", "expected an arm"),
        ("a b", "found b"),
        ("(a - b", "found the end"),
        ("a - b)", "found )"),
        ("a * b", "arms are multiplied"),
        ("a / b", "only a number other than 0 may divide"),
        ("a / 0", "only a number other than 0 may divide"),
        ("a - b + 0.5", "a number stands alone"),
        ("a - a", "every arm cancels out"),
        ("0*a", "every arm cancels out"),
        ("a - b; import os", "cannot read '; import os'"),
        ("__import__('os')", "found ("),
        ("a.real - b", "cannot read '.real - b'"),
        ("(" * 5000 + "a", "nested"),
        ("-" * 5000 + "a", "nested"),
    ],
)
def test_a_mistake_is_one_sentence(text: str, words: str) -> None:
    with pytest.raises(UserError) as raised:
        parse_linear(text)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_ratio_is_a_difference_of_logarithms() -> None:
    contrast = parse_ratio("base / new")
    value = evaluate(contrast, {"base": np.array([3.2, 1.0]), "new": np.array([2.0, 4.0])})
    np.testing.assert_allclose(value, [math.log(1.6), -math.log(4.0)], rtol=1e-14)


@pytest.mark.parametrize(
    "text", ["base", "base - new", "base / new / old", "base / 2", "(base) / new", "base / base", ""]
)
def test_only_two_arms_make_a_ratio(text: str) -> None:
    with pytest.raises(UserError, match="contrast"):
        parse_ratio(text)


def test_logarithms_of_what_is_not_positive_are_nan() -> None:
    value = evaluate(parse_ratio("a / b"), {"a": np.array([1.0, 0.0, -1.0]), "b": np.ones(3)})
    assert np.isnan(value).tolist() == [False, True, True]


def test_unknown_arms_are_named_with_their_neighbours() -> None:
    with pytest.raises(UserError, match=r"unknown arm 'no_nps'.*no_nsp"):
        check_arms(parse_linear("no_nps - bert"), ["bert", "no_nsp", "roberta"])
    with pytest.raises(UserError, match=r"unknown arm 'zzz'.*bert, roberta"):
        check_arms(parse_linear("zzz - bert"), ["roberta", "bert"])
    check_arms(parse_linear("no_nsp - bert"), ["bert", "no_nsp"])


def test_resolution_is_far_above_rounding_and_far_below_noise() -> None:
    a = np.random.default_rng(0).uniform(size=8)
    scores = {"a": a, "b": a - 1e-6}
    contrast = parse_linear("a - b")
    spread = evaluate(contrast, scores).std(ddof=1)
    assert 0.0 < spread < resolution(contrast, scores) < 1e-9
