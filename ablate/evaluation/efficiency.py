"""Speed and size of an encoder on this hardware."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ablate.evaluation.subject import Subject
from ablate.training.fit import peak_memory_mb
from ablate.training.precision import autocast

PART = "efficiency"
LATENCY_REPEATS, THROUGHPUT_REPEATS, WARM_UP = 30, 5, 3
BATCH = 32  # of the throughput


SPEED = (
    "latency_ms", "latency_ms/q10", "latency_ms/q90", "latency_ms/length", "latency_ms/threads",
    "throughput_examples_per_s",
)  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """An encoder to measure, and what is known of it without running it."""

    subject: Subject
    vocabulary: int
    flops_per_token: float  # of the encoder's forward pass
    parameters: tuple[int, int]  # all, and without embeddings


def measured(model: Measured, folder: Path | None, *, length: int) -> dict[str, float]:
    """Every figure by name; the size on disk where there is a folder."""
    found = {
        "params": float(model.parameters[0]), "params_no_embeddings": float(model.parameters[1]),
        "forward_flops_per_token": model.flops_per_token,
        **speed(model.subject, length=length, vocabulary=model.vocabulary),
        "peak_memory_mb": peak_memory_mb(model.subject.device),
    }  # fmt: skip
    return found if folder is None else found | {"disk_mb": disk_mb(folder)}


def speed(subject: Subject, *, length: int | None = None, vocabulary: int | None = None) -> dict[str, float]:
    """Latency at batch 1 and throughput at batch 32, after a warm-up.

    Inputs are full: `length` tokens (the subject's own by default), no padding.
    """
    length = length or subject.length
    many = _inputs(subject, BATCH, length, vocabulary or subject.tokenizer.get_vocab_size())
    batch = seconds(lambda: _forward(subject, many), repeats=THROUGHPUT_REPEATS, device=subject.device)
    return latency(subject, length=length, vocabulary=vocabulary) | {
        "throughput_examples_per_s": BATCH / float(np.median(batch))
    }


def latency(subject: Subject, *, length: int, vocabulary: int | None = None) -> dict[str, float]:
    """`latency_ms`: the median at batch 1, with its 10 % and 90 % quantiles, the length and the thread count."""
    one = _inputs(subject, 1, length, vocabulary or subject.tokenizer.get_vocab_size())
    taken = seconds(lambda: _forward(subject, one), repeats=LATENCY_REPEATS, device=subject.device) * 1e3
    low, middle, high = np.quantile(taken, [0.1, 0.5, 0.9])
    return {
        "latency_ms": float(middle), "latency_ms/q10": float(low), "latency_ms/q90": float(high),
        "latency_ms/length": float(length), "latency_ms/threads": float(torch.get_num_threads()),
    }  # fmt: skip


def seconds(call: Callable[[], object], *, repeats: int, device: torch.device) -> np.ndarray:
    """(repeats,) wall-clock seconds of each call, after WARM_UP calls; a GPU is waited for."""
    taken = []
    for repeat in range(WARM_UP + repeats):
        _wait(device)
        started = time.perf_counter()
        call()
        _wait(device)
        if repeat >= WARM_UP:
            taken.append(time.perf_counter() - started)
    return np.array(taken)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _inputs(subject: Subject, batch: int, length: int, size: int) -> torch.Tensor:
    """Ids that are not padding, the same every time."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(0, size, (batch, length), generator=generator)
    return torch.where(ids == subject.pad, (subject.pad + 1) % size, ids).to(subject.device)


@torch.inference_mode()
def _forward(subject: Subject, ids: torch.Tensor) -> torch.Tensor:
    subject.model.eval()
    with autocast(subject.device, subject.precision):
        return subject.features(ids, None)


def disk_mb(folder: Path) -> float:
    """Size of the weights on disk in MB."""
    return sum(file.stat().st_size for file in folder.glob("*.safetensors")) / 1e6
