"""Schedules at hand-computed points, and budgets in every unit."""

import pytest

from ablate.training.budget import Budget, resolve
from ablate.training.schedules import constant, linear


@pytest.mark.parametrize(("progress", "factor"), [(0.0, 0.0), (0.05, 0.5), (0.1, 1.0), (0.55, 0.5), (1.0, 0.0)])
def test_linear_rises_to_one_at_warmup_and_falls_to_zero(progress, factor):
    assert linear(progress, warmup=0.1) == pytest.approx(factor)


def test_linear_without_warmup_starts_at_one():
    assert linear(0.0, warmup=0.0) == 1.0
    assert linear(0.5, warmup=0.0) == 0.5


@pytest.mark.parametrize(("progress", "factor"), [(0.0, 0.0), (0.05, 0.5), (0.1, 1.0), (0.7, 1.0), (1.0, 1.0)])
def test_constant_stays_at_one_after_warmup(progress, factor):
    assert constant(progress, warmup=0.1) == pytest.approx(factor)


@pytest.mark.parametrize(
    ("match", "amount", "updates"),
    [("tokens", 1000, 10), ("tokens", 1001, 11), ("updates", 7, 7), ("flops", 5000, 10), ("tokens", 1, 1)],
)
def test_budgets_become_updates(match, amount, updates):
    budget = resolve(match=match, amount=amount, batch_tokens=100, flops_per_token=5.0)
    assert budget == Budget(updates=updates, seconds=None)


@pytest.mark.parametrize(("amount", "updates"), [(4000, 10), (4001, 11), (1, 1)])
def test_a_budget_in_bytes_depends_on_how_many_a_token_takes(amount, updates):
    budget = resolve(match="bytes", amount=amount, batch_tokens=100, flops_per_token=5.0, bytes_per_token=4.0)
    assert budget == Budget(updates=updates, seconds=None)


def test_no_update_has_a_learning_rate_of_zero_and_progress_is_symmetric():
    budget = Budget(updates=8, seconds=None)
    progress = [budget.progress(update, seconds=0.0) for update in range(8)]
    assert progress[0] == pytest.approx(1 / 16)
    assert [a + b for a, b in zip(progress, reversed(progress), strict=True)] == pytest.approx([1.0] * 8)
    assert min(linear(p, warmup=0.25) for p in progress) > 0


def test_a_budget_in_seconds_follows_the_clock():
    budget = resolve(match="seconds", amount=30, batch_tokens=100, flops_per_token=5.0)
    assert budget.progress(1000, seconds=15.0) == 0.5
    assert not budget.spent(1000, seconds=29.9)
    assert budget.spent(0, seconds=30.0)
