"""Losses against formulas written out in float64, and the limits that tie them to each other."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from ablate.objectives import losses
from ablate.objectives.losses import (
    attention_kl_sum,
    cosine_distance_sum,
    cross_entropy_sum,
    hidden_mse_sum,
    kept_kl_divergence_sum,
    kl_divergence_sum,
    logit_mse_sum,
)

ROWS, CLASSES = 7, 11


def drawn(*shape, seed=0, scale=2.0):
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(*shape, dtype=torch.float64, generator=generator)


def softmax(values, axis=-1):
    shifted = np.exp(values - values.max(axis=axis, keepdims=True))
    return shifted / shifted.sum(axis=axis, keepdims=True)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0, 8.0])
def test_kl_divergence_is_its_formula(temperature):
    student, teacher = drawn(ROWS, CLASSES, seed=1), drawn(ROWS, CLASSES, seed=2)
    q, p = (softmax(one.numpy() / temperature) for one in (student, teacher))
    expected = temperature**2 * (p * (np.log(p) - np.log(q))).sum()
    assert float(kl_divergence_sum(student, teacher, temperature=temperature)) == pytest.approx(expected, rel=1e-12)
    in_float32 = kl_divergence_sum(student.float(), teacher.float(), temperature=temperature)
    assert float(in_float32) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("dtype", "within"), [(torch.float64, 1e-12), (torch.float32, 3e-6), (torch.bfloat16, 4e-3)])
def test_kl_divergence_a_few_rows_at_a_time_is_that_of_all_rows(dtype, within, monkeypatch):
    monkeypatch.setitem(losses._AT_A_TIME, "cpu", 2 * CLASSES + 1)  # two rows at a time, and one at the end
    ours, theirs = drawn(ROWS, CLASSES, seed=1).to(dtype), drawn(ROWS, CLASSES, seed=2).to(dtype)
    student, plain = ours.clone().requires_grad_(), ours.double().requires_grad_()
    found = kl_divergence_sum(student, theirs, temperature=2.0)
    (3.0 * found).backward()
    q, p = (F.log_softmax(one / 2.0, dim=-1) for one in (plain, theirs.double()))
    expected = 4.0 * (p.exp() * (p - q)).sum()
    (3.0 * expected).backward()
    assert float(found.detach()) == pytest.approx(float(expected.detach()), rel=min(within, 3e-6))
    assert found.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert student.grad.dtype == dtype
    assert torch.allclose(student.grad.double(), plain.grad, atol=min(within, 3e-6), rtol=within)


def test_kl_to_a_one_hot_teacher_is_cross_entropy_in_value_and_gradient():
    labels = torch.arange(ROWS) % CLASSES
    certain = torch.where(F.one_hot(labels, CLASSES).bool(), 0.0, -1e9).double()
    soft, hard = (drawn(ROWS, CLASSES).requires_grad_() for _ in range(2))
    divergence, entropy = kl_divergence_sum(soft, certain, temperature=1.0), cross_entropy_sum(hard, labels)
    assert float(divergence.detach()) == pytest.approx(float(entropy.detach()), rel=1e-12)
    divergence.backward()
    entropy.backward()
    assert torch.allclose(soft.grad, hard.grad, atol=1e-12)


def test_as_the_temperature_grows_it_tends_to_half_the_squared_error_of_centred_logits():
    student, teacher = (
        one - one.mean(dim=-1, keepdim=True) for one in (drawn(ROWS, CLASSES), drawn(ROWS, CLASSES, seed=3))
    )
    gaps = [
        abs(float(kl_divergence_sum(student, teacher, temperature=t)) / float(logit_mse_sum(student, teacher)) - 0.5)
        for t in (10.0, 100.0, 1000.0)
    ]
    assert gaps[0] > gaps[1] > gaps[2] and gaps[2] < 1e-3


def test_gradients_keep_their_size_whatever_the_temperature():
    def gradient(temperature):
        student = drawn(ROWS, CLASSES).requires_grad_()
        kl_divergence_sum(student, drawn(ROWS, CLASSES, seed=3), temperature=temperature).backward()
        return student.grad.norm()

    assert float(gradient(200.0) / gradient(100.0)) == pytest.approx(1.0, abs=0.02)
    assert 0.3 < float(gradient(4.0) / gradient(100.0)) < 3.0


@pytest.mark.parametrize("loss", [lambda a, b: kl_divergence_sum(a, b, temperature=2.0), logit_mse_sum, hidden_mse_sum,
                                  cosine_distance_sum])  # fmt: skip
def test_it_is_zero_with_no_gradient_where_student_and_teacher_agree(loss):
    student = drawn(ROWS, CLASSES).requires_grad_()
    value = loss(student, student.detach().clone())
    value.backward()
    assert abs(float(value.detach())) < 1e-12
    assert torch.allclose(student.grad, torch.zeros_like(student), atol=1e-12)


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_extreme_logits_give_finite_values_and_gradients(temperature):
    student = torch.tensor([[1e4, -1e4, 0.0], [0.0, 0.0, 0.0]], requires_grad=True)
    teacher = torch.tensor([[-1e4, 1e4, 0.0], [88.0, -88.0, 0.0]])
    value = kl_divergence_sum(student, teacher, temperature=temperature)
    value.backward()
    assert math.isfinite(float(value.detach())) and bool(student.grad.isfinite().all())
    assert kl_divergence_sum(student.bfloat16(), teacher.bfloat16(), temperature=1.0).dtype == torch.float32


def test_with_all_logits_kept_nothing_is_lumped_and_with_fewer_the_divergence_never_grows():
    student, teacher, temperature = drawn(ROWS, CLASSES), drawn(ROWS, CLASSES, seed=4), 2.0
    normaliser = torch.logsumexp(teacher / temperature, dim=-1)
    found = []
    for keep in (1, 3, 6, 10, CLASSES):
        logits, classes = teacher.topk(keep, dim=-1)
        found.append(float(kept_kl_divergence_sum(student, logits, classes, normaliser, temperature=temperature)))
    whole = float(kl_divergence_sum(student, teacher, temperature=temperature))
    assert found == sorted(found) and found[-1] == pytest.approx(whole, rel=1e-12)
    assert found[-2] == pytest.approx(whole, rel=1e-12)  # one class left out is one lump


def test_kept_divergence_is_that_of_the_lumped_distributions():
    student, teacher = drawn(1, 5), drawn(1, 5, seed=5)
    p, q = softmax(teacher.numpy())[0], softmax(student.numpy())[0]
    top = np.argsort(-p)[:2]
    lumped_p, lumped_q = (np.append(one[top], 1 - one[top].sum()) for one in (p, q))
    expected = (lumped_p * np.log(lumped_p / lumped_q)).sum()
    logits, classes = teacher.topk(2, dim=-1)
    found = kept_kl_divergence_sum(student, logits, classes, torch.logsumexp(teacher, dim=-1), temperature=1.0)
    assert float(found) == pytest.approx(expected, rel=1e-10)


def test_cosine_and_squared_error_are_their_formulas():
    student, teacher = drawn(ROWS, 5), drawn(ROWS, 5, seed=6)
    a, b = student.numpy(), teacher.numpy()
    cosines = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert float(cosine_distance_sum(student, teacher)) == pytest.approx((1 - cosines).sum(), rel=1e-12)
    assert float(hidden_mse_sum(student, teacher)) == pytest.approx(((a - b) ** 2).mean(1).sum(), rel=1e-12)
    assert float(logit_mse_sum(student, teacher)) == pytest.approx(((a - b) ** 2).mean(1).sum(), rel=1e-12)


def test_attention_divergence_is_a_mean_over_heads_and_leaves_padding_out():
    p, q = softmax(drawn(ROWS, 3, 4, seed=7).numpy()), softmax(drawn(ROWS, 3, 4, seed=8).numpy())
    expected = (p * np.log(p / q)).sum(-1).mean(-1).sum()
    student, teacher = torch.from_numpy(q).float(), torch.from_numpy(p).float()
    assert float(attention_kl_sum(student, teacher)) == pytest.approx(expected, rel=1e-5)
    padded = [F.pad(one, (0, 2)) for one in (student, teacher)]
    assert float(attention_kl_sum(*padded)) == pytest.approx(expected, rel=1e-5)
