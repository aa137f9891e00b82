"""The benchmarks' sides at tiny sizes: each trains, the peers see the same text, and the losses are the same."""

import json
import pickle

import pytest
import torch

from benchmarks import distillation_step, preparation, pretraining_step, short_sentences
from benchmarks.commands import python
from benchmarks.recipes import Recipe


@pytest.fixture(scope="session")
def recipe(tiny, tmp_path_factory):
    data = [one for one in tiny if one.startswith(("data", "cache", "tokenizer"))]
    root = str(tmp_path_factory.mktemp("root"))
    return Recipe(root=root, size="tiny", length=32, batch=4, data=tuple(data))


def test_ablate_and_the_trainer_train_and_are_timed(recipe):
    sides = [
        pretraining_step.ours(recipe, updates=2),
        pretraining_step.ours(recipe, updates=2, dropout_bits=64),
        pretraining_step.trainers(recipe, updates=2, tuned=False),
    ]
    assert all(side()["tokens_per_s"] > 0 for side in sides)
    assert 0 < sides[0]()["mfu"] < 1


def test_the_peers_blocks_are_the_recipes_own_text(recipe):
    blocks = recipe.blocks(8)
    assert [len(block) for block in blocks] == [32] * 8
    tokens = recipe.corpus.train.tokens.tolist()
    special = recipe.corpus.vocabulary.special
    words = [token for token in blocks[0] if not special[token]][:5]
    assert any(tokens[i : i + 5] == words for i in range(len(tokens)))


def test_another_process_composes_the_recipe_for_itself(recipe):
    assert recipe.cfg.seed == 0  # composed here
    there = pickle.loads(pickle.dumps(recipe))
    assert there == recipe
    assert "cfg" in vars(recipe)
    assert "cfg" not in vars(there)


def test_the_output_layer_has_as_many_rows_as_were_asked_for(recipe):
    wide = Recipe(root=recipe.root, size="tiny", length=32, batch=4, data=recipe.data, vocabulary=500)
    assert wide.model().config.vocab_size == 500
    assert recipe.model().config.vocab_size == recipe.corpus.vocabulary.size < 500


def test_the_plain_distillation_loss_is_ablates(recipe):
    quiet = Recipe(root=recipe.root, size="tiny", length=32, batch=4, data=recipe.data, dropout=0.0)
    student = distillation_step.student_of(quiet)
    batch = distillation_step.build.build_data(student.cfg, student.corpus).batches[0]
    teacher, model = quiet.model().eval(), student.model()
    labels = torch.full(batch["input_ids"].shape, -100)
    labels.view(-1)[batch["masked_positions"]] = batch["masked_labels"]
    mask = torch.ones_like(labels) if batch["attention_mask"] is None else batch["attention_mask"].long()
    plain = distillation_step.plain_loss(teacher.pretraining, model.pretraining, batch["input_ids"], mask, labels)
    taught = distillation_step.Teacher(teacher, name="teacher")
    objective, _ = distillation_step.build.build_objective(student.cfg, student.corpus, model, taught)
    assert float(objective(model, batch)["loss"].detach()) == pytest.approx(float(plain.detach()), rel=1e-4)


@pytest.mark.parametrize("cached", [False, True])
def test_distillation_is_timed(recipe, cached):
    assert distillation_step.ours(recipe, updates=1, cached=cached)()["tokens_per_s"] > 0
    assert distillation_step.plain(recipe, updates=1)()["tokens_per_s"] > 0


@pytest.mark.parametrize("peer", [False, True])
def test_fine_tuning_is_timed(recipe, peer):
    measured = short_sentences.side(recipe, glue=None, rows=64, peer=peer)()
    assert measured["examples_per_s"] > 0


def test_preparation_makes_sequences_of_the_same_text(recipe, tmp_path):
    file = tmp_path / "text.jsonl"
    assert preparation.write_text(recipe, file, megabytes=0.08) == pytest.approx(0.08, abs=0.01)
    assert all(json.loads(line)["text"] for line in file.read_text().splitlines())
    preparation.ours(file, recipe.corpus.tokenizer_path, tmp_path / "ours", length=32)
    assert list((tmp_path / "ours" / "sequences").iterdir())
    preparation.theirs(file, recipe.corpus.tokenizer_path, tmp_path / "theirs", length=32)
    assert list((tmp_path / "theirs").rglob("*.arrow"))


def test_a_failing_process_says_why(tmp_path):
    with pytest.raises(RuntimeError, match="no such thing"):
        python(["-c", "raise SystemExit('no such thing')"], cwd=tmp_path)
    assert python(["-c", "print(3)"], cwd=tmp_path).output == "3\n"
