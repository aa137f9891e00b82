"""The model against transformers' own classes on the same batch."""

import pytest
import torch
from synthetic_store import make_vocabulary
from transformers import AutoModel, AutoModelForMaskedLM, BertConfig, BertModel

from ablate.data.hashing import stream
from ablate.models.bert import Bert, attention_for
from ablate.models.cost import count_parameters
from ablate.models.init import by_name
from ablate.objectives.pretraining import HardLabels

VOCABULARY = make_vocabulary(97)


def build(*, nsp=True, token_types=True, layers=2, width=64, dropout=0.0, **extra):
    model = Bert(
        name="test", layers=layers, width=width, heads=width // 32, intermediate=4 * width, dropout=dropout,
        attention_dropout=dropout, max_length=32, token_types=token_types, nsp=nsp, vocabulary=VOCABULARY, **extra,
    )  # fmt: skip
    by_name(model, std=0.1, seed=stream(0, "initialisation"))
    return model


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(5, 97, (6, 20), generator=generator)
    attended = torch.arange(20) < torch.tensor([20, 17, 20, 9, 13, 20])[:, None]
    masked = (torch.rand(6, 20, generator=generator) < 0.3) & attended
    positions = masked.flatten().nonzero().flatten()
    return {
        "input_ids": ids.masked_fill(~attended, VOCABULARY.pad),
        "attention_mask": attended,
        "token_type_ids": (torch.arange(20) > 8).long().expand(6, 20).clone(),
        "masked_positions": positions,
        "masked_labels": torch.randint(5, 97, (len(positions),), generator=generator),
        "next_sentence_label": torch.randint(0, 2, (6,), generator=generator),
        "tokens": attended.sum(),
        "update_masked": torch.tensor(len(positions)),
        "update_tokens": attended.sum(),
        "update_sequences": torch.tensor(6),
    }


def test_the_loss_equals_hugging_faces_on_the_same_batch(batch):
    model = build()
    labels = torch.full((6 * 20,), -100)
    labels[batch["masked_positions"]] = batch["masked_labels"]
    theirs = model.pretraining(
        input_ids=batch["input_ids"], attention_mask=batch["attention_mask"].long(),
        token_type_ids=batch["token_type_ids"], labels=labels.view(6, 20),
        next_sentence_label=batch["next_sentence_label"],
    ).loss  # fmt: skip
    ours = HardLabels(nsp=True)(model, batch)["loss"]
    assert abs(float((ours - theirs).detach())) < 1e-5
    ours.backward()
    gradients = {name: p.grad.clone() for name, p in model.named_parameters()}
    model.zero_grad()
    theirs.backward()
    for name, parameter in model.named_parameters():
        assert torch.allclose(parameter.grad, gradients[name], atol=1e-5), name


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_padding_changes_nothing(batch, attention):
    model = build(attention=attention).eval()
    length = 9
    alone = model.hidden_states(batch["input_ids"][3:4, :length], None, batch["token_type_ids"][3:4, :length])
    padded = model.hidden_states(batch["input_ids"], batch["attention_mask"], batch["token_type_ids"])
    assert torch.allclose(alone[0], padded[3, :length], atol=1e-5)


def test_attention_implementations_agree(batch):
    inputs = batch["input_ids"], batch["attention_mask"], batch["token_type_ids"]
    eager, sdpa = (build(attention=name).eval().hidden_states(*inputs) for name in ("eager", "sdpa"))
    attended = batch["attention_mask"]
    assert torch.allclose(eager[attended], sdpa[attended], atol=1e-5)


def test_without_token_types_there_is_one_row_and_the_input_is_ignored(batch):
    model = build(token_types=False, nsp=False).eval()
    assert model.pretraining.bert.embeddings.token_type_embeddings.weight.shape[0] == 1
    some, none = (model.hidden_states(batch["input_ids"], None, types) for types in (batch["token_type_ids"], None))
    assert torch.equal(some, none)


def test_heads_exist_only_where_they_are_trained():
    names = {name for name, _ in build(nsp=False).named_parameters()}
    assert not any("pooler" in name or "seq_relationship" in name for name in names)
    more = {name for name, _ in build(nsp=True).named_parameters()}
    assert names < more
    assert all("pooler" in name or "seq_relationship" in name for name in more - names)


@pytest.mark.parametrize("nsp", [True, False])
def test_a_saved_folder_loads_with_hugging_faces_auto_classes(tmp_path, batch, nsp):
    model = build(nsp=nsp).eval()
    model.save(tmp_path)
    inputs = {"input_ids": batch["input_ids"], "attention_mask": batch["attention_mask"].long(),
              "token_type_ids": batch["token_type_ids"]}  # fmt: skip
    hidden = model.hidden_states(batch["input_ids"], batch["attention_mask"], batch["token_type_ids"])
    encoder = AutoModel.from_pretrained(tmp_path, add_pooling_layer=False, attn_implementation="eager").eval()
    assert torch.allclose(encoder(**inputs).last_hidden_state, hidden, atol=1e-5)
    masked_lm = AutoModelForMaskedLM.from_pretrained(tmp_path, attn_implementation="eager").eval()
    logits = masked_lm(**inputs).logits.flatten(0, 1)[batch["masked_positions"]]
    assert torch.allclose(logits, model.mlm_logits(hidden.flatten(0, 1)[batch["masked_positions"]]), atol=1e-5)


def test_load_takes_the_weights_of_a_folder(tmp_path, batch):
    model = build()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.01)
    model.save(tmp_path)
    other = build()
    other.load(tmp_path)
    for (name, one), (_, two) in zip(model.named_parameters(), other.named_parameters(), strict=True):
        assert torch.equal(one, two), name
    tied = other.pretraining.cls.predictions.decoder.weight
    assert tied is other.pretraining.bert.embeddings.word_embeddings.weight


def test_a_folder_of_pickles_is_refused(tmp_path):
    model = build()
    model.pretraining.config.save_pretrained(tmp_path)
    torch.save(model.pretraining.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(OSError, match="safetensors"):
        build().load(tmp_path)


def test_parameters_are_counted_once_and_as_published():
    config = BertConfig()
    with torch.device("meta"):
        total, without = count_parameters(BertModel(config))
    assert total == 109_482_240  # bert-base-uncased's encoder with its pooler
    assert total - without == (30522 + 512 + 2) * 768


@pytest.mark.parametrize(
    ("length", "device", "chosen"), [(64, "cpu", "eager"), (512, "cpu", "sdpa"), (64, "cuda", "sdpa")]
)
def test_attention_is_chosen_by_hardware_and_length(length, device, chosen):
    assert attention_for(length, torch.device(device)) == chosen
