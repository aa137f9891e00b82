"""Objectives: what a batch contributes to the loss of its update."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from jaxtyping import Float, Int64
from torch import Tensor

from ablate.data.batches import Batch
from ablate.models.encoder import Encoder
from ablate.objectives.losses import cross_entropy_sum
from ablate.objectives.teacher import Teacher

# What a user may replace by `loss._target_`: the contribution of one microbatch to its update, under `loss`, and other
# entries that are logged as they are. Contributions of an update's microbatches add up, so each is a sum divided by the
# whole update's count.
Objective = Callable[[Encoder, Batch], dict[str, Tensor]]


@runtime_checkable
class Teachable(Protocol):
    """A loss that becomes an objective once it has a teacher (where `needs_teacher`) and knows its student."""

    @property
    def needs_teacher(self) -> bool:
        """Whether any of its terms compares with a teacher."""
        ...

    def guess_loss(self, uniform: float) -> float:
        """What a uniform guess costs, where it costs `uniform` nats on hard labels; inf where there is no bound."""
        ...

    def taught(self, teacher: Teacher | None, student: Encoder, *, seed: int) -> Objective:
        """The objective; `seed` draws what it learns itself, such as a projection."""
        ...


def at_positions(hidden: Float[Tensor, "batch seq width"], positions: Int64[Tensor, " n"]) -> Float[Tensor, "n width"]:
    """The hidden states at flat positions of a batch."""
    return hidden.flatten(0, 1).index_select(0, positions)


def masked_hidden(hidden: Float[Tensor, "batch seq width"], batch: Batch) -> Float[Tensor, "masked width"]:
    """The hidden states at the batch's masked positions, in the order of its labels."""
    return at_positions(hidden, batch["masked_positions"])


def next_sentence_loss(model: Encoder, hidden: Float[Tensor, "batch seq width"], batch: Batch) -> Float[Tensor, ""]:
    """Next-sentence cross-entropy, a mean over the update's sequences, in nats."""
    return cross_entropy_sum(model.nsp_logits(hidden), batch["next_sentence_label"]) / batch["update_sequences"]


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
        nsp = next_sentence_loss(model, hidden, batch)
        return {"loss": mlm + nsp, "mlm_loss": mlm.detach(), "nsp_loss": nsp.detach()}
