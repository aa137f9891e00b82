"""Fresh heads on an encoder, one per kind of task: logits and a loss."""

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from ablate.data.hashing import key_of, mix

STD = 0.02  # of fresh weights, as BERT's


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


def initialise(head: nn.Module, *, seed: int) -> None:
    """Draw weights from N(0, STD), each parameter from a stream of its own by (seed, name, shape); zero biases."""
    for name, parameter in head.named_parameters():
        with torch.no_grad():
            if name.endswith("bias"):
                parameter.zero_()
            else:
                generator = torch.Generator().manual_seed(int(mix(seed, key_of(name), *parameter.shape)) >> 1)
                parameter.copy_(torch.empty(parameter.shape).normal_(0.0, STD, generator=generator))


def classification_loss(logits: Float[Tensor, "batch classes"], labels: Int64[Tensor, " batch"]) -> Float[Tensor, ""]:
    """Cross-entropy, in nats."""
    return F.cross_entropy(logits.float(), labels)


def regression_loss(logits: Float[Tensor, "batch 1"], labels: Float[Tensor, " batch"]) -> Float[Tensor, ""]:
    """Mean squared error."""
    return F.mse_loss(logits.float().squeeze(1), labels)


def span_loss(logits: Float[Tensor, "batch 2 seq"], labels: Int64[Tensor, "batch 2"]) -> Float[Tensor, ""]:
    """Mean cross-entropy of the start's and the end's position."""
    return F.cross_entropy(logits.float().flatten(0, 1), labels.flatten())


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
