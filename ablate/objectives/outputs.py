"""What a loss asks of a teacher, and what the teacher gives."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from ablate.models.encoder import Layers
from ablate.objectives.losses import kept_kl_divergence_sum, kl_divergence_sum


@dataclass(frozen=True)
class Asked:
    """What a loss needs of the teacher. keep: how many of the largest logits per position; None for all of them."""

    logits: bool
    hidden: bool
    layers: bool = False
    attention: bool = False
    keep: int | None = None
    temperature: float = 1.0


@dataclass(frozen=True)
class Given:
    """The teacher's outputs at chosen positions; None where they were not asked for.

    classes and log_normaliser come with kept logits only: which classes these are, and logsumexp(logits / T) of all.
    """

    logits: Float[Tensor, "n kept"] | None = None
    classes: Int64[Tensor, "n kept"] | None = None
    log_normaliser: Float[Tensor, " n"] | None = None
    hidden: Float[Tensor, "n width"] | None = None
    layers: Layers | None = None

    def soft_loss(self, student_logits: Float[Tensor, "n classes"], *, temperature: float) -> Float[Tensor, ""]:
        """Sum over positions of the divergence from these logits, all or kept."""
        assert self.logits is not None
        if self.classes is None or self.log_normaliser is None:
            return kl_divergence_sum(student_logits, self.logits, temperature=temperature)
        return kept_kl_divergence_sum(
            student_logits, self.logits, self.classes, self.log_normaliser, temperature=temperature
        )

    def left_out(self, *, temperature: float) -> Float[Tensor, ""] | None:
        """Mean share of the teacher's probability that is not in the kept classes; None where all are kept."""
        if self.logits is None or self.log_normaliser is None:
            return None
        return 1.0 - (self.logits.float() / temperature - self.log_normaliser[:, None]).exp().sum(dim=-1).mean()

    def to(self, device: torch.device) -> "Given":
        """The same on a device; inner layers stay where they are."""
        return Given(
            _moved(self.logits, device), _moved(self.classes, device), _moved(self.log_normaliser, device),
            _moved(self.hidden, device), self.layers,
        )  # fmt: skip


def _moved(one: Tensor | None, device: torch.device) -> Tensor | None:
    return None if one is None else one.to(device)
