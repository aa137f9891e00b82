"""`eval=full` from end to end: nine GLUE tasks, IMDb and SQuAD from local parquet files, and RTE after MNLI."""

import pandas as pd
import pytest
from evaluation.keywords import keyword_frame

PAIRS = {
    "mrpc": ("sentence1", "sentence2"), "qqp": ("question1", "question2"), "mnli": ("premise", "hypothesis"),
    "qnli": ("question", "sentence"), "rte": ("sentence1", "sentence2"), "wnli": ("sentence1", "sentence2"),
    "stsb": ("sentence1", "sentence2"),
}  # fmt: skip
SINGLE = {"cola": "sentence", "sst2": "sentence"}
SHORT = (
    "eval.finetuning.seeds=1", "eval.finetuning.epochs=1", "eval.finetuning.learning_rates=[1e-3]",
    "eval.finetuning.max_train=32", "model.max_length=64",
)  # fmt: skip


def glue_frame(task, *, seed):
    """Forty rows with the columns of nyu-mll/glue."""
    frame = keyword_frame(40, seed=seed)
    if task in SINGLE:
        columns = {SINGLE[task]: frame["first"]}
    else:
        first, second = PAIRS[task]
        columns = {first: frame["first"], second: frame["first"].iloc[::-1].to_numpy()}
    label = frame["label"] * 5.0 if task == "stsb" else frame["label"]
    return pd.DataFrame({**columns, "label": label, "idx": range(len(frame))})


@pytest.fixture(scope="session")
def glue(tmp_path_factory):
    folder = tmp_path_factory.mktemp("glue")
    for task in (*SINGLE, *PAIRS):
        splits = ["train", *(("validation_matched", "validation_mismatched") if task == "mnli" else ("validation",))]
        for seed, split in enumerate(splits):
            (folder / task).mkdir(exist_ok=True)
            glue_frame(task, seed=seed).to_parquet(folder / task / f"{split}.parquet", index=False)
    return folder


@pytest.fixture(scope="session")
def reading(tmp_path_factory):
    """IMDb's and SQuAD's columns, a folder each."""
    folder = tmp_path_factory.mktemp("reading")
    for name in ("imdb", "squad"):
        (folder / name).mkdir()
    for seed, (imdb, squad) in enumerate([("train", "train"), ("test", "validation")]):
        frame = keyword_frame(40, seed=seed)
        frame.rename(columns={"first": "text"})[["text", "label"]].to_parquet(folder / "imdb" / f"{imdb}.parquet")
        words = frame["first"].str.split().str[-1].str.rstrip(".")
        answers = [
            {"text": [word], "answer_start": [text.rindex(word)]}
            for text, word in zip(frame["first"], words, strict=True)
        ]
        spans = {"id": frame["id"], "question": "Which word is last?", "context": frame["first"], "answers": answers}
        pd.DataFrame(spans).to_parquet(folder / "squad" / f"{squad}.parquet")
    return folder


def test_everything_is_asked_and_named(run_tiny, glue, reading):
    record, directory = run_tiny(
        "eval=full", f"eval.glue={glue}", *SHORT,
        "+task@eval.tasks.imdb=imdb", f"eval.tasks.imdb.path={reading / 'imdb'}",
        "+task@eval.tasks.squad=squad", f"eval.tasks.squad.path={reading / 'squad'}",
    )  # fmt: skip
    assert record.status == "ok"
    asked = {*SINGLE, *PAIRS, "mnli_mm", "imdb", "squad"}  # these few texts are not enough for the embedded tasks
    kept = {path.stem for path in (directory / "predictions").glob("*.parquet")}
    assert asked <= kept
    means = {"glue/mean_8", "glue/mean_9_with_wnli", "glue/mean_9_mnli_twice", "glue/mean_8/majority"}
    scores = {
        "cola/mcc", "mrpc/f1", "stsb/spearman", "mnli/accuracy", "mnli_mm/accuracy", "squad/exact_match",
        "probe/imdb/accuracy", "sst2/accuracy/bag_of_words", "latency_ms",
    }  # fmt: skip
    assert means | scores <= record.metrics.keys()


def test_rte_may_start_from_mnli_and_says_so(run_tiny, glue):
    base = ("eval=full", f"eval.glue={glue}", *SHORT, "eval.only=[rte]", "eval.efficiency=false", "eval.probe=false")
    plain, _ = run_tiny(*base)
    after, _ = run_tiny(
        *base, "+task@eval.tasks.rte.start_from=mnli", f"eval.tasks.rte.start_from.path={glue}",
    )  # fmt: skip
    assert plain.run_id == after.run_id  # a question asked of the same run, not another run
    assert after.evaluations["rte"] != plain.evaluations["rte"]
