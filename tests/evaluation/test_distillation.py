"""Task-level distillation: the losses, soft targets in the rows' order, ids, and what cannot be a teacher."""

import json
import random
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from evaluation.keywords import BAD, GOOD, keyword_frame, keyword_task, sentence, tiny_config
from evaluation.test_downstream import NoText
from evaluation.test_spans import frame as span_frame
from transformers import BertModel, RobertaConfig, RobertaModel

from ablate.data.cache import cache_key
from ablate.data.tokenizers import ByteBPE, WordPiece, save
from ablate.errors import UserError
from ablate.evaluation.distillation import Distillation, lesson
from ablate.evaluation.downstream import RULES, Questions
from ablate.evaluation.finetuning import SoftTargets, finetune, outputs, predict, score_of, side
from ablate.evaluation.heads import soft_classification_loss, soft_regression_loss, soft_span_loss
from ablate.evaluation.tasks import HeldOutText, Recipe, Task, TaskData
from ablate.finetune import build_parser
from ablate.finetune import finetune as command_finetune


def drawn(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).mul(3).to(dtype)


def reference_kl(student, teacher, temperature):
    """T^2 sum p (log p - log q), in float64, term by term."""
    p, q = (torch.exp(x / temperature) for x in (teacher.double(), student.double()))
    p, q = p / p.sum(-1, keepdim=True), q / q.sum(-1, keepdim=True)
    return temperature**2 * (p * (p.log() - q.log())).sum(-1)


@pytest.mark.parametrize("temperature", [1.0, 2.0, 7.0])
def test_the_classification_loss_is_the_mean_divergence(temperature):
    student, teacher = drawn(5, 3), drawn(5, 3, seed=1)
    ours = soft_classification_loss(student, teacher, None, temperature)
    assert float(ours) == pytest.approx(float(reference_kl(student, teacher, temperature).mean()), rel=1e-5)
    assert float(soft_classification_loss(teacher, teacher, None, temperature)) == pytest.approx(0, abs=1e-6)


def test_the_regression_loss_is_the_distance_from_the_teacher():
    student, teacher = drawn(6, 1), drawn(6, 1, seed=1)
    assert float(soft_regression_loss(student, teacher, None, 2.0)) == pytest.approx(
        float(((student - teacher) ** 2).mean())
    )


def test_the_span_loss_looks_at_tokens_and_not_at_padding():
    student, teacher = drawn(2, 2, 9), drawn(2, 2, 9, seed=1)
    mask = torch.arange(9) < torch.tensor([[9], [6]])
    student.requires_grad_()
    loss = soft_span_loss(student, teacher, mask, 2.0)
    expected = torch.cat([reference_kl(student[i, :, :n], teacher[i, :, :n], 2.0) for i, n in ((0, 9), (1, 6))]).mean()
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-5)
    loss.backward()
    assert torch.isfinite(student.grad).all() and not student.grad[1, :, 6:].any()


def soft(values, *, alpha, temperature=2.0):
    return SoftTargets(np.asarray(values, dtype=np.float32), temperature=temperature, alpha=alpha)


def fine_tuned(subject, task, train, **more):
    return finetune(subject, task, train, learning_rate=3e-3, stream=5, development=None, **more)


def test_with_alpha_0_the_teacher_decides_and_with_a_weak_teacher_the_labels_do(subject):
    task = keyword_task()
    data = task.data(None)
    plain = side(subject, task, data.train)
    opposite = 8.0 * np.eye(2)[1 - plain.targets]
    scores = {}
    for alpha in (0.0, 0.999):
        tuned = fine_tuned(subject, task, replace(plain, soft=soft(opposite, alpha=alpha)))
        test = data.tests["keyword"]
        given = predict(tuned.subject, tuned.head, task, side(subject, task, test))
        scores[alpha] = score_of(task, test, given)["accuracy"]
    assert scores[0.0] < 0.1 and scores[0.999] > 0.9


def test_a_regression_student_approaches_the_teachers_numbers(subject):
    task = replace(keyword_task(epochs=8), kind="regression", labels=(), metrics=("pearson",))
    train = side(subject, task, keyword_frame(240, seed=1))
    tuned = fine_tuned(subject, task, replace(train, soft=soft(1.5 + train.targets[:, None], alpha=0.0)))
    given = predict(tuned.subject, tuned.head, task, train).predictions
    assert np.abs(given - (1.5 + train.targets)).mean() < 0.25


def span_task(**changes):
    def load(_):
        return span_frame(120, seed=1), {"spans": span_frame(40, seed=2)}

    recipe = Recipe().but(learning_rates=[3e-3], epochs=6, batch=16)
    return Task(
        name="spans", kind="span", labels=(), metrics=("f1",), pair=True, tests=("spans",), recipe=recipe, load=load,
        max_length=48, **changes,
    )  # fmt: skip


def test_a_span_student_points_where_the_teacher_points(subject):
    task = span_task()
    train = side(subject, task, span_frame(120, seed=1))
    assert len(set(train.encoded.lengths)) > 1  # batches are cut to their own longest row
    pointed = 12.0 * np.eye(train.encoded.ids.shape[1])[np.full((len(train.encoded), 2), [2, 4])]
    tuned = fine_tuned(subject, task, replace(train, soft=soft(pointed, alpha=0.0)))
    found = outputs(tuned.subject, tuned.head, train)
    found[np.broadcast_to(~(np.arange(found.shape[2]) < train.encoded.lengths[:, None, None]), found.shape)] = -np.inf
    assert (found.argmax(-1) == [2, 4]).mean() > 0.9


def roberta_folder(folder):
    """Another architecture with another tokenizer."""
    rng = random.Random(0)
    text = " ".join(sentence(rng, word) for _ in range(40) for word in (*GOOD, *BAD))
    save(ByteBPE(vocab_size=330).train(iter([text] * 3)), folder)
    torch.manual_seed(1)
    config = RobertaConfig(
        vocab_size=330, hidden_size=48, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=70, pad_token_id=0,
    )  # fmt: skip
    RobertaModel(config).save_pretrained(folder)
    return folder


def test_a_lesson_is_in_the_rows_order_whatever_the_teachers_tokens(subject, tmp_path):
    task = keyword_task()
    data = task.data(None)
    taught = lesson(
        Distillation(folder=roberta_folder(tmp_path)), subject, task, data, HeldOutText(NoText(), tmp_path), stream=3
    )
    labels = side(subject, task, task.load(None)[0]).targets
    order = np.concatenate([data.train.index, data.development.index])
    assert taught.soft.outputs.shape == (240, 2)
    assert (taught.soft.outputs.argmax(1) == labels[order]).mean() > 0.95
    assert score_of(task, data.tests["keyword"], taught.answers["keyword"])["accuracy"] > 0.9
    assert taught.degenerate == ""


def test_a_span_teacher_reads_the_same_tokens(subject, bert_folder, tmp_path):
    task, held_out = span_task(), HeldOutText(NoText(), tmp_path)
    data = task.data(None)
    taught = lesson(Distillation(folder=bert_folder), subject, task, data, held_out, stream=3)
    assert score_of(task, data.tests["spans"], taught.answers["spans"])["f1"] > 0.8
    with pytest.raises(UserError, match=r"^finetuning\.teacher=.* other tokens than the student"):
        lesson(Distillation(folder=roberta_folder(tmp_path)), subject, task, data, held_out, stream=3)


def questions(cache, distillation=None, **recipe):
    task = keyword_task(**{"epochs": 2, **recipe})
    return Questions(
        tasks=(task,), probe=True, seeds=1, stream=7, held_out=HeldOutText(NoText(), cache), cache=cache,
        distillation=distillation,
    )  # fmt: skip


def answers(asked, subject):
    return {part.name: part for part in asked.answer(subject, known={}, notice=print)}


def test_answers_with_and_without_a_teacher(subject, bert_folder, tmp_path):
    plain = answers(questions(tmp_path), subject)
    task = questions(tmp_path).tasks[0]
    data: TaskData = task.data(None)
    asked = [RULES, "keyword", task.describes(), data.fingerprint(), [asdict(task.recipe)], 1, 32, "32-true"]
    assert plain["keyword"].id == cache_key("question", repr(asked))  # as before there were teachers
    first, again = (answers(questions(tmp_path, Distillation(folder=bert_folder)), subject) for _ in range(2))
    assert first["probe/keyword"].id == plain["probe/keyword"].id
    assert first["keyword"].id not in (plain["keyword"].id, plain["probe/keyword"].id)
    assert "keyword/accuracy/teacher" in first["keyword"].metrics
    assert "keyword/accuracy/teacher" not in plain["keyword"].metrics
    scores = [part["keyword"].frames["keyword"]["score"].to_numpy() for part in (first, again, plain)]
    assert np.array_equal(scores[0], scores[1]) and not np.allclose(scores[0], scores[2], atol=1e-4)


def test_a_teacher_is_known_by_its_content(bert_folder, tmp_path):
    shutil.copytree(bert_folder, tmp_path / "copy")
    here = Distillation(folder=bert_folder).describes()
    assert Distillation(folder=tmp_path / "copy").describes() == here
    assert Distillation(folder=bert_folder, temperature=3.0).describes() != here
    assert Distillation(folder=bert_folder, alpha=0.1).describes() != here
    torch.manual_seed(9)
    BertModel(tiny_config()).save_pretrained(tmp_path / "copy")
    assert Distillation(folder=tmp_path / "copy").describes() != here


@pytest.fixture
def table(tmp_path, monkeypatch):
    for split, seed in (("train", 1), ("test", 2)):
        frame = keyword_frame(80, seed=seed)
        frame.assign(label=frame["label"].map({0: "bad", 1: "good"})).to_csv(tmp_path / f"{split}.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


CUSTOM = (
    "task=custom", "task.train=train.csv", "task.tests.custom=test.csv", "task.text=[first]", "task.labels=[bad,good]",
    "finetuning.seeds=1", "finetuning.epochs=1", "finetuning.learning_rates=[1e-3]", "trainer.threads=1",
    "trainer.accelerator=cpu", "probe=false", "out=scores", "cache=cache",
)  # fmt: skip


def asked_by_command(*arguments):
    assert command_finetune(build_parser().parse_intermixed_args([*arguments, *CUSTOM])) == 0
    return json.loads(Path("scores/downstream.json").read_text())


def test_the_command_learns_from_a_folder(table, bert_folder):
    plain = asked_by_command(f"model={bert_folder}")
    taught = asked_by_command(f"model={bert_folder}", f"finetuning.teacher={bert_folder}")
    assert taught["evaluations"]["custom"] != plain["evaluations"]["custom"]
    assert "custom/accuracy/teacher" in taught["metrics"]
    again = asked_by_command(f"model={bert_folder}")
    assert again["evaluations"] == plain["evaluations"]
    assert not any(name.endswith("/teacher") for name in again["metrics"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["finetuning.teacher=nowhere"], r"^finetuning\.teacher=nowhere: no such folder"),
        (["finetuning.teacher=pickled"], r"^finetuning\.teacher=pickled: only pickled weights"),
        (["finetuning.teacher=MODEL", "finetuning.temperature=0"], r"^finetuning\.temperature=0\.0: must be above 0$"),
        (["finetuning.teacher=MODEL", "finetuning.temperature=nan"], r"^finetuning\.temperature=nan: must be above 0$"),
        (["finetuning.teacher=MODEL", "finetuning.alpha=1"], r"^finetuning\.alpha=1\.0: must be from 0 to below 1"),
        (["finetuning.teacher=MODEL", "finetuning.alpha=half"], r"^finetuning\.alpha=half: must be a number$"),
        (["finetuning.teacher=MODEL", "finetuning.beta=1"], r"^finetuning\.beta: no such key"),
    ],
)
def test_a_mistake_is_one_line(table, bert_folder, arguments, says):
    shutil.copytree(bert_folder, "pickled")
    (table / "pickled" / "model.safetensors").rename("pickled/pytorch_model.bin")
    given = [text.replace("MODEL", str(bert_folder)) for text in arguments]
    with pytest.raises(UserError, match=says) as caught:
        asked_by_command(f"model={bert_folder}", *given)
    assert "\n" not in str(caught.value)
    assert not (table / "scores").exists()


def test_a_teacher_of_another_vocabulary_than_its_tokenizer(table, bert_folder):
    shutil.copytree(bert_folder, "mixed")
    rng = random.Random(0)
    text = " ".join(sentence(rng, word) for _ in range(40) for word in (*GOOD, *BAD))
    save(WordPiece(vocab_size=110, lowercase=True).train(iter([text] * 3)), table / "mixed")
    with pytest.raises(UserError, match=r"^finetuning\.teacher=mixed: the tokenizer has 110 tokens, the model only 90"):
        asked_by_command(f"model={bert_folder}", "finetuning.teacher=mixed")
