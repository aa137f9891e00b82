"""The fixed evaluation at a grid of token counts, so that one run gives a curve."""

import math
from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl

from ablate.models.encoder import Encoder
from ablate.training.callbacks.curve import Curve
from ablate.training.callbacks.meter import Meter


class EvaluateOnGrid(pl.Callback):
    """Evaluate at the first update at or past each multiple of `every_tokens`; the end of the run is left out."""

    def __init__(
        self, evaluate: Callable[[Encoder], dict[str, float]], *, every_tokens: float, batch_tokens: int,
        updates: int | None, curve: Curve, meter: Meter, report: Callable[[int, dict[str, float]], None],
    ) -> None:  # fmt: skip
        self.evaluate, self.curve, self.meter, self.report = evaluate, curve, meter, report
        self.every_tokens, self.batch_tokens, self.updates = every_tokens, batch_tokens, updates
        self._seen = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin, or go on after a checkpoint."""
        self._seen = trainer.global_step

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Evaluate where the update crosses the grid."""
        update = trainer.global_step
        if update == self._seen or update == self.updates:
            return
        self._seen = update
        if crosses_grid(update, updates_per_point=self.every_tokens / self.batch_tokens):
            self.meter.pause()
            self.curve.flush(trainer)
            values = self.evaluate(pl_module.model)
            self.curve.write(trainer, values)
            self.report(update, values)


def crosses_grid(update: int, *, updates_per_point: float) -> bool:
    """Whether the grid of multiples of `updates_per_point` has a point in (update - 1, update]."""
    return math.floor(update / updates_per_point + 1e-9) > math.floor((update - 1) / updates_per_point + 1e-9)
