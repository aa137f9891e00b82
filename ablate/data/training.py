"""From a corpus to the training sequences of one arm and seed: selection, order, format, update plan."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from ablate.data.cache import cache_key, cached_arrays
from ablate.data.corpus import Corpus, TokenStore
from ablate.data.hashing import stream
from ablate.data.order import UpdatePlan, order_documents, select_documents
from ablate.data.sequences import Sequences, concatenate
from ablate.errors import UserError

BLOCK_TOKENS = 100_000_000  # whose sequences are made at a time: making them takes about 10 bytes a token


@dataclass(frozen=True)
class Streams:
    """The keys of a seed's data streams; each is independent of the others (common random numbers)."""

    documents: int
    pairs: int
    order: int
    masks: int

    @classmethod
    def of(cls, seed: int, replicate: int) -> "Streams":
        """The streams of one seed, salted by `replicate`."""
        return cls(**{f.name: stream(seed, f.name, replicate=replicate) for f in fields(cls)})


def training_sequences(
    corpus: Corpus, make: Callable[..., Sequences], *, describes: str, fraction: float, streams: Streams, cache: Path
) -> Sequences:
    """The sequences of a format over a fraction of the documents, built once per arm and seed, then frozen.

    `describes` names the format with its options and the length: with the corpus and the streams it is the cache key.
    """

    def build() -> dict[str, np.ndarray]:
        chosen = select_documents(corpus.train, fraction=fraction)
        ordered = order_documents(corpus.train, chosen, seed=streams.documents)
        made = in_blocks(corpus.train, ordered, lambda block: make(corpus.train, block, seed=streams.pairs))
        return {field.name: getattr(made, field.name) for field in fields(Sequences)}

    key = cache_key("sequences", corpus.key, describes, repr(fraction), repr(streams.documents), repr(streams.pairs))
    return Sequences(**cached_arrays(cache / "sequences", key, build))


def in_blocks(
    store: TokenStore,
    documents: Int64[np.ndarray, " n"],
    make: Callable[[Int64[np.ndarray, " block"]], Sequences],
    *,
    block_tokens: int = BLOCK_TOKENS,
) -> Sequences:
    """The sequences of all documents, made from blocks of about `block_tokens` tokens so that memory stays bounded.

    Pairs and packed sequences stay inside a block; every block has at least two documents.
    """
    ends = np.cumsum(np.diff(store.document_tokens())[documents])
    wanted = -(-int(ends[-1]) // block_tokens)
    cuts = np.searchsorted(ends, ends[-1] * np.arange(1, wanted) / wanted)
    bounds = [0]
    for cut in cuts:
        if cut - bounds[-1] >= 2 and len(documents) - cut >= 2:
            bounds.append(int(cut))
    return concatenate([make(block) for block in np.split(documents, bounds[1:])])


def bytes_per_token(store: TokenStore, plan: UpdatePlan, *, fraction: float) -> float:
    """Raw bytes (UTF-8) of a fraction's documents per position of a pass over them, specials included.

    A pass counts as reading all of its documents, whatever a format cuts off, so that equal bytes are equal passes over
    the same text for every tokenizer.

    Raises:
        UserError: the corpus was prepared by a version that did not count bytes.
    """
    if store.document_bytes is None:
        raise UserError(
            "budget.match=bytes: the prepared corpus does not know the size of its texts, an earlier version made it; "
            "delete the folder tokens of the cache, and it is prepared anew under the same id"
        )
    return float(store.document_bytes[select_documents(store, fraction=fraction)].sum()) / plan.epoch_tokens


def update_plan(sequences: Sequences, *, batch_tokens: int, streams: Streams) -> UpdatePlan:
    """Which sequences make up each update."""
    return UpdatePlan(lengths=sequences.lengths, keys=sequences.keys, batch_tokens=batch_tokens, seed=streams.order)
