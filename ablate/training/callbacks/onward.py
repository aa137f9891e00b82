"""Microbatches counted from the update that a checkpoint holds, so that a run may go on in parts of another size."""

from typing import Any

import pytorch_lightning as pl


class CountFromUpdate(pl.Callback):
    """On resuming, `trainer.accumulate` may be another one: what is executed may change, what is trained may not (but
    for the draws of dropout, which go by part).
    """

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Set Lightning's counts of batches, from which it takes where an update ends."""
        progress = checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]
        ready = checkpoint["global_step"] * trainer.accumulate_grad_batches
        for counts in (progress["total"], progress["current"]):
            shift = ready - counts["ready"]
            counts.update({name: count + shift for name, count in counts.items()})
