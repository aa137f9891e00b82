"""Scores per example from predictions: against plain loops, and refused where the examples differ."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import matthews_corrcoef

from ablate.studies.examples import example_scores


def write(directory, labels, predictions):
    """predictions: one row per fine-tuning seed."""
    (directory / "predictions").mkdir(parents=True)
    frame = pd.concat(
        pd.DataFrame({"id": np.arange(len(labels)), "label": labels, "prediction": row, "score": 0.0,
                      "finetuning_seed": k}).sample(frac=1, random_state=k)
        for k, row in enumerate(predictions)
    )  # fmt: skip
    frame.to_parquet(directory / "predictions" / "sst2.parquet", index=False)


@pytest.fixture
def runs(tmp_path):
    """Two arms, three seeds, two fine-tuning seeds, 40 examples."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 40)
    made = rng.integers(0, 2, (2, 3, 2, 40))
    folders = [[tmp_path / f"{arm}-{seed}" for seed in range(3)] for arm in range(2)]
    for arm in range(2):
        for seed in range(3):
            write(folders[arm][seed], labels, made[arm, seed])
    return folders, labels, made


def test_accuracy_is_the_mean_over_fine_tunings_per_example(runs):
    folders, labels, made = runs
    scores = example_scores(folders, task="sst2", score="accuracy")
    for arm in range(2):
        expected = (made[arm] == labels).mean(axis=1)
        # the order of the examples is the first file's; all that matters is that every run has the same
        assert np.allclose(np.sort(scores[arm], axis=1), np.sort(expected, axis=1))
    order = pd.read_parquet(folders[0][0] / "predictions" / "sst2.parquet")["id"].unique()
    assert np.allclose(scores[1], (made[1] == labels).mean(axis=1)[:, order])


def test_pseudo_values_of_mcc_average_to_its_jackknife(runs):
    folders, labels, made = runs
    scores = example_scores(folders, task="sst2", score="mcc")
    per_seed = []
    for row in made[0, 0]:
        whole = matthews_corrcoef(labels, row)
        without = [matthews_corrcoef(np.delete(labels, i), np.delete(row, i)) for i in range(40)]
        per_seed.append(40 * whole - 39 * np.mean(without))
    assert scores[0][0].mean() == pytest.approx(np.mean(per_seed))


def test_other_examples_or_none_give_nothing(runs, tmp_path):
    folders, labels, made = runs
    assert example_scores(folders, task="cola", score="accuracy") is None
    other = tmp_path / "other"
    write(other, labels[:39], made[0, 0][:, :39])
    assert example_scores([folders[0], [*folders[1][:2], other]], task="sst2", score="accuracy") is None
