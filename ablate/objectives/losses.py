"""Losses as pure functions: tensors in, a sum over rows out; who calls them decides what to divide by."""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor
from torch.autograd.function import once_differentiable

_AT_A_TIME = {"cpu": 2**17, "other": 2**26}  # logits: half a megabyte in float32, which a cache holds; 256 MB


def cross_entropy_sum(logits: Float[Tensor, "n classes"], labels: Int64[Tensor, " n"]) -> Float[Tensor, ""]:
    """Sum over n of -log softmax(logits)[label], in nats, computed in float32 whatever the logits are."""
    return F.cross_entropy(_exact(logits), labels, reduction="sum")


def kl_divergence_sum(
    student_logits: Float[Tensor, "n classes"], teacher_logits: Float[Tensor, "n classes"], *, temperature: float
) -> Float[Tensor, ""]:
    """Sum over n of T^2 KL(softmax(teacher / T) || softmax(student / T)), in nats.

    The factor T^2 keeps gradients of one size whatever T (Hinton et al. 2015, section 2); DistilBERT's L_ce is this up
    to the teacher's entropy, a constant (Sanh et al. 2019, section 2). No gradient goes to the teacher.
    """
    total: Tensor = _KlDivergence.apply(student_logits, teacher_logits, temperature)
    return total


class _KlDivergence(torch.autograd.Function):
    """A few rows at a time, so that on a CPU they stay in its cache, and the gradient with them: nothing else is kept.

    The gradient is T (softmax(student / T) - softmax(teacher / T)), Hinton et al. 2015, eq. 2.
    """

    @staticmethod
    def forward(ctx: Any, student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
        gradient = torch.empty_like(student, dtype=torch.promote_types(student.dtype, torch.float32))
        total = gradient.new_zeros(())
        for rows, ours, theirs in zip(_few_rows(gradient), _few_rows(student), _few_rows(teacher), strict=True):
            ours, theirs = _exact(ours) / temperature, _exact(theirs) / temperature
            q, p = F.softmax(ours, dim=-1), F.softmax(theirs, dim=-1)
            total += F.log_softmax(theirs, dim=-1).sub_(F.log_softmax(ours, dim=-1)).mul_(p).sum()
            rows.copy_(q.sub_(p))
        ctx.save_for_backward(gradient)
        ctx.temperature, ctx.dtype = temperature, student.dtype
        return temperature**2 * total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        made = torch.empty_like(gradient, dtype=ctx.dtype)
        return torch.mul(gradient, ctx.temperature * upstream, out=made), None, None


def _few_rows(logits: Float[Tensor, "n classes"]) -> tuple[Tensor, ...]:
    """Views of as many rows as a CPU's cache holds several times; of many on a GPU, where less memory is the gain."""
    return logits.split(max(_AT_A_TIME.get(logits.device.type, _AT_A_TIME["other"]) // logits.shape[-1], 1))


def kept_kl_divergence_sum(
    student_logits: Float[Tensor, "n classes"],
    kept_logits: Float[Tensor, "n kept"],
    kept_classes: Int64[Tensor, "n kept"],
    log_normaliser: Float[Tensor, " n"],
    *,
    temperature: float,
) -> Float[Tensor, ""]:
    """As `kl_divergence_sum` where only the teacher's largest logits were kept: all other classes count as one.

    log_normaliser: logsumexp(teacher / T) over all classes. Lumping outcomes never raises a divergence (data
    processing inequality), and with all classes kept nothing is lumped.
    """
    student = F.log_softmax(_exact(student_logits) / temperature, dim=-1).gather(-1, kept_classes)
    teacher = _exact(kept_logits) / temperature - log_normaliser[:, None]
    divergence = F.kl_div(student, teacher, reduction="sum", log_target=True)
    if kept_classes.shape[-1] < student_logits.shape[-1]:
        divergence = divergence + F.kl_div(_rest(student), _rest(teacher), reduction="sum", log_target=True)
    return temperature**2 * divergence


def logit_mse_sum(
    student_logits: Float[Tensor, "n classes"], teacher_logits: Float[Tensor, "n classes"]
) -> Float[Tensor, ""]:
    """Sum over n of the mean over classes of (student - teacher)^2.

    For logits of zero mean, half of it is what `kl_divergence_sum` tends to as T grows (Hinton et al. 2015, eq. 4).
    """
    return (_exact(student_logits) - _exact(teacher_logits)).square().mean(dim=-1).sum()


def cosine_distance_sum(student: Float[Tensor, "n width"], teacher: Float[Tensor, "n width"]) -> Float[Tensor, ""]:
    """Sum over n of 1 - cos(student, teacher): DistilBERT's L_cos (Sanh et al. 2019, section 2)."""
    return (1.0 - F.cosine_similarity(_exact(student), _exact(teacher), dim=-1)).sum()


def hidden_mse_sum(student: Float[Tensor, "n width"], teacher: Float[Tensor, "n width"]) -> Float[Tensor, ""]:
    """Sum over n of the mean over the width of (student - teacher)^2 (Jiao et al. 2020, eq. 8, after projection)."""
    return (_exact(student) - _exact(teacher)).square().mean(dim=-1).sum()


def attention_kl_sum(student: Float[Tensor, "n heads seq"], teacher: Float[Tensor, "n heads seq"]) -> Float[Tensor, ""]:
    """Sum over n queries of the mean over heads of KL(teacher || student) between attention weights, in nats.

    MiniLM's attention transfer (Wang et al. 2020, eq. 4). Weights of 0, as at padding, add nothing.
    """
    tiny = torch.finfo(torch.float32).tiny
    p, q = _exact(teacher), _exact(student).clamp_min(tiny)
    return (p * (p.clamp_min(tiny).log() - q.log())).sum(dim=-1).mean(dim=-1).sum()


def _exact(values: Tensor) -> Tensor:
    """At least float32, whatever the autocast gave."""
    return values if values.dtype == torch.float64 else values.float()


def _rest(log_shares: Float[Tensor, "n kept"]) -> Float[Tensor, " n"]:
    """log(1 - sum exp), kept away from log 0 where rounding leaves nothing."""
    kept = log_shares.exp().sum(dim=-1)
    return torch.log((1.0 - kept).clamp_min(1e-7))
