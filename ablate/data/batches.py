"""From sequence indices to tensors: rows of token ids, and the microbatches of each update."""

from dataclasses import dataclass
from itertools import pairwise
from typing import TypedDict

import numpy as np
import torch
from jaxtyping import Bool, Int64
from torch.utils.data import Dataset

from ablate.data.corpus import TokenStore
from ablate.data.masking import Masked, Masking
from ablate.data.order import UpdatePlan
from ablate.data.ranges import ranges
from ablate.data.sequences import Sequences
from ablate.data.vocabulary import Vocabulary
from ablate.errors import UserError


class Batch(TypedDict):
    """One microbatch; scalars are 0-d int64 tensors."""

    input_ids: torch.Tensor  # (n, width) int64, masks in place
    attention_mask: torch.Tensor | None  # (n, width) bool; None without padding
    token_type_ids: torch.Tensor  # (n, width) int64
    masked_positions: torch.Tensor  # (num_masked,) int64, flat indices into n * width
    masked_labels: torch.Tensor  # (num_masked,) int64
    next_sentence_label: torch.Tensor  # (n,) int64: 1 random, 0 continuation, -1 in formats without pairs
    tokens: torch.Tensor  # positions without padding in this part
    update_masked: torch.Tensor  # masked positions in the whole update: what its mean loss is divided by
    update_tokens: torch.Tensor  # positions without padding in the whole update
    update_sequences: torch.Tensor  # sequences in the whole update


@dataclass(frozen=True)
class Rows:
    """Sequences as rows `[CLS] span [SEP] span [SEP] ...`, padded to the width."""

    ids: Int64[np.ndarray, "n width"]
    lengths: Int64[np.ndarray, " n"]  # positions without padding
    token_types: Int64[np.ndarray, "n width"]  # 1 from B to its [SEP] in pair formats, else 0
    maskable: Bool[np.ndarray, "n width"]  # neither [CLS], [SEP], padding, nor a special token in the text ([UNK])

    def take(self, chosen: Int64[np.ndarray, " chosen"]) -> "Rows":
        """Some of the rows, cut to the longest of them."""
        width = int(self.lengths[chosen].max())
        cut = (array[chosen, :width] for array in (self.ids, self.token_types, self.maskable))
        ids, token_types, maskable = cut
        return Rows(ids, self.lengths[chosen], token_types, maskable)


@dataclass(frozen=True)
class _Layout:
    """Where the spans of chosen sequences stand in their rows."""

    spans: Int64[np.ndarray, " spans"]  # indices of the spans, row after row
    tokens: Int64[np.ndarray, " spans"]  # tokens of each
    row: Int64[np.ndarray, " spans"]
    column: Int64[np.ndarray, " spans"]  # of the span's first token
    first: Int64[np.ndarray, " n"]  # place in `spans` of each row's first
    lengths: Int64[np.ndarray, " n"]  # positions of each row

    def places(self, width: int) -> Int64[np.ndarray, " text"]:
        """Flat places of all tokens in rows of `width`."""
        return ranges(self.row * width + self.column, self.tokens)

    def offsets(self, sequences: Sequences) -> Int64[np.ndarray, " text"]:
        """Offsets of all tokens in the store."""
        return ranges(sequences.span_starts[self.spans], self.tokens)


def _layout(sequences: Sequences, indices: Int64[np.ndarray, " n"]) -> _Layout:
    starts, counts = sequences.offsets[indices], sequences.offsets[indices + 1] - sequences.offsets[indices]
    spans, row = ranges(starts, counts), np.repeat(np.arange(len(indices)), counts)
    tokens = sequences.span_lengths[spans].astype(np.int64)
    first = np.cumsum(counts) - counts
    before = np.cumsum(tokens + 1) - tokens - 1
    column = 1 + before - before[first][row]
    return _Layout(spans, tokens, row, column, first, lengths=1 + np.add.reduceat(tokens + 1, first))


def assemble(
    store: TokenStore,
    sequences: Sequences,
    indices: Int64[np.ndarray, " n"],
    *,
    vocabulary: Vocabulary,
    width: int | None = None,
) -> Rows:
    """Gather sequences `indices` (at least one) as rows of `width` positions, by default those of the longest."""
    at = _layout(sequences, indices)
    width = int(at.lengths.max()) if width is None else width
    assert width >= at.lengths.max(), f"width {width} cannot hold {at.lengths.max()} positions"
    ids = np.full((len(indices), width), vocabulary.pad, dtype=np.int64)
    maskable = np.zeros(ids.shape, dtype=bool)
    places = at.places(width)
    text = np.asarray(store.tokens)[at.offsets(sequences)]
    ids[:, 0] = vocabulary.cls
    ids.reshape(-1)[at.row * width + at.column + at.tokens] = vocabulary.sep
    ids.reshape(-1)[places] = text
    maskable.reshape(-1)[places] = ~vocabulary.special[text]
    token_types = np.zeros_like(ids)
    pairs = np.flatnonzero(sequences.is_random[indices] >= 0)
    if len(pairs):
        token_types[pairs] = _in_second(at.column[at.first[pairs] + 1], at.lengths[pairs], width)
    return Rows(ids, at.lengths, token_types, maskable)


def token_offsets(
    sequences: Sequences, indices: Int64[np.ndarray, " n"], *, width: int
) -> Int64[np.ndarray, "n width"]:
    """For each cell of the rows that `assemble` makes, the token's offset in the store; -1 where there is no text."""
    at = _layout(sequences, indices)
    offsets = np.full((len(indices), width), -1, dtype=np.int64)
    offsets.reshape(-1)[at.places(width)] = at.offsets(sequences)
    return offsets


def _in_second(
    starts: Int64[np.ndarray, " n"], ends: Int64[np.ndarray, " n"], width: int
) -> Bool[np.ndarray, "n width"]:
    columns = np.arange(width)
    return (columns >= starts[:, None]) & (columns < ends[:, None])


class Batches(Dataset[Batch]):
    """The microbatches of a run: item i is part `i % accumulate` of update `i // accumulate`, whatever came before.

    An item is a Batch.

    An update's rows are sorted by length and cut into parts of nearly equal padded size. For a DataLoader, use
    `batch_size=None` and a sampler over the items wanted.

    Raises:
        UserError: `accumulate` below one, or so large that a part could be left without a row.
    """

    def __init__(
        self,
        store: TokenStore,
        sequences: Sequences,
        plan: UpdatePlan,
        masking: Masking,
        *,
        mask_seed: int,
        vocabulary: Vocabulary,
        accumulate: int = 1,
    ) -> None:
        rows = plan.batch_tokens // plan.longest  # every update has at least as many
        if not 1 <= accumulate <= rows:
            raise UserError(
                f"trainer.accumulate={accumulate}: must be from 1 to {rows} (sequences that any update of "
                f"optim.batch_tokens={plan.batch_tokens} has at least, the longest being of {plan.longest} positions)"
            )
        self.store, self.sequences, self.plan, self.masking = store, sequences, plan, masking
        self.mask_seed, self.vocabulary, self.accumulate = mask_seed, vocabulary, accumulate
        self._latest: tuple[int, list[Batch]] = (-1, [])

    def __getitem__(self, item: int) -> Batch:
        update, part = divmod(item, self.accumulate)
        if self._latest[0] != update:  # the parts need the whole update's count of masks, so they are made together
            self._latest = (update, self._parts(update))
        return self._latest[1][part].copy()

    def _parts(self, update: int) -> list[Batch]:
        indices, epochs = self.plan.update(update)
        order = np.lexsort((self.plan.keys[indices], self.plan.lengths[indices]))
        indices, epochs = indices[order], epochs[order]
        cuts = even_cuts(self.plan.lengths[indices], self.accumulate)
        made = [self._masked(indices[a:b], epochs[a:b]) for a, b in pairwise(cuts)]
        masked, tokens = sum(len(one.positions) for _, one, _ in made), int(self.plan.lengths[indices].sum())
        return [
            tensors(*part, update_masked=masked, update_tokens=tokens, update_sequences=len(indices)) for part in made
        ]

    def _masked(
        self, indices: Int64[np.ndarray, " n"], epochs: Int64[np.ndarray, " n"]
    ) -> tuple[Rows, Masked, Int64[np.ndarray, " n"]]:
        rows = assemble(self.store, self.sequences, indices, vocabulary=self.vocabulary)
        keys = self.sequences.keys[indices]
        masked = self.masking(rows.ids, rows.maskable, keys, epochs, seed=self.mask_seed, vocabulary=self.vocabulary)
        return rows, masked, self.sequences.is_random[indices].astype(np.int64)


def tensors(
    rows: Rows, masked: Masked, labels: Int64[np.ndarray, " n"], *, update_masked: int, update_tokens: int,
    update_sequences: int,
) -> Batch:  # fmt: skip
    """Masked rows as a Batch."""
    width = rows.ids.shape[1]
    padded = bool((rows.lengths < width).any())
    return {
        "input_ids": torch.from_numpy(masked.input_ids),
        "attention_mask": torch.from_numpy(np.arange(width) < rows.lengths[:, None]) if padded else None,
        "token_type_ids": torch.from_numpy(rows.token_types),
        "masked_positions": torch.from_numpy(masked.positions),
        "masked_labels": torch.from_numpy(masked.labels),
        "next_sentence_label": torch.from_numpy(labels),
        "tokens": torch.tensor(int(rows.lengths.sum())),
        "update_masked": torch.tensor(update_masked),
        "update_tokens": torch.tensor(update_tokens),
        "update_sequences": torch.tensor(update_sequences),
    }


def even_cuts(lengths: Int64[np.ndarray, " n"], parts: int) -> list[int]:
    """Cut ascending `lengths` into `parts` contiguous parts, none empty: the bounds 0, ..., n.

    The largest padded size (rows x longest row) of a part is as small as it can be.
    """
    assert 1 <= parts <= len(lengths), f"{len(lengths)} rows cannot fill {parts} parts"
    if parts == 1:
        return [0, len(lengths)]
    low, high = int(lengths[-1]), len(lengths) * int(lengths[-1])
    while low < high:
        middle = (low + high) // 2
        if _fill(lengths, parts, middle)[-1] == len(lengths):
            high = middle
        else:
            low = middle + 1
    return _fill(lengths, parts, low)


def _fill(lengths: Int64[np.ndarray, " n"], parts: int, size: int) -> list[int]:
    """Bounds of `parts` parts, each of as many rows as keep it within padded `size` and leave the others one each."""
    cuts, counts = [0], np.arange(1, len(lengths) + 1)
    for remaining in range(parts - 1, -1, -1):
        here = cuts[-1]
        fit = int(np.searchsorted(lengths[here:] * counts[: len(lengths) - here], size, side="right"))
        cuts.append(min(here + fit, len(lengths) - remaining))
    return cuts
