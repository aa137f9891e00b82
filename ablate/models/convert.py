"""BERT, RoBERTa and DistilBERT are one architecture under three namings: weights and configs between them.

What differs beside the names: RoBERTa's positions start after the padding token's id; DistilBERT has no token types
and its norms' epsilon is fixed at 1e-12; RoBERTa's MLM head knows no activation but GELU.
"""

import re
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor
from transformers import BertConfig, DistilBertConfig, PretrainedConfig, RobertaConfig

Kind = Literal["bert", "roberta", "distilbert"]
KINDS: tuple[Kind, ...] = ("bert", "roberta", "distilbert")
DISTILBERT_EPS = 1e-12  # written into its code

_ENCODER = {  # BERT's modules and DistilBERT's; RoBERTa's are BERT's; {} is a layer's number
    "embeddings.word_embeddings": "embeddings.word_embeddings",
    "embeddings.position_embeddings": "embeddings.position_embeddings",
    "embeddings.LayerNorm": "embeddings.LayerNorm",
    "encoder.layer.{}.attention.self.query": "transformer.layer.{}.attention.q_lin",
    "encoder.layer.{}.attention.self.key": "transformer.layer.{}.attention.k_lin",
    "encoder.layer.{}.attention.self.value": "transformer.layer.{}.attention.v_lin",
    "encoder.layer.{}.attention.output.dense": "transformer.layer.{}.attention.out_lin",
    "encoder.layer.{}.attention.output.LayerNorm": "transformer.layer.{}.sa_layer_norm",
    "encoder.layer.{}.intermediate.dense": "transformer.layer.{}.ffn.lin1",
    "encoder.layer.{}.output.dense": "transformer.layer.{}.ffn.lin2",
    "encoder.layer.{}.output.LayerNorm": "transformer.layer.{}.output_layer_norm",
}
_HEAD = {  # BERT's, RoBERTa's and DistilBERT's
    "cls.predictions.transform.dense": ("lm_head.dense", "vocab_transform"),
    "cls.predictions.transform.LayerNorm": ("lm_head.layer_norm", "vocab_layer_norm"),
    "cls.predictions.decoder": ("lm_head.decoder", "vocab_projector"),
}
_TYPES = "embeddings.token_type_embeddings"  # not in DistilBERT
_WORDS, _POSITIONS = "bert.embeddings.word_embeddings.weight", "bert.embeddings.position_embeddings.weight"
_TYPE_ROWS = f"bert.{_TYPES}.weight"
_BIAS = "cls.predictions.bias"  # the decoder's, which has it under its own name too

# Per kind: BERT's module to the kind's own.
_NAMES: dict[str, dict[str, str]] = {
    "bert": {f"bert.{m}": f"bert.{m}" for m in (*_ENCODER, _TYPES)} | {m: m for m in _HEAD},
    "roberta": {f"bert.{m}": f"roberta.{m}" for m in (*_ENCODER, _TYPES)} | {m: r for m, (r, _) in _HEAD.items()},
    "distilbert": {f"bert.{m}": f"distilbert.{d}" for m, d in _ENCODER.items()} | {m: d for m, (_, d) in _HEAD.items()},
}
_OWN_BIAS = {"bert": _BIAS, "roberta": "lm_head.bias"}  # of the decoder, beside the one in the decoder


class CannotHold(ValueError):
    """One architecture cannot express the other's model; the message says why, in half a line."""


def to_bert(state: Mapping[str, Tensor], config: PretrainedConfig) -> tuple[dict[str, Tensor], BertConfig]:
    """Weights and config of a BERT, RoBERTa or DistilBERT as those of BertForMaskedLM, with equal logits.

    `state` is a masked language model's, a BertForPreTraining's, or a bare encoder's, which then has no head here
    either. Poolers, NSP heads and buffers are left out. DistilBERT gets one row of token types, all zeros.

    Raises:
        CannotHold: another architecture, a decoder, or an activation that BERT's head would not share.
    """
    kind = config.model_type
    if kind not in KINDS:
        raise CannotHold(f"it is a {kind or 'model of unknown type'}; only {', '.join(KINDS)} can be read")
    if getattr(config, "is_decoder", False):
        raise CannotHold("it is set up as a decoder (is_decoder)")
    made = _bert_config(config)
    if kind == "roberta" and made.hidden_act != "gelu":
        raise CannotHold(f"RoBERTa's head uses gelu, its layers {made.hidden_act}; BERT has one activation for both")
    bert = _renamed(_with_prefix(state, kind), {own: name for name, own in _NAMES[kind].items()}, _bias_names(kind))
    if kind == "roberta":
        bert[_POSITIONS] = bert[_POSITIONS][config.pad_token_id + 1 :]
    if kind == "distilbert":
        bert[_TYPE_ROWS] = torch.zeros(1, made.hidden_size, dtype=bert[_WORDS].dtype)
    return _completed(bert), made


def from_bert(
    state: Mapping[str, Tensor], config: BertConfig, kind: Kind
) -> tuple[dict[str, Tensor], PretrainedConfig]:
    """Weights and config of BertForMaskedLM (or BertForPreTraining) as another class's, with equal logits.

    For DistilBERT the one row of token types is added to every position; word embeddings could not take it, because
    the decoder shares them. RoBERTa's position rows up to the padding token's are zeros.

    Raises:
        CannotHold: the other class has no place for something that this model has.
    """
    bert, plain = to_bert(state, config)
    if kind == "bert":
        return bert, plain
    if kind == "distilbert":
        _check_distilbert(plain)
        bert[_POSITIONS] = bert[_POSITIONS] + bert.pop(_TYPE_ROWS)
        return _renamed(bert, _NAMES[kind], {}), _distilbert_config(plain)
    if plain.hidden_act != "gelu":
        raise CannotHold(f"RoBERTa's head uses gelu, this model {plain.hidden_act}")
    if plain.pad_token_id is None:
        raise CannotHold("RoBERTa counts positions from the padding token's id, and this model has none")
    before = bert[_POSITIONS].new_zeros(plain.pad_token_id + 1, plain.hidden_size)
    bert[_POSITIONS] = torch.cat([before, bert[_POSITIONS]])
    return _renamed(bert, _NAMES[kind], {_BIAS: _OWN_BIAS[kind]}), _roberta_config(plain)


def _bias_names(kind: str) -> dict[str, str]:
    return {_OWN_BIAS[kind]: _BIAS} if kind in _OWN_BIAS else {}


def _with_prefix(state: Mapping[str, Tensor], kind: str) -> Mapping[str, Tensor]:
    if any(name.startswith(f"{kind}.") for name in state):
        return state
    return {f"{kind}.{name}": tensor for name, tensor in state.items()}


def _renamed(state: Mapping[str, Tensor], modules: Mapping[str, str], whole: Mapping[str, str]) -> dict[str, Tensor]:
    """Tensors of the modules named, under their new names; `whole` renames tensors themselves."""
    made = {whole[name]: tensor for name, tensor in state.items() if name in whole}
    for name, tensor in state.items():
        module, _, leaf = name.rpartition(".")
        number = re.search(r"\.(\d+)\.", module)
        pattern = module if number is None else module[: number.start(1)] + "{}" + module[number.end(1) :]
        if pattern in modules and name not in whole:
            made[f"{modules[pattern].format(number and number[1])}.{leaf}"] = tensor
    return made


def _completed(bert: dict[str, Tensor]) -> dict[str, Tensor]:
    """With the decoder's weight and both names of its bias, which files leave out where they are tied."""
    if "cls.predictions.transform.dense.weight" not in bert:
        return bert
    decoder = "cls.predictions.decoder"
    bias = bert[f"{decoder}.bias"] if f"{decoder}.bias" in bert else bert[_BIAS]
    return {f"{decoder}.weight": bert[_WORDS], **bert, f"{decoder}.bias": bias, _BIAS: bias}


def _shared(config: PretrainedConfig) -> dict[str, object]:
    """What all three configs call the same (transformers maps DistilBERT's names for it)."""
    names = (
        "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "initializer_range", "pad_token_id",
        "bos_token_id", "eos_token_id", "tie_word_embeddings",
    )  # fmt: skip
    return {name: getattr(config, name) for name in names}


def _bert_config(config: PretrainedConfig) -> BertConfig:
    if config.model_type == "distilbert":
        return BertConfig(
            **_shared(config), intermediate_size=config.hidden_dim, hidden_act=config.activation,
            hidden_dropout_prob=config.dropout, attention_probs_dropout_prob=config.attention_dropout,
            max_position_embeddings=config.max_position_embeddings, type_vocab_size=1, layer_norm_eps=DISTILBERT_EPS,
        )  # fmt: skip
    first = config.pad_token_id + 1 if config.model_type == "roberta" else 0
    return BertConfig(
        **_shared(config), **_alike(config), max_position_embeddings=config.max_position_embeddings - first
    )


def _roberta_config(config: BertConfig) -> RobertaConfig:
    positions = config.max_position_embeddings + config.pad_token_id + 1
    return RobertaConfig(**_shared(config), **_alike(config), max_position_embeddings=positions)


def _distilbert_config(config: BertConfig) -> DistilBertConfig:
    return DistilBertConfig(
        **_shared(config), hidden_dim=config.intermediate_size, activation=config.hidden_act,
        dropout=config.hidden_dropout_prob, attention_dropout=config.attention_probs_dropout_prob,
        max_position_embeddings=config.max_position_embeddings,
    )  # fmt: skip


def _alike(config: PretrainedConfig) -> dict[str, object]:
    """What BERT's and RoBERTa's configs call the same."""
    names = (
        "intermediate_size", "hidden_act", "hidden_dropout_prob", "attention_probs_dropout_prob", "type_vocab_size",
        "layer_norm_eps", "classifier_dropout",
    )  # fmt: skip
    return {name: getattr(config, name) for name in names}


def _check_distilbert(config: BertConfig) -> None:
    if config.type_vocab_size > 1:
        raise CannotHold(f"DistilBERT has no token types, this model has {config.type_vocab_size}")
    if config.layer_norm_eps != DISTILBERT_EPS:
        raise CannotHold(f"DistilBERT's norms add {DISTILBERT_EPS:g}, this model's {config.layer_norm_eps:g}")
