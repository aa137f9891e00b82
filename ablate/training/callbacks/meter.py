"""What a run has used so far: seconds of training, masked predictions, padded positions."""

import time
from typing import Any

import pytorch_lightning as pl

from ablate.training.budget import Budget


class Meter(pl.Callback):
    """Counts over interruptions; stops a run whose budget is in seconds.

    `seconds` are those of training steps: evaluation, checkpoints and start-up are left out.
    """

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.seconds = 0.0
        self.masked = 0
        self.positions = 0
        self._started: float | None = None
        self._seen = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin where the checkpoint is."""
        self._seen = trainer.global_step

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Start the clock where it stands still."""
        self._started = time.perf_counter() if self._started is None else self._started

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count a microbatch; stop at the end of the update in which the seconds are used up."""
        self.tick()
        self.masked += batch["masked_labels"].shape[0]
        self.positions += batch["input_ids"].numel()
        updated, self._seen = trainer.global_step != self._seen, trainer.global_step
        if updated and self.budget.updates is None and self.budget.spent(trainer.global_step, self.seconds):
            trainer.should_stop = True

    def tick(self) -> None:
        """Add the time since the last tick."""
        now = time.perf_counter()
        self.seconds += now - (self._started or now)
        self._started = now

    def pause(self) -> None:
        """Let the clock stand still until the next microbatch."""
        self._started = None

    def state_dict(self) -> dict[str, Any]:
        """The counts."""
        return {"seconds": self.seconds, "masked": self.masked, "positions": self.positions}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue counting."""
        self.seconds, self.masked = float(state_dict["seconds"]), int(state_dict["masked"])
        self.positions = int(state_dict["positions"])
