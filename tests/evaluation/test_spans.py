"""Spans: windows point at the answer, the best span is the best, and long contexts are put together again."""

import numpy as np
import pandas as pd
import torch
from evaluation.keywords import sentence

from ablate.evaluation.finetuning import finetune, predict, score_of, side
from ablate.evaluation.spans import LONGEST_ANSWER, answers, best_spans, windows
from ablate.evaluation.tasks import Recipe, Task


def frame(count, *, seed, words=2, openness=0.0):
    """Contexts of several sentences, one of which holds the name that is asked for."""
    import random

    rng = random.Random(seed)
    rows = []
    for i in range(count):
        parts = [sentence(rng) for _ in range(words)]
        at = rng.randrange(words)
        parts[at] = sentence(rng, "superb")
        context = " ".join(parts)
        start = context.index("superb")
        open_question = rng.random() < openness
        if open_question:
            context = context.replace("superb", "the")
        found = ([], []) if open_question else (["superb"], [start])
        row = {"id": str(i), "first": "the film", "second": context, "label": 0}
        rows.append(row | {"answers": found[0], "starts": found[1]})
    return pd.DataFrame(rows)


def test_targets_decode_to_the_answer(subject):
    examples = frame(30, seed=0, words=6)
    cut = windows(subject.tokenizer, examples, length=32, stride=8, pad=subject.pad)
    assert len(cut.encoded) > 30  # contexts are longer than a window
    found = 0
    for row in range(len(cut.encoded)):
        start, end = cut.targets[row]
        if start or end:
            (a, _), (_, b) = cut.offsets[row, start], cut.offsets[row, end]
            assert examples["second"].iloc[cut.example[row]][a:b] == "superb"
            found += 1
    assert found >= 30
    assert set(cut.example[cut.targets.any(1)]) == set(range(30))


def test_windows_cover_the_whole_context(subject):
    examples = frame(10, seed=1, words=6)
    cut = windows(subject.tokenizer, examples, length=32, stride=8, pad=subject.pad)
    for example, context in enumerate(examples["second"]):
        covered = np.zeros(len(context), dtype=bool)
        for row in np.flatnonzero(cut.example == example):
            for start, end in cut.offsets[row][cut.encoded.second[row]]:
                covered[start:end] = True
        assert all(covered[i] for i, letter in enumerate(context) if letter != " ")


def test_the_best_span_equals_an_exhaustive_search():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(5, 2, 40, generator=generator)
    second = torch.zeros(5, 40, dtype=torch.bool)
    second[:, 10:38] = True
    score, span, null = best_spans(logits, second)
    for row in range(5):
        best = max(
            (float(logits[row, 0, i] + logits[row, 1, j]), i, j)
            for i in range(10, 38) for j in range(i, min(38, i + LONGEST_ANSWER))
        )  # fmt: skip
        assert (round(float(score[row]), 5), *span[row].tolist()) == (round(best[0], 5), *best[1:])
        assert float(null[row]) == float(logits[row, 0, 0] + logits[row, 1, 0])


def test_an_answer_comes_from_the_best_window_and_may_be_none(subject):
    examples = frame(2, seed=2, words=6)
    cut = windows(subject.tokenizer, examples, length=32, stride=8, pad=subject.pad)
    score = np.where(cut.targets.any(1), 5.0, 1.0)
    span = np.where(cut.targets.any(1)[:, None], cut.targets, np.flatnonzero(cut.encoded.second[0])[:2])
    given = {"score": score, "span": span, "null": np.full(len(score), 3.0)}
    assert answers(examples, cut, **given, open_questions=True) == ["superb", "superb"]
    given["null"] = np.full(len(score), 9.0)
    assert answers(examples, cut, **given, open_questions=True) == ["", ""]
    assert answers(examples, cut, **given, open_questions=False) == ["superb", "superb"]


def test_a_tiny_model_learns_to_find_the_word(subject):
    def load(_):
        return frame(300, seed=3, openness=0.3), {"spans": frame(60, seed=4, openness=0.3)}

    task = Task(
        name="spans", kind="span", labels=("answerable", "unanswerable"), metrics=("f1", "exact_match"), pair=True,
        tests=("spans",), recipe=Recipe().but(learning_rates=(3e-3,), epochs=6, batch=16), load=load, max_length=32,
        stride=8,
    )  # fmt: skip
    data = task.data(None)
    tuned = finetune(subject, task, side(subject, task, data.train), learning_rate=3e-3, stream=1, development=None)
    given = predict(tuned.subject, tuned.head, task, side(subject, task, data.tests["spans"]))
    assert score_of(task, data.tests["spans"], given)["f1"] > 0.8
    assert given.score.mean() == score_of(task, data.tests["spans"], given)["f1"]
