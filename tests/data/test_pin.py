"""What a run root reads under a name stays what it was."""

from synthetic_source import make_source

from ablate.data.pin import pinned_corpus, read_pin
from ablate.data.store import prepare
from ablate.data.tokenizers import WordPiece


def test_pins_of_earlier_versions_hold_whatever_the_keys(tmp_path):
    (tmp_path / "corpus.json").write_text('{"a": "a fingerprint"}')
    pin = read_pin(tmp_path, "a")
    assert pin.fingerprint == "a fingerprint" and pin.is_of({"path": "anywhere"})


def test_corpora_pinned_at_the_same_time_are_all_kept(tmp_path):
    def pin(name, *, version, meanwhile=lambda: None):
        def prepared(pinned):
            meanwhile()
            kind = WordPiece(vocab_size=300, lowercase=True)
            return prepare(make_source(version=version), kind, cache=tmp_path, pinned=pinned)

        return pinned_corpus(tmp_path, name, prepared, source={"path": name}, refresh=False)

    one = pin("a", version="1", meanwhile=lambda: pin("b", version="2"))
    assert read_pin(tmp_path, "a").fingerprint == one.fingerprint
    assert read_pin(tmp_path, "b") is not None and read_pin(tmp_path, "c") is None
