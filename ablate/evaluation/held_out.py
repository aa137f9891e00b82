"""The fixed held-out evaluation: which text, which masks. The same for every arm; no recipe may touch it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64

from ablate.data.batches import Batch, Rows, assemble, tensors, token_offsets
from ablate.data.corpus import TokenStore
from ablate.data.hashing import key_of, mix, stream, uniform
from ablate.data.masking import Masked, TokenMasking
from ablate.data.sequences import Sequences
from ablate.data.vocabulary import Vocabulary

SEED = stream(0, "evaluation")  # not a recipe's seed: every run is asked the same questions
MASK_RATE = 0.15
FEWEST = 8

Format = Callable[..., Sequences]


@dataclass(frozen=True)
class HeldOut:
    """Masked rows of held-out documents, and where each masked position comes from."""

    rows: Rows
    masked: Masked
    is_random: Int64[np.ndarray, " rows"]
    documents: Int64[np.ndarray, " masked"]  # index of the document in the store
    chars: Int64[np.ndarray, " masked"]  # raw characters that the masked token covers

    def batches(self, size: int = 64) -> Iterator[tuple[Int64[np.ndarray, " part"], Batch]]:
        """Batches of rows of similar length, and which masked positions each holds."""
        row, column = np.divmod(self.masked.positions, self.rows.ids.shape[1])
        order = np.argsort(self.rows.lengths, kind="stable")
        for start in range(0, len(order), size):
            chosen = np.sort(order[start : start + size])
            rows = self.rows.take(chosen)
            width = rows.ids.shape[1]
            part = np.flatnonzero(np.isin(row, chosen))
            positions = np.searchsorted(chosen, row[part]) * width + column[part]
            masked = Masked(self.masked.input_ids[chosen, :width], positions, self.masked.labels[part])
            yield part, tensors(
                rows, masked, self.is_random[chosen], update_masked=len(part),
                update_tokens=int(rows.lengths.sum()), update_sequences=len(chosen),
            )  # fmt: skip


def evaluation_documents(store: TokenStore, *, chars: int, chars_per_document: int) -> Int64[np.ndarray, " documents"]:
    """Documents in an order fixed by their ids, until they hold `chars` raw characters, each counted up to the cap.

    At least FEWEST where there are as many, so that pairs can be drawn and no single document decides.
    """
    assert store.chars is not None
    order = np.argsort(mix(key_of("evaluation"), store.document_keys), kind="stable")
    bounds = store.document_tokens()
    totals = np.add.reduceat(store.chars.astype(np.int64), bounds[:-1])
    enough = np.searchsorted(np.cumsum(np.minimum(totals[order], chars_per_document)), chars) + 1
    return order[: max(enough, FEWEST)].astype(np.int64)


def token_masked(
    store: TokenStore, documents: Int64[np.ndarray, " documents"], make: Format, *, vocabulary: Vocabulary,
    length: int, chars_per_document: int,
) -> HeldOut:  # fmt: skip
    """Held-out rows in one format with 15 % of the tokens masked, 80/10/10, by masks that are fixed for ever."""
    sequences, rows, sources, inside = _rows(store, documents, make, vocabulary, length, chars_per_document)
    masking = TokenMasking(rate=MASK_RATE, copies=1)
    epochs = np.zeros(len(rows.ids), dtype=np.int64)
    masked = masking(rows.ids, inside, sequences.keys, epochs, seed=SEED, vocabulary=vocabulary)
    return _held_out(store, sequences, rows, sources, masked)


def character_masked(
    store: TokenStore, documents: Int64[np.ndarray, " documents"], make: Format, *, vocabulary: Vocabulary,
    length: int, chars_per_document: int,
) -> HeldOut:  # fmt: skip
    """Held-out rows with the same whitespace-delimited words of the raw text masked, whatever the tokenizer.

    All pieces of a chosen word become [MASK]; 15 % of the words are chosen by (document, index of the word).
    """
    assert store.words is not None
    sequences, rows, sources, inside = _rows(store, documents, make, vocabulary, length, chars_per_document)
    keys = store.document_keys[_document_of(store, sources)]
    chosen = inside & (uniform(mix(SEED, keys, store.words[sources].astype(np.int64))) < MASK_RATE)
    positions = np.flatnonzero(chosen)
    inputs = np.where(chosen, vocabulary.mask, rows.ids)
    masked = Masked(inputs, positions, rows.ids.reshape(-1)[positions])
    return _held_out(store, sequences, rows, sources, masked)


def _rows(
    store: TokenStore, documents: np.ndarray, make: Format, vocabulary: Vocabulary, length: int, cap: int
) -> tuple[Sequences, Rows, Int64[np.ndarray, "rows width"], Bool[np.ndarray, "rows width"]]:
    """Rows that begin inside the cap, the store's offset of each cell, and which cells may be masked."""
    sequences = make(store, documents, length=length, seed=SEED)
    assert store.chars is not None
    ends = np.cumsum(store.chars, dtype=np.int64)
    starts = (ends - store.chars)[store.document_tokens()[:-1]]
    place = ends - store.chars - np.repeat(starts, np.diff(store.document_tokens()))  # characters before the token
    first = sequences.span_starts[sequences.offsets[:-1]]
    indices = np.flatnonzero(place[first] < cap)
    rows = assemble(store, sequences, indices, vocabulary=vocabulary)
    sources = np.where(rows.maskable, token_offsets(sequences, indices, width=rows.ids.shape[1]), 0)
    chosen = Sequences(
        span_starts=first[indices], span_lengths=np.zeros(len(indices), dtype=np.int32),
        offsets=np.arange(len(indices) + 1), is_random=sequences.is_random[indices], keys=sequences.keys[indices],
    )  # fmt: skip
    return chosen, rows, sources, rows.maskable & (place[sources] < cap)


def _held_out(
    store: TokenStore, sequences: Sequences, rows: Rows, sources: Int64[np.ndarray, "rows width"], masked: Masked
) -> HeldOut:
    assert store.chars is not None
    at = sources.reshape(-1)[masked.positions]
    return HeldOut(
        rows=rows, masked=masked, is_random=sequences.is_random.astype(np.int64),
        documents=_document_of(store, at), chars=store.chars[at].astype(np.int64),
    )  # fmt: skip


def _document_of(store: TokenStore, tokens: np.ndarray) -> np.ndarray:
    return np.searchsorted(store.document_tokens(), tokens, side="right") - 1
