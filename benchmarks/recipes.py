"""The recipe that a comparison trains, as overrides of ablate, and its corpus and models."""

from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig
from transformers import PreTrainedTokenizerFast

from ablate.config import build
from ablate.config.compose import compose_one
from ablate.data.batches import assemble
from ablate.data.corpus import Corpus
from ablate.data.vocabulary import Vocabulary
from ablate.models.bert import Bert

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Recipe:
    """RoBERTa's input with dynamic masks, AdamW and a linear schedule: what Hugging Face's run_mlm trains, too."""

    root: str  # where the corpus is pinned
    size: str = "mini"
    length: int = 128
    batch: int = 32
    dropout: float = 0.1
    vocabulary: int | None = None  # rows of the output layer; None: as many as the tokenizer has
    data: tuple[str, ...] = ()  # overrides that say which text
    more: tuple[str, ...] = ()

    def __getstate__(self) -> dict[str, Any]:
        """The fields alone: another process composes for itself, which is what registers the configs' resolvers."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def cfg(self) -> DictConfig:
        """Composed."""
        return compose_one([
            "scale=laptop", f"model={self.size}", f"scale.length={self.length}", f"scale.batch={self.batch}",
            "optim=adamw", "input=full_sentences", "nsp=false", "masking=dynamic", "eval=none",
            f"model.dropout={self.dropout}", f"model.attention_dropout={self.dropout}", "trainer.accelerator=cpu",
            *self.data, *self.more,
        ])  # fmt: skip

    @cached_property
    def corpus(self) -> Corpus:
        """From ablate's cache."""
        return build.build_corpus(self.cfg, Path(self.root))

    @property
    def output_vocabulary(self) -> Vocabulary:
        """The corpus's, with as many rows as were asked for."""
        return replace(self.corpus.vocabulary, size=self.vocabulary or self.corpus.vocabulary.size)

    def model(self) -> Bert:
        """With initial values."""
        made = build.make(self.cfg, "model")(
            nsp=False, vocabulary=self.output_vocabulary, attention=build.chosen_attention(self.cfg, CPU)
        )
        build.make(self.cfg, "init")(made, seed=0)
        return made

    def tokenizer(self) -> PreTrainedTokenizerFast:
        """The corpus's, as transformers has it."""
        return PreTrainedTokenizerFast.from_pretrained(self.corpus.tokenizer_path)

    def blocks(self, count: int) -> list[list[int]]:
        """The recipe's own sequences, one after the other, cut into blocks of `length` as run_mlm cuts them."""
        batches = build.build_data(self.cfg, self.corpus).batches
        indices = np.concatenate([batches.plan.update(number)[0] for number in range(count // self.batch + 2)])
        rows = assemble(batches.store, batches.sequences, indices, vocabulary=self.corpus.vocabulary)
        flat = np.concatenate([ids[:length] for ids, length in zip(rows.ids, rows.lengths, strict=True)])
        return [flat[i * self.length : (i + 1) * self.length].tolist() for i in range(count)]
