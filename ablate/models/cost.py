"""What a model costs: parameters and floating-point operations."""

import math

from torch import nn


def encoder_flops(*, layers: int, width: int, intermediate: int, length: float) -> float:
    """FLOPs of the encoder's forward pass per position, a multiply-add counted as two.

    Per layer: the four attention projections (8 d^2), scores and weighted values over `length` positions
    (4 d length), the two feed-forward matrices (4 d d_ff). Norms, activations and embeddings are left out, as in
    Kaplan et al. 2020, section 2.1.
    """
    return layers * (8 * width**2 + 4 * width * length + 4 * width * intermediate)


def head_flops(*, width: int, vocabulary: int) -> float:
    """FLOPs of the MLM head's forward pass per masked position: its transform (2 d^2) and the decoder (2 d V)."""
    return 2 * width**2 + 2 * width * vocabulary


def training_flops(forward: float) -> float:
    """Forward and backward: the backward pass costs twice the forward pass (Kaplan et al. 2020, section 2.1)."""
    return 3.0 * forward


def count_parameters(model: nn.Module) -> tuple[int, int]:
    """All parameters (tied ones once), and those outside embeddings."""
    total = sum(p.numel() for p in model.parameters())
    embeddings = {m.weight for m in model.modules() if isinstance(m, nn.Embedding)}
    return total, total - sum(math.prod(w.shape) for w in embeddings)
