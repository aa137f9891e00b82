"""Dropout from 16 bits: its rate, its scale, its gradient, and that nothing but its random numbers is new."""

import pytest
import torch
from synthetic_store import make_vocabulary
from torch import nn
from transformers import AutoModelForMaskedLM, DistilBertConfig, DistilBertModel

from ablate.models.bert import Bert
from ablate.models.dropout import ATTENTION, Dropout16, use_16_bits, use_torchs_own
from ablate.models.init import by_name


def build(*, dropout=0.1, attention_dropout=0.1, attention="eager"):
    model = Bert(
        name="test", layers=2, width=64, heads=2, intermediate=128, dropout=dropout,
        attention_dropout=attention_dropout, max_length=32,
        token_types=True, nsp=True, vocabulary=make_vocabulary(97), attention=attention,
    )  # fmt: skip
    by_name(model, std=0.1, seed=0)
    return model


def hidden(model):
    ids = torch.arange(6 * 20).reshape(6, 20) % 90 + 5
    attended = torch.arange(20) < torch.tensor([20, 17, 20, 9, 13, 20])[:, None]
    return model.hidden_states(ids, attended, torch.zeros_like(ids))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_values_are_dropped_at_the_rate_and_scaled_as_torch_scales_them(dtype, rate):
    torch.manual_seed(0)
    values = (torch.rand(400, 1001, dtype=dtype) + 1).requires_grad_()
    given = Dropout16(rate)(values)
    dropped = given == 0
    error = 6 * (rate * (1 - rate) / values.numel()) ** 0.5 + 2**-16
    assert abs(float(dropped.double().mean()) - rate) < error
    torch.manual_seed(0)
    theirs = nn.Dropout(rate)(values)
    both = ~dropped & (theirs != 0)
    assert torch.equal(given[both], theirs[both])
    given.sum().backward()
    assert torch.equal(values.grad == 0, dropped)


def test_decisions_do_not_depend_on_their_neighbours():
    torch.manual_seed(0)
    kept = (Dropout16(0.5)(torch.ones(1_000_000)) != 0).double() - 0.5
    for lag in (1, 2, 3, 4, 8, 64):
        assert abs(float((kept[lag:] * kept[:-lag]).mean())) < 6 * 0.25 / 1000


def test_the_same_seed_draws_the_same_and_the_next_call_something_else():
    values, dropout = torch.ones(999), Dropout16(0.5)
    torch.manual_seed(1)
    first, second = dropout(values), dropout(values)
    torch.manual_seed(1)
    assert torch.equal(dropout(values), first)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("rate", [0.0, 1.0 - 2**-16])
def test_the_ends_of_the_scale(rate):
    values = torch.ones(100_000)
    dropped = float((Dropout16(rate)(values) == 0).double().mean())
    assert dropped == pytest.approx(rate, abs=1e-3)
    assert torch.equal(Dropout16(rate).eval()(values), values)


def test_a_model_without_dropout_gives_the_same_bits():
    model = build(dropout=0.0, attention_dropout=0.0)
    before = hidden(model)
    use_16_bits(model)
    assert torch.equal(hidden(model), before)


def test_in_evaluation_a_model_gives_the_same_bits():
    model = build().eval()
    before = hidden(model)
    use_16_bits(model)
    assert torch.equal(hidden(model), before)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_no_dropout_of_torchs_is_left_in_a_model_in_training(monkeypatch, attention):
    model = build(attention=attention)
    use_16_bits(model)
    assert not [m for m in model.modules() if type(m) is nn.Dropout]
    assert model.config._attn_implementation == (ATTENTION if attention == "eager" else "sdpa")
    monkeypatch.setattr(nn.functional, "dropout", None)
    first, second = hidden(model), hidden(model)
    assert not torch.equal(first, second)


def test_attention_that_drops_nothing_still_shows_its_weights():
    model = build(attention_dropout=0.0)
    use_16_bits(model)
    assert model.config._attn_implementation == "eager"
    ids = torch.arange(10).reshape(1, 10)
    assert len(model.layers(ids, None, torch.zeros_like(ids), attention=True).attention) == 2


def test_a_model_that_is_no_bert_keeps_its_attention():
    config = DistilBertConfig(vocab_size=50, dim=16, hidden_dim=32, n_heads=2, n_layers=1, max_position_embeddings=16)
    model = DistilBertModel._from_config(config, attn_implementation="eager").train()
    use_16_bits(model)
    assert model.config._attn_implementation == "eager"
    assert model(torch.arange(10).reshape(1, 10)).last_hidden_state.shape == (1, 10, 16)


def test_the_folder_of_such_a_model_is_an_ordinary_one(tmp_path):
    model = build()
    use_16_bits(model)
    model.save(tmp_path)
    assert ATTENTION not in (tmp_path / "config.json").read_text()
    loaded = AutoModelForMaskedLM.from_pretrained(tmp_path)
    assert loaded.config._attn_implementation != ATTENTION


def test_it_can_be_undone():
    model, plain = build(), build()
    use_16_bits(model)
    use_torchs_own(model)
    torch.manual_seed(0)
    expected = hidden(plain)
    torch.manual_seed(0)
    assert torch.equal(hidden(model), expected)
