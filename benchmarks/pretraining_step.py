"""A pretraining step of ablate against Hugging Face's Trainer: the same model, batch, text, optimizer and dropout.

Both train whole rounds of updates; the first updates of each round are not counted. Tokens are positions that are not
padding. MFU: the model's FLOPs per second over those of a large matrix product in the same precision and process.
"""

import tempfile
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from datasets import Dataset
from torch import nn
from transformers import DataCollatorForLanguageModeling, Trainer, TrainerCallback, TrainingArguments

from ablate.config import build
from ablate.models.dropout import use_16_bits
from ablate.objectives.pretraining import Objective
from ablate.runs.log import RunLog
from ablate.training.budget import Budget
from ablate.training.callbacks.meter import Meter
from ablate.training.fit import Execution
from ablate.training.memory import keep_freed_memory
from ablate.training.module import Pretraining
from ablate.training.precision import Numerics, resolve
from ablate.training.pretrain import pretrain
from ablate.training.quiet import quieten
from benchmarks.figures import Figure, ratio
from benchmarks.recipes import CPU, Recipe
from benchmarks.turns import Measure, Measured, Side, in_turns

_SKIPPED = 1  # updates at the start of each round
_SIDE = 2048  # rows and columns of the matrices whose product is the machine's peak


class Clock(Meter):
    """Notes when each update ended, and its tokens."""

    def __init__(self, budget: Budget) -> None:
        super().__init__(budget)
        self.ends: list[float] = []
        self.tokens: list[int] = []

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Note them."""
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        self.ends.append(time.perf_counter())
        self.tokens.append(int(batch["tokens"]))


class Ends(TrainerCallback):
    """Notes when each of the Trainer's steps ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Note it."""
        self.ends.append(time.perf_counter())


def peak(dtype: torch.dtype, *, times: int = 5) -> float:
    """FLOPs per second of a large matrix product: the best of a few."""
    a, b = torch.randn(_SIDE, _SIDE, dtype=dtype), torch.randn(_SIDE, _SIDE, dtype=dtype)
    found = []
    for _ in range(times):
        started = time.perf_counter()
        torch.mm(a, b)
        found.append(time.perf_counter() - started)
    return 2.0 * _SIDE**3 / min(found)


def machine(*, threads: int) -> list[Figure]:
    """What MFU is a share of, and how much a float32 peer loses by its precision alone, on this processor."""
    torch.set_num_threads(threads)
    speed = {words: peak(dtype) / 1e9 for words, dtype in (("bf16", torch.bfloat16), ("float32", torch.float32))}
    side = f"{_SIDE:,}"
    return [
        Figure.of("Machine", f"product of two matrices of {side} rows, {words}", [found], unit="GFLOP/s")
        for words, found in speed.items()
    ]  # fmt: skip


def per_second(ends: list[float], amounts: list[int]) -> float:
    """Amount per second between the end of the last update not counted and the last end."""
    return sum(amounts[_SKIPPED:]) / (ends[-1] - ends[_SKIPPED - 1])


def fitting(recipe: Recipe, model: nn.Module, objective: Objective, *, updates: int) -> Measure:
    """ablate's own training of a model and an objective, anew in each round but from where the weights are."""
    data = build.build_data(recipe.cfg, recipe.corpus)
    precision = resolve(recipe.cfg.trainer.precision, CPU)
    schedule = build.make(recipe.cfg, "schedule")
    flops = build.flops_per_token(recipe.cfg, model, build.mean_length(data))  # type: ignore[arg-type]
    numerics = Numerics(precision, dropout_bits=64)  # what the model drops is up to the model
    dtype = torch.bfloat16 if precision == "bf16-mixed" else torch.float32

    def measure() -> Measured:
        budget = Budget(updates=updates + _SKIPPED, seconds=None)
        clock = Clock(budget)
        module = Pretraining(
            model=model, objective=objective, optimizer=build.build_optimizer(recipe.cfg, precision),  # type: ignore[arg-type]
            factor=lambda update: schedule(budget.progress(update, 0.0)),
        )  # fmt: skip
        pretrain(  # in a folder without the checkpoint of an earlier measurement
            module, data, budget=budget, directory=Path(tempfile.mkdtemp()), meter=clock,
            dropout_stream=0, uniform_loss=1e9,
            execution=Execution(device=CPU, numerics=numerics, clip=recipe.cfg.optim.clip),
            evaluate=None, every_tokens=1e12, log_every=50, checkpoint_minutes=60.0, loggers=[], log=RunLog(), name="",
            progress=False,
        )  # fmt: skip
        speed = per_second(clock.ends, clock.tokens)
        return {"tokens_per_s": speed, "mfu": speed * flops / peak(dtype)}

    return measure


def ours(recipe: Recipe, *, updates: int, dropout_bits: int = 16) -> Measure:
    """ablate, as `python -m ablate` trains it."""
    quieten()
    keep_freed_memory()
    model = recipe.model()
    if dropout_bits == 16:
        use_16_bits(model)
    objective, _ = build.build_objective(recipe.cfg, recipe.corpus, model, None)
    return fitting(recipe, model, objective, updates=updates)


def trainers(recipe: Recipe, *, updates: int, tuned: bool) -> Measure:
    """Hugging Face's Trainer with DataCollatorForLanguageModeling, with its defaults or in bf16 with fused AdamW."""
    quieten()
    tokenizer = recipe.tokenizer()
    steps = updates + _SKIPPED
    dataset = Dataset.from_dict({"input_ids": recipe.blocks(recipe.batch * steps)})
    config = recipe.model().config
    config._attn_implementation = None  # as transformers chooses
    model = type(recipe.model().pretraining)(config)
    faster: dict[str, Any] = {"bf16": True, "optim": "adamw_torch_fused"} if tuned else {}

    def measure() -> Measured:
        arguments = TrainingArguments(
            output_dir=tempfile.mkdtemp(), use_cpu=True, per_device_train_batch_size=recipe.batch, max_steps=steps,
            learning_rate=1e-3, weight_decay=0.01, save_strategy="no", logging_strategy="no", report_to=[],
            disable_tqdm=True, **faster,
        )  # fmt: skip
        ends = Ends()
        Trainer(
            model, arguments, train_dataset=dataset, callbacks=[ends],
            data_collator=DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15),
        ).train()  # fmt: skip
        return {"tokens_per_s": per_second(ends.ends, [recipe.batch * recipe.length] * steps)}

    return measure


def compare(
    recipe: Recipe, *, updates: int, rounds: int, threads: int, peers: bool = True, benchmark: str = "Pretraining"
) -> list[Figure]:
    """The figures of one recipe."""
    sides = {"ablate": Side(ours, {"recipe": recipe, "updates": updates})}
    if recipe.dropout:
        sides["64"] = Side(ours, {"recipe": recipe, "updates": updates, "dropout_bits": 64})
    if peers:
        slower = max(updates // 2, 1)
        sides["default"] = Side(trainers, {"recipe": recipe, "updates": slower, "tuned": False})
        sides["tuned"] = Side(trainers, {"recipe": recipe, "updates": slower, "tuned": True})
    found = in_turns(sides, rounds=rounds, threads=threads)
    speed = {name: [one["tokens_per_s"] for one in measured] for name, measured in found.items()}
    named = f"{recipe.size}, {recipe.length} positions, dropout {recipe.dropout:g}, vocabulary " + (
        f"{recipe.vocabulary:,}" if recipe.vocabulary else f"{recipe.corpus.vocabulary.size:,}"
    )
    goal = recipe.size == "mini"
    figures = []
    for name, text in (("ablate", "ablate"), ("64", "ablate, dropout_bits=64")):
        if name not in found:
            continue
        figures.append(Figure.of(benchmark, f"{named}: {text}", speed[name], unit="tokens/s"))
        wanted = {"mini": ">= 50", "base": ">= 70"}.get(recipe.size, "")
        mfu = [100 * one["mfu"] for one in found[name]]
        figures.append(Figure.of(benchmark, f"{named}: MFU of {text}", mfu, unit="%", target=wanted))
        if peers:
            for peer, words, target in (("default", "Trainer", ">= 6"), ("tuned", "Trainer in bf16, fused", ">= 2.5")):
                what = f"{named}: {text} against {words}"
                figures.append(ratio(benchmark, what, speed[name], speed[peer], target=target if goal else ""))
    return figures
