"""Folders of the three kinds as one class with equal logits; what cannot be a masked language model is refused."""

import json

import pytest
import torch
from models.random_models import (
    batch,
    bert_config,
    distilbert_config,
    encoder,
    masked_lm,
    pretraining,
    roberta_config,
)
from safetensors.torch import load_file, save_file
from transformers import BertForMaskedLM, GPT2Config, GPT2LMHeadModel

from ablate.errors import UserError
from ablate.models.masked_lm import load_masked_lm

KINDS = {"bert": bert_config, "roberta": roberta_config, "distilbert": distilbert_config}


@torch.no_grad()
def logits(model, ids, mask):
    return model(input_ids=ids, attention_mask=mask.long()).logits[mask]


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_folder_gives_its_own_logits(tmp_path, kind, attention):
    model = masked_lm(KINDS[kind]())
    model.save_pretrained(tmp_path)
    loaded = load_masked_lm(tmp_path, attention=attention)
    assert type(loaded) is BertForMaskedLM and not loaded.training
    assert loaded.config._attn_implementation == attention
    ids, mask = batch(pad=model.config.pad_token_id)
    assert torch.allclose(logits(loaded, ids, mask), logits(model, ids, mask), atol=1e-5)
    assert loaded.cls.predictions.decoder.weight is loaded.bert.embeddings.word_embeddings.weight


def test_half_precision_is_read_as_float32(tmp_path):
    model = masked_lm(roberta_config()).half()
    model.save_pretrained(tmp_path)
    loaded = load_masked_lm(tmp_path, attention="eager")
    ids, mask = batch(pad=1)
    assert next(loaded.parameters()).dtype == torch.float32
    assert torch.allclose(logits(loaded, ids, mask), logits(model.float(), ids, mask), atol=1e-5)


def test_the_first_releases_names_of_norms(tmp_path):
    """bert-base-uncased calls a norm's weight gamma and its bias beta, and keeps position ids and an NSP head."""
    model = pretraining(bert_config(type_vocab_size=2))
    model.save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): tensor
        for name, tensor in weights.items()
    }
    assert old.keys() != weights.keys()
    old["bert.embeddings.position_ids"] = torch.arange(24)[None]
    save_file(old, tmp_path / "model.safetensors", metadata={"format": "pt"})
    ids, mask = batch(pad=0)
    with torch.no_grad():
        theirs = model(input_ids=ids, attention_mask=mask.long()).prediction_logits[mask]
    assert torch.allclose(logits(load_masked_lm(tmp_path, attention="eager"), ids, mask), theirs, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_without_a_head(tmp_path, kind):
    encoder(KINDS[kind]()).save_pretrained(tmp_path)
    with pytest.raises(UserError, match=r"^teacher\.path=.* has no masked-language-model head") as caught:
        load_masked_lm(tmp_path, attention="eager", key="teacher.path")
    assert "\n" not in str(caught.value)


def test_another_architecture(tmp_path):
    GPT2LMHeadModel(GPT2Config(n_embd=32, n_layer=1, n_head=2, vocab_size=50)).save_pretrained(tmp_path)
    with pytest.raises(UserError, match=r"^model=.*model_type=gpt2: must be one of bert, roberta, distilbert$"):
        load_masked_lm(tmp_path, attention="eager")


def test_pickles_and_nothing(tmp_path):
    model = masked_lm(bert_config())
    model.save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"^teacher\.path=.* has no weights"):
        load_masked_lm(tmp_path, attention="eager", key="teacher.path")
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"^teacher\.path=.* only pickled weights .* can run code"):
        load_masked_lm(tmp_path, attention="eager", key="teacher.path")


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"num_hidden_layers": 3}, "lack 16 tensors of the encoder"), ({"hidden_size": 64}, "cannot be loaded")],
)
def test_a_config_of_another_size(tmp_path, changes, says):
    masked_lm(bert_config()).save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(UserError, match=says) as caught:
        load_masked_lm(tmp_path, attention="eager")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["{", "[]", "null"])
def test_a_broken_config(tmp_path, content):
    masked_lm(bert_config()).save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(UserError, match=r"config\.json cannot be read"):
        load_masked_lm(tmp_path, attention="eager")
