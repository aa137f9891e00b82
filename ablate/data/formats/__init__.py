"""Input formats (RoBERTa section 4.2): how a corpus is cut into training sequences."""

from ablate.data.formats.packed import doc_sentences, full_sentences
from ablate.data.formats.pairs import segment_pair, sentence_pair

__all__ = ["doc_sentences", "full_sentences", "segment_pair", "sentence_pair"]
