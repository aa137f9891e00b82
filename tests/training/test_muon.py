"""Muon against torch's own, and against the singular value decomposition that it approximates."""

import pytest
import torch
from torch import nn

from ablate.training.muon import Muon, orthogonalise

SHAPES = [(16, 16), (16, 16), (32, 16), (16, 48)]


def parameters():
    generator = torch.Generator().manual_seed(0)
    return [nn.Parameter(torch.randn(shape, generator=generator)) for shape in SHAPES]


def stepped(build, *, steps):
    made = parameters()
    optimizer = build(made)
    generator = torch.Generator().manual_seed(1)
    for _ in range(steps):
        for one in made:
            one.grad = torch.randn(one.shape, generator=generator)
        optimizer.step()
    return made


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.bfloat16, 1e-6), (torch.float32, 5e-3)])
def test_it_steps_as_torchs_muon_does(dtype, tolerance):
    settings = {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.01}
    ours = stepped(lambda made: Muon(made, **settings, dtype=dtype), steps=5)
    theirs = stepped(lambda made: torch.optim.Muon(made, **settings), steps=5)
    for one, other in zip(ours, theirs, strict=True):
        assert torch.allclose(one, other, atol=tolerance)


def test_it_brings_all_singular_values_near_one_and_keeps_the_vectors():
    matrices = torch.randn(3, 24, 40, generator=torch.Generator().manual_seed(2))
    made = orthogonalise(matrices, dtype=torch.float32)
    u, _, vh = torch.linalg.svd(matrices, full_matrices=False)
    values = torch.diagonal(u.mT @ made @ vh.mT, dim1=1, dim2=2)
    assert float(values.min()) > 0.6 and float(values.max()) < 1.4
    assert torch.allclose(made, u @ torch.diag_embed(values) @ vh, atol=1e-4)


def test_a_matrix_without_a_gradient_stays_as_it_is():
    one, other = nn.Parameter(torch.ones(4, 4)), nn.Parameter(torch.eye(4))
    one.grad = torch.eye(4)
    Muon([one, other], lr=0.1, momentum=0.9, weight_decay=0.0, dtype=torch.float32).step()
    assert torch.equal(other, torch.eye(4)) and not torch.equal(one, torch.ones(4, 4))
