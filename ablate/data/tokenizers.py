"""Tokenizers: trained WordPiece and byte-level BPE, or an existing one; all of them cut text word by word.

A word is what `str.split` yields. Encoding the words of a text one by one gives the same tokens as encoding the text
with single spaces, whatever precedes: a sentence start looks like any word after a space. The store relies on this.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from ablate.data.cache import cache_key
from ablate.data.vocabulary import Vocabulary
from ablate.errors import UserError

BERT_SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
ROBERTA_SPECIALS = ("<pad>", "<unk>", "<s>", "</s>", "<mask>")
_ROLES = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
_COVERAGE = 0.9999  # of characters; the rest are unknown: each would take two places in the vocabulary
_WORDS_AT_ONCE = 1000  # per string that is handed to the trainer, which works on strings in parallel
_PROBE = "The café's quick-brown fox (No. 42) didn't jump: e.g. over THE lazy dogs, twice... \"Well!\""


@runtime_checkable
class TokenizerKind(Protocol):
    """How to come by a tokenizer: what conf/tokenizer builds."""

    @property
    def max_chars(self) -> int:
        """How much training text `train` wants; 0 if it reads none."""
        ...

    def key(self) -> str:
        """A hex digest of the parameters, or of the content of files."""
        ...

    def train(self, texts: Iterator[str]) -> Tokenizer:
        """The tokenizer, the same for the same texts.

        Raises:
            UserError: the texts, or the files, cannot give what was asked.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class WordPiece:
    """BERT's tokenizer, trained: clean, split off punctuation, `##` inside words; no case or accents if `lowercase`.

    The alphabet is chosen and ordered here. Left to itself the trainer numbers the characters inside words in the order
    of a hash table, which differs from process to process, and breaks ties between merges by these numbers.
    """

    vocab_size: int
    lowercase: bool
    max_chars: int = 50_000_000

    def key(self) -> str:
        """Of the parameters."""
        return cache_key("wordpiece", str(self.vocab_size), str(self.lowercase), str(self.max_chars))

    def train(self, texts: Iterator[str]) -> Tokenizer:
        """Train; holds up to `max_chars` characters, because the alphabet must be known before.

        Raises:
            UserError: the text supports fewer tokens than `vocab_size`, or the alphabet alone is larger.
        """
        held = list(texts)
        tokenizer = _wordpiece({}, lowercase=self.lowercase)
        alphabet = _alphabet(tokenizer, held, limit=min(1000, self.vocab_size // 4))
        inside = ["##" + char for char in sorted(alphabet) if _joins(tokenizer, char)]
        trainer = trainers.WordPieceTrainer(
            vocab_size=self.vocab_size,
            min_frequency=2,
            special_tokens=[*BERT_SPECIALS, *inside],  # as specials they come first, in this order
            initial_alphabet=alphabet,
            limit_alphabet=len(alphabet),
            show_progress=False,
        )
        tokenizer.train_from_iterator(_pieces(held), trainer)
        vocabulary = tokenizer.get_vocab()
        _check_size(len(vocabulary), asked=self.vocab_size)
        return _finished(_wordpiece(vocabulary, lowercase=self.lowercase), BERT_SPECIALS)


@dataclass(frozen=True, kw_only=True)
class ByteBPE:
    """GPT-2's and RoBERTa's byte-level BPE, trained: cased, no unknown words; any whitespace counts as one space."""

    vocab_size: int
    max_chars: int = 50_000_000

    def key(self) -> str:
        """Of the parameters."""
        return cache_key("byte_bpe", str(self.vocab_size), str(self.max_chars))

    def train(self, texts: Iterator[str]) -> Tokenizer:
        """Train; deterministic as it is, since all 256 bytes are its alphabet.

        Raises:
            UserError: the text supports fewer tokens than `vocab_size`, or bytes and specials alone are more.
        """
        tokenizer = _byte_bpe(models.BPE())
        trainer = trainers.BpeTrainer(
            vocab_size=self.vocab_size,
            min_frequency=2,
            special_tokens=list(ROBERTA_SPECIALS),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator(_pieces(texts), trainer)
        _check_size(tokenizer.get_vocab_size(), asked=self.vocab_size)
        return _finished(tokenizer, ROBERTA_SPECIALS)


@dataclass(frozen=True, kw_only=True)
class Existing:
    """A tokenizer from disk: a Hugging Face folder, a tokenizer.json, or a BERT vocab.txt.

    A vocab.txt is taken for uncased if none of its words holds a capital. A byte-level tokenizer is set to treat the
    start of a text like any word after a space (`add_prefix_space`).
    """

    path: str
    max_chars: int = 0

    def key(self) -> str:
        """Of the files' content.

        Raises:
            UserError: nothing there that is a tokenizer.
        """
        return cache_key("existing", *(file.read_bytes().hex() for file in _tokenizer_files(Path(self.path))))

    def train(self, texts: Iterator[str]) -> Tokenizer:  # noqa: ARG002 (texts are for the kinds that learn)
        """Load; `texts` are not read.

        Raises:
            UserError: no tokenizer there, a special token is missing, or it does not work word by word.
        """
        files = _tokenizer_files(Path(self.path))
        try:
            tokenizer = _loaded(files)
        except UserError:
            raise
        except Exception as error:  # the library raises bare Exception
            raise UserError(f"tokenizer.path={self.path}: cannot read {files[0].name}: {error}") from error
        specials = special_names(tokenizer)
        if specials is None:
            raise UserError(
                f"tokenizer.path={self.path}: needs the special tokens {' '.join(BERT_SPECIALS)} "
                f"or {' '.join(ROBERTA_SPECIALS)}"
            )
        tokenizer.no_truncation()
        tokenizer.no_padding()
        tokenizer = _finished(tokenizer, specials)
        _check_word_by_word(tokenizer, self.path)
        return tokenizer


def special_names(tokenizer: Tokenizer) -> tuple[str, ...] | None:
    """Pad, unknown, class, separator and mask as the tokenizer calls them; None if it lacks one."""
    for names in (BERT_SPECIALS, ROBERTA_SPECIALS):
        if all(tokenizer.token_to_id(name) is not None for name in names):
            return names
    return None


def vocabulary(tokenizer: Tokenizer) -> Vocabulary:
    """Special ids, and which tokens continue a word.

    WordPiece marks continuations (`##`), byte-level BPE and SentencePiece mark starts. A comma after a word starts a
    word of its own in WordPiece and continues the word in the others, which is how BERT and RoBERTa mask whole words.
    """
    names = special_names(tokenizer)
    assert names is not None
    ids = tokenizer.get_vocab(with_added_tokens=True)
    size = max(ids.values()) + 1
    special = np.zeros(size, dtype=bool)
    special[[ids[name] for name in names]] = True
    special[[id_ for id_, added in tokenizer.get_added_tokens_decoder().items() if added.special]] = True
    continues = np.zeros(size, dtype=bool)
    for token in _continuing(tokenizer, ids):
        continues[ids[token]] = True
    pad, unk, cls, sep, mask = (ids[name] for name in names)
    return Vocabulary(
        size=size, pad=pad, unk=unk, cls=cls, sep=sep, mask=mask, continues=continues & ~special, special=special
    )


def save(tokenizer: Tokenizer, folder: Path) -> None:
    """Write what `transformers.AutoTokenizer.from_pretrained(folder)` reads."""
    names = special_names(tokenizer)
    assert names is not None
    roles = dict(zip(_ROLES, names, strict=True))
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False, **roles}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    (folder / "special_tokens_map.json").write_text(json.dumps(roles, indent=2) + "\n", encoding="utf-8")


def _wordpiece(vocab: dict[str, int], *, lowercase: bool) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(vocab=vocab, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def _byte_bpe(model: models.BPE) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Replace(Regex(r"\s+"), " ")
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _finished(tokenizer: Tokenizer, specials: tuple[str, ...]) -> Tokenizer:
    """With the special tokens known as such and `[CLS] A [SEP] B [SEP]` around texts."""
    _, _, cls, sep, _ = specials
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in specials])
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{cls} $A {sep}",
        pair=f"{cls} $A {sep} $B:1 {sep}:1",
        special_tokens=[(name, tokenizer.token_to_id(name)) for name in (cls, sep)],
    )
    return tokenizer


def _pieces(texts: Iterable[str]) -> Iterator[str]:
    """The texts in strings of at most a thousand words, single spaces between."""
    for text in texts:
        words = _encodable(text).split()
        for start in range(0, len(words), _WORDS_AT_ONCE):
            yield " ".join(words[start : start + _WORDS_AT_ONCE])


def _encodable(text: str) -> str:
    """Without lone surrogates, which JSON can hold and UTF-8 cannot."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _alphabet(tokenizer: Tokenizer, texts: list[str], *, limit: int) -> list[str]:
    """The most frequent characters after normalisation, up to the coverage; ties by code point."""
    raw: Counter[str] = Counter()
    for text in texts:
        raw.update(_encodable(text))
    counts: Counter[str] = Counter()
    for char, count in raw.items():
        for normal in tokenizer.normalizer.normalize_str(char).split():
            for one in normal:
                counts[one] += count
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    total = sum(counts.values())
    covered = [0, *accumulate(count for _, count in ranked)]
    return [char for (char, _), before in zip(ranked[:limit], covered, strict=False) if before < _COVERAGE * total]


def _joins(tokenizer: Tokenizer, char: str) -> bool:
    """Whether the character can stand inside a word: no punctuation, no Chinese character."""
    text = tokenizer.normalizer.normalize_str("a" + char)
    return len(tokenizer.pre_tokenizer.pre_tokenize_str(text)) == 1


def _check_size(reached: int, *, asked: int) -> None:
    if reached < asked:
        raise UserError(
            f"tokenizer.vocab_size={asked}: larger than the corpus supports, which is {reached}; "
            "lower tokenizer.vocab_size or give more text"
        )
    if reached > asked:
        raise UserError(f"tokenizer.vocab_size={asked}: smaller than special tokens and alphabet, which are {reached}")


def _continuing(tokenizer: Tokenizer, ids: dict[str, int]) -> Iterator[str]:
    prefix = getattr(tokenizer.model, "continuing_subword_prefix", None)
    if prefix:
        return (token for token in ids if token.startswith(prefix))
    marks = [mark for mark in ("\u0120", "\u2581") if any(token.startswith(mark) for token in ids)]
    return (token for token in ids if marks and not token.startswith(marks[0]))


def _tokenizer_files(path: Path) -> list[Path]:
    """The file, or files, that define the tokenizer at a path."""
    path = path.expanduser()
    if path.is_file():
        return [path]
    for names in (["tokenizer.json"], ["vocab.txt"], ["vocab.json", "merges.txt"]):
        files = [path / name for name in names]
        if all(file.is_file() for file in files):
            return files
    there = "has no tokenizer.json, vocab.txt, or vocab.json with merges.txt" if path.is_dir() else "does not exist"
    raise UserError(f"tokenizer.path={path}: {there}")


def _loaded(files: list[Path]) -> Tokenizer:
    if files[0].name == "vocab.json":
        return _byte_bpe(models.BPE.from_file(*map(str, files)))
    if files[0].suffix == ".json":
        return _with_prefix_space(Tokenizer.from_file(str(files[0])))
    vocab = models.WordPiece.read_file(str(files[0]))
    words = [token for token in vocab if not token.startswith("[")]  # [PAD], [unused0] and the like
    return _wordpiece(vocab, lowercase=not any("A" <= char <= "Z" for word in words for char in word))


def _with_prefix_space(tokenizer: Tokenizer) -> Tokenizer:
    pre: Any = tokenizer.pre_tokenizer
    if isinstance(pre, pre_tokenizers.ByteLevel):
        pre.add_prefix_space = True
        tokenizer.pre_tokenizer = pre
    return tokenizer


def _check_word_by_word(tokenizer: Tokenizer, path: str) -> None:
    whole = tokenizer.encode(_PROBE, add_special_tokens=False).ids
    words = tokenizer.encode_batch(_PROBE.split(), add_special_tokens=False)
    if whole != [id_ for word in words for id_ in word.ids]:
        raise UserError(
            f"tokenizer.path={path}: its tokens cross spaces; a tokenizer that works word by word is needed"
        )
