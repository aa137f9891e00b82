"""The composite optimizer against its two parts stepped by hand."""

import copy

import pytest
import torch
from torch import nn
from torch.optim import AdamW, Muon
from torch.optim.lr_scheduler import LambdaLR

from ablate.errors import UserError
from ablate.training.optim import adamw, decay_groups, muon

SETTINGS = {"lr": 1e-3, "betas": (0.9, 0.99), "eps": 1e-6, "weight_decay": 0.1}
MUON = {"muon_lr": 0.02, "momentum": 0.9, "muon_weight_decay": 0.01, "precision": "bf16-mixed"}


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embeddings = nn.Embedding(20, 8)
        self.encoder = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8), nn.Linear(8, 16))
        self.head = nn.Linear(16, 3)

    def forward(self, ids):
        return self.head(self.encoder(self.embeddings(ids)))


class Outer(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = Net()


def loss_of(model, step):
    generator = torch.Generator().manual_seed(step)
    ids = torch.randint(0, 20, (10,), generator=generator)
    return nn.functional.cross_entropy(model.net(ids), torch.randint(0, 3, (10,), generator=generator))


def train(model, optimizer, steps, start=0, scheduler=None):
    for step in range(start, start + steps):
        optimizer.zero_grad()
        loss_of(model, step).backward()
        optimizer.step()
        if scheduler:
            scheduler.step()


def assert_equal(one, other):
    for (name, a), (_, b) in zip(one.named_parameters(), other.named_parameters(), strict=True):
        assert torch.equal(a, b), name


def test_decay_groups_spare_biases_and_norms():
    decayed, spared = decay_groups(Net().named_parameters(), weight_decay=0.1)
    assert decayed["weight_decay"] == 0.1
    assert spared["weight_decay"] == 0.0
    assert {p.ndim for p in decayed["params"]} == {2}
    assert {p.ndim for p in spared["params"]} == {1}
    assert len(decayed["params"]) + len(spared["params"]) == len(list(Net().parameters()))


def test_it_equals_muon_on_the_encoders_matrices_and_adamw_on_the_rest():
    model, twin = Outer(), Outer()
    train(model, muon(model.named_parameters(), **SETTINGS, **MUON), 5)
    matrices = [twin.net.encoder[0].weight, twin.net.encoder[2].weight]
    rest = [p for p in twin.parameters() if all(p is not m for m in matrices)]
    first = Muon(matrices, lr=0.02, momentum=0.9, weight_decay=0.01)
    second = AdamW(
        [{"params": [p for p in rest if p.ndim > 1], "weight_decay": 0.1},
         {"params": [p for p in rest if p.ndim == 1], "weight_decay": 0.0}],
        lr=1e-3, betas=(0.9, 0.99), eps=1e-6, fused=True,
    )  # fmt: skip
    for step in range(5):
        for optimizer in (first, second):
            optimizer.zero_grad()
        loss_of(twin, step).backward()
        first.step()
        second.step()
    assert_equal(model, twin)


def test_a_step_with_a_closure_calls_it_once():
    model, calls = Outer(), []
    optimizer = muon(model.named_parameters(), **SETTINGS, **MUON)

    def closure():
        calls.append(1)
        optimizer.zero_grad()
        loss = loss_of(model, 0)
        loss.backward()
        return loss

    before = copy.deepcopy(model.state_dict())
    assert optimizer.step(closure).item() > 0
    assert len(calls) == 1
    assert not torch.equal(before["net.head.weight"], model.state_dict()["net.head.weight"])


@pytest.mark.parametrize(
    "build", [lambda named: adamw(named, **SETTINGS), lambda named: muon(named, **SETTINGS, **MUON)]
)
def test_a_restored_optimizer_and_schedule_go_on_bit_for_bit(build):
    def fresh():
        model = Outer()
        optimizer = build(list(model.named_parameters()))
        return model, optimizer, LambdaLR(optimizer, lambda step: 1.0 / (1 + step))

    whole, optimizer, schedule = fresh()
    train(whole, optimizer, 6, scheduler=schedule)
    half, first, first_schedule = fresh()
    train(half, first, 3, scheduler=first_schedule)
    states = [copy.deepcopy(part.state_dict()) for part in (half, first, first_schedule)]
    resumed, second, second_schedule = fresh()
    for part, state in zip((resumed, second, second_schedule), states, strict=True):
        part.load_state_dict(state)
    train(resumed, second, 3, start=3, scheduler=second_schedule)
    assert_equal(whole, resumed)
    assert [g["lr"] for g in optimizer.param_groups] == [g["lr"] for g in second.param_groups]


def test_a_schedule_reaches_both_parts():
    optimizer = muon(Outer().named_parameters(), **SETTINGS, **MUON)
    LambdaLR(optimizer, lambda step: 0.5)
    assert [g["lr"] for part in optimizer.parts for g in part.param_groups] == [0.01, 5e-4, 5e-4]


def test_a_model_without_an_encoder_is_refused_in_words():
    with pytest.raises(UserError, match="optim=muon: the model has no matrices"):
        muon(nn.Linear(3, 3).named_parameters(), **SETTINGS, **MUON)
