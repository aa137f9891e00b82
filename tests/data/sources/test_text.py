"""A user's own files: what is read, how it is split, and every way it goes wrong."""

import json
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ablate.data.sources.files import find_files
from ablate.data.sources.split import side_of
from ablate.data.sources.text import TextFiles
from ablate.errors import UserError

TEXTS = [f"This is text number {index}.\n\nIt has two paragraphs." for index in range(60)]


def parquet(path, texts, **columns):
    pq.write_table(pa.table({"text": texts, **columns}), path, row_group_size=7)


def jsonl(path, texts):
    path.write_text("".join(json.dumps({"text": text, "title": f"t{i}"}) + "\n\n" for i, text in enumerate(texts)))


def read(**options):
    return list(TextFiles(validation_fraction=0.3, **options).documents())


def refused(**options):
    with pytest.raises(UserError) as caught:
        read(**options)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_rows(tmp_path, kind):
    {"parquet": parquet, "jsonl": jsonl}[kind](tmp_path / f"a.{kind}", [*TEXTS, "", " \n"])
    documents = read(path=str(tmp_path / f"a.{kind}"))
    assert [document.text for document in documents] == TEXTS
    assert [document.id for document in documents] == [f"a.{kind}:{index}" for index in range(60)]
    assert {document.split for document in documents} == {"train", "validation"}
    for document in documents:
        assert document.split == side_of(document.id, validation_fraction=0.3)


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("separator", ["\n%%\n", "\\n%%\\n", "\u2042", "\n\n\n"])
def test_plain_files_are_cut_at_the_separator(tmp_path, separator, line_end, monkeypatch):
    monkeypatch.setattr("ablate.data.sources.readers._CHUNK", 13)  # so that separators lie across chunks
    real = separator.replace("\\n", "\n")
    (tmp_path / "a.txt").write_bytes(("\ufeff" + real.join(TEXTS)).replace("\n", line_end).encode())
    documents = read(path=str(tmp_path / "a.txt"), separator=separator)
    assert [document.text for document in documents] == TEXTS
    assert [document.id for document in documents] == [f"a.txt:{index}" for index in range(60)]


def test_a_folder_is_read_recursively_in_order(tmp_path):
    (tmp_path / "b" / ".hidden").mkdir(parents=True)
    for index, text in enumerate(TEXTS):
        (tmp_path / "b" / f"{index:02}.MD").write_bytes(text.replace("\n", "\r\n").encode())
    (tmp_path / "a.txt").write_text("the first")
    for ignored in ("b/.hidden/x.txt", "b/x.py", "x.pdf"):
        (tmp_path / ignored).write_text("not this")
    documents = read(path=str(tmp_path))
    assert [document.text for document in documents] == ["the first", *TEXTS]
    assert [document.id for document in documents[:2]] == ["a.txt", "b/00.MD"]


def test_folders_that_are_links_are_read_once(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "far.txt").write_text("far")
    mine = tmp_path / "mine"
    (mine / "b").mkdir(parents=True)
    (mine / "b" / "near.txt").write_text("near")
    (mine / "a").symlink_to(tmp_path / "elsewhere")
    (mine / "c").symlink_to(tmp_path / "elsewhere")
    (mine / "b" / "up").symlink_to(mine)
    assert [name for name, _ in find_files(str(mine), option="data.path")] == ["a/far.txt", "b/near.txt"]


def test_a_glob(tmp_path):
    for index, text in enumerate(TEXTS):
        folder = tmp_path / f"d{index % 2}"
        folder.mkdir(exist_ok=True)
        (folder / f"{index:02}.txt").write_text(text)
    assert {d.text for d in read(path=f"{tmp_path}/d1/*.txt")} == set(TEXTS[1::2])
    documents = read(path=f"{tmp_path}/**/*.txt")
    assert {d.text for d in documents} == set(TEXTS)
    assert documents[0].id == "d0/00.txt"


def test_splits_do_not_depend_on_the_place_or_on_other_documents(tmp_path):
    sides = []
    for name, texts in (("x", TEXTS), ("y", TEXTS[:40])):
        (tmp_path / name).mkdir()
        parquet(tmp_path / name / "a.parquet", texts)
        sides.append({document.id: document.split for document in read(path=str(tmp_path / name))})
    assert sides[1].items() < sides[0].items()


def test_id_column(tmp_path):
    parquet(tmp_path / "a.parquet", TEXTS, title=list(range(60)))
    documents = read(path=str(tmp_path / "a.parquet"), id_column="title")
    assert [document.id for document in documents] == [str(index) for index in range(60)]
    parquet(tmp_path / "a.parquet", TEXTS, title=[1] * 60)
    assert "'1' occurs again in" in refused(path=str(tmp_path / "a.parquet"), id_column="title")
    parquet(tmp_path / "a.parquet", TEXTS, title=[None] * 60)
    assert "data.id_column=title is empty" in refused(path=str(tmp_path / "a.parquet"), id_column="title")


def test_validation_path(tmp_path):
    parquet(tmp_path / "train.parquet", TEXTS[:50])
    parquet(tmp_path / "held.parquet", TEXTS[50:])
    documents = read(path=str(tmp_path), validation_path=str(tmp_path / "held.parquet"))
    assert [d.text for d in documents if d.split == "train"] == TEXTS[:50]
    assert [d.text for d in documents if d.split == "validation"] == TEXTS[50:]
    assert len({d.id for d in documents}) == 60
    for name in ("train", "held"):
        parquet(tmp_path / f"{name}.parquet", TEXTS, title=list(range(60)))
    documents = read(path=str(tmp_path), validation_path=str(tmp_path / "held.parquet"), id_column="title")
    assert {d.id for d in documents} == {f"{side}{i}" for side in ("", "validation/") for i in range(60)}
    assert "all its files are in" in refused(path=str(tmp_path), validation_path=str(tmp_path))
    assert "data.validation_path=/no/such" in refused(path=str(tmp_path), validation_path="/no/such")


def test_wrong_paths(tmp_path):
    assert refused(path="/no/such") == "data.path=/no/such: no such file or folder"
    assert refused(path="/no/such/*.txt") == "data.path=/no/such/*.txt: no file matches"
    assert "no .txt, .md, .jsonl, .parquet file" in refused(path=str(tmp_path))
    (tmp_path / "a.pdf").write_text("x")
    assert "a.pdf is not one of .txt" in refused(path=str(tmp_path / "a.pdf"))
    assert "a.pdf is not one of .txt" in refused(path=str(tmp_path / "*"))
    with pytest.raises(UserError, match="no such file"):
        TextFiles(path="/no/such").key()


def test_nothing_in_it(tmp_path):
    (tmp_path / "a.txt").write_text(" \n")
    assert refused(path=str(tmp_path)) == f"data.path={tmp_path}: there is no text in it"


def test_a_side_without_documents(tmp_path):
    (tmp_path / "a.txt").write_text("text")
    message = refused(path=str(tmp_path))
    assert "none of its 1 documents is on the" in message
    assert "give data.validation_path" in message


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.txt", b"abc\xff", "a.txt: not valid UTF-8 at byte 3"),
        ("a.md", b"ab\0c", "a.md: binary, not text (a zero byte at byte 2)"),
        ("a.jsonl", b'{"text": "ok"}\n{"text": "\xe9"}\n', "a.jsonl: not valid UTF-8 at byte 25"),
    ],
)
def test_bytes_that_are_no_text(tmp_path, name, data, said, capsys):
    (tmp_path / name).write_bytes(data)
    parquet(tmp_path / "z.parquet", TEXTS)
    message = refused(path=str(tmp_path))
    assert said in message
    assert "data.bad_utf8=skip" in message
    texts = [document.text for document in read(path=str(tmp_path), bad_utf8="skip")]
    assert texts[-60:] == TEXTS
    assert said in capsys.readouterr().err


def test_bad_bytes_between_separators_and_in_parquet(tmp_path, capsys):
    (tmp_path / "a.txt").write_bytes(b"%".join(text.encode() for text in TEXTS) + b"%a\xff")
    size = (tmp_path / "a.txt").stat().st_size
    assert f"at byte {size - 1}" in refused(path=str(tmp_path), separator="%")
    assert len(read(path=str(tmp_path), separator="%", bad_utf8="skip")) == 60
    (tmp_path / "a.txt").unlink()
    raw = pa.array([text.encode() for text in TEXTS] + [b"a\xff"], pa.binary())
    strings = pa.StringArray.from_buffers(len(raw), raw.buffers()[1], raw.buffers()[2])
    pq.write_table(pa.table({"text": strings}), tmp_path / "a.parquet")
    assert "a.parquet: row 61: not valid UTF-8 at byte 1" in refused(path=str(tmp_path))
    assert len(read(path=str(tmp_path), bad_utf8="skip")) == 60


def test_malformed_files(tmp_path):
    def with_file(name, data, **options):
        (tmp_path / name).write_bytes(data)
        message = refused(path=str(tmp_path / name), **options)
        assert str(tmp_path / name) in message
        return message

    assert "a.jsonl:2: not JSON" in with_file("a.jsonl", b'{"text": "a"}\n{"text": \n', bad_utf8="skip")
    assert "a.jsonl:1: list where" in with_file("a.jsonl", b"[1]\n")
    assert "a.jsonl:1: not JSON" in with_file("a.jsonl", b"[" * 100_000 + b"\n")
    assert "holds int, not text" in with_file("a.jsonl", b'{"text": 1}\n')
    assert "data.text_column=body" in with_file("a.jsonl", b'{"text": "a", "b": 1}\n', text_column="body")
    assert "which has text, b" in with_file("a.jsonl", b'{"text": "a", "b": 1}\n', text_column="body")
    assert "not a readable parquet file" in with_file("a.parquet", b"PAR1 this is not PAR1")
    assert "not a readable parquet file" in with_file("b.parquet", b"")


def test_parquet_columns(tmp_path):
    path = tmp_path / "a.parquet"
    parquet(path, TEXTS, n=list(range(60)))
    assert refused(path=str(path), text_column="body").endswith("which has text, n")
    assert "data.id_column=key" in refused(path=str(path), id_column="key")
    assert "data.text_column=n holds int, not text" in refused(path=str(path), text_column="n")


def test_parquet_with_a_broken_page(tmp_path):
    path = tmp_path / "a.parquet"
    parquet(path, TEXTS)
    data = bytearray(path.read_bytes())
    data[4:24] = b"\xff" * 20
    path.write_bytes(data)
    assert f"{path}: " in refused(path=str(path))


def test_refused_options(tmp_path):
    for options in ({"validation_fraction": 0.0}, {"validation_fraction": 1.5}, {"separator": ""}):
        with pytest.raises(UserError, match=next(iter(options))):
            TextFiles(path=str(tmp_path), **options)


def test_keys(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("some text")

    def key(**options):
        return TextFiles(**{"path": str(tmp_path), **options}).key()

    assert key() == key() == key(name="other")
    keys = [key(), key(validation_fraction=0.1), key(separator="x"), key(text_column="x"), key(bad_utf8="skip")]
    os.utime(path, ns=(1, 1))
    keys.append(key())
    path.write_text("some texts")
    os.utime(path, ns=(1, 1))
    keys.append(key())
    (tmp_path / "b.txt").write_text("more")
    keys.append(key())
    keys.append(key(validation_path=str(path)))
    assert len(set(keys)) == len(keys)


def test_name(tmp_path):
    assert TextFiles(path="/x/books.parquet").name == "books"
    assert TextFiles(path="/x/books/").name == "books"
    assert TextFiles(path="/x/books", name="mine").name == "mine"
    assert TextFiles(path="/x/books/*.txt").name == "books"
