"""What `auto` stands for on a device."""

import pytest
import torch

from ablate.errors import UserError
from ablate.training.precision import Numerics, resolve_numerics

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(("device", "bits"), [(CPU, 16), (GPU, 64)])
def test_dropout_draws_few_bits_where_drawing_costs_time(device, bits):
    assert resolve_numerics("32-true", "auto", device) == Numerics("32-true", bits)
    assert resolve_numerics("32-true", 64, device) == Numerics("32-true", 64)


def test_bf16_is_chosen_where_the_processor_computes_it():
    chosen = resolve_numerics("auto", "auto", CPU).precision
    assert chosen == ("bf16-mixed" if torch.cpu._is_avx512_bf16_supported() else "32-true")


def test_few_bits_on_a_gpu_are_refused():
    with pytest.raises(UserError, match=r"dropout_bits=16.*say auto or 64"):
        resolve_numerics("32-true", 16, GPU)
