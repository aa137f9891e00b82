import errno
import json
import re

import numpy as np
import pytest
from synthetic_source import ARRAYS, Documents, assert_same, make_source, make_text
from tokenizers import Tokenizer

from ablate.data import encoding, store
from ablate.data.documents import Document
from ablate.data.hashing import key_of
from ablate.data.sentences import split_sentences
from ablate.data.store import prepare
from ablate.data.tokenizers import BERT_SPECIALS, ByteBPE, Existing, WordPiece
from ablate.errors import UserError

WORDPIECE = WordPiece(vocab_size=300, lowercase=True)
KINDS = {"wordpiece": WORDPIECE, "byte_bpe": ByteBPE(vocab_size=400)}


@pytest.fixture(scope="module", params=KINDS)
def prepared(request, tmp_path_factory):
    source = make_source()
    return source, prepare(source, KINDS[request.param], cache=tmp_path_factory.mktemp("cache"))


def load_tokenizer(corpus):
    tokenizer = Tokenizer.from_file(str(corpus.tokenizer_path / "tokenizer.json"))
    tokenizer.encode_special_tokens = True
    return tokenizer


def sides(source, corpus):
    for name in ("train", "validation"):
        yield getattr(corpus, name), [document for document in source.items if document.split == name]


def test_tokens_are_those_of_each_sentence_in_order(prepared):
    """Against the library, sentence by sentence: no cache of words, no arithmetic on boundaries."""
    source, corpus = prepared
    tokenizer = load_tokenizer(corpus)
    for side, documents in sides(source, corpus):
        sentences = [
            [
                tokenizer.encode(document.text[a:b], add_special_tokens=False).ids
                for a, b in split_sentences(document.text)
            ]
            for document in documents
        ]
        assert side.tokens.tolist() == [token for document in sentences for one in document for token in one]
        assert np.diff(side.sentences).tolist() == [len(one) for document in sentences for one in document]
        assert np.diff(side.documents).tolist() == [len(document) for document in sentences]
        assert side.sentences[0] == side.documents[0] == 0


def test_ids_keys_counts_and_decoding(prepared):
    source, corpus = prepared
    tokenizer = load_tokenizer(corpus)
    for side, documents in sides(source, corpus):
        assert list(side.document_ids) == [document.id for document in documents]
        assert side.document_ids[-2:] == [document.id for document in documents[-2:]]
        assert side.document_keys.tolist() == [key_of(document.id) for document in documents]
        assert side.document_bytes.tolist() == [len(document.text.encode()) for document in documents]
        for index, (start, end) in enumerate(zip(side.document_tokens()[:-1], side.document_tokens()[1:], strict=True)):
            decoded = tokenizer.decode(side.tokens[start:end].tolist(), skip_special_tokens=False)
            assert _letters(decoded) == _letters(documents[index].text)
    assert corpus.counts.tolist() == np.bincount(corpus.train.tokens, minlength=corpus.vocabulary.size).tolist()
    never = [corpus.vocabulary.pad, corpus.vocabulary.cls, corpus.vocabulary.sep, corpus.vocabulary.mask]
    assert not np.isin(np.concatenate([corpus.train.tokens, corpus.validation.tokens]), never).any()


def _letters(text):
    return re.sub(r"[^a-z\u4e00-\u9fff]", "", text.lower().replace("\u00e9", "e").replace("\u00ef", "i"))


def test_words_and_chars_of_the_held_out_side(prepared):
    source, corpus = prepared
    side = corpus.validation
    assert corpus.train.words is None and corpus.train.chars is None
    documents = [document for document in source.items if document.split == "validation"]
    for start, end, document in zip(side.document_tokens()[:-1], side.document_tokens()[1:], documents, strict=True):
        raw = document.text.split()
        per_word = np.zeros(len(raw), dtype=int)
        np.add.at(per_word, side.words[start:end], side.chars[start:end])
        assert per_word.tolist() == [len(word) for word in raw]
        assert side.chars[start:end].sum() == sum(not char.isspace() for char in document.text)
        assert (np.diff(side.words[start:end]) >= 0).all()


def test_chars_of_each_token():
    assert encoding._chars_per_token([0, 4, 6], 8) == [4, 2, 2]
    assert encoding._chars_per_token([0, 0, 1], 2) == [0, 1, 1]  # two bytes of one character: the last has it
    assert encoding._chars_per_token([2, 3], 9) == [3, 6]  # what was dropped in front belongs to the first
    assert encoding._chars_per_token([0], 400) == [255]
    assert encoding._chars_per_token([], 3) == []


def test_small_steps_and_a_small_memory_give_the_same(prepared, tmp_path, monkeypatch):
    """Flushes inside documents, and forgetting words, leave no trace."""
    _, corpus = prepared
    kind = KINDS["wordpiece" if corpus.vocabulary.size == 300 else "byte_bpe"]
    for name, value in (("_WORDS_PER_FLUSH", 20), ("_SENTENCES_PER_PIECE", 2), ("_MOST_REMEMBERED", 2000)):
        monkeypatch.setattr(encoding, name, value)
    again = prepare(make_source(), kind, cache=tmp_path)
    assert_same(corpus, again)
    np.testing.assert_array_equal(corpus.validation.words, again.validation.words)
    np.testing.assert_array_equal(corpus.validation.chars, again.validation.chars)


def test_ids_that_occur_again_are_refused(tmp_path):
    source = make_source()
    source.items = [*source.items, source.items[0]]
    with pytest.raises(UserError, match="1 documents have the id of another; ids must be unique"):
        prepare(source, WORDPIECE, cache=tmp_path)


def test_what_has_no_tokens_is_dropped(tmp_path):
    source = make_source()
    empty = [Document(id="a", text="", split="train"), Document(id="b", text=" \u200b\n\n\u200b. ", split="train")]
    odd = Document(id="\u00e9", text="\u200b\n\nBade \ud800 nana.\x0cDan", split="train")
    source.items = [*empty, *source.items, odd, Document(id="c", text="\u200b\n\n \u200b", split="train")]
    corpus = prepare(source, WORDPIECE, cache=tmp_path)
    assert corpus.train.document_ids[-1] == "\u00e9"
    assert "a" not in corpus.train.document_ids and "c" not in corpus.train.document_ids
    assert (np.diff(corpus.train.sentences) > 0).all()
    assert (np.diff(corpus.train.documents) > 0).all()
    assert corpus.train.documents[-1] == len(corpus.train.sentences) - 1
    assert corpus.train.document_bytes[-1] == len(odd.text.encode("utf-8", "surrogatepass"))
    assert len(corpus.train.document_bytes) == corpus.train.num_documents


@pytest.mark.parametrize(("size", "dtype"), [(1 << 16, np.uint16), ((1 << 16) + 1, np.uint32)])
def test_width_of_tokens_follows_the_vocabulary(tmp_path, size, dtype):
    vocab = tmp_path / "vocab.txt"
    words = [f"word{i}" for i in range(size - 5)]
    vocab.write_text("\n".join([*BERT_SPECIALS, *words]))
    items = [Document(id=side, text=f"{words[0]} {words[-1]}", split=side) for side in ("train", "validation")]
    corpus = prepare(Documents(items=items), Existing(path=str(vocab)), cache=tmp_path / "cache")
    assert corpus.train.tokens.dtype == corpus.validation.tokens.dtype == dtype
    assert corpus.train.tokens.tolist() == [5, size - 1]


def test_second_time_reads_nothing_and_trains_nothing(tmp_path, monkeypatch):
    first = prepare(make_source(), WORDPIECE, cache=tmp_path)
    monkeypatch.setattr(WordPiece, "train", lambda self, texts: pytest.fail("trained again"))
    source = make_source()
    assert_same(first, prepare(source, WORDPIECE, cache=tmp_path))
    assert source.reads == 0


def test_same_content_under_another_key_is_found(tmp_path):
    first = prepare(make_source(), WORDPIECE, cache=tmp_path)
    touched = make_source(version="2")
    assert_same(first, prepare(touched, WORDPIECE, cache=tmp_path))
    assert touched.reads == 1
    assert len(list((tmp_path / "tokens").glob("*/meta.json"))) == 1


def test_fingerprint_is_of_ids_sides_texts_and_order(tmp_path):
    def fingerprint(number, *documents):
        source = Documents(items=[Document(*one) for one in documents], name=str(number))
        return store._survey(source).fingerprint

    base = [("a", "x y", "train"), ("b", "z", "validation")]
    others = [
        [("a", "x", "train"), ("b", " yz", "validation")],
        [("ax", " y", "train"), ("b", "z", "validation")],
        [("a", "x y", "validation"), ("b", "z", "train")],
        base[::-1],
        [*base, ("c", "", "train")],
    ]
    found = [fingerprint(number, *documents) for number, documents in enumerate([base, base, *others])]
    assert found[0] == found[1]
    assert len(set(found)) == len(others) + 1


def test_training_text_is_whole_documents_by_hash_nested(tmp_path):
    survey = store._survey(make_source())
    length = dict(zip(survey.train_keys.tolist(), survey.train_chars.tolist(), strict=True))
    chosen = {}
    for limit in (1, 3000, 8000, 10**9):
        last = store._last_key(survey, max_chars=limit)
        chosen[limit] = {key for key in length if key <= last}
        assert sum(length[key] for key in chosen[limit]) <= max(limit, length[min(length)])
    assert len(chosen[1]) == 1 < len(chosen[3000]) < len(chosen[8000]) < len(chosen[10**9]) == len(length)
    assert chosen[1] <= chosen[3000] <= chosen[8000]


def test_tokenizer_learns_from_the_training_side_only(tmp_path):
    source = make_source()
    other = make_source()
    other.items = [
        document if document.split == "train" else Document(document.id, make_text(999), "validation")
        for document in other.items
    ]
    one, two = (prepare(one, WORDPIECE, cache=tmp_path / str(i)) for i, one in enumerate([source, other]))
    assert one.fingerprint != two.fingerprint
    assert (one.tokenizer_path / "tokenizer.json").read_text() == (two.tokenizer_path / "tokenizer.json").read_text()


def _delete(path):
    path.unlink()


def _truncate(path):
    path.write_bytes(path.read_bytes()[:-1])


def _edit(path):
    path.write_text(path.read_text().replace("1", "2", 1))


@pytest.mark.parametrize(
    ("pattern", "damage"),
    [
        ("tokens/*/train/tokens.bin", _truncate),
        ("tokens/*/validation/chars.bin", _delete),
        ("tokens/*/meta.json", _truncate),
        ("tokens/*/meta.json", _delete),
        ("tokens/*/meta.json", _edit),
        ("tokenizers/*/tokenizer.json", _truncate),
    ],
)
def test_damage_is_announced_and_mended(tmp_path, capfd, pattern, damage):
    first = prepare(make_source(), WORDPIECE, cache=tmp_path)
    (path,) = tmp_path.glob(pattern)
    expected = [np.array(getattr(first.train, name)) for name in ARRAYS]
    damage(path)
    capfd.readouterr()
    again = prepare(make_source(), WORDPIECE, cache=tmp_path)
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1 and "damaged" in lines[0] and "building it again" in lines[0]
    for name, array in zip(ARRAYS, expected, strict=True):
        np.testing.assert_array_equal(getattr(again.train, name), array)


def test_other_rules_for_sentences_make_another_store(tmp_path):
    first = prepare(make_source(), WORDPIECE, cache=tmp_path)
    whole = prepare(make_source(), WORDPIECE, cache=tmp_path, sentences=_one_sentence)
    assert whole.key != first.key and whole.tokenizer_path == first.tokenizer_path
    assert len(whole.train.sentences) == len(whole.train.documents)
    np.testing.assert_array_equal(whole.train.tokens, first.train.tokens)


def _one_sentence(text):
    return [(0, len(text))]


def test_damaged_index_is_read_anew(tmp_path, capfd):
    first = prepare(make_source(), WORDPIECE, cache=tmp_path)
    (path,) = tmp_path.glob("index/*.json")
    path.write_text('{"finger')
    capfd.readouterr()
    assert_same(first, prepare(make_source(), WORDPIECE, cache=tmp_path))
    assert json.loads(path.read_text())["fingerprint"] == first.fingerprint
    assert len(capfd.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("missing", ["train", "validation"])
def test_empty_side(tmp_path, missing):
    source = make_source()
    source.items = [document for document in source.items if document.split != missing]
    with pytest.raises(UserError, match=f"no document with text on the {missing} side"):
        prepare(source, WORDPIECE, cache=tmp_path)
    source.items += [Document(id="blank", text=" \n", split=missing)]
    source.version = "2"
    with pytest.raises(UserError, match=f"{missing} side" if missing == "validation" else "vocab_size|train side"):
        prepare(source, WORDPIECE, cache=tmp_path)


def test_source_that_changes_while_it_is_read(tmp_path):
    source = make_source()
    prepare(source, WORDPIECE, cache=tmp_path)
    source.items = source.items[:-1]  # under the same key
    with pytest.raises(UserError, match="changed while it was being read"):
        prepare(source, KINDS["byte_bpe"], cache=tmp_path)
    assert prepare(source, KINDS["byte_bpe"], cache=tmp_path).validation.num_documents == 7


def test_pinned_corpus_is_used_while_it_is_there(tmp_path, capfd):
    old = prepare(make_source(), WORDPIECE, cache=tmp_path)
    capfd.readouterr()
    same = prepare(make_source(), WORDPIECE, cache=tmp_path, pinned=old.fingerprint)
    assert same.key == old.key and capfd.readouterr().err == ""
    changed = make_source(41, version="2")
    assert_same(old, prepare(changed, WORDPIECE, cache=tmp_path, pinned=old.fingerprint))
    (line,) = capfd.readouterr().err.splitlines()
    assert "data.refresh=true" in line and old.fingerprint in line
    assert prepare(changed, WORDPIECE, cache=tmp_path).fingerprint != old.fingerprint
    (old.tokenizer_path / "tokenizer.json").unlink()
    with pytest.raises(UserError, match=r"not in the cache; data\.refresh=true"):
        prepare(changed, WORDPIECE, cache=tmp_path, pinned=old.fingerprint)


def test_cache_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write to the cache folder .*file.*ABLATE_CACHE"):
        prepare(make_source(), WORDPIECE, cache=tmp_path / "file")

    def full(self):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(encoding.SideWriter, "_flush", full)
    with pytest.raises(UserError, match="No space left on device"):
        prepare(make_source(), WORDPIECE, cache=tmp_path / "full")
    assert not list((tmp_path / "full").glob("tokens/*.tmp-*"))
