"""Any Hugging Face encoder folder as a source of features; what cannot be trusted or used is refused in one line."""

import json
import shutil

import pytest
import torch
from evaluation.keywords import tiny_config
from transformers import (
    BertForMaskedLM,
    BertModel,
    DistilBertConfig,
    DistilBertModel,
    GPT2Config,
    GPT2Model,
    RobertaConfig,
    RobertaModel,
)

from ablate.errors import UserError
from ablate.models.folder import load_encoder, load_tokenizer, longest_input, model_folder, stored_parameters

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
SMALL = {"vocab_size": 60, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}


def models():
    yield BertModel(tiny_config(vocab_size=60))
    yield RobertaModel(RobertaConfig(**SMALL, intermediate_size=64, max_position_embeddings=66))
    yield DistilBertModel(
        DistilBertConfig(vocab_size=60, dim=32, n_layers=2, n_heads=2, hidden_dim=64, max_position_embeddings=64)
    )


@pytest.mark.parametrize("index", range(3))
def test_features_equal_transformers_own(tmp_path, index):
    model = list(models())[index].eval()
    model.save_pretrained(tmp_path)
    ours = load_encoder(tmp_path).eval()
    ids = torch.randint(5, 60, (3, 9), generator=torch.Generator().manual_seed(0))
    mask = torch.arange(9) < torch.tensor([[9], [5], [7]])
    expected = model(input_ids=ids, attention_mask=mask.long()).last_hidden_state
    assert torch.allclose(ours.hidden_states(ids, mask, None)[mask], expected[mask], atol=1e-6)
    assert longest_input(ours.config) == 64
    assert stored_parameters(tmp_path)[0] == sum(p.numel() for p in model.parameters())
    assert ours.forward_flops(length=16) == 2 * (8 * 32**2 + 4 * 32 * 16 + 4 * 32 * 64)


def test_heads_are_left_out_and_counted(tmp_path):
    model = BertForMaskedLM(tiny_config())
    model.save_pretrained(tmp_path)
    assert not any("cls" in name for name, _ in load_encoder(tmp_path).named_parameters())
    total, without = stored_parameters(tmp_path)
    assert total == sum(p.numel() for p in model.parameters())
    assert total - without == (90 + 64 + 2) * 32


def saved(tmp_path):
    BertModel(tiny_config()).save_pretrained(tmp_path)
    return tmp_path


def test_pickled_weights_are_refused(tmp_path):
    folder = saved(tmp_path)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"only pickled weights \(pytorch_model.bin\)"):
        load_encoder(folder)


def test_no_weights(tmp_path):
    folder = saved(tmp_path)
    (folder / "model.safetensors").unlink()
    with pytest.raises(UserError, match="has no weights"):
        load_encoder(folder)


def test_weights_of_another_model(tmp_path):
    folder = saved(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
    with pytest.raises(UserError, match=r"lack \d+ tensors of the encoder"):
        load_encoder(folder)


def test_truncated_weights(tmp_path):
    folder = saved(tmp_path)
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError, match="cannot be loaded") as caught:
        load_encoder(folder)
    assert "\n" not in str(caught.value)


def test_another_vocabulary(tmp_path, tokenizer_folder):
    shutil.copyfile(tokenizer_folder / "tokenizer.json", tmp_path / "tokenizer.json")
    with pytest.raises(UserError, match="the tokenizer has 90 tokens, the model only 60 embeddings"):
        load_tokenizer(tmp_path, vocabulary=60)


def test_a_decoder_is_no_encoder(tmp_path):
    GPT2Model(GPT2Config(n_embd=32, n_layer=1, n_head=2, vocab_size=50)).save_pretrained(tmp_path)
    with pytest.raises(UserError, match="gpt2 is no encoder"):
        load_encoder(tmp_path)


def test_where_the_model_is(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        model_folder(tmp_path / "nothing")
    with pytest.raises(UserError, match=r"there is no config\.json"):
        model_folder(tmp_path)
    (tmp_path / "result.json").write_text("{}")
    with pytest.raises(UserError, match="has no model folder"):
        model_folder(tmp_path)
    saved(tmp_path / "model")
    assert model_folder(tmp_path) == tmp_path / "model"
