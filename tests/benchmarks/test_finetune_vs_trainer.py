"""Our fine-tuning is Hugging Face's Trainer's, step by step, where nothing is left to chance."""

import json

import numpy as np
import pandas as pd
import pytest

from benchmarks.finetune_vs_trainer import in_step, sst2, theirs, without_dropout, without_pooler

WORDS = {0: ("dull", "empty", "tired"), 1: ("warm", "bright", "sharp")}


def films(count, seed):
    """Sentences of several lengths whose label one word tells."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 2, count)
    sentences = [
        f"{'a film that goes on and ' * draw.integers(0, 3)}is {draw.choice(WORDS[label])} number {draw.integers(1000)}"
        for label in labels
    ]
    return pd.DataFrame({"sentence": sentences, "label": labels})


@pytest.fixture
def glue(tmp_path):
    """A folder with a little sst2."""
    (tmp_path / "glue" / "sst2").mkdir(parents=True)
    films(150, seed=0).to_parquet(tmp_path / "glue" / "sst2" / "train.parquet")
    films(40, seed=1).to_parquet(tmp_path / "glue" / "sst2" / "validation.parquet")
    return tmp_path / "glue"


@pytest.fixture
def folder(run_tiny, tmp_path):
    """An encoder without pooler and dropout."""
    _, directory = run_tiny("eval=none", "scale.tokens=5120")
    made = tmp_path / "encoder"
    without_pooler(directory / "model", made)
    without_dropout(made)
    assert json.loads((made / "config.json").read_text())["hidden_dropout_prob"] == 0.0
    return made


def test_given_the_same_head_order_and_schedule_both_learn_the_same(folder, glue):
    task = sst2(glue, train=150, epochs=8, rate=2e-3, dropout=0.0)
    ours, trainers = in_step(folder, task, task.data(None), 0)
    assert ours.shape == trainers.shape == (40, 2)
    assert np.ptp(ours[:, 0] - ours[:, 1]) > 0.5  # something was learnt
    np.testing.assert_allclose(ours, trainers, atol=1e-4)
    others, _ = in_step(folder, task, task.data(None), 1)
    assert abs(others - ours).max() > 0.05  # and another head and order would show


@pytest.mark.parametrize("sampling", ["random", "group_by_length"])
def test_the_trainers_answers_are_scored_in_its_own_order(folder, glue, sampling):
    """A Trainer that groups by length predicts in that order, too."""
    task = sst2(glue, train=150, epochs=8, rate=2e-3)
    assert theirs(folder, task, task.data(None), 0, sampling=sampling)["accuracy"] > 0.85
