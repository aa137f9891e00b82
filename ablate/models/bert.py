"""Transformers' BERT with its pretraining heads, the MLM head applied only where it is asked for."""

from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from transformers import BertConfig, BertForMaskedLM, BertForPreTraining

from ablate.data.vocabulary import Vocabulary
from ablate.models.cost import encoder_flops, head_flops
from ablate.models.encoder import Encoder, Layers

Attention = Literal["eager", "sdpa"]


class Bert(Encoder):
    """BERT (Devlin et al. 2019) from transformers; parameter names and folders are Hugging Face's own.

    Transformers' BERT always has a row of token types: without token types it has one row, and it is all zeros
    in the input. The pooler and the NSP head exist only where `nsp` is on.
    """

    def __init__(
        self,
        *,
        name: str,
        layers: int,
        width: int,
        heads: int,
        intermediate: int,
        dropout: float,
        attention_dropout: float,
        max_length: int,
        token_types: bool,
        nsp: bool,
        vocabulary: Vocabulary,
        attention: Attention = "eager",
    ) -> None:
        super().__init__()
        self.name = name
        self.token_types = token_types
        config = BertConfig(
            vocab_size=vocabulary.size,
            hidden_size=width,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            intermediate_size=intermediate,
            hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=attention_dropout,
            max_position_embeddings=max_length,
            type_vocab_size=2 if token_types else 1,
            pad_token_id=vocabulary.pad,
            bos_token_id=vocabulary.cls,
            eos_token_id=vocabulary.sep,
        )
        config._attn_implementation = attention
        self.pretraining = BertForPreTraining(config) if nsp else BertForMaskedLM(config)

    @classmethod
    def wrapping(cls, pretraining: BertForMaskedLM, *, name: str) -> "Bert":
        """The encoder around a model of transformers that exists already."""
        made = cls.__new__(cls)
        Encoder.__init__(made)
        made.name = name
        made.token_types = pretraining.config.type_vocab_size > 1
        made.pretraining = pretraining
        return made

    @property
    def config(self) -> BertConfig:
        """Transformers' own."""
        return self.pretraining.config

    def hidden_states(
        self,
        input_ids: Int64[Tensor, "batch seq"],
        attention_mask: Bool[Tensor, "batch seq"] | None,
        token_type_ids: Int64[Tensor, "batch seq"] | None,
    ) -> Float[Tensor, "batch seq width"]:
        """The last layer's output; token types are ignored by a model that has none."""
        return self.pretraining.bert(
            input_ids=input_ids,
            attention_mask=None if attention_mask is None else attention_mask.long(),
            token_type_ids=token_type_ids if self.token_types else None,
        ).last_hidden_state

    def layers(
        self,
        input_ids: Int64[Tensor, "batch seq"],
        attention_mask: Bool[Tensor, "batch seq"] | None,
        token_type_ids: Int64[Tensor, "batch seq"] | None,
        *,
        attention: bool,
    ) -> Layers:
        """Every layer's output; with `attention` the weights too, which only eager attention has."""
        out = self.pretraining.bert(
            input_ids=input_ids,
            attention_mask=None if attention_mask is None else attention_mask.long(),
            token_type_ids=token_type_ids if self.token_types else None,
            output_hidden_states=True,
            output_attentions=attention,
        )
        return Layers(tuple(out.hidden_states[1:]), tuple(out.attentions) if attention else ())

    def mlm_logits(self, hidden: Float[Tensor, "positions width"]) -> Float[Tensor, "positions vocab"]:
        """Logits over the vocabulary at chosen positions: the full (batch, seq, vocab) tensor is never built."""
        return self.pretraining.cls.predictions(hidden)

    def nsp_logits(self, hidden: Float[Tensor, "batch seq width"]) -> Float[Tensor, "batch 2"]:
        """Logits of continuation (0) against random (1), from the pooled [CLS]."""
        return self.pretraining.cls.seq_relationship(self.pretraining.bert.pooler(hidden))

    def forward_flops(self, *, length: float) -> tuple[float, float]:
        """FLOPs of the forward pass: per position at a sequence length, and of the MLM head per masked position."""
        c = self.config
        per_position = encoder_flops(
            layers=c.num_hidden_layers, width=c.hidden_size, intermediate=c.intermediate_size, length=length
        )
        return per_position, head_flops(width=c.hidden_size, vocabulary=c.vocab_size)

    def save(self, folder: Path) -> None:
        """Write config.json and safetensors as Hugging Face's own class would."""
        self.pretraining.save_pretrained(folder)

    def load(self, folder: Path) -> None:
        """Take the weights of such a folder; only safetensors are read."""
        loaded = type(self.pretraining).from_pretrained(folder, local_files_only=True, use_safetensors=True)
        self.pretraining.load_state_dict(loaded.state_dict())


def attention_for(length: int, device: torch.device) -> Attention:
    """Eager attention beats SDPA on CPUs at short lengths; elsewhere SDPA."""
    return "eager" if device.type == "cpu" and length <= 256 else "sdpa"
