"""Training curves: mean losses since the last row, to metrics.csv and any Lightning loggers."""

from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import Logger

from ablate.runs.curves import CurveFile, read_curves
from ablate.training.callbacks.meter import Meter
from ablate.training.divergence import check


class Curve(pl.Callback):
    """Every `every` updates, one row: step, tokens, seconds, learning rate, mean losses.

    Losses stay tensors until a row is due, so that a GPU is not waited for; there divergence is looked for.
    """

    def __init__(
        self, file: CurveFile, *, every: int, batch_tokens: int, meter: Meter, uniform_loss: float,
        loggers: list[Logger],
    ) -> None:  # fmt: skip
        self.file, self.every, self.batch_tokens, self.meter = file, every, batch_tokens, meter
        self.uniform_loss, self.loggers = uniform_loss, loggers
        self.sums: dict[str, torch.Tensor] = {}
        self.updates = 0
        self._seen = 0
        self._lr = 0.0
        self.latest: dict[str, float] = {}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Cut the file back to where the checkpoint is."""
        self._seen = trainer.global_step
        self.file.cut(trainer.global_step)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Note the learning rate: once an update is done, that of the next one is set."""
        self._lr = float(trainer.optimizers[0].param_groups[-1]["lr"])

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Add the microbatch's contribution; at the end of an update, perhaps write a row."""
        for name, value in outputs.items():
            if name != "loss":
                self.sums[name] = self.sums[name] + value if name in self.sums else value
        if trainer.global_step == self._seen:
            return
        self._seen = trainer.global_step
        self.updates += 1
        if self.updates >= self.every:
            self.flush(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the last row before the trained model's checkpoint is, which then holds no row in the making."""
        self.flush(trainer)

    def flush(self, trainer: pl.Trainer) -> None:
        """Write a row of means over the updates since the last one.

        Raises:
            Diverged: the mean loss is not finite or far above that of a uniform guess.
        """
        if not self.updates:
            return
        means = {name: float(total) / self.updates for name, total in self.sums.items()}
        loss = means.pop("update_loss")
        self.sums, self.updates = {}, 0
        self.latest = {"train/loss": loss, **{f"train/{k}": v for k, v in means.items()}, "lr": self._lr}
        self.write(trainer, self.latest)
        check(loss, update=trainer.global_step, uniform_loss=self.uniform_loss)

    def losses(self) -> list[float]:
        """The mean training losses written so far (nats, where no term is weighted), those of before a resume too."""
        return read_curves(self.file.path)["train/loss"].dropna().tolist()

    def finish(self, values: dict[str, float], *, updates: int) -> None:
        """The row of the final evaluation."""
        self._write(updates, values)

    def write(self, trainer: pl.Trainer, values: dict[str, float]) -> None:
        """One row at the present update, to the file and to every logger."""
        self._write(trainer.global_step, values)

    def _write(self, step: int, values: dict[str, float]) -> None:
        row = {"tokens": step * self.batch_tokens, "seconds": round(self.meter.seconds, 3), **values}
        self.file.append(step, row)
        for logger in self.loggers:
            logger.log_metrics(row, step=step)

    def state_dict(self) -> dict[str, Any]:
        """The sums of a row in the making, so that a resumed run writes the same row; and where it is."""
        sums = {k: v.detach().cpu() for k, v in self.sums.items()}
        return {"sums": sums, "updates": self.updates, "step": self._seen}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue the row; the file is cut here too, for nothing starts where training is over."""
        self.sums, self.updates = dict(state_dict["sums"]), int(state_dict["updates"])
        if "step" in state_dict:  # not in checkpoints of earlier versions
            self.file.cut(int(state_dict["step"]))
