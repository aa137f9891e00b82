"""Fresh heads on an encoder, one per kind of task: logits and a loss."""

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from ablate.objectives.losses import kl_divergence_sum

STD = 0.02  # of fresh weights, as BERT's
NOWHERE = -1e4  # a logit that leaves a position no share, and no gradient of nan


class PooledHead(nn.Module):
    """A fresh pooler on [CLS] (dense, tanh), dropout, and a linear layer: classes, or one number for regression."""

    def __init__(self, width: int, outputs: int, *, dropout: float) -> None:
        super().__init__()
        self.pooler = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(width, outputs)

    def forward(self, hidden: Float[Tensor, "batch seq width"]) -> Float[Tensor, "batch outputs"]:
        """Logits."""
        return self.output(self.dropout(torch.tanh(self.pooler(hidden[:, 0]))))


class SpanHead(nn.Module):
    """Start and end logits at every token (Devlin et al. 2019, section 4.2)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.output = nn.Linear(width, 2)

    def forward(self, hidden: Float[Tensor, "batch seq width"]) -> Float[Tensor, "batch 2 seq"]:
        """Logits of start and end."""
        return self.output(hidden).transpose(1, 2)


def classification_loss(logits: Float[Tensor, "batch classes"], labels: Int64[Tensor, " batch"]) -> Float[Tensor, ""]:
    """Cross-entropy, in nats."""
    return F.cross_entropy(logits.float(), labels)


def regression_loss(logits: Float[Tensor, "batch 1"], labels: Float[Tensor, " batch"]) -> Float[Tensor, ""]:
    """Mean squared error."""
    return F.mse_loss(logits.float().squeeze(1), labels)


def span_loss(logits: Float[Tensor, "batch 2 seq"], labels: Int64[Tensor, "batch 2"]) -> Float[Tensor, ""]:
    """Mean cross-entropy of the start's and the end's position."""
    return F.cross_entropy(logits.float().flatten(0, 1), labels.flatten())


def soft_classification_loss(
    logits: Float[Tensor, "batch classes"],
    teacher: Float[Tensor, "batch classes"],
    mask: Bool[Tensor, "batch seq"] | None,  # noqa: ARG001 (of spans)
    temperature: float,
) -> Float[Tensor, ""]:
    """Mean of T^2 KL(teacher || student) at temperature T, in nats."""
    return kl_divergence_sum(logits, teacher, temperature=temperature) / len(logits)


def soft_regression_loss(
    logits: Float[Tensor, "batch 1"],
    teacher: Float[Tensor, "batch 1"],
    mask: Bool[Tensor, "batch seq"] | None,  # noqa: ARG001 (of spans)
    temperature: float,  # noqa: ARG001 (one number has none)
) -> Float[Tensor, ""]:
    """Mean squared distance from the teacher's number."""
    return F.mse_loss(logits.float(), teacher)


def soft_span_loss(
    logits: Float[Tensor, "batch 2 seq"],
    teacher: Float[Tensor, "batch 2 seq"],
    mask: Bool[Tensor, "batch seq"] | None,
    temperature: float,
) -> Float[Tensor, ""]:
    """Mean over starts and ends of T^2 KL(teacher || student) between positions, padding left out."""
    if mask is not None:
        logits, teacher = (x.float().masked_fill(~mask[:, None], NOWHERE) for x in (logits, teacher))
    return kl_divergence_sum(logits.flatten(0, 1), teacher.flatten(0, 1), temperature=temperature) / (2 * len(logits))


def baseline_loss(kind: str, labels: np.ndarray) -> float:
    """The training loss of a model that ignores its input: entropy of the labels, or their variance."""
    if kind == "regression":
        return float(np.var(labels))
    if kind == "span":
        return math.inf
    counts = np.bincount(labels)
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())


LOSSES: dict[str, Any] = {
    "classification": classification_loss, "regression": regression_loss, "span": span_loss,
}  # fmt: skip
SOFT_LOSSES: dict[str, Any] = {
    "classification": soft_classification_loss, "regression": soft_regression_loss, "span": soft_span_loss,
}  # fmt: skip
