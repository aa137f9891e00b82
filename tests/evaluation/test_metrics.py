"""Metrics against reference values computed another way, and what is said where they are undefined."""

import math
from fractions import Fraction

import numpy as np
import pytest

from ablate.evaluation.metrics import exact_match, example_f1, f1, mcc, pearson, scores, span_f1, spearman


def by_hand(labels, predictions):
    pairs = list(zip(labels.tolist(), predictions.tolist(), strict=True))
    return [pairs.count(cell) for cell in ((1, 1), (0, 0), (0, 1), (1, 0))]


@pytest.mark.parametrize("seed", range(5))
def test_classification_metrics_equal_their_formulas(seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, 200)
    predictions = np.where(rng.random(200) < 0.7, labels, 1 - labels)
    tp, tn, fp, fn = by_hand(labels, predictions)
    got = scores("classification", ("accuracy", "f1", "macro_f1", "mcc"), labels, predictions)
    assert got["accuracy"].value == pytest.approx(float(Fraction(tp + tn, 200)))
    assert got["f1"].value == pytest.approx(2 * tp / (2 * tp + fp + fn))
    assert got["macro_f1"].value == pytest.approx((2 * tp / (2 * tp + fp + fn) + 2 * tn / (2 * tn + fp + fn)) / 2)
    expected = (tp * tn - fp * fn) / math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    assert got["mcc"].value == pytest.approx(expected)
    assert not any(score.note for score in got.values())


def test_correlations_equal_their_formulas():
    rng = np.random.default_rng(0)
    a = rng.normal(size=50)
    b = a + rng.normal(size=50)

    def correlation(x, y):
        x, y = x - x.mean(), y - y.mean()
        return (x * y).sum() / math.sqrt((x * x).sum() * (y * y).sum())

    assert pearson(a, b).value == pytest.approx(correlation(a, b))
    ranks = [np.argsort(np.argsort(v)).astype(float) for v in (a, b)]
    assert spearman(a, b).value == pytest.approx(correlation(*ranks))


@pytest.mark.parametrize("metric", [mcc, pearson, spearman, f1])
def test_undefined_values_are_said(metric):
    labels = np.array([0, 1, 0, 1])
    got = metric(labels, np.zeros(4, dtype=np.int64))
    assert got.value == 0.0
    assert "counted as 0" in got.note


def test_correlation_of_rounding_errors_is_undefined():
    almost = np.full(10, 2.5) + np.arange(10) * 1e-13
    assert "undefined" in pearson(np.arange(10.0), almost).note


def test_perfect_and_inverted():
    labels = np.array([0, 1, 1, 0, 1])
    assert mcc(labels, labels).value == 1.0
    assert mcc(labels, 1 - labels).value == -1.0


def test_nothing_to_score_and_nan_are_refused():
    with pytest.raises(ValueError, match="no examples"):
        scores("classification", ("accuracy",), np.array([]), np.array([]))
    with pytest.raises(ValueError, match="not finite"):
        scores("regression", ("pearson",), np.array([1.0, 2.0]), np.array([1.0, np.nan]))


def test_squad_scores_by_hand():
    answers = [["the Normans"], ["10th and 11th centuries", "in the 10th"], [], ["Rollo"]]
    predictions = ["Normans!", "10th centuries", "", "a Viking"]
    assert exact_match(answers, predictions).value == 0.5  # articles and punctuation do not count; no answer is one
    precise, recall = 2 / 2, 2 / 4
    second = 2 * precise * recall / (precise + recall)
    assert example_f1(answers, predictions) == pytest.approx([1.0, second, 1.0, 0.0])
    assert span_f1(answers, predictions).value == pytest.approx((1 + second + 1 + 0) / 4)


def test_an_answer_where_none_should_be_scores_nothing():
    assert exact_match([[]], ["something"]).value == 0.0
    assert span_f1([[]], ["something"]).value == 0.0
