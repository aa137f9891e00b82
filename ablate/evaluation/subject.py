"""What is evaluated: an encoder that gives features, its tokenizer, and how it is executed."""

import copy
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int64
from tokenizers import Tokenizer
from torch import Tensor, nn

from ablate.models.dropout import use_torchs_own
from ablate.training.precision import Precision


@dataclass(frozen=True)
class Subject:
    """A pretrained encoder under evaluation. `length` is the longest input in tokens that it may be given."""

    model: nn.Module  # an Encoder or a FolderEncoder: all that is asked of it is hidden_states
    tokenizer: Tokenizer
    pad: int
    length: int
    device: torch.device
    precision: Precision

    def features(
        self, input_ids: Int64[Tensor, "batch seq"], mask: Bool[Tensor, "batch seq"] | None
    ) -> Float[Tensor, "batch seq width"]:
        """The model's last hidden states, all token types 0."""
        return self.model.hidden_states(input_ids, mask, None)  # type: ignore[operator]

    def copied(self) -> "Subject":
        """With a copy of the model, to be trained on: with torch's dropout, as the model's folder gives it."""
        model = copy.deepcopy(self.model)
        use_torchs_own(model)
        return replace(self, model=model)

    @torch.no_grad()
    def width(self) -> int:
        """Of the hidden states. Draws no random numbers: whoever asks in a seeded block gets the same ones after."""
        training = self.model.training
        self.model.eval()
        one = torch.full((1, 1), self.pad, device=self.device)
        found = int(self.features(one, None).shape[-1])
        self.model.train(training)
        return found
