"""A progress bar with loss, tokens per second and time left; lines where there is no terminal."""

import time
from typing import Any

import pytorch_lightning as pl
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from ablate.training.callbacks.curve import Curve


class ShowProgress(pl.Callback):
    """A rich bar on a terminal; nothing elsewhere, where the evaluations print their lines."""

    def __init__(self, console: Console, *, name: str, updates: int | None, batch_tokens: int, curve: Curve) -> None:
        self.curve, self.batch_tokens, self.updates = curve, batch_tokens, updates
        self.bar = Progress(
            TextColumn("{task.description}"), BarColumn(bar_width=14), TaskProgressColumn(),
            TextColumn("loss {task.fields[loss]}  {task.fields[speed]}"), TimeRemainingColumn(), console=console,
        )  # fmt: skip
        self.task = self.bar.add_task(shortened(name), total=updates, loss="-", speed="")
        self._shown, self._at = time.monotonic(), 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Show the bar."""
        self._at, self._shown = trainer.global_step, time.monotonic()
        self.bar.start()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Move the bar at most twice a second."""
        now = time.monotonic()
        if now - self._shown < 0.5:
            return
        speed = (trainer.global_step - self._at) * self.batch_tokens / (now - self._shown)
        self._shown, self._at = now, trainer.global_step
        loss = self.curve.latest.get("train/loss")
        self.bar.update(
            self.task, completed=trainer.global_step, speed=f"{speed:,.0f} tokens/s",
            loss="-" if loss is None else f"{loss:.3f}",
        )  # fmt: skip

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the bar away."""
        self.bar.stop()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Take the bar away."""
        self.bar.stop()


def shortened(name: str, width: int = 18) -> str:
    """The name in at most `width` characters, so that a line of 80 holds the bar."""
    return name if len(name) <= width else name[: width - 1] + "…"
