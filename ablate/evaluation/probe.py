"""A frozen probe: a linear model on the encoder's mean features. Seconds, no seed, no training of the encoder."""

import numpy as np
import torch
from jaxtyping import Float32
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from ablate.evaluation.encoding import Encoded, batches_by_length, encode
from ablate.evaluation.finetuning import Answers, score_of
from ablate.evaluation.subject import Subject
from ablate.evaluation.tasks import Task, TaskData
from ablate.training.precision import autocast

STRENGTHS = (1.0, 0.1, 0.01, 0.001)  # inverse regularisation, chosen on the split of train


def probe(subject: Subject, task: Task, data: TaskData) -> dict[str, Answers]:
    """Fit on train, choose the regularisation on the split of train, answer the test sets."""
    frames = {"train": data.train, "development": data.development, **{f"test/{k}": v for k, v in data.tests.items()}}
    length = min(subject.length, task.max_length)
    features = {
        name: mean_features(subject, encode(subject.tokenizer, frame, length=length, pad=subject.pad), pair=task.pair)
        for name, frame in frames.items()
    }
    labels = data.train["label"].to_numpy()
    fitted = [_linear(task, strength).fit(features["train"], labels) for strength in STRENGTHS]
    held_out = data.development["label"].to_numpy()

    def merit(model: Pipeline) -> float:
        given = _answers(task, model, features["development"], held_out)
        return score_of(task, data.development, given)[task.metrics[0]]

    best = max(fitted, key=merit)
    return {
        name: _answers(task, best, features[f"test/{name}"], frame["label"].to_numpy())
        for name, frame in data.tests.items()
    }


@torch.inference_mode()
def mean_features(subject: Subject, encoded: Encoded, *, pair: bool) -> Float32[np.ndarray, "rows features"]:
    """Mean of the last hidden states over the text's tokens; of a pair each text's, their distance and product."""
    subject.model.eval()
    blocks, rows = [], list(batches_by_length(encoded.lengths))
    for part in rows:
        ids, mask = encoded.batch(part, subject.device)
        with autocast(subject.device, subject.precision):
            hidden = subject.features(ids, mask).float()
        width = ids.shape[1]
        text = torch.from_numpy(~encoded.special[part, :width]).to(subject.device)
        second = torch.from_numpy(encoded.second[part, :width]).to(subject.device)
        blocks.append(_pair(_mean(hidden, text & ~second), _mean(hidden, second)) if pair else _mean(hidden, text))
    return torch.cat(blocks).cpu().numpy()[np.argsort(np.concatenate(rows))]


def _mean(hidden: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    weights = chosen.float() / chosen.sum(1, keepdim=True).clamp(min=1)
    return torch.einsum("bsw,bs->bw", hidden, weights)


def _pair(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    return torch.cat([first, second, (first - second).abs(), first * second], dim=1)


def _linear(task: Task, strength: float) -> Pipeline:
    if task.kind == "regression":
        return make_pipeline(StandardScaler(), Ridge(alpha=1.0 / strength))
    return make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=200, tol=1e-3))


def _answers(task: Task, fitted: Pipeline, features: np.ndarray, labels: np.ndarray) -> Answers:
    if task.kind == "regression":
        values = np.asarray(fitted.predict(features), dtype=np.float64)
        return Answers(values, values)
    shares = np.zeros((len(features), len(task.labels)))
    shares[:, fitted.classes_] = fitted.predict_proba(features)
    return Answers(shares.argmax(1), shares[np.arange(len(labels)), labels])
