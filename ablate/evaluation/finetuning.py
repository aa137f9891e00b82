"""Fine-tuning one model on one task with one learning rate and one seed: the loop, and predictions."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from ablate.data.hashing import mix
from ablate.evaluation.encoding import Encoded, batches_by_length, encode, epoch_batches
from ablate.evaluation.heads import LOSSES, SOFT_LOSSES, STD, PooledHead, SpanHead, baseline_loss
from ablate.evaluation.metrics import Score, example_f1, scores
from ablate.evaluation.spans import Windows, answers, best_spans, windows
from ablate.evaluation.subject import Subject
from ablate.evaluation.tasks import Recipe, Task
from ablate.models.init import by_name
from ablate.training.precision import autocast
from ablate.training.schedules import linear

NO_IMPROVEMENT = 0.99  # of the loss of a model that ignores its input


@dataclass(frozen=True)
class SoftTargets:
    """A teacher's outputs per row, float32, and how to learn from them: L = alpha x hard + (1 - alpha) x soft.

    `outputs` is (rows, classes), (rows, 1) for regression, or (rows, 2, width) for spans.
    """

    outputs: np.ndarray
    temperature: float
    alpha: float


@dataclass(frozen=True)
class Side:
    """One side of a task as a model reads it. `targets` per row of `encoded`; rows are windows for spans."""

    frame: pd.DataFrame
    encoded: Encoded
    targets: np.ndarray
    windows: Windows | None = None
    soft: SoftTargets | None = None


@dataclass(frozen=True)
class Tuned:
    """A fine-tuned encoder and its head."""

    subject: Subject
    head: nn.Module
    last_loss: float  # mean over the last epoch, against the labels
    seconds: float
    examples: int  # rows that were trained on, epochs counted
    development: float  # the first metric on the split of train; nan where none was given


@dataclass(frozen=True)
class Answers:
    """Predictions for a frame: a class, a number or a text each, and a score (see Predictions in docs/downstream)."""

    predictions: Any
    score: np.ndarray


def side(subject: Subject, task: Task, frame: pd.DataFrame) -> Side:
    """Tokenise a frame of examples."""
    length = min(subject.length, task.max_length)
    if task.kind == "span":
        cut = windows(subject.tokenizer, frame, length=length, stride=task.stride, pad=subject.pad)
        return Side(frame, cut.encoded, cut.targets, cut)
    dtype = np.float32 if task.kind == "regression" else np.int64
    encoded = encode(subject.tokenizer, frame, length=length, pad=subject.pad)
    return Side(frame, encoded, frame["label"].to_numpy(dtype=dtype, copy=True))


def finetune(
    subject: Subject, task: Task, train: Side, *, learning_rate: float, stream: int, development: Side | None
) -> Tuned:
    """Train a copy of the encoder with a fresh head; the same bits for the same arguments, machine and threads.

    With early stopping the epoch that is best on `development` is kept.
    """
    own = subject.copied()
    with _seeded(int(mix(stream, 1)) >> 1, own.device):
        head = _head(task, own.width()).to(own.device)
        by_name(head, std=STD, seed=int(mix(stream, 0)))
        started = time.perf_counter()
        last_loss = _train(own, head, task, train, learning_rate, stream, development)
        seconds = time.perf_counter() - started
    own.model.eval()
    head.eval()
    held_out = math.nan if development is None else _development_score(own, head, task, development)
    return Tuned(own, head, last_loss, seconds, task.recipe.epochs * len(train.encoded), held_out)


def _train(
    own: Subject, head: nn.Module, task: Task, train: Side, rate: float, stream: int, development: Side | None
) -> float:
    """Train encoder and head in place; the last epoch's mean loss."""
    recipe, net = task.recipe, nn.ModuleList([own.model, head])
    step = _Step(own, head, _optimizer(net, recipe, rate), train, task)
    updates = recipe.epochs * math.ceil(len(train.encoded) / recipe.batch)
    best: tuple[float, dict[str, torch.Tensor]] | None = None
    done, last_loss = 0, math.nan
    for epoch in range(recipe.epochs):
        net.train()
        losses = []
        for rows in epoch_batches(train.encoded.lengths, batch=recipe.batch, stream=stream, epoch=epoch):
            losses.append(step(rows, linear((done + 0.5) / updates, warmup=recipe.warmup)))
            done += 1
        last_loss = float(torch.stack(losses).mean())
        if recipe.early_stopping and development is not None:
            now = _development_score(own, head, task, development)
            if best is None or now > best[0]:
                best = now, {k: v.detach().clone() for k, v in net.state_dict().items()}
    if best is not None:
        net.load_state_dict(best[1])
    return last_loss


class _Step:
    """One update of encoder and head on the given rows."""

    def __init__(
        self, subject: Subject, head: nn.Module, optimizer: torch.optim.Optimizer, train: Side, task: Task
    ) -> None:
        self.subject, self.head, self.optimizer = subject, head, optimizer
        self.encoded, self.targets = train.encoded, torch.from_numpy(train.targets).to(subject.device)
        self.loss, self.soft_loss, self.clip = LOSSES[task.kind], SOFT_LOSSES[task.kind], task.recipe.clip
        self.soft = train.soft
        self.parameters = [p for group in optimizer.param_groups for p in group["params"]]
        self.rates = [group["lr"] for group in optimizer.param_groups]

    def __call__(self, rows: np.ndarray, factor: float) -> torch.Tensor:
        """The loss against the labels before the update; `factor` multiplies the learning rate."""
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor
        ids, mask = self.encoded.batch(rows, self.subject.device)
        with autocast(self.subject.device, self.subject.precision):
            logits = self.head(self.subject.features(ids, mask))
        hard = self.loss(logits, self.targets[torch.from_numpy(rows).to(self.targets.device)])
        self.optimizer.zero_grad(set_to_none=True)
        self._mixed(hard, logits, rows, mask).backward()
        nn.utils.clip_grad_norm_(self.parameters, self.clip)
        self.optimizer.step()
        return hard.detach()

    def _mixed(
        self, hard: torch.Tensor, logits: torch.Tensor, rows: np.ndarray, mask: torch.Tensor | None
    ) -> torch.Tensor:
        """With the teacher's part, where there is a teacher."""
        if self.soft is None:
            return hard
        outputs = self.soft.outputs[rows]
        if outputs.ndim == 3:  # spans: this batch is padded to its own longest row
            outputs = outputs[..., : logits.shape[-1]]
        teacher = torch.from_numpy(outputs).to(logits.device)
        soft = self.soft_loss(logits, teacher, mask, self.soft.temperature)
        return self.soft.alpha * hard + (1 - self.soft.alpha) * soft


def _head(task: Task, width: int) -> nn.Module:
    if task.kind == "span":
        return SpanHead(width)
    return PooledHead(width, max(1, len(task.labels)), dropout=task.recipe.dropout)


def _optimizer(net: nn.Module, recipe: Recipe, learning_rate: float) -> torch.optim.Optimizer:
    """AdamW without weight decay on biases and norms, as BERT."""
    matrices = [p for p in net.parameters() if p.ndim >= 2]
    vectors = [p for p in net.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.999), eps=1e-6, fused=True)


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Dropout's random numbers from a seed; the caller's generators are put back."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def _development_score(subject: Subject, head: nn.Module, task: Task, side: Side) -> float:
    given = predict(subject, head, task, side)
    return score_of(task, side.frame, given)[task.metrics[0]]


def score_of(task: Task, frame: pd.DataFrame, given: Answers) -> dict[str, float]:
    """Each metric's value."""
    return {name: score.value for name, score in scored(task, frame, given).items()}


def scored(task: Task, frame: pd.DataFrame, given: Answers) -> dict[str, Score]:
    """Each metric's score, with a note where it is undefined."""
    truth = frame["answers"].map(list).tolist() if task.kind == "span" else frame["label"].to_numpy()
    return scores(task.kind, task.metrics, truth, given.predictions)


def predict(subject: Subject, head: nn.Module, task: Task, side: Side) -> Answers:
    """Predictions for every example, in evaluation mode, in the frame's order."""
    cut = side.windows
    if cut is not None:
        parts = [(rows, _spans(out, cut, rows)) for rows, out in _forward(subject, head, side)]
        return _span_answers(task, side, [rows for rows, _ in parts], [found for _, found in parts])
    ordered = torch.from_numpy(outputs(subject, head, side))
    if task.kind == "regression":
        values = np.nan_to_num(ordered.squeeze(1).double().numpy())
        return Answers(values, values)
    shares = torch.softmax(ordered.double(), dim=1).numpy()
    return Answers(shares.argmax(1), np.nan_to_num(shares[np.arange(len(shares)), side.targets]))


def outputs(subject: Subject, head: nn.Module, side: Side) -> np.ndarray:
    """The head's outputs for every row, in evaluation mode and float32, in the rows' order; spans are padded by 0."""
    made: np.ndarray | None = None
    for rows, out in _forward(subject, head, side):
        if made is None:
            width = side.encoded.ids.shape[1:] if side.windows is not None else out.shape[2:]
            made = np.zeros((len(side.encoded), out.shape[1], *width), dtype=np.float32)
        if side.windows is not None:
            made[rows, :, : out.shape[2]] = out.cpu().numpy()
        else:
            made[rows] = out.cpu().numpy()
    assert made is not None
    return made


def _forward(subject: Subject, head: nn.Module, side: Side) -> Iterator[tuple[np.ndarray, torch.Tensor]]:
    """Rows and the head's outputs for them, in batches of similar length."""
    subject.model.eval()
    head.eval()
    for rows in batches_by_length(side.encoded.lengths):
        with torch.inference_mode(), autocast(subject.device, subject.precision):
            ids, mask = side.encoded.batch(rows, subject.device)
            out = head(subject.features(ids, mask)).float()
        yield rows, out


def _spans(logits: torch.Tensor, cut: Windows, part: np.ndarray) -> torch.Tensor:
    second = torch.from_numpy(cut.encoded.second[part, : logits.shape[2]]).to(logits.device)
    score, span, null = best_spans(logits, second)
    return torch.cat([score[:, None], null[:, None], span.float()], dim=1)


def _span_answers(task: Task, side: Side, rows: list[np.ndarray], found: list[torch.Tensor]) -> Answers:
    assert side.windows is not None
    table = torch.cat(found).cpu().numpy()[np.argsort(np.concatenate(rows))]
    open_questions = any(len(a) == 0 for a in side.frame["answers"])
    texts = answers(
        side.frame, side.windows, score=table[:, 0], null=table[:, 1], span=table[:, 2:].astype(np.int64),
        open_questions=open_questions or "unanswerable" in task.labels,
    )  # fmt: skip
    return Answers(texts, np.array(example_f1(side.frame["answers"].map(list).tolist(), texts)))


def degenerate(task: Task, tuned: Tuned, train: Side, given: Answers) -> str:
    """Why a fine-tuned model has learnt nothing, or "": decided without looking at test labels."""
    if not math.isfinite(tuned.last_loss):
        return "the training loss is not finite"
    values = given.predictions
    constant = len(set(values)) <= 1 if task.kind != "regression" else float(np.ptp(values)) < 1e-6
    if constant:
        return "constant prediction"
    if tuned.last_loss > NO_IMPROVEMENT * baseline_loss(task.kind, train.targets):
        return "no improvement on the training loss of a constant"
    return ""
