"""The three namings: logits equal to transformers' own classes, there, back, and what cannot be expressed."""

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
from transformers import AlbertConfig, AutoModelForMaskedLM, BertForMaskedLM, BertModel

from ablate.models.convert import CannotHold, from_bert, to_bert

CONFIGS = {
    "bert": bert_config(), "bert_with_types": bert_config(type_vocab_size=2, hidden_act="relu"),
    "roberta": roberta_config(), "roberta_with_types": roberta_config(type_vocab_size=2),
    "roberta_padding_5": roberta_config(pad_token_id=5, max_position_embeddings=30),
    "distilbert": distilbert_config(), "distilbert_relu": distilbert_config(activation="relu"),
    "untied_bert": bert_config(tie_word_embeddings=False), "untied_roberta": roberta_config(tie_word_embeddings=False),
    "untied_distilbert": distilbert_config(tie_word_embeddings=False),
}  # fmt: skip


def as_bert(model):
    state, config = to_bert(model.state_dict(), model.config)
    made = BertForMaskedLM(config).eval()
    made.load_state_dict(state)
    return made


def as_kind(model, kind):
    state, config = from_bert(model.state_dict(), model.config, kind)
    made = AutoModelForMaskedLM.from_config(config).eval()
    made.load_state_dict(state)
    return made


@torch.no_grad()
def logits(model, ids, mask, **more):
    return model(input_ids=ids, attention_mask=mask.long(), **more).logits[mask]


@pytest.mark.parametrize("name", CONFIGS)
def test_logits_equal_the_own_classs(name):
    model = masked_lm(CONFIGS[name])
    made = as_bert(model)
    assert made.config.max_position_embeddings == 24
    ids, mask = batch(pad=model.config.pad_token_id)
    theirs = logits(model, ids, mask)
    assert theirs.std() > 0.1
    assert torch.allclose(logits(made, ids, mask), theirs, atol=1e-5)


@pytest.mark.parametrize("make", [bert_config, roberta_config])
def test_token_types_are_kept(make):
    model = masked_lm(make(type_vocab_size=2))
    ids, mask = batch(pad=model.config.pad_token_id)
    types = torch.arange(24).expand(4, 24) // 12
    theirs = logits(model, ids, mask, token_type_ids=types)
    assert torch.allclose(logits(as_bert(model), ids, mask, token_type_ids=types), theirs, atol=1e-5)
    assert not torch.allclose(logits(model, ids, mask), theirs, atol=1e-2)


@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert"])
@pytest.mark.parametrize("pad", [0, 3])
def test_a_bert_as_another_kind_gives_the_same_logits(kind, pad):
    model = masked_lm(bert_config(pad_token_id=pad, bos_token_id=2, eos_token_id=4))
    made = as_kind(model, kind)
    assert made.config.model_type == kind
    assert (made.config.pad_token_id, made.config.bos_token_id, made.config.eos_token_id) == (pad, 2, 4)
    ids, mask = batch(pad=pad)
    assert torch.allclose(logits(made, ids, mask), logits(model, ids, mask), atol=1e-5)


@pytest.mark.parametrize("name", ["bert", "bert_with_types", "roberta", "roberta_padding_5", "distilbert"])
def test_there_and_back_is_the_same_model(name):
    model = masked_lm(CONFIGS[name])
    bert = as_bert(model)
    again = as_kind(bert, model.config.model_type)
    after, skipped = again.state_dict(), 0
    for key, tensor in model.state_dict().items():
        if name.startswith("roberta") and "position_embeddings" in key:
            skipped = model.config.pad_token_id + 1  # rows that no token reads
            assert torch.equal(after[key][skipped:], tensor[skipped:])
        else:
            assert torch.equal(after[key], tensor), key
    ours, theirs = again.config.to_dict(), model.config.to_dict()
    assert {k: v for k, v in ours.items() if k not in ("architectures", "dtype")} == {
        k: v for k, v in theirs.items() if k not in ("architectures", "dtype")
    }


def test_poolers_and_nsp_heads_are_left_out():
    model = pretraining(bert_config(type_vocab_size=2))
    ids, mask = batch(pad=0)
    with torch.no_grad():
        theirs = model(input_ids=ids, attention_mask=mask.long()).prediction_logits[mask]
    assert torch.allclose(logits(as_bert(model), ids, mask), theirs, atol=1e-5)


@pytest.mark.parametrize("make", [bert_config, roberta_config, distilbert_config])
def test_a_bare_encoder_has_no_head_afterwards_either(make):
    model = encoder(make())
    state, config = to_bert(model.state_dict(), model.config)
    assert not any(name.startswith("cls.") for name in state)
    made = BertModel(config, add_pooling_layer=False).eval()
    made.load_state_dict({name.removeprefix("bert."): tensor for name, tensor in state.items()})
    ids, mask = batch(pad=model.config.pad_token_id)
    with torch.no_grad():
        ours, theirs = (m(input_ids=ids, attention_mask=mask.long()).last_hidden_state[mask] for m in (made, model))
    assert torch.allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize(
    ("config", "kind", "says"),
    [
        (bert_config(type_vocab_size=2), "distilbert", "no token types, this model has 2"),
        (bert_config(layer_norm_eps=1e-5), "distilbert", "norms add 1e-12, this model's 1e-05"),
        (bert_config(hidden_act="relu"), "roberta", "head uses gelu, this model relu"),
        (bert_config(pad_token_id=None), "roberta", "padding token's id"),
    ],
)
def test_what_another_class_cannot_hold(config, kind, says):
    model = masked_lm(config)
    with pytest.raises(CannotHold, match=says):
        from_bert(model.state_dict(), model.config, kind)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (AlbertConfig(), "it is a albert; only bert, roberta, distilbert"),
        (bert_config(is_decoder=True), "decoder"),
        (roberta_config(hidden_act="relu"), "its layers relu"),
    ],
)
def test_what_bert_cannot_hold(config, says):
    with pytest.raises(CannotHold, match=says):
        to_bert({}, config)
