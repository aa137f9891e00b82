"""Hugging Face data sets: local folders of one, and the library's failures put into words."""

import subprocess
import sys

import datasets
import pytest

from ablate.data.sources.hub import HubDataset
from ablate.errors import UserError

TEXTS = [f"This is text number {index}." for index in range(60)]


@pytest.fixture(autouse=True)
def quiet(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


@pytest.fixture
def table():
    return datasets.Dataset.from_dict({"text": [*TEXTS, "", None], "n": list(range(62))})


@pytest.fixture
def parquet_folder(tmp_path, table):
    folder = tmp_path / "set"
    folder.mkdir()
    table.to_parquet(folder / "train.parquet")
    table.select(range(5)).to_parquet(folder / "test.parquet")
    return folder


def read(path, **options):
    return list(HubDataset(path=str(path), **{"validation_fraction": 0.3, **options}).documents())


def refused(path, **options):
    with pytest.raises(UserError) as caught:
        read(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("streaming", [False, True])
def test_a_folder_of_parquet(parquet_folder, streaming):
    documents = read(parquet_folder, streaming=streaming)
    assert [document.text for document in documents] == TEXTS
    assert [document.id for document in documents] == [f"train:{index}" for index in range(60)]
    assert 5 < sum(document.split == "validation" for document in documents) < 35
    assert HubDataset(path=str(parquet_folder)).name == "set"


def test_a_validation_split(parquet_folder):
    documents = read(parquet_folder, validation_split="test")
    assert [document.text for document in documents if document.split == "train"] == TEXTS
    assert [document.text for document in documents if document.split == "validation"] == TEXTS[:5]
    assert len({document.id for document in documents}) == 65


def test_saved_to_disk(tmp_path, table):
    table.save_to_disk(tmp_path / "plain")
    assert [document.text for document in read(tmp_path / "plain")] == TEXTS
    datasets.DatasetDict({"a": table, "b": table}).save_to_disk(tmp_path / "splits")
    assert [document.text for document in read(tmp_path / "splits", split="b")] == TEXTS
    assert refused(tmp_path / "splits") == f"data.split=train: {tmp_path}/splits has a, b"


def test_headings_make_articles(tmp_path):
    lines = ["", " = Alpha = \n", "", " One line . \n", " = = Section = = \n", " Two = 2 . \n",
             " = Beta Gamma = \n", " = = = Deep = = = \n", " Three . \n", " = Delta = \n", " Four . \n"]  # fmt: skip
    lines = datasets.Dataset.from_dict({"text": lines})
    datasets.DatasetDict({"train": lines, "validation": lines}).save_to_disk(tmp_path / "wiki")
    documents = read(tmp_path / "wiki", document="heading", validation_split="validation")[:3]
    assert [(document.id, document.text) for document in documents] == [
        ("train:1", "Alpha\n\nOne line .\n\nSection\n\nTwo = 2 ."),
        ("train:6", "Beta Gamma\n\nDeep\n\nThree ."),
        ("train:9", "Delta\n\nFour ."),
    ]


def test_blocks_of_rows(parquet_folder):
    documents = read(parquet_folder, document="block", block_rows=7)
    assert [document.text for document in documents] == ["\n\n".join(TEXTS[i : i + 7]) for i in range(0, 60, 7)]
    assert [document.id for document in documents] == [f"train:{i}" for i in range(0, 60, 7)]


def test_wrong_columns_and_splits(parquet_folder):
    assert refused(parquet_folder, text_column="body").endswith("which has text, n")
    assert "data.text_column=n: holds int" in refused(parquet_folder, text_column="n")
    message = refused(parquet_folder, split="dev")
    assert "data.split=dev" in message
    assert "train" in message
    assert "test" in message


def test_no_text_and_one_side_without(tmp_path):
    datasets.Dataset.from_dict({"text": ["", " "]}).save_to_disk(tmp_path / "empty")
    assert "there is no text in it" in refused(tmp_path / "empty")
    datasets.Dataset.from_dict({"text": ["a"]}).save_to_disk(tmp_path / "one")
    assert "give data.validation_split" in refused(tmp_path / "one")


def test_an_empty_folder(tmp_path):
    (tmp_path / "nothing").mkdir()
    assert f"data.path={tmp_path}/nothing" in refused(tmp_path / "nothing")


def test_offline(monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert "cannot be reached" in refused("someone/something")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            datasets.exceptions.DatasetNotFoundError("Dataset 'a/b' doesn't exist"),
            "no such folder and no such data set",
        ),
        (RuntimeError("Dataset scripts are no longer supported, but found b.py"), "made by a script"),
        (
            ValueError("BuilderConfig 'c' not found. Available: ['d', 'e']"),
            "data.config=c: BuilderConfig 'c' not found. A",
        ),
        (ValueError("Config name is missing.\nPlease pick one among: ['d']"), "Please pick one among: ['d']"),
        (ValueError("Unknown split \"train\". Should be one of ['x']."), "data.split=train: Unknown split"),
        (ConnectionError("Couldn't reach 'a/b' on the Hub"), "cannot be reached"),
        (KeyError("whatever"), "cannot be loaded: KeyError"),
    ],
)
def test_failures_in_words(monkeypatch, error, said):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(datasets, "load_dataset", fail)
    message = refused("a/b", config="c")
    assert message.startswith("data.path=a/b: ")
    assert said in message


def test_refused_options():
    for options in (
        {"document": "page"},
        {"block_rows": 0},
        {"validation_fraction": 1.0},
        {"validation_split": "train"},
    ):
        with pytest.raises(UserError, match=next(iter(options))):
            HubDataset(path="a/b", **options)


def test_keys(parquet_folder):
    def key(**options):
        return HubDataset(**{"path": str(parquet_folder), **options}).key()

    changes = [{"split": "test"}, {"config": "x"}, {"revision": "x"}, {"document": "block"}, {"path": "a/b"},
               {"validation_split": "test"}, {"text_column": "x"}, {"validation_fraction": 0.5}]  # fmt: skip
    assert key() == key(name="other") == key(streaming=True)
    keys = [key(), *(key(**change) for change in changes)]
    (parquet_folder / "more.parquet").write_bytes(b"x")
    keys.append(key())
    assert len(set(keys)) == len(keys)


def test_datasets_is_imported_late():
    code = "import sys, ablate.data.sources.hub; print('datasets' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"
