"""What needs no encoder: the majority class and a bag of words, printed beside every score."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge

from ablate.data.cache import cache_errors, cache_key, keyed_folder
from ablate.evaluation.finetuning import Answers, score_of
from ablate.evaluation.tasks import Task, TaskData

RULES = 1  # counted up whenever the same examples would give other baselines


def baselines(task: Task, data: TaskData, *, cache: Path, fingerprint: str) -> dict[str, float]:
    """`<test>/<metric>/majority` and `<test>/<metric>/bag_of_words`; computed once per set of examples.

    Spans have neither: a constant span is meaningless.
    """
    if task.kind == "span":
        return {}
    key = cache_key("baselines", str(RULES), fingerprint, json.dumps(task.describes(), sort_keys=True))

    def fill(folder: Path) -> dict[str, float]:
        (folder / "name").write_text(task.name)
        return _compute(task, data)

    with cache_errors(cache):
        _, notes = keyed_folder(cache / "tasks", key, fill)
    return {str(name): float(value) for name, value in notes.items()}


def _compute(task: Task, data: TaskData) -> dict[str, float]:
    train = pd.concat([data.train, data.development])
    computed = {}
    for test, frame in data.tests.items():
        for name, given in (("majority", _majority(task, train, frame)), ("bag_of_words", _words(task, train, frame))):
            for metric, value in score_of(task, frame, given).items():
                computed[f"{test}/{metric}/{name}"] = value
    return computed


def _majority(task: Task, train: pd.DataFrame, frame: pd.DataFrame) -> Answers:
    """The most frequent class of train (the first of equally frequent ones), or its mean."""
    labels = train["label"].to_numpy()
    value = labels.mean() if task.kind == "regression" else np.bincount(labels).argmax()
    constant = np.full(len(frame), value)
    return Answers(constant, constant.astype(np.float64))


def _words(task: Task, train: pd.DataFrame, frame: pd.DataFrame) -> Answers:
    """A linear model on the words of each text and, of a pair, the words that both have (tf-idf)."""
    vectorizer = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
    vectorizer.fit(pd.concat([train[column] for column in ("first", "second") if column in train]))
    x, y = _bags(vectorizer, train), _bags(vectorizer, frame)
    if task.kind == "regression":
        values = Ridge(alpha=1.0).fit(x, train["label"]).predict(y)
        return Answers(values, values)
    predicted = LogisticRegression(C=3.0, max_iter=300).fit(x, train["label"]).predict(y)
    return Answers(predicted, predicted.astype(np.float64))


def _bags(vectorizer: TfidfVectorizer, frame: pd.DataFrame) -> csr_matrix:
    first = vectorizer.transform(frame["first"])
    if "second" not in frame:
        return csr_matrix(first)
    second = vectorizer.transform(frame["second"])
    shared = first.multiply(second)
    return csr_matrix(hstack([first, second, shared, shared.sum(axis=1)]))
