"""Scores per test example from predictions/<task>.parquet, for the crossed analysis of seeds and examples."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ablate.stats.crossed import average_finetunings, f1_scores, mcc_scores

COLUMNS = ("id", "label", "prediction", "finetuning_seed")


def example_scores(runs: Sequence[Sequence[Path]], *, task: str, score: str) -> list[np.ndarray] | None:
    """Per arm `(num_seeds, num_examples)`, larger is better; None where a run has no predictions or other examples.

    runs: directories, per arm one per seed. Fine-tuning seeds are averaged within the pretraining seed.
    """
    frames = [[_predictions(directory, task) for directory in arm] for arm in runs]
    known = [frame for arm in frames for frame in arm if frame is not None]
    if len(known) < sum(len(arm) for arm in frames) or not known:
        return None
    examples = known[0]["id"].drop_duplicates().to_numpy()
    made = [[_of_run(frame, examples, score) for frame in arm if frame is not None] for arm in frames]
    if any(one is None for arm in made for one in arm):
        return None
    return [np.stack([one for one in arm if one is not None]) for arm in made]


def _predictions(directory: Path, task: str) -> pd.DataFrame | None:
    path = directory / "predictions" / f"{task}.parquet"
    if not path.exists():
        return None
    frame = pd.read_parquet(path)
    return frame if set(COLUMNS) <= set(frame.columns) else None


def _of_run(frame: pd.DataFrame, examples: np.ndarray, score: str) -> np.ndarray | None:
    predicted = frame.pivot(index="finetuning_seed", columns="id", values="prediction")
    if set(predicted.columns) != set(examples) or predicted.isna().to_numpy().any():
        return None
    labels = frame.drop_duplicates("id").set_index("id")["label"].reindex(examples).to_numpy()
    predictions = predicted.reindex(columns=examples).to_numpy()
    if score == "accuracy":
        scores = (predictions == labels).astype(np.float64)
    elif set(np.unique(labels)) <= {0, 1} and set(np.unique(predictions)) <= {0, 1}:
        pseudo = f1_scores if score == "f1" else mcc_scores
        scores = pseudo(labels=labels.astype(bool), predictions=predictions.astype(bool))
    else:
        return None
    return average_finetunings(scores[None])[0]
