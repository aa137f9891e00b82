"""Training sequences as spans of a token store: what an input format produces and a batch is assembled from."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int8, Int32, Int64, UInt64


@dataclass(frozen=True)
class Sequences:
    """Sequence i is `[CLS] span [SEP] span [SEP] ...` over spans `offsets[i]:offsets[i+1]`.

    In pair formats there are two spans, A and B; `is_random` says whether B is a random segment (1, as in Hugging
    Face's next_sentence_label) or A's continuation (0); it is -1 in formats without pairs. `keys` identify a sequence
    by its documents and its place in them: stable when documents are added or removed; order and masks derive from it.
    """

    span_starts: Int64[np.ndarray, " num_spans"]  # token offsets in the store
    span_lengths: Int32[np.ndarray, " num_spans"]
    offsets: Int64[np.ndarray, " num_sequences_plus_1"]
    is_random: Int8[np.ndarray, " num_sequences"]
    keys: UInt64[np.ndarray, " num_sequences"]

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def lengths(self) -> Int64[np.ndarray, " num_sequences"]:
        """Positions per sequence, specials included: 1 + sum over spans of (length + 1)."""
        ends = np.concatenate([[0], np.cumsum(self.span_lengths, dtype=np.int64)])
        spans = np.diff(self.offsets)
        return 1 + spans + ends[self.offsets[1:]] - ends[self.offsets[:-1]]


def concatenate(parts: list[Sequences]) -> Sequences:
    """The sequences of all parts, in order."""
    spans = np.cumsum([0, *(len(part.span_starts) for part in parts)])
    offsets = [part.offsets[:-1] + before for part, before in zip(parts, spans, strict=False)]
    return Sequences(
        span_starts=np.concatenate([part.span_starts for part in parts]),
        span_lengths=np.concatenate([part.span_lengths for part in parts]),
        offsets=np.concatenate([*offsets, spans[-1:]]).astype(np.int64),
        is_random=np.concatenate([part.is_random for part in parts]),
        keys=np.concatenate([part.keys for part in parts]),
    )
