"""Sources of made-up documents, for the tests of tokenizers and the store."""

import random
from dataclasses import dataclass

import numpy as np

from ablate.data.cache import cache_key
from ablate.data.documents import Document

ARRAYS = ("tokens", "sentences", "documents", "document_keys", "document_bytes")
_SYLLABLES = [a + b for a in "bdfgklmnprst" for b in ("a", "e", "i", "o", "u", "an", "er", "is")]


def make_text(seed, *, num_sentences=12):
    """Paragraphs of sentences of words that repeat as in real text, with a little of what is difficult."""
    rng = random.Random(seed)
    words = ["".join(rng.choices(_SYLLABLES, k=rng.randint(1, 3))) for _ in range(60)]
    words += ["Café", "naïve", "don't", "[SEP]", "<s>", "x=3.14;", "中文", "e\u0301tude", "well-known"]
    sentences = []
    for _ in range(num_sentences):
        chosen = [words[min(int(rng.expovariate(0.08)), len(words) - 1)] for _ in range(rng.randint(3, 14))]
        sentences.append(" ".join(chosen).capitalize() + rng.choice(".!?"))
    separators = rng.choices([" ", "\n", "\n\n", "  \t"], k=num_sentences)
    return "".join(one + space for one, space in zip(sentences, separators, strict=True))


@dataclass
class Documents:
    """A source over a list of documents that counts how often it is read."""

    items: list
    name: str = "synthetic"
    version: str = "1"
    reads: int = 0

    def key(self):
        return cache_key(self.name, self.version)

    def documents(self):
        self.reads += 1
        yield from self.items


def make_source(num_documents=40, *, version="1", num_sentences=12):
    """Every fifth document is on the validation side."""
    items = [
        Document(id=f"doc/{i}", text=make_text(i, num_sentences=num_sentences), split=_side(i))
        for i in range(num_documents)
    ]
    return Documents(items=items, version=version)


def _side(index):
    return "validation" if index % 5 == 4 else "train"


def assert_same(one, two):
    """Two prepared corpora hold the same."""
    assert (one.key, one.fingerprint, one.vocabulary.size) == (two.key, two.fingerprint, two.vocabulary.size)
    for side in ("train", "validation"):
        a, b = getattr(one, side), getattr(two, side)
        assert list(a.document_ids) == list(b.document_ids)
        for name in ARRAYS:
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
