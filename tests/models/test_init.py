"""Initial values: what arms share and how they are distributed."""

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from ablate.models.init import by_name


class Net(nn.Module):
    def __init__(self, *, extra=False, classes=2):
        super().__init__()
        if extra:
            self.before = nn.Linear(3, 3)
        self.embeddings = nn.Embedding(200, 64, padding_idx=0)
        self.dense = nn.Linear(64, 64)
        self.LayerNorm = nn.LayerNorm(64)
        self.head = nn.Linear(64, classes)


def initialised(seed=1, std=0.02, **options):
    net = Net(**options)
    by_name(net, std=std, seed=seed)
    return dict(net.named_parameters())


def test_arms_share_every_parameter_of_the_same_name_and_shape():
    one, other = initialised(), initialised(extra=True, classes=5)
    for name in one:
        same = one[name].shape == other[name].shape
        assert torch.equal(one[name], other[name]) if same else name.startswith("head"), name


def test_the_global_generator_is_neither_used_nor_changed():
    torch.manual_seed(7)
    before = torch.get_rng_state()
    net = Net()
    torch.manual_seed(7)
    by_name(net, std=0.02, seed=1)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("std", [0.02, 0.06])
def test_weights_are_normal_biases_zero_norms_one_padding_zero(std):
    values = initialised(std=std)
    weights = np.concatenate(
        [values["embeddings.weight"][1:].detach().flatten(), values["dense.weight"].detach().flatten()]
    )
    assert stats.kstest(weights, stats.norm(scale=std).cdf).pvalue > 1e-3
    assert not values["dense.bias"].any()
    assert (values["LayerNorm.weight"] == 1).all()
    assert not values["LayerNorm.bias"].any()
    assert not values["embeddings.weight"][0].any()


def test_seeds_and_names_give_independent_values():
    one, other = initialised(seed=1), initialised(seed=2)
    correlation = np.corrcoef(one["dense.weight"].detach().flatten(), other["dense.weight"].detach().flatten())[0, 1]
    assert abs(correlation) < 0.06
    assert not torch.equal(one["dense.weight"][:2], one["head.weight"])
