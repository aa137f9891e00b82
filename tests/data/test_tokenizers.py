import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import transformers
from synthetic_source import make_text
from tokenizers import Tokenizer, models, pre_tokenizers

from ablate.data.tokenizers import BERT_SPECIALS, ROBERTA_SPECIALS, ByteBPE, Existing, WordPiece, save, vocabulary
from ablate.errors import UserError

KINDS = {
    "wordpiece": WordPiece(vocab_size=300, lowercase=True),
    "wordpiece_cased": WordPiece(vocab_size=300, lowercase=False),
    "byte_bpe": ByteBPE(vocab_size=400),
}
TEXTS = [make_text(seed) for seed in range(40)]
SAMPLE = "Bade  caf\u00e9; Don't\nna\u00efve \u4e2d\u6587 dis <x> \U0001f600!"


@pytest.fixture(scope="module", params=KINDS)
def trained(request):
    return request.param, KINDS[request.param].train(iter(TEXTS))


def test_size_and_specials_come_out_as_asked(trained):
    name, tokenizer = trained
    specials = ROBERTA_SPECIALS if name == "byte_bpe" else BERT_SPECIALS
    vocab = vocabulary(tokenizer)
    assert vocab.size == KINDS[name].vocab_size == len(vocab.continues) == len(vocab.special)
    ids = (vocab.pad, vocab.unk, vocab.cls, vocab.sep, vocab.mask)
    assert tuple(map(tokenizer.id_to_token, ids)) == specials
    assert set(np.flatnonzero(vocab.special)) == set(ids)
    assert not (vocab.continues & vocab.special).any()


def test_continuations_rebuild_the_words(trained):
    name, tokenizer = trained
    continues = vocabulary(tokenizer).continues
    ids = tokenizer.encode("bade nana dist", add_special_tokens=False).ids
    words = []
    for one in ids:
        piece = tokenizer.id_to_token(one).removeprefix("##").removeprefix("\u0120")
        words = [*words[:-1], words[-1] + piece] if continues[one] else [*words, piece]
    assert words == ["bade", "nana", "dist"], name


def test_decoding_gives_back_the_text(trained):
    name, tokenizer = trained
    decoded = tokenizer.decode(tokenizer.encode(SAMPLE, add_special_tokens=False).ids, skip_special_tokens=False)
    if name == "byte_bpe":
        assert decoded == " " + " ".join(SAMPLE.split())
    else:
        cased = "Badecaf\u00e9;Don'tna\u00efve\u4e2d\u6587dis<x>[UNK]!"
        uncased = "badecafe;don'tnaive\u4e2d\u6587dis<x>[UNK]!"
        assert decoded.replace(" ", "") == (uncased if name == "wordpiece" else cased)


def test_sentences_word_by_word_equal_running_text(trained):
    _, tokenizer = trained
    for text in [SAMPLE, *TEXTS[:5]]:
        plain = text.replace("[SEP]", "").replace("<s>", "").strip()
        whole = tokenizer.encode(plain, add_special_tokens=False).ids
        words = tokenizer.encode_batch(plain.split(), add_special_tokens=False)
        assert whole == [one for word in words for one in word.ids]


@pytest.mark.parametrize("name", KINDS)
def test_training_is_the_same_in_every_process(name):
    """The hash tables of the library are ordered differently in every process, which must not show."""
    program = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from synthetic_source import make_text\n"
        "from ablate.data.tokenizers import ByteBPE, WordPiece\n"
        f"print({KINDS[name]!r}.train(make_text(seed) for seed in range(40)).to_str())"
    )
    outputs = {
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert len(outputs) == 1
    assert json.loads(outputs.pop()) == json.loads(KINDS[name].train(iter(TEXTS)).to_str())


@pytest.mark.parametrize("kind", [WordPiece(vocab_size=30000, lowercase=True), ByteBPE(vocab_size=30000)])
def test_vocabulary_larger_than_the_corpus_supports(kind):
    with pytest.raises(UserError, match=r"tokenizer\.vocab_size=30000: larger than the corpus supports, which is \d+"):
        kind.train(iter(TEXTS))


def test_vocabulary_smaller_than_the_bytes():
    with pytest.raises(UserError, match="vocab_size=100: smaller than special tokens and alphabet, which are 261"):
        ByteBPE(vocab_size=100).train(iter(TEXTS))


def test_keys_follow_parameters():
    kinds = [*KINDS.values(), WordPiece(vocab_size=301, lowercase=True), ByteBPE(vocab_size=400, max_chars=7)]
    assert len({kind.key() for kind in kinds}) == len(kinds)
    assert ByteBPE(vocab_size=400).key() == KINDS["byte_bpe"].key()


@pytest.mark.parametrize("model_type", [None, "bert"])
def test_transformers_loads_what_was_saved(trained, tmp_path, model_type):
    _, tokenizer = trained
    save(tokenizer, tmp_path)
    if model_type:  # as beside a saved model, whose type has a tokenizer class of its own
        (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}))
    loaded = transformers.AutoTokenizer.from_pretrained(tmp_path)
    vocab = vocabulary(tokenizer)
    ids = (loaded.pad_token_id, loaded.unk_token_id, loaded.cls_token_id, loaded.sep_token_id, loaded.mask_token_id)
    assert ids == (vocab.pad, vocab.unk, vocab.cls, vocab.sep, vocab.mask)
    a, b = (tokenizer.encode(text, add_special_tokens=False).ids for text in (SAMPLE, "nana bade"))
    pair = loaded(SAMPLE, "nana bade", return_token_type_ids=True)
    assert pair["input_ids"] == [vocab.cls, *a, vocab.sep, *b, vocab.sep]
    assert pair["token_type_ids"] == [0] * (len(a) + 2) + [1] * (len(b) + 1)


def test_existing_folder_is_the_same_tokenizer(trained, tmp_path):
    _, tokenizer = trained
    save(tokenizer, tmp_path)
    for path in (tmp_path, tmp_path / "tokenizer.json"):
        existing = Existing(path=str(path)).train(iter(()))
        assert existing.encode(SAMPLE, "nana").ids == tokenizer.encode(SAMPLE, "nana").ids


@pytest.mark.parametrize(("word", "tokens"), [("nana", ["nana", "[UNK]"]), ("Nana", ["[UNK]", "Nana"])])
def test_vocab_txt_is_cased_if_it_holds_capitals(tmp_path, word, tokens):
    path = tmp_path / "my-vocab.txt"
    path.write_text("\n".join([*BERT_SPECIALS, word, "\u211d"]) + "\n", encoding="utf-8")
    tokenizer = Existing(path=str(path)).train(iter(()))
    found = [tokenizer.encode(text, add_special_tokens=False).tokens for text in ("nana", "Nana")]
    assert found == ([["nana"], ["nana"]] if word == "nana" else [["[UNK]"], ["Nana"]])


def test_vocab_txt_has_a_token_a_line_whatever_the_token(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join([*BERT_SPECIALS, "one", "\u2028", "two"]) + "\n", encoding="utf-8")
    tokenizer = Existing(path=str(path)).train(iter(()))
    assert tokenizer.get_vocab_size() == 8 and tokenizer.token_to_id("two") == 7


def test_existing_byte_level_files_of_gpt2_style(tmp_path):
    tokenizer = KINDS["byte_bpe"].train(iter(TEXTS))
    tokenizer.model.save(str(tmp_path))
    existing = Existing(path=str(tmp_path)).train(iter(()))
    assert existing.encode(SAMPLE).ids == tokenizer.encode(SAMPLE).ids


def test_existing_that_cannot_be_used(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        Existing(path=str(tmp_path / "nothing")).key()
    with pytest.raises(UserError, match=r"has no tokenizer\.json"):
        Existing(path=str(tmp_path)).key()
    broken = tmp_path / "tokenizer.json"
    broken.write_text("{}")
    with pytest.raises(UserError, match=r"cannot read tokenizer\.json"):
        Existing(path=str(broken)).train(iter(()))
    no_specials = tmp_path / "vocab.txt"
    no_specials.write_text("[UNK]\na\n")
    with pytest.raises(UserError, match="needs the special tokens"):
        Existing(path=str(no_specials)).train(iter(()))
    across_spaces = Tokenizer(models.WordLevel({name: i for i, name in enumerate(BERT_SPECIALS)}, unk_token="[UNK]"))
    across_spaces.pre_tokenizer = pre_tokenizers.Split("no such thing", "isolated")
    across_spaces.save(str(broken))
    with pytest.raises(UserError, match="word by word"):
        Existing(path=str(broken)).train(iter(()))


def test_key_of_an_existing_one_is_its_content(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(BERT_SPECIALS))
    before = Existing(path=str(path)).key()
    (tmp_path / "copy.txt").write_text("\n".join(BERT_SPECIALS))
    assert Existing(path=str(tmp_path / "copy.txt")).key() == before
    path.write_text("\n".join([*BERT_SPECIALS, "word"]))
    assert Existing(path=str(path)).key() != before


def test_lone_surrogates_do_not_stop_training():
    tokenizer = ByteBPE(vocab_size=300).train(iter([*TEXTS, "bad \ud800 text"]))
    assert tokenizer.get_vocab_size() == 300
