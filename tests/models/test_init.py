"""Initial values: what arms share and how they are distributed."""

import numpy as np
import pytest
import torch
from models.test_bert import build
from scipy import stats
from torch import nn

from ablate.errors import UserError
from ablate.models.init import by_name, chosen_layers, from_teacher


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


def test_spread_layers_are_distilberts():
    assert chosen_layers("spread", student=6, teacher=12) == (0, 2, 4, 7, 9, 11)
    assert chosen_layers("alternate", student=6, teacher=12) == (0, 2, 4, 6, 8, 10)
    assert chosen_layers("spread", student=1, teacher=2) == (0,)
    assert chosen_layers([3, 1], student=2, teacher=4) == (3, 1)


@pytest.mark.parametrize(
    ("layers", "student", "line"),
    [([0, 4], 2, r"init.layers=\[0, 4\]: the teacher has 4 layers, numbered 0 to 3"),
     ([0], 2, "the student has 2 layers and needs as many"), ("alternate", 3, "numbered 0 to 3"),
     ("spread", 5, "model.layers=5: init=teacher takes whole layers, and the teacher has only 4"),
     ([-1, 2], 2, "must be spread, alternate, or a list of layer numbers")],
)  # fmt: skip
def test_layers_that_the_teacher_does_not_have_are_refused(layers, student, line):
    with pytest.raises(UserError, match=line):
        chosen_layers(layers, student=student, teacher=4)


def started(teacher, *, layers="spread", embeddings_only=False, **options):
    student = build(nsp=False, token_types=False, **options)
    from_teacher(student, teacher=teacher, layers=layers, embeddings_only=embeddings_only, std=0.1, seed=5)
    return dict(student.pretraining.named_parameters())


def test_a_student_starts_from_chosen_layers_the_embeddings_and_the_head():
    teacher = build(layers=4)
    theirs = dict(teacher.pretraining.named_parameters())
    found = started(teacher, layers=[1, 3])
    for name, value in found.items():
        source = name.replace("layer.1.", "layer.3.").replace("layer.0.", "layer.1.")
        assert torch.equal(value, theirs[source][: len(value)]), name
    types = "bert.embeddings.token_type_embeddings.weight"
    assert found[types].shape[0] == 1 and torch.equal(found[types][0], theirs[types][0])


def test_a_row_that_the_teacher_lacks_is_drawn():
    teacher, student, plain = build(nsp=False, token_types=False), build(nsp=False), build(nsp=False)
    by_name(plain, std=0.1, seed=5)
    from_teacher(student, teacher=teacher, layers="spread", embeddings_only=False, std=0.1, seed=5)
    types = [m.pretraining.bert.embeddings.token_type_embeddings.weight for m in (student, teacher, plain)]
    assert torch.equal(types[0][0], types[1][0]) and torch.equal(types[0][1], types[2][1])


def test_with_the_embeddings_only_the_rest_is_drawn_as_ever():
    teacher, plain = build(layers=4), build(nsp=False, token_types=False)
    by_name(plain, std=0.1, seed=5)
    drawn, found = dict(plain.pretraining.named_parameters()), started(teacher, embeddings_only=True)
    for name, value in found.items():
        copied = ".embeddings." in name
        source = dict(teacher.pretraining.named_parameters())[name] if copied else drawn[name]
        assert torch.equal(value, source[: len(value)]), name


def test_a_student_of_another_width_cannot_start_from_its_teacher():
    with pytest.raises(
        UserError, match=r"model\.width=32: init=teacher takes the teacher's weights, and there it is 64"
    ):
        started(build(layers=2), width=32)
