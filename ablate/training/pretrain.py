"""Pretrain one model: the callbacks in their order, then fit. Everything arrives as typed arguments."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytorch_lightning as pl
from pytorch_lightning.loggers import Logger

from ablate.data.module import PretrainingData
from ablate.data.order import UpdatePlan
from ablate.models.encoder import Encoder
from ablate.runs.curves import CurveFile
from ablate.runs.log import RunLog
from ablate.training.budget import Budget
from ablate.training.callbacks.checkpoint import KeepResumable
from ablate.training.callbacks.curve import Curve
from ablate.training.callbacks.evaluate import EvaluateOnGrid
from ablate.training.callbacks.meter import Meter
from ablate.training.callbacks.onward import CountFromUpdate
from ablate.training.callbacks.progress import ShowProgress
from ablate.training.callbacks.reseed import ReseedDropout
from ablate.training.divergence import Diverged, check_end
from ablate.training.fit import Execution, build_trainer, fit
from ablate.training.module import Pretraining


@dataclass(frozen=True)
class Pretrained:
    """What training used."""

    updates: int
    tokens: int
    seconds: float
    masked_predictions: int
    padded_positions: int
    microbatches: int

    @property
    def seconds_per_call(self) -> float:
        """Mean time of a microbatch, its share of the optimizer's step included."""
        return self.seconds / max(self.microbatches, 1)


class DivergedAfter(Diverged):
    """A run that diverged, and what it had used by then."""

    def __init__(self, reason: str, used: Pretrained) -> None:
        super().__init__(reason)
        self.used = used


def pretrain(
    module: Pretraining,
    data: PretrainingData,
    *,
    budget: Budget,
    execution: Execution,
    directory: Path,
    meter: Meter,
    dropout_stream: int,
    uniform_loss: float,
    evaluate: Callable[[Encoder], dict[str, float]] | None,
    every_tokens: float,
    log_every: int,
    checkpoint_minutes: float,
    loggers: list[Logger],
    log: RunLog,
    name: str,
    progress: bool,
) -> tuple[Pretrained, Curve]:
    """Train to the end of the budget, resuming where a killed run left off.

    Raises:
        DivergedAfter: the training loss is not finite, has exploded, or has collapsed.
    """
    plan = data.batches.plan
    curve = Curve(
        CurveFile(directory / "metrics.csv"), every=log_every, batch_tokens=plan.batch_tokens, meter=meter,
        uniform_loss=uniform_loss, loggers=loggers,
    )  # fmt: skip
    callbacks: list[pl.Callback] = [CountFromUpdate(), ReseedDropout(dropout_stream), meter, curve]
    if evaluate is not None:
        callbacks.append(
            EvaluateOnGrid(
                evaluate,
                every_tokens=every_tokens,
                batch_tokens=plan.batch_tokens,
                updates=budget.updates,
                curve=curve,
                meter=meter,
                report=_reporter(log, plan.batch_tokens),
            )
        )
    if progress and log.console.is_terminal:
        callbacks.append(
            ShowProgress(log.console, name=name, updates=budget.updates, batch_tokens=plan.batch_tokens, curve=curve)
        )
    checkpoints = directory / "checkpoints"
    callbacks.append(KeepResumable(checkpoints, minutes=checkpoint_minutes, meter=meter))
    trainer = build_trainer(execution, budget, callbacks=callbacks, loggers=loggers)
    try:
        fit(trainer, module, data, checkpoints=checkpoints, notice=log)
        curve.flush(trainer)  # a row that an earlier version's last checkpoint left open
        check_end(curve.losses())
    except Diverged as diverged:
        raise DivergedAfter(str(diverged), _used(trainer, plan, meter)) from None
    return _used(trainer, plan, meter), curve


def _used(trainer: pl.Trainer, plan: UpdatePlan, meter: Meter) -> Pretrained:
    return Pretrained(
        updates=trainer.global_step,
        tokens=plan.tokens_until(trainer.global_step),
        seconds=meter.seconds,
        masked_predictions=meter.masked,
        padded_positions=meter.positions,
        microbatches=trainer.global_step * trainer.accumulate_grad_batches,
    )


def _reporter(log: RunLog, batch_tokens: int) -> Callable[[int, dict[str, float]], None]:
    def report(update: int, values: dict[str, float]) -> None:
        scores = "  ".join(f"{name} {value:.4f}" for name, value in values.items())
        log(f"{update * batch_tokens:>12,} tokens  {scores}")

    return report
