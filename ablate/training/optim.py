"""Optimizers built from a model's named parameters: decay groups, and Muon and AdamW behind one face."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import nn
from torch.optim import AdamW, Optimizer

from ablate.errors import UserError
from ablate.training.muon import Muon
from ablate.training.precision import Precision

Named = Iterable[tuple[str, nn.Parameter]]


def decay_groups(named: Named, *, weight_decay: float) -> list[dict[str, Any]]:
    """Two groups: matrices with weight decay; biases and norms (one-dimensional) without (BERT's released code)."""
    parameters = [p for _, p in named if p.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def adamw(
    named: Named, *, lr: float, betas: Sequence[float], eps: float, weight_decay: float, fused: bool = True
) -> Optimizer:
    """AdamW (Loshchilov and Hutter 2019) over decay groups."""
    groups = decay_groups(named, weight_decay=weight_decay)
    optimizer = AdamW(groups, lr=lr, betas=(betas[0], betas[1]), eps=eps, fused=fused)
    # Lightning will not clip gradients for an optimizer that unscales them itself; in bf16 there is no scale.
    optimizer._step_supports_amp_scaling = False
    return optimizer


def muon(
    named: Named,
    *,
    lr: float,
    muon_lr: float,
    momentum: float,
    muon_weight_decay: float,
    betas: Sequence[float],
    eps: float,
    weight_decay: float,
    precision: Precision,
) -> Optimizer:
    """Muon (Jordan et al. 2024) for the encoder's matrices, AdamW for embeddings, heads, norms and biases.

    The number format of Muon's own matrix products is the run's precision.

    Raises:
        UserError: no matrix belongs to a module called `encoder`.
    """
    named = [(name, p) for name, p in named if p.requires_grad]
    matrices = [p for name, p in named if ".encoder." in name and p.ndim == 2]
    if not matrices:
        raise UserError("optim=muon: the model has no matrices in a module called `encoder`; use optim=adamw")
    chosen = {id(p) for p in matrices}
    rest = [(name, p) for name, p in named if id(p) not in chosen]
    return MuonAdamW(
        Muon(
            matrices, lr=muon_lr, momentum=momentum, weight_decay=muon_weight_decay,
            dtype=torch.bfloat16 if precision == "bf16-mixed" else torch.float32,
        ),
        AdamW(decay_groups(rest, weight_decay=weight_decay), lr=lr, betas=(betas[0], betas[1]), eps=eps, fused=True),
    )  # fmt: skip


class MuonAdamW(Optimizer):
    """Two optimizers as one: a step is both steps, and the groups and state are both's.

    Two optimizers in Lightning would force manual optimisation and count every update twice.
    """

    def __init__(self, muon: Muon, adamw: AdamW) -> None:
        self.parts = (muon, adamw)
        super().__init__([*muon.param_groups, *adamw.param_groups], {})
        # The same dictionaries as the parts': a schedule that sets a group's lr sets it for the part.
        self.param_groups = [*muon.param_groups, *adamw.param_groups]

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step of each part; the closure, if any, is called once."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self.parts:
            part.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """Both parts' states."""
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore both parts and link their groups again."""
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self.param_groups = [group for part in self.parts for group in part.param_groups]
