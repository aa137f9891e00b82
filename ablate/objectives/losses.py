"""Losses as pure functions: tensors in, a sum out; who calls them decides what to divide by."""

import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor


def cross_entropy_sum(logits: Float[Tensor, "n classes"], labels: Int64[Tensor, " n"]) -> Float[Tensor, ""]:
    """Sum over n of -log softmax(logits)[label], in nats, computed in float32 whatever the logits are."""
    return F.cross_entropy(logits.float(), labels, reduction="sum")
