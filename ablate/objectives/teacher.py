"""The teacher: a frozen model that is asked for its outputs at the positions that a loss needs."""

import time

import torch
from jaxtyping import Int64
from torch import Tensor

from ablate.data.batches import Batch
from ablate.models.bert import Bert
from ablate.objectives.outputs import Asked, Given
from ablate.objectives.teacher_store import TeacherStore, key_of

_TIMED = 16  # one call in so many waits for the device, so that its time is known


class Teacher:
    """A frozen model; not a torch module, so that neither optimizer nor checkpoint ever sees it.

    Its forward pass runs without gradients, in whatever autocast the caller is in, with token types and positions as
    it was trained, and gives logits only at the positions asked for.
    """

    def __init__(self, model: Bert, *, name: str, keep: int | None = None, store: TeacherStore | None = None) -> None:
        """keep: how many of its logits per position count one by one; None for all."""
        self.model, self.name, self.keep, self.store = model.eval().requires_grad_(False), name, keep, store
        self.calls = self.timed = 0
        self._seconds = 0.0

    def __call__(self, batch: Batch, positions: Int64[Tensor, " n"], asked: Asked) -> Given:
        """The outputs at flat positions of a batch."""
        self.calls += 1
        timed = self.calls % _TIMED == 1
        started = self._now() if timed else 0.0
        given = self._kept(batch, positions, asked)
        if timed:
            self._seconds += self._now() - started
            self.timed += 1
        return given

    @property
    def seconds_per_call(self) -> float:
        """Mean time of a call."""
        return self._seconds / max(self.timed, 1)

    def _now(self) -> float:
        if next(self.model.parameters()).device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    def _kept(self, batch: Batch, positions: Int64[Tensor, " n"], asked: Asked) -> Given:
        if self.store is None or asked.layers or asked.attention:
            return self._forward(batch, positions, asked)
        key = key_of(batch, positions, asked)
        given = self.store.read(key)
        if given is None:
            given = self._forward(batch, positions, asked)
            self.store.write(key, given)
        return given.to(positions.device)

    @torch.no_grad()
    def _forward(self, batch: Batch, positions: Int64[Tensor, " n"], asked: Asked) -> Given:
        inputs = batch["input_ids"], batch["attention_mask"], batch["token_type_ids"]
        layers = None
        if asked.layers or asked.attention:
            layers = self.model.layers(*inputs, attention=asked.attention)
            hidden = layers.hidden[-1]
        else:
            hidden = self.model.hidden_states(*inputs)
        at = hidden.flatten(0, 1).index_select(0, positions)
        logits, classes, log_normaliser = None, None, None
        if asked.logits:
            logits = self.model.mlm_logits(at)
            if asked.keep is not None and asked.keep < logits.shape[-1]:
                log_normaliser = torch.logsumexp(logits.float() / asked.temperature, dim=-1)
                logits, classes = logits.topk(asked.keep, dim=-1)
        return Given(logits, classes, log_normaliser, at if asked.hidden else None, layers)


def teacher_flops(teacher: Teacher, *, length: float, tokens: float, predictions: float) -> float:
    """FLOPs of the teacher's forward pass over so many tokens, its output layer at so many positions."""
    encoder, head = teacher.model.forward_flops(length=length)
    return tokens * encoder + predictions * head
