"""Initial values by parameter name and shape, so that arms share every parameter they have in common."""

import torch
from torch import Tensor, nn

from ablate.data.hashing import key_of, mix


def by_name(model: nn.Module, *, std: float, seed: int) -> None:
    """Draw each parameter from a stream of its own: N(0, std) weights, zero biases, unit norms, a zero padding row.

    A parameter's values depend on (seed, its name, its shape) alone: not on the other parameters, their order or the
    device (design.md, common random numbers). BERT: std 0.02 (Devlin et al. 2019, released code).
    """
    norms = {p for m in model.modules() if isinstance(m, nn.LayerNorm) for p in (m.weight, m.bias)}
    for name, parameter in model.named_parameters():
        with torch.no_grad():
            if name.endswith("bias"):
                parameter.zero_()
            elif parameter in norms:
                parameter.fill_(1.0)
            else:
                parameter.copy_(_normal(name, tuple(parameter.shape), std=std, seed=seed))
    for module in model.modules():
        if isinstance(module, nn.Embedding) and module.padding_idx is not None:
            with torch.no_grad():
                module.weight[module.padding_idx].zero_()


def _normal(name: str, shape: tuple[int, ...], *, std: float, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(int(mix(seed, key_of(name), *shape)) >> 1)
    return torch.empty(shape).normal_(0.0, std, generator=generator)
