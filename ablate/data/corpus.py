"""A tokenised corpus: flat token arrays with sentence and document boundaries, memory-mapped."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import SupportsIndex, overload

import numpy as np
from jaxtyping import Int32, Int64, UInt8, UInt64

from ablate.data.vocabulary import Vocabulary


@dataclass(frozen=True)
class DocumentIds(Sequence[str]):
    """The ids of documents, read one by one: a corpus may have millions, and few are asked for."""

    text: UInt8[np.ndarray, " num_bytes"]  # UTF-8, one after the other
    ends: Int64[np.ndarray, " num_documents"]

    def __len__(self) -> int:
        return len(self.ends)

    @overload
    def __getitem__(self, index: SupportsIndex) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: SupportsIndex | slice) -> str | list[str]:
        """The id of the document at `index`."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        at = range(len(self))[index]
        start = int(self.ends[at - 1]) if at else 0
        return bytes(self.text[start : int(self.ends[at])]).decode("utf-8", "surrogatepass")


@dataclass(frozen=True)
class TokenStore:
    """One side of the split. No special tokens inside; sentences and documents are never empty.

    `words` and `chars` exist on the validation side only: the index of the whitespace-delimited word of the raw text
    that the token belongs to, counted within its document, and how many raw characters the token covers. They let
    losses be compared per raw character across tokenizers. `document_bytes` is the size of each raw text in UTF-8, by
    which text is matched across tokenizers; None in a store of an earlier version.
    """

    tokens: np.ndarray  # (num_tokens,) uint16 or uint32, memory-mapped
    sentences: Int64[np.ndarray, " num_sentences_plus_1"]  # token offset at which each sentence starts, and the end
    documents: Int64[np.ndarray, " num_documents_plus_1"]  # sentence index at which each document starts, and the end
    document_ids: Sequence[str]
    document_keys: UInt64[np.ndarray, " num_documents"]  # hashing.key_of(id)
    document_bytes: Int64[np.ndarray, " num_documents"] | None = None
    words: Int32[np.ndarray, " num_tokens"] | None = None
    chars: UInt8[np.ndarray, " num_tokens"] | None = None

    @property
    def num_documents(self) -> int:
        """How many documents."""
        return len(self.document_keys)

    def document_tokens(self) -> Int64[np.ndarray, " num_documents_plus_1"]:
        """Token offset at which each document starts, and the end."""
        return self.sentences[self.documents]


@dataclass(frozen=True)
class Corpus:
    """A prepared corpus: both sides of the split, the vocabulary, and what identifies its content."""

    name: str
    fingerprint: str  # of the documents' ids, texts and sides, in order
    key: str  # of fingerprint, tokenizer and the rules that cut sentences: names the store on disk
    train: TokenStore
    validation: TokenStore
    vocabulary: Vocabulary
    counts: Int64[np.ndarray, " vocab"]  # token counts on the training side
    tokenizer_path: Path  # a folder with tokenizer.json and tokenizer_config.json, loadable by transformers
