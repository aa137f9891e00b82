"""Resumable state: the latest checkpoint and the one before it, each written whole or not at all."""

import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from ablate.training.callbacks.meter import Meter

LAST, PREVIOUS = "last.ckpt", "previous.ckpt"


class KeepResumable(pl.Callback):
    """Save after the first update at least `minutes` after the last save, and at the end: evaluation may take longer
    than training, and be killed. Place this callback last."""

    def __init__(self, folder: Path, *, minutes: float, meter: Meter) -> None:
        self.folder, self.interval, self.meter = folder, 60.0 * minutes, meter
        self._saved = time.monotonic()
        self._began = self._seen = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin counting."""
        self._saved = time.monotonic()
        self._began = self._seen = trainer.global_step

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save between updates when it is time."""
        if trainer.global_step != self._seen and time.monotonic() - self._saved >= self.interval:
            self.meter.pause()
            self.save(trainer)
            self._saved = time.monotonic()
        self._seen = trainer.global_step

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the trained model's state, unless it was loaded as it is."""
        if trainer.global_step != self._began:
            self.save(trainer)

    def save(self, trainer: pl.Trainer) -> None:
        """Write beside, then rename: a kill at any moment leaves a whole checkpoint."""
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.folder / "part.ckpt"
        trainer.save_checkpoint(part)
        if (self.folder / LAST).exists():
            (self.folder / LAST).replace(self.folder / PREVIOUS)
        part.replace(self.folder / LAST)
