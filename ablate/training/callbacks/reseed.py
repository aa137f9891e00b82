"""Dropout's random numbers as a function of the update, so that a resumed run draws the same ones."""

from typing import Any

import pytorch_lightning as pl
import torch

from ablate.data.hashing import mix


class ReseedDropout(pl.Callback):
    """Seed torch's generators from (stream, update, microbatch) before each microbatch."""

    def __init__(self, stream: int) -> None:
        self.stream = stream

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Reseed."""
        torch.manual_seed(int(mix(self.stream, trainer.global_step, batch_idx % trainer.accumulate_grad_batches)) >> 1)
