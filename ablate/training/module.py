"""The LightningModule: the model, the objective, one training step, the optimizer. Nothing else."""

from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from ablate.data.batches import Batch
from ablate.models.encoder import Encoder
from ablate.objectives.pretraining import Objective


class Pretraining(pl.LightningModule):
    """One arm in training. `factor(update)` is what the schedule multiplies every learning rate by."""

    def __init__(
        self,
        *,
        model: Encoder,
        objective: Objective,
        optimizer: Callable[..., Optimizer],
        factor: Callable[[int], float],
        accumulate: int = 1,
    ) -> None:
        super().__init__()
        self.model = model
        self.objective = objective
        self.build_optimizer = optimizer
        self.factor = factor
        self.accumulate = accumulate

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """The microbatch's contribution to the update's mean loss.

        Lightning divides by `accumulate`; contributions already add up to the update's mean, so that is undone.
        """
        terms = self.objective(self.model, batch)
        return {**terms, "loss": terms["loss"] * self.accumulate, "update_loss": terms["loss"].detach()}

    def configure_optimizers(self) -> dict[str, Any]:
        """One optimizer over the model's named parameters, its learning rates scheduled per update.

        An objective that learns something itself, such as a projection, adds its own.
        """
        named = list(self.model.named_parameters())
        if isinstance(self.objective, nn.Module):
            named += [(f"objective.{name}", parameter) for name, parameter in self.objective.named_parameters()]
        optimizer = self.build_optimizer(named)
        scheduler = LambdaLR(optimizer, self.factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
