"""Distillation: a student that learns from the teacher's whole output, beside or instead of hard labels."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from transformers import BertConfig

from ablate.data.batches import Batch
from ablate.errors import UserError
from ablate.models.bert import Bert
from ablate.models.encoder import Encoder, Layers
from ablate.models.init import by_name
from ablate.objectives import losses
from ablate.objectives.outputs import Asked, Given
from ablate.objectives.pretraining import Objective, at_positions, next_sentence_loss
from ablate.objectives.teacher import Teacher

TERMS = ("hard", "soft", "logits", "cosine", "hidden", "attention")
Positions = Literal["masked", "all"]


@dataclass(frozen=True)
class Shape:
    """What of a model decides whether its inner layers can be compared with another's."""

    width: int
    layers: int
    heads: int

    @classmethod
    def of(cls, config: BertConfig) -> "Shape":
        """Of a model of transformers."""
        return cls(config.hidden_size, config.num_hidden_layers, config.num_attention_heads)


@dataclass(frozen=True, kw_only=True)
class Distillation:
    """The weighted sum of six terms, each a mean over the positions of its update, plus L_NSP where `nsp` is on.

    hard: cross-entropy with the masked tokens. soft: T^2 KL from the teacher's distribution at `temperature`. logits:
    squared error of the logits. cosine: 1 - cos of the last hidden states. hidden, attention: squared error and KL of
    every student layer against the teacher's layer at the same share of its depth. DistilBERT: 2 hard + 5 soft +
    1 cosine at T = 2 (Sanh et al. 2019, section 3, and their released code).

    positions: where soft, logits and cosine are taken: `masked` ones, or `all` that are not padding. projection: a
    learnt matrix from the student's width to the teacher's, for the cosine and hidden terms.

    Raises:
        UserError: a weight below 0, all of them 0, a temperature that is not above 0.
    """

    hard: float = 0.0
    soft: float = 0.0
    logits: float = 0.0
    cosine: float = 0.0
    hidden: float = 0.0
    attention: float = 0.0
    temperature: float = 1.0
    positions: Positions = "masked"
    projection: bool = False
    nsp: bool = False

    def __post_init__(self) -> None:
        for name in TERMS:
            weight = getattr(self, name)
            if not (math.isfinite(weight) and weight >= 0):
                raise UserError(f"loss.{name}={weight}: must be a weight: a number from 0")
        if not any(getattr(self, name) for name in TERMS):
            raise UserError(f"loss: all weights are 0; raise one of {', '.join(f'loss.{name}' for name in TERMS)}")
        if not 0 < self.temperature < math.inf:
            raise UserError(f"loss.temperature={self.temperature}: must be a number above 0")

    @property
    def needs_teacher(self) -> bool:
        """Whether any term but the hard one has weight."""
        return any(getattr(self, name) for name in TERMS if name != "hard")

    @property
    def predicts(self) -> bool:
        """Whether any term trains the student's output layer."""
        return bool(self.hard or self.soft or self.logits)

    @property
    def predicts_everywhere(self) -> bool:
        """Whether the student's output layer is needed at all positions and not at masked ones only."""
        return self.positions == "all" and bool(self.soft or self.logits)

    def asked(self, *, keep: int | None) -> Asked:
        """What these terms need of the teacher."""
        if keep is not None and self.logits:
            raise UserError(
                f"teacher.keep={keep}: loss.logits={self.logits} compares all logits; say teacher.keep=null"
            )
        return Asked(
            logits=bool(self.soft or self.logits), hidden=bool(self.cosine), layers=bool(self.hidden),
            attention=bool(self.attention), keep=keep, temperature=self.temperature,
        )  # fmt: skip

    def guess_loss(self, uniform: float) -> float:
        """The most that a student costs that guesses uniformly: KL from any distribution over V classes is <= ln V."""
        if self.logits or self.hidden:
            return math.inf  # squared errors have no such bound
        return (self.hard + self.temperature**2 * self.soft + self.attention) * uniform + 2.0 * self.cosine

    def taught(self, teacher: Teacher | None, student: Encoder, *, seed: int) -> Objective:
        """The objective against a teacher.

        Raises:
            UserError: a student of another width without a projection, or whose layers or heads do not fit.
        """
        assert (teacher is not None) or not self.needs_teacher
        if teacher is not None and self.needs_teacher:
            self._check_models(teacher, student)
        return DistillationObjective(self, teacher if self.needs_teacher else None, student, seed=seed)

    def _check_models(self, teacher: Teacher, student: Encoder) -> None:
        if not (self.cosine or self.hidden or self.attention):
            return  # logits have no width
        if not isinstance(student, Bert):
            raise UserError(f"loss: {type(student).__name__} does not show its layers; only hard, soft and logits fit")
        ours, theirs = student.config, teacher.model.config
        self.check_shapes(Shape.of(ours), Shape.of(theirs))
        if not self.attention:
            return
        if ours.attention_probs_dropout_prob:
            raise UserError(
                f"loss.attention={self.attention}: transformers shows attention weights after dropout; "
                "say model.attention_dropout=0"
            )
        if {ours._attn_implementation, theirs._attn_implementation} != {"eager"}:
            raise UserError(f"loss.attention={self.attention}: only eager attention shows its weights; "
                            "say trainer.attention=eager")  # fmt: skip

    def check_shapes(self, student: Shape, teacher: Shape) -> None:
        """Refuse a student whose inner layers cannot be compared with the teacher's.

        Raises:
            UserError: another width without a projection, more layers, or another number of heads.
        """
        term = "cosine" if self.cosine else "hidden"
        if (self.cosine or self.hidden) and student.width != teacher.width and not self.projection:
            raise UserError(
                f"loss.{term}={getattr(self, term)}: the student is {student.width} wide, its teacher "
                f"{teacher.width}; say loss.projection=true, or loss.{term}=0"
            )
        if (self.hidden or self.attention) and student.layers > teacher.layers:
            raise UserError(
                f"model.layers={student.layers}: more than the teacher's {teacher.layers}, whose layers loss.hidden "
                "and loss.attention pair with"
            )
        if self.attention and student.heads != teacher.heads:
            raise UserError(
                f"loss.attention={self.attention}: the student has {student.heads} heads, its teacher {teacher.heads}; "
                "they must be as many"
            )


@dataclass(frozen=True)
class Chosen:
    """Where the terms against the teacher are taken: flat positions of a batch, and how many the whole update has.

    masked: the places of the masked positions among `positions`.
    """

    positions: Int64[Tensor, " n"]
    masked: Int64[Tensor, " masked"]
    count: Int64[Tensor, ""]

    @classmethod
    def of(cls, batch: Batch, where: Positions) -> "Chosen":
        """The masked positions of a batch, or all that are not padding."""
        masked = batch["masked_positions"]
        if where == "masked":
            return cls(masked, torch.arange(len(masked), device=masked.device), batch["update_masked"])
        real = _not_padding(batch)
        return cls(real, torch.searchsorted(real, masked), batch["update_tokens"])


class DistillationObjective(nn.Module):
    """A Distillation with its teacher; its only parameters are those of the projection."""

    def __init__(self, terms: Distillation, teacher: Teacher | None, student: Encoder, *, seed: int) -> None:
        super().__init__()
        self.terms, self.teacher = terms, teacher
        self.asked = terms.asked(keep=teacher.keep if teacher else None)
        self.projection: nn.Module = nn.Identity()
        if terms.projection and teacher is not None and (terms.cosine or terms.hidden):
            assert isinstance(student, Bert)
            self.projection = nn.Linear(student.config.hidden_size, teacher.model.config.hidden_size, bias=False)
            by_name(self, std=0.02, seed=seed)

    def forward(self, model: Encoder, batch: Batch) -> dict[str, Tensor]:
        """The weighted sum under `loss`; each term that has weight, and the hard one in any case, as `<term>_loss`."""
        hidden, layers = _see(model, batch, self.asked)
        at = Chosen.of(batch, self.terms.positions)
        here = at_positions(hidden, at.positions)
        logits, found = self._predict(model, batch, here, at)
        left_out = None
        if self.teacher is not None:
            given = self.teacher(batch, at.positions, self.asked)
            found |= self._compare(given, logits, here, at)
            found |= self._compare_layers(given.layers, layers, batch)
            left_out = given.left_out(temperature=self.terms.temperature)
        total = sum((getattr(self.terms, name) * value for name, value in found.items()), start=hidden.new_zeros(()))
        if self.terms.nsp:
            found["nsp"] = next_sentence_loss(model, hidden, batch)
            total = total + found["nsp"]
        found["mlm"] = found.pop("hard")  # its name in every curve
        logged = {f"{name}_loss": value.detach() for name, value in found.items()}
        if left_out is not None:
            logged["teacher_left_out"] = left_out * len(at.positions) / at.count  # its share of the update's mean
        return {"loss": total, **logged}

    def _predict(
        self, model: Encoder, batch: Batch, here: Float[Tensor, "n width"], at: Chosen
    ) -> tuple[Float[Tensor, "m vocab"], dict[str, Tensor]]:
        """Logits, at all chosen positions or at the masked ones, and the hard term."""
        everywhere = self.terms.predicts_everywhere
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.terms.predicts):
            logits = model.mlm_logits(here if everywhere else here.index_select(0, at.masked))
            masked = logits.index_select(0, at.masked) if everywhere else logits
            return logits, {"hard": losses.cross_entropy_sum(masked, batch["masked_labels"]) / batch["update_masked"]}

    def _compare(
        self, given: Given, logits: Float[Tensor, "m vocab"], here: Float[Tensor, "n width"], at: Chosen
    ) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        if self.terms.soft:
            found["soft"] = given.soft_loss(logits, temperature=self.terms.temperature) / at.count
        if self.terms.logits:
            assert given.logits is not None
            found["logits"] = losses.logit_mse_sum(logits, given.logits) / at.count
        if self.terms.cosine:
            assert given.hidden is not None
            found["cosine"] = losses.cosine_distance_sum(self.projection(here), given.hidden) / at.count
        return found

    def _compare_layers(self, theirs: Layers | None, ours: Layers | None, batch: Batch) -> dict[str, Tensor]:
        """Means over the student's layers; each is paired with the teacher's at the same share of its depth."""
        if theirs is None or ours is None:
            return {}
        found: dict[str, Tensor] = {}
        real, count = _not_padding(batch), batch["update_tokens"]
        pairs = paired_layers(len(ours.hidden), len(theirs.hidden))
        if self.terms.hidden:
            parts = [
                losses.hidden_mse_sum(
                    self.projection(at_positions(ours.hidden[i], real)), at_positions(theirs.hidden[j], real)
                )
                for i, j in pairs
            ]
            found["hidden"] = torch.stack(parts).mean() / count
        if self.terms.attention:
            parts = [
                losses.attention_kl_sum(_queries(ours.attention[i], real), _queries(theirs.attention[j], real))
                for i, j in pairs
            ]
            found["attention"] = torch.stack(parts).mean() / count
        return found


def paired_layers(student: int, teacher: int) -> list[tuple[int, int]]:
    """For each of the student's layers the teacher's at the same share of its depth, the last with the last.

    Jiao et al. 2020, section 3.1: layer m of M with layer m N / M of N.
    """
    return [(i, round((i + 1) * teacher / student) - 1) for i in range(student)]


def _see(model: Encoder, batch: Batch, asked: Asked) -> tuple[Float[Tensor, "batch seq width"], Layers | None]:
    inputs = batch["input_ids"], batch["attention_mask"], batch["token_type_ids"]
    if not (asked.layers or asked.attention):
        return model.hidden_states(*inputs), None
    assert isinstance(model, Bert)
    layers = model.layers(*inputs, attention=asked.attention)
    return layers.hidden[-1], layers


def _not_padding(batch: Batch) -> Int64[Tensor, " n"]:
    mask = batch["attention_mask"]
    if mask is None:
        return torch.arange(batch["input_ids"].numel(), device=batch["input_ids"].device)
    return mask.flatten().nonzero().flatten()


def _queries(weights: Float[Tensor, "batch heads seq seq"], real: Int64[Tensor, " n"]) -> Float[Tensor, "n heads seq"]:
    return weights.transpose(1, 2).flatten(0, 1).index_select(0, real)
