"""Tasks from files: every format, label maps, and one line on bad input."""

import pandas as pd
import pytest

from ablate.errors import UserError
from ablate.evaluation.tables import read_split, table_task

ROWS = pd.DataFrame({"text": ["good one", "bad one", "fine"], "stars": ["pos", "neg", "pos"], "n": [1, 0, 1]})


def make(folder, **changes):
    settings = {
        "name": "mine", "kind": "classification", "path": str(folder), "text": ["text"], "label": "stars",
        "labels": ["neg", "pos"], "metrics": ["accuracy"], "tests": {"mine": "test"}, **changes,
    }  # fmt: skip
    return table_task(**settings)


def write(frame, file):
    writers = {
        ".csv": lambda: frame.to_csv(file, index=False), ".tsv": lambda: frame.to_csv(file, index=False, sep="\t"),
        ".jsonl": lambda: frame.to_json(file, orient="records", lines=True), ".parquet": lambda: frame.to_parquet(file),
    }  # fmt: skip
    writers[file.suffix]()


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_every_format_gives_the_same_examples(tmp_path, suffix):
    for split in ("train", "test"):
        write(ROWS, tmp_path / f"{split}{suffix}")
    train, tests = make(tmp_path).load(None)
    assert train["first"].tolist() == ROWS["text"].tolist()
    assert train["label"].tolist() == tests["mine"]["label"].tolist() == [1, 0, 1]
    by_file, _ = make(tmp_path, train=str(tmp_path / f"train{suffix}"), tests={"mine": f"test{suffix}"}).load(None)
    pd.testing.assert_frame_equal(by_file, train)


def test_integer_labels_are_indices_unless_they_are_names(tmp_path):
    for split in ("train", "test"):
        write(ROWS, tmp_path / f"{split}.csv")
    assert make(tmp_path, label="n").load(None)[0]["label"].tolist() == [1, 0, 1]
    assert make(tmp_path, label="n", labels=[1, 0]).load(None)[0]["label"].tolist() == [0, 1, 0]


def test_the_hubs_shards_and_the_configs_folder_are_found(tmp_path):
    folder = tmp_path / "rte"
    folder.mkdir()
    write(ROWS.iloc[:2], folder / "train-00000-of-00002.parquet")
    write(ROWS.iloc[2:], folder / "train-00001-of-00002.parquet")
    write(ROWS, folder / "test-00000-of-00001.parquet")
    assert len(make(tmp_path, config="rte").load(None)[0]) == 3


def test_a_task_is_not_read_from_the_folder_of_another(tmp_path):
    for folder in ("mrpc", "data"):
        (tmp_path / folder).mkdir()
    for split in ("train", "test"):
        write(ROWS, tmp_path / "mrpc" / f"{split}.csv")
    with pytest.raises(UserError, match="has no split train and no folder rte; it has no tables"):
        make(tmp_path, config="rte").load(None)
    for folder in (tmp_path / "data", tmp_path):  # of one data set, with its files in either place
        for split in ("train", "test"):
            write(ROWS.iloc[:2], folder / f"{split}.csv")
        assert len(make(tmp_path, config="rte").load(None)[0]) == 2
        for split in ("train", "test"):
            (folder / f"{split}.csv").unlink()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tests": {"mine": "dev"}}, "no split dev; it has test, train"),
        ({"text": ["review"]}, "task.text=review: not in .* which has text, stars, n"),
        ({"label": "grade"}, "task.label=grade: not in"),
        ({"labels": ["no", "yes"]}, "row 0: stars=pos: not among task.labels no, yes"),
        ({"path": "/no/such/folder/at/all"}, "no such folder"),
        ({"kind": "regression", "metrics": ["pearson"], "labels": None}, "stars=pos: not a number"),
        ({"id": "key"}, "task.id=key: not in"),
        ({"train": "gone.csv"}, "gone.csv: no such file"),
        ({"id": "stars"}, "task.id=stars: .*: pos comes twice"),
    ],
)
def test_bad_input_is_one_line(tmp_path, changes, message):
    for split in ("train", "test"):
        write(ROWS, tmp_path / f"{split}.csv")
    with pytest.raises(UserError, match=message) as caught:
        make(tmp_path, **changes).load(None)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metrics": ["pearson"]}, "task.metrics=pearson: for task.kind=classification one of accuracy, f1"),
        ({"metrics": []}, "at least one of"),
        ({"labels": ["one"]}, "at least two different labels"),
        ({"text": ["a", "b", "c"]}, "one column, or two"),
        ({"finetuning": {"epoch": 3}}, "finetuning.epoch: no such key; it takes learning_rates"),
        ({"finetuning": {"epochs": 0}}, "finetuning.epochs=0: must be at least 1"),
        ({"max_train": 2}, "max_train=2: must be null or at least 8"),
        ({"metrics": ["f1"], "labels": ["a", "b", "c"]}, "f1: is of two labels, task mine has 3; say macro_f1"),
        ({"name": "val", "tests": {"val": "test"}}, "task.name=val: taken by other metrics"),
        ({"tests": {"mine": "test", "val": "dev"}}, "task.tests.val: must be called mine, as the task, or mine_"),
        ({"tests": {"mines": "test"}}, "task.tests.mines: must be called mine"),
    ],
)
def test_settings_that_do_not_fit_are_refused_before_anything_is_read(tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        make(tmp_path, **changes)


def test_quotes_in_tsv_and_words_that_look_missing_are_text(tmp_path):
    """GLUE's tables are written without quoting; "NA" and "null" are words of English sentences."""
    texts = ['"Quoted from here', "NA", "null", 'said "so"', "plain"]
    rows = "\n".join(f"{text}\t{number % 2}" for number, text in enumerate(texts))
    (tmp_path / "train.tsv").write_text(f"sentence\tlabel\n{rows}\n")
    found, _ = read_split(str(tmp_path), None, "train")
    assert found["sentence"].tolist() == texts
    assert found["label"].tolist() == [0, 1, 0, 1, 0]
    pd.DataFrame({"sentence": texts}).to_csv(tmp_path / "test.csv", index=False)
    assert read_split(str(tmp_path), None, "test")[0]["sentence"].tolist() == texts


@pytest.mark.parametrize("text", ["", "   ", None])
def test_empty_text_names_its_row(tmp_path, text):
    rows = ROWS.assign(text=["good one", text, "fine"])
    for split in ("train", "test"):
        rows.to_parquet(tmp_path / f"{split}.parquet")
    with pytest.raises(UserError, match=r"row 1: column text is empty"):
        make(tmp_path).load(None)


def test_hidden_test_labels_are_explained(tmp_path):
    for split in ("train", "test"):
        write(ROWS.assign(n=[1, -1, 0]), tmp_path / f"{split}.csv")
    with pytest.raises(UserError, match=r"n=-1.*hidden: use validation"):
        make(tmp_path, label="n").load(None)


def test_broken_file_is_one_line(tmp_path):
    (tmp_path / "train.parquet").write_bytes(b"PAR1 nothing")
    (tmp_path / "test.parquet").write_bytes(b"")
    with pytest.raises(UserError, match=r"train\.parquet: cannot be read") as caught:
        make(tmp_path).load(None)
    assert "\n" not in str(caught.value)


def squad(context, answers):
    return pd.DataFrame({"question": ["who?"] * len(context), "context": context, "answers": answers})


def span_task(folder):
    return make(
        folder, kind="span", text=["question", "context"], label=None, labels=None, metrics=["f1", "exact_match"]
    )


def test_answers_must_be_where_they_are_said_to_be(tmp_path):
    good = squad(["Rollo ruled."], [{"text": ["Rollo"], "answer_start": [0]}])
    bad = squad(["Rollo ruled."], [{"text": ["ruled"], "answer_start": [5]}])
    good.to_parquet(tmp_path / "train.parquet")
    good.to_parquet(tmp_path / "test.parquet")
    assert list(span_task(tmp_path).load(None)[0]["starts"][0]) == [0]
    bad.to_parquet(tmp_path / "test.parquet")
    with pytest.raises(UserError, match="does not have 'ruled' at 5"):
        span_task(tmp_path).load(None)
