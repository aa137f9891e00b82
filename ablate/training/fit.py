"""Fit a module to its budget, resumable at any update."""

import pickle
import resource
import signal
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import Logger

from ablate.data.module import PretrainingData
from ablate.errors import UserError
from ablate.training.budget import Budget
from ablate.training.callbacks.checkpoint import LAST, PREVIOUS
from ablate.training.module import Pretraining
from ablate.training.precision import Numerics


@dataclass(frozen=True)
class Execution:
    """How a run is executed. `numerics` are part of its id, `clip` (largest norm of a gradient) of its recipe."""

    device: torch.device
    numerics: Numerics
    accumulate: int = 1
    clip: float | None = None


def build_trainer(
    execution: Execution, budget: Budget, *, callbacks: list[pl.Callback], loggers: list[Logger]
) -> pl.Trainer:
    """A Trainer that only steps: curves, evaluation, checkpoints and seeds are callbacks of ours."""
    return pl.Trainer(
        accelerator="gpu" if execution.device.type == "cuda" else execution.device.type,
        devices=1,
        precision=execution.numerics.precision,
        max_steps=-1 if budget.updates is None else budget.updates,
        max_epochs=-1,
        accumulate_grad_batches=execution.accumulate,
        gradient_clip_val=execution.clip,
        callbacks=callbacks,
        logger=loggers or False,
        limit_val_batches=0,
        num_sanity_val_steps=0,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )  # fmt: skip


def fit(
    trainer: pl.Trainer, module: Pretraining, data: PretrainingData, *, checkpoints: Path, notice: Callable[[str], None]
) -> None:
    """Train to the end of the budget, from the newest whole checkpoint if there is one."""
    path = newest_whole(checkpoints, notice=notice)
    if path is not None:
        notice(f"resuming from {path.parent.name}/{path.name}")
    handler = signal.getsignal(signal.SIGINT)
    try:
        trainer.fit(module, datamodule=data, ckpt_path=path, weights_only=True)
    except SystemExit as error:
        if not isinstance(error.__context__, KeyboardInterrupt):
            raise
        signal.signal(signal.SIGINT, handler)  # Lightning ends the process at Ctrl-C, and ignores the next one
        raise KeyboardInterrupt from None


def newest_whole(folder: Path, *, notice: Callable[[str], None]) -> Path | None:
    """The newest checkpoint that loads; a corrupt one is passed over, and that is said."""
    for name in (LAST, PREVIOUS):
        path = folder / name
        if not path.exists():
            continue
        reason = _what_is_wrong(path)
        if reason is None:
            return path
        notice(f"checkpoint {path} is corrupt ({reason}); falling back to the one before it")
    return None


def _what_is_wrong(path: Path) -> str | None:
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
            if broken is not None:
                return f"bad checksum in {broken}"
        torch.load(path, map_location="meta", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        return str(error).split("\n")[0][:120]
    return None


def peak_memory_mb(device: torch.device) -> float:
    """The largest memory use so far: of the device where it is a GPU, else of this process, in MB (1e6 bytes)."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    kilobyte = 1.0 if sys.platform == "darwin" else 1024.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * kilobyte / 1e6


def forget_peak_memory(device: torch.device) -> None:
    """Count a GPU's peak from here: a process may run several jobs. A process's own peak cannot be forgotten."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def choose_device(asked: str) -> torch.device:
    """`auto`, `cpu`, `gpu` (or `cuda`), `mps` as a device.

    Raises:
        UserError: this machine has none such.
    """
    missing = {"gpu": torch.cuda, "cuda": torch.cuda, "mps": torch.backends.mps}.get(asked)
    if missing is not None and not missing.is_available():
        raise UserError(f"trainer.accelerator={asked}: torch finds none here; auto takes what there is")
    if asked in ("gpu", "cuda") or (asked == "auto" and torch.cuda.is_available()):
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cpu" if asked == "auto" else asked)
