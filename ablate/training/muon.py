"""Muon, stepped for all matrices of one shape at once and in the number format that the hardware computes in."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import Optimizer

_QUINTIC = (3.4445, -4.775, 2.0315)  # coefficients of the Newton-Schulz step (Jordan et al. 2024)
_STEPS = 5
_EPS = 1e-7


@torch.no_grad()
def orthogonalise(matrices: Float[Tensor, "n rows columns"], *, dtype: torch.dtype) -> Float[Tensor, "n rows columns"]:
    """Each matrix U S V^T as about U V^T, by five quintic Newton-Schulz steps in `dtype` (Jordan et al. 2024)."""
    tall = matrices.shape[1] > matrices.shape[2]
    x = (matrices.mT if tall else matrices).to(dtype)
    x = x / x.flatten(1).norm(dim=1).clamp(min=_EPS)[:, None, None]  # spectral norm at most 1
    a, b, c = _QUINTIC
    for _ in range(_STEPS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


class Muon(Optimizer):
    """Momentum, Nesterov's look ahead, then an orthogonal step (Jordan et al. 2024); `torch.optim.Muon` in `dtype`.

    torch's own always takes its Newton-Schulz steps in bfloat16. A CPU without bfloat16 instructions emulates them, at
    a hundredth of its speed in float32 (measured with AVX2), so that a step costs many times what the model does.
    """

    def __init__(
        self, params: Iterable[nn.Parameter], *, lr: float, momentum: float, weight_decay: float, dtype: torch.dtype
    ) -> None:
        self.dtype = dtype
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step of every matrix that has a gradient; the closure, if any, is called once."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[Tensor]] = {}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    by_shape.setdefault(parameter.shape, []).append(parameter)
            for shape, parameters in by_shape.items():
                self._step(parameters, group, rate=group["lr"] * math.sqrt(max(1.0, shape[0] / shape[1])))
        return loss

    def _step(self, parameters: Sequence[Tensor], group: dict[str, Any], *, rate: float) -> None:
        looked_ahead = [self._look_ahead(parameter, momentum=group["momentum"]) for parameter in parameters]
        updates = orthogonalise(torch.stack(looked_ahead), dtype=self.dtype)
        for parameter, update in zip(parameters, updates, strict=True):
            parameter.mul_(1 - group["lr"] * group["weight_decay"])
            parameter.add_(update, alpha=-rate)

    def _look_ahead(self, parameter: Tensor, *, momentum: float) -> Tensor:
        assert parameter.grad is not None
        state = self.state[parameter]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        buffer = state["momentum_buffer"].lerp_(parameter.grad, 1 - momentum)
        return parameter.grad.lerp(buffer, momentum)
