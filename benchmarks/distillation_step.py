"""A distillation step (DistilBERT's three terms) against a plain loop over transformers' models.

The plain loop computes all logits of teacher and student in float32, as DistilBERT's released code does, and compares
them at masked positions. ablate runs once with its terms at masked positions, and once more with the teacher's outputs
read from its store, as a second student of the same seed reads them.
"""

import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import BertForMaskedLM

from ablate.config import build
from ablate.objectives.teacher import Teacher
from ablate.objectives.teacher_store import TeacherStore
from ablate.training.memory import keep_freed_memory
from ablate.training.quiet import quieten
from benchmarks.figures import Figure, ratio
from benchmarks.pretraining_step import fitting, per_second
from benchmarks.recipes import Recipe
from benchmarks.turns import Measure, Measured, Side, in_turns

_T = 2.0
_WEIGHTS = (5.0, 2.0, 1.0)  # soft, hard, cosine: DistilBERT's


def student_of(recipe: Recipe) -> Recipe:
    """Half the layers, taught by the recipe's own model."""
    return replace(recipe, more=("model.layers_multiple=0.5", "loss=distilbert", "loss.positions=masked"))


def ours(recipe: Recipe, *, updates: int, cached: bool) -> Measure:
    """ablate's distillation; `cached`: teacher outputs come from a store that the round before has filled."""
    quieten()
    keep_freed_memory()
    student = student_of(recipe)
    store = TeacherStore(Path(tempfile.mkdtemp())) if cached else None
    teacher = Teacher(recipe.model(), name="teacher", store=store)
    model = student.model()
    objective, _ = build.build_objective(student.cfg, student.corpus, model, teacher)
    return fitting(student, model, objective, updates=updates)


def plain(recipe: Recipe, *, updates: int) -> Measure:
    """A loop as one writes it: full logits, float32, AdamW."""
    student = student_of(recipe)
    batches = build.build_data(student.cfg, student.corpus).batches
    teacher, model = recipe.model().pretraining.eval(), student.model().pretraining.train()
    for made in (teacher, model):
        made.config._attn_implementation = "sdpa"
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, eps=1e-6, weight_decay=0.01)

    def measure() -> Measured:
        ends, tokens = [], []
        for number in range(updates + 1):
            batch = batches[number]
            labels = torch.full(batch["input_ids"].shape, -100)
            labels.view(-1)[batch["masked_positions"]] = batch["masked_labels"]
            attended = batch["attention_mask"]
            mask = torch.ones_like(labels) if attended is None else attended.long()
            optimizer.zero_grad()
            plain_loss(teacher, model, batch["input_ids"], mask, labels).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            ends.append(time.perf_counter())
            tokens.append(int(batch["tokens"]))
        return {"tokens_per_s": per_second(ends, tokens)}

    return measure


def plain_loss(teacher: BertForMaskedLM, student: BertForMaskedLM, ids: Tensor, mask: Tensor, labels: Tensor) -> Tensor:
    """5 T^2 KL + 2 cross-entropy + 1 - cosine, means over the masked positions, from all logits."""
    with torch.no_grad():
        theirs = teacher(input_ids=ids, attention_mask=mask, output_hidden_states=True)
    ours = student(input_ids=ids, attention_mask=mask, output_hidden_states=True)
    at = labels != -100
    soft = F.kl_div(
        F.log_softmax(ours.logits[at] / _T, dim=-1), F.softmax(theirs.logits[at] / _T, dim=-1), reduction="batchmean"
    )
    hard = F.cross_entropy(ours.logits.flatten(0, 1), labels.flatten())
    cosine = 1 - F.cosine_similarity(ours.hidden_states[-1][at], theirs.hidden_states[-1][at], dim=-1).mean()
    return _WEIGHTS[0] * _T**2 * soft + _WEIGHTS[1] * hard + _WEIGHTS[2] * cosine


def compare(recipe: Recipe, *, updates: int, rounds: int, threads: int) -> list[Figure]:
    """The figures for a teacher of the recipe's size and a student of half its layers."""
    sides = {
        "ablate": Side(ours, {"recipe": recipe, "updates": updates, "cached": False}),
        "cached": Side(ours, {"recipe": recipe, "updates": updates, "cached": True}),
        "plain": Side(plain, {"recipe": recipe, "updates": max(updates // 2, 1)}),
    }
    found = in_turns(sides, rounds=rounds, threads=threads)
    speed = {name: [one["tokens_per_s"] for one in measured] for name, measured in found.items()}
    rows = recipe.vocabulary or recipe.corpus.vocabulary.size
    named = f"{recipe.size} teaches half its layers, {recipe.length} positions, vocabulary {rows:,}"
    against = "against a plain loop with all logits in float32"
    return [
        Figure.of("Distillation", f"{named}: ablate", speed["ablate"], unit="tokens/s"),
        ratio("Distillation", f"{named}: {against}", speed["ablate"], speed["plain"], target=">= 4"),
        ratio("Distillation", f"{named}, cached teacher: {against}", speed["cached"], speed["plain"]),
        ratio("Distillation", f"{named}: cached teacher against a live one", speed["cached"], speed["ablate"]),
    ]
