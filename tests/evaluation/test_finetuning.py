"""Fine-tuning: it learns, is reproducible to the bit, starts from a fresh head, and says when it learnt nothing."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from evaluation.keywords import keyword_frame, keyword_task

from ablate.evaluation.encoding import batches_by_length, encode, epoch_batches
from ablate.evaluation.finetuning import degenerate, finetune, predict, score_of, side
from ablate.evaluation.heads import STD, PooledHead, baseline_loss
from ablate.evaluation.tasks import Recipe, Task
from ablate.evaluation.tuning import tune
from ablate.models.init import by_name


def run(subject, task, *, stream=5):
    data = task.data(None)
    train = side(subject, task, data.train)
    tuned = finetune(subject, task, train, learning_rate=3e-3, stream=stream, development=None)
    given = predict(tuned.subject, tuned.head, task, side(subject, task, data.tests["keyword"]))
    return tuned, given, train


def test_it_learns_what_a_keyword_decides(subject):
    task = keyword_task()
    tuned, given, train = run(subject, task)
    frame = task.data(None).tests["keyword"]
    assert score_of(task, frame, given)["accuracy"] > 0.9
    assert degenerate(task, tuned, train, given) == ""


def test_the_same_seed_gives_the_same_bits_and_another_gives_others(subject):
    task = keyword_task(epochs=1)
    first, second, other = (run(subject, task, stream=s) for s in (5, 5, 6))
    assert np.array_equal(first[1].score, second[1].score)
    for a, b in zip(first[0].subject.model.parameters(), second[0].subject.model.parameters(), strict=True):
        assert torch.equal(a, b)
    assert not np.array_equal(first[1].score, other[1].score)


def test_the_mode_that_the_model_was_left_in_changes_no_bit(subject):
    """After training a model is in training mode, after a probe in evaluation mode."""
    given = []
    for training in (True, False):
        subject.model.train(training)
        given.append(run(subject, keyword_task())[1].score)
        assert subject.model.training == training
    assert np.array_equal(*given)


def test_the_pretrained_model_and_the_callers_random_numbers_are_left_alone(subject):
    before = copy.deepcopy(subject.model.state_dict())
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    run(subject, keyword_task(epochs=1))
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(before[k], v) for k, v in subject.model.state_dict().items())


def test_predictions_are_in_the_frames_order_and_ignore_padding(subject):
    task = keyword_task()
    tuned, given, _ = run(subject, task)
    frame = task.data(None).tests["keyword"]
    alone = [
        predict(tuned.subject, tuned.head, task, side(subject, task, frame.iloc[[i]])).score[0] for i in (0, 13, 57)
    ]
    assert alone == pytest.approx(given.score[[0, 13, 57]].tolist(), abs=1e-5)


def test_a_model_that_cannot_learn_is_counted_as_degenerate(subject):
    task = keyword_task(epochs=1)
    data = task.data(None)
    shuffled = data.train.assign(first="the same text")
    train = side(subject, task, shuffled)
    tuned = finetune(subject, task, train, learning_rate=1e-9, stream=1, development=None)
    given = predict(tuned.subject, tuned.head, task, side(subject, task, data.tests["keyword"]))
    assert degenerate(task, tuned, train, given) in (
        "constant prediction",
        "no improvement on the training loss of a constant",
    )


def test_a_loss_that_is_not_finite_is_degenerate(subject):
    task = keyword_task(epochs=1)
    tuned, given, train = run(subject, task)
    broken = type(tuned)(**{**tuned.__dict__, "last_loss": float("nan")})
    assert degenerate(task, broken, train, given) == "the training loss is not finite"


def test_the_baseline_loss_is_the_entropy_or_the_variance():
    labels = np.array([0, 0, 0, 1])
    assert baseline_loss("classification", labels) == pytest.approx(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25)))
    assert baseline_loss("regression", np.array([0.0, 2.0])) == 1.0


def test_heads_share_values_by_name_and_shape():
    small, large = PooledHead(16, 2, dropout=0.1), PooledHead(16, 5, dropout=0.1)
    for head in (small, large):
        by_name(head, std=STD, seed=7)
    assert torch.equal(small.pooler.weight, large.pooler.weight)
    assert not small.output.bias.any()
    assert 0.015 < float(small.pooler.weight.detach().std()) < 0.025


def test_regression_learns_a_number(subject):
    def load(_):
        frames = [keyword_frame(n, seed=s).assign(label=lambda f: 5.0 * f["label"]) for n, s in ((240, 1), (80, 2))]
        return frames[0], {"keyword": frames[1]}

    task = Task(
        name="keyword", kind="regression", labels=(), metrics=("pearson", "spearman"), pair=False, tests=("keyword",),
        recipe=Recipe().but(learning_rates=(3e-3,), epochs=12, batch=16), load=load, max_length=32,
    )  # fmt: skip
    _, given, _ = run(subject, task)
    assert score_of(task, load(None)[1]["keyword"], given)["pearson"] > 0.9


def test_the_learning_rate_is_chosen_on_the_split_of_train(subject):
    task = keyword_task(learning_rates=(1e-8, 3e-3), epochs=3)
    results = tune(subject, task, task.data(None), seeds=2, stream=11)
    assert {result.learning_rate for result in results} == {3e-3}
    assert [result.seed for result in results] == [0, 1]
    assert not np.array_equal(results[0].answers["keyword"].score, results[1].answers["keyword"].score)


def test_the_choice_never_looks_at_the_test_split(subject):
    task = keyword_task(learning_rates=(1e-8, 3e-3), epochs=2)
    data = task.data(None)
    lied = data.tests["keyword"].assign(label=lambda f: 1 - f["label"])
    honest, other = (
        tune(subject, task, type(data)(data.train, data.development, {"keyword": frame}), seeds=1, stream=11)
        for frame in (data.tests["keyword"], pd.DataFrame(lied))
    )
    assert honest[0].learning_rate == other[0].learning_rate
    assert np.array_equal(honest[0].answers["keyword"].predictions, other[0].answers["keyword"].predictions)


def test_early_stopping_keeps_the_best_epoch(subject):
    task = keyword_task(early_stopping=True, epochs=4)
    data = task.data(None)
    train, development = side(subject, task, data.train), side(subject, task, data.development)
    stopped = finetune(subject, task, train, learning_rate=3e-3, stream=3, development=development)
    plain = finetune(subject, keyword_task(epochs=4), train, learning_rate=3e-3, stream=3, development=development)
    assert stopped.development >= plain.development


def test_epochs_visit_every_row_once_in_batches_of_similar_length():
    lengths = np.random.default_rng(0).integers(5, 60, 5000)
    batches = epoch_batches(lengths, batch=32, stream=9, epoch=0)
    assert np.array_equal(np.sort(np.concatenate(batches)), np.arange(5000))
    waste = sum(len(b) * lengths[b].max() for b in batches) / lengths.sum()
    assert waste < 1.15
    again, next_epoch = (epoch_batches(lengths, batch=32, stream=9, epoch=e) for e in (0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(batches, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(batches, next_epoch, strict=True))
    assert np.array_equal(np.sort(np.concatenate(list(batches_by_length(lengths)))), np.arange(5000))


def test_encoding_equals_transformers_own(subject, bert_folder):
    from transformers import AutoTokenizer

    frame = keyword_frame(20, seed=4).assign(second=keyword_frame(20, seed=5)["first"])
    ours = encode(subject.tokenizer, frame, length=20, pad=subject.pad)
    theirs = AutoTokenizer.from_pretrained(bert_folder)(
        frame["first"].tolist(),
        frame["second"].tolist(),
        truncation="longest_first",
        max_length=20,
        padding="longest",
        return_token_type_ids=True,
    )
    assert ours.ids.tolist() == theirs["input_ids"]
    types = np.array(theirs["token_type_ids"]).astype(bool)
    assert np.array_equal(ours.second, types & ~ours.special)


def test_token_types_are_zero_whatever_the_tokenizer_says(subject):
    frame = keyword_frame(4, seed=4).assign(second=keyword_frame(4, seed=5)["first"])
    encoded = encode(subject.tokenizer, frame, length=32, pad=subject.pad)
    ids, mask = encoded.batch(np.arange(4), subject.device)
    zeros = subject.model.encoder(input_ids=ids, attention_mask=mask.long(), token_type_ids=torch.zeros_like(ids))
    assert torch.equal(subject.features(ids, mask), zeros.last_hidden_state)
