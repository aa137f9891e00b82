"""Questions, parts and merging: incremental, kept per example, and the same inside a run and after it."""

import json
import random

import pandas as pd
import pytest
from evaluation.keywords import keyword_frame, keyword_task

from ablate.evaluation.downstream import Part, Questions, keep_predictions, merge
from ablate.evaluation.run import Known
from ablate.evaluation.tasks import HeldOutText
from ablate.runs.record import read_result


class NoText:
    name = "none"

    def key(self):
        return "none"

    def documents(self):
        yield from ()


def questions(cache, *, seeds=2, probe=True, **recipe):
    task = keyword_task(**{"epochs": 1, **recipe})
    return Questions(
        tasks=(task,), probe=probe, seeds=seeds, stream=7, held_out=HeldOutText(NoText(), cache), cache=cache
    )


def asked(questions, subject, known=None):
    return list(questions.answer(subject, known=known or {}, notice=print))


def test_names_seeds_and_predictions(subject, tmp_path):
    probed, tuned = asked(questions(tmp_path), subject)
    m = tuned.metrics
    assert m["keyword/accuracy"] == pytest.approx((m["keyword/accuracy/ft-0"] + m["keyword/accuracy/ft-1"]) / 2)
    assert m["keyword/accuracy/majority"] == 0.5
    assert m["keyword/accuracy/bag_of_words"] > 0.95
    assert "probe/keyword/accuracy" in probed.metrics
    keep_predictions(tuned, tmp_path / "predictions")
    frame = pd.read_parquet(tmp_path / "predictions" / "keyword.parquet")
    assert list(frame) == ["id", "label", "prediction", "score", "finetuning_seed"]
    right = (frame["label"] == frame["prediction"]).groupby(frame["finetuning_seed"]).mean()
    assert right.to_dict() == pytest.approx({k: m[f"keyword/accuracy/ft-{k}"] for k in (0, 1)})
    assert frame["id"].tolist()[:100] == keyword_frame(100, seed=2)["id"].tolist()


def test_only_what_is_new_is_asked(subject, tmp_path):
    first = asked(questions(tmp_path), subject)
    known = {part.name: part.id for part in first}
    assert asked(questions(tmp_path), subject, known) == []
    assert [part.name for part in asked(questions(tmp_path, epochs=2), subject, known)] == ["keyword"]
    assert [part.name for part in asked(questions(tmp_path, seeds=1), subject, known)] == ["keyword"]
    assert [part.name for part in asked(questions(tmp_path, max_train=100), subject, known)] == [
        "probe/keyword", "keyword"
    ]  # fmt: skip


def test_merging_replaces_older_answers_and_the_means():
    old = {"topic/accuracy": 0.1, "topic/accuracy/ft-4": 0.1, "word_swap/accuracy": 0.5, "train/tokens": 9.0}
    old |= {"embedded/mean_topic_word_swap": 0.3, "probe/topic/accuracy": 0.2}
    got = merge(old, [Part("topic", "1", {"topic/accuracy": 0.7}, {"topic": pd.DataFrame()})])
    assert got["topic/accuracy"] == 0.7
    assert "topic/accuracy/ft-4" not in got
    assert got["probe/topic/accuracy"] == 0.2
    assert got["embedded/mean_topic_word_swap"] == pytest.approx(0.6)
    assert got["train/tokens"] == 9.0


def test_known_keeps_ids():
    part = Part("val", "a", {"val/x": 1.0}, {}, prefixes=("val",))
    known = Known({"val/y": 2.0}, {"topic": "b"}).with_part(part)
    assert known == Known({"val/x": 1.0}, {"topic": "b", "val": "a"})


@pytest.fixture(scope="module")
def prose(tmp_path_factory):
    """Files that share no eight words in a row, so that both sides of a task get some."""
    folder = tmp_path_factory.mktemp("prose")
    rng = random.Random(0)
    words = ["".join(rng.choices("bdfgklmnprst", k=3)) + rng.choice("aeiou") for _ in range(300)]
    for i in range(150):
        lines = [" ".join(rng.choices(words, k=rng.randint(7, 11))).capitalize() + "." for _ in range(12)]
        (folder / f"{i:03}.txt").write_text(" ".join(lines[:6]) + "\n\n" + " ".join(lines[6:]))
    return f"data.path={folder}"


PROBE = ("eval=probe", "eval.only=[word_swap]", "eval.tasks.word_swap.train=200", "eval.tasks.word_swap.test=100")
TUNED = (
    "eval=embedded", *PROBE[1:], "eval.finetuning.seeds=1", "eval.finetuning.epochs=1",
    "eval.finetuning.learning_rates=[1e-3]",
)  # fmt: skip


def test_a_finished_run_is_asked_more_without_training(run_tiny, prose):
    plain, directory = run_tiny(prose)
    trained = (directory / "model" / "model.safetensors").stat().st_mtime_ns
    probed, _ = run_tiny(prose, *PROBE)
    assert probed.metrics["train/seconds"] == plain.metrics["train/seconds"]
    assert probed.metrics["val/mlm_loss"] == plain.metrics["val/mlm_loss"]
    assert probed.evaluations["val"] == plain.evaluations["val"]
    assert 0 <= probed.metrics["probe/word_swap/accuracy"] <= 1
    tuned, _ = run_tiny(prose, *TUNED)
    assert tuned.metrics["probe/word_swap/accuracy"] == probed.metrics["probe/word_swap/accuracy"]
    assert "word_swap/accuracy/ft-0" in tuned.metrics
    assert (directory / "predictions" / "probe" / "word_swap.parquet").exists()
    assert (directory / "model" / "model.safetensors").stat().st_mtime_ns == trained


def test_a_run_can_teach_in_a_preset(run_tiny, prose):
    plain, directory = run_tiny(prose, *TUNED)
    taught, same = run_tiny(prose, *TUNED, f"+eval.finetuning.teacher={directory}")
    assert same == directory
    assert taught.evaluations["word_swap"] != plain.evaluations["word_swap"]
    assert taught.evaluations["probe/word_swap"] == plain.evaluations["probe/word_swap"]
    assert 0 <= taught.metrics["word_swap/accuracy/teacher"] <= 1
    assert "word_swap/accuracy/teacher" not in plain.metrics


def test_afterwards_gives_the_same_bits_as_inside_the_run(run_tiny, command, prose, cache):
    record, directory = run_tiny(prose, *TUNED)
    inside = pd.read_parquet(directory / "predictions" / "word_swap.parquet")
    plain = json.loads((directory / "result.json").read_text())
    for key in ("evaluations", "metrics"):
        plain[key] = {k: v for k, v in plain[key].items() if "word_swap" not in k}
    (directory / "result.json").write_text(json.dumps(plain))
    arguments = [
        f"model={directory}", "task=word_swap", "task.train=200", "task.test=100", "finetuning.seeds=1",
        "finetuning.epochs=1", "finetuning.learning_rates=[1e-3]", "data=text", prose,
        "data.validation_fraction=0.2", f"cache={cache}", "trainer.threads=1", "trainer.accelerator=cpu",
    ]  # fmt: skip
    done = command(*arguments, module="ablate.finetune")
    assert done.returncode == 0, done.stderr
    again = read_result(directory)
    assert again.evaluations == record.evaluations
    assert again.metrics["word_swap/accuracy"] == record.metrics["word_swap/accuracy"]
    pd.testing.assert_frame_equal(pd.read_parquet(directory / "predictions" / "word_swap.parquet"), inside)
    assert "word_swap/accuracy" in done.stdout
