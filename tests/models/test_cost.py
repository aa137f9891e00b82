"""FLOPs against torch's own counter."""

import pytest
import torch
from synthetic_store import make_vocabulary
from torch.utils.flop_counter import FlopCounterMode

from ablate.models.bert import Bert
from ablate.models.cost import training_flops


@pytest.mark.parametrize(("layers", "width", "length"), [(2, 64, 16), (3, 128, 40)])
def test_forward_and_training_flops_equal_torchs_count(layers, width, length):
    model = Bert(
        name="test", layers=layers, width=width, heads=width // 32, intermediate=4 * width, dropout=0.0,
        attention_dropout=0.0, max_length=64, token_types=True, nsp=False, vocabulary=make_vocabulary(101),
    )  # fmt: skip
    ids = torch.randint(5, 101, (4, length))
    positions = torch.arange(0, 4 * length, 7)
    with FlopCounterMode(display=False) as forward:
        hidden = model.hidden_states(ids, None, torch.zeros_like(ids))
        logits = model.mlm_logits(hidden.flatten(0, 1)[positions])
    per_position, per_masked = model.forward_flops(length=length)
    ours = per_position * ids.numel() + per_masked * len(positions)
    assert forward.get_total_flops() == ours
    with FlopCounterMode(display=False) as backward:
        logits.sum().backward()
    assert forward.get_total_flops() + backward.get_total_flops() == training_flops(ours)
