"""What every model gives to training and evaluation."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn


@dataclass(frozen=True)
class Layers:
    """What an encoder's layers give, the first layer first; attention weights only where they were asked for."""

    hidden: tuple[Float[Tensor, "batch seq width"], ...]
    attention: tuple[Float[Tensor, "batch heads seq seq"], ...]


class Encoder(nn.Module, ABC):
    """What training and evaluation need of a model. A user's own model (`model._target_`) is a subclass."""

    @abstractmethod
    def hidden_states(
        self,
        input_ids: Int64[Tensor, "batch seq"],
        attention_mask: Bool[Tensor, "batch seq"] | None,
        token_type_ids: Int64[Tensor, "batch seq"] | None,
    ) -> Float[Tensor, "batch seq width"]:
        """The last layer's output; without a mask no position is padding."""

    @abstractmethod
    def mlm_logits(self, hidden: Float[Tensor, "positions width"]) -> Float[Tensor, "positions vocab"]:
        """Logits over the vocabulary at chosen positions."""

    @abstractmethod
    def nsp_logits(self, hidden: Float[Tensor, "batch seq width"]) -> Float[Tensor, "batch 2"]:
        """Logits of continuation (0) against random (1)."""

    @abstractmethod
    def forward_flops(self, *, length: float) -> tuple[float, float]:
        """FLOPs of the forward pass: per position at a sequence length, and of the MLM head per masked position."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write a folder that Hugging Face's AutoModel loads."""

    @abstractmethod
    def load(self, folder: Path) -> None:
        """Take the weights of such a folder."""
