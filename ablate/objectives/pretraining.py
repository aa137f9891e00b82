"""Objectives: what a batch contributes to the loss of its update."""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

from ablate.data.batches import Batch
from ablate.models.encoder import Encoder
from ablate.objectives.losses import cross_entropy_sum

# What a user may replace by `loss._target_`: the contribution of one microbatch to its update, under `loss`, and other
# entries that are logged as they are. Contributions of an update's microbatches add up, so each is a sum divided by the
# whole update's count.
Objective = Callable[[Encoder, Batch], dict[str, Tensor]]


def masked_hidden(hidden: Float[Tensor, "batch seq width"], batch: Batch) -> Float[Tensor, "masked width"]:
    """The hidden states at the batch's masked positions, in the order of its labels."""
    return hidden.flatten(0, 1).index_select(0, batch["masked_positions"])


class HardLabels:
    """L = L_MLM + L_NSP, each a mean over the update (Devlin et al. 2019, A.2); L_NSP only where `nsp` is on."""

    def __init__(self, *, nsp: bool) -> None:
        self.nsp = nsp

    def __call__(self, model: Encoder, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """Mean cross-entropy at the masked positions, plus next-sentence cross-entropy per sequence, in nats."""
        hidden = model.hidden_states(batch["input_ids"], batch["attention_mask"], batch["token_type_ids"])
        logits = model.mlm_logits(masked_hidden(hidden, batch))
        mlm = cross_entropy_sum(logits, batch["masked_labels"]) / batch["update_masked"]
        if not self.nsp:
            return {"loss": mlm, "mlm_loss": mlm.detach()}
        pairs = model.nsp_logits(hidden)
        nsp = cross_entropy_sum(pairs, batch["next_sentence_label"]) / batch["update_sequences"]
        return {"loss": mlm + nsp, "mlm_loss": mlm.detach(), "nsp_loss": nsp.detach()}
