"""Held-out masked-language-model metrics: losses per position in, named numbers and per-document sums out."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float64, Int64

from ablate.data.corpus import Corpus, TokenStore
from ablate.evaluation.held_out import Format, HeldOut, character_masked, evaluation_documents, token_masked
from ablate.models.encoder import Encoder
from ablate.training.precision import Precision, autocast


@dataclass(frozen=True)
class Scores:
    """What a model gives at each masked position, and for each sequence pair."""

    nll: Float64[np.ndarray, " masked"]  # nats
    correct: Bool[np.ndarray, " masked"]
    pairs_correct: float | None  # share of sequence pairs told apart, where the model has an NSP head


@torch.no_grad()
def score(model: Encoder, held_out: HeldOut, *, nsp: bool, precision: Precision) -> Scores:
    """Run the model over a held-out set in evaluation mode; the model's mode is restored."""
    device = next(model.parameters()).device
    count = len(held_out.masked.labels)
    nll, correct, right = np.zeros(count), np.zeros(count, dtype=bool), 0
    training = model.training
    model.eval()
    for part, batch in held_out.batches():
        mask = batch["attention_mask"]
        with autocast(device, precision):
            hidden = model.hidden_states(
                batch["input_ids"].to(device), None if mask is None else mask.to(device),
                batch["token_type_ids"].to(device),
            )  # fmt: skip
            logits = model.mlm_logits(hidden.flatten(0, 1)[batch["masked_positions"].to(device)]).float().cpu()
            pairs = model.nsp_logits(hidden).cpu() if nsp else None
        labels = batch["masked_labels"]
        nll[part] = F.cross_entropy(logits, labels, reduction="none").double().numpy()
        correct[part] = (logits.argmax(-1) == labels).numpy()
        if pairs is not None:
            right += int(torch.sum(pairs.argmax(-1) == batch["next_sentence_label"]))
    model.train(training)
    return Scores(nll=nll, correct=correct, pairs_correct=right / len(held_out.is_random) if nsp else None)


def unigram_loss(labels: Int64[np.ndarray, " masked"], counts: Int64[np.ndarray, " vocab"]) -> float:
    """Mean -log p(label) under the training side's token frequencies, add-one smoothed, in nats: the plateau."""
    return float(-np.log((counts[labels] + 1) / (counts.sum() + len(counts))).mean())


def _by_what_is_shown(scores: Scores, held_out: HeldOut, mask: int) -> dict[str, float]:
    """The mean loss where [MASK], a random token, or the right one stands: the last asks for little but copying."""
    shown, labels = held_out.masked.input_ids.reshape(-1)[held_out.masked.positions], held_out.masked.labels
    kinds = {"masked": shown == mask, "kept": shown == labels, "random": (shown != mask) & (shown != labels)}
    return {f"val/mlm_loss/{kind}": float(scores.nll[of].mean()) for kind, of in kinds.items() if of.any()}


def per_document(scores: Scores, held_out: HeldOut, store: TokenStore) -> pd.DataFrame:
    """Sums per document: document, nll_sum (nats), n_masked, n_chars, and how many were predicted right."""
    frame = pd.DataFrame(
        {"document": held_out.documents, "nll_sum": scores.nll, "n_masked": 1, "n_chars": held_out.chars,
         "n_correct": scores.correct.astype(np.int64)}
    ).groupby("document", as_index=False).sum()  # fmt: skip
    frame["document"] = [store.document_ids[i] for i in frame["document"]]
    return frame


class Evaluation:
    """Every held-out question that a run is asked, built once: `curve` while it trains, `final` at its end."""

    def __init__(
        self, corpus: Corpus, *, formats: dict[str, Format], own_format: str, nsp: bool, length: int, chars: int,
        chars_per_document: int, format_chars: int, precision: Precision,
    ) -> None:  # fmt: skip
        """`formats` by name, the common one first; `own_format` is the one the model is trained in."""
        self.corpus, self.nsp, self.precision = corpus, nsp, precision
        store, cap = corpus.validation, chars_per_document
        documents = evaluation_documents(store, chars=chars, chars_per_document=cap)
        fewer = evaluation_documents(store, chars=format_chars, chars_per_document=cap)
        self.common, *others = formats
        self.own_format = own_format
        common = formats[self.common]
        rest: dict[str, Any] = {"vocabulary": corpus.vocabulary, "length": length, "chars_per_document": cap}
        self.held_out = token_masked(store, documents, common, **rest)
        self.characters = character_masked(store, documents, common, **rest)
        self.others = {name: token_masked(store, fewer, formats[name], **rest) for name in others}
        self.unigram_loss = unigram_loss(self.held_out.masked.labels, corpus.counts)

    def curve(self, model: Encoder) -> dict[str, float]:
        """The common format's loss and accuracy."""
        scores = score(model, self.held_out, nsp=False, precision=self.precision)
        return {"val/mlm_loss": float(scores.nll.mean()), "val/mlm_accuracy": float(scores.correct.mean())}

    def final(self, model: Encoder) -> tuple[dict[str, float], dict[str, pd.DataFrame]]:
        """Every metric, and per-document sums for `val_mlm` (token masks) and `val_spans` (character spans)."""
        scores = score(model, self.held_out, nsp=self._asks_pairs(self.common), precision=self.precision)
        spans = score(model, self.characters, nsp=False, precision=self.precision)
        loss = float(scores.nll.mean())
        metrics = {
            "val/mlm_loss": loss,
            "val/mlm_accuracy": float(scores.correct.mean()),
            "val/perplexity": math.exp(loss) if loss < 700 else math.inf,
            "val/bits_per_char": float(spans.nll.sum() / math.log(2) / self.characters.chars.sum()),
            "val/unigram_loss": self.unigram_loss,
            f"val/{self.common}/mlm_loss": loss,
            **_by_what_is_shown(scores, self.held_out, self.corpus.vocabulary.mask),
            **_of_pairs(scores),
        }
        for name, held_out in self.others.items():
            other = score(model, held_out, nsp=self._asks_pairs(name), precision=self.precision)
            metrics[f"val/{name}/mlm_loss"] = float(other.nll.mean())
            metrics |= _of_pairs(other)
        store = self.corpus.validation
        frames = {
            "val_mlm": per_document(scores, self.held_out, store),
            "val_spans": per_document(spans, self.characters, store),
        }
        return metrics, frames

    def _asks_pairs(self, name: str) -> bool:
        """Whether text in this format is what the model learnt next sentences from."""
        return self.nsp and name == self.own_format


def _of_pairs(scores: Scores) -> dict[str, float]:
    return {} if scores.pairs_correct is None else {"val/nsp_accuracy": scores.pairs_correct}
