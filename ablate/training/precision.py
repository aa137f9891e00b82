"""Which numbers a step is computed in: their format, and the random ones of dropout."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal

import torch

from ablate.errors import UserError

Precision = Literal["32-true", "bf16-mixed"]


@dataclass(frozen=True)
class Numerics:
    """What the hardware decides of a run's numbers where the user leaves it to it; part of a run's id.

    dropout_bits: how many random bits decide whether a value is dropped: 64 is torch's own way.
    """

    precision: Precision
    dropout_bits: int


def resolve_numerics(
    precision: Literal["auto"] | Precision, dropout_bits: Literal["auto"] | int, device: torch.device
) -> Numerics:
    """What `auto` stands for on a device: bf16 where the hardware computes it, 16 bits where drawing them costs time.

    Raises:
        UserError: 16 bits on a GPU.
    """
    if dropout_bits == 16 and device.type != "cpu":
        raise UserError(
            "trainer.dropout_bits=16: spares a CPU's random numbers; a GPU draws them in parallel, say auto or 64"
        )
    if dropout_bits == "auto":
        dropout_bits = 16 if device.type == "cpu" else 64
    return Numerics(resolve(precision, device), dropout_bits)


def resolve(asked: Literal["auto"] | Precision, device: torch.device) -> Precision:
    """Resolve `auto` to bf16 autocast where the hardware computes bf16 natively, else float32."""
    if asked != "auto":
        return asked
    return "bf16-mixed" if _has_bf16(device) else "32-true"


def _has_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[None]:
    """The autocast context of a precision."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16-mixed")
