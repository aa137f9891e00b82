"""Examples as padded token ids, and the batches of an epoch: of similar lengths, in an order that is a hash."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Int32, Int64
from tokenizers import Encoding, Tokenizer
from torch import Tensor

from ablate.data.hashing import mix

POOL = 50  # batches within which examples are sorted by length


@dataclass(frozen=True)
class Encoded:
    """Token ids of examples (or, for spans, of windows), padded to the longest of all."""

    ids: Int32[np.ndarray, "rows width"]
    lengths: Int64[np.ndarray, " rows"]
    second: Bool[np.ndarray, "rows width"]  # whether a token is of the second text
    special: Bool[np.ndarray, "rows width"]  # padding included

    def __len__(self) -> int:
        return len(self.ids)

    def batch(
        self, rows: Int64[np.ndarray, " batch"], device: torch.device
    ) -> tuple[Int64[Tensor, "batch seq"], Bool[Tensor, "batch seq"] | None]:
        """Ids padded to the longest of these rows, and which positions are tokens (None where all are)."""
        lengths = self.lengths[rows]
        width = int(lengths.max())
        ids = torch.from_numpy(self.ids[rows, :width].astype(np.int64)).to(device)
        if int(lengths.min()) == width:
            return ids, None
        return ids, torch.from_numpy(np.arange(width) < lengths[:, None]).to(device)


def encode(tokenizer: Tokenizer, frame: pd.DataFrame, *, length: int, pad: int) -> Encoded:
    """Each example as one row, `[CLS] first [SEP]` or `[CLS] first [SEP] second [SEP]`, cut at `length` tokens.

    Of a pair the longer text is cut first.
    """
    tokenizer.no_padding()
    tokenizer.enable_truncation(length, strategy="longest_first")
    try:
        return padded(tokenizer.encode_batch(_inputs(frame)), pad=pad)
    finally:
        tokenizer.no_truncation()


def _inputs(frame: pd.DataFrame) -> list[str] | list[tuple[str, str]]:
    if "second" in frame:
        return list(zip(frame["first"], frame["second"], strict=True))
    return frame["first"].tolist()


def padded(encodings: list[Encoding], *, pad: int) -> Encoded:
    """The tokenizer's encodings as arrays."""
    lengths = np.array([len(e.ids) for e in encodings], dtype=np.int64)
    inside = np.arange(lengths.max()) < lengths[:, None]
    ids = np.full(inside.shape, pad, dtype=np.int32)
    ids[inside] = np.concatenate([e.ids for e in encodings])
    second, special = np.zeros(inside.shape, dtype=bool), np.ones(inside.shape, dtype=bool)
    of = np.concatenate([[-1 if s is None else s for s in e.sequence_ids] for e in encodings])
    second[inside], special[inside] = of == 1, of == -1
    return Encoded(ids=ids, lengths=lengths, second=second, special=special)


def epoch_batches(
    lengths: Int64[np.ndarray, " rows"], *, batch: int, stream: int, epoch: int
) -> list[Int64[np.ndarray, " batch"]]:
    """The rows of each batch of an epoch, shuffled; within pools of POOL batches rows of similar length go together.

    A pure function of (stream, epoch) and the lengths.
    """
    rows = np.argsort(mix(stream, epoch, np.arange(len(lengths))), kind="stable")
    batches: list[np.ndarray] = []
    for start in range(0, len(rows), POOL * batch):
        pool = rows[start : start + POOL * batch]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        batches += [pool[at : at + batch] for at in range(0, len(pool), batch)]
    order = np.argsort(mix(stream, epoch, -1, np.arange(len(batches))), kind="stable")
    return [batches[i] for i in order]


def batches_by_length(lengths: Int64[np.ndarray, " rows"], *, batch: int = 64) -> Iterator[Int64[np.ndarray, " batch"]]:
    """The rows in batches of similar length, for prediction."""
    order = np.argsort(lengths, kind="stable")
    for start in range(0, len(order), batch):
        yield order[start : start + batch]
