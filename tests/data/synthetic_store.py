"""Small random token stores with known structure, for the tests of formats, order, masking and batches."""

import numpy as np

from ablate.data.corpus import TokenStore
from ablate.data.hashing import key_of
from ablate.data.vocabulary import Vocabulary

PAD, UNK, CLS, SEP, MASK = range(5)


def make_vocabulary(size=1000):
    """Ids 0 to 4 are special; each third of the others continues a word."""
    ids = np.arange(size)
    return Vocabulary(size, PAD, UNK, CLS, SEP, MASK, (ids > 4) & (ids % 3 == 0), ids < 5)


def store_of(documents, names=None):
    """A store of documents given as lists of sentences, each a list of token ids."""
    names = [f"doc-{i}" for i in range(len(documents))] if names is None else names
    sentences = [sentence for document in documents for sentence in document]
    return TokenStore(
        tokens=np.array([token for sentence in sentences for token in sentence], dtype=np.uint16),
        sentences=np.cumsum([0] + [len(sentence) for sentence in sentences]),
        documents=np.cumsum([0] + [len(document) for document in documents]),
        document_ids=tuple(names),
        document_keys=np.array([key_of(name) for name in names], dtype=np.uint64),
    )


def random_documents(seed=0, num_documents=60, most_sentences=40, mean_tokens=12, longest=None, vocab=1000):
    """Documents of 1 to `most_sentences` sentences of geometric length; `longest` makes one in 20 that long."""
    rng = np.random.default_rng(seed)
    documents = []
    for _ in range(num_documents):
        counts = rng.geometric(1 / mean_tokens, size=rng.integers(1, most_sentences + 1))
        if longest:
            counts = np.where(rng.random(len(counts)) < 0.05, longest, counts)
        documents.append([rng.integers(5, vocab, size=count).tolist() for count in counts])
    return documents


def flat_store(num_documents=7000, sentences=43, tokens=21, seed=0):
    """A larger store, made without Python loops: for statistics and speed."""
    rng = np.random.default_rng(seed)
    documents = np.concatenate([[0], np.cumsum(rng.geometric(1 / sentences, size=num_documents))])
    lengths = rng.geometric(1 / tokens, size=documents[-1])
    bounds = np.concatenate([[0], np.cumsum(lengths)])
    return TokenStore(
        tokens=rng.integers(5, 1000, size=bounds[-1], dtype=np.uint16),
        sentences=bounds,
        documents=documents,
        document_ids=(),
        document_keys=rng.integers(0, 2**63, size=num_documents, dtype=np.uint64),
    )


def spans_of(sequences):
    """Per sequence, its (start, length) spans as lists of ints."""
    spans = list(zip(sequences.span_starts.tolist(), sequences.span_lengths.tolist(), strict=True))
    return [spans[a:b] for a, b in zip(sequences.offsets[:-1], sequences.offsets[1:], strict=True)]


def document_of(store, token):
    """The document that a token offset lies in."""
    return int(np.searchsorted(store.document_tokens(), token, side="right")) - 1
