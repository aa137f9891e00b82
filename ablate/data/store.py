"""The prepared corpus: read once, tokenised once, found again by content, shared by all runs and processes."""

import functools
import hashlib
import inspect
import json
import sys
from array import array
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64, UInt64
from tokenizers import Tokenizer

from ablate.data.cache import DamagedError, cache_errors, cache_key, find, keyed_folder, locked, say
from ablate.data.corpus import Corpus, DocumentIds, TokenStore
from ablate.data.documents import Document, Source, Split
from ablate.data.encoding import SideWriter
from ablate.data.hashing import key_of
from ablate.data.progress import Progress
from ablate.data.sentences import split_sentences
from ablate.data.tokenizers import TokenizerKind, save, vocabulary
from ablate.data.vocabulary import Vocabulary
from ablate.errors import UserError
from ablate.files import write_text

STORE_VERSION = "1"  # of the files and of what is in them; a change makes every store be built anew

Splitter = Callable[[str], list[tuple[int, int]]]
_SIDES: tuple[Split, Split] = ("train", "validation")


class _Fingerprint:
    """A hash over ids, sides and texts of documents in order."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)

    def add(self, document: Document) -> int:
        """Returns the size of the text in bytes."""
        data = document.text.encode("utf-8", "surrogatepass")
        id_ = document.id.encode("utf-8", "surrogatepass")
        self._hash.update(b"%d %d %s " % (len(id_), len(data), document.split.encode()))
        self._hash.update(id_)
        self._hash.update(data)
        return len(data)

    def hex(self) -> str:
        return self._hash.hexdigest()


@dataclass(frozen=True)
class _Survey:
    """What one reading of a source tells, without keeping its texts."""

    fingerprint: str
    num_bytes: int
    train_keys: UInt64[np.ndarray, " num_train_documents"]
    train_chars: Int64[np.ndarray, " num_train_documents"]


def prepare(
    source: Source,
    tokenizer: TokenizerKind,
    *,
    cache: Path,
    sentences: Splitter = split_sentences,
    pinned: str | None = None,
) -> Corpus:
    """The source, cut into sentences and tokenised; from the cache in milliseconds where it is there.

    `pinned` is the fingerprint that must be used. Where the source has changed since, the pinned corpus comes from the
    cache.

    Raises:
        UserError: the cache cannot be written, one side of the split is empty, the source changes while it is read,
            the pinned corpus is gone, or what source and tokenizer raise.
    """
    with cache_errors(cache):
        preparation = _Preparation(source, tokenizer, cache, sentences)
        current, _ = preparation.current()
        if pinned is not None and pinned != current:
            return _pinned(preparation, pinned)
        return preparation.corpus(current)


def known_fingerprint(source: Source, *, cache: Path) -> str | None:
    """The fingerprint of a source as it is now, if it has been prepared before; answers in milliseconds."""
    try:
        return str(json.loads((cache / "index" / f"{source.key()}.json").read_bytes())["fingerprint"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_fingerprint(source: Source) -> str:
    """The fingerprint of a source as it is now, by reading all of it."""
    return _survey(source).fingerprint


class _Preparation:
    """One source, one tokenizer, one cache; reads the source only for what is missing."""

    def __init__(self, source: Source, tokenizer: TokenizerKind, cache: Path, sentences: Splitter) -> None:
        self.source = source
        self._kind = tokenizer
        self._kind_key = tokenizer.key()
        self._cache = cache
        self._index = cache / "index" / f"{source.key()}.json"
        self._sentences = sentences
        self._rules = _rules(sentences)
        self._known_survey: _Survey | None = None

    def current(self) -> tuple[str, int]:
        """Fingerprint and size in bytes of the source as it is now: looked up by its key, else by reading it."""
        found = self._indexed()
        if found is None:
            self._index.parent.mkdir(parents=True, exist_ok=True)
            with locked(self._index):
                found = self._indexed() or self._enter_index()
        return found

    def _indexed(self) -> tuple[str, int] | None:
        try:
            entry = json.loads(self._index.read_bytes())
            return str(entry["fingerprint"]), int(entry["num_bytes"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            say(f"the cache at {self._index} is damaged: reading {self.source.name} again")
            self._index.unlink(missing_ok=True)
            return None

    def _enter_index(self) -> tuple[str, int]:
        survey = self._survey()
        entry = {"fingerprint": survey.fingerprint, "num_bytes": survey.num_bytes, "name": self.source.name}
        write_text(self._index, json.dumps(entry))
        return survey.fingerprint, survey.num_bytes

    def in_cache(self, fingerprint: str) -> bool:
        """Whether tokens and tokenizer of a fingerprint are there, finished and whole."""
        try:
            return all(find(folder) is not None for folder in self._folders(fingerprint))
        except DamagedError:
            return False

    def corpus(self, fingerprint: str) -> Corpus:
        """The corpus of that fingerprint; what is missing is built from the source, which must have it."""
        tokens, tokenizers = self._folders(fingerprint)
        _, special_ids = keyed_folder(tokenizers.parent, tokenizers.name, self._fill_tokenizer)
        vocab = _load_vocabulary(tokenizers, special_ids)

        def fill(folder: Path) -> dict[str, Any]:
            return self._fill_tokens(folder, Tokenizer.from_file(str(tokenizers / "tokenizer.json")), vocab.size)

        _, notes = keyed_folder(tokens.parent, tokens.name, fill)
        return Corpus(
            name=self.source.name,
            fingerprint=fingerprint,
            key=tokens.name,
            train=_load_side(tokens / "train", notes["dtype"]),
            validation=_load_side(tokens / "validation", notes["dtype"]),
            vocabulary=vocab,
            counts=_mapped(tokens / "counts.bin", "int64"),
            tokenizer_path=tokenizers,
        )

    def _folders(self, fingerprint: str) -> tuple[Path, Path]:
        tokens = cache_key(STORE_VERSION, fingerprint, self._kind_key, self._rules)
        tokenizer = cache_key(STORE_VERSION, fingerprint, self._kind_key)
        return self._cache / "tokens" / tokens, self._cache / "tokenizers" / tokenizer

    def _survey(self) -> _Survey:
        if self._known_survey is None:
            self._known_survey = _survey(self.source)
        return self._known_survey

    def _documents(self, progress: Progress) -> Iterator[Document]:
        """The documents again, and at the end the certainty that they were the ones surveyed."""
        expected, _ = self.current()
        fingerprint = _Fingerprint()
        for document in self.source.documents():
            yield document
            progress.add(fingerprint.add(document))
        if fingerprint.hex() != expected:
            self._index.unlink(missing_ok=True)
            raise UserError(f"data={self.source.name}: the source changed while it was being read; run again")

    def _fill_tokenizer(self, folder: Path) -> dict[str, Any]:
        _, num_bytes = self.current()
        with Progress(f"training a tokenizer on {self.source.name}", total=num_bytes) as progress:
            tokenizer = self._kind.train(self._training_texts(progress))
        save(tokenizer, folder)
        vocab = vocabulary(tokenizer)
        (folder / "continues.bin").write_bytes(vocab.continues.tobytes())
        (folder / "special.bin").write_bytes(vocab.special.tobytes())
        return {name: getattr(vocab, name) for name in ("size", "pad", "unk", "cls", "sep", "mask")}

    def _training_texts(self, progress: Progress) -> Iterator[str]:
        last = _last_key(self._survey(), max_chars=self._kind.max_chars)
        for document in self._documents(progress):
            if document.split == "train" and key_of(document.id) <= last:
                yield document.text[: self._kind.max_chars]

    def _fill_tokens(self, folder: Path, tokenizer: Tokenizer, vocab_size: int) -> dict[str, Any]:
        _, num_bytes = self.current()
        with Progress(f"tokenising {self.source.name}", total=num_bytes) as progress, ExitStack() as stack:
            writers = {
                side: stack.enter_context(
                    SideWriter(folder / side, tokenizer, vocab_size=vocab_size, chars=side == "validation")
                )
                for side in _SIDES
            }
            for document in self._documents(progress):
                writers[document.split].add(document.id, document.text, self._sentences(document.text))
        _check_sides(self.source.name, {side: writers[side].num_documents for side in _SIDES})
        (folder / "counts.bin").write_bytes(writers["train"].counts.tobytes())
        totals = {f"{side}_tokens": writers[side].num_tokens for side in _SIDES}
        return {"name": self.source.name, "dtype": writers["train"].dtype, **totals}


@functools.cache  # as the module was when it was first used, even if its file is edited meanwhile
def _rules(sentences: Splitter) -> str:
    """What identifies the rules that cut sentences: the source of their module, or their name where there is none."""
    try:
        return cache_key(inspect.getsource(sys.modules[sentences.__module__]))
    except (OSError, TypeError):  # typed into a notebook
        return cache_key(sentences.__module__, sentences.__qualname__)


def _pinned(preparation: _Preparation, pinned: str) -> Corpus:
    name = preparation.source.name
    if not preparation.in_cache(pinned):
        raise UserError(
            f"data={name}: the corpus has changed since these runs began, and the one they use ({pinned}) is not in "
            "the cache; data.refresh=true adopts the new one, under new run ids"
        )
    say(f"data={name} has changed; using the corpus of these runs ({pinned}); data.refresh=true adopts the new one")
    return preparation.corpus(pinned)


def _survey(source: Source) -> _Survey:
    """Read a source once; keeps 16 bytes per document."""
    fingerprint = _Fingerprint()
    keys, chars = array("Q"), array("q")
    num_bytes = 0
    num_documents: dict[Split, int] = dict.fromkeys(_SIDES, 0)
    with Progress(f"reading {source.name}") as progress:
        for document in source.documents():
            size = fingerprint.add(document)
            num_bytes += size
            progress.add(size)
            num_documents[document.split] += 1
            if document.split == "train":
                keys.append(key_of(document.id))
                chars.append(len(document.text))
    _check_sides(source.name, num_documents)
    train_keys = np.array(keys, dtype=np.uint64)
    repeated = len(train_keys) - len(np.unique(train_keys))
    if repeated:
        raise UserError(f"data={source.name}: {repeated} documents have the id of another; ids must be unique")
    return _Survey(
        fingerprint=fingerprint.hex(),
        num_bytes=num_bytes,
        train_keys=train_keys,
        train_chars=np.array(chars, dtype=np.int64),
    )


def _check_sides(name: str, num_documents: dict[Split, int]) -> None:
    for side, number in num_documents.items():
        if not number:
            raise UserError(
                f"data={name}: no document with text on the {side} side; "
                "give more documents or change the share that is held out"
            )


def _last_key(survey: _Survey, *, max_chars: int) -> int:
    """The largest key among the first documents by key that have at most `max_chars` together; one at least."""
    order = np.argsort(survey.train_keys, kind="stable")
    num_chosen = int(np.searchsorted(np.cumsum(survey.train_chars[order]), max_chars, side="right"))
    return int(survey.train_keys[order[max(0, num_chosen - 1)]])


def _load_vocabulary(folder: Path, special_ids: dict[str, Any]) -> Vocabulary:
    masks = {name: np.fromfile(folder / f"{name}.bin", dtype=bool) for name in ("continues", "special")}
    return Vocabulary(**special_ids, continues=masks["continues"], special=masks["special"])


def _load_side(folder: Path, dtype: str) -> TokenStore:
    has_words, has_bytes = (folder / "words.bin").exists(), (folder / "document_bytes.bin").exists()
    return TokenStore(
        tokens=_mapped(folder / "tokens.bin", dtype),
        sentences=_mapped(folder / "sentences.bin", "int64"),
        documents=_mapped(folder / "documents.bin", "int64"),
        document_ids=DocumentIds(_mapped(folder / "ids.bin", "uint8"), _mapped(folder / "id_ends.bin", "int64")),
        document_keys=_mapped(folder / "document_keys.bin", "uint64"),
        document_bytes=_mapped(folder / "document_bytes.bin", "int64") if has_bytes else None,
        words=_mapped(folder / "words.bin", "int32") if has_words else None,
        chars=_mapped(folder / "chars.bin", "uint8") if has_words else None,
    )


def _mapped(path: Path, dtype: str) -> np.ndarray:
    return np.asarray(np.memmap(path, dtype=dtype, mode="r"))
