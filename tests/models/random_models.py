"""Tiny models of transformers' classes, random everywhere: no zero bias or unit norm hides a mistake."""

import torch
from transformers import (
    AutoModel,
    AutoModelForMaskedLM,
    BertConfig,
    BertForPreTraining,
    DistilBertConfig,
    PretrainedConfig,
    RobertaConfig,
)

SIZE = {"vocab_size": 60, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}


def bert_config(**changes):
    return BertConfig(
        **{**SIZE, "intermediate_size": 48, "max_position_embeddings": 24, "type_vocab_size": 1, **changes}
    )


def roberta_config(**changes):
    settings = {"intermediate_size": 48, "max_position_embeddings": 26, "type_vocab_size": 1, "layer_norm_eps": 1e-5}
    return RobertaConfig(**{**SIZE, **settings, **changes})


def distilbert_config(**changes):
    return DistilBertConfig(
        **{"vocab_size": 60, "dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 48, "max_position_embeddings": 24,
           **changes}
    )  # fmt: skip


def scrambled(model):
    """Every parameter replaced by random numbers; tied ones stay tied."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def masked_lm(config: PretrainedConfig):
    return scrambled(AutoModelForMaskedLM.from_config(config))


def encoder(config: PretrainedConfig):
    return scrambled(AutoModel.from_config(config))


def pretraining(config: BertConfig):
    return scrambled(BertForPreTraining(config))


def batch(*, pad, length=24):
    """Ids padded on the right, and the mask that says so; the first row has every position."""
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(6, 60, (4, length), generator=generator)
    mask = torch.arange(length) < torch.tensor([length, length - 1, 9, 3])[:, None]
    return ids.masked_fill(~mask, pad), mask
