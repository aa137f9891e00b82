"""The embedded corpus: the real one, and its cache."""

import re
import sys
import tomllib
from collections import Counter
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ablate.data.sources import pydocs as module
from ablate.data.sources.pydocs import PACKAGES, PyDocs
from ablate.errors import UserError


@pytest.fixture(scope="session")
def documents(pydocs):
    return list(pydocs.documents())


@pytest.fixture
def small(tmp_path):
    return PyDocs(cache=tmp_path, packages=["filelock", "packaging"])


@pytest.fixture(autouse=True)
def few_modules(request, monkeypatch):
    """Without the real corpus, the standard library is three modules."""
    if "documents" not in request.fixturenames:
        modules = [entry for entry in module.standard_library_modules() if entry[0] in ("argparse", "ast", "bdb")]
        monkeypatch.setattr(module, "standard_library_modules", lambda: iter(modules))


def grams(text):
    words = re.findall(r"\w+", text.lower())
    return [hash(tuple(words[i : i + 8])) for i in range(len(words) - 7)]


def test_held_out_8_grams_do_not_occur_in_train(documents):
    train = {gram for document in documents if document.split == "train" for gram in grams(document.text)}
    held_out = [gram for document in documents if document.split == "validation" for gram in grams(document.text)]
    assert len(held_out) > 100_000
    assert not train.intersection(held_out)


def test_the_corpus_is_large_split_and_unrepeated(documents):
    sizes = Counter()
    for document in documents:
        sizes[document.split] += len(document.text)
    total = sizes.total()
    assert total > 10e6
    assert 0.09 < sizes["validation"] / total <= 0.1
    assert len({document.id for document in documents}) == len(documents)
    assert len({document.group for document in documents if document.split == "validation"}) > 10
    assert all(len(document.text) >= 200 for document in documents)
    paragraphs = [paragraph for document in documents for paragraph in document.text.split("\n\n")]
    assert len(set(paragraphs)) >= 0.998 * len(paragraphs)


def test_the_corpus_is_prose(documents):
    text = "\n".join(document.text for document in documents)
    words = text.split()
    plain = sum(1 for word in words if re.fullmatch(r"[\"'(\[]*[A-Za-z]+(?:[-'][A-Za-z]+)*[.,;:!?\"')\]]*", word))
    assert plain > 0.9 * len(words)
    assert 0.03 < words.count("the") / len(words) < 0.12
    for sign in (">>>", "```", ":class:", "\\", "----", "http://"):
        assert text.count(sign) < 30, sign


def test_packages_are_dependencies():
    project = tomllib.loads((Path(module.__file__).parents[3] / "pyproject.toml").read_text())["project"]
    todo = [Requirement(line) for line in project["dependencies"]]
    seen = set()
    while todo:
        requirement = todo.pop()
        extras = requirement.extras or {""}
        for key in {(canonicalize_name(requirement.name), extra) for extra in {"", *extras}} - seen:
            seen.add(key)
            try:
                lines = requires(key[0]) or []
            except PackageNotFoundError:
                continue
            needed = [Requirement(line) for line in lines]
            todo += [r for r in needed if r.marker is None or r.marker.evaluate({"extra": key[1]})]
    assert {canonicalize_name(name) for name in PACKAGES} <= {name for name, _ in seen}


def test_scanned_once_and_then_read(small, capsys, monkeypatch):
    first = list(small.documents())
    assert "once, about a minute" in capsys.readouterr().err
    monkeypatch.setattr(PyDocs, "_scan", lambda self: pytest.fail("scanned twice"))
    assert list(small.documents()) == first
    assert capsys.readouterr().err == ""
    assert {document.group for document in first} == {"python", "filelock", "packaging"}
    assert "packaging.version" in {document.id for document in first}
    assert "bdb" in {document.id for document in first}


@pytest.mark.parametrize(
    "damage", [lambda data: b"", lambda data: data[:-20], lambda data: data[:60] + b"xxxx" + data[64:]]
)
def test_a_corrupt_cache_is_rebuilt_with_a_notice(small, tmp_path, capsys, damage):
    first = list(small.documents())
    path = tmp_path / "pydocs" / f"{small.key()}.parquet"
    path.write_bytes(damage(path.read_bytes()))
    capsys.readouterr()
    assert list(small.documents()) == first
    assert f"{path} is corrupt: building it again" in capsys.readouterr().err


def test_an_interrupted_scan_leaves_nothing(small, tmp_path, monkeypatch):
    monkeypatch.setattr(module.pq, "write_table", lambda table, path, **options: path.write_bytes(b"half") and 1 / 0)
    with pytest.raises(ZeroDivisionError):
        list(small.documents())
    assert [path.suffix for path in (tmp_path / "pydocs").iterdir() if path.suffix != ".lock"] == []


def test_keys(tmp_path, monkeypatch):
    def key(**changes):
        return PyDocs(**{"cache": tmp_path, **changes}).key()

    assert key() == key() == key(name="other", cache=tmp_path / "x")
    keys = [key(), key(validation_fraction=0.2), key(packages=["numpy"])]
    monkeypatch.setattr(module, "version", lambda package: "0.0.1")
    keys.append(key())
    monkeypatch.setattr(sys, "version", "3.99")
    keys.append(key())
    assert len(set(keys)) == len(keys)


def test_refusals(tmp_path):
    with pytest.raises(UserError, match=r"data.validation_fraction=0.5"):
        PyDocs(cache=tmp_path, validation_fraction=0.5)
    with pytest.raises(UserError, match="not installed: no-such-thing"):
        PyDocs(cache=tmp_path, packages=["numpy", "no-such-thing"])
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot be used"):
        list(PyDocs(cache=tmp_path / "file", packages=["filelock"]).documents())
