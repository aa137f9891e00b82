"""Which documents, in which order, and which sequences make up each update: pure functions of keys."""

from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Int64, UInt64

from ablate.data.corpus import TokenStore
from ablate.data.hashing import key_of, mix
from ablate.errors import UserError

_EPOCHS_KEPT = 2  # an update may lie in two


def select_documents(store: TokenStore, *, fraction: float) -> Int64[np.ndarray, " n"]:
    """Documents in hash order of their ids, as many as hold at most `fraction` of the tokens, at least one.

    Selections are nested: a smaller fraction's documents are a prefix of a larger one's, whatever the seed.

    Raises:
        UserError: `fraction` outside (0, 1].
    """
    if not 0 < fraction <= 1:
        raise UserError(f"data.fraction={fraction} is not a share of the data: give a number above 0, at most 1")
    order = np.argsort(mix(key_of("fraction"), store.document_keys))
    tokens = np.cumsum(np.diff(store.document_tokens())[order])
    count = int(np.searchsorted(tokens, fraction * tokens[-1], side="right"))
    return order[: max(count, 1)]


def order_documents(store: TokenStore, documents: Int64[np.ndarray, " n"], *, seed: int) -> Int64[np.ndarray, " n"]:
    """`documents` in the hash order of a seed's stream: two of them keep their order whatever others are there."""
    return documents[np.argsort(mix(seed, store.document_keys[documents]))]


@dataclass(frozen=True, eq=False, kw_only=True)
class UpdatePlan:
    """Which sequences make up each update: a function of its number, found without walking through earlier ones.

    Sequences follow each other epoch after epoch, in an order drawn anew for each. Counting their positions (specials
    included, no padding) continuously in blocks of `batch_tokens`, a sequence belongs to the update in whose block its
    first position falls: updates are equal in the mean, and each sequence occurs once per epoch.

    Raises:
        UserError: no sequences, or `batch_tokens` below the longest of them (some updates would be empty).
    """

    lengths: Int64[np.ndarray, " num_sequences"]  # positions, as in Sequences.lengths
    keys: UInt64[np.ndarray, " num_sequences"]
    batch_tokens: int
    seed: int  # the key of the order stream
    _epochs: OrderedDict[int, tuple[np.ndarray, np.ndarray]] = field(
        init=False, repr=False, default_factory=OrderedDict
    )

    def __post_init__(self) -> None:
        if not len(self.lengths):
            raise UserError("data holds no training sequence: see data.fraction and input.length")
        if self.batch_tokens < self.longest:
            raise UserError(
                f"optim.batch_tokens={self.batch_tokens} is less than the longest sequence ({self.longest} positions): "
                "raise it or lower input.length"
            )

    @cached_property
    def longest(self) -> int:
        """Positions of the longest sequence."""
        return int(self.lengths.max())

    @cached_property
    def epoch_tokens(self) -> int:
        """Positions in one pass over the data."""
        return int(self.lengths.sum())

    def update(self, number: int) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " n"]]:
        """Indices of the update's sequences, and the epoch that each is in."""
        low, high = number * self.batch_tokens, (number + 1) * self.batch_tokens
        epochs = range(low // self.epoch_tokens, (high - 1) // self.epoch_tokens + 1)
        parts = []
        for epoch in epochs:
            order, starts = self._epoch(epoch)
            passed = epoch * self.epoch_tokens
            begin, end = np.searchsorted(starts, [max(low - passed, 0), min(high - passed, self.epoch_tokens)])
            parts.append(order[begin:end])
        return np.concatenate(parts), np.repeat(np.array(epochs), [len(part) for part in parts])

    def tokens_until(self, update: int) -> int:
        """Positions in all updates before `update`: the first position of its first sequence."""
        position = update * self.batch_tokens
        epoch, inside = divmod(position, self.epoch_tokens)
        _, starts = self._epoch(epoch)
        place = int(np.searchsorted(starts, inside))
        return epoch * self.epoch_tokens + (int(starts[place]) if place < len(starts) else self.epoch_tokens)

    def _epoch(self, epoch: int) -> tuple[Int64[np.ndarray, " num_sequences"], Int64[np.ndarray, " num_sequences"]]:
        """The order of an epoch, and each place's first position counted from the epoch's start; the last few kept."""
        if epoch not in self._epochs:
            order = np.argsort(mix(self.seed, epoch, self.keys))  # no ties: mix is one-to-one in its last part
            ends = np.cumsum(self.lengths[order])
            self._epochs[epoch] = (order, ends - self.lengths[order])
            if len(self._epochs) > _EPOCHS_KEPT:
                self._epochs.popitem(last=False)
        self._epochs.move_to_end(epoch)
        return self._epochs[epoch]
