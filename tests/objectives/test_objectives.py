"""Losses against float64 references; contributions of microbatches add up to the update's means."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from ablate.objectives.losses import cross_entropy_sum
from ablate.objectives.pretraining import HardLabels


def test_cross_entropy_equals_a_float64_reference():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(50, 30)) * 5, rng.integers(0, 30, 50)
    expected = -log_softmax(logits, axis=1)[np.arange(50), labels].sum()
    assert float(cross_entropy_sum(torch.tensor(logits).float(), torch.tensor(labels))) == pytest.approx(
        expected, rel=1e-5
    )


@pytest.mark.parametrize("scale", [1e4, -1e4])
def test_cross_entropy_is_stable_at_extreme_logits(scale):
    logits = torch.zeros(1, 3)
    logits[0, 0] = scale
    value = float(cross_entropy_sum(logits, torch.tensor([0])))
    assert value == pytest.approx(0.0 if scale > 0 else 1e4 + np.log(2), abs=1e-2)


def test_bf16_logits_are_summed_in_float32():
    logits = torch.randn(20_000, 4, generator=torch.Generator().manual_seed(0)).bfloat16()
    labels = torch.zeros(20_000, dtype=torch.long)
    exact = -log_softmax(logits.double().numpy(), axis=1)[:, 0].sum()
    assert float(cross_entropy_sum(logits, labels)) == pytest.approx(exact, rel=1e-5)


@pytest.mark.parametrize("accumulate", [2, 3])
def test_microbatches_add_up_to_the_update(batches_of, accumulate):
    model, make = batches_of
    objective = HardLabels(nsp=True)
    whole = objective(model, make(1)[0])
    parts = [objective(model, make(accumulate)[i]) for i in range(accumulate)]
    for name in whole:
        total = sum(part[name].detach() for part in parts)
        assert float(total) == pytest.approx(float(whole[name].detach()), rel=1e-5)


@pytest.fixture
def batches_of():
    from synthetic_store import flat_store, make_vocabulary

    from ablate.data.batches import Batches
    from ablate.data.formats import segment_pair
    from ablate.data.masking import TokenMasking
    from ablate.data.order import UpdatePlan
    from ablate.models.bert import Bert

    store, vocabulary = flat_store(num_documents=50), make_vocabulary()
    sequences = segment_pair(store, np.arange(50), length=32, seed=1)
    plan = UpdatePlan(lengths=sequences.lengths, keys=sequences.keys, batch_tokens=512, seed=2)
    model = Bert(
        name="test", layers=1, width=32, heads=1, intermediate=64, dropout=0.0, attention_dropout=0.0, max_length=32,
        token_types=True, nsp=True, vocabulary=vocabulary,
    )  # fmt: skip

    def make(accumulate):
        masking = TokenMasking()
        return Batches(store, sequences, plan, masking, mask_seed=3, vocabulary=vocabulary, accumulate=accumulate)

    return model, make
