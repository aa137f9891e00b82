"""Task metrics: arrays in, a number out, and a sentence where the number is undefined."""

import re
import string
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef


@dataclass(frozen=True)
class Score:
    """A metric's value; `note` says so where the formula is undefined and a value was agreed on instead."""

    value: float
    note: str = ""


def accuracy(labels: np.ndarray, predictions: np.ndarray) -> Score:
    """Share of examples whose class is right."""
    return Score(float(accuracy_score(labels, predictions)))


def f1(labels: np.ndarray, predictions: np.ndarray) -> Score:
    """F1 of class 1; 0 where no example is, or is said to be, of class 1."""
    if not np.any((labels == 1) & (predictions == 1)):
        return Score(0.0, "F1: no example of class 1 was found, counted as 0")
    return Score(float(f1_score(labels, predictions, pos_label=1, average="binary", zero_division=0.0)))


def macro_f1(labels: np.ndarray, predictions: np.ndarray) -> Score:
    """Mean F1 over the classes that occur."""
    return Score(float(f1_score(labels, predictions, average="macro", zero_division=0.0)))


def mcc(labels: np.ndarray, predictions: np.ndarray) -> Score:
    """Matthews correlation; undefined, and counted as 0, where labels or predictions are all of one class."""
    if len(np.unique(labels)) < 2 or len(np.unique(predictions)) < 2:
        return Score(0.0, "MCC is undefined for constant labels or predictions, counted as 0")
    return Score(float(matthews_corrcoef(labels, predictions)))


def pearson(labels: np.ndarray, predictions: np.ndarray) -> Score:
    """Pearson's correlation; undefined, and counted as 0, where either side is constant."""
    if _constant(labels) or _constant(predictions):
        return Score(0.0, "Pearson's correlation is undefined for constant labels or predictions, counted as 0")
    return Score(float(stats.pearsonr(labels, predictions).statistic))


def spearman(labels: np.ndarray, predictions: np.ndarray) -> Score:
    """Spearman's rank correlation; undefined, and counted as 0, where either side is constant."""
    if _constant(labels) or _constant(predictions):
        return Score(0.0, "Spearman's correlation is undefined for constant labels or predictions, counted as 0")
    return Score(float(stats.spearmanr(labels, predictions).statistic))


def exact_match(answers: list[list[str]], predictions: list[str]) -> Score:
    """Share of predictions that equal one of the answers, normalised as SQuAD's script does; "" is no answer."""
    pairs = zip(answers, predictions, strict=True)
    return Score(float(np.mean([max(_same(a, p) for a in options or [""]) for options, p in pairs])))


def span_f1(answers: list[list[str]], predictions: list[str]) -> Score:
    """Mean over examples of the best token F1 against one of the answers (Rajpurkar et al. 2016); "" is no answer."""
    return Score(float(np.mean(example_f1(answers, predictions))))


def example_f1(answers: list[list[str]], predictions: list[str]) -> list[float]:
    """Per example, the best token F1 against one of the answers."""
    pairs = zip(answers, predictions, strict=True)
    return [max(_overlap(a, p) for a in options or [""]) for options, p in pairs]


METRICS: dict[str, dict[str, Callable[[Any, Any], Score]]] = {
    "classification": {"accuracy": accuracy, "f1": f1, "macro_f1": macro_f1, "mcc": mcc},
    "regression": {"pearson": pearson, "spearman": spearman},
    "span": {"exact_match": exact_match, "f1": span_f1},
}


def scores(kind: str, names: tuple[str, ...], labels: Any, predictions: Any) -> dict[str, Score]:
    """Each metric by name.

    Raises:
        ValueError: there are no examples, or a prediction is not a number.
    """
    if len(labels) == 0:
        raise ValueError("no examples to score")
    if kind == "regression" and not np.all(np.isfinite(predictions)):
        raise ValueError("predictions are not finite")
    return {name: METRICS[kind][name](labels, predictions) for name in names}


def _constant(values: np.ndarray) -> bool:
    """Constant up to rounding: a correlation of rounding errors is no correlation."""
    values = np.asarray(values, dtype=np.float64)
    return len(values) < 2 or float(np.ptp(values)) <= 1e-9 * max(1.0, float(np.abs(values).max()))


_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def _normal(text: str) -> str:
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def _same(answer: str, prediction: str) -> float:
    return float(_normal(answer) == _normal(prediction))


def _overlap(answer: str, prediction: str) -> float:
    gold, said = _normal(answer).split(), _normal(prediction).split()
    if not gold or not said:
        return float(gold == said)
    shared = sum((Counter(gold) & Counter(said)).values())
    if shared == 0:
        return 0.0
    precision, recall = shared / len(said), shared / len(gold)
    return 2 * precision * recall / (precision + recall)
