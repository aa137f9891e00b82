"""From text to flat token files: each distinct word is encoded once, everything else is array arithmetic."""

from contextlib import ExitStack
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from types import TracebackType

import numpy as np
from jaxtyping import Int64, UInt8
from tokenizers import Tokenizer

from ablate.data.hashing import key_of

_WORDS_PER_FLUSH = 200_000  # about a megabyte of text
_SENTENCES_PER_PIECE = 4096  # so that one enormous document does not need enormous memory
_MOST_REMEMBERED = 30_000_000  # characters of distinct words and 50 for each word: some 100 MB; then it starts anew


@dataclass(frozen=True)
class Encoded:
    """The tokens of some words, and how many each word has."""

    tokens: Int64[np.ndarray, " num_tokens"]
    chars: UInt8[np.ndarray, " num_tokens"]
    lengths: Int64[np.ndarray, " num_words"]


class _Numbers(dict[str, int]):
    """Numbers strings in the order in which they are first looked up."""

    def __missing__(self, word: str) -> int:
        number = self[word] = len(self)
        return number


class WordEncoder:
    """Encodes words (as `str.split` gives them), remembering those it has seen: text repeats its words.

    With `chars`, every token also gets the number of raw characters it stands for. Those of a word sum to the word's
    length: what the normaliser drops belongs to the token before, and a character that is cut into several byte tokens
    to the last of them. More than 255 count as 255.
    """

    def __init__(self, tokenizer: Tokenizer, *, chars: bool) -> None:
        tokenizer.encode_special_tokens = True  # "[SEP]" in a text is five characters, not a separator
        self._tokenizer = tokenizer
        self._want_chars = chars
        self._forget()

    def _forget(self) -> None:
        self._numbers = _Numbers()
        self._remembered = 0
        self._tokens = np.zeros(0, dtype=np.int64)
        self._chars = np.zeros(0, dtype=np.uint8)
        self._ends = np.zeros(1, dtype=np.int64)

    def encode(self, words: list[str]) -> Encoded:
        """Encode; a word that the normaliser drops altogether has no tokens."""
        if self._remembered > _MOST_REMEMBERED:
            self._forget()
        known = len(self._numbers)
        numbers = np.fromiter(map(self._numbers.__getitem__, words), dtype=np.int64, count=len(words))
        if len(self._numbers) > known:
            self._learn(list(self._numbers)[known:])
        starts, lengths = self._ends[numbers], self._ends[numbers + 1] - self._ends[numbers]
        ends = np.cumsum(lengths)
        where = np.repeat(starts - ends + lengths, lengths) + np.arange(lengths.sum())
        chars = self._chars[where] if self._want_chars else np.zeros(len(where), dtype=np.uint8)
        return Encoded(tokens=self._tokens[where], chars=chars, lengths=lengths)

    def _learn(self, words: list[str]) -> None:
        self._remembered += sum(map(len, words)) + 50 * len(words)
        texts = [word.encode("utf-8", "replace").decode("utf-8") for word in words]  # JSON can hold lone surrogates
        encode = self._tokenizer.encode_batch if self._want_chars else self._tokenizer.encode_batch_fast
        encodings = encode(texts, add_special_tokens=False)
        ids = [encoding.ids for encoding in encodings]
        self._tokens = np.concatenate([self._tokens, np.array([i for one in ids for i in one], dtype=np.int64)])
        self._ends = np.concatenate([self._ends, self._ends[-1] + np.cumsum([len(one) for one in ids])])
        if self._want_chars:
            chars = [
                count
                for word, encoding in zip(words, encodings, strict=True)
                for count in _chars_per_token([start for start, _ in encoding.offsets], len(word))
            ]
            self._chars = np.concatenate([self._chars, np.array(chars, dtype=np.uint8)])


def _chars_per_token(starts: list[int], length: int) -> list[int]:
    """Raw characters per token of a word: from each token's start to the next one's."""
    if not starts:
        return []
    bounds = [0, *accumulate(starts[1:], max), length]
    return [min(255, end - start) for start, end in pairwise(bounds)]


class SideWriter:
    """Appends documents to the files of one side of the split; holds about a megabyte of text.

    Files (little-endian, no header): `tokens` (uint16 or uint32), `sentences` and `documents` (int64, as in
    TokenStore), `document_keys` (uint64), `document_bytes` (int64), `ids` (UTF-8) with `id_ends` (int64); with `chars`,
    also `words` (int32) and `chars` (uint8).
    """

    def __init__(self, folder: Path, tokenizer: Tokenizer, *, vocab_size: int, chars: bool) -> None:
        folder.mkdir()
        names = ["tokens", "sentences", "documents", "document_keys", "document_bytes", "ids", "id_ends"]
        names += ["words", "chars"] if chars else []
        self._stack = ExitStack()
        self._files = {name: self._stack.enter_context((folder / f"{name}.bin").open("wb")) for name in names}
        self._dtype = np.dtype(np.uint16 if vocab_size <= 1 << 16 else np.uint32)
        self._encoder = WordEncoder(tokenizer, chars=chars)
        self._with_chars = chars
        self.counts = np.zeros(vocab_size, dtype=np.int64)
        self.num_tokens = self.num_sentences = self.num_documents = 0
        self._open_sentences = 0  # of the document that is being written
        self._id_bytes = 0
        self._append("sentences", np.zeros(1, dtype=np.int64))
        self._append("documents", np.zeros(1, dtype=np.int64))
        self._clear()

    def __enter__(self) -> "SideWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stack:
            if error is None:
                self._flush()

    @property
    def dtype(self) -> str:
        """Of the tokens."""
        return self._dtype.name

    def add(self, document_id: str, text: str, spans: list[tuple[int, int]]) -> None:
        """Append a document, cut into sentences. Sentences without tokens are dropped, and so are such documents."""
        first_word = 0
        for start in range(0, len(spans), _SENTENCES_PER_PIECE):
            words_before = len(self._words)
            for begin, end in spans[start : start + _SENTENCES_PER_PIECE]:
                words = text[begin:end].split()
                self._words += words
                self._sentence_words.append(len(words))
            last = start + _SENTENCES_PER_PIECE >= len(spans)
            self._piece_sentences.append(len(self._sentence_words))
            self._piece_words.append((words_before, first_word))
            self._piece_closes.append(document_id if last else None)
            self._piece_bytes.append(len(text.encode("utf-8", "surrogatepass")) if last else 0)
            first_word += len(self._words) - words_before
            if len(self._words) >= _WORDS_PER_FLUSH:
                self._flush()

    def _clear(self) -> None:
        self._words: list[str] = []
        self._sentence_words: list[int] = []
        self._piece_sentences: list[int] = []  # sentences up to the end of each piece
        self._piece_words: list[tuple[int, int]] = []  # where a piece starts: in _words, and in its document
        self._piece_closes: list[str | None] = []  # the id of the document that ends with the piece
        self._piece_bytes: list[int] = []  # and the size of its raw text

    def _flush(self) -> None:
        encoded = self._encoder.encode(self._words)
        token_ends = np.concatenate([[0], np.cumsum(encoded.lengths)])
        sentence_ends = token_ends[np.cumsum(np.array(self._sentence_words, dtype=np.int64))]
        kept = np.diff(sentence_ends, prepend=0) > 0
        self._append("tokens", encoded.tokens.astype(self._dtype))
        self._append("sentences", self.num_tokens + sentence_ends[kept])
        if self._with_chars:
            self._append("chars", encoded.chars)
            self._append("words", np.repeat(self._word_numbers(), encoded.lengths).astype(np.int32))
        self._close_documents(np.concatenate([[0], np.cumsum(kept)]))
        self.counts += np.bincount(encoded.tokens, minlength=len(self.counts))
        self.num_tokens += len(encoded.tokens)
        self._clear()

    def _word_numbers(self) -> Int64[np.ndarray, " num_words"]:
        """The place of each word in its document."""
        starts = np.array(self._piece_words, dtype=np.int64).reshape(-1, 2)
        sizes = np.diff(starts[:, 0], append=len(self._words))
        return np.arange(len(self._words)) + np.repeat(starts[:, 1] - starts[:, 0], sizes)

    def _close_documents(self, kept_before: Int64[np.ndarray, " num_sentences_plus_1"]) -> None:
        ends = []
        ids = []
        sizes = []
        done = 0
        pieces = zip(self._piece_sentences, self._piece_closes, self._piece_bytes, strict=True)
        for sentences, closes, size in pieces:
            here = int(kept_before[sentences])
            self._open_sentences += here - done
            done = here
            if closes is not None and self._open_sentences:
                ends.append(self.num_sentences + here)
                ids.append(closes)
                sizes.append(size)
                self._open_sentences = 0
        self.num_sentences += int(kept_before[-1])
        self.num_documents += len(ids)
        self._append("documents", np.array(ends, dtype=np.int64))
        self._append("document_keys", np.array([key_of(one) for one in ids], dtype=np.uint64))
        self._append("document_bytes", np.array(sizes, dtype=np.int64))
        self._append_ids(ids)

    def _append_ids(self, ids: list[str]) -> None:
        data = [one.encode("utf-8", "surrogatepass") for one in ids]
        self._files["ids"].write(b"".join(data))
        self._append("id_ends", self._id_bytes + np.cumsum([len(one) for one in data], dtype=np.int64))
        self._id_bytes += sum(map(len, data))

    def _append(self, name: str, array: np.ndarray) -> None:
        self._files[name].write(array.tobytes())
