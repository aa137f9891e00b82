"""Which number format a step is computed in."""

from contextlib import AbstractContextManager
from typing import Literal

import torch

Precision = Literal["32-true", "bf16-mixed"]


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
