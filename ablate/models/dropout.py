"""Dropout on a CPU that draws 16 random bits for each decision, where torch draws 64 one after the other."""

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, BertConfig, BertPreTrainedModel
from transformers.masking_utils import eager_mask

ATTENTION = "eager_16_bits"  # transformers' eager attention with this dropout
_LEVELS = 2**16


class Dropout16(nn.Dropout):
    """As nn.Dropout, at a rate that is a multiple of 2^-16; its random numbers are other ones than torch's."""

    def forward(self, values: Tensor) -> Tensor:
        """Values dropped at the rate and scaled up in training, themselves otherwise."""
        if not self.training or self.p == 0.0:
            return values
        return values * _kept(values, rate=self.p).to(values.dtype).div_(1.0 - self.p)


def _kept(like: Tensor, *, rate: float) -> Tensor:
    """1 where a value is kept, 0 where it is dropped, as int16, which a CPU compares into fastest."""
    count = like.numel()
    words = torch.empty(-(-count // 4), dtype=torch.int64).random_(-(2**63), None)
    uniform = words.view(torch.int16)[:count].view(like.shape)
    lowest_kept = min(round(rate * _LEVELS), _LEVELS - 1) - _LEVELS // 2
    return torch.ge(uniform, lowest_kept, out=torch.empty(like.shape, dtype=torch.int16))


def use_16_bits(model: nn.Module) -> None:
    """Replace a model's dropout, and that inside the eager attention of transformers' BERT, in place.

    Attention that drops nothing stays as it is: only then may a student learn from its weights.
    """
    _exchange(model, (nn.Dropout, Dropout16), ("eager", ATTENTION))


def use_torchs_own(model: nn.Module) -> None:
    """Undo `use_16_bits`, in place."""
    _exchange(model, (Dropout16, nn.Dropout), (ATTENTION, "eager"))


def _exchange(model: nn.Module, dropout: tuple[type[nn.Dropout], type[nn.Dropout]], attention: tuple[str, str]) -> None:
    """Put the second of each pair where the first is."""
    for module in list(model.modules()):
        for name, child in module.named_children():
            if type(child) is dropout[0]:
                setattr(module, name, dropout[1](child.p).train(child.training))
        if isinstance(module, BertPreTrainedModel) and _drops_by(module.config, attention[0]):
            module.config._attn_implementation = attention[1]


def _drops_by(config: BertConfig, attention: str) -> bool:
    return config._attn_implementation == attention and config.attention_probs_dropout_prob > 0


def _attention(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, *,
    scaling: float, **_: object,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """As transformers' eager_attention_forward for BERT, with the dropout module that `module` has."""
    scores = torch.matmul(query, key.transpose(2, 3)) * scaling
    if attention_mask is not None:
        scores = scores + attention_mask
    weights = module.dropout(nn.functional.softmax(scores, dim=-1))  # type: ignore[operator]
    return torch.matmul(weights, value).transpose(1, 2).contiguous(), weights


AttentionInterface.register(ATTENTION, _attention)
AttentionMaskInterface.register(ATTENTION, eager_mask)
