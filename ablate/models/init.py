"""Initial values: by parameter name and shape, so that arms share what they have in common, or from a teacher."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ablate.data.hashing import key_of, mix
from ablate.errors import UserError
from ablate.models.bert import Bert
from ablate.models.encoder import Encoder


def by_name(model: nn.Module, *, std: float, seed: int) -> None:
    """Draw each parameter from a stream of its own: N(0, std) weights, zero biases, unit norms, a zero padding row.

    A parameter's values depend on (seed, its name, its shape) alone: not on the other parameters, their order or the
    device (common random numbers). BERT: std 0.02 (Devlin et al. 2019, released code).
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


def from_teacher(
    model: Encoder, *, teacher: Bert, layers: Sequence[int] | str, embeddings_only: bool,
    std: float, seed: int,
) -> None:  # fmt: skip
    """Take embeddings, chosen layers and the MLM head from a teacher; draw the rest as `by_name` does.

    layers: indices of the teacher's layers, one for each of the student's; `spread`: evenly, the first and the last
    among them, which is DistilBERT's 0, 2, 4, 7, 9, 11 for 6 of 12; `alternate`: 0, 2, 4, ... (Sanh et al. 2019,
    section 3, "one layer out of two"). A student without token types takes the row of type 0, which all texts have; of
    a teacher without them, that row is all there is to take.

    Raises:
        UserError: other widths, vocabulary or heads, layers that the teacher does not have, or too few or many.
    """
    by_name(model, std=std, seed=seed)
    if not isinstance(model, Bert):
        raise UserError(f"init=teacher: {type(model).__name__} has no layers to take a teacher's")
    _check_shapes(model, teacher)
    chosen = () if embeddings_only else _chosen(model, teacher, layers)
    theirs = teacher.pretraining.state_dict()
    for name, value in model.pretraining.state_dict().items():
        source = _source(name, chosen, embeddings_only=embeddings_only)
        if source in theirs:
            with torch.no_grad():
                taken = theirs[source][: len(value)]
                value[: len(taken)].copy_(taken)


def chosen_layers(layers: Any, *, student: int, teacher: int) -> tuple[int, ...]:
    """Which of the teacher's layers the student starts from; `layers` as in `from_teacher`, or what a user gave.

    Raises:
        UserError: nothing of that kind, layers that the teacher does not have, or not one for each of the student's.
    """
    if student > teacher:
        raise UserError(f"model.layers={student}: init=teacher takes whole layers, and the teacher has only {teacher}")
    if layers == "spread":
        return tuple(int(i) for i in np.round(np.linspace(0, teacher - 1, student)))
    if layers == "alternate":
        chosen: tuple[int, ...] = tuple(range(0, 2 * student, 2))
    elif not isinstance(layers, list | tuple) or not all(isinstance(i, int) and i >= 0 for i in layers):
        raise UserError(f"init.layers={layers}: must be spread, alternate, or a list of layer numbers from 0")
    else:
        chosen = tuple(layers)
    if len(chosen) != student:
        raise UserError(f"init.layers={list(chosen)}: the student has {student} layers and needs as many numbers")
    if max(chosen) >= teacher:
        raise UserError(f"init.layers={list(chosen)}: the teacher has {teacher} layers, numbered 0 to {teacher - 1}")
    return chosen


def _chosen(model: Bert, teacher: Bert, layers: Sequence[int] | str) -> tuple[int, ...]:
    return chosen_layers(
        layers, student=model.config.num_hidden_layers, teacher=teacher.config.num_hidden_layers
    )  # fmt: skip


def _source(name: str, chosen: Sequence[int], *, embeddings_only: bool) -> str | None:
    """The teacher's name of what a parameter of the student starts from."""
    before, inside, after = name.partition(".encoder.layer.")
    if inside:
        own, _, rest = after.partition(".")
        return None if embeddings_only else f"{before}{inside}{chosen[int(own)]}.{rest}"
    return name if ".embeddings." in name or not embeddings_only else None


def _check_shapes(model: Bert, teacher: Bert) -> None:
    shapes = {"model.width": "hidden_size", "model.heads": "num_attention_heads",
              "model.intermediate": "intermediate_size", "model.max_length": "max_position_embeddings",
              "tokenizer.vocab_size": "vocab_size"}  # fmt: skip
    for key, name in shapes.items():
        ours, theirs = getattr(model.config, name), getattr(teacher.config, name)
        if ours != theirs and not (key == "model.max_length" and ours < theirs):
            raise UserError(f"{key}={ours}: init=teacher takes the teacher's weights, and there it is {theirs}")


def _normal(name: str, shape: tuple[int, ...], *, std: float, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(int(mix(seed, key_of(name), *shape)) >> 1)
    return torch.empty(shape).normal_(0.0, std, generator=generator)
